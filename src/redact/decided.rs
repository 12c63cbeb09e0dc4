//! What people decided about a mask: boxes that are hidden besides, and boxes that are not.

use crate::detect::Detection;
use crate::frame::{PixelRect, RedactionMask};

/// Boxes as left, top, right, bottom in whole pixels, the last two one past the box.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decided<'a> {
    /// Hidden, whatever else is decided.
    pub hide: &'a [[u32; 4]],
    /// Not hidden, whatever was found there.
    pub open: &'a [[u32; 4]],
}

/// A find counts as decided about when at least this share of its box is open.
const OPEN_SHARE: f64 = 0.8;

impl Decided<'_> {
    /// Draws the boxes over a mask: opened ones to the pixel, hidden ones outwards to the grid.
    pub(super) fn draw(&self, mask: &mut RedactionMask, grid_px: usize) {
        for bbox in self.open {
            mask.draw_keep(rect(*bbox));
        }
        let grid = grid_px.max(1);
        for bbox in self.hide {
            let PixelRect { x0, y0, x1, y1 } = rect(*bbox);
            mask.draw_no_data(PixelRect {
                x0: x0 / grid * grid,
                y0: y0 / grid * grid,
                x1: x1.div_ceil(grid) * grid,
                y1: y1.div_ceil(grid) * grid,
            });
        }
    }

    /// Whether people decided that what was found is not hidden: the self-check will find it again, and must. What of it lies outside
    /// the boxes is hidden all the same.
    #[must_use]
    pub fn opens(&self, found: &Detection) -> bool {
        let area = f64::from(found.bbox.area());
        let shared = |bbox: &[u32; 4]| {
            let [x0, y0, x1, y1] = bbox.map(f64::from);
            let width = f64::from(found.bbox.x1).min(x1) - f64::from(found.bbox.x0).max(x0);
            let height = f64::from(found.bbox.y1).min(y1) - f64::from(found.bbox.y0).max(y0);
            width.max(0.0) * height.max(0.0)
        };
        self.open
            .iter()
            .any(|bbox| area > 0.0 && shared(bbox) >= OPEN_SHARE * area)
    }
}

fn rect(bbox: [u32; 4]) -> PixelRect {
    let [x0, y0, x1, y1] = bbox.map(|edge| usize::try_from(edge).unwrap_or(usize::MAX));
    PixelRect { x0, y0, x1, y1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{BoxPx, Class, Padding};
    use crate::frame::FrameId;

    #[test]
    fn what_is_hidden_by_decision_stays_hidden_and_what_is_opened_does_not() {
        let mut mask = RedactionMask::new(FrameId(0), 16, 16);
        mask.draw_no_data(rect([0, 0, 8, 8]));
        let decided = Decided {
            open: &[[2, 0, 8, 8]],
            hide: &[[5, 5, 7, 7]],
        };
        decided.draw(&mut mask, 4);
        let at = |x, y| mask.hides(x, y);
        assert_eq!(
            [at(1, 0), at(2, 0), at(4, 4), at(7, 7), at(7, 3)],
            [true, false, true, true, false]
        );
    }

    #[test]
    fn a_find_is_opened_by_four_fifths() {
        let found = |x1| Detection {
            class: Class::Person,
            bbox: BoxPx {
                x0: 0.0,
                y0: 0.0,
                x1,
                y1: 10.0,
            },
            score: 0.9,
            padding: Padding {
                fraction: 0.0,
                px: 0.0,
            },
            alarm: 0.5,
        };
        let decided = Decided {
            open: &[[0, 0, 8, 10]],
            hide: &[],
        };
        assert!(decided.opens(&found(10.0)));
        assert!(!decided.opens(&found(10.2)));
        assert!(!Decided::default().opens(&found(10.0)));
    }
}
