//! One labelled picture as detectors see it.
//!
//! In: a file. Out: a calibrated frame with the ground resolution of its own geometry, or, where no thermal format
//! is known, an 8-bit grey picture with one that was given. Refuses: another size than was labelled, a picture
//! whose scale nobody states. Its pixels go to detectors alone.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageError, ImageReader};

use super::coco::LabelledFrame;
use super::error::FrameError;
use super::scenes::HitUav;
use crate::frame::{Calibrated, Frame, FrameId, FrameMeta, ModelInput};
use crate::georef::{self, CameraOverrides};
use crate::ingest::{self, IngestError, IngestOptions, Limits};
use crate::radiometry;
use crate::raster::Raster;
use crate::units::Metres;

/// One labelled picture.
pub(super) struct Picture {
    pixels: Pixels,
    ground_resolution: Metres,
}

enum Pixels {
    Thermal(Box<Frame<Calibrated>>),
    Grey(Raster<u8>),
}

impl Picture {
    /// Reads `labelled` from `folder`; `given` is the ground resolution of pictures without geometry.
    pub(super) fn open(
        id: FrameId,
        folder: &Path,
        labelled: &LabelledFrame,
        given: Option<Metres>,
    ) -> Result<Self, FrameError> {
        let path = folder.join(&labelled.file_name);
        let options = IngestOptions::default();
        let bytes = ingest::read(&path, &options.limits)?;
        let (pixels, ground_resolution) = match ingest::decode(id, &path, &bytes, &options) {
            Ok(raw) => {
                let table = radiometry::calibration(&raw.meta().radiometry);
                let located = georef::locate(raw.meta(), &CameraOverrides::default());
                let frame = raw
                    .calibrate(&table)
                    .map_err(|error| FrameError::Internal {
                        path: path.clone(),
                        problem: error.to_string(),
                    })?;
                let resolution = match (located, given) {
                    (Ok(located), _) => located.ground_resolution(),
                    (Err(_), Some(given)) => given,
                    (Err(error), None) => {
                        return Err(no_resolution(path, Some(error.to_string())));
                    }
                };
                (Pixels::Thermal(Box::new(frame)), resolution)
            }
            Err(IngestError::NotThermal { .. } | IngestError::NotAnImage { .. }) => {
                let by_name =
                    HitUav::parse(&labelled.file_name).and_then(HitUav::ground_resolution);
                let resolution = given
                    .or(by_name)
                    .ok_or_else(|| no_resolution(path.clone(), None))?;
                let grey = grey(&bytes, &options.limits).map_err(|source| FrameError::Picture {
                    path: path.clone(),
                    source,
                })?;
                (Pixels::Grey(grey), resolution)
            }
            Err(error) => return Err(error.into()),
        };
        let picture = Self {
            pixels,
            ground_resolution,
        };
        let found = picture.shape();
        match labelled.shape {
            Some(labelled) if labelled != found => Err(FrameError::Size {
                path,
                found,
                labelled,
            }),
            _ => Ok(picture),
        }
    }

    pub(super) fn shape(&self) -> (usize, usize) {
        match &self.pixels {
            Pixels::Thermal(frame) => frame.shape(),
            Pixels::Grey(grey) => grey.shape(),
        }
    }

    /// What a thermal frame says of itself.
    pub(super) fn meta(&self) -> Option<&FrameMeta> {
        match &self.pixels {
            Pixels::Thermal(frame) => Some(frame.meta()),
            Pixels::Grey(_) => None,
        }
    }

    pub(super) fn ground_resolution(&self) -> Metres {
        self.ground_resolution
    }

    pub(super) fn input(&self, multiple_of: usize) -> ModelInput {
        match &self.pixels {
            Pixels::Thermal(frame) => frame.model_input(multiple_of),
            Pixels::Grey(grey) => ModelInput::from_grey8(grey, multiple_of),
        }
    }
}

fn no_resolution(path: PathBuf, because: Option<String>) -> FrameError {
    FrameError::NoResolution { path, because }
}

fn grey(bytes: &[u8], limits: &Limits) -> Result<Raster<u8>, ImageError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut allowed = image::Limits::default();
    // Four bytes a pixel, and as much again to work with.
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(8));
    reader.limits(allowed);
    let picture = reader.decode()?.into_luma8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Raster::new(width, height, picture.into_raw())
        .map_err(|error| std::io::Error::other(error).into())
}
