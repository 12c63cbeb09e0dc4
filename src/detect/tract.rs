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

use super::network::{Network, grid, other_output};
use super::postprocess::Grid;
use super::{DetectError, Model, Precision};
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
                model: model.title().to_owned(),
                problem: "tract runs fp32 files alone; leave detect.precision at auto".into(),
            });
        }
        let tract = Self {
            model,
            plans: Mutex::default(),
        };
        let smallest = tract.model.card().input.multiple_of;
        tract.plan((smallest, smallest))?;
        Ok(tract)
    }

    fn problem(&self, error: &TractError) -> DetectError {
        DetectError::Inference {
            model: self.model.title().to_owned(),
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
            model: self.model.title().to_owned(),
            expected: format!("tensors {} and {}", output.scores, output.distances),
            found: "others".into(),
        })?;
        Ok(Plan { runnable, outputs })
    }
}

impl Network for Tract {
    fn model(&self) -> &Model {
        &self.model
    }

    fn infer<R>(
        &self,
        _: FrameId,
        picture: &ModelInput,
        read: impl FnOnce(Grid<'_>, Grid<'_>) -> Result<R, DetectError>,
    ) -> Result<R, DetectError> {
        let problem = |error: TractError| self.problem(&error);
        let grey = picture.grey();
        let plan = self.plan(grey.shape())?;
        let shape = [1, 1, grey.height(), grey.width()];
        let outputs = Tensor::from_shape(&shape, grey.samples())
            .and_then(|tensor| plan.runnable.run(tvec!(tensor.into_tvalue())))
            .map_err(problem)?;
        let grid = |output: usize| {
            let value = outputs.get(output);
            let value = value
                .ok_or_else(|| other_output(&self.model, format!("{} outputs", outputs.len())))?;
            let view = value.try_as_plain_ram().map_err(problem)?;
            let values = view.as_slice::<f32>().map_err(problem)?;
            grid(&self.model, value.shape(), values)
        };
        read(grid(plan.outputs.0)?, grid(plan.outputs.1)?)
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
