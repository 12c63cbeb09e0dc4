//! The formats that carry temperatures, each behind [`FrameDecoder`].

mod bytes;
mod dji;
mod fff;
mod flir;
mod tiff;

use std::path::Path;

pub(super) use bytes::Endian;

use super::jpeg::{Jpeg, app};
use super::metadata::Tags;
use super::{IngestError, IngestOptions, Limits};
use crate::frame::{Frame, FrameId, Leak, Raw};

/// A file whose container is known.
pub(super) struct File<'a> {
    /// For messages alone.
    pub(super) path: &'a Path,
    pub(super) container: Container<'a>,
}

/// The container around the samples.
pub(super) enum Container<'a> {
    Jpeg(Jpeg<'a>),
    Tiff(&'a [u8]),
}

/// Reads one format. Decoders take untrusted bytes: every input returns, none panics, nothing is
/// allocated past the limits.
pub(super) trait FrameDecoder: Send + Sync {
    /// Short lower-case name for diagnostics.
    fn name(&self) -> &'static str;
    /// Whether the file is of this format.
    fn sniff(&self, file: &File<'_>) -> bool;
    /// Decodes the file. Embedded previews and thumbnails are dropped.
    fn decode(
        &self,
        id: FrameId,
        file: &File<'_>,
        options: &IngestOptions,
    ) -> Result<Frame<Raw>, IngestError>;
}

/// All formats; the first that sniffs its own wins.
pub(super) const DECODERS: [&dyn FrameDecoder; 3] = [&flir::Flir, &dji::Dji, &tiff::Tiff];

impl<'a> File<'a> {
    /// Finds the container.
    pub(super) fn open(
        path: &'a Path,
        bytes: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, IngestError> {
        let container = if Jpeg::is(bytes) {
            Container::Jpeg(Jpeg::parse(bytes, limits))
        } else if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") {
            Container::Tiff(bytes)
        } else {
            return Err(IngestError::NotAnImage {
                path: path.to_path_buf(),
            });
        };
        Ok(Self { path, container })
    }

    /// Whether the file ends before its picture begins.
    pub(super) fn is_truncated(&self) -> bool {
        self.jpeg().is_some_and(|jpeg| jpeg.truncated)
    }

    fn jpeg(&self) -> Option<&Jpeg<'a>> {
        match &self.container {
            Container::Jpeg(jpeg) => Some(jpeg),
            Container::Tiff(_) => None,
        }
    }

    fn truncated(&self, what: &'static str) -> IngestError {
        IngestError::Truncated {
            path: self.path.to_path_buf(),
            what,
        }
    }

    fn malformed(&self, problem: impl Into<String>) -> IngestError {
        IngestError::Malformed {
            path: self.path.to_path_buf(),
            problem: problem.into(),
        }
    }

    /// Columns and rows within the limits.
    fn shape(
        &self,
        width: u64,
        height: u64,
        limits: &Limits,
    ) -> Result<(usize, usize), IngestError> {
        if width == 0 || height == 0 {
            return Err(self.malformed(format!("the header says {width}x{height} pixels")));
        }
        limits.shape(width, height).ok_or_else(|| {
            let max_pixels = limits.max_pixels;
            IngestError::TooLarge {
                path: self.path.to_path_buf(),
                width,
                height,
                max_pixels,
            }
        })
    }
}

/// Header of an EXIF block and of an XMP packet in APP1.
const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Tags of a JPEG file.
fn jpeg_tags(jpeg: &Jpeg<'_>) -> Tags {
    let with = |header: &'static [u8]| {
        jpeg.app(1)
            .filter_map(move |payload| payload.strip_prefix(header))
    };
    Tags::read(with(EXIF), with(XMP))
}

/// What a JPEG file carries besides its tags.
fn jpeg_leaks(jpeg: &Jpeg<'_>) -> Vec<Leak> {
    let preview = jpeg
        .segments
        .iter()
        .any(|s| s.marker == app(2) && s.payload.starts_with(b"MPF\0"));
    let mut leaks = vec![Leak::ThermalFrame];
    if preview {
        leaks.push(Leak::Preview);
    } else if jpeg.trailer {
        leaks.push(Leak::Trailer);
    }
    leaks
}
