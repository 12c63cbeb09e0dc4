//! Two frames on one grid on the ground.

use super::blocks::{Blocks, Mesh};
use super::chart::Chart;
use super::detail::Picture;
use super::sampling::{BLOCK, between, evenly};
use crate::frame::FrameId;
use crate::georef::camera::as_f64;
use crate::georef::{Bounds, Patch, Surface, SurfaceError, View};
use crate::units::{Degrees, Metres};

/// Ground is compared where both frames see it this steeply.
pub(super) const MAX_OFF_NADIR: Degrees = Degrees(60.0);
/// Cells along the side of a chart at most.
const MAX_SIDE: f64 = 384.0;
/// Cells along the side of the squares for which it is asked whether something hides them.
const HIDDEN: usize = 4;
/// Blocks along the side of a cell of a surface that is as good as even in one.
const EVEN: f64 = 8.0;
/// Metres around an overlap from which something may hide it.
const REACH: Metres = Metres(25.0);

/// A frame as it is compared with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) id: FrameId,
    pub(super) view: View,
    /// What it sees steeply enough.
    pub(super) bounds: Bounds,
    /// Level of the ground there, typically.
    pub(super) level: f64,
}

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
    /// The largest square in the middle of what both frames show, in cells of the coarser one's resolution.
    pub(super) fn of(first: &Shown, second: &Shown) -> Option<Self> {
        let shared = first.bounds.intersection(second.bounds)?;
        let (width, height) = shared.size();
        let metres = width.min(height);
        let resolution = |frame: &Shown| {
            let camera = frame.view.camera();
            let above = frame.view.raised(-frame.level);
            Some(above.ground_resolution(camera.cx, camera.cy)?.0)
        };
        let cell = resolution(first)?
            .max(resolution(second)?)
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
        let cell = self.cell * as_f64(by);
        Self {
            cell,
            side: self.side / by,
            ..self
        }
    }

    /// The same ground and `cells` more on every side.
    pub(super) fn grown(self, cells: usize) -> Self {
        let metres = as_f64(cells) * self.cell;
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

    /// As much ground, so many cells to the right and down.
    pub(super) fn moved(self, (right, down): (i64, i64)) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "some hundred cells")]
        let metres = |cells: i64| cells as f64 * self.cell;
        Self {
            west: self.west + metres(right),
            north: self.north - metres(down),
            ..self
        }
    }

    /// Metres east and north from it to another.
    pub(super) fn offset(&self, other: Self) -> (f64, f64) {
        (other.west - self.west, other.north - self.north)
    }

    /// The ground that it covers.
    pub(super) fn bounds(&self) -> Bounds {
        let metres = as_f64(self.side) * self.cell;
        Bounds {
            west: self.west,
            south: self.north - metres,
            east: self.west + metres,
            north: self.north,
        }
    }

    /// Which pixels of a frame show it.
    pub(super) fn mesh(&self, view: &View, surface: Option<&Patch>) -> Mesh {
        let across = self.side.div_ceil(BLOCK);
        let corner = |at: usize| {
            let (column, row) = (at % (across + 1) * BLOCK, at / (across + 1) * BLOCK);
            self.pixel(view, surface, (as_f64(column), as_f64(row)))
        };
        let corners = (0..(across + 1).pow(2)).map(corner).collect();
        Mesh::of(across, corners, view.camera().size())
    }

    /// The pixel that shows a place given in cells, where it is seen steeply enough.
    fn pixel(
        &self,
        view: &View,
        surface: Option<&Patch>,
        (column, row): (f64, f64),
    ) -> Option<(f64, f64)> {
        let (east, north) = self.place(column, row);
        let up = level(surface, east, north);
        is_steep(view, (east, north), up).then(|| view.pixel_above(east, north, up))?
    }

    /// What a frame shows of those of its blocks that are `wanted`.
    pub(super) fn chart(
        &self,
        (view, mesh): (&View, &Mesh),
        Picture { raster, shrunk }: &Picture,
        surface: Option<&Patch>,
        wanted: &Blocks,
    ) -> Chart {
        let scaled = |(u, v): (f64, f64)| (u / shrunk, v / shrunk);
        let is_even =
            surface.is_none_or(|patch| patch.cell().0 >= EVEN * as_f64(BLOCK) * self.cell);
        let mut chart = Chart::blank(self.side, mesh.typical(raster, *shrunk));
        let blocks = mesh.places();
        for (row, column) in blocks.filter(|(row, column)| wanted.has(*column, *row)) {
            let (top, left) = (row * BLOCK, column * BLOCK);
            if let Some(corners) = mesh.corners_of(column, row).filter(|_| is_even) {
                evenly(raster, corners.map(scaled), |line, cells| {
                    chart.put((left, top + line), &cells);
                });
                continue;
            }
            for line in 0..BLOCK {
                let cell = |number: usize| {
                    let place = (as_f64(left + number) + 0.5, as_f64(top + line) + 0.5);
                    let pixel = self.pixel(view, surface, place)?;
                    between(raster, scaled(pixel))
                };
                let cells: [f32; BLOCK] = std::array::from_fn(|at| cell(at).unwrap_or(f32::NAN));
                chart.put((left, top + line), &cells);
            }
        }
        if let Some(patch) = surface {
            self.hide(patch, view, wanted, &mut chart);
        }
        chart
    }

    /// Takes out what something hides, and walls.
    fn hide(&self, patch: &Patch, view: &View, wanted: &Blocks, chart: &mut Chart) {
        let middle =
            |at: usize| (as_f64(at * HIDDEN) + as_f64(HIDDEN) / 2.0).min(as_f64(self.side));
        let squares = self.side.div_ceil(HIDDEN);
        for (row, column) in (0..squares).flat_map(|row| (0..squares).map(move |at| (row, at))) {
            let (east, north) = self.place(middle(column), middle(row));
            let is_wanted = wanted.has(column * HIDDEN / BLOCK, row * HIDDEN / BLOCK);
            if is_wanted && is_hidden(patch, view, east, north) {
                for line in row * HIDDEN..(row + 1) * HIDDEN {
                    chart.put((column * HIDDEN, line), &[f32::NAN; HIDDEN]);
                }
            }
        }
    }
}

/// Whether a frame shows a place, steeply enough to be compared.
pub(super) fn is_seen(view: &View, (east, north): (f64, f64), up: f64) -> bool {
    let (width, height) = view.camera().size();
    let inside = |(u, v): (f64, f64)| (0.0..width).contains(&u) && (0.0..height).contains(&v);
    is_steep(view, (east, north), up) && view.pixel_above(east, north, up).is_some_and(inside)
}

/// Whether a frame looks at a place no more obliquely than frames are compared.
fn is_steep(view: &View, (east, north): (f64, f64), up: f64) -> bool {
    view.tangent_squared(east, north, up) <= MAX_OFF_NADIR.to_radians().tan().powi(2)
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

/// Level of the surface at a place; 0 on flat ground and where it is unknown.
pub(super) fn level(surface: Option<&Patch>, east: f64, north: f64) -> f64 {
    surface
        .and_then(|patch| patch.height(east, north))
        .unwrap_or(0.0)
}
