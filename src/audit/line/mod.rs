//! An entry as a line: canonical JSON, read and written.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::scan::{Tagged, scan};
use super::{
    AuditError, BuildingsEmitted, DecidedMask, Entry, MOST_RANGES, Masked, NotPublished,
    TileEmitted, canonical,
};
use crate::hex;

/// Longest line: an entry bundle holds lengths of 16 bits (C2SP tlog-tiles).
pub(super) const LONGEST: usize = u16::MAX as usize;

impl Entry {
    /// The canonical line (RFC 8785), without a newline.
    ///
    /// # Errors
    ///
    /// [`AuditError::TooLong`] beyond 65,535 bytes; [`AuditError::Entry`] when a digest is not 64 lower-case
    /// hex digits, an integer is beyond 2^53 - 1, a score beyond 1000, a box or range the wrong way round.
    pub fn to_line(&self) -> Result<Vec<u8>, AuditError> {
        if let Some(problem) = self.problem() {
            return Err(AuditError::Entry { problem });
        }
        let line = canonical::to_vec(self)?;
        if line.len() > LONGEST {
            Err(AuditError::TooLong { bytes: line.len() })
        } else {
            Ok(line)
        }
    }

    /// Parses a line; `None` where it is not an entry in canonical form that [`Entry::to_line`] would write.
    ///
    /// A line that `scan` finds canonical is the only one that stands for its value. What is optional is refused where it stands without
    /// need (`present`, `filled`, `only_true`), so that nothing needs to be written again to be compared.
    #[must_use]
    pub fn from_line(line: &[u8]) -> Option<Self> {
        if line.len() > LONGEST {
            return None;
        }
        let Tagged { kind, member } = scan(line)?;
        let body = [line.get(..member.start)?, line.get(member.end..)?].concat();
        let body = body.as_slice();
        let entry = match kind {
            "run.opened" => Self::RunOpened(parse(body)?),
            "run.resumed" => Self::RunResumed(parse(body)?),
            "frame.ingested" => Self::Ingested(parse(body)?),
            "frame.detected" => Self::Detected(parse(body)?),
            "frame.masked" => Self::Masked(parse(body)?),
            "frame.withheld" => Self::Withheld(parse(body)?),
            "frame.rejected" => Self::Rejected(parse(body)?),
            "frame.placed" => Self::Placed(parse(body)?),
            "flight.placed" => Self::Flight(parse(body)?),
            "objection.applied" => Self::Objection(parse(body)?),
            "heatloss.parameters" => Self::HeatLoss(parse(body)?),
            "buildings.emitted" => Self::Buildings(parse(body)?),
            "tile.emitted" => Self::TileEmitted(parse(body)?),
            "run.closed" => Self::RunClosed(parse(body)?),
            "review.decided" => Self::Review(parse(body)?),
            "release.approved" => Self::Release(parse(body)?),
            "raw.deleted" => Self::Deleted(parse(body)?),
            _ => return None,
        };
        entry.problem().is_none().then_some(entry)
    }

    /// What the types alone do not rule out.
    fn problem(&self) -> Option<String> {
        let digests: Vec<&str> = match self {
            Self::RunOpened(opened) => {
                let models = opened.models.iter().map(|model| model.sha256.as_str());
                let reviewed = opened.reviewed.iter();
                models
                    .chain([opened.policy_sha256.as_str(), &opened.manifest.root])
                    .chain(reviewed.flat_map(|run| [run.root.as_str(), &run.decisions_sha256]))
                    .collect()
            }
            Self::Ingested(ingested) => vec![&ingested.commitment],
            Self::Masked(masked) => vec![&masked.mask_sha256, &masked.output_sha256],
            Self::TileEmitted(tile) => vec![&tile.sha256],
            Self::Review(review) => vec![&review.root],
            Self::Release(release) => vec![&release.statement_sha256, &release.root],
            Self::Objection(objection) => vec![&objection.commitment],
            Self::Buildings(table) => {
                let files = table.files.iter().map(|file| file.sha256.as_str());
                files.chain([table.footprints_sha256.as_str()]).collect()
            }
            _ => Vec::new(),
        };
        if !digests.into_iter().all(is_digest) {
            return Some("a digest is not 64 lower-case hex digits".into());
        }
        let intake_key = match self {
            Self::RunOpened(opened) => opened.intake_key.as_deref(),
            Self::Deleted(deleted) => deleted.destroyed_key.as_deref(),
            _ => None,
        };
        if !intake_key.is_none_or(is_recipient) {
            return Some("an intake key is not a public key of age".into());
        }
        match self {
            Self::Detected(detected) => detected.problem(),
            Self::Review(review) => review.problem(),
            Self::Deleted(deleted) if !ascend(&deleted.frames) => {
                Some("ranges of frames do not ascend".into())
            }
            Self::Deleted(deleted) => deleted.problem(),
            Self::TileEmitted(TileEmitted { source_frames, .. })
            | Self::Buildings(BuildingsEmitted { source_frames, .. }) => ranges(source_frames),
            Self::Flight(flight) => ranges(&flight.frames),
            Self::HeatLoss(heat) => heat.lines.iter().find_map(|line| ranges(&line.frames)),
            Self::Masked(masked) if masked.pixels.is_some_and(|all| masked.masked_pixels > all) => {
                Some("more pixels are masked than the frame has".into())
            }
            Self::Masked(Masked { reviewed, .. })
            | Self::Withheld(NotPublished { reviewed, .. })
            | Self::Rejected(NotPublished { reviewed, .. }) => {
                reviewed.as_ref().and_then(DecidedMask::problem)
            }
            _ => None,
        }
    }
}

/// SHA-256 or HMAC-SHA256 as the log writes it: hex in one spelling.
fn is_digest(text: &str) -> bool {
    hex::decode_32(text).is_some_and(|bytes| hex::encode(&bytes) == text)
}

/// An X25519 recipient of age: 58 letters of bech32 behind `age1`. Whether its checksum fits is not asked.
fn is_recipient(text: &str) -> bool {
    let letter = |byte: u8| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(&byte);
    let letters = text.strip_prefix("age1");
    letters.is_some_and(|letters| letters.len() == 58 && letters.bytes().all(letter))
}

/// What is wrong with ranges of frames, of which one entry holds at most [`MOST_RANGES`].
fn ranges(ranges: &[[u32; 2]]) -> Option<String> {
    if ranges.len() > MOST_RANGES {
        return Some(format!("more than {MOST_RANGES} ranges of frames"));
    }
    (!ascend(ranges)).then(|| "ranges of frames do not ascend".into())
}

/// What is optional and stands there: never `null`.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// An optional text that stands there: never empty.
pub(super) fn filled<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Err(D::Error::custom("an empty text is left out"));
    }
    Ok(text)
}

/// An optional list that stands there: never empty.
pub(super) fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(from)?;
    if list.is_empty() {
        return Err(D::Error::custom("an empty list is left out"));
    }
    Ok(list)
}

/// A mark that stands there: never `false`.
pub(super) fn only_true<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    if bool::deserialize(from)? {
        Ok(true)
    } else {
        Err(D::Error::custom("`false` is left out"))
    }
}

fn parse<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// Whether inclusive ranges stand in order and do not overlap.
fn ascend(ranges: &[[u32; 2]]) -> bool {
    ranges.iter().all(|[first, last]| first <= last)
        && ranges.is_sorted_by(|[_, last], [first, _]| last < first)
}

#[cfg(test)]
mod tests;
