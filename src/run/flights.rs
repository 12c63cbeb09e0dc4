//! Which frames make a flight, where each was, and which of two yaws a flight's frames looked along.
//!
//! In: published frames. Out: a view a frame, evidence a flight. Refuses: frames without a position.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::align::FlightAlignment;
use super::record::{count, ranges};
use super::{FlightSummary, Published, Run, RunError};
use crate::audit::FlightEvidence;
use crate::frame::{FrameId, FrameMeta, PositionSource};
use crate::georef::{self, Crs, Located, YawChoice, YawReason};
use crate::hex;
use crate::ingest::unsealed_name;
use crate::raster::Raster;
use crate::tiles::MosaicFrame;
use crate::units::Metres;

/// A flight with its yaw.
pub(super) struct Flight {
    pub(super) frames: Vec<FrameId>,
    poses: String,
    exif_offset_mm: Option<[i32; 2]>,
    choice: YawChoice,
    forced: bool,
}

/// Places every frame once more, as its first look did.
pub(super) fn locate(
    run: &Run,
    published: &[Published],
) -> Result<Vec<(FrameId, Located)>, RunError> {
    let places = super::frame_task::options(&run.config).1;
    let located = published
        .iter()
        .map(|frame| {
            Ok((
                frame.id,
                places.locate(&unsealed_name(&frame.file), &frame.meta)?,
            ))
        })
        .collect::<Result<_, georef::GeorefError>>()?;
    Ok(located)
}

/// The map that the settings ask for, else the UTM zone of the frames.
pub(super) fn system(
    run: &Run,
    located: &[(FrameId, Located)],
) -> Result<Crs, georef::GeorefError> {
    let positions = located.iter().map(|(_, located)| located.position());
    Crs::of_survey(run.config.georef.crs, positions)
}

/// Frames whose heights are above the one level that `georef.poses-takeoff-m` states, whatever flight they are of.
pub(super) fn stated(run: &Run, located: &[(FrameId, Located)]) -> BTreeSet<FrameId> {
    let is_stated = run.config.georef.poses_take_off.is_some();
    let known = located
        .iter()
        .filter(|(_, located)| is_stated && located.has_known_height());
    known.map(|(id, _)| *id).collect()
}

/// For the log: how many of a flight's frames software placed, in words; empty where it was not asked.
fn placement(run: &Run, known: usize, frames: usize, level: Option<Metres>) -> String {
    let Some(poses) = &run.config.georef.poses else {
        return String::new();
    };
    let file = hex::encode(&poses.sha256());
    let level = match (run.config.georef.poses_take_off, level) {
        (Some(_), _) => "above take-off as the settings say",
        (None, Some(_)) => "levelled to take-off by the frames' own heights",
        (None, None) => "none, the frames' own taken",
    };
    format!(
        "{known} of {frames} frames placed by the poses with SHA-256 {file}, the others by their own tags; heights of the poses {level}"
    )
}

fn millimetres(metres: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let whole = (metres * 1e3).round() as i32;
    whole
}

/// What the files of a flight's frames say, and where these were.
type Members<'a> = (Vec<&'a FrameMeta>, Vec<(FrameId, Located)>);

/// Chooses each flight's yaw and gives every frame its view.
pub(super) fn place(
    run: &Run,
    crs: Crs,
    published: &[Published],
    located: &[(FrameId, Located)],
    rasters: &impl Fn(FrameId) -> Result<Arc<Raster<f32>>, RunError>,
) -> Result<(Vec<MosaicFrame>, Vec<Flight>), RunError> {
    let projector = crs.projector()?;
    let mut frames = Vec::new();
    let mut flights = Vec::new();
    // A flight is what one camera took into one folder; cameras may alternate within it.
    let mut members: BTreeMap<_, Members<'_>> = BTreeMap::new();
    for (frame, located) in published.iter().zip(located) {
        let camera = &frame.meta.camera;
        let flight = (frame.file.parent(), &camera.make, &camera.model);
        let (metas, members) = members.entry(flight).or_default();
        metas.push(&frame.meta);
        members.push(*located);
    }
    for (metas, members) in members.values_mut() {
        let level = match run.config.georef.poses_take_off {
            None => georef::level(members),
            set => set,
        };
        // Frames that software placed have one yaw and say nothing about the others'.
        let mut loose = members.clone();
        loose.retain(|(_, located)| !located.is_known());
        let judged = if loose.is_empty() { &*members } else { &loose };
        let mut choice = georef::choose_yaw(judged, &projector, rasters)?;
        let forced = run.config.georef.yaw.source();
        choice.source = forced.unwrap_or(choice.source);
        for (id, located) in members.iter() {
            frames.push(MosaicFrame {
                id: *id,
                view: located.view(&projector, choice.source)?,
            });
        }
        let ids = members.iter().map(|(id, _)| *id).collect();
        let known = members
            .iter()
            .filter(|(_, located)| located.position().source == PositionSource::Poses);
        flights.push(Flight {
            exif_offset_mm: georef::exif_offset(metas.iter().copied())
                .map(|(east, north)| [millimetres(east), millimetres(north)]),
            poses: placement(run, known.count(), members.len(), level),
            frames: ids,
            choice,
            forced: forced.is_some(),
        });
    }
    Ok((frames, flights))
}

impl Flight {
    fn reason(&self) -> String {
        if self.forced {
            return "as the settings say".into();
        }
        let kelvin = |found: Option<u32>| {
            found
                .map(|centi| f64::from(centi) / 100.0)
                .unwrap_or_default()
        };
        match self.choice.reason {
            YawReason::Overlap => format!(
                "overlapping frames disagree by {:.2} K with the gimbal's, {:.2} K with the airframe's",
                kelvin(self.choice.gimbal_disagreement),
                kelvin(self.choice.flight_disagreement)
            ),
            YawReason::Track => {
                "overlaps do not tell, and it lies nearer to the track flown".into()
            }
            YawReason::OnlySource => "the files carry no other".into(),
            YawReason::NoOverlapNadir => {
                "no frames overlap, and straight down the gimbal's yaw is undefined".into()
            }
            YawReason::NoOverlapOblique => {
                "no frames overlap, and obliquely the camera's yaw is the gimbal's".into()
            }
        }
    }

    pub(super) fn summary(&self, alignment: FlightAlignment) -> FlightSummary {
        let kelvin = |found: Option<u32>| found.map(|centi| f64::from(centi) / 100.0);
        FlightSummary {
            frames: self.frames.len(),
            yaw: self.choice.source.name(),
            reason: self.reason(),
            gimbal_disagreement_kelvin: kelvin(self.choice.gimbal_disagreement),
            flight_disagreement_kelvin: kelvin(self.choice.flight_disagreement),
            pairs: self.choice.pairs,
            alignment,
        }
    }

    pub(super) fn evidence(
        &self,
        ground: String,
        agreement: String,
        vignetting_mk: Vec<i32>,
    ) -> FlightEvidence {
        let milli = |found: Option<u32>| found.map_or(-1, |centi| i64::from(centi) * 10);
        FlightEvidence {
            frames: ranges(&self.frames),
            yaw: self.choice.source.name().into(),
            reason: self.reason(),
            gimbal_millikelvin: milli(self.choice.gimbal_disagreement),
            flight_millikelvin: milli(self.choice.flight_disagreement),
            pairs: count(self.choice.pairs),
            ground,
            agreement,
            vignetting_mk,
            poses: self.poses.clone(),
            gimbal_to_track_degrees: self.choice.gimbal_to_track,
            flight_to_track_degrees: self.choice.flight_to_track,
            exif_offset_mm: self.exif_offset_mm,
        }
    }
}
