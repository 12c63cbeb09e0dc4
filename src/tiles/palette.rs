//! The fixed colour ramp of the web tiles.
//!
//! In: a temperature range. Out: one of 249 colours a temperature (an index, so that a tile is a PNG of one byte a pixel), the same in every tile, flight and year.
//! Refuses: empty ranges; stretching a tile to its own contents.
//!
//! The ramp runs from near black through purple, red and orange to pale yellow with lightness rising evenly, so
//! it orders rightly in grey and for colour-blind readers (the design rule of matplotlib's "inferno").

/// Colours at equal steps from the coldest to the hottest end.
const POINTS: [[u8; 3]; 9] = [
    [4, 4, 22],
    [38, 12, 84],
    [86, 16, 110],
    [132, 32, 107],
    [178, 50, 90],
    [217, 77, 61],
    [242, 118, 28],
    [251, 176, 36],
    [250, 250, 164],
];

/// What is not sure is mixed with this.
const GREY: u8 = 150;
/// Colours from one of the [`POINTS`] to the next.
const SEGMENT: usize = 31;
/// Shade of what has no data.
const NOTHING: u8 = 0;
/// Where it is not sure: shade of the lines of a hatching, first of every second colour in full, first of the same greyer.
const HATCHED: u8 = 1;
const FULL: u8 = 2;
const GREYER: u8 = 127;
/// Pixels from one line of a hatching to the next.
const HATCH: usize = 8;

/// A colour ramp over a fixed range of temperatures.
#[derive(Debug, Clone, PartialEq)]
pub struct Ramp {
    min: f32,
    max: f32,
    colours: Vec<[u8; 3]>,
}

/// A range that is empty or endless.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "a colour range from {min} to {max} is not usable; give a finite minimum below the maximum"
)]
pub struct RampError {
    /// The minimum given, °C.
    pub min: f32,
    /// The maximum given, °C.
    pub max: f32,
}

impl Default for Ramp {
    /// -10 to 20 °C: on a winter night roofs under a clear sky start at the lower end, and walls, leaks and open
    /// windows of heated homes end below the upper one.
    fn default() -> Self {
        Self {
            min: -10.0,
            max: 20.0,
            colours: colours(),
        }
    }
}

impl Ramp {
    /// A ramp from `min` to `max` °C.
    ///
    /// # Errors
    ///
    /// [`RampError`] unless both are finite and `min < max`.
    pub fn new(min: f32, max: f32) -> Result<Self, RampError> {
        if min.is_finite() && max.is_finite() && min < max {
            Ok(Self {
                min,
                max,
                colours: colours(),
            })
        } else {
            Err(RampError { min, max })
        }
    }

    /// Lowest and highest temperature in °C; what lies beyond takes the end colours.
    #[must_use]
    pub fn range(&self) -> (f32, f32) {
        (self.min, self.max)
    }

    /// Red, green, blue, alpha of a temperature in °C; transparent for `NAN`.
    #[must_use]
    pub fn colour(&self, celsius: f32) -> [u8; 4] {
        let palette = self.palette();
        let shade = usize::from(self.shade(celsius));
        palette.get(shade).copied().unwrap_or_default()
    }

    /// Index in [`Ramp::palette`] of a temperature in °C; the first for `NAN`.
    #[must_use]
    pub fn shade(&self, celsius: f32) -> u8 {
        if celsius.is_nan() {
            return NOTHING;
        }
        NOTHING + 1 + self.index(celsius)
    }

    /// Red, green, blue, alpha of every [`Ramp::shade`].
    #[must_use]
    pub fn palette(&self) -> Vec<[u8; 4]> {
        let colours = self.colours.iter().map(|&colour| opaque(colour));
        std::iter::once([0; 4]).chain(colours).collect()
    }

    /// Index in [`Ramp::uncertain_palette`] of an estimate within its interval, at a pixel's column and row: full colour where
    /// the interval is at most half the estimate to either side, greyer beyond, hatched where it holds zero.
    #[must_use]
    pub fn uncertain_shade(
        &self,
        [estimate, low, high]: [f32; 3],
        (column, row): (usize, usize),
    ) -> u8 {
        if estimate.is_nan() {
            return NOTHING;
        }
        let colour = self.index(estimate) / 2;
        if (high - low) / 2.0 <= 0.5 * estimate.abs() {
            FULL + colour
        } else if (low > 0.0 || high < 0.0) || (column + row) % HATCH >= HATCH / 4 {
            GREYER + colour
        } else {
            HATCHED
        }
    }

    /// Red, green, blue, alpha of every [`Ramp::uncertain_shade`].
    #[must_use]
    pub fn uncertain_palette(&self) -> Vec<[u8; 4]> {
        let greyer = |colour: [u8; 3]| opaque(colour.map(|value| value.midpoint(GREY)));
        let every_second = || self.colours.iter().step_by(2).copied();
        [[0; 4], opaque([GREY; 3])]
            .into_iter()
            .chain(every_second().map(opaque))
            .chain(every_second().map(greyer))
            .collect()
    }

    /// Which of the colours.
    fn index(&self, celsius: f32) -> u8 {
        let share = ((celsius - self.min) / (self.max - self.min)).clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "at most 248"
        )]
        let index = (share * (self.colours.len() - 1) as f32).round() as u8;
        index
    }

    /// Values and their colours as `#rrggbb`, at equal steps over the range.
    #[must_use]
    pub fn legend(&self) -> Vec<(f32, String)> {
        (0..=8_u8)
            .map(|step| {
                let celsius = self.min + (self.max - self.min) * f32::from(step) / 8.0;
                let [red, green, blue, _] = self.colour(celsius);
                (celsius, format!("#{red:02x}{green:02x}{blue:02x}"))
            })
            .collect()
    }
}

fn opaque([red, green, blue]: [u8; 3]) -> [u8; 4] {
    [red, green, blue, 255]
}

/// The [`POINTS`] and straight lines between them.
fn colours() -> Vec<[u8; 3]> {
    (0..=SEGMENT * (POINTS.len() - 1))
        .map(|index| {
            let (segment, rest) = (index / SEGMENT, index % SEGMENT);
            let from = POINTS.get(segment).copied().unwrap_or_default();
            let to = POINTS.get(segment + 1).copied().unwrap_or(from);
            let mix = |from: u8, to: u8| {
                let sum = usize::from(from) * (SEGMENT - rest) + usize::from(to) * rest;
                u8::try_from((sum + SEGMENT / 2) / SEGMENT).unwrap_or(u8::MAX)
            };
            let ([r0, g0, b0], [r1, g1, b1]) = (from, to);
            [mix(r0, r1), mix(g0, g1), mix(b0, b1)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_data_is_transparent_and_everything_else_opaque() {
        let ramp = Ramp::default();
        assert_eq!(ramp.colour(f32::NAN), [0; 4]);
        for celsius in [-300.0, -10.0, 0.0, 20.0, 999.0, f32::INFINITY] {
            assert_eq!(ramp.colour(celsius)[3], 255);
        }
    }

    #[test]
    fn warmer_is_lighter_throughout() {
        // Relative luminance, ITU-R BT.709 weights, gamma 2.2.
        let light = |[r, g, b]: [u8; 3]| {
            let linear = |value: u8| (f64::from(value) / 255.0).powf(2.2);
            0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
        };
        let colours = colours();
        assert_eq!(
            (colours.len(), colours[0], colours[31], colours[248]),
            (249, POINTS[0], POINTS[1], POINTS[8])
        );
        assert!(
            colours
                .windows(2)
                .all(|pair| light(pair[1]) >= light(pair[0]) - 1e-4)
        );
    }

    #[test]
    fn what_is_less_sure_is_greyer_and_what_may_be_nothing_is_hatched() {
        let ramp = Ramp::new(0.0, 150.0).unwrap();
        let palette = ramp.uncertain_palette();
        assert_eq!(palette.len(), 252);
        let shown = |values, place| palette[usize::from(ramp.uncertain_shade(values, place))];
        let at = |low, high, column| shown([60.0, low, high], (column, 0));
        // Every second colour: 60 of 150 is the 99th, shown as the 98th.
        let full = opaque(ramp.colours[98]);
        assert_eq!(at(35.0, 85.0, 0), full);
        assert_ne!(at(10.0, 110.0, 0), full);
        assert_eq!(at(10.0, 110.0, 0), at(10.0, 110.0, 4));
        assert_ne!(at(-10.0, 130.0, 0), at(-10.0, 130.0, 4));
        assert_eq!(at(-10.0, 130.0, 0), at(-10.0, 130.0, 8));
        assert_eq!(shown([f32::NAN; 3], (0, 0)), [0; 4]);
        let hottest = [1e9, 1.0, 9e9];
        assert_eq!(ramp.uncertain_shade(hottest, (3, 0)), 251);
    }

    #[test]
    fn unusable_ranges_are_refused() {
        assert!(Ramp::new(5.0, 5.0).is_err());
        assert!(Ramp::new(f32::NAN, 5.0).is_err());
        assert!(Ramp::new(0.0, f32::INFINITY).is_err());
        assert!(Ramp::new(-5.0, 30.0).is_ok());
    }
}
