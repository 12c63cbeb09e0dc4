//! Walls as means: window-level detail cannot leave, whatever a window detector missed.
//!
//! In: a view, the surface and a redacted raster. Out: the raster with every cell that may show a wall flattened to one
//! number. Refuses: cells under 1 m.
//!
//! A frame is cut into square cells of whole pixels, as many as 1 m takes where the frame sees the surface from nearest,
//! so that every cell covers at least 1 m of any face. Rays of a fine lattice of pixels are followed to the surface
//! ([`Patch::hit`](super::Patch::hit)); a wall is a face at least 2 m high, as a window needs. A cell is flattened when a ray that meets a wall, or nothing known, falls within
//! `margin` of it: the margin covers what position, attitude and surface model are off by. So is a cell with a ray that looks
//! more obliquely than the map's limit. All of a flattened cell goes, roof and garden in it included, so that no sliver of one pixel stays.
//!
//! Masked pixels (`NAN`) enter no mean, and a cell of which less than half is left becomes no data. Which cells are
//! flattened depends on poses and surface, never on temperatures; what is published of one depends on its mean alone.

use super::{Hit, Surface, SurfaceError, View};
use crate::georef::camera::as_f64;
use crate::raster::Raster;
use crate::units::{Degrees, Metres};

/// How walls are published as means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WallOptions {
    /// Side of a cell across the line of sight, at least 1 m.
    pub cell: Metres,
    /// Metres around a wall that may show it, by errors of pose and surface.
    pub margin: Metres,
    /// Pixels beyond are not in the map; they are flattened without a look.
    pub max_off_nadir: Degrees,
}

/// The coarsest surface model on which walls and roofs can be told apart.
const MAX_SURFACE_CELL: f64 = 2.0;
/// Pixels between two rays of the lattice at most.
const LATTICE_PX: f64 = 4.0;

/// The cells of one frame and which of them are flattened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WallCells {
    /// Pixels along a cell; the last of a row and column also take what is left over.
    side: usize,
    across: usize,
    down: usize,
    flat: Vec<bool>,
}

impl Surface {
    /// Whether walls can be told from roofs: the cells are known and small enough.
    #[must_use]
    pub fn shows_walls(&self) -> bool {
        self.model()
            .is_some_and(|model| model.cell().0 <= MAX_SURFACE_CELL)
    }

    /// Which pixels of a frame may show walls. On flat ground none do.
    ///
    /// # Errors
    ///
    /// [`SurfaceError`] when the surface cannot be read.
    pub fn walls(&self, view: &View, options: &WallOptions) -> Result<WallCells, SurfaceError> {
        let camera = view.camera();
        let mut cells = WallCells::new((camera.width, camera.height), 1);
        let Some(bounds) = view.bounds_between(self.range(), options.max_off_nadir) else {
            cells.flat.fill(true);
            return Ok(cells);
        };
        let Some(patch) = self.patch(bounds)? else {
            return Ok(cells);
        };
        let (resolution, stride) = (finest(view, patch.range().1), lattice(view, options));
        let pixels = |metres: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive; `as` saturates"
            )]
            let whole = (metres / resolution).ceil().max(1.0) as usize;
            whole.min(camera.width.max(camera.height))
        };
        let cell = options.cell.0.max(1.0);
        cells = WallCells::new((camera.width, camera.height), pixels(cell));
        let margin = pixels(options.margin.0) + stride;
        for y in (0..camera.height + stride).step_by(stride) {
            let y = y.min(camera.height - 1);
            for x in (0..camera.width + stride).step_by(stride) {
                let x = x.min(camera.width - 1);
                let (u, v) = (as_f64(x) + 0.5, as_f64(y) + 0.5);
                if view.off_nadir(u, v) > options.max_off_nadir {
                    cells.flatten_around((x, y), 0);
                } else if !matches!(patch.hit(view, u, v), Hit::Surface(..)) {
                    cells.flatten_around((x, y), margin);
                }
            }
        }
        Ok(cells)
    }
}

/// Metres that the smallest pixel covers at level `up` across its line of sight: distance x cos^2 of the angle from the
/// axis / focal length, smallest at the frame's nearest edge.
fn finest(view: &View, up: f64) -> f64 {
    let camera = view.camera();
    let drop = (view.height().0 - up).max(1.0);
    let focal = camera.fx.max(camera.fy);
    let (width, height) = camera.size();
    let edges = [0.0, 0.25, 0.5, 0.75, 1.0];
    let size = |u: f64, v: f64| {
        let [east, north, up] = view.ray(u * width, v * height);
        let length = (east * east + north * north + up * up).sqrt();
        // `drop / -up` along the axis; `length` is 1 / cos of the angle from it.
        (up < 0.0).then(|| drop / -up / (length * focal))
    };
    edges
        .iter()
        .flat_map(|&u| edges.iter().map(move |&v| (u, v)))
        .filter_map(|(u, v)| size(u, v))
        .fold(f64::INFINITY, f64::min)
}

/// Pixels between two rays: at most a quarter of the cell, so that what lies between is within the margin.
fn lattice(view: &View, options: &WallOptions) -> usize {
    let limit = options.cell.0.max(1.0) / 4.0 / finest(view, 0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 1..=4"
    )]
    let stride = limit.clamp(1.0, LATTICE_PX) as usize;
    stride
}

impl WallCells {
    fn new((width, height): (usize, usize), side: usize) -> Self {
        let (across, down) = ((width / side).max(1), (height / side).max(1));
        Self {
            side,
            across,
            down,
            flat: vec![false; across * down],
        }
    }

    /// Flattens the cells within `margin` pixels of a pixel.
    fn flatten_around(&mut self, (x, y): (usize, usize), margin: usize) {
        let along = |at: usize, count: usize| {
            let first = (at.saturating_sub(margin) / self.side).min(count - 1);
            let last = ((at + margin) / self.side).min(count - 1);
            first..=last
        };
        let columns = along(x, self.across);
        for row in along(y, self.down) {
            let row = self
                .flat
                .get_mut(row * self.across..(row + 1) * self.across);
            if let Some(cells) = row.and_then(|row| row.get_mut(columns.clone())) {
                cells.fill(true);
            }
        }
    }

    /// The flattened cell that a pixel lies in; `None` where pixels are kept as they are.
    #[must_use]
    pub fn cell(&self, x: usize, y: usize) -> Option<usize> {
        let (column, row) = (
            (x / self.side).min(self.across - 1),
            (y / self.side).min(self.down - 1),
        );
        let cell = row * self.across + column;
        self.flat.get(cell).copied().unwrap_or(true).then_some(cell)
    }

    /// Pixels along a cell.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// The raster with every flattened cell replaced by the mean of its measured pixels.
    #[must_use]
    pub fn flatten(&self, celsius: &Raster<f32>) -> Raster<f32> {
        #[derive(Clone, Copy, Default)]
        struct Cell {
            sum: f64,
            measured: u32,
            all: u32,
        }
        let mut sums = vec![Cell::default(); self.flat.len()];
        for (y, row) in celsius.rows().enumerate() {
            for (x, &value) in row.iter().enumerate() {
                if let Some(cell) = self.cell(x, y).and_then(|cell| sums.get_mut(cell)) {
                    cell.all += 1;
                    if value.is_finite() {
                        cell.sum += f64::from(value);
                        cell.measured += 1;
                    }
                }
            }
        }
        let mean = |cell: usize| match sums.get(cell) {
            #[expect(clippy::cast_possible_truncation, reason = "a mean of f32")]
            Some(cell) if cell.measured > 0 && 2 * cell.measured >= cell.all => {
                (cell.sum / f64::from(cell.measured)) as f32
            }
            _ => f32::NAN,
        };
        let mut flattened = celsius.clone();
        for (y, row) in flattened.rows_mut().enumerate() {
            for (x, value) in row.iter_mut().enumerate() {
                if let Some(cell) = self.cell(x, y) {
                    *value = mean(cell);
                }
            }
        }
        flattened
    }
}
