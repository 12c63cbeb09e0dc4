//! ONNX Runtime: on the processor a session for each worker, each with one thread; on an accelerator batches of several frames, and a session for each shape.
//!
//! In: a [`Model`]. Out: its finds. Equal pictures get equal answers on one machine's processor; on an accelerator the last digits may depend on what
//! else is in a batch, and each shape is tried against the processor first. Between processors sums are
//! taken in another order, so that scores may differ in the last digits, and at a threshold a find; no promise is
//! made there, and the log names model and library.

use std::path::Path;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session};
use ort::value::{TensorRef, ValueType};

use super::batches::{Batches, SIZES};
use super::library::identify;
use super::network::{Network, grid, other_output};
use super::postprocess::Grid;
use super::provider::{self, Answer};
use super::sessions::{Sessions, Shape, locked};
use super::trial::{TRIED, greys, made_pictures};
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
    /// The same on the processor, which an accelerator's sessions are compared with.
    reference: Option<Box<Onnx>>,
    /// Where several frames are looked at at once.
    batches: Option<Batches<Answer>>,
    running: Mutex<Vec<Arc<Look>>>,
}

impl std::fmt::Debug for Onnx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Onnx({:?})", self.model)
    }
}

/// A look that can be ended from another thread.
struct Look {
    frame: FrameId,
    options: RunOptions,
    is_stopped: AtomicBool,
}

/// It can be ended until this is dropped.
struct Running<'a> {
    all: &'a Mutex<Vec<Arc<Look>>>,
    this: Arc<Look>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        locked(self.all).retain(|other| !Arc::ptr_eq(other, &self.this));
    }
}

impl Onnx {
    /// Loads `model` into `workers` sessions.
    ///
    /// # Errors
    ///
    /// [`DetectError::Inference`] when ONNX Runtime refuses the model.
    pub fn new(runtime: Runtime, model: Model, workers: usize) -> Result<Self, DetectError> {
        let sessions = (0..workers.max(1)).map(|_| runtime.session(&model, Provider::Cpu));
        let sessions: Vec<Session> = sessions.collect::<Result<_, _>>()?;
        Ok(Self {
            model,
            runtime,
            provider: Provider::Cpu,
            sessions: Sessions::alike(sessions),
            reference: None,
            batches: None,
            running: Mutex::default(),
        })
    }

    /// The same on an accelerator, and nowhere else.
    ///
    /// # Errors
    ///
    /// [`DetectError::Provider`] when it is not there, cannot run the whole model, or does not answer as the processor does.
    pub(super) fn on(
        provider: Provider,
        runtime: Runtime,
        model: Model,
    ) -> Result<Self, DetectError> {
        let mut network = Self {
            reference: Some(Box::new(Self::new(runtime, model.clone(), 1)?)),
            model,
            runtime,
            provider,
            sessions: Sessions::of_shapes(),
            batches: None,
            running: Mutex::default(),
        };
        let of = |size| [size, 1, TRIED.1, TRIED.0];
        if network.lent(of(1), |session| Ok(takes_many(session, &network.model)))? {
            for size in SIZES {
                network.lent(of(size), |_| Ok(()))?;
            }
            network.batches = Some(Batches::default());
        }
        Ok(network)
    }

    /// The model and its card.
    #[must_use]
    pub fn card(&self) -> &Model {
        &self.model
    }

    /// A session for pictures of `shape`, on an accelerator once it answered as the processor does to made pictures of that shape.
    fn session(&self, shape: Shape) -> Result<Session, DetectError> {
        let mut session = self.runtime.session(&self.model, self.provider)?;
        let Some(reference) = &self.reference else {
            return Ok(session);
        };
        let [size, _, height, width] = shape;
        let pictures = greys(&made_pictures((width, height)));
        let options = self.options()?;
        let mut here = Vec::new();
        for picture in &pictures {
            here.extend(reference.together(&options, slice::from_ref(picture))?);
        }
        let count = size * pictures.len().div_ceil(size.max(1));
        let shown: Vec<Raster<f32>> = pictures.iter().cycle().take(count).cloned().collect();
        let mut there = Vec::new();
        for batch in shown.chunks(size.max(1)) {
            there.extend(self.together_in(&mut session, &options, batch)?);
        }
        let mut both = here.iter().cycle().zip(&there);
        match both.find_map(|(here, there)| provider::difference(here, there)) {
            None => Ok(session),
            Some(difference) => Err(DetectError::Provider {
                provider: self.provider.name(),
                problem: format!(
                    "model {} does not answer as on the processor ({size} pictures of {width} x {height} at once): {difference}; detect.provider = \"cpu\" does without it",
                    self.model.title()
                ),
            }),
        }
    }

    /// Lends a session for pictures of `shape` to `work`.
    fn lent<R>(
        &self,
        shape: Shape,
        work: impl FnOnce(&mut Session) -> Result<R, DetectError>,
    ) -> Result<R, DetectError> {
        self.sessions.with(shape, || self.session(shape), work)?
    }

    fn failed(&self, error: &ort::Error) -> DetectError {
        DetectError::Inference {
            model: self.model.title().to_owned(),
            problem: error.to_string(),
        }
    }

    fn options(&self) -> Result<RunOptions, DetectError> {
        RunOptions::new().map_err(|error| self.failed(&error))
    }

    /// Lets a look at `frame` be ended by [`Network::stop`].
    fn running(&self, frame: FrameId) -> Result<Running<'_>, DetectError> {
        let this = Arc::new(Look {
            frame,
            options: self.options()?,
            is_stopped: AtomicBool::new(false),
        });
        locked(&self.running).push(Arc::clone(&this));
        let all = &self.running;
        Ok(Running { all, this })
    }

    /// Shows the network `shape[0]` pictures, whose samples lie one after the other; `read` gets the sides and values of scores and distances.
    fn show<R>(
        &self,
        session: &mut Session,
        options: &RunOptions,
        (shape, samples): (Shape, &[f32]),
        read: impl FnOnce([Output<'_>; 2]) -> Result<R, DetectError>,
    ) -> Result<R, DetectError> {
        let problem = |error: ort::Error| self.failed(&error);
        let card = self.model.card();
        let tensor = TensorRef::from_array_view((shape, samples)).map_err(problem)?;
        let inputs = ort::inputs![card.input.tensor.as_str() => tensor];
        let outputs = session.run_with_options(inputs, options).map_err(problem)?;
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
    }

    /// The answers to pictures of one shape, shown to the network at once.
    fn together(
        &self,
        options: &RunOptions,
        pictures: &[Raster<f32>],
    ) -> Result<Vec<Answer>, DetectError> {
        self.lent(shape_of(pictures), |session| {
            self.together_in(session, options, pictures)
        })
    }

    fn together_in(
        &self,
        session: &mut Session,
        options: &RunOptions,
        pictures: &[Raster<f32>],
    ) -> Result<Vec<Answer>, DetectError> {
        let samples: Vec<f32> = pictures.iter().flat_map(Raster::samples).copied().collect();
        let shown = (shape_of(pictures), samples.as_slice());
        self.show(session, options, shown, |outputs| {
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
            let answers: Vec<Answer> = both
                .map(|(scores, distances)| Answer::of(scores?, distances?).ok_or_else(other))
                .collect::<Result<_, _>>()?;
            (answers.len() == pictures.len())
                .then_some(answers)
                .ok_or_else(other)
        })
    }
}

/// That of pictures of one size, laid one behind the other.
fn shape_of(pictures: &[Raster<f32>]) -> Shape {
    let (width, height) = pictures.first().map_or((0, 0), Raster::shape);
    [pictures.len(), 1, height, width]
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
        let Look {
            options,
            is_stopped,
            ..
        } = &*running.this;
        if let Some(batches) = &self.batches {
            let answer = batches.answer(grey.clone(), |pictures| {
                let answers = self.together(options, pictures);
                let size = pictures.len();
                let warn = |error: &DetectError| {
                    tracing::warn!(
                        "a look at frames together ({size}): {error}; each is looked at alone"
                    );
                };
                answers.inspect_err(warn).ok()
            });
            // Where many failed, each is looked at alone: none is withheld for what befell another. A stopped one ends there.
            if let Some(answer) = answer
                && !is_stopped.load(Ordering::SeqCst)
            {
                let [scores, distances] = answer.grids();
                return read(scores, distances);
            }
        }
        let shape = shape_of(slice::from_ref(grey));
        self.lent(shape, |session| {
            self.show(session, options, (shape, grey.samples()), |outputs| {
                let [scores, distances] =
                    outputs.map(|(sides, values)| grid(&self.model, &sides, values));
                read(scores?, distances?)
            })
        })
    }

    fn stop(&self, frame: FrameId) {
        for look in locked(&self.running).iter() {
            if look.frame == frame {
                look.is_stopped.store(true, Ordering::SeqCst);
                if let Err(error) = look.options.terminate() {
                    tracing::warn!("a look could not be ended: {error}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::detect::{Detections, Detector, runtime_library};

    fn opened(precision: Precision) -> Onnx {
        let runtime = Runtime::load(&runtime_library(None), None).unwrap();
        let mut models = Model::embedded(Some(precision)).unwrap();
        Onnx::new(runtime, models.swap_remove(0), 1).unwrap()
    }

    /// As on an accelerator, compared with `reference`.
    fn batching(network: Onnx, reference: Onnx) -> Onnx {
        Onnx {
            batches: Some(Batches::default()),
            sessions: Sessions::of_shapes(),
            reference: Some(Box::new(reference)),
            ..network
        }
    }

    /// What each of twelve threads found in one of the made pictures, and what was found in them alone.
    fn side_by_side(batching: &Onnx, alone: &Onnx) -> Vec<(Detections, Detections)> {
        let pictures = made_pictures(TRIED);
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
        let batching = batching(opened(Precision::Fp32), opened(Precision::Fp32));
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
        let batching = batching(opened(Precision::Int8), opened(Precision::Int8));
        let two = &greys(&made_pictures(TRIED))[..2];
        let options = batching.options().unwrap();
        assert!(batching.together(&options, two).is_err());
        for (there, here) in side_by_side(&batching, &opened(Precision::Int8)) {
            assert_eq!(there, here);
        }
    }

    #[test]
    fn sessions_of_each_shape_are_refused_where_they_answer_otherwise() {
        let same = batching(opened(Precision::Fp32), opened(Precision::Fp32));
        let other = batching(opened(Precision::Fp32), opened(Precision::Int8));
        for shape in [[1, 1, 256, 320], [2, 1, 256, 320], [1, 1, 128, 192]] {
            same.session(shape).unwrap();
            let error = other.session(shape).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("does not answer as on the processor"),
                "{error}"
            );
        }
    }

    #[test]
    fn made_pictures_tell_a_swapped_answer() {
        let network = opened(Precision::Fp32);
        let options = network.options().unwrap();
        let answers = network
            .together(&options, &greys(&made_pictures(TRIED)))
            .unwrap();
        for (at, answer) in answers.iter().enumerate() {
            for (other_at, other) in answers.iter().enumerate() {
                let differs = provider::difference(answer, other).is_some();
                assert_eq!(differs, at != other_at, "{at} and {other_at}");
            }
        }
    }

    #[test]
    fn a_stopped_look_has_no_answer_even_where_its_batch_has_one() {
        const STOPPED: FrameId = FrameId(7);
        let network = batching(opened(Precision::Fp32), opened(Precision::Fp32));
        let grey8 = Raster::new(TRIED.0, TRIED.1, vec![90_u8; TRIED.0 * TRIED.1]).unwrap();
        let picture = ModelInput::from_grey8(&grey8, 32);
        let batches = network.batches.as_ref().unwrap();
        let (begun, has_begun) = mpsc::channel();
        thread::scope(|scope| {
            let (network, picture) = (&network, &picture);
            let slow = scope.spawn(move || {
                batches.answer(picture.grey().clone(), |_| {
                    begun.send(()).unwrap();
                    while batches.waiting() < 2 {
                        thread::yield_now();
                    }
                    Network::stop(network, STOPPED);
                    None
                })
            });
            has_begun.recv().unwrap();
            // Whichever of these two leads the next batch takes the other along.
            let other = scope.spawn(move || {
                batches.answer(picture.grey().clone(), |pictures| {
                    let options = network.options().unwrap();
                    network.together(&options, pictures).ok()
                })
            });
            assert!(network.detect(STOPPED, picture).is_err());
            assert!(slow.join().unwrap().is_none());
            other.join().unwrap();
        });
        assert!(network.detect(STOPPED, &picture).is_ok());
    }

    #[test]
    fn files_say_how_many_pictures_they_take() {
        for (precision, expected) in [(Precision::Fp32, true), (Precision::Int8, false)] {
            let network = opened(precision);
            let session = network.runtime.session(&network.model, Provider::Cpu);
            assert_eq!(takes_many(&session.unwrap(), &network.model), expected);
            let opened = Onnx::on(Provider::Cpu, network.runtime, network.model).unwrap();
            assert_eq!(opened.batches.is_some(), expected);
        }
    }
}
