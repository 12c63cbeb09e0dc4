//! What a map shows where it goes from one frame to the next, found without the code that draws it.

use std::collections::BTreeSet;
use std::sync::Arc;

use heatveil::frame::FrameId;
use heatveil::georef::{Bounds, Surface, View};
use heatveil::raster::Raster;
use heatveil::units::{Degrees, Metres};

/// Metres between two places along a line of places, and between two lines.
const STEP: f64 = 0.32;
const LINES: f64 = 2.0;
/// Places of a stretch: 5 m.
const STRETCH: usize = 16;
/// Places to either side of a seam that lie beside it.
const BESIDE: usize = 6;
/// Frames show places up to this far from straight down.
const LIMIT: Degrees = Degrees(50.0);

/// Absolute differences in K between two frames at one place, and between two neighbouring places.
pub(crate) struct Seams {
    /// At every place that two frames see: the most and the second most steeply looking one.
    pub(crate) everywhere: Spread,
    /// Of the mean over a stretch of them, from one frame to one other: noise and texture leave it, levels and vignetting do not.
    pub(crate) stretches: Spread,
    /// As everywhere, where the next place is drawn from another frame: that frame and this one, both here.
    pub(crate) borders: Spread,
    /// Between two neighbouring places drawn from two frames.
    pub(crate) across: Spread,
    /// Between two neighbouring places drawn from one frame, beside a seam: what the ground itself changes by.
    pub(crate) beside: Spread,
}

/// Mean and median.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) mean: f64,
    pub(crate) median: f64,
    pub(crate) count: usize,
}

impl Spread {
    fn of(mut kelvin: Vec<f64>) -> Self {
        kelvin.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "places")]
        let mean = kelvin.iter().sum::<f64>() / kelvin.len() as f64;
        Self {
            mean,
            median: kelvin[kelvin.len() / 2],
            count: kelvin.len(),
        }
    }
}

/// A place: frames that see it, the steepest first, with what they show.
type Place = Vec<(usize, f64)>;

impl Seams {
    pub(crate) fn of(
        ground: &Surface,
        views: &[(FrameId, View)],
        rasters: &[Arc<Raster<f32>>],
    ) -> Self {
        let bounds: Vec<Bounds> = views
            .iter()
            .map(|(_, view)| view.bounds_between(ground.range(), LIMIT).unwrap())
            .collect();
        let area = bounds.iter().copied().reduce(Bounds::union).unwrap();
        let patch = ground.patch(area.grown(Metres(1.0))).unwrap();
        let steps = |from: f64, to: f64, step: f64| {
            let places = (0_u32..).map(move |at| from + step * f64::from(at));
            places.take_while(move |place| *place <= to)
        };
        let look = |(east, north): (f64, f64)| -> Place {
            let up = patch
                .as_ref()
                .map_or(0.0, |patch| patch.height(east, north).unwrap());
            let mut seen: Vec<(f64, usize, f64)> = (0..views.len())
                .filter(|&frame| {
                    let spot = Bounds::around(&[(east, north)]).unwrap();
                    bounds[frame].holds(spot)
                })
                .filter_map(|frame| {
                    let view = &views[frame].1;
                    let (camera_east, camera_north) = view.centre();
                    let plan = (camera_east - east).hypot(camera_north - north);
                    let tangent = plan / (view.height().0 - up);
                    let steep = tangent <= LIMIT.to_radians().tan();
                    let celsius = steep
                        .then(|| view.sample_above(&rasters[frame], (east, north), up))
                        .flatten()?;
                    Some((tangent, frame, f64::from(celsius)))
                })
                .filter(|(_, _, celsius)| celsius.is_finite())
                .collect();
            seen.sort_by(|a, b| a.0.total_cmp(&b.0));
            seen.into_iter()
                .map(|(_, frame, celsius)| (frame, celsius))
                .collect()
        };
        let mut stretches = Vec::new();
        let (mut everywhere, mut borders) = (Vec::new(), Vec::new());
        let (mut across, mut beside) = (Vec::new(), Vec::new());
        for north in steps(area.south, area.north, LINES) {
            let line: Vec<Place> = steps(area.west, area.east, STEP)
                .map(|east| look((east, north)))
                .collect();
            let seen_twice = line.iter().filter(|place| place.len() > 1);
            everywhere.extend(seen_twice.map(|place| (place[0].1 - place[1].1).abs()));
            for stretch in line.chunks_exact(STRETCH) {
                let pairs: Vec<_> = stretch
                    .iter()
                    .filter_map(|place| Some((place.first()?, place.get(1)?)))
                    .collect();
                if pairs.len() == STRETCH
                    && pairs
                        .iter()
                        .all(|(a, b)| (a.0, b.0) == (pairs[0].0.0, pairs[0].1.0))
                {
                    let sum: f64 = pairs.iter().map(|(a, b)| a.1 - b.1).sum();
                    #[expect(clippy::cast_precision_loss, reason = "16")]
                    stretches.push((sum / STRETCH as f64).abs());
                }
            }
            let is_seam = |at: usize| {
                let pair = line.get(at..at + 2).unwrap_or_default();
                let first = pair.iter().filter_map(|place| place.first());
                first
                    .map(|(frame, _)| *frame)
                    .collect::<BTreeSet<_>>()
                    .len()
                    == 2
            };
            for (at, pair) in line.windows(2).enumerate() {
                let (Some(here), Some(next)) = (pair[0].first(), pair[1].first()) else {
                    continue;
                };
                let step = (here.1 - next.1).abs();
                if here.0 != next.0 {
                    across.push(step);
                    let other = pair[0].iter().find(|(frame, _)| *frame == next.0);
                    borders.extend(other.map(|(_, other)| (here.1 - other).abs()));
                } else if (at.saturating_sub(BESIDE)..=at + BESIDE).any(is_seam) {
                    beside.push(step);
                }
            }
        }
        let [everywhere, stretches, borders, across, beside] =
            [everywhere, stretches, borders, across, beside].map(Spread::of);
        Self {
            everywhere,
            stretches,
            borders,
            across,
            beside,
        }
    }

    /// For people.
    pub(crate) fn line(&self) -> String {
        let part = |name: &str, spread: Spread| {
            format!(
                "{name} mean {:.3} median {:.3} K ({})",
                spread.mean, spread.median, spread.count
            )
        };
        [
            part("everywhere", self.everywhere),
            part("over stretches", self.stretches),
            part("on seams", self.borders),
            part("step across seams", self.across),
            part("step beside them", self.beside),
        ]
        .join(", ")
    }
}
