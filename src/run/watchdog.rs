//! Nothing goes on for ever: how long a frame and a stage may take, and what happens when they take longer.
//!
//! In: what is being worked on ([`Watchdog::frame`], the stages that [`Told`] hears of, signs of life of the disk). Out: looks that are ended from
//! outside ([`Detector::stop`]), [`Watched::is_over`], and a [`Hang`] where nothing ended. Refuses: to change a result. Whether a limit is hit
//! depends on the machine, so it is an outcome of its own that says so, never another picture.
//!
//! A frame's half that takes longer than its limit is withheld where it can be stopped: before each look and, in ONNX Runtime, in the middle of
//! one. What cannot be stopped (a library that does not come back) is a hang after twice the limit; so is a run in which no frame, file or step
//! was done for as long as a stage may stand still. [`Run::hung`](super::Run::hung) hears of it once: the program ends there. A note in the work
//! folder says which frame it was, so that the run that goes on withholds it instead of hanging again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::{Cause, Outcome, Progress};
use crate::config::RunLimits;
use crate::detect::Detector;
use crate::frame::FrameId;
use crate::store::{self, Store};

/// How often limits are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long the note about a frame may take: it may be the disk that hangs, and the program must end all the same.
const NOTE: Duration = Duration::from_secs(10);

/// What did not come to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hang {
    /// What was being done, such as `decoding`.
    pub stage: &'static str,
    /// The file it was done to, where one is known. It is for the operator's eyes.
    pub file: Option<PathBuf>,
    /// The frame that it was, where it was one.
    pub frame: Option<FrameId>,
    /// Whether the run that goes on will withhold that frame: a note about it lies in the work folder.
    pub noted: bool,
    /// For how long nothing had come of it.
    pub waited: Duration,
}

impl std::fmt::Display for Hang {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stage, seconds) = (self.stage, self.waited.as_secs());
        write!(f, "{stage} did not come to an end in {seconds} s")?;
        match &self.file {
            Some(file) => write!(f, "; the last file was {}", file.display()),
            None => Ok(()),
        }
    }
}

/// Watches one run.
pub(super) struct Watchdog {
    limits: RunLimits,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    over: bool,
    /// The run's folder, once it is held.
    root: Option<PathBuf>,
    stage: &'static str,
    /// When the stage last showed a sign of life, and the disk's count then.
    alive: Instant,
    beats: u64,
    frames: BTreeMap<u64, Busy>,
    next: u64,
}

/// A half of a frame's way that is being gone.
struct Busy {
    id: FrameId,
    file: PathBuf,
    stage: &'static str,
    since: Instant,
}

/// What is to be done about what takes too long.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    /// Frames whose looks are to end.
    late: Vec<FrameId>,
    hang: Option<Hang>,
}

impl Watchdog {
    pub(super) fn new(limits: RunLimits) -> Self {
        Self {
            limits,
            state: Mutex::new(State {
                over: false,
                root: None,
                stage: "reading the inputs",
                alive: Instant::now(),
                beats: 0,
                frames: BTreeMap::new(),
                next: 0,
            }),
            changed: Condvar::new(),
        }
    }

    /// Looks at the limits until [`Ending`] is dropped; tells `hung` of one hang.
    pub(super) fn watch(&self, detectors: &[Box<dyn Detector>], hung: fn(&Hang)) {
        let mut told = false;
        let mut state = self.state();
        while !state.over {
            let verdict = state.judge(&self.limits, Instant::now(), store::pulse());
            drop(state);
            for frame in verdict.late {
                // Again at every tick: it may have been between two looks.
                for detector in detectors {
                    detector.stop(frame);
                }
            }
            if let (Some(mut hang), false) = (verdict.hang, told) {
                told = true;
                let root = self.state().root.clone();
                if let (Some(root), Some(frame)) = (root, hang.frame) {
                    hang.noted = note(root, frame);
                }
                hung(&hang);
            }
            let waited = self.changed.wait_timeout(self.state(), TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Notes about frames that never end go to the work folder there.
    pub(super) fn note_in(&self, store: &Store) {
        self.state().root = Some(store.root().to_path_buf());
    }

    /// Ends [`Watchdog::watch`] when it is dropped.
    pub(super) fn ending(&self) -> Ending<'_> {
        Ending(self)
    }

    /// From here until it is dropped a frame is worked on.
    pub(super) fn frame(&self, id: FrameId, file: &Path) -> Watched<'_> {
        let since = Instant::now();
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let busy = Busy {
            id,
            file: file.to_path_buf(),
            stage: "work on a frame",
            since,
        };
        state.frames.insert(number, busy);
        drop(state);
        Watched {
            watchdog: self,
            number,
            since,
        }
    }

    /// A stage showed a sign of life; where it is named, it begins.
    fn alive(&self, begun: Option<&'static str>) {
        let mut state = self.state();
        state.alive = Instant::now();
        state.stage = begun.unwrap_or(state.stage);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn judge(
        &mut self,
        limits: &RunLimits,
        now: Instant,
        (beats, last): (u64, Option<PathBuf>),
    ) -> Verdict {
        if beats != self.beats {
            (self.beats, self.alive) = (beats, now);
        }
        let took = |busy: &Busy| now.saturating_duration_since(busy.since);
        let late = self
            .frames
            .values()
            .filter(|busy| took(busy) > limits.frame);
        let mut frames = self.frames.values();
        let stuck = frames.find(|busy| took(busy) > limits.frame * 2);
        let stood_still = now.saturating_duration_since(self.alive);
        let hang = match stuck {
            Some(busy) => Some(Hang {
                stage: busy.stage,
                file: Some(busy.file.clone()),
                frame: Some(busy.id),
                noted: false,
                waited: took(busy),
            }),
            None => (stood_still > limits.stall).then_some(Hang {
                stage: self.stage,
                file: last,
                frame: None,
                noted: false,
                waited: stood_still,
            }),
        };
        Verdict {
            late: late.map(|busy| busy.id).collect(),
            hang,
        }
    }
}

/// Leaves a note about a frame, on a thread that nobody waits for longer than a moment; whether it lies there.
fn note(root: PathBuf, frame: FrameId) -> bool {
    let (done, noted) = mpsc::channel();
    thread::spawn(move || done.send(Store::note_unending(&root, frame)));
    match noted.recv_timeout(NOTE) {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::warn!("no note about the frame: {error}"),
        Err(_) => tracing::warn!("no note about the frame: the disk does not answer"),
    }
    false
}

/// What becomes of a frame of which an earlier process left a note.
pub(super) fn unending() -> Outcome {
    let detail = "work on it came to no end before (twice run.frame-seconds)";
    Outcome::Withheld(Cause::new("out-of-time", detail))
}

/// Ends the watch.
pub(super) struct Ending<'a>(&'a Watchdog);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.state().over = true;
        self.0.changed.notify_all();
    }
}

/// One half of a frame's way, watched until it is dropped.
pub(super) struct Watched<'a> {
    watchdog: &'a Watchdog,
    number: u64,
    since: Instant,
}

impl Watched<'_> {
    /// What is done now.
    pub(super) fn stage(&self, name: &'static str) {
        if let Some(busy) = self.watchdog.state().frames.get_mut(&self.number) {
            busy.stage = name;
        }
    }

    /// Whether the frame took longer than it may.
    pub(super) fn is_over(&self) -> bool {
        self.since.elapsed() > self.watchdog.limits.frame
    }

    /// What becomes of it then.
    pub(super) fn outcome(&self) -> Outcome {
        let seconds = self.watchdog.limits.frame.as_secs_f64();
        let detail = format!("it was not done after {seconds} s (run.frame-seconds)");
        Outcome::Withheld(Cause::new("out-of-time", detail))
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.watchdog.state().frames.remove(&self.number);
    }
}

/// A run's progress, of which the watchdog hears too.
pub(super) struct Told<'a> {
    pub(super) watchdog: &'a Watchdog,
    pub(super) progress: &'a mut dyn Progress,
}

impl Progress for Told<'_> {
    fn stage(&mut self, name: &'static str, total: usize) {
        self.watchdog.alive(Some(name));
        self.progress.stage(name, total);
    }

    fn frame(&mut self, id: FrameId, file: &Path, outcome: &Outcome) {
        self.watchdog.alive(None);
        self.progress.frame(id, file, outcome);
    }

    fn step(&mut self) {
        self.watchdog.alive(None);
        self.progress.step();
    }

    fn note(&mut self, text: &str) {
        self.progress.note(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RunLimits = RunLimits {
        frame: Duration::from_secs(10),
        stall: Duration::from_secs(100),
    };

    fn after(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn a_frame_is_late_after_its_limit_and_hangs_after_twice_as_long() {
        let watchdog = Watchdog::new(LIMITS);
        let watched = watchdog.frame(FrameId(7), Path::new("in/a.jpg"));
        watched.stage("decoding");
        let begin = watched.since;
        let judge = |seconds| {
            let mut state = watchdog.state();
            state.judge(&LIMITS, after(begin, seconds), (0, None))
        };
        assert_eq!(judge(10), Verdict::default());
        let late = judge(11);
        assert_eq!((late.late, late.hang), (vec![FrameId(7)], None));
        let hang = judge(21).hang.unwrap();
        assert_eq!(hang.frame, Some(FrameId(7)));
        let said = "decoding did not come to an end in 21 s; the last file was in/a.jpg";
        assert_eq!(hang.to_string(), said);
        drop(watched);
        let mut state = watchdog.state();
        let verdict = state.judge(&LIMITS, after(begin, 21), (0, None));
        assert_eq!(verdict, Verdict::default());
    }

    #[test]
    fn a_stage_hangs_when_neither_it_nor_the_disk_shows_a_sign_of_life() {
        let watchdog = Watchdog::new(LIMITS);
        watchdog.alive(Some("mapping"));
        let begin = watchdog.state().alive;
        let judge = |seconds, beats| {
            let mut state = watchdog.state();
            state.judge(
                &LIMITS,
                after(begin, seconds),
                (beats, Some("a.tif".into())),
            )
        };
        assert_eq!(judge(100, 0).hang, None);
        assert_eq!(judge(101, 1).hang, None, "the disk wrote something");
        assert_eq!(judge(201, 1).hang, None);
        let hang = judge(202, 1).hang.unwrap();
        assert_eq!((hang.stage, hang.frame), ("mapping", None));
        assert_eq!(hang.file, Some("a.tif".into()));
    }
}
