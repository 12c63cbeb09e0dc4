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
mod done;
mod error;
mod flights;
mod footprints;
mod frame_task;
mod ground;
mod heat_loss;
mod intake;
mod journal;
mod kept_frames;
mod keys;
mod mapping;
mod masking;
mod nights;
mod ordered;
mod outcome;
mod outputs;
mod parts;
mod preview;
mod processed;
mod progress;
mod record;
mod reviewed;
mod shards;
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
pub use preview::Preview;
pub use progress::{Progress, Silent};
pub use shards::{Shard, ShardPlan, Worked, finish_merged};
pub use summary::{FlightSummary, FrameLine, FrameList, GroundSummary, MosaicSummary, Summary};
pub use watchdog::Hang;

pub(crate) use frame_task::{calibration, options};
pub(crate) use intake::check_apart;
pub(crate) use keys::intake_key;
pub(crate) use reviewed::{beyond, boxes};
pub(crate) use summary::{PUBLISHED, REJECTED, WITHHELD, frame_files};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use shards::fuzzing;

pub(crate) use carry::{overlaps, unanswered};
pub(crate) use ordered::Ordered;
pub(crate) use window::{Find, Neighbour, Seen, Window};

use crate::audit::{self, RunOpened};
use crate::config::Config;
use crate::detect::Detector;
use crate::frame::{FrameId, FrameMeta};
use crate::georef::Geoid;
use crate::store::{self, Existing, Store, layout};

use done::{Done, Lists, Taking};
use footprints::FootprintList;
use frame_task::FrameTask;
use intake::Manifest;
use journal::Journal;
use keys::Keys;
use outcome::BEYOND_ENVELOPE;
use processed::{Input, Looked, Times};
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

/// A run before its first frame.
struct Begun {
    store: Store,
    keys: Keys,
    decisions: Decisions,
    manifest: Manifest,
    opened: RunOpened,
    /// Input paths that could not be listed, and files that are no candidates by their name.
    unreadable: usize,
    ignored: usize,
}

impl Run {
    /// Looks at inputs and settings without writing anything.
    ///
    /// # Errors
    ///
    /// [`RunError`] as [`Run::execute`] would give it before the first frame.
    pub fn preview(&self) -> Result<Preview, RunError> {
        preview::preview(self)
    }

    /// Does the whole job.
    ///
    /// # Errors
    ///
    /// [`RunError`] when nothing can be done at all, the output cannot be written, or the run was
    /// interrupted. What happens to single frames is in the [`Summary`].
    pub fn execute(&self, progress: &mut dyn Progress) -> Result<Summary, RunError> {
        self.watched(progress, |watchdog, progress| {
            self.execute_watched(watchdog, progress)
        })
    }

    /// Does `work` under the watchdog.
    fn watched<R>(
        &self,
        progress: &mut dyn Progress,
        work: impl FnOnce(&Watchdog, &mut dyn Progress) -> R,
    ) -> R {
        let watchdog = Watchdog::new(self.config.run);
        std::thread::scope(|scope| {
            let _ending = watchdog.ending();
            scope.spawn(|| watchdog.watch(&self.detectors, self.hung));
            let watchdog = &watchdog;
            work(watchdog, &mut Told { watchdog, progress })
        })
    }

    fn execute_watched(
        &self,
        watchdog: &Watchdog,
        progress: &mut dyn Progress,
    ) -> Result<Summary, RunError> {
        let started = Instant::now();
        let pool = self.pool()?;
        let begun = self.begin(&pool, progress)?;
        let journal = Journal::open(&begun.store, self, &begun.keys, &begun.opened, false)?;
        let frames = |task: &FrameTask<'_>, taking: &mut Taking<'_, '_>| {
            self.look_at_all(&pool, task, taking)
        };
        self.complete(started, &pool, watchdog, &begun, journal, frames, progress)
    }

    /// Reads and commits to the inputs: everything before the first entry.
    fn begin(&self, pool: &ThreadPool, progress: &mut dyn Progress) -> Result<Begun, RunError> {
        self.check_inputs()?;
        let before = match self.existing {
            Existing::Keep => audit::read_opened(&self.out),
            Existing::Refuse | Existing::Replace => None,
        };
        let decisions = Decisions::read(self.reviewed.as_deref(), before.as_ref())?;
        let found = intake::discover(&self.inputs)?;
        let held = Store::hold(&self.out, self.existing)?;
        let keys = Keys::find(&self.out, self.existing, &self.config, &decisions)?;
        let manifest = Manifest::fix(pool, self.threads, &found, &keys.inputs, progress);
        let root = record::manifest(&manifest.commitments());
        let opened = record::opened(self, &keys.inputs, root, &decisions);
        decisions.check(&opened)?;
        // What an earlier run left goes once nothing refuses any more.
        let store = held.begin()?;
        if self.existing == Existing::Keep {
            store.sync_names()?;
        }
        keys.save(&store)?;
        Ok(Begun {
            store,
            keys,
            decisions,
            manifest,
            opened,
            unreadable: found.problems.len(),
            ignored: found.ignored.len(),
        })
    }

    /// Everything from the first frame on; `frames` takes them to their outcomes.
    #[expect(
        clippy::too_many_arguments,
        reason = "the run's own parts, each used once"
    )]
    fn complete(
        &self,
        started: Instant,
        pool: &ThreadPool,
        watchdog: &Watchdog,
        begun: &Begun,
        mut journal: Journal<'_>,
        frames: impl FnOnce(&FrameTask<'_>, &mut Taking<'_, '_>) -> Result<(), RunError>,
        progress: &mut dyn Progress,
    ) -> Result<Summary, RunError> {
        let (store, manifest) = (&begun.store, &begun.manifest);
        let mut summary = self.empty_summary(begun);
        if let Some((counts, checkpoint)) = journal.closed()? {
            progress.note("the run was finished before; nothing to do");
            store.clear_work()?;
            summary.count(counts);
            summary.checkpoint = checkpoint;
            return Ok(summary);
        }

        progress.stage("redacting", manifest.len());
        let task = FrameTask::new(self, &begun.keys.inputs, &begun.decisions, store, watchdog);
        let mut taking = Taking {
            task: &task,
            manifest,
            journal: &mut journal,
            summary: &mut summary,
            progress: &mut *progress,
            lists: Lists::default(),
            counts: Counts::default(),
            times: Times::default(),
        };
        frames(&task, &mut taking)?;
        let lists = taking.end()?;
        journal.sync()?;

        let mut map = None;
        if lists.published.is_empty() {
            summary.no_map = Some("no frame could be published".into());
        } else {
            map = mapping::map(
                self,
                pool,
                store,
                &lists.published,
                &mut journal,
                &mut summary,
                progress,
            )?;
        }
        if let Some(why) = &summary.no_map {
            progress.note(&format!("no tiles were made: {why}"));
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
        summary.checkpoint = journal.close()?;
        summary::finish(store, started, &mut summary)?;
        journal.sign()?;
        store.clear_work()?;
        Ok(summary)
    }

    /// Takes every frame of the manifest to its outcome here.
    fn look_at_all(
        &self,
        pool: &ThreadPool,
        task: &FrameTask<'_>,
        taking: &mut Taking<'_, '_>,
    ) -> Result<(), RunError> {
        let manifest = taking.manifest;
        let known = taking.journal.known();
        let look = |input: Input<'_>| {
            let known = known.get(&input.id);
            known
                .and_then(|known| known.reload(task, &input))
                .unwrap_or_else(|| task.look(&input))
        };
        self.both_halves(
            pool,
            task,
            manifest,
            look,
            |_| true,
            |done| taking.take(done),
        )
    }

    /// Takes the lines of a manifest through both halves of a frame's way, in order; those that are not `own` through the first alone, for their
    /// neighbours.
    fn both_halves(
        &self,
        pool: &ThreadPool,
        task: &FrameTask<'_>,
        manifest: &Manifest,
        look: impl Fn(Input<'_>) -> Looked + Sync,
        own: impl Fn(FrameId) -> bool,
        mut take: impl FnMut(Done) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let models = record::models(self);
        let in_flight = self.threads.saturating_mul(IN_FLIGHT_PER_THREAD);
        let finish = |(looked, neighbours): (Looked, Vec<_>)| -> Result<Done, RunError> {
            let file = manifest.path(looked.processed.id);
            let processed = task.finish(looked, &neighbours, file)?;
            Ok(Done::of(&self.config, &models, processed))
        };
        pool.in_place_scope_fifo(|scope| {
            let looked = Ordered::new(scope, manifest.inputs(), in_flight, &look);
            // Stopped here, so that no frame is masked without the neighbours it would have had.
            let window = Window::new(looked, self.config.detect.carry, |looked| {
                looked.seen.as_ref()
            })
            .take_while(|_| !self.interrupted.load(Ordering::SeqCst))
            .filter(|(looked, _)| own(looked.processed.id));
            Ordered::new(scope, window, in_flight, &finish).try_for_each(|done| take(done?))
        })
    }

    /// Refuses folders, files and surface models before anything is written.
    fn check_inputs(&self) -> Result<(), RunError> {
        let is_begun = store::exists(&self.out.join(layout::LOG))?;
        if self.existing == Existing::Keep && !is_begun && !Store::is_unbegun(&self.out)? {
            let path = self.out.clone();
            return Err(RunError::NothingToResume { path });
        }
        ground::check(&self.config)?;
        buildings::check(&self.config)?;
        check_apart(self.reviewed.as_slice(), &self.out)?;
        check_apart(&self.inputs, &self.out)?;
        if self.existing == Existing::Replace {
            check_apart(&self.named(), &self.out)?;
        }
        Ok(())
    }

    /// Files that the settings name, which a run needs once what was there is cleared, and people afterwards.
    fn named(&self) -> Vec<PathBuf> {
        let Config {
            audit,
            survey,
            buildings,
            georef,
            detect,
            ..
        } = &self.config;
        let named = [
            &audit.log_key,
            &audit.commitment_key,
            &survey.intake_key,
            &buildings.opt_out,
            &georef.surface.dsm,
        ];
        let outlines = buildings.footprints.iter().map(|source| &source.path);
        let points = buildings.uprn_points.iter().map(|points| &points.path);
        let named = named.into_iter().flatten().chain(&detect.models);
        let named = named.chain(outlines).chain(points);
        named.cloned().collect()
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

    fn empty_summary(&self, begun: &Begun) -> Summary {
        Summary {
            message_type: "summary",
            frames_total: 0,
            frames_published: 0,
            frames_withheld: 0,
            frames_rejected: 0,
            inputs_unreadable: begun.unreadable,
            inputs_ignored: begun.ignored,
            seconds: 0.0,
            frames_per_second: 0.0,
            peak_rss_bytes: 0,
            inference_seconds: 0.0,
            inference_passes: 0,
            stage_seconds: BTreeMap::new(),
            checkpoint: String::new(),
            reasons: BTreeMap::new(),
            no_map: None,
            mosaic: None,
            heat_loss: None,
            kept_frames_heights: None,
            objections: None,
            buildings: None,
            flights: Vec::new(),
            beyond_envelope: self.config.detect.publish_beyond_envelope.clone(),
            versions: BTreeMap::from([
                ("heatveil", env!("CARGO_PKG_VERSION").to_owned()),
                ("libraries", begun.opened.libraries.join(", ")),
            ]),
        }
    }
}

/// Items alive at a time, per worker: enough that no worker waits for a slow neighbour.
const IN_FLIGHT_PER_THREAD: NonZeroUsize = NonZeroUsize::new(3).expect("3 is not 0");
