//! What the temperatures of an unredacted frame come to as a whole, worked out while it is calibrated.
//!
//! In: temperatures, and the counts that they were made of where there are any. Out: their [`Stretch`] and [`TemperatureSummary`]. Refuses: pixels
//! without a temperature, which count as such alone.

use super::TemperatureSummary;
use super::model_input::Stretch;
use crate::raster::Raster;
use crate::units::Celsius;

/// Range, centre and stretch.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    pub(super) stretch: Stretch,
    /// `None` when no pixel has a temperature.
    pub(super) summary: Option<TemperatureSummary>,
}

impl Measured {
    /// Of temperatures in any order.
    pub(super) fn of(celsius: &Raster<f32>) -> Self {
        let samples = celsius.samples();
        let finite = samples.iter().copied().filter(|value| value.is_finite());
        let mut values: Vec<f32> = finite.collect();
        let no_data = samples.len() - values.len();
        let sum = values.iter().map(|&value| f64::from(value)).sum();
        let at = |rank| *values.select_nth_unstable_by(rank, f32::total_cmp).1;
        Self::by_rank(samples.len() - no_data, no_data, sum, at)
    }

    /// Of counts of which `table` makes temperatures: counted instead of sorted. `None` where more counts are not always warmer.
    pub(super) fn of_counts(counts: &Raster<u16>, table: &[f32; 65_536]) -> Option<Self> {
        let samples = counts.samples();
        let least = usize::from(samples.iter().copied().fold(u16::MAX, u16::min));
        let most = usize::from(samples.iter().copied().fold(0, u16::max));
        let table = table.get(least..=most)?;
        // Two, in turn: neighbours are often alike, and adding to what was just written has to wait.
        let mut pixels = [vec![0_u32; table.len()], vec![0_u32; table.len()]];
        for both in samples.chunks(2) {
            for (pixels, &count) in pixels.iter_mut().zip(both) {
                if let Some(pixels) = pixels.get_mut(usize::from(count) - least) {
                    *pixels += 1;
                }
            }
        }
        let [even, odd] = &pixels;
        let found = table.iter().zip(even.iter().zip(odd));
        let found: Vec<(f32, usize)> = found
            .map(|(&celsius, (even, odd))| (celsius, (even + odd) as usize))
            .filter(|&(celsius, pixels)| pixels > 0 && celsius.is_finite())
            .collect();
        if !found.is_sorted_by(|(colder, _), (warmer, _)| colder.total_cmp(warmer).is_le()) {
            return None;
        }
        let len = found.iter().map(|(_, pixels)| pixels).sum();
        #[expect(
            clippy::cast_precision_loss,
            reason = "pixel counts are far below 2^52"
        )]
        let sum = found
            .iter()
            .map(|&(celsius, pixels)| f64::from(celsius) * pixels as f64)
            .sum();
        let at = |rank| {
            let mut below = 0;
            let reaches = |&&(_, pixels): &&(f32, usize)| {
                below += pixels;
                rank < below
            };
            found.iter().find(reaches).map_or(f32::NAN, |found| found.0)
        };
        Some(Self::by_rank(len, samples.len() - len, sum, at))
    }

    /// Of `len` temperatures, each known by how many are colder.
    fn by_rank(len: usize, no_data: usize, sum: f64, mut at: impl FnMut(usize) -> f32) -> Self {
        let Some(last) = len.checked_sub(1) else {
            return Self {
                stretch: Stretch::NONE,
                summary: None,
            };
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "pixel counts are far below 2^52"
        )]
        let mean = Celsius(sum / len as f64);
        let (low, high) = Stretch::ranks(len);
        let stretch = Stretch::between(at(low), at(high));
        let mut celsius = |rank| Celsius(f64::from(at(rank)));
        let summary = TemperatureSummary {
            min: celsius(0),
            max: celsius(last),
            mean,
            median: celsius(len / 2),
            no_data,
        };
        Self {
            stretch,
            summary: Some(summary),
        }
    }
}
