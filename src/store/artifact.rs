//! What may be written: a sealed list, so that a new kind of output is a decision seen in review.

use std::borrow::Cow;
use std::path::Path;

use crate::frame::{Frame, Redacted};

/// Keeps [`Artifact`] and [`FileArtifact`] inside the crate.
pub(crate) mod sealed {
    /// Implemented next to each artifact.
    pub trait Sealed {}
}

/// Something that may be written to disk as bytes.
pub trait Artifact: sealed::Sealed {
    /// The bytes of the file.
    fn bytes(&self) -> Cow<'_, [u8]>;
}

/// Something that may be written to disk by a library that opens the file itself.
pub trait FileArtifact: sealed::Sealed {
    /// Why writing failed.
    type Error;

    /// Writes the file at `partial`.
    ///
    /// # Errors
    ///
    /// What the library says.
    fn write(&self, partial: &Path) -> Result<(), Self::Error>;
}

/// GDAL's settings for a database of SQLite's that keeps no journal and does not sync every step.
const NO_JOURNAL: [&str; 2] = ["OGR_SQLITE_JOURNAL", "OGR_SQLITE_SYNCHRONOUS"];

/// Lets `create` make a database that keeps no journal while it is open. One that is half written is removed, never rolled back, and the store syncs it
/// whole before it has a name; with a journal SQLite also tries again after an error, and counts that in the file.
///
/// # Errors
///
/// What GDAL says.
pub(crate) fn without_journal<T>(
    create: impl FnOnce() -> gdal::errors::Result<T>,
) -> gdal::errors::Result<T> {
    for name in NO_JOURNAL {
        gdal::config::set_thread_local_config_option(name, "OFF")?;
    }
    let created = create();
    for name in NO_JOURNAL {
        gdal::config::clear_thread_local_config_option(name)?;
    }
    created
}

impl sealed::Sealed for Frame<Redacted> {}

/// A redacted frame as a working file: float32 °C, little-endian, row by row.
impl Artifact for Frame<Redacted> {
    fn bytes(&self) -> Cow<'_, [u8]> {
        let samples = self.celsius().samples().iter();
        let bytes: Vec<[u8; 4]> = samples.map(|value| value.to_le_bytes()).collect();
        bytes.into_flattened().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Calibration, Format, FrameId, FrameMeta, RedactionMask, Samples};
    use crate::raster::Raster;

    /// IEEE 754: -0.5 is 0xbf000000, 1 is 0x3f800000.
    #[test]
    fn a_working_frame_is_its_temperatures_one_after_the_other() {
        let celsius = Samples::F32(Raster::new(2, 1, vec![-0.5, 1.0]).unwrap());
        let raw = Frame::raw(FrameId(0), FrameMeta::bare(Format::TiffF32), celsius);
        let frame = raw.calibrate(&Calibration::Celsius).unwrap();
        let mask = RedactionMask::new(FrameId(0), 2, 1);
        let redacted = frame.redact(&mask).unwrap();
        assert_eq!(*redacted.bytes(), [0, 0, 0, 0xbf, 0, 0, 0x80, 0x3f]);
    }
}
