//! The surface's own grid of square cells in the run's coordinate system, and where its cells lie in the file.
//!
//! Coordinates go from the run's system through longitude and latitude to the file's, on a control grid of every 64th
//! cell; between its nodes they are interpolated. Map projections bend by less than a millimetre over 64 m, and
//! national grids such as OSTN15 are themselves bilinear over 1 km. Files in the run's own system are taken as they are.

use super::SurfaceError;
use super::source::Source;
use crate::georef::camera::as_f64;
use crate::georef::{Bounds, Crs, Projector};

/// Cells between two nodes of the control grid.
const SPACING: usize = 64;
/// The finest cell: finer models are averaged, which bounds memory.
const MIN_CELL: f64 = 0.25;
/// Pixels of the file along a cell at most; cells of models with pixels of less than 2.5 mm are smaller than [`MIN_CELL`].
const MAX_STEP: f64 = 100.0;
/// Cells along a side at most: [`Surface::open`](super::Surface::open) holds as many times the rows of a square, a quarter of a gigabyte.
const MAX_SIDE: f64 = 262_144.0;
/// Cells in all at most: 250 square kilometres of those of [`MIN_CELL`].
const MAX_CELLS: f64 = 4e9;

/// Square cells, numbered from the north-west.
#[derive(Debug)]
pub(super) struct Lattice {
    pub(super) cell: f64,
    /// Pixels of the file along a cell that are averaged into one sample.
    pub(super) step: usize,
    /// Columns and rows.
    pub(super) size: (usize, usize),
    west: f64,
    north: f64,
    /// Per node the place in the file in pixels, row by row.
    nodes: Vec<(f64, f64)>,
    /// Nodes in a row.
    across: usize,
}

impl Lattice {
    /// Cells of the file's own size over `area`, aligned to the file where it is in the run's system.
    pub(super) fn over(crs: Crs, source: &Source, area: Bounds) -> Result<Self, SurfaceError> {
        let path = Path::new(crs, source)?;
        let pixel = |east, north| path.pixel(source, east, north);
        let (east, north) = (
            f64::midpoint(area.west, area.east),
            f64::midpoint(area.south, area.north),
        );
        let (at, to_east, to_north) = (
            pixel(east, north)?,
            pixel(east + 1.0, north)?,
            pixel(east, north + 1.0)?,
        );
        let per_metre = |to: (f64, f64)| (to.0 - at.0).hypot(to.1 - at.1);
        // Millimetres, so that a 1 m model in another projection has cells of 1 m and not of 1.0004 m.
        let own = (1000.0 / per_metre(to_east).max(per_metre(to_north))).round() / 1000.0;
        if !(own.is_finite() && own > 0.0) {
            return Err(source.no_place());
        }
        let finer = (MIN_CELL / own).ceil().clamp(1.0, MAX_STEP);
        let cell = own * finer;
        let (first_east, first_north) = path.origin(source);
        let column = |east: f64| (east - first_east) / cell;
        let row = |north: f64| (first_north - north) / cell;
        let (left, top) = (
            column(area.west).floor() - 1.0,
            row(area.north).floor() - 1.0,
        );
        let width = column(area.east).ceil() + 1.0 - left;
        let height = row(area.south).ceil() + 1.0 - top;
        if !(width <= MAX_SIDE && height <= MAX_SIDE && width * height <= MAX_CELLS) {
            return Err(source.too_large(width, height));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, positive and checked against the limit"
        )]
        let (size, step) = ((width as usize, height as usize), finer as usize);
        let (west, north) = (first_east + left * cell, first_north - top * cell);
        let (across, down) = (size.0 / SPACING + 2, size.1 / SPACING + 2);
        let mut nodes = Vec::with_capacity(across * down);
        for j in 0..down {
            for i in 0..across {
                let (x, y) = (as_f64(i * SPACING), as_f64(j * SPACING));
                nodes.push(pixel(west + x * cell, north - y * cell)?);
            }
        }
        Ok(Self {
            cell,
            step,
            size,
            west,
            north,
            nodes,
            across,
        })
    }

    /// Centre of a cell: metres east and north.
    pub(super) fn centre(&self, column: usize, row: usize) -> (f64, f64) {
        (
            self.west + (as_f64(column) + 0.5) * self.cell,
            self.north - (as_f64(row) + 0.5) * self.cell,
        )
    }

    /// First cell, columns and rows of what is needed to interpolate anywhere in `bounds`; at least one cell.
    pub(super) fn cells(&self, bounds: Bounds) -> ((usize, usize), (usize, usize)) {
        let along = |from: f64, to: f64, count: usize| {
            let limit = as_f64(count);
            let first = ((from / self.cell).floor() - 1.0).clamp(0.0, limit - 1.0);
            let end = ((to / self.cell).ceil() + 1.0).clamp(first + 1.0, limit);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to the lattice"
            )]
            let range = (first as usize, (end - first) as usize);
            range
        };
        let (column, width) = along(
            bounds.west - self.west,
            bounds.east - self.west,
            self.size.0,
        );
        let (row, height) = along(
            self.north - bounds.north,
            self.north - bounds.south,
            self.size.1,
        );
        ((column, row), (width, height))
    }

    /// Where the centre of a cell lies in the file, in pixels.
    pub(super) fn pixel(&self, column: usize, row: usize) -> (f64, f64) {
        let (i, j) = (column / SPACING, row / SPACING);
        let share = |at: usize| (as_f64(at % SPACING) + 0.5) / as_f64(SPACING);
        let (x, y) = (share(column), share(row));
        let node = |i, j| {
            self.nodes
                .get(j * self.across + i)
                .copied()
                .unwrap_or((f64::NAN, f64::NAN))
        };
        let (nw, ne, sw, se) = (
            node(i, j),
            node(i + 1, j),
            node(i, j + 1),
            node(i + 1, j + 1),
        );
        let mix = |nw, ne, sw, se| {
            let (above, below): (f64, f64) = (nw + x * (ne - nw), sw + x * (se - sw));
            above + y * (below - above)
        };
        (mix(nw.0, ne.0, sw.0, se.0), mix(nw.1, ne.1, sw.1, se.1))
    }
}

/// The way from the run's coordinates to those of the file.
enum Path {
    /// Both are the same.
    Same,
    /// From the run's system through longitude and latitude to the file's; the British grid by OSTN15.
    Geographic(Box<[Projector; 2]>),
}

impl Path {
    fn new(crs: Crs, source: &Source) -> Result<Self, SurfaceError> {
        if source.epsg() == Some(crs.epsg()) {
            return Ok(Self::Same);
        }
        let ways = [crs.projector()?, Projector::of(&source.system()?)?];
        Ok(Self::Geographic(Box::new(ways)))
    }

    /// Place in the file, in pixels, of metres east and north.
    fn pixel(&self, source: &Source, east: f64, north: f64) -> Result<(f64, f64), SurfaceError> {
        let Self::Geographic(ways) = self else {
            return Ok(source.to_pixel(east, north));
        };
        let [to_geographic, to_file] = ways.as_ref();
        let (longitude, latitude) = to_geographic.to_geographic(east, north)?;
        let (x, y) = to_file.to_map(longitude, latitude)?;
        Ok(source.to_pixel(x, y))
    }

    /// A corner of a cell, so that cells are the file's own where they can be.
    fn origin(&self, source: &Source) -> (f64, f64) {
        match self {
            Self::Same => source.corner(),
            Self::Geographic(_) => (0.0, 0.0),
        }
    }
}
