//! An entry as a line: canonical JSON, read and written.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::scan::{Tagged, scan};
use super::{
    AuditError, BuildingsEmitted, DecidedMask, Entry, MOST_RANGES, TileEmitted, canonical,
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
            Self::Masked(masked) => masked.reviewed.as_ref().and_then(DecidedMask::problem),
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
mod tests {
    use super::super::entry::{Ingested, NotPublished, RunClosed};
    use super::*;

    /// Lines with a small change are read only where they are what would be written.
    #[test]
    fn what_is_read_is_what_would_be_written() {
        let page = include_str!("../../docs/audit-log.md");
        let mut read = 0;
        for line in page.lines().filter(|line| line.starts_with('{')) {
            assert!(Entry::from_line(line.as_bytes()).is_some(), "{line}");
            let inserts = [
                r#""skips":false,"#,
                r#""skips":true,"#,
                r#""model":null,"#,
                r#""source":null,"#,
                r#""poses":"","#,
                r#""ground":"","#,
                " ",
                "0",
                "-",
                "9",
                ".0",
                "\\u0041",
                "e",
            ];
            for at in (0..=line.len()).filter(|at| line.is_char_boundary(*at)) {
                for insert in inserts {
                    let mut changed = line.to_owned();
                    changed.insert_str(at, insert);
                    if let Some(entry) = Entry::from_line(changed.as_bytes()) {
                        let written = entry.to_line().unwrap();
                        assert_eq!(String::from_utf8(written).unwrap(), changed);
                        read += 1;
                    }
                }
            }
        }
        assert!(read > 100, "changes inside texts and numbers are entries");
    }

    #[test]
    fn a_line_is_sorted_and_comes_back() {
        let entry = Entry::RunClosed(RunClosed {
            at: 5,
            total: 3,
            published: 1,
            withheld: 1,
            rejected: 1,
        });
        let line = entry.to_line().unwrap();
        let text =
            r#"{"at":5,"published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#;
        assert_eq!(String::from_utf8(line.clone()).unwrap(), text);
        assert_eq!(Entry::from_line(&line), Some(entry));
    }

    #[test]
    fn other_order_blanks_floats_and_unknown_keys_are_refused() {
        for text in [
            r#"{"type":"run.closed","at":5,"published":1,"rejected":1,"total":3,"withheld":1}"#,
            r#"{"at":5, "published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#,
            r#"{"at":5.0,"published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#,
            r#"{"at":5,"extra":1,"published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#,
            r#"{"at":5,"type":"run.unknown"}"#,
        ] {
            assert_eq!(Entry::from_line(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_line_that_no_bundle_can_hold_is_refused() {
        let detail = "x".repeat(70_000);
        let entry = Entry::Withheld(NotPublished {
            frame: 0,
            reason: String::new(),
            detail,
        });
        assert!(matches!(entry.to_line(), Err(AuditError::TooLong { .. })));
    }

    #[test]
    fn digests_boxes_scores_and_ranges_that_mean_nothing_are_refused() {
        let digest = "0a".repeat(32);
        let ingested = |commitment: &str| {
            format!(
                r#"{{"bytes":1,"camera":"","commitment":"{commitment}","format":"","frame":0,"type":"frame.ingested"}}"#
            )
        };
        let found = |bbox: &str, score: u32| {
            format!(
                r#"{{"found":[{{"box":{bbox},"class":"person","score":{score},"sure":true}}],"frame":0,"line":"model","model":"m","round":0,"type":"frame.detected"}}"#
            )
        };
        let tile = |ranges: &str| {
            format!(
                r#"{{"bytes":1,"path":"tiles/a","sha256":"{digest}","source_frames":{ranges},"type":"tile.emitted"}}"#
            )
        };
        // As docs/audit-log.md shows it, with other frames in a line's weather.
        let example = include_str!("../../docs/audit-log.md");
        let example = example
            .lines()
            .find(|line| line.contains(r#""type":"heatloss.parameters""#))
            .unwrap();
        let lines = |frames: &str| example.replace("[[40,79]]", frames);
        let no_lines = {
            let (start, end) = (example.find("[{").unwrap(), example.find("}]").unwrap() + 2);
            format!("{}[]{}", &example[..start], &example[end..])
        };
        let good = [
            lines("[[40,79],[90,99]]"),
            ingested(&digest),
            found("[1,2,3,4]", 1000),
            tile("[[0,0],[2,4]]"),
        ];
        let bad = [
            lines("[[79,40]]"),
            lines("[[90,99],[40,79]]"),
            no_lines,
            ingested(&digest.to_uppercase()),
            ingested("0a"),
            found("[3,2,1,4]", 1),
            found("[1,2,3,4]", 1001),
            tile("[[1,0]]"),
            tile("[[0,2],[2,3]]"),
            tile("[[4,5],[0,1]]"),
        ];
        for line in good {
            assert!(Entry::from_line(line.as_bytes()).is_some(), "{line}");
        }
        for line in bad {
            assert!(Entry::from_line(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn a_length_that_javascript_would_round_is_refused() {
        let entry = |bytes| {
            Entry::Ingested(Ingested {
                frame: 0,
                commitment: "00".repeat(32),
                format: String::new(),
                camera: String::new(),
                bytes,
                sealed: false,
            })
        };
        assert!(entry(canonical::LARGEST).to_line().is_ok());
        assert!(entry(canonical::LARGEST + 1).to_line().is_err());
    }
}
