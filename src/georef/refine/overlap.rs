//! Two frames on one grid on the ground.

use super::chart::Chart;
use super::detail::Picture;
use crate::georef::{Bounds, Patch, Surface, SurfaceError, View};
use crate::raster::Raster;
use crate::units::{Degrees, Metres};

/// Ground is compared where both frames see it this steeply.
pub(super) const MAX_OFF_NADIR: Degrees = Degrees(60.0);
/// Cells along the side of a chart at most.
const MAX_SIDE: f64 = 384.0;
/// Cells along the side of the squares for which it is asked whether something hides them.
const HIDDEN: usize = 4;
/// Cells along the side of a block: between the pixels that show its corners those of its cells lie evenly, to a hundredth of a pixel.
const BLOCK: usize = 8;
/// Binary digits of a part of a pixel, as whole numbers count them.
const SHIFT: u32 = 18;
/// Pixels along the side of a raster that is read so.
const PIXELS: usize = 1 << 12;
/// Binary digits of [`BLOCK`] in half cells.
const BLOCK_SHIFT: u32 = 4;
/// Blocks along the side of a cell of a surface that is as good as even in one.
const EVEN: f64 = 16.0;
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
        #[expect(clippy::cast_precision_loss, reason = "at most MAX_SIDE")]
        let metres = self.side as f64 * self.cell;
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
            self.pixel(view, surface, (float(column), float(row)))
        };
        let camera = view.camera();
        let (width, height) = camera.size();
        let corners: Vec<Option<(f64, f64)>> = (0..(across + 1).pow(2)).map(corner).collect();
        let is_inside = |corner: &Option<(f64, f64)>| {
            corner.is_some_and(|(u, v)| (0.0..width).contains(&u) && (0.0..height).contains(&v))
        };
        let inside: Vec<bool> = corners.iter().map(is_inside).collect();
        let is_shown = |at: usize| {
            let first = at / across * (across + 1) + at % across;
            let ends = [first, first + 1, first + across + 1, first + across + 2];
            ends.iter().any(|end| inside.get(*end) == Some(&true))
        };
        Mesh {
            across,
            shown: (0..across * across).map(is_shown).collect(),
            corners,
        }
    }

    /// The pixel that shows a place given in cells, where it is seen steeply enough.
    fn pixel(
        &self,
        view: &View,
        surface: Option<&Patch>,
        (column, row): (f64, f64),
    ) -> Option<(f64, f64)> {
        let (east, north) = self.place(column, row);
        let limit = MAX_OFF_NADIR.to_radians().tan().powi(2);
        let is_seen = view.tangent_squared(east, north) <= limit;
        is_seen.then(|| view.pixel_above(east, north, level(surface, east, north)))?
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
        let is_even = surface.is_none_or(|patch| patch.cell().0 >= EVEN * float(BLOCK) * self.cell);
        let mut chart = Chart::blank(self.side, mesh.typical(raster, *shrunk));
        let blocks = (0..mesh.across).flat_map(|row| (0..mesh.across).map(move |at| (row, at)));
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
                    let place = (float(left + number) + 0.5, float(top + line) + 0.5);
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
        let middle = |at: usize| (float(at * HIDDEN) + float(HIDDEN) / 2.0).min(float(self.side));
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

    /// No block of it.
    pub(super) fn no_blocks(&self) -> Blocks {
        let across = self.side.div_ceil(BLOCK);
        Blocks {
            across,
            has: vec![false; across * across],
        }
    }
}

/// Which pixels of a frame show the corners of an overlap's blocks.
pub(super) struct Mesh {
    across: usize,
    corners: Vec<Option<(f64, f64)>>,
    /// Of each block, whether any corner lies within the frame.
    shown: Vec<bool>,
}

impl Mesh {
    /// North-west, north-east, south-west, south-east.
    fn corners_of(&self, column: usize, row: usize) -> Option<[(f64, f64); 4]> {
        let first = row * (self.across + 1) + column;
        let below = first + self.across + 1;
        let at = |corner: usize| self.corners.get(corner).copied().flatten();
        Some([at(first)?, at(first + 1)?, at(below)?, at(below + 1)?])
    }

    /// Mean of what a raster, shrunk so many times, shows at the corners.
    fn typical(&self, raster: &Raster<f32>, shrunk: f64) -> f32 {
        let seen = self.corners.iter().flatten().filter_map(|(u, v)| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "`as` saturates; samples outside are none"
            )]
            let pixel = |at: f64| (at >= 0.0).then_some((at / shrunk) as usize);
            let celsius = *raster.get(pixel(*u)?, pixel(*v)?)?;
            celsius.is_finite().then_some(celsius)
        });
        let (sum, count) = seen.fold((0.0, 0.0), |(sum, count), seen| (sum + seen, count + 1.0));
        sum / f32::max(count, 1.0)
    }

    /// Blocks that both frames show.
    pub(super) fn shared(&self, other: &Self) -> Blocks {
        let both = self.shown.iter().zip(&other.shown);
        Blocks {
            across: self.across,
            has: both.map(|(a, b)| *a && *b).collect(),
        }
    }
}

/// Some of the blocks of an overlap.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    across: usize,
    has: Vec<bool>,
}

impl Blocks {
    fn has(&self, column: usize, row: usize) -> bool {
        self.has.get(row * self.across + column) == Some(&true)
    }

    /// Blocks that a square of cells touches: columns and rows.
    fn around(&self, (column, row): (usize, usize), side: usize) -> [std::ops::Range<usize>; 2] {
        [column, row].map(|from| from / BLOCK..(from + side).div_ceil(BLOCK).min(self.across))
    }

    /// The share of a square's blocks that are among them.
    pub(super) fn share(&self, from: (usize, usize), side: usize) -> f64 {
        let [columns, rows] = self.around(from, side);
        let blocks = rows.flat_map(|row| columns.clone().map(move |column| (column, row)));
        let (found, all) = blocks.fold((0_u32, 0_u32), |(found, all), (column, row)| {
            (found + u32::from(self.has(column, row)), all + 1)
        });
        f64::from(found) / f64::from(all.max(1))
    }

    /// Takes in the blocks of a square that are `among` others.
    pub(super) fn add(&mut self, from: (usize, usize), side: usize, among: &Self) {
        let [columns, rows] = self.around(from, side);
        for (row, column) in rows.flat_map(|row| columns.clone().map(move |at| (row, at))) {
            let at = row * self.across + column;
            if let Some(has) = self.has.get_mut(at) {
                *has |= among.has(column, row);
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "some hundred cells")]
fn float(cells: usize) -> f64 {
    cells as f64
}

/// Whether a frame shows a place, steeply enough to be compared.
pub(super) fn is_seen(view: &View, (east, north): (f64, f64), up: f64) -> bool {
    let camera = view.camera();
    #[expect(
        clippy::cast_precision_loss,
        reason = "sides of rasters lie far below 2^52"
    )]
    let (width, height) = (camera.width as f64, camera.height as f64);
    let inside = |(u, v): (f64, f64)| (0.0..width).contains(&u) && (0.0..height).contains(&v);
    view.tangent_squared(east, north) <= MAX_OFF_NADIR.to_radians().tan().powi(2)
        && view.pixel_above(east, north, up).is_some_and(inside)
}

/// The cells of a block, line by line, whose pixels lie evenly between those at its corners.
fn evenly(
    raster: &Raster<f32>,
    corners: [(f64, f64); 4],
    mut put: impl FnMut(usize, [f32; BLOCK]),
) {
    let (width, height) = raster.shape();
    let inside = |(u, v): &(f64, f64)| {
        (0.51..float(width) - 0.51).contains(u) && (0.51..float(height) - 0.51).contains(v)
    };
    if width.max(height) <= PIXELS && corners.iter().all(inside) {
        let corners = corners.map(|(u, v)| (parts(u - 0.5), parts(v - 0.5)));
        let [north_west, north_east, south_west, south_east] = corners;
        for (number, odd) in (0..BLOCK).zip((1..).step_by(2)) {
            let left = between_parts(north_west, south_west, odd);
            let right = between_parts(north_east, south_east, odd);
            put(number, line(raster, left, right));
        }
        return;
    }
    let [north_west, north_east, south_west, south_east] = corners;
    let share = |number: usize| (float(number) + 0.5) / float(BLOCK);
    for number in 0..BLOCK {
        let left = mixed(north_west, south_west, share(number));
        let right = mixed(north_east, south_east, share(number));
        let cell = |number| between(raster, mixed(left, right, share(number)));
        put(
            number,
            std::array::from_fn(|number| cell(number).unwrap_or(f32::NAN)),
        );
    }
}

/// `share` of the way from one to the other.
fn mixed(from: (f64, f64), to: (f64, f64), share: f64) -> (f64, f64) {
    (
        from.0 + share * (to.0 - from.0),
        from.1 + share * (to.1 - from.1),
    )
}

/// Pixels in whole parts.
#[expect(clippy::cast_possible_truncation, reason = "within a raster")]
fn parts(pixels: f64) -> i32 {
    (pixels * f64::from(1 << SHIFT)) as i32
}

/// So many half cells of a block from one to the other.
fn between_parts(from: (i32, i32), to: (i32, i32), halves: i32) -> (i32, i32) {
    let axis = |from: i32, to: i32| from + (((to - from) * halves) >> BLOCK_SHIFT);
    (axis(from.0, to.0), axis(from.1, to.1))
}

/// Cells between two places in a raster. In whole parts of a pixel no step needs a question, and all can be taken together.
fn line(raster: &Raster<f32>, left: (i32, i32), right: (i32, i32)) -> [f32; BLOCK] {
    const PARTS: i32 = 1 << SHIFT;
    let width = raster.width();
    let (mut places, mut shares) = ([0_usize; BLOCK], [(0.0_f32, 0.0_f32); BLOCK]);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "not negative, shares below 2^18"
    )]
    for (odd, (place, (right_of, below))) in
        (1..).step_by(2).zip(places.iter_mut().zip(&mut shares))
    {
        let (x, y) = between_parts(left, right, odd);
        let share = |at: i32| (at & (PARTS - 1)) as f32 * (1.0 / PARTS as f32);
        (*right_of, *below) = (share(x), share(y));
        *place = (y >> SHIFT) as usize * width + (x >> SHIFT) as usize;
    }
    let samples = raster.samples();
    let mut cells = [f32::NAN; BLOCK];
    for (cell, (place, (right_of, below))) in cells.iter_mut().zip(places.into_iter().zip(shares)) {
        // The sample, the one to its right and the two below.
        if let Some(&[a, b, .., c, d]) = samples.get(place..place + width + 2) {
            let (above, under) = (a + (b - a) * right_of, c + (d - c) * right_of);
            *cell = above + (under - above) * below;
        }
    }
    cells
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
fn between(raster: &Raster<f32>, (u, v): (f64, f64)) -> Option<f32> {
    let (x, y) = (u - 0.5, v - 0.5);
    if !(x >= 0.0 && y >= 0.0) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; `as` saturates and `get` checks the other end"
    )]
    let (column, row) = (x as u32 as usize, y as u32 as usize);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "shares of a pixel; columns and rows lie far below 2^52"
    )]
    let (right, below) = ((x - column as f64) as f32, (y - row as f64) as f32);
    if column + 1 >= raster.width() {
        return None;
    }
    four(raster, row * raster.width() + column, (right, below))
}

/// Between the sample at `first`, the one to its right and the two below, `right` and `below` as shares of the way.
fn four(raster: &Raster<f32>, first: usize, (right, below): (f32, f32)) -> Option<f32> {
    let pair = |from: usize| raster.samples().get(from..)?.first_chunk::<2>();
    let along = |[from, to]: &[f32; 2]| from * (1.0 - right) + to * right;
    let (above, under) = (along(pair(first)?), along(pair(first + raster.width())?));
    Some(above * (1.0 - below) + under * below)
}

/// Level of the surface at a place; 0 on flat ground and where it is unknown.
pub(super) fn level(surface: Option<&Patch>, east: f64, north: f64) -> f64 {
    surface
        .and_then(|patch| patch.height(east, north))
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between four pixels of `2 u + 3 v` lies what this says, wherever the block lies.
    #[test]
    fn a_block_shows_what_lies_between_its_corners() {
        let value = |at: u16| 2.0 * f32::from(at % 40) + 3.0 * f32::from(at / 40);
        let raster = Raster::new(40, 30, (0..1200).map(value).collect()).unwrap();
        for corners in [
            [(3.0, 4.0), (11.5, 6.0), (2.0, 12.0), (10.0, 14.0)],
            [(20.0, 25.0), (17.0, 9.5), (26.0, 24.0), (24.0, 8.0)],
            [(0.2, 0.1), (9.0, 3.0), (-4.0, 9.0), (6.0, 11.0)],
            [(35.0, 28.0), (43.0, 31.0), (31.0, 36.0), (39.0, 38.0)],
        ] {
            let mut cells = [[f32::NAN; BLOCK]; BLOCK];
            evenly(&raster, corners, |line, found| cells[line] = found);
            for (row, line) in (0_u8..).zip(cells) {
                for (column, cell) in (0_u8..).zip(line) {
                    let share = |at: u8| (f64::from(at) + 0.5) / 8.0;
                    let ends =
                        [0, 1].map(|side| mixed(corners[side], corners[side + 2], share(row)));
                    let (u, v) = mixed(ends[0], ends[1], share(column));
                    let is_inside = (0.5..39.5).contains(&u) && (0.5..29.5).contains(&v);
                    assert_eq!(cell.is_finite(), is_inside, "{u} {v}");
                    let expected = 2.0 * (u - 0.5) + 3.0 * (v - 0.5);
                    assert!(!is_inside || (f64::from(cell) - expected).abs() < 1e-3);
                }
            }
        }
    }
}
