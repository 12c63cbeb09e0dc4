//! Frames that have their outcome, on their way into log, lists and map.
//!
//! In: what became of a frame, in this process or in a worker's, in manifest order. Out: its entries in the log, its line in the operator's lists,
//! what the map needs. Refuses: a frame that comes out otherwise than the log has it from before.

use super::footprints::Sighting;
use super::frame_task::FrameTask;
use super::intake::Manifest;
use super::journal::Journal;
use super::processed::{Processed, Times};
use super::{
    Cause, Counts, FrameLine, FrameList, Outcome, Progress, Published, RunError, Summary, record,
};
use crate::audit::{Entry, ModelId};
use crate::config::Config;
use crate::frame::{FrameId, FrameMeta};

/// One frame with all that its run needs of it: no pixel, and nothing that only a detector may make.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) id: FrameId,
    /// For the log, outcome last.
    pub(super) entries: Vec<Entry>,
    /// `None` where the file could not be decoded.
    pub(super) meta: Option<FrameMeta>,
    pub(super) outcome: Outcome,
    /// Of its redacted raster in the work folder, where it is published.
    pub(super) output_sha256: Option<[u8; 32]>,
    pub(super) times: Times,
}

impl Done {
    /// A frame of which the log cannot hold all is withheld, with what it can hold.
    pub(super) fn of(config: &Config, models: &[ModelId], mut processed: Processed) -> Self {
        let mut entries = record::frame(config, models, &processed);
        let made = entries.len();
        entries.retain(|entry| entry.to_line().is_ok());
        if entries.len() < made {
            let cause = Cause::new("internal", "more was found than a line of the log holds");
            entries.retain(|entry| !entry.is_outcome());
            entries.push(record::withheld(&processed, &cause));
            (processed.outcome, processed.masked) = (Outcome::Withheld(cause), None);
        }
        Self {
            id: processed.id,
            entries,
            output_sha256: processed.masked.map(|masked| masked.output_sha256),
            meta: processed.meta,
            outcome: processed.outcome,
            times: processed.times,
        }
    }
}

/// What the operator keeps of each frame, by file name and by place, and what the map is made of.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) outcomes: FrameList,
    pub(super) sightings: Vec<Sighting>,
    pub(super) published: Vec<Published>,
}

/// Takes frames in, one after the other.
pub(super) struct Taking<'a, 'j> {
    pub(super) task: &'a FrameTask<'a>,
    pub(super) manifest: &'a Manifest,
    pub(super) journal: &'a mut Journal<'j>,
    pub(super) summary: &'a mut Summary,
    pub(super) progress: &'a mut dyn Progress,
    pub(super) lists: Lists,
    pub(super) counts: Counts,
    pub(super) times: Times,
}

impl Taking<'_, '_> {
    pub(super) fn take(&mut self, done: Done) -> Result<(), RunError> {
        let file = self.manifest.path(done.id);
        self.journal.frame(&done)?;
        self.counts.add(&done.outcome);
        self.times.add(&done.times);
        // Whoever looks for the file later stands elsewhere.
        let found = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
        let line = FrameLine::new(done.id, &found, &done.outcome);
        self.lists.outcomes.push(&line);
        if let Some(meta) = &done.meta {
            let unmapped = done.output_sha256.is_none();
            let located = unmapped.then(|| self.task.located(file, meta)).flatten();
            let sighting = Sighting::new(done.id, meta, located.map(Box::new));
            self.lists.sightings.push(sighting);
        }
        self.summary.count_reason(&done.outcome);
        self.progress.frame(done.id, file, &done.outcome);
        if let (Some(output_sha256), Some(meta)) = (done.output_sha256, done.meta) {
            self.lists.published.push(Published {
                id: done.id,
                meta,
                file: file.to_path_buf(),
                output_sha256,
            });
        }
        Ok(())
    }

    /// The lists, once every frame of the manifest was taken in.
    ///
    /// # Errors
    ///
    /// [`RunError::Interrupted`] where some were not.
    pub(super) fn end(self) -> Result<Lists, RunError> {
        self.summary.count(self.counts);
        self.summary.time(&self.times);
        let (done, total) = (self.counts.total, self.manifest.len());
        if done < total {
            self.journal.interrupt()?;
            return Err(RunError::Interrupted { done, total });
        }
        Ok(self.lists)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::detect::{BoxPx, Class, Detection, Detections, Line, Padding};
    use crate::run::processed::{Input, Look};

    /// 2,000 finds of some 40 bytes do not fit into 65,535; what the log can hold of the frame stays in it.
    #[test]
    fn a_frame_of_which_no_line_can_tell_is_withheld() {
        let find = |at: u16| Detection {
            class: Class::Person,
            bbox: BoxPx {
                x0: f32::from(at),
                y0: 0.0,
                x1: f32::from(at) + 9.0,
                y1: 9.0,
            },
            score: 0.9,
            padding: Padding {
                fraction: 0.0,
                px: 0.0,
            },
            alarm: 0.5,
        };
        let look = |line, source, finds: u16| Look {
            detections: Detections::completed(FrameId(3), line, (0..finds).map(find).collect()),
            round: 0,
            model: (line == Line::Model).then_some(0),
            source,
        };
        let mut processed = Processed::new(&Input {
            id: FrameId(3),
            path: Path::new("a"),
            commitment: [0; 32],
            duplicate_of: None,
        });
        processed.looks.push(look(Line::Model, None, 2));
        let carried = look(Line::Carry, Some(FrameId(2)), 2000);
        processed.looks.push(carried);
        processed.outcome = Outcome::Published;
        let config = crate::config::Args::default().resolve().unwrap();
        let models = [ModelId {
            name: "persons".into(),
            sha256: "00".repeat(32),
            skips: false,
        }];
        let done = Done::of(&config, &models, processed);
        let kinds: Vec<bool> = done.entries.iter().map(Entry::is_outcome).collect();
        assert_eq!(kinds, [false, false, true], "{:?}", done.entries.len());
        assert!(done.entries.iter().all(|entry| entry.to_line().is_ok()));
        assert!(matches!(done.entries[2], Entry::Withheld(_)));
        assert!(matches!(done.outcome, Outcome::Withheld(_)));
    }
}
