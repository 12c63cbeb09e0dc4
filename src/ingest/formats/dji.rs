//! DJI R-JPEG of the `iirp` family: apparent temperature in 1/64 kelvin (DOMAIN section 1.2).

use super::{Container, File, FrameDecoder, jpeg_leaks, jpeg_tags};
use crate::frame::{Format, Frame, FrameId, Radiometry, Raw, Samples};
use crate::ingest::jpeg::Jpeg;
use crate::ingest::{IngestError, IngestOptions};
use crate::raster::Raster;

/// DJI R-JPEG.
pub(super) struct Dji;

/// Start of APP4 where the family is named in the four bytes behind.
const TAGGED: [u8; 4] = [0xFF, 0xD2, 0xD1, 0xFF];
/// Start of APP4 of the H20T, which names no family but is `dirp`.
const DIRP: [u8; 4] = [0xAA, 0x55, 0x12, 0x06];
/// Raw frames by their length in bytes.
const SHAPES: [(usize, usize, usize); 2] = [(655_360, 640, 512), (2_621_440, 1280, 1024)];

impl FrameDecoder for Dji {
    fn name(&self) -> &'static str {
        "dji"
    }

    fn sniff(&self, file: &File<'_>) -> bool {
        file.jpeg()
            .is_some_and(|jpeg| jpeg.app(3).next().is_some() && jpeg.app(4).next().is_some())
    }

    fn decode(
        &self,
        id: FrameId,
        file: &File<'_>,
        options: &IngestOptions,
    ) -> Result<Frame<Raw>, IngestError> {
        let Container::Jpeg(jpeg) = &file.container else {
            return Err(file.malformed("not a JPEG file"));
        };
        let refuse = |family: String| IngestError::UnsupportedFamily {
            path: file.path.to_path_buf(),
            family,
        };
        let family = family(jpeg);
        if !matches!(family.as_deref(), None | Some("iirp")) {
            return Err(refuse(family.unwrap_or_default()));
        }
        let bytes = jpeg.app(3).collect::<Vec<_>>().concat();
        let Some(&(_, width, height)) = SHAPES.iter().find(|shape| shape.0 == bytes.len()) else {
            return Err(if jpeg.truncated {
                file.truncated("the raw thermal frame")
            } else {
                file.malformed(format!("a raw frame of {} bytes is not known", bytes.len()))
            });
        };
        file.shape(width as u64, height as u64, &options.limits)?;
        let (pairs, _) = bytes.as_chunks();
        let counts: Vec<u16> = pairs.iter().copied().map(u16::from_le_bytes).collect();
        // Counts of `iirp` are multiples of 4 (DOMAIN section 1.2); an untagged file whose counts are not is another family.
        if family.is_none()
            && (width != 640 || counts.iter().fold(0, |all, count| all | count) % 4 != 0)
        {
            return Err(refuse("unknown".into()));
        }
        let counts = Raster::new(width, height, counts)
            .map_err(|error| file.malformed(error.to_string()))?;
        let radiometry = Radiometry::Linear {
            scale: 1.0 / 64.0,
            offset: -273.15,
            no_data: None,
        };
        let meta = jpeg_tags(jpeg).meta(Format::DjiRjpeg, radiometry, jpeg_leaks(jpeg));
        Ok(Frame::raw(id, meta, Samples::U16(counts)))
    }
}

/// The family's name; `None` for the untagged M2EA.
fn family(jpeg: &Jpeg<'_>) -> Option<String> {
    let parameters: Vec<u8> = jpeg.app(4).flatten().copied().take(8).collect();
    if parameters.starts_with(&DIRP) {
        return Some("dirp".into());
    }
    let tag = parameters.strip_prefix(&TAGGED)?;
    Some(
        tag.iter()
            .map(|&byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte)
                } else {
                    '?'
                }
            })
            .collect(),
    )
}
