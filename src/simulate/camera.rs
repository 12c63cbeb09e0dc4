//! What a real microbolometer makes of a perfect picture.
//!
//! In: apparent temperatures. Out: the same, blurred, vignetted, drifting and noisy. Refuses: nothing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::render::{HEIGHT, WIDTH};

/// Weights of a Gaussian of 0.7 px at distances 0, 1 and 2.
const BLUR: [f64; 3] = [0.569_9, 0.205_4, 0.009_65];
/// Noise-equivalent temperature difference, K.
const NETD: f64 = 0.05;
/// Standard deviation of the column pattern, K.
const COLUMNS: f64 = 0.02;
/// Loss in the corners, K.
const VIGNETTING: f64 = 1.0;
/// Largest drift, K.
const DRIFT: f64 = 1.5;

/// A camera that warms up and closes its shutter now and then.
#[derive(Debug)]
pub(super) struct Camera {
    rng: ChaCha8Rng,
    columns: Vec<f64>,
    drift: f64,
    vignetting: f64,
    ideal: bool,
}

/// A draw from the standard normal distribution (sum of 12 uniform ones).
pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

impl Camera {
    pub(super) fn new(mut rng: ChaCha8Rng, ideal: bool) -> Self {
        let columns = (0..WIDTH).map(|_| COLUMNS * normal(&mut rng)).collect();
        Self {
            rng,
            columns,
            drift: 0.0,
            vignetting: VIGNETTING,
            ideal,
        }
    }

    /// The same camera with corners that lose `kelvin`.
    pub(super) fn with_vignetting(self, kelvin: f64) -> Self {
        Self {
            vignetting: kelvin,
            ..self
        }
    }

    /// Offset of the next frame, K: a random walk that the shutter sets back towards zero.
    pub(super) fn drift(&mut self) -> f64 {
        if self.ideal {
            return 0.0;
        }
        let step = if self.rng.random_range(0..12_u8) == 0 {
            -0.7 * self.drift
        } else {
            0.18 * normal(&mut self.rng)
        };
        self.drift = (self.drift + step).clamp(-DRIFT, DRIFT);
        self.drift
    }

    /// Spoils a perfect picture.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "pixels are counted in the hundreds and end as f32"
    )]
    pub(super) fn expose(&mut self, celsius: &[f64], drift: f64) -> Vec<f32> {
        if self.ideal {
            return celsius.iter().map(|&value| value as f32).collect();
        }
        let blurred = blur(&blur(celsius, 1, WIDTH), WIDTH, HEIGHT);
        let corner = (WIDTH as f64 / 2.0).hypot(HEIGHT as f64 / 2.0);
        let spoil = |(index, value): (usize, f64)| {
            let (x, y) = (index % WIDTH, index / WIDTH);
            let radius = (x as f64 - WIDTH as f64 / 2.0).hypot(y as f64 - HEIGHT as f64 / 2.0);
            let vignetting = self.vignetting * (radius / corner).powi(2);
            let noise = NETD * normal(&mut self.rng) + self.columns[x];
            (value + drift - vignetting + noise) as f32
        };
        blurred.into_iter().enumerate().map(spoil).collect()
    }
}

/// Blurs along one axis; `stride` is the distance between neighbours, `length` their number.
fn blur(samples: &[f64], stride: usize, length: usize) -> Vec<f64> {
    let at = |index: usize, offset: usize, forward: bool| {
        let place = index / stride % length;
        let reach = if forward { length - 1 - place } else { place };
        let step = offset.min(reach) * stride;
        samples[if forward { index + step } else { index - step }]
    };
    (0..samples.len())
        .map(|index| {
            let pair = |offset: usize| at(index, offset, true) + at(index, offset, false);
            BLUR[0] * samples[index] + BLUR[1] * pair(1) + BLUR[2] * pair(2)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_sum_of_a_point() {
        let mut point = vec![0.0; 5 * 5];
        point[12] = 1.0;
        let blurred = blur(&blur(&point, 1, 5), 5, 5);
        assert!((blurred.iter().sum::<f64>() - 1.0).abs() < 1e-3);
        assert!(blurred[12] < 0.4);
    }
}
