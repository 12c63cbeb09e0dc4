//! Where on the ground each pixel lies.
//!
//! In: a frame's metadata and, to choose the yaw source of a flight, redacted temperatures. Out: a [`View`] a
//! frame, which maps pixels to flat ground in the run's map and back. Refuses: frames without position,
//! altitude or attitude, cameras whose focal length nobody knows, and views that do not meet the ground.
//!
//! The ground is flat, at the height of the take-off point, unless a [`Surface`] model or overlaps say otherwise. Lenses are taken
//! as straight unless overlaps tell otherwise (`refine`), and the scale of the map as 1 (UTM's is 0.9996 to 1.001: some centimetres in a footprint of 100 m; a map 1 % off is refused).

mod british;
mod camera;
mod carry;
mod correction;
mod crs;
mod error;
mod heights;
mod lens;
mod locate;
mod poses;
mod refine;
mod sources;
mod surface;
mod view;
mod walls;
mod yaw;

pub use camera::{CameraOverrides, Intrinsics, intrinsics};
pub use carry::Neighbours;
pub use correction::Correction;
pub use crs::{Crs, Projector, WebMercator};
pub use error::GeorefError;
pub use heights::{Geoid, HeightSystem, Stand, absolute};
pub use lens::Lens;
pub use locate::{Located, Locator, level, locate};
pub use poses::{KnownPose, KnownPoses, PoseError, geo_txt};
#[cfg(test)]
pub(crate) use refine::made_view;
pub use refine::{
    CameraCorrection, Detail, Offsets, Poses, Radiometric, Stated, Temperatures, Vignetting,
    match_temperatures, refine_poses,
};
pub use sources::exif_offset;
pub use surface::{Hit, Model, Patch, Relief, Surface, SurfaceError};
pub use view::{Bounds, View};
pub use walls::{WallCells, WallOptions};
pub use yaw::{YawChoice, YawReason, YawSource, choose_yaw};
