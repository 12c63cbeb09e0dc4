//! A run as its log tells it, and as it lies in a folder: for tests of what reads either.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Entry, Log, ReviewDecided, Signer, VerifyOptions, files, keygen, read, story, verify,
    write_proofs,
};
use crate::store::{Existing, Store, layout, write_secret};

/// What each published file of the run holds, and its SHA-256 by `sha256sum`.
pub(super) const FILE: &[u8] = b"published";
const FILE_SHA256: &str = "b04e5ea201bb040cae53f693f6a38a3e00b62da6039ca248fecd59b7fc842894";

/// Entries of a run of three frames: the second with finds of a neighbour and of the self-check, the third no picture.
pub(super) struct Told(pub(super) Vec<(&'static str, Value)>);

pub(super) fn whole() -> Told {
    let hash = "5a".repeat(32);
    let ingested = |frame: u32| {
        let commitment = format!("a{frame}").repeat(32);
        json!({"type": "frame.ingested", "frame": frame, "commitment": commitment, "format": "tiff-u16", "camera": "", "bytes": 9})
    };
    let found = json!([{"box": [1, 2, 3, 4], "class": "person", "score": 900, "sure": true}]);
    let twice = json!([found[0], found[0]]);
    let look = |frame: u32, round: u32, line: &str, found: &Value| json!({"type": "frame.detected", "frame": frame, "line": line, "round": round, "found": found});
    let model = |frame: u32, name: &str| with(look(frame, 0, "model", &json!([])), "model", name);
    let masked = |frame: u32, check: [u32; 2]| {
        json!({"type": "frame.masked", "frame": frame, "grid_px": 4, "mask_sha256": hash, "masked_pixels": 8, "output_sha256": hash,
            "padding_mm": 500, "policies": [], "self_check": {"found": check[0], "rounds": check[1]}})
    };
    let placed = |frame: u32| json!({"type": "frame.placed", "frame": frame, "matches": 9, "offset_mk": 0, "shift_mm": [0, 0, 0], "turn_urad": [0, 0, 0]});
    let tile = |path: &str| json!({"type": "tile.emitted", "path": path, "sha256": FILE_SHA256, "bytes": 9, "source_frames": [[0, 1]]});
    let pair = [1, 1];
    Told(vec![
        (
            "opened",
            json!({"type": "run.opened", "at": 5, "beyond_envelope": "", "heatveil": "0.1.0", "libraries": [], "operator": "o",
            "purpose": "p", "recipients": [], "policy_sha256": hash, "lines": ["model", "warm-spots", "carry"],
            // Python: the tree of RFC 6962 over a0.., a1.. and a2...
            "manifest": {"count": 3, "root": "4ac07f462072354ba2d3f50ac9cfcb4cf4bc2c27f95bb193c95af978c01e82b4"},
            "models": [{"name": "a", "sha256": hash}, {"name": "w", "sha256": hash, "skips": true}]}),
        ),
        ("ingested 0", ingested(0)),
        ("a 0", with(look(0, 0, "model", &found), "model", "a")),
        ("w 0", with(model(0, "w"), "skipped", "too coarse")),
        ("spots 0", look(0, 0, "warm-spots", &json!([]))),
        ("masked 0", masked(0, [0, 0])),
        ("ingested 1", ingested(1)),
        ("a 1", model(1, "a")),
        ("w 1", model(1, "w")),
        ("spots 1", look(1, 0, "warm-spots", &json!([]))),
        ("carry 1", with(look(1, 0, "carry", &found), "source", 0)),
        ("check 1", with(look(1, 1, "model", &twice), "model", "a")),
        ("masked 1", masked(1, [2, 1])),
        (
            "resumed",
            json!({"type": "run.resumed", "at": 6, "frames": 2}),
        ),
        ("ingested 2", ingested(2)),
        (
            "rejected 2",
            json!({"type": "frame.rejected", "frame": 2, "reason": "not-an-image", "detail": ""}),
        ),
        ("placed 0", placed(0)),
        ("placed 1", placed(1)),
        (
            "flight",
            json!({"type": "flight.placed", "frames": [[0, 1]], "flight_millikelvin": 2710, "gimbal_millikelvin": 3740,
            "ground": "flat ground", "pairs": 1, "reason": "r", "yaw": "flight"}),
        ),
        (
            "objection",
            json!({"type": "objection.applied", "commitment": hash, "count": 1, "margin_mm": 1000}),
        ),
        ("temperature", tile("tiles/temperature.tif")),
        (
            "heat",
            json!({"type": "heatloss.parameters", "air_mk": pair, "sky_mk": pair, "sky_source": "measured", "reflected_mk": pair,
            "reflected_source": "measured", "indoor_mk": pair, "wind_mm_s": pair, "humidity_milli": 1, "emissivity_milli": pair,
            "tilt_millidegrees": pair, "apparent_mk": 1, "drift_mk": 1, "place_mm": 1, "transmission_milli": 1, "convection_milli": 1,
            "convection": "mcadams", "method": "m", "grade": "A", "heatveil": "0.1.0"}),
        ),
        ("heat tile", tile("tiles/heatloss.tif")),
        (
            "buildings",
            json!({"type": "buildings.emitted", "files": [{"path": "buildings/a", "sha256": FILE_SHA256, "bytes": 9}],
            "footprints_sha256": hash, "buildings": 1, "measured": 1, "source_frames": [[0, 1]]}),
        ),
        (
            "closed",
            json!({"type": "run.closed", "at": 7, "total": 3, "published": 2, "withheld": 0, "rejected": 1}),
        ),
    ])
}

pub(super) fn with(mut entry: Value, key: &str, value: impl Into<Value>) -> Value {
    entry[key] = value.into();
    entry
}

/// A decision about a frame, which somebody is said to have signed.
pub(super) fn review(frame: u32, decision: &str, at: i64) -> Value {
    let signature = json!({"key": "k", "signature": "s"});
    json!({"type": "review.decided", "at": at, "frame": frame, "decision": decision, "reason": "", "hide": [],
        "root": "5a".repeat(32), "signatures": [signature]})
}

/// The published files are released.
pub(super) fn released(at: i64) -> Value {
    let hash = "5a".repeat(32);
    json!({"type": "release.approved", "at": at, "recipient": "r", "approver": "a", "statement_sha256": hash, "size": 1, "root": hash})
}

/// Whether a line of the log may say so.
pub(super) fn is_told(entry: &Value) -> bool {
    // serde_json sorts members by name, which is canonical where names are ASCII and numbers whole (RFC 8785).
    Entry::from_line(entry.to_string().as_bytes()).is_some()
}

/// The run of [`whole`], interrupted so often that its log has these entries.
pub(super) fn long(entries: usize) -> Told {
    let mut told = whole();
    while told.0.len() < entries {
        told = told.again("resumed", "resumed");
    }
    told
}

impl Told {
    pub(super) fn at(&self, label: &str) -> usize {
        self.0.iter().position(|(name, _)| *name == label).unwrap()
    }

    pub(super) fn value(&self, label: &str) -> Value {
        self.0[self.at(label)].1.clone()
    }

    /// With frame 2 withheld for this reason.
    pub(super) fn withheld(self, reason: &str) -> Self {
        self.set("rejected 2", "type", "frame.withheld")
            .set("rejected 2", "reason", reason)
            .set("closed", "withheld", 1)
            .set("closed", "rejected", 0)
    }

    pub(super) fn set(mut self, label: &str, key: &str, value: impl Into<Value>) -> Self {
        let at = self.at(label);
        self.0[at].1[key] = value.into();
        self
    }

    pub(super) fn without(mut self, label: &str) -> Self {
        let at = self.at(label);
        self.0.remove(at);
        self
    }

    /// Moves an entry before another.
    pub(super) fn before(mut self, label: &str, other: &str) -> Self {
        let moved = self.0.remove(self.at(label));
        let at = self.at(other);
        self.0.insert(at, moved);
        self
    }

    /// Says an entry again right behind another.
    pub(super) fn again(mut self, label: &str, behind: &str) -> Self {
        let copy = self.0[self.at(label)].clone();
        let at = self.at(behind) + 1;
        self.0.insert(at, copy);
        self
    }

    /// Says one thing more at the end.
    pub(super) fn then(mut self, entry: Value) -> Self {
        self.0.push(("then", entry));
        self
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |(label, value): &(&str, Value)| {
            let entry: Result<Entry, _> = serde_json::from_value(value.clone());
            entry.unwrap_or_else(|error| panic!("{label}: {error}"))
        };
        self.0.iter().map(entry).collect()
    }

    pub(super) fn problems(&self) -> Vec<String> {
        story::problems(&self.entries())
    }

    /// A folder that holds nothing but this log, which nobody signed.
    pub(super) fn unsigned(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let line = |entry: &Entry| [entry.to_line().unwrap(), b"\n".to_vec()].concat();
        let log: Vec<u8> = self.entries().iter().flat_map(line).collect();
        write_secret(&folder.path().join(layout::LOG), &log).unwrap();
        folder
    }
}

/// Somebody with a key of their own.
pub(super) fn signer(name: &str) -> Signer {
    Signer::parse(&keygen(name).unwrap().signer, name).unwrap()
}

/// The keys and the note of Go's package `golang.org/x/mod/sumdb/note`, whose signature begins with the key's id: four bytes.
pub(super) const GO_SIGNER: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
pub(super) const GO_VERIFIER: &str =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
pub(super) const GO_TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
pub(super) const GO_SIGNATURE: &str =
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

pub(super) fn go_signer() -> Signer {
    Signer::parse(GO_SIGNER, "go").unwrap()
}

/// Go's key under another name. Its id is by Python: the first four bytes of SHA-256 over name, newline and public key.
pub(super) fn renamed() -> Signer {
    let renamed = GO_SIGNER.replace("PeterNeumann+c74f20a3", "P.Neumann+736122b1");
    Signer::parse(&renamed, "renamed").unwrap()
}

/// A finished run in a folder.
pub(super) struct Finished {
    folder: tempfile::TempDir,
    pub(super) log: Signer,
}

impl Finished {
    /// The run of [`whole`].
    pub(super) fn new() -> Self {
        Self::of(&whole())
    }

    pub(super) fn of(told: &Told) -> Self {
        let finished = Self {
            folder: tempfile::tempdir().unwrap(),
            log: signer("log"),
        };
        let store = Store::open(finished.dir(), Existing::Refuse).unwrap();
        let (mut log, _) = Log::open(&store, &finished.log).unwrap();
        let mut published = Vec::new();
        for (index, entry) in (0..).zip(told.entries()) {
            log.append(&entry).unwrap();
            let files = files::of(&entry);
            for file in &files {
                write_secret(&finished.dir().join(&file.path), FILE).unwrap();
            }
            if !files.is_empty() {
                published.push((index, entry));
            }
        }
        log.checkpoint().unwrap();
        write_proofs(&store, &finished.log, &published).unwrap();
        store.clear_work().unwrap();
        finished
    }

    pub(super) fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn path(&self, below: &str) -> std::path::PathBuf {
        self.dir().join(below)
    }

    /// Removes a file or a folder.
    #[expect(clippy::disallowed_methods, reason = "what befalls a run")]
    pub(super) fn remove(&self, below: &str) {
        let path = self.path(below);
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(path)
        } else {
            std::fs::remove_file(path)
        };
        removed.unwrap();
    }

    /// Puts other bytes into the place of a file, which need not be there.
    #[expect(clippy::disallowed_methods, reason = "what befalls a run")]
    pub(super) fn replace(&self, below: &str, bytes: &[u8]) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The log's entries, whatever else is wrong with the folder.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let log = self.bytes(layout::LOG);
        let lines = log.split(|&byte| byte == b'\n');
        lines.filter_map(Entry::from_line).collect()
    }

    pub(super) fn bytes(&self, below: &str) -> Vec<u8> {
        std::fs::read(self.path(below)).unwrap()
    }

    pub(super) fn text(&self, below: &str) -> String {
        String::from_utf8(self.bytes(below)).unwrap()
    }

    /// A decision about a frame as the log stands now, which nobody has signed.
    pub(super) fn review(&self, frame: u32) -> ReviewDecided {
        ReviewDecided {
            at: 9,
            frame,
            decision: "confirm".into(),
            reason: String::new(),
            hide: vec![],
            open: vec![],
            root: read::root_of(&self.entries()).unwrap(),
            signatures: vec![],
        }
    }

    /// For a reader who has the log's key.
    pub(super) fn options(&self) -> VerifyOptions {
        VerifyOptions {
            key: Some(self.log.verifier().to_owned()),
            ..VerifyOptions::default()
        }
    }

    /// What such a reader finds wrong.
    pub(super) fn problems(&self) -> Vec<String> {
        verify(self.dir(), &self.options()).unwrap().problems
    }
}
