//! Which frames of a flight are near enough in time to tell each other what is there.
//!
//! In: frames after their first look, in manifest order. Out: each with its neighbours. Refuses: neighbours of
//! another flight, frames that were not looked at or have no place on the ground.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::record;
use crate::audit::{Entry, Found};
use crate::config::CarryConfig;
use crate::detect::{Class, Detections};
use crate::frame::{CameraName, FrameId, FrameMeta};
use crate::georef::Located;
use crate::units::Metres;

/// Lines of the manifest that are looked through on each side for one neighbour: visible pictures and other
/// cameras' frames may stand between.
const LINES_PER_NEIGHBOUR: usize = 4;

/// What a frame's neighbours need to know of it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) id: FrameId,
    /// Frames of one flight share folder and camera.
    pub(super) folder: PathBuf,
    pub(super) camera: CameraName,
    pub(super) captured_at: Option<i64>,
    pub(super) located: Located,
    pub(super) finds: Arc<[Find]>,
    /// Whether a model looked at it: one that nobody looked at tells nothing, and takes no other's place.
    pub(super) looked: bool,
}

/// A find of a first look as the log holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Find {
    pub(super) class: Class,
    pub(super) bbox: [u32; 4],
    pub(super) score: u32,
    /// Whether it is hidden in neighbours too; one that is not may still answer for one that is.
    pub(super) sure: bool,
}

/// A neighbour, with the seconds between the two; `None` where a file does not say.
pub(crate) type Neighbour = (Arc<Seen>, Option<u64>);

impl Seen {
    /// A frame of `folder` by its metadata and place.
    pub(crate) fn new(
        id: FrameId,
        folder: PathBuf,
        meta: &FrameMeta,
        located: &Located,
        finds: Arc<[Find]>,
        looked: bool,
    ) -> Self {
        Self {
            id,
            folder,
            camera: meta.camera.clone(),
            captured_at: meta.captured_at,
            located: *located,
            finds,
            looked,
        }
    }

    /// The finest resolution at which it sees the ground, by which masks are padded.
    pub(crate) fn finest_resolution(&self) -> Metres {
        self.located.finest_resolution()
    }

    /// The frame as if nothing had been found in it.
    pub(crate) fn blind(&self) -> Self {
        Self {
            finds: Arc::default(),
            ..self.clone()
        }
    }
}

impl Find {
    /// Those finds of first looks that may matter to neighbours.
    pub(crate) fn all_of<'a>(looks: impl IntoIterator<Item = &'a Detections>) -> Arc<[Self]> {
        let found = looks.into_iter().flat_map(record::found);
        found.filter_map(|found| Self::of(&found)).collect()
    }

    /// `None` for classes that are not carried.
    pub(super) fn of(found: &Found) -> Option<Self> {
        let carried = [Class::Person, Class::Bicycle, Class::WarmSpot];
        let class = carried
            .into_iter()
            .find(|class| class.name() == found.class)?;
        Some(Self {
            class,
            bbox: found.bbox,
            score: found.score,
            sure: found.sure,
        })
    }

    /// Those of a frame's first looks, by its entries in the log: the same as [`Find::all_of`] these looks.
    pub(super) fn logged(entries: &[Entry]) -> Vec<Self> {
        let looks = entries.iter().filter_map(|entry| match entry {
            Entry::Detected(look) if look.is_first_look() => Some(&look.found),
            _ => None,
        });
        looks.flatten().filter_map(Self::of).collect()
    }

    pub(super) fn edges(&self) -> [f64; 4] {
        self.bbox.map(f64::from)
    }
}

/// Frames that were looked at, each with its neighbours: an iterator that reads a bounded number of lines ahead.
pub(crate) struct Window<I: Iterator> {
    items: I,
    config: Option<CarryConfig>,
    seen: fn(&I::Item) -> Option<&Arc<Seen>>,
    behind: VecDeque<Option<Arc<Seen>>>,
    ahead: VecDeque<I::Item>,
}

impl<I: Iterator> Window<I> {
    /// Nothing is read before the first frame is asked for; `seen` is what an item tells its neighbours.
    pub(crate) fn new(
        items: I,
        config: Option<CarryConfig>,
        seen: fn(&I::Item) -> Option<&Arc<Seen>>,
    ) -> Self {
        Self {
            items,
            config,
            seen,
            behind: VecDeque::new(),
            ahead: VecDeque::new(),
        }
    }
}

/// Lines of the manifest looked through on each side of a frame.
pub(super) fn reach(config: Option<CarryConfig>) -> usize {
    config.map_or(0, |config| config.frames * LINES_PER_NEIGHBOUR)
}

impl<I: Iterator> Iterator for Window<I> {
    type Item = (I::Item, Vec<Neighbour>);

    fn next(&mut self) -> Option<Self::Item> {
        let reach = reach(self.config);
        while self.ahead.len() <= reach {
            let Some(item) = self.items.next() else {
                break;
            };
            self.ahead.push_back(item);
        }
        let item = self.ahead.pop_front()?;
        let seen = (self.seen)(&item);
        let mut neighbours = Vec::new();
        if let (Some(seen), Some(config)) = (seen, &self.config) {
            let before = self.behind.iter().rev().flatten();
            let after = self.ahead.iter().filter_map(self.seen);
            for side in [before.collect::<Vec<_>>(), after.collect()] {
                let near = side
                    .into_iter()
                    .filter_map(|other| near(seen, other, config));
                neighbours.extend(near.take(config.frames));
            }
            // The nearest in time knows best; a sort that keeps the order of equals.
            neighbours.sort_by_key(|(_, seconds)| seconds.unwrap_or(u64::MAX));
        }
        self.behind.push_back(seen.map(Arc::clone));
        while self.behind.len() > reach {
            self.behind.pop_front();
        }
        Some((item, neighbours))
    }
}

/// The other frame where it is a neighbour: looked at, of the same flight, and not known to be long ago.
fn near(seen: &Seen, other: &Arc<Seen>, config: &CarryConfig) -> Option<Neighbour> {
    let seconds = seen.captured_at.zip(other.captured_at);
    let seconds = seconds.map(|(a, b)| a.abs_diff(b));
    let near = other.looked
        && other.folder == seen.folder
        && other.camera == seen.camera
        && seconds.is_none_or(|seconds| seconds <= config.seconds);
    near.then(|| (Arc::clone(other), seconds))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::frame::{Attitude, Format, Position, PositionSource};
    use crate::georef::{CameraOverrides, locate};
    use crate::units::Degrees;

    pub(in super::super) const CONFIG: CarryConfig = CarryConfig {
        frames: 2,
        seconds: 10,
        position_error: Metres(0.5),
    };

    /// 60 m up and straight down, `north` metres from the first frame, at second `at`.
    pub(in super::super) fn seen(id: u32, north: f64, at: i64, finds: &[Find]) -> Arc<Seen> {
        let down = Attitude {
            yaw: Degrees(0.0),
            pitch: Degrees(-90.0),
            roll: Degrees(0.0),
        };
        let camera = CameraName {
            make: "DJI".into(),
            model: "M3T".into(),
        };
        let meta = FrameMeta {
            width: 640,
            height: 512,
            camera: camera.clone(),
            captured_at: Some(at),
            position: Some(Position {
                latitude: Degrees(52.0 + north / 111_267.0),
                longitude: Degrees(1.0),
                source: PositionSource::Xmp,
                accuracy: None,
                vertical_accuracy: None,
            }),
            relative_altitude: Some(Metres(60.0)),
            gimbal: Some(down),
            ..FrameMeta::bare(Format::DjiRjpeg)
        };
        Arc::new(Seen {
            id: FrameId(id),
            folder: "flight".into(),
            camera,
            captured_at: Some(at),
            located: locate(&meta, &CameraOverrides::default()).unwrap(),
            finds: finds.into(),
            looked: true,
        })
    }

    #[test]
    fn only_frames_of_the_flight_that_are_near_in_time_are_neighbours() {
        let one = seen(0, 0.0, 100, &[]);
        let near_to = |other: &Arc<Seen>| near(&one, other, &CONFIG).map(|(_, seconds)| seconds);
        assert_eq!(near_to(&seen(1, 5.0, 90, &[])), Some(Some(10)));
        assert_eq!(near_to(&seen(1, 5.0, 89, &[])), None);
        let mut other = Arc::into_inner(seen(1, 5.0, 100, &[])).unwrap();
        other.captured_at = None;
        let mut other = Arc::new(other);
        assert_eq!(near_to(&other), Some(None));
        Arc::get_mut(&mut other).unwrap().looked = false;
        assert_eq!(near_to(&other), None);
        Arc::get_mut(&mut other).unwrap().looked = true;
        Arc::get_mut(&mut other).unwrap().folder = "another".into();
        assert_eq!(near_to(&other), None);
    }
}
