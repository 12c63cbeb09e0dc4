//! Elevations in squares of the lattice, the ones used last in memory.
//!
//! In: the file and its lattice. Out: elevations of any rectangle of cells. Refuses: what the file does. A square is always read alone and whole, so that
//! a cell's elevation is the same whoever asks; pairs of frames that share ground ask for the same ones.

use std::sync::Arc;

use super::SurfaceError;
use super::lattice::Lattice;
use super::source::Source;
use crate::raster::{Raster, RasterCache};

/// Cells along a square.
pub(super) const SIDE: usize = 256;
/// Bytes of squares in memory: 128 of them.
const BUDGET: usize = 32 << 20;

/// A file of elevations, read square by square.
#[derive(Debug)]
pub(super) struct Squares {
    pub(super) source: Source,
    pub(super) lattice: Lattice,
    /// By column and row.
    kept: RasterCache<(usize, usize)>,
}

impl Squares {
    pub(super) fn of(source: Source, lattice: Lattice) -> Self {
        Self {
            source,
            lattice,
            kept: RasterCache::new(BUDGET),
        }
    }

    /// Elevations of `width` x `height` cells from `(column, row)` on, row by row; `NAN` where unknown and outside the lattice.
    pub(super) fn elevations(
        &self,
        (column, row): (usize, usize),
        (width, height): (usize, usize),
    ) -> Result<Vec<f32>, SurfaceError> {
        let mut elevations = vec![f32::NAN; width * height];
        let (end, below) = (
            (column + width).min(self.lattice.size.0),
            (row + height).min(self.lattice.size.1),
        );
        for top in (row / SIDE * SIDE..below).step_by(SIDE) {
            for left in (column / SIDE * SIDE..end).step_by(SIDE) {
                let square = self.kept.get((left, top), || self.read(left, top))?;
                let (from, first) = (column.max(left), row.max(top));
                let count = end.min(left + SIDE) - from;
                let read = square.rows().skip(first - top);
                let asked = elevations.chunks_exact_mut(width.max(1)).skip(first - row);
                for (asked, read) in asked.zip(read) {
                    let asked = asked.iter_mut().skip(from - column);
                    for (asked, read) in asked.zip(read.iter().skip(from - left).take(count)) {
                        *asked = *read;
                    }
                }
            }
        }
        Ok(elevations)
    }

    /// The square whose first cell this is: within the lattice, so that it has cells.
    fn read(&self, left: usize, top: usize) -> Result<Arc<Raster<f32>>, SurfaceError> {
        let (columns, rows) = self.lattice.size;
        let (width, height) = (SIDE.min(columns - left), SIDE.min(rows - top));
        let read = self
            .source
            .elevations(&self.lattice, (left, top), (width, height))?;
        let square = Raster::new(width, height, read).map_err(|_empty| self.source.no_place())?;
        Ok(Arc::new(square))
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_precision_loss,
    reason = "test code: sides are small, elevations are a byte"
)]
mod tests {
    use std::path::Path;

    use gdal::DriverManager;
    use gdal::raster::Buffer;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::georef::{Bounds, Crs};

    const WEST: f64 = 413_000.0;
    const NORTH: f64 = 5_835_000.0;

    /// Elevation of a pixel of the file: no two beside each other are alike.
    fn elevation(column: usize, row: usize) -> f32 {
        ((column * 7 + row * 13) % 251) as f32
    }

    /// A file of `count` x `count` pixels of `side` metres in the run's own system; an area that begins and ends 10 pixels within.
    fn squares(folder: &Path, side: f64, count: usize) -> Squares {
        let crs = Crs::from_epsg(32_631).unwrap();
        let path = folder.join("dsm.tif");
        if !path.exists() {
            let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
            let mut file = driver
                .create_with_band_type::<f32, _>(&path, count, count, 1)
                .unwrap();
            file.set_geo_transform(&[WEST, side, 0.0, NORTH, 0.0, -side])
                .unwrap();
            file.set_spatial_ref(&crs.spatial_ref().unwrap()).unwrap();
            let elevations = (0..count * count).map(|at| elevation(at % count, at / count));
            let mut elevations = Buffer::new((count, count), elevations.collect());
            let mut band = file.rasterband(1).unwrap();
            band.write((0, 0), (count, count), &mut elevations).unwrap();
            file.close().unwrap();
        }
        let source = Source::open(&path).unwrap();
        let (margin, far) = (10.0 * side, (count - 10) as f64 * side);
        let area = Bounds {
            west: WEST + margin,
            south: NORTH - far,
            east: WEST + far,
            north: NORTH - margin,
        };
        let lattice = Lattice::over(crs, &source, area).unwrap();
        Squares::of(source, lattice)
    }

    #[test]
    fn any_rectangle_has_the_file_s_own_elevations() {
        let folder = tempfile::tempdir().unwrap();
        let squares = squares(folder.path(), 1.0, 600);
        let (columns, rows) = squares.lattice.size;
        assert!(columns > 2 * SIDE && rows > 2 * SIDE);
        // The lattice begins a cell before its area.
        let (left, top) = (9, 9);
        let rectangles = (0..columns, 0..rows, 1..columns, 1..rows);
        let checked = TestRunner::deterministic().run(&rectangles, |rectangle| {
            let (column, row, width, height) = rectangle;
            let read = squares.elevations((column, row), (width, height)).unwrap();
            prop_assert_eq!(read.len(), width * height);
            for (at, read) in read.into_iter().enumerate() {
                let (column, row) = (column + at % width, row + at / width);
                if column < columns && row < rows {
                    let expected = elevation(left + column, top + row);
                    prop_assert_eq!(read.to_bits(), expected.to_bits());
                } else {
                    prop_assert!(read.is_nan());
                }
            }
            Ok(())
        });
        checked.unwrap();
    }

    /// Cells of three pixels of 9 cm: neither is a binary number.
    #[test]
    fn a_cell_is_the_same_alone_and_among_all() {
        let folder = tempfile::tempdir().unwrap();
        let fresh = || squares(folder.path(), 0.09, 900);
        let all = fresh();
        let (columns, rows) = all.lattice.size;
        assert!(all.lattice.step == 3 && columns > SIDE);
        let whole = all.elevations((0, 0), (columns, rows)).unwrap();
        for (column, row) in [
            (0, 0),
            (17, 254),
            (255, 255),
            (256, 3),
            (columns - 1, rows - 1),
        ] {
            let alone = fresh().elevations((column, row), (1, 1)).unwrap();
            let among = whole[row * columns + column];
            assert!(among.is_finite());
            assert_eq!(alone[0].to_bits(), among.to_bits(), "{column} {row}");
        }
    }

    #[test]
    fn a_square_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let squares = squares(folder.path(), 1.0, 600);
        squares.elevations((200, 200), (100, 20)).unwrap();
        let held = |at| squares.kept.get(at, || Err(())).is_ok();
        assert!(held((0, 0)) && held((SIDE, 0)) && !held((0, SIDE)));
    }
}
