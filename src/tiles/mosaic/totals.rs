//! Drawn blocks to samples, and what was drawn in numbers.

use std::collections::BTreeSet;

use super::block::{Best, Block};
use super::offsets::{FrameOffsets, Stretch};
use super::{Grid, MosaicReport};
use crate::frame::FrameId;
use crate::units::Metres;

/// Temperatures and angles are kept to 1/64: at most 0.008 °C from what was measured, and noise below that is not
/// stored, which halves the published file.
const STEPS_PER_UNIT: f32 = 64.0;

/// A drawn block as the working raster holds it.
pub(super) struct Drawn {
    pub(super) origin: (usize, usize),
    pub(super) size: (usize, usize),
    pub(super) bands: [Vec<f32>; 3],
    pub(super) totals: Totals,
}

/// What was drawn, in one block or in all.
#[derive(Debug, Default)]
pub(super) struct Totals {
    valid: u64,
    offsets: FrameOffsets,
    blended: u64,
    unknown: u64,
    tangents: f64,
    used: BTreeSet<FrameId>,
}

impl Drawn {
    /// Works a block out; `feather` is the width of the blended band as a tangent.
    pub(super) fn of(block: &Block, feather: Option<f64>) -> Self {
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
            band(&|best| quantised(blended(best, feather))),
            band(&|best| quantised(best.tangent().atan().to_degrees() as f32)),
            band(&|best| best.frame() as f32),
        ];
        Self {
            origin: block.origin,
            size: block.size,
            bands,
            totals: Totals::of(block, feather),
        }
    }
}

impl Totals {
    fn of(block: &Block, feather: Option<f64>) -> Self {
        let mut totals = Self {
            unknown: block.unknown,
            ..Self::default()
        };
        let mut last = None;
        let mut stretch = Stretch::default();
        let drawn = block.best.iter().enumerate();
        for (at, best) in drawn.filter(|(_, best)| best.celsius.is_finite()) {
            totals.valid += 1;
            totals.tangents += best.tangent();
            if last.replace(best.frame()) != Some(best.frame()) {
                totals.used.insert(FrameId(best.frame()));
            }
            if best.next_celsius.is_finite() {
                let difference = f64::from(best.next_celsius - best.celsius);
                let pixel = (
                    block.origin.0 + at % block.size.0,
                    block.origin.1 + at / block.size.0,
                );
                let pair = (best.frame(), best.next_frame());
                totals.offsets.add(&mut stretch, pixel, pair, difference);
            }
            if best.weight(feather) < 1.0 {
                totals.blended += 1;
                totals.used.insert(FrameId(best.next_frame()));
            }
        }
        totals.offsets.end(&stretch);
        totals
    }

    /// Adds those of another block.
    pub(super) fn add(&mut self, other: Self) {
        self.valid += other.valid;
        self.offsets.join(other.offsets);
        self.blended += other.blended;
        self.unknown += other.unknown;
        self.tangents += other.tangents;
        self.used.extend(other.used);
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
