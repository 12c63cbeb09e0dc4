//! Where and when each frame looked, for the operator alone: `private/footprints.jsonl`.
//!
//! In: every decoded frame, the map's views of the published ones. Out: a line a frame with its outline on the ground, its time in
//! whole seconds and its camera. Refuses: to stand in a log or in anything that is published; times and places tell where people were.
//!
//! Outlines lie on flat ground at the level of the map, cut at [`FARTHEST`] from straight down. A published frame has the one outline
//! under which it was drawn. Any other has one for each yaw that its file offers, where these differ: nobody settled which is right.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunError;
use crate::frame::{FrameId, FrameMeta};
use crate::georef::{Crs, Located, Projector, View, YawSource};
use crate::store::{self, FileArtifact, StoreError, sealed};
use crate::tiles::MosaicFrame;
use crate::units::Degrees;

/// Ground seen further from straight down than this is left out: it has no end at the horizon.
const FARTHEST: Degrees = Degrees(80.0);
/// Digits of a degree that are kept: 1e-7 degrees are 11 mm.
const DIGITS: f64 = 1e7;

/// One line of the operator's own list of where frames looked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameFootprint {
    /// Number in the manifest.
    pub frame: u32,
    /// Make and model of the camera.
    pub camera: String,
    /// Seconds since 1970 of the capture; `None` where the file does not say.
    pub at: Option<i64>,
    /// Whose pose it is: `map` (as drawn, refined where the run refines), `file` or `none`.
    pub placed_by: String,
    /// Ground that it may show: rings of longitude and latitude (WGS 84), not closed; empty where nobody knows.
    pub outlines: Vec<Vec<[f64; 2]>>,
}

impl FrameFootprint {
    /// Parses a line of `private/footprints.jsonl`; `None` where it is not one.
    #[must_use]
    pub fn from_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// What a decoded frame says of itself.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) id: FrameId,
    pub(super) camera: String,
    pub(super) at: Option<i64>,
    /// By its file; the map knows better where published frames are.
    pub(super) located: Option<Box<Located>>,
}

impl Sighting {
    pub(super) fn new(id: FrameId, meta: &FrameMeta, located: Option<Box<Located>>) -> Self {
        Self {
            id,
            camera: super::record::camera(meta),
            at: meta.captured_at,
            located,
        }
    }
}

/// The list, to be written.
#[derive(Debug)]
pub(super) struct FootprintList<'a> {
    /// In ascending order.
    pub(super) sightings: &'a [Sighting],
    /// The published frames, where there are any.
    pub(super) map: Option<(Crs, Vec<MosaicFrame>)>,
    /// The yaw that the settings insist on.
    pub(super) yaw: Option<YawSource>,
}

impl sealed::Sealed for FootprintList<'_> {}

impl FileArtifact for FootprintList<'_> {
    type Error = RunError;

    fn write(&self, partial: &Path) -> Result<(), RunError> {
        let mut places = Places::of(self)?;
        let mut file = std::io::BufWriter::new(store::create_partial(partial)?);
        let failed = |source| StoreError::Io {
            path: PathBuf::from(partial),
            source,
        };
        for sighting in self.sightings {
            let line = serde_json::to_string(&places.footprint(sighting)).unwrap_or_default();
            writeln!(file, "{line}").map_err(failed)?;
        }
        Ok(file.flush().map_err(failed)?)
    }
}

/// Views of published frames, and a projector for each map that is needed.
struct Places {
    views: BTreeMap<FrameId, View>,
    map: Option<Projector>,
    zones: BTreeMap<u32, Projector>,
    yaw: Option<YawSource>,
}

impl Places {
    fn of(list: &FootprintList<'_>) -> Result<Self, RunError> {
        let frames = list.map.iter().flat_map(|(_, frames)| frames);
        let map = list.map.as_ref().map(|(crs, _)| crs.projector());
        Ok(Self {
            views: frames.map(|frame| (frame.id, frame.view)).collect(),
            map: map.transpose()?,
            zones: BTreeMap::new(),
            yaw: list.yaw,
        })
    }

    fn footprint(&mut self, sighting: &Sighting) -> FrameFootprint {
        let drawn = self.views.get(&sighting.id).zip(self.map.as_ref());
        let (placed_by, outlines) = match (drawn, &sighting.located) {
            (Some((view, projector)), _) => ("map", outline(view, projector).into_iter().collect()),
            (None, Some(located)) => ("file", self.by_file(located).unwrap_or_default()),
            (None, None) => ("none", Vec::new()),
        };
        FrameFootprint {
            frame: sighting.id.0,
            camera: sighting.camera.clone(),
            at: sighting.at,
            placed_by: placed_by.into(),
            outlines,
        }
    }

    /// The outlines under every yaw that may be the camera's.
    fn by_file(&mut self, located: &Located) -> Option<Vec<Vec<[f64; 2]>>> {
        let crs = Crs::for_positions([located.position()])?;
        let projector = match self.zones.entry(crs.epsg()) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(crs.projector().ok()?),
        };
        let seen = |source| outline(&located.view(projector, source).ok()?, projector);
        Some(
            located
                .possible_yaws(self.yaw)
                .into_iter()
                .filter_map(seen)
                .collect(),
        )
    }
}

/// The ground that a view sees, as longitude and latitude; `None` where it sees none.
fn outline(view: &View, projector: &Projector) -> Option<Vec<[f64; 2]>> {
    let rounded = |degrees: f64| (degrees * DIGITS).round() / DIGITS;
    let place = |(east, north)| {
        let (longitude, latitude) = projector.to_geographic(east, north).ok()?;
        Some([rounded(longitude), rounded(latitude)])
    };
    let ring: Option<Vec<_>> = view.footprint(FARTHEST).into_iter().map(place).collect();
    ring.filter(|ring| ring.len() > 2)
}
