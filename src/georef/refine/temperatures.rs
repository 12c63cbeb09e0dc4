//! Temperatures of frames brought into agreement: an offset a frame, one vignetting for the camera.
//!
//! In: refined views, redacted rasters. Out: what to add to each frame's temperatures. Refuses: to level what no other frame sees; the
//! camera's vignetting goes from all.
//!
//! Uncooled cameras drift by degrees in flight and read their corners differently from their middle (DOMAIN section 2). Two frames that see
//! the same ground differ by their offsets and by the vignetting at two places of the sensor; many such differences give both. What all frames
//! share stays as it was: the mean offset is 0, and vignetting is 0 in the middle of the sensor, where lenses lose least.

use std::sync::Arc;

use rayon::prelude::*;

use super::least_squares::{Equation, solve};
use super::overlap::{is_hidden, level, patch_over};
use super::pairs::Overlaps;
use super::vignetting::{NUMBERS, TERMS, Vignetting, numbers, powers};
use crate::frame::FrameId;
use crate::georef::camera::as_f64;
use crate::georef::crs::median;
use crate::georef::{Surface, SurfaceError, View};
use crate::raster::Raster;

/// Standard deviation of an offset, in K.
const OFFSET: f64 = 2.0;
/// Of one difference: the camera's noise, what a shift of a pixel makes of texture, and what looks different from two sides.
const DIFFERENCE: f64 = 0.6;
/// Differences taken along each side of what two frames share.
const GRID: usize = 14;
/// Equations of 224 bytes at most, but for what each pair gives at least.
const MAX_EQUATIONS: usize = 400_000;
/// Differences along each side that a pair gives however many pairs there are.
const LEAST_GRID: usize = 3;
/// Pairs compared before what they tell is put with the rest.
const BATCH: usize = 128;
/// Unknowns of an equation: the offsets of its two frames, and what makes the vignetting.
const UNKNOWNS: usize = NUMBERS + 2;

/// What to add to one frame's temperatures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Radiometric {
    /// Everywhere, in K: whole millikelvin.
    pub offset: f32,
    /// By place.
    pub vignetting: Vignetting,
}

/// A flight's corrections of temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperatures {
    /// Per frame, in the order given.
    pub frames: Vec<Radiometric>,
    /// Per frame, the first of those that were brought to one level with it: itself where places seen by two frames tie it to none before it.
    pub levels: Vec<usize>,
    /// Median absolute difference between two frames at one place in K, as measured.
    pub before: Option<f64>,
    /// The same with the corrections.
    pub after: Option<f64>,
    /// Places compared.
    pub samples: usize,
}

impl Radiometric {
    /// What to add at a pixel, in K.
    #[must_use]
    pub fn at(&self, pixel: (f32, f32), size: (f32, f32)) -> f32 {
        self.offset + self.vignetting.at(pixel, size)
    }

    /// The raster with this added; no data stays so.
    #[must_use]
    pub fn apply(&self, celsius: &Raster<f32>) -> Raster<f32> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "sides of rasters lie far below 2^24"
        )]
        let as_f32 = |side: usize| side as f32;
        let size = (as_f32(celsius.width()), as_f32(celsius.height()));
        let mut corrected = celsius.clone();
        for (row, line) in corrected.rows_mut().enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                *value += self.at((as_f32(column) + 0.5, as_f32(row) + 0.5), size);
            }
        }
        corrected
    }
}

/// What a place tells that two frames see, the first two unknowns: `o_a + V(a) - o_b - V(b) = T_b - T_a`.
type Sample = Equation<UNKNOWNS>;

fn frames_of(sample: &Sample) -> [usize; 2] {
    let [a, b, ..] = sample.unknowns;
    [a as usize, b as usize]
}

/// Second less first, in K.
fn difference(sample: &Sample) -> f64 {
    sample.target * DIFFERENCE
}

/// What is looked for in one flight: an offset of each frame, and numbers that make the vignetting.
struct Unknowns {
    frames: usize,
    numbers: [([f64; TERMS], f64); NUMBERS],
}

impl Unknowns {
    /// Of a place that two frames see at these places of their sensors, the second so many kelvin warmer.
    fn equation(&self, (a, b): (usize, usize), places: [(f64, f64); 2], difference: f64) -> Sample {
        let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let mut terms = powers(places[0]);
        for (term, other) in terms.iter_mut().zip(powers(places[1])) {
            *term -= other;
        }
        let mut equation = Equation {
            unknowns: [0; UNKNOWNS],
            factors: [0.0; UNKNOWNS],
            target: difference / DIFFERENCE,
        };
        let offsets = [(index(a), OFFSET), (index(b), -OFFSET)];
        let numbers = self.numbers.iter().enumerate();
        let numbers = numbers.map(|(number, (made, sigma))| {
            let factor: f64 = made.iter().zip(&terms).map(|(a, b)| a * b).sum();
            (index(self.frames + number), factor * sigma)
        });
        let slots = equation.unknowns.iter_mut().zip(&mut equation.factors);
        for ((unknown, factor), (at, value)) in slots.zip(offsets.into_iter().chain(numbers)) {
            (*unknown, *factor) = (at, value / DIFFERENCE);
        }
        equation
    }

    /// Offsets and terms that explain the differences.
    fn solved(&self, samples: &[Sample]) -> Temperatures {
        let frames = self.frames;
        let sizes = std::iter::repeat_n(1, frames).chain([NUMBERS]);
        let x = solve(samples, vec![0.0; frames + NUMBERS], sizes);
        let at = |unknown: usize| x.get(unknown).copied().unwrap_or(0.0);
        let found: [f64; NUMBERS] = std::array::from_fn(|number| at(frames + number));
        let vignetting = Vignetting::of(&self.numbers, &found);
        let mut seen = vec![false; frames];
        for sample in samples {
            for frame in frames_of(sample) {
                if let Some(seen) = seen.get_mut(frame) {
                    *seen = true;
                }
            }
        }
        let known = seen.iter().enumerate().filter(|(_, seen)| **seen);
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), (frame, _)| {
            (sum + at(frame) * OFFSET, count + 1.0)
        });
        let shared = if count > 0.0 { sum / count } else { 0.0 };
        let offset = |(frame, seen): (usize, &bool)| {
            let kelvin = to_millikelvin(at(frame) * OFFSET - shared);
            Radiometric {
                offset: if *seen { kelvin } else { 0.0 },
                vignetting,
            }
        };
        let residual = |sample: &Sample| {
            let terms = sample.unknowns.iter().zip(&sample.factors);
            let told: f64 = terms
                .map(|(&unknown, factor)| factor * at(unknown as usize))
                .sum();
            difference(sample) - told * DIFFERENCE
        };
        let mut before: Vec<f64> = samples
            .iter()
            .map(|sample| difference(sample).abs())
            .collect();
        let mut after: Vec<f64> = samples
            .iter()
            .map(|sample| residual(sample).abs())
            .collect();
        Temperatures {
            before: median(&mut before),
            after: median(&mut after),
            frames: if samples.is_empty() {
                vec![Radiometric::default(); frames]
            } else {
                seen.iter().enumerate().map(offset).collect()
            },
            levels: levels(frames, samples),
            samples: samples.len(),
        }
    }
}

/// Brings the temperatures of one flight's frames (of one camera) into agreement.
///
/// `load` gives redacted temperatures in °C, all pixels of a frame or fewer ([`Detail`](super::Detail)).
///
/// # Errors
///
/// What `load` says, or that the surface cannot be read.
pub fn match_temperatures<E>(
    frames: &[(FrameId, View)],
    surface: &Surface,
    load: impl Fn(FrameId) -> Result<Arc<Raster<f32>>, E> + Sync,
) -> Result<Temperatures, E>
where
    E: From<SurfaceError> + Send,
{
    let overlaps = Overlaps::of(frames.iter().map(|(_, view)| view), surface);
    let pairs = &overlaps.pairs;
    let grid = GRID
        .min((MAX_EQUATIONS / pairs.len().max(1)).isqrt())
        .max(LEAST_GRID);
    let size = frames
        .first()
        .map_or((1.0, 1.0), |(_, view)| view.camera().size());
    let unknowns = Unknowns {
        frames: frames.len(),
        numbers: numbers(size),
    };
    let of_pair = |&(a, b): &(usize, usize)| -> Result<Vec<Sample>, E> {
        let frame = |at: usize| Some((*frames.get(at)?, overlaps.bounds(at)?));
        let (Some((first, bounds_a)), Some((second, bounds_b))) = (frame(a), frame(b)) else {
            return Ok(Vec::new());
        };
        let Some(shared) = bounds_a.intersection(bounds_b) else {
            return Ok(Vec::new());
        };
        let patch = patch_over(surface, shared)?;
        let (raster_a, raster_b) = (load(first.0)?, load(second.0)?);
        let (width, height) = shared.size();
        #[expect(clippy::cast_precision_loss, reason = "a few steps")]
        let share = |step: usize| (step as f64 + 0.5) / grid as f64;
        let mut samples = Vec::new();
        for at in 0..grid * grid {
            let east = shared.west + width * share(at % grid);
            let north = shared.south + height * share(at / grid);
            let up = level(patch.as_ref(), east, north);
            let look = |view: &View, raster: &Raster<f32>| {
                let hides = |patch| is_hidden(patch, view, east, north);
                if patch.as_ref().is_some_and(hides) {
                    return None;
                }
                let (u, v) = view.pixel_above(east, north, up)?;
                let celsius = measured(view, raster, (u, v))?;
                Some((f64::from(celsius), place(view, u, v)))
            };
            if let (Some(a_seen), Some(b_seen)) =
                (look(&first.1, &raster_a), look(&second.1, &raster_b))
            {
                samples.push(unknowns.equation((a, b), [a_seen.1, b_seen.1], b_seen.0 - a_seen.0));
            }
        }
        Ok(samples)
    };
    let mut samples = Vec::new();
    for batch in pairs.chunks(BATCH) {
        let all: Vec<Result<Vec<Sample>, E>> = batch.par_iter().map(of_pair).collect();
        for found in all {
            samples.extend(found?);
        }
    }
    Ok(unknowns.solved(&samples))
}

/// For each frame the first to which samples lead from it, over any number of frames.
fn levels(frames: usize, samples: &[Sample]) -> Vec<usize> {
    fn first(known: &[usize], mut frame: usize) -> usize {
        while let Some(&before) = known.get(frame).filter(|before| **before < frame) {
            frame = before;
        }
        frame
    }
    let mut known: Vec<usize> = (0..frames).collect();
    for [a, b] in samples.iter().map(frames_of) {
        let (from_a, from_b) = (first(&known, a), first(&known, b));
        let both = from_a.min(from_b);
        for frame in [a, b, from_a, from_b] {
            if let Some(known) = known.get_mut(frame) {
                *known = both;
            }
        }
    }
    (0..frames).map(|frame| first(&known, frame)).collect()
}

/// Kelvin, rounded to what the log holds.
pub(super) fn to_millikelvin(kelvin: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "kelvin")]
    let rounded = ((kelvin * 1e3).round() / 1e3) as f32;
    rounded
}

/// What a pixel measured, in a raster of its frame or in one with an n-th of its pixels along each side.
fn measured(view: &View, raster: &Raster<f32>, (u, v): (f64, f64)) -> Option<f32> {
    let shrunk = (as_f64(view.camera().width) / as_f64(raster.width())).round();
    raster.measured_at((u / shrunk, v / shrunk))
}

/// Place on the sensor, -1 to 1 in both directions.
fn place(view: &View, u: f64, v: f64) -> (f64, f64) {
    let (width, height) = view.camera().size();
    (2.0 * u / width - 1.0, 2.0 * v / height - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Attitude;
    use crate::georef::Intrinsics;
    use crate::units::{Degrees, Metres};

    const CAMERA: Intrinsics = Intrinsics {
        width: 160,
        height: 128,
        fx: 190.0,
        fy: 190.0,
        cx: 80.0,
        cy: 64.0,
    };

    #[derive(Debug)]
    struct Failure;
    impl From<SurfaceError> for Failure {
        fn from(_: SurfaceError) -> Self {
            Self
        }
    }

    /// A camera that drifts by up to 2 K and reads its corners 4 K low, over ground of 3 K of relief.
    type Frames = (Vec<(FrameId, View)>, Vec<Arc<Raster<f32>>>);

    fn flight() -> Frames {
        let mut views = Vec::new();
        let mut rasters = Vec::new();
        for at in 0..16_u8 {
            let attitude = Attitude {
                yaw: Degrees(90.0 * f64::from(at % 3)),
                pitch: Degrees(-90.0),
                roll: Degrees(0.0),
            };
            let centre = (9.0 * f64::from(at % 4), 8.0 * f64::from(at / 4));
            let view = View::new(CAMERA, centre, Metres(60.0), attitude);
            let samples = (0..160 * 128_u16).map(|index| {
                let (u, v) = (f64::from(index % 160) + 0.5, f64::from(index / 160) + 0.5);
                let (east, north) = view.ground(u, v).unwrap();
                let (x, y) = (u / 80.0 - 1.0, v / 64.0 - 1.0);
                let ground = 3.0 * (east * 0.11).sin() * (north * 0.07).cos();
                #[expect(clippy::cast_possible_truncation, reason = "temperatures")]
                let celsius = (ground + drift(at) - 2.0 * (x * x + y * y)) as f32;
                celsius
            });
            rasters.push(Arc::new(Raster::new(160, 128, samples.collect()).unwrap()));
            views.push((FrameId(u32::from(at)), view));
        }
        (views, rasters)
    }

    fn drift(at: u8) -> f64 {
        2.0 * (f64::from(at) * 0.8).sin()
    }

    #[test]
    fn drift_and_vignetting_are_told_apart_and_taken_out() {
        let (views, rasters) = flight();
        let load = |id: FrameId| Ok::<_, Failure>(Arc::clone(&rasters[id.0 as usize]));
        let found = match_temperatures(&views, &Surface::Flat, load).unwrap();
        assert!(
            found.before.unwrap() > 0.8 && found.after.unwrap() < 0.15,
            "{:?} {:?}",
            found.before,
            found.after
        );
        let vignetting = found.frames[0].vignetting;
        assert!(
            (vignetting.peak_to_peak() - 4.0).abs() < 0.5,
            "{}",
            vignetting.peak_to_peak()
        );
        let mean = (0..16).map(drift).sum::<f64>() / 16.0;
        for (at, frame) in (0..16).zip(&found.frames) {
            let error = f64::from(frame.offset) + drift(at) - mean;
            assert!(error.abs() < 0.3, "{at}: {error}");
        }
    }

    #[test]
    fn half_the_detail_tells_the_same() {
        let (views, rasters) = flight();
        let load = |id: FrameId| {
            let raster = Arc::clone(&rasters[id.0 as usize]);
            Ok::<_, Failure>(super::super::Detail::Half.of(raster))
        };
        let found = match_temperatures(&views, &Surface::Flat, load).unwrap();
        assert!(found.after.unwrap() < 0.15, "{:?}", found.after);
        let mean = (0..16).map(drift).sum::<f64>() / 16.0;
        for (at, frame) in (0..16).zip(&found.frames) {
            let error = f64::from(frame.offset) + drift(at) - mean;
            assert!(error.abs() < 0.3, "{at}: {error}");
        }
    }

    #[test]
    fn what_no_other_frame_sees_is_left_as_it_was() {
        let (mut views, rasters) = flight();
        views.truncate(1);
        let load = |id: FrameId| Ok::<_, Failure>(Arc::clone(&rasters[id.0 as usize]));
        let found = match_temperatures(&views, &Surface::Flat, load).unwrap();
        assert_eq!(
            (found.samples, found.frames),
            (0, vec![Radiometric::default()])
        );
        let kept = Radiometric::default().apply(&rasters[0]);
        assert_eq!(&kept, rasters[0].as_ref());
    }

    /// 0, 2 and 5 hang together over 5, as do 3 and 4 by the last sample; 1 does with none.
    #[test]
    fn frames_are_at_one_level_with_those_to_which_samples_lead() {
        let unknowns = Unknowns {
            frames: 6,
            numbers: numbers((1.0, 1.0)),
        };
        let sample = |frames| unknowns.equation(frames, [(0.0, 0.0); 2], 0.0);
        let samples = [(2, 5), (0, 5), (3, 4)].map(sample);
        assert_eq!(levels(6, &samples), [0, 1, 0, 3, 3, 0]);
        let (views, rasters) = flight();
        let load = |id: FrameId| Ok::<_, Failure>(Arc::clone(&rasters[id.0 as usize]));
        let found = match_temperatures(&views, &Surface::Flat, load).unwrap();
        assert_eq!(found.levels, [0; 16]);
    }

    #[test]
    fn no_data_stays_no_data() {
        let raster = Raster::new(2, 1, vec![f32::NAN, 1.0]).unwrap();
        let corrected = Radiometric {
            offset: 2.0,
            ..Radiometric::default()
        }
        .apply(&raster);
        assert!(corrected.get(0, 0).unwrap().is_nan());
        assert_eq!(corrected.get(1, 0), Some(&3.0));
    }
}
