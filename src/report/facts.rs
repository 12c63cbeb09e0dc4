//! What the log says, added up.
//!
//! In: the lines of a verified log. Out: [`Facts`]. Finds count only in frames that were published: of the others nothing is shown,
//! so nothing of them had to be hidden. Refuses: another log than the one that was verified.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::ReportError;
use crate::audit::{
    AuditError, BuildingsEmitted, Detected, Entry, HeatLossParameters, Masked, NotPublished,
    ObjectionApplied, RawDeleted, ReleaseApproved, ReviewDecided, ReviewedRun, RunClosed,
    RunOpened, RunResumed, TileEmitted, read_followed, read_verified,
};
use crate::store::layout;

/// What a run did and what people decided after it.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) opened: RunOpened,
    pub(super) closed: RunClosed,
    pub(super) resumed: Vec<RunResumed>,
    /// Frames by camera, in words.
    pub(super) cameras: BTreeMap<String, u64>,
    pub(super) input_bytes: u64,
    /// Frames whose file lay there sealed.
    pub(super) sealed: u64,
    pub(super) masks: Masks,
    /// Published frames that follow a decision about an earlier run.
    pub(super) followed: Vec<u32>,
    pub(super) withheld: Vec<NotPublished>,
    pub(super) rejected: Vec<NotPublished>,
    pub(super) emitted: Vec<TileEmitted>,
    /// What flights were laid on, in words.
    pub(super) grounds: BTreeSet<String>,
    pub(super) objection: Option<ObjectionApplied>,
    pub(super) heat_loss: Option<HeatLossParameters>,
    pub(super) buildings: Option<BuildingsEmitted>,
    pub(super) reviews: Vec<ReviewDecided>,
    pub(super) releases: Vec<ReleaseApproved>,
    pub(super) deletions: Vec<RawDeleted>,
    /// The run whose review this one follows, as far as it was followed; `None` where there is none or nobody gave it.
    pub(super) before: Option<Box<Facts>>,
}

/// What was hidden in the published frames.
#[derive(Debug, Default)]
pub(super) struct Masks {
    /// Finds by class.
    pub(super) finds: BTreeMap<String, Finds>,
    /// Looks that a model left out, by model.
    pub(super) skipped: BTreeMap<String, u64>,
    /// Frames by rounds in which the self-check grew the mask.
    pub(super) rounds: BTreeMap<u32, u64>,
    /// Pixels under masks.
    pub(super) hidden: u64,
    /// Pixels of all published frames; `None` where the log does not say.
    pub(super) pixels: Option<u64>,
    /// What is done with each class; one value each unless the log is strange.
    pub(super) policies: BTreeMap<String, BTreeSet<String>>,
    pub(super) padding_mm: BTreeSet<u32>,
    pub(super) grid_px: BTreeSet<u32>,
}

/// Finds of one class by line of defence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Finds {
    pub(super) models: u64,
    pub(super) warm_spots: u64,
    /// Carried here from a neighbour in time.
    pub(super) carried: u64,
    /// Found in the masked frame by the self-check, and not wholly hidden.
    pub(super) self_check: u64,
    /// Published frames with one at least.
    pub(super) frames: u64,
}

impl Finds {
    /// Finds before any masking, each of which is hidden.
    pub(super) fn first(&self) -> u64 {
        self.models + self.warm_spots + self.carried
    }
}

impl Facts {
    /// Reads the log of `folder`, whose root must be `verified` (hex).
    pub(super) fn read(folder: &Path, verified: &str) -> Result<Self, ReportError> {
        Self::of_log(folder, read_verified(folder, verified))
    }

    /// Reads the log of the reviewed run in `folder`, as far as the run that names it followed it.
    pub(super) fn read_followed(folder: &Path, named: &ReviewedRun) -> Result<Self, ReportError> {
        Self::of_log(folder, read_followed(folder, named))
    }

    fn of_log(folder: &Path, entries: Result<Vec<Entry>, AuditError>) -> Result<Self, ReportError> {
        let changed = || ReportError::Changed {
            path: folder.join(layout::LOG),
        };
        let entries = entries.map_err(|error| match error {
            AuditError::Unverified { .. } => changed(),
            AuditError::Io { path, source } => ReportError::Io { path, source },
            error => error.into(),
        })?;
        Self::of(entries.into_iter().map(Some)).ok_or_else(changed)
    }

    /// Adds entries up; `None` where one is no entry, or the run did not begin or end.
    fn of(mut entries: impl Iterator<Item = Option<Entry>>) -> Option<Self> {
        let Entry::RunOpened(opened) = entries.next()?? else {
            return None;
        };
        let mut facts = Self::begin(opened);
        let mut looks = Vec::new();
        let mut ended = false;
        for entry in entries {
            match entry? {
                Entry::RunOpened(_) => return None,
                Entry::RunResumed(resumed) => facts.resumed.push(resumed),
                Entry::Ingested(ingested) => {
                    looks.clear();
                    facts.input_bytes += ingested.bytes;
                    facts.sealed += u64::from(ingested.sealed);
                    let camera = match ingested.camera.as_str() {
                        "" => "not known".to_owned(),
                        camera => camera.to_owned(),
                    };
                    *facts.cameras.entry(camera).or_default() += 1;
                }
                Entry::Detected(look) => looks.push(look),
                Entry::Masked(masked) => {
                    if masked.reviewed.is_some() {
                        facts.followed.push(masked.frame);
                    }
                    facts.masks.add(&masked, &looks);
                }
                Entry::Withheld(frame) => facts.withheld.push(frame),
                Entry::Rejected(frame) => facts.rejected.push(frame),
                Entry::Placed(_) => {}
                Entry::Objection(objection) => facts.objection = Some(objection),
                Entry::HeatLoss(parameters) => match &mut facts.heat_loss {
                    Some(first) => first.take(parameters),
                    None => facts.heat_loss = Some(parameters),
                },
                Entry::Buildings(table) => facts.buildings = Some(table),
                Entry::Flight(flight) => {
                    if !flight.ground.is_empty() {
                        facts.grounds.insert(flight.ground);
                    }
                }
                // A file of many frames is told of in parts.
                Entry::TileEmitted(tile) => {
                    if facts
                        .emitted
                        .last()
                        .is_none_or(|last| last.path != tile.path)
                    {
                        facts.emitted.push(tile);
                    }
                }
                Entry::RunClosed(closed) => {
                    ended = true;
                    facts.closed = closed;
                }
                Entry::Review(review) => facts.reviews.push(review),
                Entry::Release(release) => facts.releases.push(release),
                Entry::Deleted(deleted) => facts.deletions.push(deleted),
            }
        }
        ended.then_some(facts)
    }

    fn begin(opened: RunOpened) -> Self {
        Self {
            closed: RunClosed {
                at: opened.at,
                total: 0,
                published: 0,
                withheld: 0,
                rejected: 0,
            },
            opened,
            resumed: Vec::new(),
            cameras: BTreeMap::new(),
            input_bytes: 0,
            sealed: 0,
            masks: Masks {
                pixels: Some(0),
                ..Masks::default()
            },
            followed: Vec::new(),
            withheld: Vec::new(),
            rejected: Vec::new(),
            emitted: Vec::new(),
            grounds: BTreeSet::new(),
            objection: None,
            heat_loss: None,
            buildings: None,
            reviews: Vec::new(),
            releases: Vec::new(),
            deletions: Vec::new(),
            before: None,
        }
    }

    /// Every decision that shows in this run: those of the run it follows, then its own.
    pub(super) fn decisions(&self) -> impl Iterator<Item = &ReviewDecided> {
        let before = self.before.iter().flat_map(|run| &run.reviews);
        before.chain(&self.reviews)
    }
}

impl Masks {
    /// Adds a published frame and the looks at it.
    fn add(&mut self, masked: &Masked, looks: &[Detected]) {
        let mut classes = BTreeSet::new();
        for look in looks {
            if let (Some(model), Some(_)) = (&look.model, &look.skipped) {
                *self.skipped.entry(model.clone()).or_default() += 1;
            }
            for found in &look.found {
                let finds = self.finds.entry(found.class.clone()).or_default();
                let line = match (look.round, look.line.as_str()) {
                    (1.., _) => &mut finds.self_check,
                    (_, "warm-spots") => &mut finds.warm_spots,
                    (_, "carry") => &mut finds.carried,
                    _ => &mut finds.models,
                };
                *line += 1;
                classes.insert(found.class.as_str());
            }
        }
        for class in classes {
            if let Some(finds) = self.finds.get_mut(class) {
                finds.frames += 1;
            }
        }
        *self.rounds.entry(masked.self_check.rounds).or_default() += 1;
        self.hidden += masked.masked_pixels;
        self.pixels = self
            .pixels
            .zip(masked.pixels)
            .map(|(sum, pixels)| sum + pixels);
        for policy in &masked.policies {
            let policies = self.policies.entry(policy.class.clone()).or_default();
            policies.insert(policy.policy.clone());
        }
        self.padding_mm.insert(masked.padding_mm);
        self.grid_px.insert(masked.grid_px);
    }

    /// Finds of a class; none where nothing was found.
    pub(super) fn of(&self, class: &str) -> Finds {
        self.finds.get(class).copied().unwrap_or_default()
    }

    /// Share of the published frames' pixels under masks; `None` where the log does not say.
    pub(super) fn share(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let share = |pixels: u64| self.hidden as f64 / pixels as f64;
        self.pixels.filter(|&pixels| pixels > 0).map(share)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A log of two frames: one published after a round of the self-check, one withheld in which a person was found too.
    const LOG: &str = r#"
{"at":5,"beyond_envelope":"","heatveil":"0.1.0","libraries":[],"lines":["model","warm-spots","carry"],"manifest":{"count":2,"root":""},"models":[],"operator":"o","policy_sha256":"","purpose":"p","recipients":[],"type":"run.opened"}
{"bytes":100,"camera":"DJI M2EA","commitment":"","format":"f","frame":0,"type":"frame.ingested"}
{"found":[{"box":[0,0,1,1],"class":"person","score":1,"sure":true},{"box":[0,0,1,1],"class":"window","score":1,"sure":true}],"frame":0,"line":"model","model":"m","round":0,"type":"frame.detected"}
{"found":[],"frame":0,"line":"model","model":"w","round":0,"skipped":"coarser","type":"frame.detected"}
{"found":[{"box":[0,0,1,1],"class":"warm-spot","score":1,"sure":false}],"frame":0,"line":"warm-spots","round":0,"type":"frame.detected"}
{"found":[{"box":[0,0,1,1],"class":"person","score":1,"sure":true}],"frame":0,"line":"carry","round":0,"source":1,"type":"frame.detected"}
{"found":[{"box":[0,0,1,1],"class":"person","score":1,"sure":true}],"frame":0,"line":"model","model":"m","round":1,"type":"frame.detected"}
{"frame":0,"grid_px":4,"mask_sha256":"","masked_pixels":20,"output_sha256":"","padding_mm":250,"pixels":80,"policies":[{"class":"person","policy":"nodata"}],"self_check":{"found":1,"rounds":1},"type":"frame.masked"}
{"bytes":11,"camera":"","commitment":"","format":"","frame":1,"type":"frame.ingested"}
{"found":[{"box":[0,0,1,1],"class":"person","score":1,"sure":true}],"frame":1,"line":"model","model":"m","round":0,"type":"frame.detected"}
{"detail":"d","frame":1,"reason":"self-check","type":"frame.withheld"}
{"at":9,"published":1,"rejected":0,"total":2,"type":"run.closed","withheld":1}"#;

    fn facts(log: &str) -> Option<Facts> {
        let lines = log.lines().filter(|line| !line.is_empty());
        Facts::of(lines.map(|line| serde_json::from_str(line).ok()))
    }

    /// [`LOG`] as a run of `frames` withheld frames more, each with a decision.
    pub(in super::super) fn many(frames: u32) -> Facts {
        let mut facts = facts(LOG).unwrap();
        for frame in 2..frames + 2 {
            facts.withheld.push(NotPublished {
                frame,
                reason: ["self-check", "beyond-envelope"][frame as usize % 2].into(),
                detail: "d".repeat(200),
                reviewed: None,
            });
            facts.reviews.push(ReviewDecided {
                at: i64::from(frame),
                frame,
                decision: "approve".into(),
                reason: "r".repeat(200),
                hide: Vec::new(),
                open: Vec::new(),
                root: "5a".repeat(32),
                signatures: Vec::new(),
            });
        }
        facts
    }

    #[test]
    fn finds_are_counted_by_line_of_defence_in_published_frames_only() {
        let facts = facts(LOG).unwrap();
        let person = Finds {
            models: 1,
            carried: 1,
            self_check: 1,
            frames: 1,
            ..Finds::default()
        };
        assert_eq!(facts.masks.of("person"), person);
        assert_eq!(facts.masks.of("person").first(), 2);
        assert_eq!(facts.masks.of("warm-spot").warm_spots, 1);
        assert_eq!(facts.masks.of("bicycle"), Finds::default());
        assert_eq!(facts.masks.share(), Some(0.25));
        assert_eq!(facts.masks.skipped["w"], 1);
        assert_eq!(facts.input_bytes, 111);
        assert_eq!(facts.cameras["not known"], 1);
    }

    #[test]
    fn a_frame_without_its_size_leaves_the_share_open() {
        let facts = facts(&LOG.replace(r#""pixels":80,"#, "")).unwrap();
        assert_eq!((facts.masks.share(), facts.masks.hidden), (None, 20));
    }

    #[test]
    fn half_a_log_is_none() {
        let half: Vec<&str> = LOG.lines().take(5).collect();
        assert!(
            facts(&half.join(
                "
"
            ))
            .is_none()
        );
        assert!(facts("").is_none());
        assert!(facts(&LOG.replace("run.closed", "run.unknown")).is_none());
    }
}
