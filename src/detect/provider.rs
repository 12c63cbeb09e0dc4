//! What ONNX Runtime computes on: the processor, or an accelerator by one of its execution providers.
//!
//! In: a provider, and the network on the processor and on it. Out: sessions that compute nowhere else, once both answered alike to made pictures of the session's shape. Refuses: a provider that
//! is not there or takes only part of a network (ONNX Runtime would do the rest, or all, on the processor without a word), one whose library nobody
//! named by its hash, and one whose answers differ by more than [`SCORES`] or [`DISTANCES`].

#[cfg(any(test, feature = "onnx"))]
use super::postprocess::Grid;

/// What ONNX Runtime computes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", value(rename_all = "lower"))]
pub enum Provider {
    /// The processor.
    #[default]
    Cpu,
    /// NVIDIA's CUDA.
    Cuda,
    /// NVIDIA's `TensorRT`, with CUDA for what it does not know.
    TensorRt,
    /// Apple's Core ML.
    CoreMl,
    /// Microsoft's `DirectML`.
    DirectMl,
}

impl Provider {
    /// Lower-case name for settings, errors and the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::CoreMl => "coreml",
            Self::DirectMl => "directml",
        }
    }

    /// Stem of the library beside ONNX Runtime's own that holds this provider; `None` where it is part of that.
    #[cfg(feature = "onnx")]
    pub(super) fn library(self) -> Option<&'static str> {
        match self {
            Self::Cuda => Some("onnxruntime_providers_cuda"),
            Self::TensorRt => Some("onnxruntime_providers_tensorrt"),
            Self::Cpu | Self::CoreMl | Self::DirectMl => None,
        }
    }
}

#[cfg(feature = "onnx")]
mod ort_providers {
    use ort::ep;
    use ort::session::builder::SessionBuilder;

    use super::Provider;

    /// Makes sessions of `builder` compute on `provider` alone.
    ///
    /// # Errors
    ///
    /// What ONNX Runtime says where it does not have it.
    pub(in crate::detect) fn on(
        provider: Provider,
        builder: SessionBuilder,
    ) -> Result<SessionBuilder, String> {
        // Rounding of products to 10 bits, on by default there, is another network.
        let cuda = || {
            ep::CUDA::default()
                .with_tf32(false)
                // To time every algorithm for each shape takes seconds, and may choose another each time.
                .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic)
                // There are many sessions: none takes twice what it needs.
                .with_arena_extend_strategy(ep::ArenaExtendStrategy::SameAsRequested)
                .build()
                .error_on_failure()
        };
        let providers = match provider {
            Provider::Cpu => return Ok(builder),
            Provider::Cuda => vec![cuda()],
            Provider::TensorRt => {
                let tensor_rt = ep::TensorRT::default().build().error_on_failure();
                vec![tensor_rt, cuda()]
            }
            Provider::CoreMl => vec![ep::CoreML::default().build().error_on_failure()],
            Provider::DirectMl => vec![ep::DirectML::default().build().error_on_failure()],
        };
        builder
            .with_execution_providers(providers)
            .map_err(|error| error.to_string())?
            .with_disable_cpu_fallback()
            .map_err(|error| error.to_string())?
            // DirectML asks for that; the others do not mind.
            .with_memory_pattern(false)
            .map_err(|error| error.to_string())
    }
}

#[cfg(feature = "onnx")]
pub(super) use ort_providers::on;

/// How far two answers of one network to one picture may lie apart in any score. Scores go to the log in thousandths.
pub const SCORES: f32 = 0.01;
/// The same for the distances to a find's edges, in pixels, where either score is 0.05 or more.
pub const DISTANCES: f32 = 0.1;
/// Scores below this are no finds of any card.
#[cfg(any(test, feature = "onnx"))]
const SEEN: f32 = 0.05;

/// A network's answer to one picture: scores and distances, `channels x rows x columns` each.
#[cfg(any(test, feature = "onnx"))]
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) scores: Vec<f32>,
    pub(super) distances: Vec<f32>,
    /// Rows and columns of either's channels.
    pub(super) shape: (usize, usize),
}

#[cfg(any(test, feature = "onnx"))]
impl Answer {
    fn cells(&self) -> usize {
        self.shape.0 * self.shape.1
    }

    /// Keeps what lies in two grids of equal size; `None` for others, and for empty ones.
    pub(super) fn of(scores: Grid<'_>, distances: Grid<'_>) -> Option<Self> {
        let shape = (scores.rows, scores.columns);
        (shape == (distances.rows, distances.columns) && shape.0 * shape.1 > 0).then(|| Self {
            scores: scores.values.to_vec(),
            distances: distances.values.to_vec(),
            shape,
        })
    }

    /// Scores and distances.
    pub(super) fn grids(&self) -> [Grid<'_>; 2] {
        [&self.scores, &self.distances].map(|values| Grid {
            channels: values.len() / self.cells(),
            rows: self.shape.0,
            columns: self.shape.1,
            values,
        })
    }
}

/// Says in words how `here` (the processor's answer) and `there` differ by more than is allowed; `None` where they do not.
#[cfg(any(test, feature = "onnx"))]
pub(super) fn difference(here: &Answer, there: &Answer) -> Option<String> {
    let is_alike = here.shape == there.shape
        && here.cells() > 0
        && here.scores.len() == there.scores.len()
        && here.distances.len() == there.distances.len();
    if !is_alike {
        return Some("answers have other sizes".into());
    }
    // Also where either is no number.
    let far = |(a, b): (&f32, &f32), most: f32| (a - b).is_nan() || (a - b).abs() > most;
    let score = here.scores.iter().zip(&there.scores);
    if let Some((a, b)) = score.clone().find(|&pair| far(pair, SCORES)) {
        return Some(format!("a score is {a} on the processor and {b} there"));
    }
    let mut seen = vec![false; here.cells()];
    for (at, (a, b)) in score.enumerate() {
        if a.max(*b) >= SEEN
            && let Some(cell) = seen.get_mut(at % here.cells())
        {
            *cell = true;
        }
    }
    let distances = here.distances.iter().zip(&there.distances).enumerate();
    let mut at_finds = distances.filter(|(at, _)| seen.get(at % here.cells()) == Some(&true));
    let (_, (a, b)) = at_finds.find(|&(_, pair)| far(pair, DISTANCES))?;
    Some(format!(
        "a distance is {a} pixels on the processor and {b} there"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer {
            scores: vec![0.9, 0.0, 0.0, 0.02],
            distances: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
            shape: (1, 2),
        }
    }

    #[test]
    fn answers_may_differ_by_a_hundredth_and_at_finds_by_a_tenth_of_a_pixel() {
        let here = answer();
        assert_eq!(difference(&here, &here), None);
        let changed = |change: fn(&mut Answer)| {
            let mut there = answer();
            change(&mut there);
            difference(&here, &there)
        };
        assert_eq!(changed(|there| there.scores[0] = 0.891), None);
        let score = changed(|there| there.scores[0] = 0.88);
        assert_eq!(
            score.unwrap(),
            "a score is 0.9 on the processor and 0.88 there"
        );
        assert!(changed(|there| there.scores[1] = f32::NAN).is_some());
        // Cell 0 holds a find, cell 1 does not.
        assert_eq!(changed(|there| there.distances[2] = 3.09), None);
        assert!(changed(|there| there.distances[2] = 3.2).is_some());
        assert_eq!(changed(|there| there.distances[3] = 9.0), None);
        assert!(changed(|there| there.distances.truncate(4)).is_some());
    }

    #[test]
    fn a_find_that_is_one_there_alone_counts_as_one() {
        let mut there = answer();
        there.scores[3] = 0.051;
        there.distances[1] = 9.0;
        let mut here = answer();
        here.scores[3] = 0.049;
        assert!(difference(&here, &there).unwrap().contains("distance"));
    }
}
