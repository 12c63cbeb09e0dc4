//! A neighbourhood that does not exist, flown over on a winter night, in the files that real cameras write.
//!
//! In: a seed. Out, through `store`: `frames/` in DJI, FLIR and TIFF formats, and `truth/` with what the
//! frames cannot tell: poses, boxes of people, vehicles and windows, footprints, heights and surface
//! temperatures, corners of roofs and panels. Refuses: real places and people; the site is open moorland and every serial number says
//! that it is simulated.
//!
//! The same options give the same bytes: all randomness is `ChaCha8` from the seed and there is no clock.

mod camera;
mod flight;
mod formats;
mod gardens;
mod geodesy;
mod houses;
mod people;
mod produce;
mod refurbish;
mod render;
mod scene;
mod solid;
mod survey;
mod targets;
mod thermal;
mod truth;
mod vehicles;

use std::path::PathBuf;

pub use produce::{Report, run};
pub use survey::Survey;

use crate::frame::Format;
use crate::store::{Existing, StoreError};

/// What to simulate and where to write it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The only source of randomness.
    pub seed: u64,
    /// Output folder; `frames/` and `truth/` are made in it.
    pub out: PathBuf,
    /// What to do when the folder has something in it.
    pub existing: Existing,
    /// Which flight.
    pub preset: Preset,
    /// Formats of the nadir frames, repeated in this order; empty leaves the choice to the preset.
    /// Oblique frames are always DJI.
    pub formats: Vec<Format>,
    /// A camera without blur, noise, vignetting and drift, and a drone that knows its pose exactly.
    pub ideal: bool,
    /// Share of roofs that were insulated, 0 to 1: the same neighbourhood after a refurbishment. `truth/buildings.geojson` says which.
    pub refurbished: f64,
    /// Which night: another number gives other errors of camera and poses, and other passers-by, over the same houses.
    pub night: u16,
}

/// Which flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Preset {
    /// 9 nadir frames in all formats and 4 oblique ones: what `fixtures/flight` holds.
    Fixture,
    /// A larger neighbourhood, nadir first (three quarters of the frames), then oblique; DJI by default.
    Full {
        /// Frames in all.
        frames: usize,
    },
    /// Cross headings over a square of streets, with panels of known temperature in it.
    Survey(Survey),
}

impl Options {
    /// The options that `fixtures/flight` was made with, written to `out`.
    #[must_use]
    pub fn fixture(out: PathBuf) -> Self {
        Self {
            seed: 20_260_115,
            out,
            existing: Existing::Refuse,
            preset: Preset::Fixture,
            formats: Vec::new(),
            ideal: false,
            refurbished: 0.0,
            night: 0,
        }
    }
}

/// Why nothing, or not everything, was simulated.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No frames, or more than the limit.
    #[error("cannot simulate {frames} frames; give 1 to {max}")]
    Frames {
        /// Frames asked for.
        frames: usize,
        /// The limit.
        max: usize,
    },
    /// A share that is none.
    #[error("cannot refurbish a share of {value} of the roofs; give 0 to 1")]
    Refurbished {
        /// As given.
        value: f64,
    },
    /// A length, angle or error of a survey is out of range.
    #[error("cannot fly a survey with {what} {value}; give {low} to {high}")]
    Survey {
        /// Which.
        what: &'static str,
        /// As given.
        value: f64,
        /// Least value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A picture could not be encoded.
    #[error("could not encode a picture")]
    Image(#[from] image::ImageError),
    /// A TIFF file could not be encoded.
    #[error("could not encode a TIFF file")]
    Tiff(#[from] tiff::TiffError),
    /// GDAL could not convert coordinates.
    #[error("GDAL could not convert coordinates")]
    Coordinates(#[from] gdal::errors::GdalError),
    /// Truth could not be written as JSON.
    #[error("could not encode the truth as JSON")]
    Json(#[from] serde_json::Error),
}
