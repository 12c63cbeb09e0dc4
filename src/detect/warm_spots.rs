//! Warm spots: whatever is as warm and as large as a person, found without a network.
//!
//! In: a [`ModelInput`] and the frame's ground resolution. Out: [`Detections`] of [`Class::WarmSpot`]. Refuses
//! nothing: without a usable resolution no size is known, and nothing is found.
//!
//! A pixel is warm when the mean of its 3x3 neighbourhood stands out from the ring of ground around it, by the
//! ring's own spread and by grey levels of the frame's stretch. Where the frame has temperatures, some kelvin are
//! enough whatever the stretch, as one hot chimney widens it until people are a few levels above the ground. Warm
//! pixels that touch form a region; its size in metres decides. Cold spots are not looked for.

use fearless_simd::{Level, dispatch};

use super::area_sums::{STEPS_PER_GREY, Steps, Sum};
use super::{BoxPx, Class, Detection, Detections, Line, Padding};
use crate::frame::{FrameId, ModelInput};
use crate::raster::Raster;
use crate::units::Metres;

/// When a region is a warm spot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmSpotConfig {
    /// Kelvin above the surroundings at least, for frames that carry temperatures.
    pub min_contrast_k: f64,
    /// Standard deviations of the surroundings that it stands out by at least.
    pub min_deviations: f64,
    /// Longer side at least.
    pub min_length: Metres,
    /// Longer side at most, after the blur of the optics is taken off.
    pub max_length: Metres,
    /// Square metres at most.
    pub max_area_m2: f64,
}

impl Default for WarmSpotConfig {
    /// Chosen on training scenes of HIT-UAV, where they mask 1 to 1.5 % of the frame: `models/README.md`.
    fn default() -> Self {
        Self {
            min_contrast_k: 0.5,
            min_deviations: 2.4,
            min_length: Metres(0.25),
            max_length: Metres(2.0),
            max_area_m2: 1.5,
        }
    }
}

/// Grey levels of the frame's stretch (0 to 255) above the surroundings at least ...
const MIN_CONTRAST_GREY: f64 = 60.0;
/// ... or this many kelvin, where fewer. At 3 K the fixture's masks grow from 1.9 to 2.4 % of the frame and cover no
/// more people.
const WARM_ENOUGH_K: f64 = 4.0;
/// Added to the spread of the surroundings, grey levels: sensor noise on perfectly even ground.
const NOISE_GREY: f64 = 4.0;
/// The ring of ground that a pixel is compared with reaches from here ...
const RING_INNER_M: f64 = 1.0;
/// ... to here.
const RING_OUTER_M: f64 = 2.0;
/// Pixels by which optics and the 3x3 mean widen a region.
const BLUR_PX: usize = 2;
/// A region fills at least this share of its box, and is at most this much longer than wide.
const MIN_FILL: f64 = 0.35;
const MAX_ELONGATION: usize = 4;
/// A side of fewer pixels is noise.
const MIN_SIDE_PX: usize = 3;
/// More than these in one frame are clutter: the ones that stand out most are kept, the rest is not masked.
const MAX_SPOTS: usize = 100;
/// Resolutions at which a person is at least a few pixels, and at most a frame.
const RESOLUTIONS_M: std::ops::RangeInclusive<f64> = 0.002..=0.5;
/// Standing out by this many deviations is as sure as it gets: score 1.
const SURE_DEVIATIONS: f64 = 10.0;

/// The second line of defence; see the module.
#[derive(Debug, Clone, Copy)]
pub struct WarmSpots {
    config: WarmSpotConfig,
}

impl WarmSpots {
    /// How far masks reach past a spot.
    pub(crate) const PADDING: Padding = Padding {
        fraction: 0.1,
        px: 2.0,
    };

    /// A detector with these limits.
    #[must_use]
    pub fn new(config: &WarmSpotConfig) -> Self {
        Self { config: *config }
    }

    /// Looks at one frame whose pixels measure `ground_resolution` on the ground.
    #[must_use]
    pub fn look(
        &self,
        frame: FrameId,
        input: &ModelInput,
        ground_resolution: Metres,
    ) -> Detections {
        let mut found = if RESOLUTIONS_M.contains(&ground_resolution.0) {
            self.spots(input, ground_resolution.0)
        } else {
            Vec::new()
        };
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(MAX_SPOTS);
        Detections::completed(frame, Line::WarmSpots, found)
    }

    fn spots(&self, input: &ModelInput, metres: f64) -> Vec<Detection> {
        // For the widest vectors that the processor has. All of them find the same: sums are whole numbers, and no operation is fused.
        let stands_out = dispatch!(Level::new(), _ => self.standing_out(input, metres));
        regions(stands_out)
            .into_iter()
            .filter(|region| self.fits(region, metres))
            .map(|region| region.detection())
            .collect()
    }

    /// Deviations by which every pixel stands out from the ground around it; 0 where it is too little.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a radius of at most a thousand pixels; deviations as f32"
    )]
    #[expect(clippy::inline_always, reason = "else it is not compiled for them")]
    #[inline(always)]
    fn standing_out(&self, input: &ModelInput, metres: f64) -> Raster<f32> {
        let (width, height) = input.frame_shape();
        let steps = Steps::of(input.grey(), width, height);
        let outer = ((RING_OUTER_M / metres).round() as usize).max(6);
        let inner = ((RING_INNER_M / metres).round() as usize).clamp(3, outer - 1);
        let least = self.least_steps(input);
        let mut samples = vec![0.0; width * height];
        let [mut near, mut without, mut all] = [1, inner, outer].map(|radius| steps.band(radius));
        // Around these columns every square is whole, as far as the row allows, so that counts are the same for all.
        let whole = outer.min(width)..width.saturating_sub(outer).max(outer.min(width));
        for (y, row) in samples.chunks_exact_mut(width).enumerate() {
            for band in [&mut near, &mut without, &mut all] {
                band.move_to(y);
            }
            let ring = |x: usize| all.around(x) - without.around(x);
            let edges = (0..whole.start).chain(whole.end..width);
            let exceeds = |&x: &usize| near.around(x).exceeds(ring(x), least);
            let mut warm: Vec<usize> = edges.filter(exceeds).collect();
            if !whole.is_empty() {
                let (near_count, ring_count) =
                    (near.around(whole.start).count, ring(whole.start).count);
                let [near, without, all] =
                    [&near, &without, &all].map(|band| band.along(whole.clone()));
                let sums = whole.clone().zip(near.zip(all.zip(without)));
                warm.extend(sums.filter_map(|(x, (near, (all, without)))| {
                    let ground = Sum {
                        count: ring_count,
                        sum: all - without,
                    };
                    let here = Sum {
                        count: near_count,
                        sum: near,
                    };
                    here.exceeds(ground, least).then_some(x)
                }));
            }
            if warm.is_empty() {
                continue;
            }
            let (inner_squares, outer_squares) = (without.squares(), all.squares());
            for x in warm {
                let (here, ground) = (near.around(x), ring(x));
                let squares = outer_squares(x) - inner_squares(x);
                let contrast = here.mean() - ground.mean();
                let deviations = contrast / (ground.deviation(squares) + NOISE_GREY);
                if deviations >= self.config.min_deviations {
                    row[x] = deviations as f32;
                }
            }
        }
        Raster::new(width, height, samples).expect("one sample for each pixel of the frame")
    }

    /// The least contrast in steps of grey: from kelvin where the frame has them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "grey levels from 0 to 256"
    )]
    fn least_steps(&self, input: &ModelInput) -> u64 {
        let grey = input.kelvin_per_grey().map_or(MIN_CONTRAST_GREY, |kelvin| {
            let levels = |contrast_k: f64| contrast_k / f64::from(kelvin);
            MIN_CONTRAST_GREY
                .min(levels(WARM_ENOUGH_K))
                .max(levels(self.config.min_contrast_k))
        });
        (grey.clamp(0.0, 256.0) * STEPS_PER_GREY).ceil() as u64
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "pixel counts are far below 2^52"
    )]
    fn fits(&self, region: &Region, metres: f64) -> bool {
        let (width, height) = (region.x1 - region.x0 + 1, region.y1 - region.y0 + 1);
        let (long, short) = (width.max(height), width.min(height));
        let pixels = region.pixels as f64;
        long >= MIN_SIDE_PX
            && long as f64 * metres >= self.config.min_length.0
            && long.saturating_sub(BLUR_PX) as f64 * metres <= self.config.max_length.0
            && pixels * metres * metres <= self.config.max_area_m2
            && pixels >= MIN_FILL * (width * height) as f64
            && long <= MAX_ELONGATION * short
    }
}

/// Pixels that stand out and touch, corners included.
#[derive(Debug, Clone, Copy)]
struct Region {
    x0: usize,
    y0: usize,
    x1: usize,
    y1: usize,
    pixels: usize,
    deviations: f32,
}

impl Region {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "pixel coordinates are far below 2^23"
    )]
    fn detection(&self) -> Detection {
        Detection {
            class: Class::WarmSpot,
            bbox: BoxPx {
                x0: self.x0 as f32,
                y0: self.y0 as f32,
                x1: (self.x1 + 1) as f32,
                y1: (self.y1 + 1) as f32,
            },
            score: (self.deviations / SURE_DEVIATIONS as f32).min(1.0),
            padding: WarmSpots::PADDING,
            // Never withholds: spots are looked for once, and what is masked is gone.
            alarm: f32::INFINITY,
        }
    }
}

/// Regions in the order of their first pixel.
fn regions(mut open: Raster<f32>) -> Vec<Region> {
    let (width, height) = open.shape();
    let mut take = |x: usize, y: usize| -> Option<f32> {
        let value = open.get_mut(x, y)?;
        (*value > 0.0).then(|| std::mem::take(value))
    };
    let mut found = Vec::new();
    let mut waiting = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let Some(deviations) = take(x, y) else {
                continue;
            };
            let mut region = Region {
                x0: x,
                y0: y,
                x1: x,
                y1: y,
                pixels: 1,
                deviations,
            };
            waiting.push((x, y));
            while let Some((x, y)) = waiting.pop() {
                for next_y in y.saturating_sub(1)..=y + 1 {
                    for next_x in x.saturating_sub(1)..=x + 1 {
                        let Some(deviations) = take(next_x, next_y) else {
                            continue;
                        };
                        region.x0 = region.x0.min(next_x);
                        region.y0 = region.y0.min(next_y);
                        region.x1 = region.x1.max(next_x);
                        region.y1 = region.y1.max(next_y);
                        region.pixels += 1;
                        region.deviations = region.deviations.max(deviations);
                        waiting.push((next_x, next_y));
                    }
                }
            }
            found.push(region);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ground of 100 grey with a little texture, and a rectangle of 220 on it, as the frame's picture.
    fn scene(rect: (usize, usize, usize, usize)) -> Raster<u8> {
        let (x0, y0, x1, y1) = rect;
        let samples = (0..160 * 128).map(|i| {
            let (x, y) = (i % 160, i / 160);
            let inside = (x0..x1).contains(&x) && (y0..y1).contains(&y);
            let texture = u8::try_from((x * 7 + y * 13) % 5).unwrap();
            if inside { 220 } else { 100 + texture }
        });
        Raster::new(160, 128, samples.collect()).unwrap()
    }

    fn look(picture: &Raster<u8>, metres: f64) -> Vec<Detection> {
        let input = ModelInput::from_grey8(picture, 32);
        let spots = WarmSpots::new(&WarmSpotConfig::default());
        spots
            .look(FrameId(0), &input, Metres(metres))
            .found()
            .to_vec()
    }

    #[test]
    fn finds_a_person_wherever_it_stands() {
        for rect in [
            (70, 60, 80, 76),
            (0, 0, 10, 16),
            (150, 112, 160, 128),
            (90, 0, 100, 8),
        ] {
            let found = look(&scene(rect), 0.05);
            assert_eq!(found.len(), 1, "{rect:?}");
            let (x0, y0, x1, y1) = rect;
            let BoxPx {
                x0: left,
                y0: top,
                x1: right,
                y1: bottom,
            } = found[0].bbox;
            let near = |a: f32, b: usize| (a - f32::from(u16::try_from(b).unwrap())).abs() <= 1.0;
            assert!(
                near(left, x0) && near(top, y0) && near(right, x1) && near(bottom, y1),
                "{:?}",
                found[0].bbox
            );
        }
    }

    #[test]
    fn a_roof_a_pipe_and_a_single_hot_pixel_are_no_persons() {
        for rect in [(20, 20, 140, 100), (5, 60, 155, 63), (80, 60, 81, 61)] {
            assert_eq!(look(&scene(rect), 0.05), vec![], "{rect:?}");
        }
    }

    #[test]
    fn the_same_pixels_are_a_person_near_and_a_van_far_away() {
        let picture = scene((70, 60, 80, 76));
        assert_eq!(look(&picture, 0.05).len(), 1);
        assert_eq!(look(&picture, 0.2), vec![]);
    }

    #[test]
    fn a_slight_warmth_in_kelvin_is_ground() {
        let mut celsius = scene((70, 60, 80, 76)).map(|&grey| f32::from(grey) / 255.0);
        *celsius.get_mut(0, 0).unwrap() = 0.0;
        let spots = WarmSpots::new(&WarmSpotConfig::default());
        let found = |celsius: &Raster<f32>| {
            let input = crate::frame::model_input_for_test(celsius);
            spots.look(FrameId(0), &input, Metres(0.05)).found().len()
        };
        // 120 grey levels of 1/255 K each are 0.47 K; ten times that is a person.
        assert_eq!(found(&celsius), 0);
        assert_eq!(found(&celsius.map(|value| value * 10.0)), 1);
    }

    #[test]
    fn a_hot_chimney_does_not_hide_a_person_in_a_thick_coat() {
        // Ground at 2 °C with noise, a person at 7 °C, and a strip of flue gas at 60 °C that is no person: the
        // person stands only 22 of 255 grey levels above the ground.
        let mut celsius = scene((70, 60, 80, 76)).map(|&grey| match grey {
            220 => 7.0,
            grey => 2.0 + 0.03 * (f32::from(grey) - 102.0),
        });
        for y in 0..128 {
            for x in 0..2 {
                *celsius.get_mut(x, y).unwrap() = 60.0;
            }
        }
        let input = crate::frame::model_input_for_test(&celsius);
        let found = WarmSpots::new(&WarmSpotConfig::default())
            .look(FrameId(0), &input, Metres(0.05))
            .found()
            .to_vec();
        let person = |found: &Detection| found.bbox.x0 > 60.0 && found.bbox.x1 < 90.0;
        assert_eq!(
            found.iter().filter(|found| person(found)).count(),
            1,
            "{found:?}"
        );
    }

    #[test]
    fn without_a_usable_resolution_nothing_is_found() {
        for metres in [0.0, -1.0, 10.0, f64::NAN, f64::INFINITY] {
            assert_eq!(look(&scene((70, 60, 80, 76)), metres), vec![]);
        }
    }

    proptest! {
        #[test]
        fn any_picture_gives_boxes_inside_it(
            (width, height) in (1_usize..40, 1_usize..40),
            seed in any::<u64>(),
            metres in 0.001_f64..0.6,
        ) {
            let noise = (0..width * height).map(|i| {
                let i = u64::try_from(i).unwrap();
                (seed.wrapping_mul(i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56).to_le_bytes()[0]
            });
            let picture = Raster::new(width, height, noise.collect()).unwrap();
            let side = |pixels: usize| f32::from(u16::try_from(pixels).unwrap());
            for found in look(&picture, metres) {
                let BoxPx { x0, y0, x1, y1 } = found.bbox;
                prop_assert!(0.0 <= x0 && x0 < x1 && x1 <= side(width));
                prop_assert!(0.0 <= y0 && y0 < y1 && y1 <= side(height));
                prop_assert!((0.0..=1.0).contains(&found.score));
            }
        }
    }
}
