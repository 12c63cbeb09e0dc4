//! Files in, raw frames out.
//!
//! In: paths and untrusted bytes. Out: [`Frame<Raw>`] with an allow-list of metadata, or an error that
//! names the file and the way out. Refuses: DJI families whose counts need the maker's tables, TIFFs
//! whose scale nobody states, anything beyond [`Limits`]. Previews, thumbnails, visible photographs and
//! maker notes are dropped here; [`Leak`](crate::frame::Leak) says that they were there.

mod error;
mod formats;
mod intake;
mod jpeg;
mod limits;
mod metadata;
mod xmp;

use std::path::Path;

pub use error::IngestError;
pub use intake::{Intake, discover};
pub use limits::{IngestOptions, Limits, TiffScale};

use crate::frame::{Frame, FrameId, Raw};

use formats::File;

/// Decodes one file's `bytes` into a raw frame. `path` is for messages alone.
///
/// Every input gives a frame or an error; nothing is allocated past the limits.
///
/// # Errors
///
/// [`IngestError`] naming the file, what was found and what to do.
pub fn decode(
    id: FrameId,
    path: &Path,
    bytes: &[u8],
    options: &IngestOptions,
) -> Result<Frame<Raw>, IngestError> {
    let limits = &options.limits;
    if bytes.len() as u64 > limits.max_bytes {
        let (found, max) = (bytes.len() as u64, limits.max_bytes);
        return Err(IngestError::FileTooLarge {
            path: path.to_path_buf(),
            found,
            max,
        });
    }
    let file = File::open(path, bytes, limits)?;
    match formats::DECODERS
        .iter()
        .find(|decoder| decoder.sniff(&file))
    {
        Some(decoder) => {
            tracing::debug!("{}: {}", path.display(), decoder.name());
            decoder.decode(id, &file, options)
        }
        None if file.is_truncated() => Err(IngestError::Truncated {
            path: path.to_path_buf(),
            what: "its header",
        }),
        None => Err(IngestError::NotThermal {
            path: path.to_path_buf(),
        }),
    }
}

#[cfg(test)]
mod tests;
