//! How far a figure could be off: its spread when scenes are drawn anew.
//!
//! Frames of one scene show the same people, so whole scenes are drawn, with replacement, as many as there are
//! (cluster bootstrap: Davison & Hinkley, Bootstrap Methods and their Application, section 3.8). Seeded: two
//! evaluations give the same intervals.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RESAMPLES: usize = 1000;
const SEED: u64 = 20_261_123;
/// Ends of the 95 % interval.
const ENDS: [f64; 2] = [0.025, 0.975];

/// A figure that can be told for scenes that count several times or not at all.
pub(super) trait Figure {
    /// The figure when scene number `i` counts `weights[i]` times; `None` where it is not defined.
    fn value(&self, weights: &[f64]) -> Option<f64>;
}

/// Draws of scenes.
#[derive(Debug)]
pub(super) struct Bootstrap {
    scenes: usize,
    draws: Vec<Vec<f64>>,
}

impl Bootstrap {
    /// Draws `scenes` scenes out of `scenes`, a thousand times.
    #[must_use]
    pub(super) fn new(scenes: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let mut draw = || {
            let mut weights = vec![0.0; scenes];
            for _ in 0..scenes {
                if let Some(weight) = weights.get_mut(random.random_range(0..scenes)) {
                    *weight += 1.0;
                }
            }
            weights
        };
        Self {
            scenes,
            draws: (0..RESAMPLES).map(|_| draw()).collect(),
        }
    }

    /// The figure over all scenes, and its 95 % interval: `None` with fewer than two scenes, which say nothing
    /// about other scenes.
    #[must_use]
    pub(super) fn measure(&self, figure: &impl Figure) -> (Option<f64>, Option<[f64; 2]>) {
        let value = figure.value(&vec![1.0; self.scenes]);
        if self.scenes < 2 || value.is_none() {
            return (value, None);
        }
        let drawn = self.draws.iter().filter_map(|draw| figure.value(draw));
        let mut values: Vec<f64> = drawn.collect();
        values.sort_by(f64::total_cmp);
        let [low, high] = ENDS.map(|end| percentile(&values, end));
        (value, low.zip(high).map(|(low, high)| [low, high]))
    }
}

/// The value at a share of the way through, between neighbours on a straight line (type 7 of Hyndman & Fan).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list of a thousand"
)]
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? as f64 * share;
    let below = *sorted.get(place.floor() as usize)?;
    let above = *sorted.get(place.ceil() as usize)?;
    Some(below + (above - below) * place.fract())
}

/// A sum over scenes divided by another.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ratio(Vec<(f64, f64)>);

impl Ratio {
    /// Nothing counted yet in any of `scenes`.
    #[must_use]
    pub(super) fn new(scenes: usize) -> Self {
        Self(vec![(0.0, 0.0); scenes])
    }

    /// Adds to both sums of one scene.
    pub(super) fn add(&mut self, scene: usize, part: f64, whole: f64) {
        if let Some((parts, wholes)) = self.0.get_mut(scene) {
            *parts += part;
            *wholes += whole;
        }
    }
}

impl Figure for Ratio {
    fn value(&self, weights: &[f64]) -> Option<f64> {
        let (mut part, mut whole) = (0.0, 0.0);
        for ((parts, wholes), weight) in self.0.iter().zip(weights) {
            part += parts * weight;
            whole += wholes * weight;
        }
        (whole > 0.0).then(|| part / whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_numpy() {
        // numpy.percentile([1, 2, 3, 4, 10], [2.5, 50, 97.5]) = [1.1, 3, 9.4]
        let values = [1.0, 2.0, 3.0, 4.0, 10.0];
        for (share, expected) in [(0.025, 1.1), (0.5, 3.0), (0.975, 9.4)] {
            assert!((percentile(&values, share).unwrap() - expected).abs() < 1e-12);
        }
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn scenes_that_agree_leave_no_doubt_and_scenes_that_differ_do() {
        let mut agreed = Ratio::new(4);
        let mut split = Ratio::new(4);
        for scene in 0..4 {
            agreed.add(scene, 3.0, 4.0);
            split.add(scene, if scene < 2 { 4.0 } else { 0.0 }, 4.0);
        }
        let bootstrap = Bootstrap::new(4);
        assert_eq!(bootstrap.measure(&agreed), (Some(0.75), Some([0.75, 0.75])));
        // Of four fair draws none or all are of one kind in 1 of 16 each: more than 2.5 %.
        assert_eq!(bootstrap.measure(&split), (Some(0.5), Some([0.0, 1.0])));
        assert_eq!(bootstrap.measure(&split), Bootstrap::new(4).measure(&split));
    }

    #[test]
    fn one_scene_says_nothing_about_others_and_nothing_has_no_share() {
        let mut ratio = Ratio::new(1);
        assert_eq!(Bootstrap::new(1).measure(&ratio), (None, None));
        ratio.add(0, 1.0, 2.0);
        assert_eq!(Bootstrap::new(1).measure(&ratio), (Some(0.5), None));
        assert_eq!(Bootstrap::new(0).measure(&Ratio::new(0)), (None, None));
    }
}
