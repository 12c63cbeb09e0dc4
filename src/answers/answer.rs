//! The answer to a question: what the log says of each frame that is meant.
//!
//! In: an [`Index`] and a [`Question`]. Out: an [`Answer`]. A frame's place leaves as the web tile of zoom [`ZOOM`] around the middle of what it
//! saw (DESIGN section 5), its time in whole seconds. Boxes, scores, poses and commitments stay in the log.

use std::collections::BTreeMap;

use super::facts::RunFacts;
use super::index::Record;
use super::{AnswersError, Index, Question};
use crate::audit::{Entry, Policy};
use crate::run::FrameFootprint;

/// Zoom of the web tile that stands for a frame's place: 611 m at the equator, about 370 m in Britain, some streets.
const ZOOM: u8 = 16;

/// What the log says about a question.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The run.
    pub run: RunFacts,
    /// Places that were asked for; 0 where the question named none.
    pub places: usize,
    /// The frames that are meant, in ascending order.
    pub frames: Vec<FrameAnswer>,
    /// Frames of which nobody knows the place (or the time) that was asked for: they may be meant. A frame without a place is never published.
    pub unknown: u32,
}

/// What the log says about one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameAnswer {
    /// Numbers of the asked places that it saw; empty where none was asked for.
    pub places: Vec<u32>,
    /// Number in the manifest.
    pub frame: u32,
    /// Seconds since 1970.
    pub at: Option<i64>,
    /// Web tile (zoom/column/row) around the middle of what it saw.
    pub tile: Option<String>,
    /// Make and model of the camera.
    pub camera: String,
    /// Whose pose it is: `map`, `file` or `none`.
    pub placed_by: String,
    /// `published`, `withheld` or `rejected`; empty for a frame that an interruption cut off.
    pub outcome: &'static str,
    /// Short machine name of the reason, where it was not published.
    pub reason: Option<String>,
    /// Finds in the frame itself by class: those of the line of defence that found most of it (several look at one thing), and those of
    /// the self-check, which may be the rest of what was hidden in part.
    pub found: BTreeMap<String, u32>,
    /// Finds of neighbouring frames that were hidden here too, by class.
    pub carried: BTreeMap<String, u32>,
    /// What was done with each class that was found.
    pub policies: BTreeMap<String, String>,
    /// Pixels that were masked.
    pub masked_pixels: Option<u64>,
    /// What the second look found that the mask did not wholly hide; it then grew.
    pub self_check: Option<u32>,
    /// What people decided, in order.
    pub reviews: Vec<Reviewed>,
    /// Published files that may show pixels of it.
    pub files: u32,
    /// When its input file was deleted, seconds since 1970.
    pub raw_deleted: Option<i64>,
}

/// A person decided about a frame. Who, and in which words, stays in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// Seconds since 1970.
    pub at: i64,
    /// `approve`, `reject`, `release` or `confirm`.
    pub decision: String,
}

impl Answer {
    /// Answers a question.
    ///
    /// # Errors
    ///
    /// [`AnswersError::NoFootprints`] where place or time is asked and nobody knows; [`AnswersError`] where files changed meanwhile.
    pub fn find(index: &Index, question: &Question) -> Result<Self, AnswersError> {
        if question.needs_footprints() {
            index.check_footprints()?;
        }
        let run = RunFacts::of(index.others()?);
        let meant: Vec<Record> = index
            .records()
            .filter(|record| question.may_mean(record))
            .collect();
        let mut frames = Vec::new();
        index.read(&meant, |record, entries, footprint| {
            let outlines = footprint.as_ref().map_or(&[][..], |seen| &seen.outlines);
            let Some(places) = question.places_of(outlines)? else {
                return Ok(());
            };
            let answer = FrameAnswer::of(record, entries, footprint.as_ref(), places, &run);
            if answer.is_meant(question) {
                frames.push(answer);
            }
            Ok(())
        })?;
        let lacks = |record: &Record| {
            (question.places.is_some() && record.degrees.is_none())
                || ((question.from.is_some() || question.to.is_some()) && record.at.is_none())
        };
        let unknown = index.records().filter(lacks).count();
        Ok(Self {
            run,
            places: question.places.as_ref().map_or(0, super::Places::len),
            frames,
            unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
        })
    }
}

impl FrameAnswer {
    fn of(
        record: &Record,
        entries: Vec<Entry>,
        footprint: Option<&FrameFootprint>,
        places: Vec<u32>,
        run: &RunFacts,
    ) -> Self {
        let frame = record.frame;
        let mut answer = Self {
            places,
            frame,
            at: record.at,
            tile: footprint.and_then(|seen| tile(&seen.outlines)),
            camera: String::new(),
            placed_by: footprint.map_or("none", |seen| &seen.placed_by).into(),
            outcome: "",
            reason: None,
            found: BTreeMap::new(),
            carried: BTreeMap::new(),
            policies: BTreeMap::new(),
            masked_pixels: None,
            self_check: None,
            reviews: run.reviews.get(&frame).cloned().unwrap_or_default(),
            files: run.files_of(frame),
            raw_deleted: run.raw_deleted(frame),
        };
        let mut policies: Vec<Policy> = Vec::new();
        for entry in entries {
            match entry {
                Entry::Ingested(ingested) => answer.camera = ingested.camera,
                Entry::Detected(look) => {
                    let mut classes: BTreeMap<String, u32> = BTreeMap::new();
                    for find in look.found {
                        *classes.entry(find.class).or_default() += 1;
                    }
                    let adds = look.source.is_some() || look.round > 0;
                    let into = if look.source.is_some() {
                        &mut answer.carried
                    } else {
                        &mut answer.found
                    };
                    for (class, count) in classes {
                        let known = into.entry(class).or_default();
                        *known = if adds {
                            *known + count
                        } else {
                            count.max(*known)
                        };
                    }
                }
                Entry::Masked(masked) => {
                    answer.outcome = "published";
                    answer.masked_pixels = Some(masked.masked_pixels);
                    answer.self_check = Some(masked.self_check.found);
                    policies = masked.policies;
                }
                Entry::Withheld(why) => {
                    (answer.outcome, answer.reason) = ("withheld", Some(why.reason));
                }
                Entry::Rejected(why) => {
                    (answer.outcome, answer.reason) = ("rejected", Some(why.reason));
                }
                _ => {}
            }
        }
        let hidden = policies
            .into_iter()
            .filter(|policy| answer.hides(&policy.class));
        answer.policies = hidden.map(|policy| (policy.class, policy.policy)).collect();
        answer
    }

    fn hides(&self, class: &String) -> bool {
        self.found.contains_key(class) || self.carried.contains_key(class)
    }

    /// What only the entries can say.
    fn is_meant(&self, question: &Question) -> bool {
        let any = |asked: &[String], has: &dyn Fn(&String) -> bool| {
            asked.is_empty() || asked.iter().any(has)
        };
        any(&question.classes, &|class| self.hides(class))
            && any(&question.outcomes, &|outcome| outcome == self.outcome)
            && any(&question.decisions, &|decision| {
                self.reviews
                    .iter()
                    .any(|review| review.decision == *decision)
            })
    }
}

/// The web tile around the middle of outlines (EPSG:3857, rows counted from the north).
fn tile(outlines: &[Vec<[f64; 2]>]) -> Option<String> {
    let points: Vec<(f64, f64)> = outlines.iter().flatten().map(|&[x, y]| (x, y)).collect();
    let around = crate::georef::Bounds::around(&points)?;
    let (longitude, latitude) = (
        f64::midpoint(around.west, around.east),
        f64::midpoint(around.south, around.north),
    );
    let across = f64::from(1_u32 << ZOOM);
    let column = (longitude + 180.0) / 360.0 * across;
    let row = (1.0 - latitude.to_radians().tan().asinh() / std::f64::consts::PI) / 2.0 * across;
    let inside = |number: f64| (0.0..across).contains(&number).then(|| number.floor());
    Some(format!("{ZOOM}/{}/{}", inside(column)?, inside(row)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_leaves_as_the_web_tile_around_it() {
        // `mercantile.tile(-2.45, 54.6, 16)` (PyPI mercantile 1.2.1): x=32321, y=20855.
        let near = |x: f64, y: f64| {
            vec![vec![
                [x, y],
                [x + 2e-4, y],
                [x + 2e-4, y + 2e-4],
                [x, y + 2e-4],
            ]]
        };
        assert_eq!(
            tile(&near(-2.4501, 54.5999)).as_deref(),
            Some("16/32321/20855")
        );
        assert_eq!(tile(&[]), None);
        assert_eq!(tile(&near(0.0, 89.0)), None, "beyond the web's map");
    }
}
