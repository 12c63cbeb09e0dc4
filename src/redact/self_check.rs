//! What a second look at the redacted frame still finds.

use super::RedactionMask;
use crate::detect::{Detection, Detections};

/// A find of which at least this share is under the mask is an edge of it, or the rest of somebody: it is hidden, and
/// nobody looks again for it.
const EDGE_SHARE: f64 = 0.8;

/// What the self-check did, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SelfCheck {
    /// Finds that the mask did not wholly hide, over all rounds.
    pub found: usize,
    /// Times that the mask grew by them.
    pub rounds: usize,
}

/// The finds of a second look that the mask does not hide to the last pixel.
///
/// What lies wholly under the mask is our own filling: finding something there tells nothing.
#[must_use]
pub fn uncovered(second_look: &Detections, mask: &RedactionMask) -> Vec<Detection> {
    let seen = |found: &&Detection| hidden_share(found, mask) < 1.0;
    second_look.found().iter().filter(seen).copied().collect()
}

/// Whether `found` stands out of the mask, rather than being an edge of it: masks would grow by their own edges, look for look.
#[must_use]
pub fn stands_out(found: &Detection, mask: &RedactionMask) -> bool {
    hidden_share(found, mask) < EDGE_SHARE
}

fn hidden_share(found: &Detection, mask: &RedactionMask) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "boxes are clipped to the frame"
    )]
    let (xs, ys) = (
        found.bbox.x0.floor() as usize..found.bbox.x1.ceil() as usize,
        found.bbox.y0.floor() as usize..found.bbox.y1.ceil() as usize,
    );
    let total = xs.len() * ys.len();
    let hidden = ys
        .flat_map(|y| xs.clone().map(move |x| (x, y)))
        .filter(|&(x, y)| mask.hides(x, y))
        .count();
    #[expect(
        clippy::cast_precision_loss,
        reason = "pixel counts are far below 2^52"
    )]
    let share = hidden as f64 / total.max(1) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{BoxPx, Class, Padding};
    use crate::frame::{FrameId, PixelRect};

    #[test]
    fn a_find_counts_unless_it_is_wholly_hidden_and_stands_out_by_more_than_a_fifth() {
        let at = |x0: f32| Detection {
            class: Class::Person,
            bbox: BoxPx {
                x0,
                y0: 0.0,
                x1: x0 + 10.0,
                y1: 10.0,
            },
            score: 0.5,
            alarm: 0.3,
            padding: Padding {
                fraction: 0.0,
                px: 0.0,
            },
        };
        let mut mask = RedactionMask::new(FrameId(0), 64, 48);
        mask.draw_no_data(PixelRect {
            x0: 0,
            y0: 0,
            x1: 10,
            y1: 10,
        });
        let look = Detections::completed(
            FrameId(0),
            crate::detect::Line::Model,
            vec![at(0.0), at(2.0), at(3.0), at(30.0)],
        );
        let left: Vec<(f32, bool)> = uncovered(&look, &mask)
            .iter()
            .map(|found| (found.bbox.x0, stands_out(found, &mask)))
            .collect();
        assert_eq!(left, [(2.0, false), (3.0, true), (30.0, true)]);
    }
}
