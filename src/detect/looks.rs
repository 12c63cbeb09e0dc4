//! Several looks at one picture: at each of the card's scales, in overlapping slices where it is too large.
//!
//! In: a picture, and a network that looks at one piece of it. Out: its finds in pixels of the whole picture,
//! each thing once. Refuses: to lose a find. What a slice's border cut is dropped only where a whole find of
//! its class covers it. More finds than anyone could check are an error, however large the picture.

use super::postprocess::{MOST, SAME};
use super::{BoxPx, DetectError, Detection, InputCard, ModelCard};
use crate::frame::ModelInput;

/// Neighbouring slices share at least this many pixels, so that what is smaller is whole in one of them.
const OVERLAP: usize = 96;
/// What ends this close to a slice's inner border, in pixels, may go on behind it.
const NEAR: f32 = 4.0;

/// One find of one look.
#[derive(Debug)]
struct Candidate {
    find: Detection,
    /// Whether the border of a slice may have cut it.
    cut: bool,
}

/// Looks at `input` as `card` says; finds come best first.
///
/// # Errors
///
/// The first error of `network`: a look that failed is not a look that found nothing.
/// [`DetectError::TooMany`] when all looks together found more than [`MOST`].
pub(super) fn look(
    model: &ModelCard,
    input: &ModelInput,
    mut network: impl FnMut(&ModelInput) -> Result<Vec<Detection>, DetectError>,
) -> Result<Vec<Detection>, DetectError> {
    let card = &model.input;
    let mut candidates = Vec::new();
    for &scale in &card.scales {
        if scale < 1.0 {
            let reduced = input.reduced(scale, card.multiple_of);
            let back = ratio(input.frame_shape(), reduced.frame_shape());
            let found = in_slices(card, &reduced, &mut network)?;
            candidates.extend(found.into_iter().map(|candidate| candidate.enlarged(back)));
        } else {
            candidates.extend(in_slices(card, input, &mut network)?);
        }
    }
    each_once(candidates).ok_or_else(|| DetectError::TooMany {
        model: model.name.clone(),
        limit: MOST,
    })
}

/// Looks at a picture as it is, in one piece or in slices.
fn in_slices(
    card: &InputCard,
    picture: &ModelInput,
    network: &mut impl FnMut(&ModelInput) -> Result<Vec<Detection>, DetectError>,
) -> Result<Vec<Candidate>, DetectError> {
    let (columns, rows) = picture.grey().shape();
    let across = slices(columns, card);
    let down = slices(rows, card);
    let whole = |find| Candidate { find, cut: false };
    if across.len() == 1 && down.len() == 1 {
        return Ok(network(picture)?.into_iter().map(whole).collect());
    }
    let mut candidates = Vec::new();
    for vertical in &down {
        for horizontal in &across {
            let corner = (horizontal.start, vertical.start);
            let part = picture.part(corner, (horizontal.len(), vertical.len()));
            let (dx, dy) = (px(corner.0), px(corner.1));
            candidates.extend(network(&part)?.into_iter().map(|mut find| {
                let found = find.bbox;
                find.bbox = BoxPx {
                    x0: found.x0 + dx,
                    y0: found.y0 + dy,
                    x1: found.x1 + dx,
                    y1: found.y1 + dy,
                };
                let cut = horizontal.cuts(find.bbox.x0, find.bbox.x1, columns)
                    || vertical.cuts(find.bbox.y0, find.bbox.y1, rows);
                Candidate { find, cut }
            }));
        }
    }
    Ok(candidates)
}

/// One slice along one side, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice {
    start: usize,
    end: usize,
}

impl Slice {
    fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether what reaches from `from` to `to` may go on behind an inner border of this slice.
    fn cuts(self, from: f32, to: f32, side: usize) -> bool {
        (self.start > 0 && from < px(self.start) + NEAR)
            || (self.end < side && to > px(self.end) - NEAR)
    }
}

/// Equal slices that cover `side` and share at least [`OVERLAP`]; one where the side is short enough.
///
/// They start on multiples of the network's own, so that its grid lies on the picture as it would undivided.
fn slices(side: usize, card: &InputCard) -> Vec<Slice> {
    let unit = card.multiple_of.max(1);
    let (units, most) = (side.div_ceil(unit), card.max_side / unit);
    let shared = OVERLAP.div_ceil(unit);
    if units <= most || most <= shared {
        return vec![Slice {
            start: 0,
            end: side,
        }];
    }
    let count = (units - shared).div_ceil(most - shared);
    let length = (units + (count - 1) * shared).div_ceil(count);
    let start = |number: usize| number * (units - length) / (count - 1);
    (0..count)
        .map(|number| Slice {
            start: start(number) * unit,
            end: ((start(number) + length) * unit).min(side),
        })
        .collect()
}

impl Candidate {
    fn enlarged(mut self, (x, y): (f32, f32)) -> Self {
        let found = self.find.bbox;
        self.find.bbox = BoxPx {
            x0: found.x0 * x,
            y0: found.y0 * y,
            x1: found.x1 * x,
            y1: found.y1 * y,
        };
        self
    }
}

/// Drops what another look found better: near-duplicates, and pieces of what is whole elsewhere.
///
/// A cut find that nothing covers stays: half a person is better masked than not. `None` for more than [`MOST`].
fn each_once(mut candidates: Vec<Candidate>) -> Option<Vec<Detection>> {
    candidates
        .sort_by(|a, b| (a.cut.cmp(&b.cut)).then_with(|| b.find.score.total_cmp(&a.find.score)));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let known = |better: &Candidate| {
            let (Candidate { find: better, cut }, new) = (better, &candidate.find);
            let same = if candidate.cut {
                better.bbox.shared(&new.bbox) > SAME * new.bbox.area()
            } else {
                better.bbox.iou(&new.bbox) > SAME
            };
            same && !cut && better.class == new.class
        };
        if !kept.iter().any(known) {
            kept.push(candidate);
        }
        if kept.len() > MOST {
            return None;
        }
    }
    let mut found: Vec<Detection> = kept.into_iter().map(|candidate| candidate.find).collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    Some(found)
}

fn ratio(large: (usize, usize), small: (usize, usize)) -> (f32, f32) {
    (px(large.0) / px(small.0), px(large.1) / px(small.1))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "pixel coordinates are far below 2^24"
)]
fn px(pixels: usize) -> f32 {
    pixels as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Class, Padding};
    use crate::raster::Raster;

    fn card(scales: &[f64]) -> ModelCard {
        let text = include_str!("../../models/person-vehicle-bicycle.toml");
        let mut card: ModelCard = toml::from_str(text).unwrap();
        card.input.multiple_of = 32;
        card.input.max_side = 1024;
        card.input.scales = scales.to_vec();
        card
    }

    fn picture(width: usize, height: usize, spots: &[(usize, usize, usize)]) -> ModelInput {
        let mut picture = Raster::filled(width, height, 0_u8).unwrap();
        for &(x, y, side) in spots {
            for y in y..y + side {
                for x in x..x + side {
                    *picture.get_mut(x, y).unwrap() = 200;
                }
            }
        }
        ModelInput::from_grey8(&picture, 32)
    }

    /// The box around everything bright: what a network sees of one square.
    #[expect(clippy::unnecessary_wraps, reason = "it stands for a network")]
    fn bright(input: &ModelInput) -> Result<Vec<Detection>, DetectError> {
        let (width, height) = input.frame_shape();
        let mut bbox: Option<BoxPx> = None;
        for y in 0..height {
            for x in 0..width {
                if *input.grey().get(x, y).unwrap() > 100.0 {
                    let old = bbox.unwrap_or(BoxPx {
                        x0: f32::MAX,
                        y0: f32::MAX,
                        x1: 0.0,
                        y1: 0.0,
                    });
                    bbox = Some(BoxPx {
                        x0: old.x0.min(px(x)),
                        y0: old.y0.min(px(y)),
                        x1: old.x1.max(px(x + 1)),
                        y1: old.y1.max(px(y + 1)),
                    });
                }
            }
        }
        Ok(bbox.into_iter().map(find).collect())
    }

    fn find(bbox: BoxPx) -> Detection {
        Detection {
            class: Class::Person,
            bbox,
            score: 0.5,
            padding: Padding {
                fraction: 0.0,
                px: 0.0,
            },
            alarm: 0.4,
        }
    }

    fn boxes(found: &[Detection]) -> Vec<[f32; 4]> {
        let edges = |find: &Detection| [find.bbox.x0, find.bbox.y0, find.bbox.x1, find.bbox.y1];
        found.iter().map(edges).collect()
    }

    #[test]
    fn slices_cover_every_side_overlap_enough_and_are_no_longer_than_allowed() {
        let card = card(&[1.0]).input;
        assert_eq!(slices(1024, &card).len(), 1);
        assert_eq!(
            slices(1280, &card),
            [
                Slice { start: 0, end: 704 },
                Slice {
                    start: 576,
                    end: 1280
                }
            ]
        );
        for side in (1056..9000).step_by(32) {
            let slices = slices(side, &card);
            assert_eq!(slices.first().map(|slice| slice.start), Some(0));
            assert_eq!(slices.last().map(|slice| slice.end), Some(side));
            assert!(slices.iter().all(|slice| slice.len() <= 1024), "{side}");
            assert!(slices.iter().all(|slice| slice.start % 32 == 0), "{side}");
            for pair in slices.windows(2) {
                assert!(pair[0].end >= pair[1].start + OVERLAP, "{side}");
            }
        }
    }

    #[test]
    fn a_thing_on_a_slice_border_is_found_once_and_whole_wherever_it_lies() {
        for x in (500..760).step_by(7) {
            let found = look(&card(&[1.0]), &picture(1280, 1024, &[(x, 40, 60)]), bright);
            let x = px(x);
            assert_eq!(boxes(&found.unwrap()), [[x, 40.0, x + 60.0, 100.0]]);
        }
    }

    #[test]
    fn a_thing_larger_than_the_overlap_is_covered_by_its_pieces() {
        let found = look(
            &card(&[1.0]),
            &picture(1280, 1024, &[(500, 40, 300)]),
            bright,
        )
        .unwrap();
        assert_eq!(
            boxes(&found),
            [[500.0, 40.0, 704.0, 340.0], [576.0, 40.0, 800.0, 340.0]]
        );
    }

    #[test]
    fn what_is_seen_at_several_scales_is_found_once_and_lies_where_it_is() {
        let input = picture(640, 512, &[(64, 128, 64)]);
        let mut sizes = Vec::new();
        let found = look(&card(&[1.0, 0.5, 0.25]), &input, |view| {
            sizes.push(view.grey().shape());
            bright(view)
        });
        assert_eq!(boxes(&found.unwrap()), [[64.0, 128.0, 128.0, 192.0]]);
        assert_eq!(sizes, [(640, 512), (320, 256), (160, 128)]);
        let coarse = look(&card(&[0.25]), &input, bright).unwrap();
        assert_eq!(boxes(&coarse), [[64.0, 128.0, 128.0, 192.0]]);
    }

    #[test]
    fn things_of_different_classes_in_one_place_both_stay() {
        let input = picture(640, 512, &[]);
        let found = look(&card(&[1.0]), &input, |_| {
            let person = find(BoxPx {
                x0: 10.0,
                y0: 10.0,
                x1: 30.0,
                y1: 30.0,
            });
            let window = Detection {
                class: Class::Window,
                ..person
            };
            Ok(vec![person, window])
        });
        assert_eq!(found.unwrap().len(), 2);
    }

    #[test]
    fn more_finds_than_anyone_could_check_are_an_error_over_all_slices_too() {
        let result = look(&card(&[1.0]), &picture(2048, 64, &[]), |view| {
            let side = |number: usize| px(view.frame_shape().0) / 400.0 * px(number);
            let sliver = |number| BoxPx {
                x0: side(number),
                y0: 8.0,
                x1: side(number + 1),
                y1: 12.0,
            };
            Ok((10..390).map(sliver).map(find).collect())
        });
        assert!(matches!(result, Err(DetectError::TooMany { .. })));
    }

    #[test]
    fn a_slice_that_fails_fails_the_look() {
        let mut looks = 0;
        let result = look(&card(&[1.0]), &picture(2048, 64, &[]), |_| {
            looks += 1;
            if looks < 2 {
                return Ok(Vec::new());
            }
            Err(DetectError::TooMany {
                model: "m".into(),
                limit: 1,
            })
        });
        assert!(result.is_err());
    }
}
