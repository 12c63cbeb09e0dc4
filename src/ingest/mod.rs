//! Files in, raw frames out.
//!
//! In: paths and untrusted bytes. Out: [`Frame<Raw>`] with an allow-list of metadata, or an error that
//! names the file and the way out. Refuses: DJI families whose counts need the maker's tables, TIFFs
//! whose scale nobody states, anything beyond [`Limits`]. Sealed files are opened in memory ([`open`]). Previews, thumbnails, visible photographs and
//! maker notes are dropped here; [`Leak`](crate::frame::Leak) says that they were there.

mod bytes;
mod error;
mod exif_block;
mod formats;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod intake;
mod jpeg;
mod limits;
mod metadata;
mod order;
mod xmp;

use std::fs;
use std::io::Read;
use std::path::Path;

pub use error::IngestError;
pub use intake::{Intake, discover, unsealed_name};
pub use limits::{IngestOptions, Limits, TiffScale};
pub use order::flight_order;

use crate::frame::{Frame, FrameId, Raw};
use crate::seal::{self, IntakeKey, OpenError};

use formats::File;

/// Reads a file within the limits; anything but a regular file is refused, so that no pipe is waited for.
///
/// # Errors
///
/// [`IngestError::Io`] or [`IngestError::FileTooLarge`].
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, IngestError> {
    let io = |source| IngestError::Io {
        path: path.to_path_buf(),
        source,
    };
    let (file, len) = open_regular(path).map_err(io)?;
    // What the file says of its length only saves moving what was read.
    let len = usize::try_from(len.min(limits.max_bytes)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(len);
    file.take(limits.max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(io)?;
    check_size(path, &bytes, limits)?;
    Ok(bytes)
}

/// A file that is no folder, pipe or device, and its length.
fn open_regular(path: &Path) -> std::io::Result<(fs::File, u64)> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    Ok((fs::File::open(path)?, metadata.len()))
}

/// An input's bytes, as they were before it was sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// Everything that the camera wrote: never to be printed or kept.
    pub bytes: Vec<u8>,
    /// Whether it lies there sealed.
    pub sealed: bool,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({} bytes)", self.bytes.len())
    }
}

/// Whether a file begins like a sealed one, to be asked of one whose bytes are known; `false` where it cannot be read now.
pub(crate) fn lies_sealed(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = open_regular(path)
        .and_then(|(file, _)| file.take(seal::MAGIC.len() as u64).read_to_end(&mut head));
    read.is_ok() && seal::is_sealed(&head)
}

/// As [`read`]; a sealed file is opened in memory alone.
///
/// # Errors
///
/// As [`read`]; [`IngestError::Sealed`] where the key does not open the file.
pub fn open(path: &Path, limits: &Limits, key: Option<&IntakeKey>) -> Result<Opened, IngestError> {
    let bytes = read(path, limits)?;
    if !seal::is_sealed(&bytes) {
        let sealed = false;
        return Ok(Opened { bytes, sealed });
    }
    key.ok_or(OpenError::NoKey)
        .and_then(|key| key.open(&bytes, limits.max_bytes))
        .map(|bytes| Opened {
            bytes,
            sealed: true,
        })
        .map_err(|problem| IngestError::Sealed {
            path: path.to_path_buf(),
            problem,
        })
}

fn check_size(path: &Path, bytes: &[u8], limits: &Limits) -> Result<(), IngestError> {
    let (found, max) = (bytes.len() as u64, limits.max_bytes);
    if found <= max {
        Ok(())
    } else {
        Err(IngestError::FileTooLarge {
            path: path.to_path_buf(),
            found,
            max,
        })
    }
}

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
    check_size(path, bytes, limits)?;
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
