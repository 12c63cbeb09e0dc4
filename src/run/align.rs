//! The frames of each flight brought into agreement before they are drawn.
//!
//! In: views, the surface, publishable rasters. Out: refined views, what to add to temperatures, the evidence for log and summary.
//! Refuses: to read anything that may not be published itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::ThreadPool;
use serde::Serialize;

use super::{Run, RunError};
use crate::audit::Placed;
use crate::frame::FrameId;
use crate::georef::{
    Correction, Detail, Located, Offsets, Poses, Radiometric, Stated, Surface, Temperatures, View,
    match_temperatures, refine_poses,
};
use crate::raster::{Raster, RasterCache};
use crate::tiles::MosaicFrame;
use crate::units::Metres;

/// Bytes of rasters held while they are compared.
const CACHE: usize = 128 << 20;

/// Standard deviation of a position without RTK, in metres, and of a compass, in radians: what refinement takes them for.
const GPS: f64 = 1.0;
const COMPASS: f64 = 0.035;
/// Of a pose that photogrammetry software worked out, in metres.
const SOFTWARE: f64 = 0.1;

/// What refinement did.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    /// Sum of squares over frames of the standard uncertainty of where the map shows a place, and frames.
    place: (f64, f64),
    temperatures: BTreeMap<FrameId, Radiometric>,
    /// Frames whose temperatures were brought to one level; each alone where no overlap ties it to another, and where they are not matched.
    pub(super) levels: Vec<Vec<FrameId>>,
    /// The ground as overlaps tell it; `None` where it was not looked for or nothing overlaps.
    pub(super) ground: Option<Surface>,
    /// One a frame, in ascending order.
    pub(super) placed: Vec<Placed>,
    /// One a flight.
    pub(super) flights: Vec<FlightAlignment>,
}

/// What refinement did to one flight; `null` where it was switched off or nothing overlaps.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FlightAlignment {
    /// Median distance in pixels between the places where two frames show the same ground, with the poses of the files.
    pub offset_before_px: Option<f64>,
    /// The same with poses refined on flat ground and squares matched in half their detail, before the last rounds, which look for the ground's
    /// level too; `null` with a surface model and where cameras look obliquely.
    pub offset_on_flat_px: Option<f64>,
    /// The same with refined poses, on the ground that the map is drawn on.
    pub offset_after_px: Option<f64>,
    /// Of that the part across the line between the two cameras, where heights of the ground that are not known show nothing.
    pub offset_after_across_px: Option<f64>,
    /// Matched squares of ground.
    pub matches: usize,
    /// Pairs of overlapping frames that were compared.
    pub pairs: usize,
    /// Of these, the pairs that were seen to show the same ground.
    pub pairs_tied: usize,
    /// Factor on the focal length.
    pub focal_factor: Option<f64>,
    /// How far right and down the optical axis meets the sensor, in focal lengths.
    pub axis: Option<[f64; 2]>,
    /// `k1` and `k2` of the lens.
    pub lens: Option<[f64; 2]>,
    /// Median absolute difference in kelvin between two frames at one place, as measured.
    pub seam_before_kelvin: Option<f64>,
    /// The same with offsets and vignetting taken out.
    pub seam_after_kelvin: Option<f64>,
    /// Vignetting taken out, peak to peak in kelvin.
    pub vignetting_kelvin: Option<f64>,
    /// Its terms, for the log alone.
    #[serde(skip)]
    vignetting_mk: Vec<i32>,
}

impl Alignment {
    /// Refines the views of `frames` flight by flight, as far as the settings allow; poses that software worked out stay as they are.
    pub(super) fn of(
        run: &Run,
        pool: &ThreadPool,
        surface: &Surface,
        frames: &mut [MosaicFrame],
        flights: &[Vec<FrameId>],
        located: &BTreeMap<FrameId, Located>,
        load: &(impl Fn(FrameId) -> Result<Arc<Raster<f32>>, RunError> + Sync + Send),
    ) -> Result<Self, RunError> {
        let mut alignment = Self::default();
        let config = &run.config;
        let is_loose = |id: &FrameId| located.get(id).is_none_or(|located| !located.is_known());
        let accuracy = |id: &FrameId| {
            let position = located.get(id).map(Located::position);
            position.map_or((None, None), |at| (at.accuracy, at.vertical_accuracy))
        };
        let at: BTreeMap<FrameId, usize> = frames
            .iter()
            .enumerate()
            .map(|(at, frame)| (frame.id, at))
            .collect();
        let mut ground: Option<Surface> = None;
        for flight in flights {
            let view = |id: &FrameId| Some((*id, frames.get(*at.get(id)?)?.view));
            let mut views: Vec<(FrameId, View)> = flight.iter().filter_map(view).collect();
            let (whole, halves) = (RasterCache::new(CACHE / 2), RasterCache::new(CACHE / 2));
            let half = |id| halves.get(id, || Ok(Detail::Half.of(load(id)?)));
            let detailed = |id, detail| match detail {
                Detail::Half => half(id),
                Detail::Full => whole.get(id, || load(id)),
            };
            let (mut poses, mut temperatures) = (None, None);
            if config.georef.refine {
                let loose: Vec<Stated> = views
                    .iter()
                    .filter(|(id, _)| is_loose(id))
                    .map(|&(id, view)| Stated {
                        id,
                        view,
                        accuracy: accuracy(&id),
                    })
                    .collect();
                let mut found: Poses = pool.install(|| {
                    refine_poses(&loose, ground.as_ref().unwrap_or(surface), detailed)
                })?;
                // The next flight goes on from what this one found.
                let relief = found.relief.clone().filter(|relief| relief.count() > 0);
                ground = relief.map(Surface::Relief).or(ground);
                let free = views.iter_mut().filter(|(id, _)| is_loose(id));
                for (index, (_, view)) in free.enumerate() {
                    *view = found.view(index, view);
                }
                found.spread(views.iter().map(|(id, _)| is_loose(id)));
                poses = Some(found);
            }
            if config.tiles.match_temperatures {
                let found = pool.install(|| {
                    match_temperatures(&views, ground.as_ref().unwrap_or(surface), half)
                })?;
                temperatures = Some(found);
            }
            for (id, view) in &views {
                if let Some(frame) = at.get(id).and_then(|at| frames.get_mut(*at)) {
                    frame.view = *view;
                }
            }
            let sigma = place(&views, &is_loose, &accuracy, poses.as_ref());
            #[expect(clippy::cast_precision_loss, reason = "frames of a flight")]
            let frames = views.len() as f64;
            alignment.place.0 += frames * sigma * sigma;
            alignment.place.1 += frames;
            alignment.level(&views, temperatures.as_ref());
            alignment.record(&views, poses.as_ref(), temperatures.as_ref());
        }
        alignment.placed.sort_by_key(|placed| placed.frame);
        alignment.ground = ground;
        Ok(alignment)
    }

    fn level(&mut self, views: &[(FrameId, View)], temperatures: Option<&Temperatures>) {
        let mut levels: BTreeMap<usize, Vec<FrameId>> = BTreeMap::new();
        for (index, (id, _)) in views.iter().enumerate() {
            let first = temperatures.and_then(|found| found.levels.get(index));
            let level = first.copied().unwrap_or(index);
            levels.entry(level).or_default().push(*id);
        }
        self.levels.extend(levels.into_values());
    }

    fn record(
        &mut self,
        views: &[(FrameId, View)],
        poses: Option<&Poses>,
        temperatures: Option<&Temperatures>,
    ) {
        for (index, (id, _)) in views.iter().enumerate() {
            let correction = poses
                .and_then(|poses| poses.corrections.get(index))
                .copied();
            let matches = poses.and_then(|poses| poses.matches.get(index)).copied();
            let radiometric = temperatures
                .and_then(|found| found.frames.get(index))
                .copied();
            self.placed.push(placed(
                *id,
                correction.unwrap_or_default(),
                radiometric.unwrap_or_default(),
                matches.unwrap_or_default(),
            ));
            self.temperatures
                .extend(radiometric.map(|radiometric| (*id, radiometric)));
        }
        let median = |offsets: Option<Offsets>| offsets.map(|offsets| offsets.median_px);
        let camera = poses
            .filter(|poses| poses.after.is_some())
            .map(|poses| poses.camera);
        let matched = temperatures.filter(|found| found.samples > 0);
        let first = matched.and_then(|found| found.frames.first());
        self.flights.push(FlightAlignment {
            offset_before_px: poses.and_then(|poses| median(poses.before)),
            offset_on_flat_px: poses.and_then(|poses| median(poses.on_flat)),
            offset_after_px: poses.and_then(|poses| median(poses.after)),
            offset_after_across_px: poses
                .and_then(|poses| poses.after)
                .and_then(|after| after.median_across_px),
            matches: poses
                .and_then(|poses| poses.after)
                .map_or(0, |after| after.matches),
            pairs: poses.map_or(0, |poses| poses.pairs),
            pairs_tied: poses.map_or(0, |poses| poses.tied),
            axis: camera.map(|camera| [camera.axis.0, camera.axis.1]),
            focal_factor: camera.map(|camera| camera.focal),
            lens: camera.map(|camera| [camera.lens.k1, camera.lens.k2]),
            seam_before_kelvin: matched.and_then(|found| found.before),
            seam_after_kelvin: matched.and_then(|found| found.after),
            vignetting_kelvin: first.map(|frame| f64::from(frame.vignetting.peak_to_peak())),
            vignetting_mk: first
                .map_or_else(Vec::new, |frame| frame.vignetting.millikelvin().into()),
        });
    }

    /// Standard uncertainty, along each axis, of where the map shows a place.
    pub(super) fn place(&self) -> Metres {
        Metres((self.place.0 / self.place.1.max(1.0)).sqrt())
    }

    /// The raster with offset and vignetting taken out.
    pub(super) fn apply(&self, id: FrameId, celsius: Arc<Raster<f32>>) -> Arc<Raster<f32>> {
        match self.temperatures.get(&id) {
            Some(radiometric) if *radiometric != Radiometric::default() => {
                Arc::new(radiometric.apply(&celsius))
            }
            _ => celsius,
        }
    }

    /// For the log: what was added to the temperatures of flight number `flight` by the place on the sensor, in millikelvin a term.
    pub(super) fn vignetting(&self, flight: usize) -> Vec<i32> {
        let found = self.flights.get(flight);
        found.map_or_else(Vec::new, |found| found.vignetting_mk.clone())
    }

    /// For the log: what was done to flight number `flight`, in words.
    pub(super) fn evidence(&self, flight: usize) -> String {
        let Some(found) = self.flights.get(flight) else {
            return String::new();
        };
        let camera = found.focal_factor.zip(found.axis).zip(found.lens);
        let across = found.offset_after_across_px.unwrap_or_default();
        let poses = match (found.offset_before_px, found.offset_after_px, camera) {
            (Some(before), Some(after), Some(((focal, [right, down]), [k1, k2]))) => format!(
                "poses refined over {} matches in {} of {} pairs, from {before:.2} to {after:.2} px apart ({across:.2} px across the lines between cameras), focal length x {focal:.4}, axis {right:.4} {down:.4}, k1 {k1:.4}, k2 {k2:.4}",
                found.matches, found.pairs_tied, found.pairs
            ),
            _ => "poses as in the files".into(),
        };
        match (
            found.seam_before_kelvin,
            found.seam_after_kelvin,
            found.vignetting_kelvin,
        ) {
            (Some(before), Some(after), Some(vignetting)) => format!(
                "{poses}; temperatures matched, from {before:.2} to {after:.2} K apart, vignetting of {vignetting:.2} K taken out"
            ),
            _ => format!("{poses}; temperatures as measured"),
        }
    }
}

/// Standard uncertainty in metres of where a flight's frames show a place.
///
/// Frames that agree with each other lie off together: `n` positions of `s` metres each fix the whole to `s / sqrt(n)`, and its scale and turn
/// add as much again in the middle of a side and twice as much in a corner, so `2 s / sqrt(n)`; beside it stands what they still disagree by.
/// Without refinement a frame is off by its position, and its edge by its compass.
fn place(
    views: &[(FrameId, View)],
    is_loose: &impl Fn(&FrameId) -> bool,
    accuracy: &impl Fn(&FrameId) -> (Option<Metres>, Option<Metres>),
    poses: Option<&Poses>,
) -> f64 {
    let mean = |of: &dyn Fn(&(FrameId, View)) -> f64| {
        let (sum, count) = views.iter().fold((0.0, 0.0), |(sum, count), view| {
            (sum + of(view), count + 1.0)
        });
        (sum / f64::max(count, 1.0), count)
    };
    let (square, frames) = mean(&|(id, _)| {
        let stated = accuracy(id).0.map_or(GPS, |stated| stated.0);
        if is_loose(id) {
            stated * stated
        } else {
            SOFTWARE * SOFTWARE
        }
    });
    let resolution = |view: &View| {
        let camera = view.camera();
        view.height().0 / camera.fx
    };
    let after = poses.and_then(|poses| poses.after);
    let (own, frames) = match after {
        Some(after) => {
            let (pixel, _) = mean(&|(_, view)| resolution(view));
            (after.median_px * pixel, frames)
        }
        None if views.iter().any(|(id, _)| is_loose(id)) => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "sides of rasters lie far below 2^52"
            )]
            let (half, _) = mean(&|(_, view)| resolution(view) * view.camera().width as f64 / 2.0);
            (COMPASS * half, 4.0)
        }
        None => (0.0, 4.0),
    };
    (2.0 * (square / frames).sqrt()).hypot(own)
}

/// The log's entry: millimetres, microradians and millikelvin.
fn placed(id: FrameId, correction: Correction, radiometric: Radiometric, matches: u32) -> Placed {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates; corrections are small"
    )]
    let small = |value: f64, scale: f64| (value * scale).round() as i32;
    Placed {
        frame: id.0,
        shift_mm: [correction.east, correction.north, correction.up]
            .map(|metres| small(metres, 1e3)),
        turn_urad: [correction.yaw, correction.pitch, correction.roll]
            .map(|radians| small(radians, 1e6)),
        offset_mk: small(f64::from(radiometric.offset), 1e3),
        matches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::georef::made_view;

    /// Frames straight down from 60 m.
    fn views(frames: u32) -> Vec<(FrameId, View)> {
        let view = made_view((0.0, 0.0), 60.0, 0.0, -90.0);
        (0..frames).map(|id| (FrameId(id), view)).collect()
    }

    /// A flight in two parts and a frame that no other overlaps, and a flight that was not matched.
    #[test]
    fn frames_that_no_overlap_ties_together_are_at_levels_of_their_own() {
        let matched = Temperatures {
            frames: vec![Radiometric::default(); 5],
            levels: vec![0, 0, 2, 3, 3],
            before: None,
            after: None,
            samples: 2,
        };
        let mut alignment = Alignment::default();
        alignment.level(&views(5), Some(&matched));
        alignment.level(&views(2), None);
        let levels: Vec<Vec<u32>> = alignment
            .levels
            .iter()
            .map(|level| level.iter().map(|id| id.0).collect())
            .collect();
        assert_eq!(levels, [vec![0, 1], vec![2], vec![3, 4], vec![0], vec![1]]);
    }
}
