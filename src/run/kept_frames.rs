//! Redacted frames handed on one by one, for photogrammetry software.
//!
//! In: what of each frame may be published, its place and attitude. Out: `frames/`, logged by its list, and what the heights in it are above. Refuses:
//! nothing; settings refuse to ask for it where properties object, because frames show them as a whole.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::journal::Journal;
use super::{Published, Run, RunError};
use crate::frame::{FrameId, Height};
use crate::georef::{self, Crs, Geoid, GeorefError, HeightSystem, Projector, Stand, Surface};
use crate::raster::Raster;
use crate::store::{Artifact, Folder, Store, layout, sealed};
use crate::tiles::{KeptFrame, MosaicFrame};
use crate::units::Metres;

/// `geo.txt` of `OpenDroneMap`.
struct Poses(String);

impl sealed::Sealed for Poses {}

impl Artifact for Poses {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.0.as_bytes().into()
    }
}

/// What is known of the frames besides their pixels.
pub(super) struct Placed<'a> {
    crs: Crs,
    frames: &'a [MosaicFrame],
    /// The flights by their frames.
    flights: &'a [Vec<FrameId>],
    surface: &'a Surface,
    /// Absolute heights, as the files have them.
    stated: BTreeMap<FrameId, Height>,
}

/// Publishes the frames, where they are asked for; returns in words what their heights are above.
pub(super) fn publish(
    run: &Run,
    store: &Store,
    placed: &Placed<'_>,
    levelled: impl Fn(FrameId) -> Result<Arc<Raster<f32>>, RunError>,
    journal: &mut Journal<'_>,
) -> Result<Option<String>, RunError> {
    if !run.config.tiles.keep_frames {
        return Ok(None);
    }
    let projector = placed.crs.projector()?;
    let (system, levels) = placed.heights(&projector)?;
    let mut frames = placed.frames.to_vec();
    frames.sort_by_key(|frame| frame.id);
    let name = |frame: &MosaicFrame| format!("{:08}.tif", frame.id.0);
    let level = |frame: &MosaicFrame| levels.get(&frame.id).copied().unwrap_or(Metres(0.0));
    let views: Vec<_> = frames
        .iter()
        .map(|frame| (name(frame), frame.view, level(frame)))
        .collect();
    let poses = Poses(georef::geo_txt(&projector, &views, &system)?);
    let write = |folder: &mut Folder| -> Result<(), RunError> {
        for frame in &frames {
            let (east, north) = frame.view.centre();
            let kept = KeptFrame {
                celsius: &*levelled(frame.id)?,
                view: &frame.view,
                place: projector.to_geographic(east, north)?,
            };
            folder.add_file(&name(frame), &kept)?;
        }
        Ok(folder.add("geo.txt", &poses)?)
    };
    let staged = store.stage_folder(layout::FRAMES, write)?;
    let ids: Vec<FrameId> = frames.iter().map(|frame| frame.id).collect();
    journal.publish(staged, &ids)?;
    Ok(Some(system.to_string()))
}

impl<'a> Placed<'a> {
    pub(super) fn of(
        crs: Crs,
        frames: &'a [MosaicFrame],
        flights: &'a [Vec<FrameId>],
        surface: &'a Surface,
        published: &[Published],
    ) -> Self {
        let stated = published
            .iter()
            .filter_map(|frame| Some((frame.id, frame.meta.absolute_altitude?)));
        Self {
            crs,
            frames,
            flights,
            surface,
            stated: stated.collect(),
        }
    }

    /// What heights can be given above, and what to add to each frame's for that.
    fn heights(
        &self,
        projector: &Projector,
    ) -> Result<(HeightSystem, BTreeMap<FrameId, Metres>), GeorefError> {
        let views: BTreeMap<FrameId, _> = self
            .frames
            .iter()
            .map(|frame| (frame.id, frame.view))
            .collect();
        let stand = |id: &FrameId| {
            let view = views.get(id)?;
            let (east, north) = view.centre();
            let place = projector.to_geographic(east, north);
            Some(place.map(|place| Stand {
                above_level: view.height(),
                place,
                stated: self.stated.get(id).copied(),
            }))
        };
        let flights = self
            .flights
            .iter()
            .map(|flight| flight.iter().filter_map(stand).collect())
            .collect::<Result<Vec<Vec<Stand>>, _>>()?;
        let (system, levels) = georef::absolute(self.surface, &flights, Geoid::open().as_ref());
        let by_flight = self.flights.iter().zip(levels);
        let by_frame =
            by_flight.flat_map(|(flight, level)| flight.iter().map(move |id| (*id, level)));
        Ok((system, by_frame.collect()))
    }
}
