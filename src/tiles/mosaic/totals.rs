//! Blocks to the working raster, and what was drawn in numbers.

use std::collections::BTreeSet;

use super::block::{Best, Block};
use super::offsets::{FrameOffsets, Stretch};
use super::{Grid, MosaicReport, TilesError};
use crate::frame::FrameId;
use crate::tiles::raster_file::OpenRaster;
use crate::units::Metres;

/// Temperatures and angles are kept to 1/64: at most 0.008 °C from what was measured, and noise below that is not
/// stored, which halves the published file.
const STEPS_PER_UNIT: f32 = 64.0;

#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Width of the blended band as a tangent.
    feather: Option<f64>,
    valid: u64,
    offsets: FrameOffsets,
    blended: u64,
    unknown: u64,
    tangents: f64,
    used: BTreeSet<FrameId>,
}

impl Totals {
    pub(super) fn new(feather: Option<f64>) -> Self {
        Self {
            feather,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, block: &Block, output: &OpenRaster) -> Result<(), TilesError> {
        self.unknown += block.unknown;
        let mut last = None;
        let mut stretch = Stretch::default();
        let drawn = block.best.iter().enumerate();
        for (at, best) in drawn.filter(|(_, best)| best.celsius.is_finite()) {
            self.valid += 1;
            self.tangents += best.tangent();
            if last.replace(best.frame()) != Some(best.frame()) {
                self.used.insert(FrameId(best.frame()));
            }
            if best.next_celsius.is_finite() {
                let difference = f64::from(best.next_celsius - best.celsius);
                let pixel = (
                    block.origin.0 + at % block.size.0,
                    block.origin.1 + at / block.size.0,
                );
                let pair = (best.frame(), best.next_frame());
                self.offsets.add(&mut stretch, pixel, pair, difference);
            }
            if best.weight(self.feather) < 1.0 {
                self.blended += 1;
                self.used.insert(FrameId(best.next_frame()));
            }
        }
        self.offsets.end(&stretch);
        let band = |value: &dyn Fn(&Best) -> f32| -> Vec<f32> {
            let drawn = |best: &Best| {
                if best.celsius.is_finite() {
                    value(best)
                } else {
                    f32::NAN
                }
            };
            block.best.iter().map(drawn).collect()
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "angles need few digits; frame numbers are exact below 2^24, which the docs state"
        )]
        let bands = [
            band(&|best| quantised(blended(best, self.feather))),
            band(&|best| quantised(best.tangent().atan().to_degrees() as f32)),
            band(&|best| best.frame() as f32),
        ];
        for (number, samples) in (1..).zip(bands) {
            output.write(number, block.origin, block.size, samples)?;
        }
        Ok(())
    }

    pub(super) fn report(self, grid: &Grid) -> (MosaicReport, FrameOffsets) {
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
        let mean_tangent = self.tangents / self.valid.max(1) as f64;
        let (overlap_pixels, overlap_disagreement) = self.offsets.disagreement();
        let report = MosaicReport {
            width: grid.width,
            height: grid.height,
            resolution: Metres(grid.resolution),
            epsg: grid.crs.epsg(),
            valid_pixels: self.valid,
            used_frames: self.used.into_iter().collect(),
            overlap_pixels,
            overlap_disagreement,
            frame_offset: self.offsets.spread(),
            blended_pixels: self.blended,
            unknown_height_pixels: self.unknown,
            mean_tangent,
        };
        (report, self.offsets)
    }
}

/// The steepest frame's temperature, near a seam mixed with the next one's where that is asked for.
fn blended(best: &Best, feather: Option<f64>) -> f32 {
    let weight = best.weight(feather);
    if weight < 1.0 {
        #[expect(clippy::cast_possible_truncation, reason = "a mean of f32")]
        let mixed = (f64::from(best.celsius) * weight
            + f64::from(best.next_celsius) * (1.0 - weight)) as f32;
        mixed
    } else {
        best.celsius
    }
}

fn quantised(value: f32) -> f32 {
    (value * STEPS_PER_UNIT).round() / STEPS_PER_UNIT
}
