//! Whether the entries of a finished run tell a whole story.
//!
//! In: parsed entries. Out: what does not add up. The rules, for a manifest of `count` frames:
//!
//! 1. `run.opened` is first, `run.closed` last but for what people decided after the run, and each stands there once;
//! 2. frames 0 to `count` - 1 come in order, each as `frame.ingested`, then its `frame.detected`, then one outcome;
//!    the commitments give the manifest's root;
//! 3. looks are of the run's lines of defence and come in order: models as in `run.opened`, warm spots, carry by
//!    source, then the self-check by round; a source is another frame in which a first look found something;
//! 4. `frame.masked` (published) comes only after every model has looked or was allowed to leave the frame out, and one at least has looked, and warm spots where
//!    the run has them; it tells of as many finds and rounds of the self-check as the looks hold;
//! 5. `run.resumed` stands between frames and tells how many had their outcome: nothing is logged twice;
//! 6. `frame.placed` comes after the last frame's outcome and before any tile, in ascending order, of published frames only;
//! 7. `tile.emitted` comes after the last frame, once for each path, and names published frames only;
//! 8. `objection.applied`, `heatloss.parameters` and `buildings.emitted` come after the last frame, each once at most; the first before
//!    anything is published, the second before `tiles/heatloss.*`, the third names published frames only;
//! 9. the counts of `run.closed` are those of the entries;
//! 10. `frame.masked` tells of a decision, and `frame.withheld` of the reason `reviewed`, only in a run that follows a review;
//! 11. after it only `review.decided`, `release.approved` and `raw.deleted` come ([`super::aftermath`]), and they come nowhere else.

use std::collections::BTreeSet;

use super::{
    AuditError, BuildingsEmitted, Detected, Entry, Ingested, Masked, Placed, RunClosed, RunOpened,
    TileEmitted, aftermath, read::REVIEWED, root,
};
use crate::hex;

/// What does not add up, in the order of the entries.
pub(super) fn problems(entries: &[Entry]) -> Result<Vec<String>, AuditError> {
    let Some((Entry::RunOpened(opened), rest)) = entries.split_first() else {
        return Ok(vec!["the log does not begin with run.opened".into()]);
    };
    let end = rest
        .iter()
        .position(|entry| matches!(entry, Entry::RunClosed(_)));
    let Some((middle, [Entry::RunClosed(closed), after @ ..])) =
        end.and_then(|end| rest.split_at_checked(end))
    else {
        let problem = "the log has no run.closed: the run is not finished";
        return Ok(vec![problem.into()]);
    };
    let mut story = Story {
        opened,
        problems: Vec::new(),
        commitments: Vec::new(),
        frame: None,
        published: BTreeSet::new(),
        withheld: BTreeSet::new(),
        rejected: 0,
        emitted: BTreeSet::new(),
        last_placed: None,
        results: BTreeSet::new(),
        finding: BTreeSet::new(),
        sources: BTreeSet::new(),
    };
    for entry in middle {
        story.take(entry);
    }
    story.finish(closed)?;
    let mut problems = story.problems;
    let ended = aftermath::Ended {
        opened,
        published: &story.published,
        withheld: &story.withheld,
    };
    problems.extend(aftermath::problems(&ended, after));
    Ok(problems)
}

struct Story<'a> {
    opened: &'a RunOpened,
    problems: Vec<String>,
    commitments: Vec<[u8; 32]>,
    /// The frame that has no outcome yet.
    frame: Option<Looks>,
    published: BTreeSet<u32>,
    withheld: BTreeSet<u32>,
    rejected: u32,
    emitted: BTreeSet<&'a str>,
    last_placed: Option<u32>,
    /// Results that were told of.
    results: BTreeSet<&'static str>,
    /// Frames in which a first look found something, and those from which finds were carried.
    finding: BTreeSet<u32>,
    sources: BTreeSet<u32>,
}

/// The looks at one frame so far.
#[derive(Default)]
struct Looks {
    frame: u32,
    /// Models that looked at the frame itself or left it out.
    models: usize,
    /// Those that left it out.
    skipped: usize,
    warm_spots: bool,
    /// Finds and rounds of the self-check.
    found: usize,
    rounds: u32,
    last: Option<Place>,
}

/// Where a look stands within its frame: round, line of defence, model or source.
type Place = (u32, u8, usize);

impl<'a> Story<'a> {
    fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn take(&mut self, entry: &'a Entry) {
        match entry {
            Entry::RunOpened(_) => self.problem("run.opened stands there twice"),
            // The first one ends what is taken here.
            Entry::RunClosed(_) => {}
            Entry::Review(_) | Entry::Release(_) | Entry::Deleted(_) => {
                self.problem("a decision stands before run.closed");
            }
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
                if let Some(looks) = self.outcome(masked.frame) {
                    self.masked(masked, &looks);
                }
            }
            Entry::Withheld(withheld) => {
                if self.outcome(withheld.frame).is_some() {
                    self.withheld.insert(withheld.frame);
                }
                if withheld.reason == REVIEWED && self.opened.reviewed.is_none() {
                    self.unreviewed(withheld.frame);
                }
            }
            Entry::Rejected(rejected) => {
                if self.outcome(rejected.frame).is_some() {
                    self.rejected += 1;
                }
            }
            Entry::Placed(placed) => self.placed(placed),
            Entry::TileEmitted(tile) => self.emitted(tile),
            Entry::Objection(_) => {
                self.result("objection.applied");
                if !self.emitted.is_empty() {
                    self.problem("objection.applied comes after a file that was published");
                }
            }
            Entry::HeatLoss(_) => self.result("heatloss.parameters"),
            Entry::Buildings(table) => self.buildings(table),
        }
    }

    fn ingested(&mut self, ingested: &Ingested) {
        if let Some(Looks { frame: before, .. }) = self.frame {
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
        self.frame = Some(Looks {
            frame: ingested.frame,
            ..Looks::default()
        });
    }

    fn detected(&mut self, detected: &Detected) {
        let place = self.place(detected);
        let Some(looks) = self
            .frame
            .as_mut()
            .filter(|looks| looks.frame == detected.frame)
        else {
            return self.outside(detected.frame);
        };
        let next_model = (0, 0, looks.models);
        let in_order =
            place > looks.last && (!matches!(place, Some((0, 0, _))) || place == Some(next_model));
        looks.last = looks.last.max(place);
        match (detected.round, &detected.model, detected.source) {
            (0, Some(_), _) => {
                looks.models += 1;
                looks.skipped += usize::from(detected.skipped.is_some());
            }
            (0, None, None) => looks.warm_spots = true,
            (0, None, Some(source)) => {
                self.sources.insert(source);
            }
            (round, _, _) => {
                looks.found += detected.found.len();
                looks.rounds = looks.rounds.max(round);
            }
        }
        if detected.is_first_look() && !detected.found.is_empty() {
            self.finding.insert(detected.frame);
        }
        let may_skip = |name: &String| {
            let mut models = self.opened.models.iter();
            models.any(|model| model.name == *name && model.skips)
        };
        if detected.skipped.is_some() && !detected.model.as_ref().is_some_and(may_skip) {
            self.problem(format!(
                "{:?} left out frame {}, which run.opened does not allow it",
                detected.model, detected.frame
            ));
        }
        if !in_order {
            let name = detected.model.as_ref().unwrap_or(&detected.line);
            self.problem(format!(
                "{name:?} looked at frame {} out of the order of run.opened",
                detected.frame
            ));
        }
    }

    /// Where a look belongs; `None` where the run has no such line of defence, model or source.
    fn place(&self, detected: &Detected) -> Option<Place> {
        if !self.opened.lines.contains(&detected.line) {
            return None;
        }
        match (&detected.model, detected.source) {
            (Some(name), _) => {
                let mut models = self.opened.models.iter();
                let model = models.position(|model| model.name == *name)?;
                Some((detected.round, 0, model))
            }
            (None, None) => Some((detected.round, 1, 0)),
            (None, Some(source)) => {
                let other = source != detected.frame && source < self.opened.manifest.count;
                let source = usize::try_from(source).ok()?;
                other.then_some((detected.round, 2, source))
            }
        }
    }

    fn masked(&mut self, masked: &Masked, looks: &Looks) {
        let (frame, models) = (masked.frame, self.opened.models.len());
        let looked = looks.models - looks.skipped;
        if looked == 0 || looks.models != models {
            self.problem(format!(
                "frame {frame} was published, but {looked} of {models} models looked",
            ));
        }
        if !looks.warm_spots && self.opened.lines.iter().any(|line| line == "warm-spots") {
            self.problem(format!(
                "frame {frame} was published, but nobody looked for warm spots"
            ));
        }
        let told = (masked.self_check.found, masked.self_check.rounds);
        if usize::try_from(told.0) != Ok(looks.found) || told.1 != looks.rounds {
            self.problem(format!(
                "frame {frame} tells of {} finds in {} rounds of its self-check, its looks of {} in {}",
                told.0, told.1, looks.found, looks.rounds
            ));
        }
        if masked.reviewed.is_some() && self.opened.reviewed.is_none() {
            self.unreviewed(frame);
        }
        self.published.insert(frame);
    }

    /// Ends `frame` and returns the looks at it; `None` where it was not begun.
    fn outcome(&mut self, frame: u32) -> Option<Looks> {
        let looks = self.frame.take_if(|looks| looks.frame == frame);
        if looks.is_none() {
            self.outside(frame);
        }
        looks
    }

    fn outside(&mut self, frame: u32) {
        self.problem(format!(
            "an entry of frame {frame} stands outside its frame"
        ));
    }

    fn placed(&mut self, placed: &Placed) {
        let frame = placed.frame;
        if let Some(Looks { frame: open, .. }) = self.frame {
            self.problem(format!(
                "frame {frame} was placed before the outcome of frame {open}"
            ));
        }
        if !self.emitted.is_empty() {
            self.problem(format!("frame {frame} was placed after a tile"));
        }
        if !self.published.contains(&frame) {
            self.problem(format!("frame {frame} was placed and not published"));
        }
        if self.last_placed.replace(frame) >= Some(frame) {
            self.problem(format!("frame {frame} was placed out of order"));
        }
    }

    /// What is told of once, after the last frame.
    fn result(&mut self, name: &'static str) {
        if let Some(Looks { frame, .. }) = self.frame {
            self.problem(format!("{name} comes before the outcome of frame {frame}"));
        }
        if !self.results.insert(name) {
            self.problem(format!("{name} stands there twice"));
        }
    }

    fn buildings(&mut self, table: &'a BuildingsEmitted) {
        self.result("buildings.emitted");
        for file in &table.files {
            self.shows(&file.path, &table.source_frames);
        }
    }

    fn emitted(&mut self, tile: &'a TileEmitted) {
        if let Some(Looks { frame, .. }) = self.frame {
            self.problem(format!("a tile comes before the outcome of frame {frame}"));
        }
        if tile.path.starts_with("tiles/heatloss") && !self.results.contains("heatloss.parameters")
        {
            self.problem(format!("{:?} comes before heatloss.parameters", tile.path));
        }
        self.shows(&tile.path, &tile.source_frames);
    }

    /// A file that was published, and the frames in it.
    fn shows(&mut self, path: &'a str, source_frames: &[[u32; 2]]) {
        if !self.emitted.insert(path) {
            self.problem(format!("{path:?} was published twice"));
        }
        for &[first, last] in source_frames {
            // Ranges are read in ascending order only, so each published frame is looked at once.
            let shown = self.published.range(first..=last).count();
            if u64::try_from(shown) != Ok(u64::from(last - first) + 1) {
                self.problem(format!(
                    "{path:?} shows frames {first} to {last}, not all of which were published",
                ));
            }
        }
    }

    fn unreviewed(&mut self, frame: u32) {
        self.problem(format!(
            "frame {frame} follows a decision, the run follows no review"
        ));
    }

    fn outcomes(&self) -> usize {
        let not_published = self.withheld.len() as u64 + u64::from(self.rejected);
        usize::try_from(not_published)
            .unwrap_or(usize::MAX)
            .saturating_add(self.published.len())
    }

    fn finish(&mut self, closed: &RunClosed) -> Result<(), AuditError> {
        if let Some(Looks { frame, .. }) = self.frame {
            self.problem(format!("frame {frame} has no outcome"));
        }
        if let Some(frame) = self.sources.difference(&self.finding).next() {
            self.problem(format!(
                "finds were carried from frame {frame}, in which nothing was found"
            ));
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
        let withheld = u32::try_from(self.withheld.len()).unwrap_or(u32::MAX);
        let held = [manifest.count, published, withheld, self.rejected];
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
