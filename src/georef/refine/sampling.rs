//! What a raster shows between its pixels.
//!
//! In: a raster, places in it. Out: temperatures. Refuses (as `NAN`, `None`): places outside, and beside pixels that show nothing.

use crate::georef::camera::as_f64;
use crate::raster::Raster;

/// Cells along the side of a block: between the pixels that show its corners those of its cells lie evenly, to a hundredth of a cell.
pub(super) const BLOCK: usize = 8;
/// Binary digits of a part of a pixel, as whole numbers count them.
const SHIFT: u32 = 18;
/// Pixels along the side of a raster that is read so.
const PIXELS: usize = 1 << 12;
/// Binary digits of [`BLOCK`] in half cells.
const BLOCK_SHIFT: u32 = 4;

/// The cells of a block, line by line, whose pixels lie evenly between those at its corners.
pub(super) fn evenly(
    raster: &Raster<f32>,
    corners: [(f64, f64); 4],
    mut put: impl FnMut(usize, [f32; BLOCK]),
) {
    let (width, height) = raster.shape();
    let inside = |(u, v): &(f64, f64)| {
        (0.51..as_f64(width) - 0.51).contains(u) && (0.51..as_f64(height) - 0.51).contains(v)
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
    let share = |number: usize| (as_f64(number) + 0.5) / as_f64(BLOCK);
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

/// Between the centres of four pixels that all show something: a shift of less than a pixel must show.
pub(super) fn between(raster: &Raster<f32>, (u, v): (f64, f64)) -> Option<f32> {
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
