//! ONNX Runtime: one session per worker, each with one thread.
//!
//! In: a [`Model`]. Out: its finds. Equal pictures get equal answers on one machine's processor. Between processors sums are
//! taken in another order, so that scores may differ in the last digits, and at a threshold a find; no promise is
//! made there, and the log names model and library.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session};
use ort::value::TensorRef;

use super::library::identify;
use super::network::{Network, grid, other_output};
use super::postprocess::Grid;
use super::provider::{self, Answer};
use super::{DetectError, Model, Precision, Provider};
use crate::frame::{FrameId, ModelInput};
use crate::raster::Raster;

/// ONNX Runtime, loaded from its shared library; one per process.
#[derive(Debug, Clone, Copy)]
pub struct Runtime(&'static Loaded);

#[derive(Debug)]
struct Loaded {
    environment: Environment,
    version: String,
}

/// Environment variable that must be `1` before the library is loaded. From 1.32 on it reports each process to its maker otherwise, whatever its own
/// switch says later.
pub(crate) const TELEMETRY_OFF: &str = "ORT_DISABLE_TELEMETRY";

impl Runtime {
    /// Loads the library at `path`, once its SHA-256 is one that is known here or the one that the user `trusts` (64 lower-case hex digits); later
    /// calls in one process give the first one's result.
    ///
    /// # Errors
    ///
    /// [`DetectError::Runtime`] naming the path and what to do.
    pub fn load(path: &Path, trusts: Option<&str>) -> Result<Self, DetectError> {
        static LOADED: OnceLock<Result<Loaded, String>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| {
            // A path that exists is made absolute, so that the file that was looked at is the one that is loaded.
            let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
            if std::env::var_os(TELEMETRY_OFF).is_none_or(|value| value != "1") {
                return Err(format!(
                    "it would tell its maker of this process; set {TELEMETRY_OFF}=1"
                ));
            }
            let version = identify(&path, trusts)?;
            let builder = ort::init_from(&path).map_err(|error| error.to_string())?;
            let environment = builder
                .with_telemetry(false)
                .build()
                .map_err(|error| error.to_string())?;
            Ok(Loaded {
                environment,
                version,
            })
        });
        match loaded {
            Ok(loaded) => Ok(Self(loaded)),
            Err(problem) => Err(DetectError::Runtime {
                path: path.to_path_buf(),
                problem: problem.clone(),
            }),
        }
    }

    /// Version and hash of the loaded library, for the log.
    #[must_use]
    pub fn version(self) -> &'static str {
        &self.0.version
    }

    /// A session with one thread, and, on the processor, equal answers for equal input.
    fn session(self, model: &Model, provider: Provider) -> Result<Session, DetectError> {
        let build = || -> Result<Session, String> {
            let mut builder = Session::builder(&self.0.environment)
                .map_err(|error| error.to_string())?
                .with_intra_threads(1)
                .map_err(|error| error.to_string())?
                .with_inter_threads(1)
                .map_err(|error| error.to_string())?
                .with_deterministic_compute(true)
                .map_err(|error| error.to_string())?
                .with_optimization_level(GraphOptimizationLevel::Level3)
                .map_err(|error| error.to_string())?;
            if model.precision() == Precision::Int8 && !adds_int8_exactly() {
                builder = builder
                    .with_precise_qmm()
                    .map_err(|error| error.to_string())?;
            }
            provider::on(provider, builder)?
                .commit_from_memory(model.bytes())
                .map_err(|error| error.to_string())
        };
        build().map_err(|problem| {
            if provider == Provider::Cpu {
                let model = model.title().to_owned();
                DetectError::Inference { model, problem }
            } else {
                let provider = provider.name();
                let problem = format!(
                    "model {} cannot be run there whole: {problem}; nothing is computed on the processor instead",
                    model.title()
                );
                DetectError::Provider { provider, problem }
            }
        })
    }
}

/// Whether ONNX Runtime's fastest int8 kernels add exactly on this processor.
///
/// On x86-64 without VNNI they add pairs of products in 16 bits, which overflow and lose finds
/// (<https://github.com/microsoft/onnxruntime/issues/14642>); there slower, exact kernels are asked for.
fn adds_int8_exactly() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("avx512vnni")
            || std::arch::is_x86_feature_detected!("avxvnni")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        true
    }
}

/// A model with a pool of sessions.
pub struct Onnx {
    model: Model,
    provider: Provider,
    idle: Mutex<Vec<Session>>,
    returned: Condvar,
    running: Mutex<Vec<(FrameId, Arc<RunOptions>)>>,
}

impl std::fmt::Debug for Onnx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Onnx({:?})", self.model)
    }
}

/// Pictures of 320 x 256 with warm spots of a person's size (7 x 7 pixels) and larger ones on a ground of made-up noise (linear congruential; Knuth, TAOCP volume 2, section 3.3.4).
fn made_pictures(multiple_of: usize) -> impl Iterator<Item = ModelInput> {
    const SIZE: (usize, usize) = (320, 256);
    (1..=3_u32).map(move |seed| {
        let mut state = seed;
        let samples = (0..SIZE.0 * SIZE.1).map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 28) as u8;
            let (x, y) = (at % SIZE.0, at / SIZE.0);
            let side = 7 * (1 + x / 160);
            let is_warm = x % 40 < side && y % 50 < side;
            if is_warm { 220 + noise } else { 90 + noise }
        });
        let picture =
            Raster::new(SIZE.0, SIZE.1, samples.collect()).expect("one sample for each pixel");
        ModelInput::from_grey8(&picture, multiple_of)
    })
}

/// A look that can be ended from another thread, until this is dropped.
struct Running<'a> {
    all: &'a Mutex<Vec<(FrameId, Arc<RunOptions>)>>,
    this: Arc<RunOptions>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        locked(self.all).retain(|(_, other)| !Arc::ptr_eq(other, &self.this));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Onnx {
    /// Loads `model` into `workers` sessions.
    ///
    /// # Errors
    ///
    /// [`DetectError::Inference`] when ONNX Runtime refuses the model.
    pub fn new(runtime: Runtime, model: Model, workers: usize) -> Result<Self, DetectError> {
        Self::on(Provider::Cpu, runtime, model, workers)
    }

    /// The same on an accelerator, and nowhere else. Whether it answers as it should is [`Onnx::agrees_with`]'s to say.
    ///
    /// # Errors
    ///
    /// [`DetectError::Provider`] when it is not there, or cannot run the whole model.
    pub(super) fn on(
        provider: Provider,
        runtime: Runtime,
        model: Model,
        workers: usize,
    ) -> Result<Self, DetectError> {
        let sessions: Result<Vec<_>, _> = (0..workers.max(1))
            .map(|_| runtime.session(&model, provider))
            .collect();
        Ok(Self {
            idle: Mutex::new(sessions?),
            returned: Condvar::new(),
            running: Mutex::default(),
            model,
            provider,
        })
    }

    /// The model and its card.
    #[must_use]
    pub fn card(&self) -> &Model {
        &self.model
    }

    /// Compares this model's answers with those of `other`, the same on the processor, to three made pictures.
    ///
    /// # Errors
    ///
    /// [`DetectError::Provider`] where they differ by more than [`SCORES`](super::SCORES) or [`DISTANCES`](super::DISTANCES).
    pub fn agrees_with(&self, other: &Self) -> Result<(), DetectError> {
        for picture in made_pictures(self.model.card().input.multiple_of) {
            let (here, there) = (other.answer(&picture)?, self.answer(&picture)?);
            if let Some(difference) = provider::difference(&here, &there) {
                return Err(DetectError::Provider {
                    provider: self.provider.name(),
                    problem: format!(
                        "model {} does not answer as on the processor: {difference}",
                        self.model.title()
                    ),
                });
            }
        }
        Ok(())
    }

    fn answer(&self, picture: &ModelInput) -> Result<Answer, DetectError> {
        self.infer(FrameId(u32::MAX), picture, |scores, distances| {
            Ok(Answer {
                scores: scores.values.to_vec(),
                distances: distances.values.to_vec(),
                cells: scores.rows * scores.columns,
            })
        })
    }

    /// Lets a look at `frame` be ended by [`Network::stop`].
    fn running(&self, frame: FrameId) -> Result<Running<'_>, ort::Error> {
        let this = Arc::new(RunOptions::new()?);
        locked(&self.running).push((frame, Arc::clone(&this)));
        let all = &self.running;
        Ok(Running { all, this })
    }

    /// Lends a session to `work`; waits while all are lent.
    ///
    /// A session on which `work` panics is dropped with it, so that no half-used one is lent again.
    fn with_session<R>(&self, work: impl FnOnce(&mut Session) -> R) -> R {
        let mut idle = locked(&self.idle);
        let mut session = loop {
            match idle.pop() {
                Some(session) => break session,
                None => {
                    idle = self
                        .returned
                        .wait(idle)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(idle);
        let result = work(&mut session);
        locked(&self.idle).push(session);
        self.returned.notify_one();
        result
    }
}

impl Network for Onnx {
    fn model(&self) -> &Model {
        &self.model
    }

    fn infer<R>(
        &self,
        frame: FrameId,
        picture: &ModelInput,
        read: impl FnOnce(Grid<'_>, Grid<'_>) -> Result<R, DetectError>,
    ) -> Result<R, DetectError> {
        let problem = |error: ort::Error| DetectError::Inference {
            model: self.model.title().to_owned(),
            problem: error.to_string(),
        };
        let card = self.model.card();
        let grey = picture.grey();
        let shape = [1, 1, grey.height(), grey.width()];
        let tensor = TensorRef::from_array_view((shape, grey.samples())).map_err(problem)?;
        let running = self.running(frame).map_err(problem)?;
        self.with_session(|session| {
            let inputs = ort::inputs![card.input.tensor.as_str() => tensor];
            let outputs = session
                .run_with_options(inputs, &running.this)
                .map_err(problem)?;
            let grid = |tensor: &str| {
                let value = outputs
                    .get(tensor)
                    .ok_or_else(|| other_output(&self.model, format!("no {tensor}")))?;
                let (shape, values) = value.try_extract_tensor::<f32>().map_err(problem)?;
                let sides = shape
                    .iter()
                    .map(|&side| usize::try_from(side).unwrap_or_default());
                grid(&self.model, &sides.collect::<Vec<_>>(), values)
            };
            read(grid(&card.output.scores)?, grid(&card.output.distances)?)
        })
    }

    fn stop(&self, frame: FrameId) {
        for (_, look) in locked(&self.running)
            .iter()
            .filter(|(other, _)| *other == frame)
        {
            if let Err(error) = look.terminate() {
                tracing::warn!("a look could not be ended: {error}");
            }
        }
    }
}
