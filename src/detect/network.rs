//! What every runtime of networks shares: looks, decoding, and its place among the detectors.
//!
//! In: a [`Network`], which turns one picture into two grids. Out: a [`Detector`]. Refuses: grids of another
//! shape than `[1, channels, rows, columns]`; what is in them is for `postprocess` to judge.

use super::postprocess::{self, Grid, Layout};
use super::{Class, DetectError, Detection, Detections, Detector, Envelope, Line, Model, looks};
use crate::frame::{FrameId, ModelInput};

/// A model in a runtime.
pub(super) trait Network: Send + Sync {
    /// The model that it runs.
    fn model(&self) -> &Model;

    /// Runs the network on one picture of `frame` and hands its scores and distances to `read`.
    ///
    /// # Errors
    ///
    /// [`DetectError`] where the network failed, or that of `read`.
    fn infer<R>(
        &self,
        frame: FrameId,
        picture: &ModelInput,
        read: impl FnOnce(Grid<'_>, Grid<'_>) -> Result<R, DetectError>,
    ) -> Result<R, DetectError>;

    /// As [`Detector::stop`].
    fn stop(&self, frame: FrameId) {
        let _ = frame;
    }
}

/// The values of an output tensor as a grid.
///
/// # Errors
///
/// [`DetectError::Output`] for another number of sides than four, or more than one picture.
pub(super) fn grid<'a>(
    model: &Model,
    shape: &[usize],
    values: &'a [f32],
) -> Result<Grid<'a>, DetectError> {
    match *shape {
        [1, channels, rows, columns] => Ok(Grid {
            channels,
            rows,
            columns,
            values,
        }),
        _ => Err(other_output(model, format!("{shape:?}"))),
    }
}

/// An output that is no such tensor.
pub(super) fn other_output(model: &Model, found: String) -> DetectError {
    let output = &model.card().output;
    DetectError::Output {
        model: model.title().to_owned(),
        expected: format!(
            "float tensors {} and {} [1, channels, rows, columns]",
            output.scores, output.distances
        ),
        found,
    }
}

impl<N: Network> Detector for N {
    fn model(&self) -> (&str, [u8; 32]) {
        let model = Network::model(self);
        (model.title(), model.sha256())
    }

    fn envelope(&self) -> &Envelope {
        &Network::model(self).card().envelope
    }

    fn multiple_of(&self) -> usize {
        Network::model(self).card().input.multiple_of
    }

    fn detect(&self, frame: FrameId, input: &ModelInput) -> Result<Detections, DetectError> {
        self.detect_from(f32::INFINITY, frame, input)
    }

    fn detect_from(
        &self,
        floor: f32,
        frame: FrameId,
        input: &ModelInput,
    ) -> Result<Detections, DetectError> {
        let card = Network::model(self).card();
        let look = |picture: &ModelInput| -> Result<Vec<Detection>, DetectError> {
            let layout = Layout {
                model: &card.name,
                classes: &card.class,
                stride: card.output.stride,
                floor,
                input: picture.grey().shape(),
                frame: picture.frame_shape(),
            };
            self.infer(frame, picture, |scores, distances| {
                postprocess::decode(scores, distances, &layout)
            })
        };
        let found = looks::look(card, input, look)?;
        Ok(Detections::completed(frame, Line::Model, found))
    }

    fn stop(&self, frame: FrameId) {
        Network::stop(self, frame);
    }

    fn threshold(&self, class: Class) -> Option<f32> {
        let mut classes = Network::model(self).card().class.iter();
        Some(classes.find(|card| card.name == class)?.threshold)
    }
}
