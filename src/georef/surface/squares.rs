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
                let columns = column.max(left)..end.min(left + SIDE);
                for at in row.max(top)..below.min(top + SIDE) {
                    let from = (at - top) * square.width() + columns.start - left;
                    let to = (at - row) * width + columns.start - column;
                    let read = square.samples().get(from..from + columns.len());
                    let asked = elevations.get_mut(to..to + columns.len());
                    if let (Some(read), Some(asked)) = (read, asked) {
                        asked.copy_from_slice(read);
                    }
                }
            }
        }
        Ok(elevations)
    }

    /// The square whose first cell this is.
    fn read(&self, left: usize, top: usize) -> Result<Arc<Raster<f32>>, SurfaceError> {
        let (columns, rows) = self.lattice.size;
        let (width, height) = (SIDE.min(columns - left), SIDE.min(rows - top));
        let read = self
            .source
            .elevations(&self.lattice, (left, top), (width, height))?;
        let square = Raster::new(width, height, read).map_err(|_| self.source.no_place())?;
        Ok(Arc::new(square))
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_precision_loss,
    reason = "test code: sides are small, elevations are a byte"
)]
mod tests {
    use gdal::DriverManager;
    use gdal::raster::Buffer;
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{Position, PositionSource};
    use crate::georef::{Bounds, Crs};
    use crate::units::Degrees;

    /// Cells along the file, some of which lie over two squares.
    const CELLS: usize = 600;
    const WEST: f64 = 413_000.0;
    const NORTH: f64 = 5_835_000.0;

    /// Elevation of a cell: no two beside each other are alike.
    fn elevation(column: usize, row: usize) -> f32 {
        ((column * 7 + row * 13) % 251) as f32
    }

    /// A file of cells of a metre in the run's own system, and all of its elevations.
    fn squares() -> (tempfile::TempDir, Squares) {
        let position = Position {
            latitude: Degrees(52.658),
            longitude: Degrees(1.716),
            source: PositionSource::Xmp,
            accuracy: None,
            vertical_accuracy: None,
        };
        let crs = Crs::for_positions([position]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dsm.tif");
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let mut file = driver
            .create_with_band_type::<f32, _>(&path, CELLS, CELLS, 1)
            .unwrap();
        file.set_geo_transform(&[WEST, 1.0, 0.0, NORTH, 0.0, -1.0])
            .unwrap();
        file.set_spatial_ref(&crs.spatial_ref().unwrap()).unwrap();
        let elevations = (0..CELLS * CELLS).map(|at| elevation(at % CELLS, at / CELLS));
        let mut elevations = Buffer::new((CELLS, CELLS), elevations.collect());
        let mut band = file.rasterband(1).unwrap();
        band.write((0, 0), (CELLS, CELLS), &mut elevations).unwrap();
        drop(band);
        file.close().unwrap();
        let source = Source::open(&path).unwrap();
        let area = Bounds {
            west: WEST + 10.0,
            south: NORTH - 590.0,
            east: WEST + 590.0,
            north: NORTH - 10.0,
        };
        let lattice = Lattice::over(crs, &source, area).unwrap();
        (folder, Squares::of(source, lattice))
    }

    #[test]
    fn any_rectangle_has_the_file_s_own_elevations() {
        let (_folder, squares) = squares();
        let (columns, rows) = squares.lattice.size;
        assert!(columns > 2 * SIDE && rows > 2 * SIDE);
        // The lattice begins a cell before its area.
        let (left, top) = (9, 9);
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let rectangles = (0..columns, 0..rows, 1..columns, 1..rows);
        let checked = runner.run(&rectangles, |(column, row, width, height)| {
            let read = squares.elevations((column, row), (width, height)).unwrap();
            prop_assert_eq!(read.len(), width * height);
            for (at, read) in read.into_iter().enumerate() {
                let (column, row) = (column + at % width, row + at / width);
                if column < columns && row < rows {
                    prop_assert_eq!(
                        read.to_bits(),
                        elevation(left + column, top + row).to_bits()
                    );
                } else {
                    prop_assert!(read.is_nan());
                }
            }
            Ok(())
        });
        checked.unwrap();
    }
}
