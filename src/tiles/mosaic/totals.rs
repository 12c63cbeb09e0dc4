//! Blocks to the working raster, and what was drawn in numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::block::{Best, Block};
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
    overlap: u64,
    difference: f64,
    /// By frame drawn and next best: the second less the first summed, and pixels.
    pairs: BTreeMap<(u32, u32), (f64, u64)>,
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
        let mut run = ((u32::MAX, u32::MAX), (0.0, 0));
        for best in block.best.iter().filter(|best| best.celsius.is_finite()) {
            self.valid += 1;
            self.tangents += best.tangent();
            if last.replace(best.frame()) != Some(best.frame()) {
                self.used.insert(FrameId(best.frame()));
            }
            if best.next_celsius.is_finite() {
                self.overlap += 1;
                let difference = f64::from(best.next_celsius - best.celsius);
                self.difference += difference.abs();
                // Neighbours mostly show the same two frames.
                let pair = (best.frame(), best.next_frame());
                if run.0 != pair {
                    self.tally(run);
                    run = (pair, (0.0, 0));
                }
                run.1.0 += difference;
                run.1.1 += 1;
            }
            if best.weight(self.feather) < 1.0 {
                self.blended += 1;
                self.used.insert(FrameId(best.next_frame()));
            }
        }
        self.tally(run);
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

    fn tally(&mut self, (pair, (sum, count)): ((u32, u32), (f64, u64))) {
        if count > 0 {
            let entry = self.pairs.entry(pair).or_default();
            entry.0 += sum;
            entry.1 += count;
        }
    }

    /// Root mean square over pairs of frames, each by its pixels, of the mean difference between them: what each pixel's noise and
    /// texture have no part in. A frame's own is smaller by the root of 2.
    #[expect(clippy::cast_precision_loss, reason = "pixels fit 52 bits")]
    fn frame_offset(&self) -> Option<f64> {
        let of_pair = |(sum, count): &(f64, u64)| sum * sum / *count as f64;
        let squares: f64 = self.pairs.values().map(of_pair).sum();
        (self.overlap > 0).then(|| (squares / self.overlap as f64 / 2.0).sqrt())
    }

    pub(super) fn report(self, grid: &Grid) -> MosaicReport {
        let frame_offset = self.frame_offset();
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
        MosaicReport {
            width: grid.width,
            height: grid.height,
            resolution: Metres(grid.resolution),
            epsg: grid.crs.epsg(),
            valid_pixels: self.valid,
            used_frames: self.used.into_iter().collect(),
            overlap_pixels: self.overlap,
            overlap_disagreement: mean(self.difference, self.overlap),
            frame_offset,
            blended_pixels: self.blended,
            unknown_height_pixels: self.unknown,
            mean_tangent: mean(self.tangents, self.valid).unwrap_or_default(),
        }
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
