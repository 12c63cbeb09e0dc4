//! Log entries from what happened.

use super::keys::InputKeys;
use super::processed::{Look, Masked, Processed};
use super::reviewed::Decisions;
use super::{Cause, Outcome, Run};
use crate::audit::{
    self, BuildingsEmitted, Detected, Entry, FlightEvidence, Found, Ingested, MOST_RANGES,
    Manifest, ModelId, NotPublished, Policy, RunOpened, SelfCheck, TileEmitted,
};
use crate::config::Config;
use crate::detect::{Beyond, Class, Detections, Detector, Line};
use crate::frame::{FrameId, FrameMeta};
use crate::hex;
use crate::store::Receipt;

/// `run.opened`.
pub(super) fn opened(
    run: &Run,
    keys: &InputKeys,
    manifest: Manifest,
    decisions: &Decisions,
) -> RunOpened {
    let survey = &run.config.survey;
    let stated = |text: &Option<String>| text.clone().unwrap_or_else(|| "not stated".into());
    RunOpened {
        at: run.now,
        operator: stated(&survey.operator),
        purpose: stated(&survey.purpose),
        recipients: survey.recipients.clone(),
        heatveil: env!("CARGO_PKG_VERSION").into(),
        libraries: run.libraries(),
        lines: lines(&run.config),
        models: models(run),
        policy_sha256: hex::encode(&run.config.policy_sha256()),
        beyond_envelope: run
            .config
            .detect
            .publish_beyond_envelope
            .clone()
            .unwrap_or_default(),
        manifest,
        intake_key: keys.intake.as_ref().map(|key| key.public().to_string()),
        retention: decisions.retention(survey, run.now),
        reviewed: decisions.run(),
    }
}

/// What two runs would differ by, in a word or two: then neither can go on with the other, nor work for it. For whom, why and to whom is no setting of
/// the digest, but the first stands in the catalog, and `run.opened` would tell of all three otherwise than whoever went on.
pub(super) fn differs(one: &RunOpened, other: &RunOpened) -> Option<&'static str> {
    let differs = [
        ("manifest", one.manifest != other.manifest),
        ("configuration", one.policy_sha256 != other.policy_sha256),
        ("model", one.models != other.models),
        ("operator", one.operator != other.operator),
        ("purpose", one.purpose != other.purpose),
        ("list of recipients", one.recipients != other.recipients),
        ("review", one.reviewed != other.reviewed),
        ("intake key", one.intake_key != other.intake_key),
        ("version of heatveil", one.heatveil != other.heatveil),
        ("version of a library", one.libraries != other.libraries),
    ];
    let mut differs = differs.into_iter().filter(|(_, differs)| *differs);
    differs.next().map(|(what, _)| what)
}

/// The outcome that an entry is, with the SHA-256 of the redacted raster; `None` where it is none.
pub(super) fn outcome(entry: &Entry) -> Option<(Outcome, Option<[u8; 32]>)> {
    let cause = |entry: &NotPublished| Cause::new(&entry.reason, &*entry.detail);
    match entry {
        Entry::Masked(masked) => Some((Outcome::Published, hex::decode_32(&masked.output_sha256))),
        Entry::Withheld(entry) => Some((Outcome::Withheld(cause(entry)), None)),
        Entry::Rejected(entry) => Some((Outcome::Rejected(cause(entry)), None)),
        _ => None,
    }
}

/// The lines of defence that look.
fn lines(config: &Config) -> Vec<String> {
    let warm_spots = config.detect.warm_spots.map(|_| Line::WarmSpots);
    let carry = config.detect.carry.map(|_| Line::Carry);
    let lines = [Some(Line::Model), warm_spots, carry];
    lines
        .into_iter()
        .flatten()
        .map(|line| line.name().to_owned())
        .collect()
}

/// Models by name and hash.
pub(super) fn models(run: &Run) -> Vec<ModelId> {
    let model = |detector: &dyn Detector| {
        let (name, sha256) = detector.model();
        ModelId {
            name: name.to_owned(),
            sha256: hex::encode(&sha256),
            skips: detector.envelope().beyond == Beyond::Skip,
        }
    };
    let detectors = run.detectors.iter();
    detectors.map(|detector| model(detector.as_ref())).collect()
}

/// The manifest as the log holds it.
pub(super) fn manifest(commitments: &[[u8; 32]]) -> Manifest {
    let root = audit::root(commitments.iter().map(<[u8; 32]>::as_slice));
    Manifest {
        count: count(commitments.len()),
        root: hex::encode(&root),
    }
}

/// All entries of one frame, outcome last.
pub(super) fn frame(config: &Config, models: &[ModelId], processed: &Processed) -> Vec<Entry> {
    let frame = processed.id.0;
    let meta = processed.meta.as_ref();
    let mut entries = vec![Entry::Ingested(Ingested {
        frame,
        commitment: hex::encode(&processed.commitment),
        format: meta
            .map(|meta| meta.format.name().to_owned())
            .unwrap_or_default(),
        camera: meta.map(camera).unwrap_or_default(),
        bytes: processed.bytes,
        sealed: processed.sealed,
    })];
    // Where a model failed, those behind it have no entry: the log tells of models in their order, without a gap.
    let has_entry = |model: &usize| {
        let mut looks = processed.looks.iter();
        processed.skipped.contains_key(model)
            || looks.any(|look| look.round == 0 && look.model == Some(*model))
    };
    let told = (0..models.len()).take_while(has_entry).count();
    let mut skipped = processed.skipped.range(..told).peekable();
    for look in &processed.looks {
        let after = |model: usize| look.round > 0 || look.model.is_none_or(|this| model < this);
        while let Some((model, why)) = skipped.next_if(|(model, _)| after(**model)) {
            entries.push(Entry::Detected(left_out(frame, models, *model, why)));
        }
        entries.push(Entry::Detected(detected(frame, models, look)));
    }
    for (model, why) in skipped {
        entries.push(Entry::Detected(left_out(frame, models, *model, why)));
    }
    match (&processed.outcome, &processed.masked) {
        (Outcome::Withheld(cause), _) => entries.push(withheld(processed, cause)),
        (Outcome::Rejected(cause), _) => {
            entries.push(Entry::Rejected(not_published(processed, cause)));
        }
        (Outcome::Published, Some(made)) => {
            entries.push(Entry::Masked(masked(config, processed, made)));
        }
        (Outcome::Published, None) => {
            let cause = Cause::new("internal", "published without a mask");
            entries.push(withheld(processed, &cause));
        }
    }
    entries
}

/// The outcome of a frame that needs a human.
pub(super) fn withheld(processed: &Processed, cause: &Cause) -> Entry {
    Entry::Withheld(not_published(processed, cause))
}

fn not_published(processed: &Processed, cause: &Cause) -> NotPublished {
    NotPublished {
        frame: processed.id.0,
        reason: cause.reason.clone(),
        detail: cause.detail.clone(),
        reviewed: processed.reviewed.clone(),
    }
}

/// Make and model of a frame's camera.
pub(super) fn camera(meta: &FrameMeta) -> String {
    let name = format!("{} {}", meta.camera.make, meta.camera.model);
    name.trim().to_owned()
}

/// A model that did not look.
fn left_out(frame: u32, models: &[ModelId], model: usize, why: &str) -> Detected {
    Detected {
        frame,
        line: Line::Model.name().to_owned(),
        model: models.get(model).map(|model| model.name.clone()),
        source: None,
        skipped: Some(why.to_owned()),
        round: 0,
        found: Vec::new(),
    }
}

fn detected(frame: u32, models: &[ModelId], look: &Look) -> Detected {
    let model = look.model.and_then(|model| models.get(model));
    Detected {
        frame,
        line: look.detections.line().name().to_owned(),
        model: model.map(|model| model.name.clone()),
        source: look.source.map(|source| source.0),
        skipped: None,
        round: look.round,
        found: found(&look.detections).collect(),
    }
}

/// The finds of a look as the log holds them.
pub(super) fn found(look: &Detections) -> impl Iterator<Item = Found> {
    look.found().iter().map(|found| Found {
        class: found.class.name().to_owned(),
        bbox: [
            found.bbox.x0.floor(),
            found.bbox.y0.floor(),
            found.bbox.x1.ceil(),
            found.bbox.y1.ceil(),
        ]
        .map(whole),
        score: whole((found.score * 1000.0).round()),
        sure: found.is_sure(),
    })
}

/// A score as it stood in the log.
pub(super) fn from_milli(score: u32) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "scores are parts of a thousand")]
    let score = score as f32;
    score / 1000.0
}

fn masked(config: &Config, processed: &Processed, made: &Masked) -> audit::Masked {
    let redact = &config.redact;
    let pixels = |meta: &FrameMeta| (meta.width * meta.height) as u64;
    let policy = |class: Class| Policy {
        class: class.name().to_owned(),
        policy: redact.policy(class).name().to_owned(),
    };
    audit::Masked {
        frame: processed.id.0,
        policies: Class::ALL.map(policy).to_vec(),
        padding_mm: milli(redact.padding.0),
        grid_px: count(redact.grid_px),
        mask_sha256: hex::encode(&made.mask_sha256),
        masked_pixels: made.hidden_pixels as u64,
        pixels: processed.meta.as_ref().map(pixels),
        output_sha256: hex::encode(&made.output_sha256),
        self_check: SelfCheck {
            found: count(made.self_check.found),
            rounds: count(made.self_check.rounds),
        },
        reviewed: processed.reviewed.clone(),
    }
}

/// `tile.emitted`: one entry, and further ones for more ranges of frames than one holds.
pub(super) fn tile(receipt: &Receipt, frames: &[FrameId]) -> Vec<Entry> {
    let entry = |source_frames| {
        Entry::TileEmitted(TileEmitted {
            path: receipt.path.clone(),
            sha256: hex::encode(&receipt.sha256),
            bytes: receipt.bytes,
            source_frames,
        })
    };
    parts(&ranges(frames), entry)
}

/// `flight.placed`, likewise.
pub(super) fn flight(flight: &FlightEvidence) -> Vec<Entry> {
    let entry = |frames| {
        Entry::Flight(FlightEvidence {
            frames,
            ..flight.clone()
        })
    };
    parts(&flight.frames, entry)
}

/// `buildings.emitted`, likewise.
pub(super) fn buildings(table: &BuildingsEmitted) -> Vec<Entry> {
    let entry = |source_frames| {
        Entry::Buildings(BuildingsEmitted {
            source_frames,
            ..table.clone()
        })
    };
    parts(&table.source_frames, entry)
}

/// One entry at least.
fn parts(ranges: &[[u32; 2]], entry: impl Fn(Vec<[u32; 2]>) -> Entry) -> Vec<Entry> {
    if ranges.is_empty() {
        return vec![entry(Vec::new())];
    }
    let parts = ranges.chunks(MOST_RANGES);
    parts.map(|part| entry(part.to_vec())).collect()
}

/// Ascending frame numbers as inclusive ranges.
pub(super) fn ranges(frames: &[FrameId]) -> Vec<[u32; 2]> {
    let mut ranges: Vec<[u32; 2]> = Vec::new();
    for &FrameId(frame) in frames {
        match ranges.last_mut() {
            Some([_, last]) if last.checked_add(1) == Some(frame) => *last = frame,
            _ => ranges.push([frame, frame]),
        }
    }
    ranges
}

/// A count that fits: manifests are numbered in 32 bits.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and boxes and scores are small and not negative"
)]
fn whole(value: f32) -> u32 {
    value as u32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and settings were checked to be small and not negative"
)]
fn milli(value: f64) -> u32 {
    (value * 1000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::processed::Input;
    use super::*;

    /// A model failed, so that nobody can say what those behind it would have done.
    #[test]
    fn a_model_that_leaves_out_a_frame_is_not_told_of_behind_one_that_failed() {
        let models: Vec<ModelId> = ["persons", "windows"]
            .map(|name| ModelId {
                name: name.into(),
                sha256: "00".repeat(32),
                skips: true,
            })
            .into();
        let config = crate::config::Args::default().resolve().unwrap();
        let told = |left_out: usize| {
            let mut processed = Processed::new(&Input {
                id: FrameId(0),
                path: Path::new("a"),
                commitment: [0; 32],
                duplicate_of: None,
            });
            processed.skipped.insert(left_out, "coarser".into());
            processed.outcome = Outcome::Withheld(Cause::new("detector-failed", ""));
            let entries = frame(&config, &models, &processed);
            let looks = entries.iter().filter_map(|entry| match entry {
                Entry::Detected(look) => look.model.clone(),
                _ => None,
            });
            looks.collect::<Vec<_>>()
        };
        assert_eq!(told(1), [""; 0]);
        assert_eq!(told(0), ["persons"]);
    }

    /// Every second frame of 10,000: more ranges than a line of 65,535 bytes holds.
    #[test]
    fn many_ranges_become_entries_that_a_line_holds() {
        let frames: Vec<FrameId> = (0..5000)
            .map(|n| FrameId(u32::MAX - 10_001 + 2 * n))
            .collect();
        let receipt = Receipt {
            path: "tiles/a.tif".into(),
            sha256: [0; 32],
            bytes: 1,
        };
        let entries = tile(&receipt, &frames);
        let mut held = Vec::new();
        for entry in &entries {
            entry.to_line().unwrap();
            if let Entry::TileEmitted(tile) = entry {
                held.extend(tile.source_frames.clone());
            }
        }
        assert_eq!((entries.len(), held), (3, ranges(&frames)));
        assert_eq!(tile(&receipt, &[]).len(), 1);
    }

    #[test]
    fn frame_numbers_become_ranges() {
        let frames = [0, 1, 2, 5, 7, 8].map(FrameId);
        assert_eq!(ranges(&frames), [[0, 2], [5, 5], [7, 8]]);
        assert!(ranges(&[]).is_empty());
    }
}
