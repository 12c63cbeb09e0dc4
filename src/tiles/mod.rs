//! From redacted frames to maps: a mosaic, its Cloud-Optimized GeoTIFF and its web pyramid.
//!
//! In: a [`View`](crate::georef::View) a frame and a way to load redacted temperatures. Out: a working
//! [`Mosaic`] in the store's work folder, from which [`Cog`], [`PmTiles`], [`MbTiles`], [`Qml`], [`Stac`] and [`TileJson`] are written through
//! [`store`](crate::store). Refuses: extents no computer should draw, with the frames at fault named.
//!
//! One frame a pixel, unless feathering is asked for: every temperature in the map is one that was measured. Pixels without
//! data are `NAN` and stay so through every zoom level.

mod cog;
mod encoded;
mod error;
mod grid;
mod kept_frame;
mod layer;
mod mbtiles;
mod mosaic;
mod palette;
mod pmtiles;
mod probe;
mod pyramid;
mod qml;
mod raster_file;
mod stac;
mod tilejson;
mod xyz;

pub use cog::Cog;
pub use encoded::EncodedTiles;
pub use error::TilesError;
pub use grid::Grid;
pub use kept_frame::KeptFrame;
pub use layer::{Band, Erased, Layer, MapBlock, MosaicPixel, MosaicReader};
pub use mbtiles::MbTiles;
pub use mosaic::{Mosaic, MosaicFrame, MosaicOptions, MosaicReport, build, build_on};
pub use palette::{Ramp, RampError};
pub use pmtiles::PmTiles;
pub use probe::{Probe, Unprojector, open_raster, read_raster};
pub use pyramid::Pyramid;
pub use qml::Qml;
pub use stac::{Stac, StacAsset, StacDocument};
pub use tilejson::TileJson;
