//! ONNX Runtime: one session per worker, each with one thread.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use super::looks;
use super::postprocess::{self, Grid, Layout};
use super::{DetectError, Detection, Detections, Detector, Envelope, Model};
use crate::frame::{FrameId, ModelInput};

/// ONNX Runtime, loaded from its shared library; one per process.
#[derive(Debug, Clone, Copy)]
pub struct Runtime {
    environment: &'static Environment,
}

/// Where the runtime's library is expected: beside the executable, else where `ORT_DYLIB_PATH` points.
///
/// `configured` wins over both.
#[must_use]
pub fn runtime_library(configured: Option<&Path>) -> PathBuf {
    let name = if cfg!(target_os = "windows") {
        "onnxruntime.dll"
    } else if cfg!(target_os = "macos") {
        "libonnxruntime.dylib"
    } else {
        "libonnxruntime.so"
    };
    let beside = || {
        let beside = std::env::current_exe().ok()?.with_file_name(name);
        beside.exists().then_some(beside)
    };
    configured
        .map(Path::to_path_buf)
        .or_else(beside)
        .or_else(|| std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(name))
}

impl Runtime {
    /// Loads the library at `path`; later calls in one process give the first one's result.
    ///
    /// # Errors
    ///
    /// [`DetectError::Runtime`] naming the path and what to do.
    pub fn load(path: &Path) -> Result<Self, DetectError> {
        static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();
        let loaded = ENVIRONMENT.get_or_init(|| {
            let builder = ort::init_from(path).map_err(|error| error.to_string())?;
            builder
                .with_telemetry(false)
                .build()
                .map_err(|error| error.to_string())
        });
        match loaded {
            Ok(environment) => Ok(Self { environment }),
            Err(problem) => Err(DetectError::Runtime {
                path: path.to_path_buf(),
                problem: problem.clone(),
            }),
        }
    }

    /// Version of the loaded library, as it says itself.
    #[must_use]
    pub fn version(self) -> String {
        ort::info().to_owned()
    }

    /// A session with one thread, and equal answers for equal input.
    fn session(self, model: &Model) -> Result<Session, DetectError> {
        let problem = |problem: String| DetectError::Inference {
            model: name(model),
            problem,
        };
        let build = || -> Result<Session, String> {
            Session::builder(self.environment)
                .map_err(|error| error.to_string())?
                .with_intra_threads(1)
                .map_err(|error| error.to_string())?
                .with_inter_threads(1)
                .map_err(|error| error.to_string())?
                .with_deterministic_compute(true)
                .map_err(|error| error.to_string())?
                .with_optimization_level(GraphOptimizationLevel::Level3)
                .map_err(|error| error.to_string())?
                .commit_from_memory(model.bytes())
                .map_err(|error| error.to_string())
        };
        build().map_err(problem)
    }
}

fn name(model: &Model) -> String {
    model.card().name.clone()
}

/// A model with a pool of sessions.
#[derive(Debug)]
pub struct Onnx {
    model: Model,
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

    fn run(
        &self,
        session: &mut Session,
        input: &ModelInput,
    ) -> Result<Vec<Detection>, DetectError> {
        let card = self.model.card();
        let problem = |error: ort::Error| DetectError::Inference {
            model: card.name.clone(),
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
                model: card.name.clone(),
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
        let layout = Layout {
            model: &card.name,
            classes: &card.class,
            stride: card.output.stride,
            input: grey.shape(),
            frame: input.frame_shape(),
        };
        postprocess::decode(
            grid(&card.output.scores)?,
            grid(&card.output.distances)?,
            &layout,
        )
    }
}

impl Detector for Onnx {
    fn model(&self) -> (&str, [u8; 32]) {
        (&self.model.card().name, self.model.sha256())
    }

    fn envelope(&self) -> &Envelope {
        &self.model.card().envelope
    }

    fn multiple_of(&self) -> usize {
        self.model.card().input.multiple_of
    }

    fn detect(&self, frame: FrameId, input: &ModelInput) -> Result<Detections, DetectError> {
        let card = self.model.card();
        let found = self.with_session(|session| {
            looks::look(card, input, |picture| self.run(session, picture))
        })?;
        Ok(Detections::completed(frame, super::Line::Model, found))
    }
}
