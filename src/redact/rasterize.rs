//! Boxes to pixels: padded, rounded outwards, on a coarse grid.

use super::{Decided, Policy, RedactConfig};
use crate::detect::{BoxPx, Detection, Detections, Line};
use crate::frame::{FrameId, PixelRect, RedactionMask};
use crate::raster::RowSpan;
use crate::units::Metres;

/// A frame that no detector completed a look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("frame {frame} cannot be masked: no detector completed a look at it")]
pub struct NotLookedAt {
    frame: FrameId,
}

/// The mask that hides what `looks` found in one frame, and `hidden` whatever is in it (too far away for the
/// detector, or sky).
///
/// Each box grows on every side by the largest of its own padding fraction, its padding in pixels and
/// `config.padding` on the ground at `ground_resolution` (metres per pixel, the finest of the frame), is rounded outwards to
/// multiples of `config.grid_px` and clipped to the frame, last row and column included.
///
/// # Errors
///
/// [`NotLookedAt`] when no detector completed a look at this frame: nothing found is only known then.
pub fn mask<'a>(
    frame: FrameId,
    (width, height): (usize, usize),
    looks: impl IntoIterator<Item = &'a Detections>,
    hidden: &[RowSpan],
    ground_resolution: Metres,
    config: &RedactConfig,
) -> Result<RedactionMask, NotLookedAt> {
    let decided = Decided::default();
    let size = (width, height);
    mask_decided(
        frame,
        size,
        looks,
        hidden,
        ground_resolution,
        config,
        &decided,
    )
}

/// As [`mask`], with what people decided about it; `hidden` stays hidden whatever they did.
///
/// # Errors
///
/// As [`mask`]: people decide about what was looked at.
pub fn mask_decided<'a>(
    frame: FrameId,
    (width, height): (usize, usize),
    looks: impl IntoIterator<Item = &'a Detections>,
    hidden: &[RowSpan],
    ground_resolution: Metres,
    config: &RedactConfig,
    decided: &Decided<'_>,
) -> Result<RedactionMask, NotLookedAt> {
    let looks: Vec<&Detections> = looks.into_iter().collect();
    let by_model = |look: &&Detections| look.line() == Line::Model;
    if !looks.iter().any(by_model) || looks.iter().any(|look| look.frame() != frame) {
        return Err(NotLookedAt { frame });
    }
    let mut mask = RedactionMask::new(frame, width, height);
    let found: Vec<&Detection> = looks.iter().flat_map(|look| look.found()).collect();
    for policy in [Policy::Mean, Policy::NoData] {
        for detection in &found {
            if config.policy(detection.class) != policy {
                continue;
            }
            let rect = padded(detection, ground_resolution, config);
            match policy {
                Policy::Mean => mask.draw_mean(rect),
                Policy::NoData => mask.draw_no_data(rect),
            }
        }
    }
    decided.draw(&mut mask, config.grid_px);
    for row in hidden {
        mask.draw_no_data(PixelRect {
            x0: row.x0,
            y0: row.row,
            x1: row.x1,
            y1: row.row + 1,
        });
    }
    Ok(mask)
}

fn padded(detection: &Detection, ground_resolution: Metres, config: &RedactConfig) -> PixelRect {
    let BoxPx { x0, y0, x1, y1 } = detection.bbox;
    #[expect(clippy::cast_possible_truncation, reason = "a padding of a few pixels")]
    let on_ground = (config.padding.0 / ground_resolution.0.max(1e-3)) as f32;
    let least = detection.padding.px.max(on_ground);
    let dx = least.max((x1 - x0) * detection.padding.fraction);
    let dy = least.max((y1 - y0) * detection.padding.fraction);
    let grid = config.grid_px.max(1);
    PixelRect {
        x0: floor(x0 - dx) / grid * grid,
        y0: floor(y0 - dy) / grid * grid,
        x1: ceil(x1 + dx).div_ceil(grid) * grid,
        y1: ceil(y1 + dy).div_ceil(grid) * grid,
    }
}

/// The pixel that starts at or before `at`; 0 for what lies left of or above the frame.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates at 0 and at the largest index"
)]
fn floor(at: f32) -> usize {
    at.floor() as usize
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates at 0 and at a cap far above any frame"
)]
fn ceil(at: f32) -> usize {
    at.ceil().min(1e6) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::{Class, Padding};

    fn detection(bbox: BoxPx, fraction: f32) -> Detections {
        let padding = Padding { fraction, px: 0.0 };
        Detections::completed(
            FrameId(0),
            Line::Model,
            vec![Detection {
                class: Class::Person,
                bbox,
                score: 0.9,
                padding,
                alarm: 0.3,
            }],
        )
    }

    fn config(grid_px: usize) -> RedactConfig {
        RedactConfig {
            padding: Metres(0.0),
            grid_px,
            ..RedactConfig::default()
        }
    }

    fn hidden(mask: &RedactionMask) -> Vec<(usize, usize)> {
        (0..48)
            .flat_map(|y| (0..64).map(move |x| (x, y)))
            .filter(|&(x, y)| mask.hides(x, y))
            .collect()
    }

    #[test]
    fn a_partly_covered_pixel_is_hidden() {
        let found = [detection(
            BoxPx {
                x0: 2.9,
                y0: 5.0,
                x1: 3.1,
                y1: 6.0,
            },
            0.0,
        )];
        let mask = mask(FrameId(0), (64, 48), &found, &[], Metres(0.1), &config(1)).unwrap();
        assert_eq!(hidden(&mask), [(2, 5), (3, 5)]);
    }

    #[test]
    fn hides_the_last_row_and_column() {
        let found = [detection(
            BoxPx {
                x0: 63.5,
                y0: 47.5,
                x1: 64.0,
                y1: 48.0,
            },
            2.0,
        )];
        let mask = mask(FrameId(0), (64, 48), &found, &[], Metres(0.1), &config(4)).unwrap();
        assert!(mask.hides(63, 47));
    }

    #[test]
    fn padding_on_the_ground_grows_with_finer_pixels() {
        let found = [detection(
            BoxPx {
                x0: 20.0,
                y0: 20.0,
                x1: 21.0,
                y1: 21.0,
            },
            0.0,
        )];
        let config = RedactConfig {
            padding: Metres(0.5),
            grid_px: 1,
            ..RedactConfig::default()
        };
        let coarse = mask(FrameId(0), (64, 48), &found, &[], Metres(0.5), &config)
            .unwrap()
            .masked_pixels();
        let fine = mask(FrameId(0), (64, 48), &found, &[], Metres(0.1), &config)
            .unwrap()
            .masked_pixels();
        assert_eq!((coarse, fine), (9, 121));
    }

    #[test]
    fn without_a_completed_look_at_this_frame_there_is_no_mask() {
        let other = [Detections::completed(FrameId(1), Line::Model, vec![])];
        for looks in [&[][..], &other] {
            assert!(mask(FrameId(0), (64, 48), looks, &[], Metres(0.1), &config(4)).is_err());
        }
    }

    #[test]
    fn hidden_rows_are_hidden_whatever_was_found() {
        let rows = [RowSpan {
            row: 3,
            x0: 10,
            x1: 12,
        }];
        let mask = mask(
            FrameId(0),
            (64, 48),
            &[Detections::completed(FrameId(0), Line::Model, vec![])],
            &rows,
            Metres(0.1),
            &config(4),
        )
        .unwrap();
        assert_eq!(hidden(&mask), [(10, 3), (11, 3)]);
    }

    proptest! {
        #[test]
        fn more_padding_never_hides_less(
            x in 0.0_f32..64.0, y in 0.0_f32..48.0, w in 1.0_f32..20.0, h in 1.0_f32..20.0,
            fraction in 0.0_f32..1.0, grid in 1_usize..9,
        ) {
            let bbox = BoxPx { x0: x, y0: y, x1: x + w, y1: y + h };
            let config = config(grid);
            let of = |fraction| {
                let found = [detection(bbox, fraction)];
                mask(FrameId(0), (64, 48), &found, &[], Metres(0.1), &config).unwrap()
            };
            let (tight, loose) = (of(0.0), of(fraction));
            prop_assert!(hidden(&tight).iter().all(|&(x, y)| loose.hides(x, y)));
        }

        #[test]
        fn every_pixel_a_box_touches_is_hidden(
            x in 0.0_f32..60.0, y in 0.0_f32..44.0, w in 0.1_f32..20.0, h in 0.1_f32..20.0, grid in 1_usize..9,
        ) {
            let bbox = BoxPx { x0: x, y0: y, x1: x + w, y1: y + h };
            let found = [detection(bbox, 0.0)];
            let mask = mask(FrameId(0), (64, 48), &found, &[], Metres(0.1), &config(grid)).unwrap();
            for py in 0..48_u16 {
                for px in 0..64_u16 {
                    let (left, top) = (f32::from(px), f32::from(py));
                    let touched = left < bbox.x1 && left + 1.0 > bbox.x0 && top < bbox.y1 && top + 1.0 > bbox.y0;
                    prop_assert!(!touched || mask.hides(usize::from(px), usize::from(py)));
                }
            }
        }
    }
}
