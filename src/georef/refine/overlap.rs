//! Two frames on one grid on the ground.

use super::matching::Chart;
use crate::georef::{Bounds, Patch, Surface, SurfaceError, View};
use crate::raster::Raster;
use crate::units::{Degrees, Metres};

/// Ground is compared where both frames see it this steeply.
pub(super) const MAX_OFF_NADIR: Degrees = Degrees(60.0);
/// Cells along the side of a chart at most.
const MAX_SIDE: f64 = 384.0;
/// Cells along the side of the squares for which it is asked whether something hides them.
const HIDDEN: usize = 4;
/// Metres around an overlap from which something may hide it.
const REACH: Metres = Metres(25.0);

/// A square of ground that two frames share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overlap {
    west: f64,
    north: f64,
    /// Metres of a cell's side.
    pub(super) cell: f64,
    /// Cells along the side.
    pub(super) side: usize,
}

impl Overlap {
    /// The largest square in the middle of what both bounds share, in cells of the coarser frame's resolution.
    pub(super) fn of(first: (&View, Bounds), second: (&View, Bounds)) -> Option<Self> {
        let shared = first.1.intersection(second.1)?;
        let (width, height) = shared.size();
        let metres = width.min(height);
        let resolution = |view: &View| {
            let camera = view.camera();
            Some(view.ground_resolution(camera.cx, camera.cy)?.0)
        };
        let cell = resolution(first.0)?
            .max(resolution(second.0)?)
            .max(metres / MAX_SIDE);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, at most MAX_SIDE"
        )]
        let side = (metres / cell) as usize;
        Some(Self {
            west: shared.west + (width - metres) / 2.0,
            north: shared.north - (height - metres) / 2.0,
            cell,
            side,
        })
    }

    /// The same ground in cells of `by` times the side.
    pub(super) fn coarser(self, by: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a few cells")]
        let cell = self.cell * by as f64;
        Self {
            cell,
            side: self.side / by,
            ..self
        }
    }

    /// The same ground and `cells` more on every side.
    pub(super) fn grown(self, cells: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "some hundred cells")]
        let metres = cells as f64 * self.cell;
        Self {
            west: self.west - metres,
            north: self.north + metres,
            side: self.side + 2 * cells,
            ..self
        }
    }

    /// Metres east and north of a point given in cells from the north-western corner.
    pub(super) fn place(&self, column: f64, row: f64) -> (f64, f64) {
        (self.west + column * self.cell, self.north - row * self.cell)
    }

    /// The ground that it covers.
    pub(super) fn bounds(&self) -> Bounds {
        #[expect(clippy::cast_precision_loss, reason = "at most MAX_SIDE")]
        let metres = self.side as f64 * self.cell;
        Bounds {
            west: self.west,
            south: self.north - metres,
            east: self.west + metres,
            north: self.north,
        }
    }

    /// What a frame shows of it.
    pub(super) fn chart(
        &self,
        view: &View,
        raster: &Raster<f32>,
        surface: Option<&Patch>,
    ) -> Chart {
        let limit = MAX_OFF_NADIR.to_radians().tan().powi(2);
        let blocks = self.side.div_ceil(HIDDEN);
        #[expect(clippy::cast_precision_loss, reason = "at most MAX_SIDE")]
        let middle = |at: usize| ((at * HIDDEN) as f64 + HIDDEN as f64 / 2.0).min(self.side as f64);
        let hidden: Vec<bool> = (0..blocks * blocks)
            .map(|at| {
                let (east, north) = self.place(middle(at % blocks), middle(at / blocks));
                surface.is_some_and(|patch| is_hidden(patch, view, east, north))
            })
            .collect();
        let cell = |at: usize| {
            let (column, row) = (at % self.side, at / self.side);
            let block = row / HIDDEN * blocks + column / HIDDEN;
            if hidden.get(block).copied().unwrap_or(false) {
                return f32::NAN;
            }
            #[expect(clippy::cast_precision_loss, reason = "at most MAX_SIDE")]
            let (east, north) = self.place(column as f64 + 0.5, row as f64 + 0.5);
            let up = level(surface, east, north);
            let seen = view.tangent_squared(east, north) <= limit;
            let pixel = seen.then(|| view.pixel_above(east, north, up)).flatten();
            pixel
                .and_then(|(u, v)| between(raster, u, v))
                .unwrap_or(f32::NAN)
        };
        let celsius: Vec<f32> = (0..self.side * self.side).map(cell).collect();
        Chart::new(self.side, &celsius)
    }
}

/// The surface under an area, with what around it may hide it; `None` on flat ground.
pub(super) fn patch_over(surface: &Surface, area: Bounds) -> Result<Option<Patch>, SurfaceError> {
    surface.patch(area.grown(REACH))
}

/// Whether a place is a wall, or something stands between it and the camera.
pub(super) fn is_hidden(patch: &Patch, view: &View, east: f64, north: f64) -> bool {
    let up = patch.height(east, north).unwrap_or(0.0);
    patch.is_wall(east, north) || !patch.visible(view, east, north, up)
}

/// Between the centres of four pixels that all show something: a shift of less than a pixel must show.
fn between(raster: &Raster<f32>, u: f64, v: f64) -> Option<f32> {
    let (x, y) = (u - 0.5, v - 0.5);
    if !(x >= 0.0 && y >= 0.0) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; `as` saturates and `get` checks the other end"
    )]
    let (column, row, right, below) = (x as usize, y as usize, x.fract() as f32, y.fract() as f32);
    let at = |dx: usize, dy: usize| {
        raster
            .get(column.checked_add(dx)?, row.checked_add(dy)?)
            .copied()
    };
    let above = at(0, 0)? * (1.0 - right) + at(1, 0)? * right;
    let under = at(0, 1)? * (1.0 - right) + at(1, 1)? * right;
    Some(above * (1.0 - below) + under * below)
}

/// Level of the surface at a place; 0 on flat ground and where it is unknown.
pub(super) fn level(surface: Option<&Patch>, east: f64, north: f64) -> f64 {
    surface
        .and_then(|patch| patch.height(east, north))
        .unwrap_or(0.0)
}
