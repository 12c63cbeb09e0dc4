//! The networks in Rust alone, where ONNX Runtime's library cannot be had: slower, fp32 only.
//!
//! In: a [`Model`] in fp32. Out: the same finds as ONNX Runtime's to small fractions of a pixel. Refuses: int8.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::{
    DatumExt, Framework, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, TractError,
    TypedRunnableModel, tvec,
};

use super::looks;
use super::postprocess::{self, Grid, Layout};
use super::{
    Class, DetectError, Detection, Detections, Detector, Envelope, Line, Model, ModelCard,
    Precision,
};
use crate::frame::{FrameId, ModelInput};

/// Name and version for the log; a test holds it against `Cargo.lock`.
pub(super) const LIBRARY: &str = "tract-onnx 0.23.9";

/// Plans kept for pictures of different sizes; a flight has one or two.
const PLANS: usize = 8;

/// A network made ready for one size of picture.
struct Plan {
    runnable: Arc<TypedRunnableModel>,
    /// Which output holds the scores, and which the distances.
    outputs: (usize, usize),
}

/// A model and its plans, by columns and rows.
pub struct Tract {
    model: Model,
    title: String,
    plans: Mutex<BTreeMap<(usize, usize), Arc<Plan>>>,
}

impl std::fmt::Debug for Tract {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tract({:?})", self.model)
    }
}

impl Tract {
    /// Checks that tract can read `model`.
    ///
    /// # Errors
    ///
    /// [`DetectError::Inference`] when it cannot, or the model is int8.
    pub fn new(model: Model) -> Result<Self, DetectError> {
        if model.precision() != Precision::Fp32 {
            return Err(DetectError::Inference {
                model: model.title(),
                problem: "tract runs fp32 files alone; leave detect.precision at auto".into(),
            });
        }
        let tract = Self {
            title: model.title(),
            model,
            plans: Mutex::default(),
        };
        let smallest = tract.model.card().input.multiple_of;
        tract.plan((smallest, smallest))?;
        Ok(tract)
    }

    fn problem(&self, error: &TractError) -> DetectError {
        DetectError::Inference {
            model: self.title.clone(),
            problem: format!("{error:#}"),
        }
    }

    /// The plan for pictures of `shape`, kept for the next one.
    fn plan(&self, shape: (usize, usize)) -> Result<Arc<Plan>, DetectError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(&shape) {
            return Ok(Arc::clone(plan));
        }
        if plans.len() >= PLANS {
            plans.clear();
        }
        let plan = Arc::new(self.prepare(shape)?);
        plans.insert(shape, Arc::clone(&plan));
        Ok(plan)
    }

    fn prepare(&self, (columns, rows): (usize, usize)) -> Result<Plan, DetectError> {
        let output = &self.model.card().output;
        let read = || -> Result<_, TractError> {
            let network =
                tract_onnx::onnx().model_for_read(&mut Cursor::new(self.model.bytes()))?;
            let fact = f32::fact([1, 1, rows, columns]).into();
            let network = network.with_input_fact(0, fact)?;
            let outlets = network.output_outlets()?;
            let at = |name: &str| {
                let named = |outlet| network.outlet_label(outlet) == Some(name);
                outlets.iter().position(|outlet| named(*outlet))
            };
            let outputs = at(&output.scores).zip(at(&output.distances));
            let runnable = network.into_optimized()?.into_runnable()?;
            Ok((runnable, outputs))
        };
        let (runnable, outputs) = read().map_err(|error| self.problem(&error))?;
        let outputs = outputs.ok_or_else(|| DetectError::Output {
            model: self.title.clone(),
            expected: format!("tensors {} and {}", output.scores, output.distances),
            found: "others".into(),
        })?;
        Ok(Plan { runnable, outputs })
    }

    fn look(
        &self,
        card: &ModelCard,
        frame: FrameId,
        input: &ModelInput,
    ) -> Result<Detections, DetectError> {
        let found = looks::look(card, input, |picture| self.run(card, picture))?;
        Ok(Detections::completed(frame, Line::Model, found))
    }

    fn run(&self, card: &ModelCard, picture: &ModelInput) -> Result<Vec<Detection>, DetectError> {
        let grey = picture.grey();
        let plan = self.plan(grey.shape())?;
        let shape = [1, 1, grey.height(), grey.width()];
        let tensor = Tensor::from_shape(&shape, grey.samples());
        let outputs = tensor
            .and_then(|tensor| plan.runnable.run(tvec!(tensor.into_tvalue())))
            .map_err(|error| self.problem(&error))?;
        let grid = |output: usize| -> Result<Grid<'_>, DetectError> {
            let wrong = |found: String| DetectError::Output {
                model: self.title.clone(),
                expected: "a float tensor [1, channels, rows, columns]".into(),
                found,
            };
            let value = outputs.get(output);
            let value = value.ok_or_else(|| wrong("no such output".into()))?;
            let view = value
                .try_as_plain_ram()
                .map_err(|error| self.problem(&error))?;
            let values = view
                .as_slice::<f32>()
                .map_err(|error| self.problem(&error))?;
            match value.shape() {
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
            grid(plan.outputs.0)?,
            grid(plan.outputs.1)?,
            &Layout::of(card, picture),
        )
    }
}

impl Detector for Tract {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_names_the_version_that_is_built_in() {
        let lock = include_str!("../../Cargo.lock");
        let entry = LIBRARY.replacen(' ', "\"\nversion = \"", 1);
        assert!(lock.contains(&format!("name = \"{entry}\"")));
    }
}
