//! Drives every stage and writes the log; the only module that knows them all.
//!
//! In: inputs, settings, detectors. Out: tiles, the log, a [`Summary`]. Refuses: to start on a manifest
//! it has not logged, to publish what it has not logged, to go on with another run's folder.
//!
//! ```text
//! intake (manifest, logged) -> first looks in parallel -> masks in parallel, outcomes logged in order -> flights laid on the ground
//!   -> mosaic, without homes whose people object -> tiles, heat loss, table of buildings (staged, logged, renamed) -> run.closed -> checkpoint -> summary
//! ```

mod align;
mod buildings;
mod carry;
mod error;
mod flights;
mod footprints;
mod frame_task;
mod ground;
mod heat_loss;
mod intake;
mod journal;
mod kept_frames;
mod mapping;
mod masking;
mod nights;
mod ordered;
mod outcome;
mod outputs;
mod parts;
mod plan;
mod processed;
mod progress;
mod record;
mod reviewed;
mod summary;
mod surfaces;
mod walls;
mod watchdog;
mod window;
mod words;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::ThreadPool;

pub use align::FlightAlignment;
pub use buildings::BuildingsSummary;
pub use error::RunError;
pub use footprints::FrameFootprint;
pub use heat_loss::HeatLossSummary;
pub use ordered::for_each_ordered;
pub use outcome::{Cause, Counts, Outcome};
pub use plan::Plan;
pub use progress::{Progress, Silent};
pub use summary::{FlightSummary, FrameLine, FrameList, GroundSummary, MosaicSummary, Summary};
pub use watchdog::Hang;

pub(crate) use frame_task::options;
pub(crate) use record::intake_key;
pub(crate) use summary::{PUBLISHED, REJECTED, WITHHELD, frame_files};

pub(crate) use carry::{overlaps, unanswered};
pub(crate) use ordered::Ordered;
pub(crate) use window::{Find, Neighbour, Seen, Window};

use crate::config::Config;
use crate::detect::Detector;
use crate::frame::{FrameId, FrameMeta};
use crate::georef::Geoid;
use crate::ingest::Intake;
use crate::store::{Existing, Store, layout};

use footprints::{FootprintList, Sighting};
use frame_task::FrameTask;
use intake::Manifest;
use journal::Journal;
use processed::{Input, Looked, Processed, Times};
use reviewed::Decisions;
use watchdog::{Told, Watchdog};

/// Everything a run needs to know.
pub struct Run {
    /// Files and folders, in the operator's order.
    pub inputs: Vec<PathBuf>,
    /// The output folder.
    pub out: PathBuf,
    /// Checked settings.
    pub config: Config,
    /// At least one detector; a frame needs all of them.
    pub detectors: Vec<Box<dyn Detector>>,
    /// Folder of a run over the same inputs whose review is followed.
    pub reviewed: Option<PathBuf>,
    /// What to do with an output folder that has something in it.
    pub existing: Existing,
    /// Workers.
    pub threads: NonZeroUsize,
    /// Seconds since 1970, written to run entries of the log.
    pub now: i64,
    /// Version of the inference runtime, for the log.
    pub runtime: String,
    /// Set from outside to stop after the frames in flight.
    pub interrupted: Arc<AtomicBool>,
    /// Hears, on a thread of its own, of what does not come to an end; a program ends there, since nothing else will end it.
    pub hung: fn(&Hang),
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Run({} inputs to {})",
            self.inputs.len(),
            self.out.display()
        )
    }
}

/// A frame that may enter tiles.
#[derive(Debug, Clone)]
struct Published {
    id: FrameId,
    meta: FrameMeta,
    file: PathBuf,
    output_sha256: [u8; 32],
}

/// What the operator keeps of each frame, by file name and by place.
#[derive(Debug, Default)]
struct Lists {
    outcomes: FrameList,
    sightings: Vec<Sighting>,
}

impl Run {
    /// Looks at inputs and settings without writing anything.
    ///
    /// # Errors
    ///
    /// [`RunError`] as [`Run::execute`] would give it before the first frame.
    pub fn plan(&self) -> Result<Plan, RunError> {
        plan::plan(self)
    }

    /// Does the whole job.
    ///
    /// # Errors
    ///
    /// [`RunError`] when nothing can be done at all, the output cannot be written, or the run was
    /// interrupted. What happens to single frames is in the [`Summary`].
    pub fn execute(&self, progress: &mut dyn Progress) -> Result<Summary, RunError> {
        let watchdog = Watchdog::new(self.config.run);
        std::thread::scope(|scope| {
            let _ending = watchdog.ending();
            scope.spawn(|| watchdog.watch(&self.detectors, self.hung));
            let watchdog = &watchdog;
            self.execute_watched(watchdog, &mut Told { watchdog, progress })
        })
    }

    fn execute_watched(
        &self,
        watchdog: &Watchdog,
        progress: &mut dyn Progress,
    ) -> Result<Summary, RunError> {
        let started = Instant::now();
        let pool = self.pool()?;
        self.check_inputs()?;
        let decisions = Decisions::read(self.reviewed.as_deref())?;
        let found = intake::discover(&self.inputs)?;
        let store = Store::open(&self.out, self.existing)?;
        if self.existing == Existing::Keep {
            store.sync_names()?;
        }
        let keys = record::keys(&store, &self.config, &decisions)?;
        let manifest = Manifest::fix(&pool, self.threads, &found, &keys, progress);
        let root = record::manifest(&manifest.commitments())?;
        let opened = record::opened(self, &keys, root, &decisions);
        if let Err(other) = decisions.check(&opened) {
            store.clear_work()?;
            return Err(other);
        }
        let mut summary = self.empty_summary(&found, &opened.libraries);
        let mut journal = Journal::open(&store, self, &keys, opened)?;
        if let Some((counts, checkpoint)) = journal.closed()? {
            progress.note("the run was finished before; nothing to do");
            store.clear_work()?;
            summary.count(counts);
            summary.checkpoint = checkpoint;
            return Ok(summary);
        }

        let mut lists = Lists::default();
        let published = self.frames(
            &pool,
            watchdog,
            &store,
            &manifest,
            &keys,
            &decisions,
            &mut journal,
            &mut summary,
            &mut lists,
            progress,
        )?;
        journal.sync()?;

        let mut map = None;
        if published.is_empty() {
            progress.note("no frame could be published: no tiles were made");
        } else {
            map = Some(mapping::map(
                self,
                &pool,
                &store,
                &published,
                &mut journal,
                &mut summary,
                progress,
            )?);
        }
        // Before the log says that the run is over: a finished run is not gone on with.
        store.stage(layout::FRAME_LIST, &lists.outcomes)?.commit()?;
        let footprints = FootprintList {
            sightings: &lists.sightings,
            map,
            yaw: self.config.georef.yaw.source(),
        };
        store
            .stage_file(layout::FOOTPRINTS, &footprints)?
            .commit()?;
        summary.checkpoint = journal.close(self.now)?;
        finish(&store, started, &mut summary)?;
        journal.sign()?;
        store.clear_work()?;
        Ok(summary)
    }

    /// Takes every frame to its outcome and logs it, in manifest order.
    #[expect(
        clippy::too_many_arguments,
        reason = "the run's own parts, each used once"
    )]
    fn frames(
        &self,
        pool: &ThreadPool,
        watchdog: &Watchdog,
        store: &Store,
        manifest: &Manifest,
        keys: &record::Keys,
        decisions: &Decisions,
        journal: &mut Journal<'_>,
        summary: &mut Summary,
        lists: &mut Lists,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Published>, RunError> {
        let task = FrameTask::new(self, keys, decisions, store, watchdog);
        let mut counts = Counts::default();
        let mut times = Times::default();
        let mut published = Vec::new();
        progress.stage("redacting", manifest.len());
        let known = journal.known();
        let in_flight = self.threads.saturating_mul(IN_FLIGHT_PER_THREAD);
        let look = |input: Input<'_>| {
            let known = known.get(&input.id);
            known
                .and_then(|known| known.reload(&task, &input))
                .unwrap_or_else(|| task.look(&input))
        };
        let finish = |(looked, neighbours): (Looked, Vec<_>)| {
            let file = manifest.path(looked.processed.id);
            task.finish(looked, &neighbours, file)
        };
        let mut emit = |processed: Result<Processed, RunError>| -> Result<(), RunError> {
            let processed = processed?;
            let file = manifest.path(processed.id);
            journal.frame(&self.config, &processed)?;
            counts.add(&processed.outcome);
            times.add(&processed.times);
            // Whoever looks for the file later stands elsewhere.
            let found = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
            lists
                .outcomes
                .push(&FrameLine::new(processed.id, &found, &processed.outcome));
            if let Some(meta) = &processed.meta {
                let unmapped = processed.masked.is_none();
                let located = unmapped
                    .then(|| task.located(file, meta))
                    .flatten()
                    .map(Box::new);
                lists
                    .sightings
                    .push(Sighting::new(processed.id, meta, located));
            }
            summary.count_reason(&processed.outcome);
            progress.frame(processed.id, file, &processed.outcome);
            if let (Some(masked), Some(meta)) = (processed.masked, processed.meta) {
                published.push(Published {
                    id: processed.id,
                    meta,
                    file: file.to_path_buf(),
                    output_sha256: masked.output_sha256,
                });
            }
            Ok(())
        };
        pool.in_place_scope_fifo(|scope| {
            let looked = Ordered::new(scope, manifest.inputs(), in_flight, &look);
            // Stopped here, so that no frame is masked without the neighbours it would have had.
            let window = Window::new(looked, self.config.detect.carry, |looked| {
                looked.seen.as_ref()
            })
            .take_while(|_| !self.interrupted.load(Ordering::SeqCst));
            Ordered::new(scope, window, in_flight, &finish).try_for_each(&mut emit)
        })?;
        summary.count(counts);
        summary.time(&times);
        if counts.total < manifest.len() {
            journal.interrupt()?;
            return Err(RunError::Interrupted {
                done: counts.total,
                total: manifest.len(),
            });
        }
        Ok(published)
    }

    /// Refuses folders and surface models before anything is written.
    fn check_inputs(&self) -> Result<(), RunError> {
        let is_begun = self.out.join(layout::LOG).exists();
        if self.existing == Existing::Keep && !is_begun && !Store::is_unbegun(&self.out)? {
            let path = self.out.clone();
            return Err(RunError::NothingToResume { path });
        }
        ground::check(&self.config)?;
        buildings::check(&self.config)?;
        intake::check_folders(self.reviewed.as_slice(), &self.out)?;
        intake::check_folders(&self.inputs, &self.out)
    }

    fn pool(&self) -> Result<ThreadPool, RunError> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.get())
            .build()
            .map_err(|error| RunError::Threads {
                problem: error.to_string(),
            })
    }

    /// Models by name and hash, in order.
    fn models(&self) -> Vec<(String, [u8; 32])> {
        let model = |detector: &dyn Detector| {
            let (name, sha256) = detector.model();
            (name.to_owned(), sha256)
        };
        self.detectors
            .iter()
            .map(|detector| model(detector.as_ref()))
            .collect()
    }

    /// Libraries that decide about bytes, with their versions.
    fn libraries(&self) -> Vec<String> {
        let mut libraries = vec![
            format!("gdal {}", gdal::version_info("RELEASE_NAME")),
            self.runtime.clone(),
        ];
        if self.config.tiles.keep_frames {
            // Of geo.txt: heights above the sea need it.
            let geoid = if Geoid::open().is_some() {
                "egm96"
            } else {
                "none"
            };
            libraries.push(format!("geoid {geoid}"));
        }
        libraries
    }

    fn empty_summary(&self, found: &Intake, libraries: &[String]) -> Summary {
        Summary {
            message_type: "summary",
            frames_total: 0,
            frames_published: 0,
            frames_withheld: 0,
            frames_rejected: 0,
            inputs_unreadable: found.problems.len(),
            inputs_ignored: found.ignored.len(),
            seconds: 0.0,
            frames_per_second: 0.0,
            peak_rss_bytes: 0,
            inference_seconds: 0.0,
            inference_passes: 0,
            stage_seconds: BTreeMap::new(),
            checkpoint: String::new(),
            reasons: BTreeMap::new(),
            mosaic: None,
            heat_loss: None,
            kept_frames_heights: None,
            objections: None,
            buildings: None,
            flights: Vec::new(),
            beyond_envelope: self.config.detect.publish_beyond_envelope.clone(),
            versions: BTreeMap::from([
                ("heatveil", env!("CARGO_PKG_VERSION").to_owned()),
                ("libraries", libraries.join(", ")),
            ]),
        }
    }
}

/// Writes the summary: before the log is signed, since a run that was signed to its end is not gone on with.
fn finish(store: &Store, started: Instant, summary: &mut Summary) -> Result<(), RunError> {
    summary.seconds = started.elapsed().as_secs_f64();
    #[expect(
        clippy::cast_precision_loss,
        reason = "frame counts are far below 2^52"
    )]
    let frames = summary.frames_total as f64;
    summary.frames_per_second = frames / summary.seconds.max(1e-9);
    summary.peak_rss_bytes = summary::peak_rss_bytes();
    store.stage(layout::SUMMARY, summary)?.commit()?;
    Ok(())
}

/// Items alive at a time, per worker: enough that no worker waits for a slow neighbour.
const IN_FLIGHT_PER_THREAD: NonZeroUsize = NonZeroUsize::new(3).expect("3 is not 0");
