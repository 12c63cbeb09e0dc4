//! Redacted frames handed on one by one, for photogrammetry software.
//!
//! In: what of each frame may be published, its place and attitude. Out: `frames/`, logged by its list. Refuses: nothing; settings
//! refuse to ask for it where properties object, because frames show them as a whole.

use std::borrow::Cow;
use std::sync::Arc;

use super::journal::Journal;
use super::{Run, RunError};
use crate::frame::FrameId;
use crate::georef::{self, Crs};
use crate::raster::Raster;
use crate::store::{Artifact, Folder, Store, layout, sealed};
use crate::tiles::{KeptFrame, MosaicFrame};

/// `geo.txt` of `OpenDroneMap`.
struct Poses(String);

impl sealed::Sealed for Poses {}

impl Artifact for Poses {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.0.as_bytes().into()
    }
}

/// Publishes the frames, where they are asked for.
pub(super) fn publish(
    run: &Run,
    store: &Store,
    crs: Crs,
    frames: &[MosaicFrame],
    publishable: impl Fn(FrameId) -> Result<Arc<Raster<f32>>, RunError>,
    journal: &mut Journal<'_>,
) -> Result<(), RunError> {
    if !run.config.tiles.keep_frames {
        return Ok(());
    }
    let projector = crs.projector()?;
    let mut frames = frames.to_vec();
    frames.sort_by_key(|frame| frame.id);
    let name = |frame: &MosaicFrame| format!("{:08}.tif", frame.id.0);
    let views: Vec<_> = frames
        .iter()
        .map(|frame| (name(frame), frame.view))
        .collect();
    let poses = Poses(georef::geo_txt(&projector, &views)?);
    let write = |folder: &mut Folder| -> Result<(), RunError> {
        for frame in &frames {
            let (east, north) = frame.view.centre();
            let kept = KeptFrame {
                celsius: &*publishable(frame.id)?,
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
    Ok(())
}
