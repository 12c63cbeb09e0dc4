//! What a camera adds to temperatures by the place on its sensor.
//!
//! In: numbers that fit differences between frames. Out: kelvin at a pixel, terms for the log. Refuses: nothing.

use super::temperatures::to_millikelvin;

/// Terms of the vignetting: powers of the place on the sensor, up to the fourth.
pub(super) const TERMS: usize = 14;
/// Powers of x and y of each term, the straight ones first.
const POWERS: [(i32, i32); TERMS] = [
    (1, 0),
    (0, 1),
    (2, 0),
    (1, 1),
    (0, 2),
    (3, 0),
    (2, 1),
    (1, 2),
    (0, 3),
    (4, 0),
    (3, 1),
    (2, 2),
    (1, 3),
    (0, 4),
];
/// Numbers that make all terms: the terms one by one, and two that are round.
pub(super) const NUMBERS: usize = TERMS + 2;
/// Standard deviation in K of what a lens makes: factors of ρ² and ρ⁴, ρ from 0 in the middle of the sensor to 1 in its corners.
const ROUND: f64 = 5.0;
/// Of each term beside them. Frames of one straight line do not tell what is the same along it, nor a slope along it from a drift, so that these
/// are held back: without a turn or a second line, the profile across comes from the one along, because lenses are round.
const UNEVEN: f64 = 0.5;

/// What to add to temperatures by their place on the sensor, in K.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Vignetting {
    /// Whole millikelvin, so that what is logged is what was applied.
    terms: [f32; TERMS],
}

impl Vignetting {
    /// From numbers in units of their standard deviations.
    pub(super) fn of(numbers: &[([f64; TERMS], f64); NUMBERS], found: &[f64; NUMBERS]) -> Self {
        let mut sums = [0.0; TERMS];
        for ((made, sigma), value) in numbers.iter().zip(found) {
            for (sum, made) in sums.iter_mut().zip(made) {
                *sum += value * sigma * made;
            }
        }
        Self {
            terms: sums.map(to_millikelvin),
        }
    }

    /// What to add at a pixel of a sensor of this size, in K.
    #[must_use]
    pub fn at(&self, (u, v): (f32, f32), (width, height): (f32, f32)) -> f32 {
        let (x, y) = (2.0 * u / width - 1.0, 2.0 * v / height - 1.0);
        let terms = POWERS.iter().zip(&self.terms);
        terms
            .map(|((i, j), term)| term * x.powi(*i) * y.powi(*j))
            .sum::<f32>()
    }

    /// Its terms for the log, in millikelvin: factors of x, y, x², xy, y² and so on to y⁴, with x and y from -1 to 1 across the sensor.
    #[must_use]
    pub fn millikelvin(&self) -> [i32; TERMS] {
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
        let whole = |kelvin: f32| (kelvin * 1e3).round() as i32;
        self.terms.map(whole)
    }

    /// Difference between the most and the least that it adds anywhere, in K.
    #[must_use]
    pub fn peak_to_peak(&self) -> f32 {
        let grid = || (0..=32_u8).map(|step| f32::from(step) / 32.0);
        let values = || grid().flat_map(|u| grid().map(move |v| self.at((u, v), (1.0, 1.0))));
        values().fold(f32::NEG_INFINITY, f32::max) - values().fold(f32::INFINITY, f32::min)
    }
}

/// What each of the numbers is as a sum of the terms, and its standard deviation in K.
pub(super) fn numbers((width, height): (f64, f64)) -> [([f64; TERMS], f64); NUMBERS] {
    let diagonal = width * width + height * height;
    let (a, b) = (width * width / diagonal, height * height / diagonal);
    let square = |powers| match powers {
        (2, 0) => a,
        (0, 2) => b,
        _ => 0.0,
    };
    let fourth = |powers| match powers {
        (4, 0) => a * a,
        (2, 2) => 2.0 * a * b,
        (0, 4) => b * b,
        _ => 0.0,
    };
    std::array::from_fn(|number| match number.checked_sub(TERMS) {
        None => {
            let mut alone = [0.0; TERMS];
            alone[number] = 1.0;
            (alone, UNEVEN)
        }
        Some(0) => (POWERS.map(square), ROUND),
        Some(_) => (POWERS.map(fourth), ROUND),
    })
}

pub(super) fn powers((x, y): (f64, f64)) -> [f64; TERMS] {
    POWERS.map(|(i, j)| x.powi(i) * y.powi(j))
}
