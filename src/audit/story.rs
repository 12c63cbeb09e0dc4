//! Whether the entries of a finished run tell a whole story.
//!
//! In: parsed entries. Out: what does not add up. The rules, for a manifest of `count` frames:
//!
//! 1. `run.opened` is first, `run.closed` last, and each stands there once;
//! 2. frames 0 to `count` - 1 come in order, each as `frame.ingested`, then `frame.detected` for the run's
//!    models in order, then one outcome; the commitments give the manifest's root;
//! 3. `frame.masked` (published) comes only after every model has looked, and at least one;
//! 4. `run.resumed` stands between frames and tells how many had their outcome: nothing is logged twice;
//! 5. `tile.emitted` comes after the last frame, once for each path, and names published frames only;
//! 6. the counts of `run.closed` are those of the entries.

use std::collections::BTreeSet;

use super::{AuditError, Detected, Entry, Ingested, RunClosed, RunOpened, TileEmitted, root};
use crate::hex;

/// What does not add up, in the order of the entries.
pub(super) fn problems(entries: &[Entry]) -> Result<Vec<String>, AuditError> {
    let (opened, middle, closed) = match entries {
        [
            Entry::RunOpened(opened),
            middle @ ..,
            Entry::RunClosed(closed),
        ] => (opened, middle, closed),
        [Entry::RunOpened(_), ..] => {
            let problem = "the log does not end with run.closed: the run is not finished";
            return Ok(vec![problem.into()]);
        }
        _ => return Ok(vec!["the log does not begin with run.opened".into()]),
    };
    let mut story = Story {
        opened,
        problems: Vec::new(),
        commitments: Vec::new(),
        frame: None,
        published: BTreeSet::new(),
        withheld: 0,
        rejected: 0,
        emitted: BTreeSet::new(),
    };
    for entry in middle {
        story.take(entry);
    }
    story.finish(closed)?;
    Ok(story.problems)
}

struct Story<'a> {
    opened: &'a RunOpened,
    problems: Vec<String>,
    commitments: Vec<[u8; 32]>,
    /// The frame that has no outcome yet, with the number of models that have looked.
    frame: Option<(u32, usize)>,
    published: BTreeSet<u32>,
    withheld: u32,
    rejected: u32,
    emitted: BTreeSet<&'a str>,
}

impl<'a> Story<'a> {
    fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn take(&mut self, entry: &'a Entry) {
        match entry {
            Entry::RunOpened(_) => self.problem("run.opened stands there twice"),
            Entry::RunClosed(_) => self.problem("entries follow run.closed"),
            Entry::RunResumed(resumed) => {
                if self.frame.is_some() {
                    self.problem("run.resumed stands within a frame");
                }
                let done = self.outcomes();
                if usize::try_from(resumed.frames) != Ok(done) {
                    self.problem(format!(
                        "run.resumed tells of {} frames with an outcome, the entries before it of {done}",
                        resumed.frames
                    ));
                }
            }
            Entry::Ingested(ingested) => self.ingested(ingested),
            Entry::Detected(detected) => self.detected(detected),
            Entry::Masked(masked) => {
                if let Some(looked) = self.outcome(masked.frame) {
                    if looked == 0 || looked != self.opened.models.len() {
                        self.problem(format!(
                            "frame {} was published, but {looked} of {} models looked",
                            masked.frame,
                            self.opened.models.len()
                        ));
                    }
                    self.published.insert(masked.frame);
                }
            }
            Entry::Withheld(withheld) => {
                if self.outcome(withheld.frame).is_some() {
                    self.withheld += 1;
                }
            }
            Entry::Rejected(rejected) => {
                if self.outcome(rejected.frame).is_some() {
                    self.rejected += 1;
                }
            }
            Entry::TileEmitted(tile) => self.emitted(tile),
        }
    }

    fn ingested(&mut self, ingested: &Ingested) {
        if let Some((before, _)) = self.frame {
            self.problem(format!("frame {before} has no outcome"));
        }
        if usize::try_from(ingested.frame) != Ok(self.commitments.len()) {
            self.problem(format!("frame {} is not in manifest order", ingested.frame));
        }
        if !self.emitted.is_empty() {
            self.problem(format!("frame {} comes after a tile", ingested.frame));
        }
        // A text that is no digest was refused when the line was read.
        self.commitments
            .push(hex::decode_32(&ingested.commitment).unwrap_or_default());
        self.frame = Some((ingested.frame, 0));
    }

    fn detected(&mut self, detected: &Detected) {
        match self.frame {
            Some((frame, looked)) if frame == detected.frame => {
                let model = self.opened.models.get(looked);
                if model.is_none_or(|model| model.name != detected.model) {
                    self.problem(format!(
                        "{:?} looked at frame {frame} out of the order of run.opened",
                        detected.model
                    ));
                }
                self.frame = Some((frame, looked + 1));
            }
            _ => self.outside(detected.frame),
        }
    }

    /// Ends `frame` and returns how many models looked at it; `None` where it was not begun.
    fn outcome(&mut self, frame: u32) -> Option<usize> {
        match self.frame {
            Some((open, looked)) if open == frame => {
                self.frame = None;
                Some(looked)
            }
            _ => {
                self.outside(frame);
                None
            }
        }
    }

    fn outside(&mut self, frame: u32) {
        self.problem(format!(
            "an entry of frame {frame} stands outside its frame"
        ));
    }

    fn emitted(&mut self, tile: &'a TileEmitted) {
        if let Some((frame, _)) = self.frame {
            self.problem(format!("a tile comes before the outcome of frame {frame}"));
        }
        if !self.emitted.insert(&tile.path) {
            self.problem(format!("{:?} was published twice", tile.path));
        }
        for &[first, last] in &tile.source_frames {
            // Ranges are read in ascending order only, so each published frame is looked at once.
            let shown = self.published.range(first..=last).count();
            if u64::try_from(shown) != Ok(u64::from(last - first) + 1) {
                self.problem(format!(
                    "{:?} shows frames {first} to {last}, not all of which were published",
                    tile.path
                ));
            }
        }
    }

    fn outcomes(&self) -> usize {
        let not_published = u64::from(self.withheld) + u64::from(self.rejected);
        usize::try_from(not_published)
            .unwrap_or(usize::MAX)
            .saturating_add(self.published.len())
    }

    fn finish(&mut self, closed: &RunClosed) -> Result<(), AuditError> {
        if let Some((frame, _)) = self.frame {
            self.problem(format!("frame {frame} has no outcome"));
        }
        let manifest = &self.opened.manifest;
        if usize::try_from(manifest.count) != Ok(self.outcomes()) {
            self.problem(format!(
                "the manifest has {} frames, {} have an outcome",
                manifest.count,
                self.outcomes()
            ));
        }
        let leaves = self.commitments.iter().map(<[u8; 32]>::as_slice);
        if hex::encode(&root(leaves)?) != manifest.root {
            self.problem("the commitments of the frames do not give the manifest's root");
        }
        let published = u32::try_from(self.published.len()).unwrap_or(u32::MAX);
        let held = [manifest.count, published, self.withheld, self.rejected];
        let told = [
            closed.total,
            closed.published,
            closed.withheld,
            closed.rejected,
        ];
        if told != held {
            self.problem(format!(
                "run.closed tells {told:?} (total, published, withheld, rejected), the entries hold {held:?}"
            ));
        }
        Ok(())
    }
}
