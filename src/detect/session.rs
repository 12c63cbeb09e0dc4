//! ONNX Runtime: on the processor a session for each worker, each with one thread; on an accelerator batches of several frames, and a session for each shape.
//!
//! In: a [`Model`]. Out: its finds. Equal pictures get equal answers on one machine's processor. Between processors sums are
//! taken in another order, so that scores may differ in the last digits, and at a threshold a find; no promise is
//! made there, and the log names model and library.

use std::path::Path;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session};
use ort::value::{TensorRef, ValueType};

use super::batches::{Batches, SIZES};
use super::library::identify;
use super::network::{Network, grid, other_output};
use super::postprocess::Grid;
use super::provider::{self, Answer};
use super::sessions::{Sessions, Shape};
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

/// A model with its sessions.
pub struct Onnx {
    model: Model,
    runtime: Runtime,
    provider: Provider,
    sessions: Sessions<Session>,
    /// Where several frames are looked at at once.
    batches: Option<Batches<Answer>>,
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
        let is_here = provider == Provider::Cpu;
        let count = if is_here { workers.max(1) } else { 1 };
        let sessions = (0..count).map(|_| runtime.session(&model, provider));
        let sessions: Vec<Session> = sessions.collect::<Result<_, _>>()?;
        let takes_many = sessions.iter().all(|one| takes_many(one, &model));
        Ok(Self {
            batches: (!is_here && takes_many).then(Batches::default),
            sessions: if is_here {
                Sessions::alike(sessions)
            } else {
                Sessions::of_shapes()
            },
            running: Mutex::default(),
            model,
            runtime,
            provider,
        })
    }

    /// The model and its card.
    #[must_use]
    pub fn card(&self) -> &Model {
        &self.model
    }

    /// Compares this model's answers with those of `other`, the same on the processor, to three made pictures: alone, and in batches of each size.
    ///
    /// # Errors
    ///
    /// [`DetectError::Provider`] where they differ by more than [`SCORES`](super::SCORES) or [`DISTANCES`](super::DISTANCES).
    pub fn agrees_with(&self, other: &Self) -> Result<(), DetectError> {
        const NO_FRAME: FrameId = FrameId(u32::MAX);
        let inputs = made_pictures(self.model.card().input.multiple_of);
        let pictures: Vec<Raster<f32>> = inputs.map(|input| input.grey().clone()).collect();
        let running = other.running(NO_FRAME)?;
        let mut here = Vec::new();
        for picture in &pictures {
            here.extend(other.together(&running, slice::from_ref(picture))?);
        }
        let running = self.running(NO_FRAME)?;
        let sizes = self.batches.as_ref().map_or(vec![1], |_| SIZES.to_vec());
        for size in sizes {
            let batch: Vec<Raster<f32>> = pictures.iter().cycle().take(size).cloned().collect();
            let there = self.together(&running, &batch)?;
            let mut both = here.iter().cycle().zip(&there);
            if let Some(difference) = both.find_map(|(a, b)| provider::difference(a, b)) {
                return Err(DetectError::Provider {
                    provider: self.provider.name(),
                    problem: format!(
                        "model {} does not answer as on the processor ({size} at once): {difference}",
                        self.model.title()
                    ),
                });
            }
        }
        Ok(())
    }

    fn failed(&self, error: &ort::Error) -> DetectError {
        DetectError::Inference {
            model: self.model.title().to_owned(),
            problem: error.to_string(),
        }
    }

    /// Lets a look at `frame` be ended by [`Network::stop`].
    fn running(&self, frame: FrameId) -> Result<Running<'_>, DetectError> {
        let options = RunOptions::new().map_err(|error| self.failed(&error))?;
        let this = Arc::new(options);
        locked(&self.running).push((frame, Arc::clone(&this)));
        let all = &self.running;
        Ok(Running { all, this })
    }

    /// Shows the network `shape[0]` pictures, whose samples lie one after the other; `read` gets the sides and values of scores and distances.
    fn run<R>(
        &self,
        running: &Running<'_>,
        shape: Shape,
        samples: &[f32],
        read: impl FnOnce([Output<'_>; 2]) -> Result<R, DetectError>,
    ) -> Result<R, DetectError> {
        let problem = |error: ort::Error| self.failed(&error);
        let card = self.model.card();
        let tensor = TensorRef::from_array_view((shape, samples)).map_err(problem)?;
        let make = || self.runtime.session(&self.model, self.provider);
        let look = |session: &mut Session| {
            let inputs = ort::inputs![card.input.tensor.as_str() => tensor];
            let outputs = session
                .run_with_options(inputs, &running.this)
                .map_err(problem)?;
            let output = |tensor: &str| {
                let value = outputs
                    .get(tensor)
                    .ok_or_else(|| other_output(&self.model, format!("no {tensor}")))?;
                let (shape, values) = value.try_extract_tensor::<f32>().map_err(problem)?;
                let sides = shape
                    .iter()
                    .map(|&side| usize::try_from(side).unwrap_or_default());
                Ok((sides.collect(), values))
            };
            read([
                output(&card.output.scores)?,
                output(&card.output.distances)?,
            ])
        };
        self.sessions.with(shape, make, look)?
    }

    /// The answers to pictures of one shape, shown to the network at once.
    fn together(
        &self,
        running: &Running<'_>,
        pictures: &[Raster<f32>],
    ) -> Result<Vec<Answer>, DetectError> {
        let (width, height) = pictures.first().map_or((0, 0), Raster::shape);
        let samples: Vec<f32> = pictures.iter().flat_map(Raster::samples).copied().collect();
        let shape = [pictures.len(), 1, height, width];
        self.run(running, shape, &samples, |outputs| {
            let [scores, distances] = outputs.map(|(sides, values)| match *sides {
                [count, channels, rows, columns] if count == pictures.len() => {
                    let size = channels * rows * columns;
                    let each = values.chunks_exact(size.max(1)).map(move |values| {
                        grid(&self.model, &[1, channels, rows, columns], values)
                    });
                    Ok(each)
                }
                _ => Err(other_output(&self.model, format!("{sides:?}"))),
            });
            let other = || other_output(&self.model, "grids of several sizes".into());
            let both = scores?.zip(distances?);
            both.map(|(scores, distances)| Answer::of(scores?, distances?).ok_or_else(other))
                .collect()
        })
    }
}

/// Sides and values of a tensor that the network answered with.
type Output<'a> = (Vec<usize>, &'a [f32]);

/// Whether the model's file leaves it open how many pictures are shown to it.
fn takes_many(session: &Session, model: &Model) -> bool {
    let mut inputs = session.inputs().iter();
    let input = inputs.find(|input| input.name() == model.card().input.tensor);
    let shape = input.map(|input| match input.dtype() {
        ValueType::Tensor { shape, .. } => shape.first() == Some(&-1),
        _ => false,
    });
    shape == Some(true)
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
        let grey = picture.grey();
        let running = self.running(frame)?;
        if let Some(batches) = &self.batches {
            // Where many failed, each is looked at alone: none is withheld for what befell another.
            let answer = batches.answer(grey.clone(), |pictures| {
                self.together(&running, pictures).ok()
            });
            if let Some(answer) = answer {
                let [scores, distances] = answer.grids();
                return read(scores, distances);
            }
        }
        let shape = [1, 1, grey.height(), grey.width()];
        self.run(&running, shape, grey.samples(), |outputs| {
            let [scores, distances] =
                outputs.map(|(sides, values)| grid(&self.model, &sides, values));
            read(scores?, distances?)
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

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::detect::{Detections, Detector, runtime_library};

    fn opened(precision: Precision) -> Onnx {
        let runtime = Runtime::load(&runtime_library(None), None).unwrap();
        let mut models = Model::embedded(Some(precision)).unwrap();
        Onnx::new(runtime, models.swap_remove(0), 1).unwrap()
    }

    /// As on an accelerator.
    fn batching(network: Onnx) -> Onnx {
        Onnx {
            batches: Some(Batches::default()),
            sessions: Sessions::of_shapes(),
            ..network
        }
    }

    /// What each of twelve threads found in one of the made pictures, and what was found in them alone.
    fn side_by_side(batching: &Onnx, alone: &Onnx) -> Vec<(Detections, Detections)> {
        let pictures: Vec<ModelInput> = made_pictures(32).collect();
        thread::scope(|scope| {
            let looks: Vec<_> = (0..12_u32)
                .zip(pictures.iter().cycle())
                .map(|(at, picture)| {
                    (
                        scope.spawn(move || batching.detect(FrameId(at), picture).unwrap()),
                        picture,
                    )
                })
                .collect();
            let joined = looks.into_iter().zip(0..).map(|((look, picture), at)| {
                let there = look.join().unwrap();
                (there, alone.detect(FrameId(at), picture).unwrap())
            });
            joined.collect()
        })
    }

    #[test]
    fn batches_answer_as_one_picture_alone_does() {
        let alone = opened(Precision::Fp32);
        let batching = batching(opened(Precision::Fp32));
        batching.agrees_with(&alone).unwrap();
        for (there, here) in side_by_side(&batching, &alone) {
            assert!(here.found().len() > 1, "nothing to compare");
            assert_eq!(there.found().len(), here.found().len());
            for (there, here) in there.found().iter().zip(here.found()) {
                assert_eq!(there.class, here.class);
                assert!((there.score - here.score).abs() < 1e-4);
                assert!(there.bbox.iou(&here.bbox) > 0.999);
            }
        }
    }

    #[test]
    fn who_gets_no_answer_from_a_batch_asks_alone() {
        // This file takes one picture at a time: every batch of more fails.
        let batching = batching(opened(Precision::Int8));
        let alone = opened(Precision::Int8);
        for (there, here) in side_by_side(&batching, &alone) {
            assert_eq!(there, here);
        }
    }

    #[test]
    fn files_say_how_many_pictures_they_take() {
        for (precision, expected) in [(Precision::Fp32, true), (Precision::Int8, false)] {
            let network = opened(precision);
            let session = network.runtime.session(&network.model, Provider::Cpu);
            assert_eq!(takes_many(&session.unwrap(), &network.model), expected);
        }
    }
}
