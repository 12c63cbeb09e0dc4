//! ONNX Runtime: one session per worker, each with one thread.
//!
//! In: a [`Model`]. Out: its finds. Equal pictures get equal answers on one machine. Between processors sums are
//! taken in another order, so that scores may differ in the last digits, and at a threshold a find; no promise is
//! made there, and the log names model and library.

use std::path::Path;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use super::library::describe;
use super::looks;
use super::postprocess::{self, Grid, Layout};
use super::{
    Class, DetectError, Detection, Detections, Detector, Envelope, Line, Model, ModelCard,
    Precision,
};
use crate::frame::{FrameId, ModelInput};

/// ONNX Runtime, loaded from its shared library; one per process.
#[derive(Debug, Clone, Copy)]
pub struct Runtime(&'static Loaded);

#[derive(Debug)]
struct Loaded {
    environment: Environment,
    version: String,
}

impl Runtime {
    /// Loads the library at `path`; later calls in one process give the first one's result.
    ///
    /// # Errors
    ///
    /// [`DetectError::Runtime`] naming the path and what to do.
    pub fn load(path: &Path) -> Result<Self, DetectError> {
        static LOADED: OnceLock<Result<Loaded, String>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| {
            // A path that exists is made absolute, so that the file described is the one that is loaded.
            let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
            let builder = ort::init_from(&path).map_err(|error| error.to_string())?;
            let environment = builder
                .with_telemetry(false)
                .build()
                .map_err(|error| error.to_string())?;
            Ok(Loaded {
                environment,
                version: describe(&path, ort::info()),
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

    /// A session with one thread, and equal answers for equal input.
    fn session(self, model: &Model) -> Result<Session, DetectError> {
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
            builder
                .commit_from_memory(model.bytes())
                .map_err(|error| error.to_string())
        };
        build().map_err(|problem| DetectError::Inference {
            model: model.title(),
            problem,
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
#[derive(Debug)]
pub struct Onnx {
    model: Model,
    title: String,
    idle: Mutex<Vec<Session>>,
    returned: Condvar,
}

impl Onnx {
    /// Loads `model` into `workers` sessions.
    ///
    /// # Errors
    ///
    /// [`DetectError::Inference`] when ONNX Runtime refuses the model.
    pub fn new(runtime: Runtime, model: Model, workers: usize) -> Result<Self, DetectError> {
        let sessions: Result<Vec<_>, _> = (0..workers.max(1))
            .map(|_| runtime.session(&model))
            .collect();
        Ok(Self {
            idle: Mutex::new(sessions?),
            returned: Condvar::new(),
            title: model.title(),
            model,
        })
    }

    /// The model and its card.
    #[must_use]
    pub fn card(&self) -> &Model {
        &self.model
    }

    /// Lends a session to `work`; waits while all are lent.
    ///
    /// A session on which `work` panics is dropped with it, so that no half-used one is lent again.
    fn with_session<R>(&self, work: impl FnOnce(&mut Session) -> R) -> R {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(session);
        self.returned.notify_one();
        result
    }

    fn look(
        &self,
        card: &ModelCard,
        frame: FrameId,
        input: &ModelInput,
    ) -> Result<Detections, DetectError> {
        let found = self.with_session(|session| {
            looks::look(card, input, |picture| self.run(session, card, picture))
        })?;
        Ok(Detections::completed(frame, Line::Model, found))
    }

    fn run(
        &self,
        session: &mut Session,
        card: &ModelCard,
        input: &ModelInput,
    ) -> Result<Vec<Detection>, DetectError> {
        let problem = |error: ort::Error| DetectError::Inference {
            model: self.title.clone(),
            problem: error.to_string(),
        };
        let grey = input.grey();
        let shape = [1, 1, grey.height(), grey.width()];
        let tensor = TensorRef::from_array_view((shape, grey.samples())).map_err(problem)?;
        let outputs = session
            .run(ort::inputs![card.input.tensor.as_str() => tensor])
            .map_err(problem)?;
        let grid = |tensor: &str| -> Result<Grid<'_>, DetectError> {
            let wrong = |found: String| DetectError::Output {
                model: self.title.clone(),
                expected: format!("a float tensor {tensor} [1, channels, rows, columns]"),
                found,
            };
            let value = outputs
                .get(tensor)
                .ok_or_else(|| wrong("no such tensor".into()))?;
            let (shape, values) = value.try_extract_tensor::<f32>().map_err(problem)?;
            let sides: Vec<usize> = shape
                .iter()
                .map(|&side| usize::try_from(side).unwrap_or_default())
                .collect();
            match sides.as_slice() {
                &[1, channels, rows, columns] => Ok(Grid {
                    channels,
                    rows,
                    columns,
                    values,
                }),
                other => Err(wrong(format!("{other:?}"))),
            }
        };
        postprocess::decode(
            grid(&card.output.scores)?,
            grid(&card.output.distances)?,
            &Layout::of(card, input),
        )
    }
}

impl Detector for Onnx {
    fn model(&self) -> (&str, [u8; 32]) {
        (&self.title, self.model.sha256())
    }

    fn envelope(&self) -> &Envelope {
        &self.model.card().envelope
    }

    fn multiple_of(&self) -> usize {
        self.model.card().input.multiple_of
    }

    fn detect(&self, frame: FrameId, input: &ModelInput) -> Result<Detections, DetectError> {
        self.look(self.model.card(), frame, input)
    }

    fn detect_from(
        &self,
        floor: f32,
        frame: FrameId,
        input: &ModelInput,
    ) -> Result<Detections, DetectError> {
        self.look(&self.model.card().reporting_from(floor), frame, input)
    }

    fn threshold(&self, class: Class) -> Option<f32> {
        self.model.card().threshold(class)
    }
}
