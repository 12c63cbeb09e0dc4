//! Whether the entries of a finished run tell a whole story.
//!
//! In: parsed entries, one after the other. Out: what does not add up, up to [`MOST`]. Memory: a few bits a frame. Refuses: nothing; it tells. The rules, for a manifest of `count` frames:
//!
//! 1. `run.opened` is first, `run.closed` last but for what people decided after the run, and each stands there once;
//! 2. frames 0 to `count` - 1 come in order, each as `frame.ingested`, then its `frame.detected`, then one outcome;
//!    the commitments give the manifest's root;
//! 3. looks are of the run's lines of defence and come in order: models as in `run.opened`, warm spots, carry by
//!    source, then the self-check by round; a source is another frame in which a first look found something;
//! 4. `frame.masked` (published) comes only after every model has looked or was allowed to leave the frame out, and one at least has looked, and warm spots where
//!    the run has them; it tells of as many finds and rounds of the self-check as the looks hold;
//! 5. `run.resumed` stands between frames and tells how many had their outcome: nothing is logged twice;
//! 6. `frame.placed` and `flight.placed` come after the last frame's outcome and before any tile, the first in ascending order; each tells of
//!    published frames only, and no frame is placed twice by either;
//! 7. `tile.emitted` comes after the last frame, once for each path, and names published frames only; where a file has more ranges of frames
//!    than an entry holds, the others follow directly in entries that are else the same (so for `buildings.emitted` and the frames in the `lines` of
//!    `heatloss.parameters`);
//!    it publishes files below `tiles/` and `frames/`, `buildings.emitted` those below `buildings/`, each path in its one spelling;
//! 8. `objection.applied`, `heatloss.parameters` and `buildings.emitted` come after the last frame, each once at most but for further frames; the first before
//!    anything is published, the second before `tiles/heatloss.*`, the third names published frames only;
//! 9. the counts of `run.closed` are those of the entries;
//! 10. a frame's outcome tells of a decision, and `frame.withheld` of the reason `reviewed`, only in a run that follows a review;
//! 11. after `run.closed` only `review.decided`, `release.approved` and `raw.deleted` come ([`super::aftermath`]), and they come nowhere else.

mod map;

use std::collections::BTreeSet;

use tlog_tiles::record_hash;

use super::aftermath::{Aftermath, Ended};
use super::frames::FrameSet;
use super::tree::Tree;
use super::verify::MOST;
use super::{Detected, Entry, Ingested, Masked, REVIEWED, RunClosed, RunOpened};
use crate::hex;

/// What does not add up, in the order of the entries.
pub(super) fn problems(entries: &[Entry]) -> Vec<String> {
    let mut story = Story::default();
    for entry in entries {
        story.take(entry);
    }
    story.finish()
}

/// A story as far as it was told.
#[derive(Default)]
pub(super) struct Story {
    opened: Option<RunOpened>,
    /// Whether it began otherwise: nothing after that is looked at.
    astray: bool,
    problems: Vec<String>,
    /// Over the commitments.
    manifest: Tree,
    /// The frame that has no outcome yet.
    frame: Option<Looks>,
    published: FrameSet,
    withheld: FrameSet,
    rejected: u32,
    emitted: BTreeSet<String>,
    last_placed: Option<u32>,
    /// Frames of flights.
    flown: FrameSet,
    /// What may go on in the next entry: the last one without its ranges, and the last frame of these.
    part: Option<(Entry, u32)>,
    /// Results that were told of.
    results: BTreeSet<&'static str>,
    /// Frames in which a first look found something, and those from which finds were carried.
    finding: FrameSet,
    sources: FrameSet,
    /// What people decided after `run.closed`.
    after: Option<Aftermath>,
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

impl Story {
    fn problem(&mut self, problem: impl Into<String>) {
        if self.problems.len() <= MOST {
            self.problems.push(problem.into());
        }
    }

    /// What does not add up so far: more than [`MOST`] where the rest was not looked at.
    pub(super) fn problems(&self) -> usize {
        self.problems.len()
    }

    /// The next entry.
    pub(super) fn take(&mut self, entry: &Entry) {
        if self.astray || self.problems.len() > MOST {
            return;
        }
        let goes_on = self.goes_on(entry);
        match (entry, &self.opened) {
            (Entry::RunOpened(opened), None) => self.opened = Some(opened.clone()),
            (_, None) => {
                self.astray = true;
                self.problem("the log does not begin with run.opened");
            }
            (Entry::RunClosed(closed), Some(_)) if self.after.is_none() => {
                self.after = Some(Aftermath::of(closed.at));
                self.balance(*closed);
            }
            (_, Some(opened)) => match &mut self.after {
                Some(after) => {
                    let ended = Ended {
                        opened,
                        published: &self.published,
                        withheld: &self.withheld,
                    };
                    self.problems.extend(after.take(&ended, entry));
                }
                None => self.middle(entry, goes_on),
            },
        }
    }

    /// What does not add up, once the last entry was taken.
    pub(super) fn finish(mut self) -> Vec<String> {
        if self.opened.is_none() && !self.astray {
            self.problem("the log does not begin with run.opened");
        } else if self.after.is_none() && !self.astray {
            self.problem("the log has no run.closed: the run is not finished");
        }
        self.problems
    }

    /// Whether `run.closed` was taken.
    pub(super) fn is_closed(&self) -> bool {
        self.after.is_some()
    }

    /// How the run began.
    pub(super) fn opened(&self) -> Option<&RunOpened> {
        self.opened.as_ref()
    }

    /// Whether an entry only adds ranges of frames to the one before it.
    fn goes_on(&mut self, entry: &Entry) -> bool {
        let before = self.part.take();
        let (whole, ranges) = match entry {
            Entry::TileEmitted(tile) => {
                let mut tile = tile.clone();
                let ranges = std::mem::take(&mut tile.source_frames);
                (Entry::TileEmitted(tile), ranges)
            }
            Entry::Buildings(table) => {
                let mut table = table.clone();
                let ranges = std::mem::take(&mut table.source_frames);
                (Entry::Buildings(table), ranges)
            }
            Entry::HeatLoss(heat) => {
                let mut heat = heat.clone();
                let lines = std::mem::take(&mut heat.lines).into_iter();
                let ranges = lines.flat_map(|line| line.frames).collect();
                (Entry::HeatLoss(heat), ranges)
            }
            _ => return false,
        };
        let first = ranges.iter().map(|[first, _]| *first).min();
        let last = ranges.iter().map(|[_, last]| *last).max();
        let Some((first, last)) = first.zip(last) else {
            return false;
        };
        let goes_on = before.is_some_and(|(before, end)| before == whole && end < first);
        self.part = Some((whole, last));
        goes_on
    }

    fn middle(&mut self, entry: &Entry, goes_on: bool) {
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
                if u64::from(resumed.frames) != done {
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
                self.decided(
                    withheld.frame,
                    withheld.reason == REVIEWED || withheld.reviewed.is_some(),
                );
            }
            Entry::Rejected(rejected) => {
                if self.outcome(rejected.frame).is_some() {
                    self.rejected += 1;
                }
                self.decided(rejected.frame, rejected.reviewed.is_some());
            }
            Entry::Placed(placed) => self.placed(placed),
            Entry::Flight(flight) => self.flight(flight),
            Entry::TileEmitted(tile) => self.emitted(tile, goes_on),
            Entry::Objection(_) => {
                self.result("objection.applied");
                if !self.emitted.is_empty() {
                    self.problem("objection.applied comes after a file that was published");
                }
            }
            Entry::HeatLoss(_) => {
                if !goes_on {
                    self.result("heatloss.parameters");
                }
            }
            Entry::Buildings(table) => self.buildings(table, goes_on),
        }
    }

    fn ingested(&mut self, ingested: &Ingested) {
        if let Some(Looks { frame: before, .. }) = self.frame {
            self.problem(format!("frame {before} has no outcome"));
        }
        if u64::from(ingested.frame) != self.manifest.size() {
            self.problem(format!("frame {} is not in manifest order", ingested.frame));
        }
        if !self.emitted.is_empty() {
            self.problem(format!("frame {} comes after a tile", ingested.frame));
        }
        if self.last_placed.is_some() || self.flown.len() > 0 || !self.results.is_empty() {
            self.problem(format!(
                "frame {} comes after the map was begun",
                ingested.frame
            ));
        }
        // A text that is no digest was refused when the line was read.
        let commitment = hex::decode_32(&ingested.commitment).unwrap_or_default();
        self.manifest.push(record_hash(&commitment));
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
                // Another one is out of place already, and may be as large as it likes.
                if place.is_some() {
                    self.sources.insert(source);
                }
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
            let mut models = self.opened.iter().flat_map(|opened| &opened.models);
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
        let opened = self.opened.as_ref()?;
        if !opened.lines.contains(&detected.line) {
            return None;
        }
        match (&detected.model, detected.source) {
            (Some(name), _) => {
                let mut models = opened.models.iter();
                let model = models.position(|model| model.name == *name)?;
                Some((detected.round, 0, model))
            }
            (None, None) => Some((detected.round, 1, 0)),
            (None, Some(source)) => {
                let other = source != detected.frame && source < opened.manifest.count;
                let source = usize::try_from(source).ok()?;
                other.then_some((detected.round, 2, source))
            }
        }
    }

    fn masked(&mut self, masked: &Masked, looks: &Looks) {
        let Some(opened) = &self.opened else { return };
        let (frame, models) = (masked.frame, opened.models.len());
        let spots = opened.lines.iter().any(|line| line == "warm-spots");
        let looked = looks.models - looks.skipped;
        if looked == 0 || looks.models != models {
            self.problem(format!(
                "frame {frame} was published, but {looked} of {models} models looked",
            ));
        }
        if !looks.warm_spots && spots {
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
        self.decided(frame, masked.reviewed.is_some());
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

    /// Where a frame `tells` of what people decided, the run must follow a review.
    fn decided(&mut self, frame: u32, tells: bool) {
        let opened = self.opened.as_ref();
        if tells && opened.is_none_or(|opened| opened.reviewed.is_none()) {
            self.problem(format!(
                "frame {frame} follows a decision, the run follows no review"
            ));
        }
    }

    fn outcomes(&self) -> u64 {
        [self.published.len(), self.withheld.len(), self.rejected]
            .map(u64::from)
            .iter()
            .sum()
    }

    fn balance(&mut self, closed: RunClosed) {
        if let Some(Looks { frame, .. }) = self.frame {
            self.problem(format!("frame {frame} has no outcome"));
        }
        if let Some(frame) = self.sources.beyond(&self.finding) {
            self.problem(format!(
                "finds were carried from frame {frame}, in which nothing was found"
            ));
        }
        let Some(manifest) = self.opened.as_ref().map(|opened| opened.manifest.clone()) else {
            return;
        };
        if u64::from(manifest.count) != self.outcomes() {
            self.problem(format!(
                "the manifest has {} frames, {} have an outcome",
                manifest.count,
                self.outcomes()
            ));
        }
        if hex::encode(&self.manifest.root().0) != manifest.root {
            self.problem("the commitments of the frames do not give the manifest's root");
        }
        let held = [
            manifest.count,
            self.published.len(),
            self.withheld.len(),
            self.rejected,
        ];
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
    }
}

#[cfg(test)]
mod tests;
