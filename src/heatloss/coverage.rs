//! How much of each pixel a polygon covers, exactly.
//!
//! In: closed rings in pixel coordinates. Out: shares from 0 to 1, row by row. Refuses: nothing; rings must not cross
//! (the caller checks), holes run against their outer ring or not: shares are of the even part of the winding.
//!
//! Every edge adds the signed area to its right, pixel by pixel; the running sum along a row is the coverage. The idea is that of
//! scanline font rasterisers (R. Levien, "Inside the fastest font renderer in the world", 2016).

/// A ring of points (column, row); the last joins the first.
pub type Ring = Vec<(f64, f64)>;

/// Shares of the pixels of a window of `width` x `height` pixels that lie in the polygon with these rings, row-major.
///
/// The outer ring comes first; holes are turned against it. Parts outside the window are cut off.
#[must_use]
pub fn coverage(rings: &[Ring], width: usize, height: usize) -> Vec<f64> {
    let mut window = Window {
        width,
        height,
        steps: vec![0.0; (width + 1) * height],
    };
    for (number, ring) in rings.iter().enumerate() {
        // With a positive area the left side runs upwards: downward edges end what upward ones began.
        let turn = if (signed_area(ring) > 0.0) == (number == 0) {
            -1.0
        } else {
            1.0
        };
        for (&from, &to) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            window.add(from, to, turn);
        }
    }
    window.shares()
}

/// Twice the area is enough for its sign, but the area itself is useful to callers: square pixels, positive where the ring runs
/// clockwise on a raster whose rows go down.
#[must_use]
pub fn signed_area(ring: &[(f64, f64)]) -> f64 {
    ring.iter()
        .zip(ring.iter().cycle().skip(1))
        .map(|(&(x0, y0), &(x1, y1))| x0 * y1 - x1 * y0)
        .sum::<f64>()
        / 2.0
}

struct Window {
    width: usize,
    height: usize,
    /// Per row, `width + 1` differences of coverage from one pixel to the next.
    steps: Vec<f64>,
}

impl Window {
    /// One edge. What lies left of the window still covers everything to its right, so it is moved onto the border.
    fn add(&mut self, from: (f64, f64), to: (f64, f64), turn: f64) {
        let ((x0, y0), (x1, y1), turn) = if from.1 <= to.1 {
            (from, to, turn)
        } else {
            (to, from, -turn)
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "sides of rasters lie far below 2^52"
        )]
        let (right, bottom) = (self.width as f64, self.height as f64);
        let (top, end) = (y0.max(0.0), y1.min(bottom));
        if end <= top {
            return;
        }
        let slope = (x1 - x0) / (y1 - y0);
        let at = |y: f64| x0 + (y - y0) * slope;
        // Rows, and the heights at which the edge enters or leaves the window sideways.
        let mut cuts = vec![top, end];
        cuts.extend(
            [0.0, right]
                .map(|x| y0 + (x - x0) / slope)
                .into_iter()
                .filter(|y| top < *y && *y < end),
        );
        cuts.sort_by(f64::total_cmp);
        for (&above, &below) in cuts.iter().zip(cuts.iter().skip(1)) {
            let mut y = above;
            while y < below {
                let next = (y.floor() + 1.0).min(below);
                self.add_in_row(
                    y,
                    at(y).clamp(0.0, right),
                    at(next).clamp(0.0, right),
                    (next - y) * turn,
                );
                y = next;
            }
        }
    }

    /// A piece of an edge within one row, from `a` to `b` along the row, `rise` of the row's height.
    fn add_in_row(&mut self, y: f64, a: f64, b: f64, rise: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clipped to the window"
        )]
        let (row, first) = (y as usize, a.min(b) as usize);
        let (left, right) = (a.min(b), a.max(b));
        let Some(steps) = self
            .steps
            .get_mut(row * (self.width + 1)..(row + 1) * (self.width + 1))
        else {
            return;
        };
        let mut covered = 0.0;
        for (column, step) in steps.iter_mut().enumerate().skip(first) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "sides of rasters lie far below 2^52"
            )]
            let edge = column as f64;
            // The area right of the piece within this pixel.
            let area = rise * right_of(left, right, edge);
            *step += area - covered;
            covered = area;
            if edge >= right {
                break;
            }
        }
    }

    fn shares(self) -> Vec<f64> {
        let mut shares = Vec::with_capacity(self.width * self.height);
        for row in self.steps.chunks_exact(self.width + 1) {
            let mut sum = 0.0;
            shares.extend(row.iter().take(self.width).map(|step| {
                sum += step;
                sum.clamp(0.0, 1.0)
            }));
        }
        shares
    }
}

/// Mean over a piece that runs evenly from `left` to `right` of the part of the pixel `edge..edge + 1` that lies right of it.
fn right_of(left: f64, right: f64, edge: f64) -> f64 {
    // The integral over x of the part right of x: 1 up to the pixel, falling to 0 through it.
    let integral = |x: f64| {
        let inside = (x - edge).clamp(0.0, 1.0);
        (x - edge).min(0.0) + inside - inside * inside / 2.0
    };
    let length = right - left;
    if length > 1e-12 {
        (integral(right) - integral(left)) / length
    } else {
        (edge + 1.0 - left).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_shares(rings: &[Ring], (width, height): (usize, usize), expected: &[f64]) {
        let found = coverage(rings, width, height);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert_eq!(found.len(), expected.len());
    }

    #[test]
    fn a_rectangle_covers_edge_pixels_by_their_share() {
        let ring = vec![(0.25, 0.5), (2.5, 0.5), (2.5, 2.0), (0.25, 2.0)];
        assert_shares(&[ring], (3, 2), &[0.375, 0.5, 0.25, 0.75, 1.0, 0.5]);
    }

    #[test]
    fn a_triangle_halves_the_pixels_on_its_slope() {
        let ring = vec![(0.0, 0.0), (2.0, 2.0), (0.0, 2.0)];
        assert_shares(&[ring], (2, 2), &[0.5, 0.0, 1.0, 0.5]);
    }

    #[test]
    fn a_flat_slope_spreads_over_many_pixels_of_a_row() {
        // Right of the line from (0, 0) to (4, 1): under it a quarter more from pixel to pixel.
        let ring = vec![(0.0, 0.0), (4.0, 0.0), (4.0, 1.0)];
        assert_shares(&[ring], (4, 1), &[0.125, 0.375, 0.625, 0.875]);
    }

    #[test]
    fn holes_are_left_out_whichever_way_they_run() {
        let outer = vec![(0.0, 0.0), (3.0, 0.0), (3.0, 3.0), (0.0, 3.0)];
        let mut hole = vec![(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0)];
        let expected = [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        assert_shares(&[outer.clone(), hole.clone()], (3, 3), &expected);
        hole.reverse();
        assert_shares(&[outer, hole], (3, 3), &expected);
    }

    #[test]
    fn what_lies_outside_the_window_is_cut_off_on_every_side() {
        let diamond = vec![(1.0, -2.0), (4.0, 1.0), (1.0, 4.0), (-2.0, 1.0)];
        assert_shares(&[diamond], (2, 2), &[1.0; 4]);
        let wedge = vec![(-1.0, 0.0), (1.0, 0.0), (-1.0, 2.0)];
        assert_shares(&[wedge], (2, 2), &[0.5, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn all_shares_together_are_the_area() {
        let ring: Ring = (0..17_u8)
            .map(|i| {
                let (sin, cos) = (f64::from(i) * std::f64::consts::TAU / 17.0).sin_cos();
                let radius = if i % 2 == 0 { 9.3 } else { 4.7 };
                (10.0 + radius * cos, 10.0 + radius * sin)
            })
            .collect();
        let sum: f64 = coverage(std::slice::from_ref(&ring), 20, 20).iter().sum();
        assert!((sum - signed_area(&ring).abs()).abs() < 1e-9);
    }
}
