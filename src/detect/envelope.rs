//! The frames a model was evaluated for. Outside, nobody knows whom it misses.

use crate::frame::TemperatureSummary;
use crate::units::{Celsius, Metres};

/// What becomes of a frame that shows the ground more coarsely than a model was evaluated for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beyond {
    /// It is withheld: the model may miss what it should find.
    #[default]
    Withhold,
    /// The model does not look: what it finds is too small to be seen there. Never for persons.
    Skip,
}

/// Limits within which a model's evaluation holds, from its card.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// What becomes of coarser frames.
    #[serde(default)]
    pub beyond: Beyond,
    /// Finest evaluated ground resolution, metres per pixel.
    pub min_ground_resolution_m: f64,
    /// Coarsest evaluated ground resolution, metres per pixel.
    pub max_ground_resolution_m: f64,
    /// Fewest evaluated columns.
    pub min_width: usize,
    /// Fewest evaluated rows.
    pub min_height: usize,
    /// Lowest temperature in a frame.
    pub min_celsius: f64,
    /// Highest temperature in a frame.
    pub max_celsius: f64,
}

/// What the envelope is held against: how one frame was taken.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// Ground resolution at the centre of the frame, metres per pixel.
    pub ground_resolution: Metres,
    /// Columns and rows.
    pub shape: (usize, usize),
    /// Temperatures of the unredacted frame.
    pub temperatures: TemperatureSummary,
}

impl Envelope {
    /// Says in words why the model need not look at such a frame, or `None` when it must.
    ///
    /// Only a frame coarser than evaluated is left out, and only where the card says so; whatever else lies
    /// outside is for [`Envelope::outside`].
    #[must_use]
    pub fn skips(&self, frame: &Conditions) -> Option<String> {
        let resolution = frame.ground_resolution.0;
        let coarser = self.beyond == Beyond::Skip && resolution > self.max_ground_resolution_m;
        coarser.then(|| {
            format!(
                "ground resolution {resolution:.3} m is coarser than the evaluated {:.3} m",
                self.max_ground_resolution_m
            )
        })
    }

    /// Says in words where a frame lies outside, or `None` when it lies inside.
    ///
    /// The words carry no temperature: that would be a pixel of an unredacted frame.
    #[must_use]
    pub fn outside(&self, frame: &Conditions) -> Option<String> {
        let resolution = frame.ground_resolution.0;
        let (width, height) = frame.shape;
        let Celsius(min) = frame.temperatures.min;
        let Celsius(max) = frame.temperatures.max;
        if !(self.min_ground_resolution_m..=self.max_ground_resolution_m).contains(&resolution) {
            return Some(format!(
                "ground resolution {resolution:.3} m lies outside the evaluated {:.3} to {:.3} m",
                self.min_ground_resolution_m, self.max_ground_resolution_m
            ));
        }
        if width < self.min_width || height < self.min_height {
            return Some(format!(
                "size {width}x{height} is below the evaluated {}x{}",
                self.min_width, self.min_height
            ));
        }
        if min < self.min_celsius || max > self.max_celsius {
            return Some(format!(
                "a temperature lies outside the evaluated {} to {} °C",
                self.min_celsius, self.max_celsius
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: Envelope = Envelope {
        beyond: Beyond::Withhold,
        min_ground_resolution_m: 0.03,
        max_ground_resolution_m: 0.12,
        min_width: 320,
        min_height: 256,
        min_celsius: -40.0,
        max_celsius: 150.0,
    };

    fn frame(resolution: f64, shape: (usize, usize), max: f64) -> Conditions {
        let temperatures = TemperatureSummary {
            min: Celsius(-5.0),
            max: Celsius(max),
            mean: Celsius(0.0),
            median: Celsius(0.0),
            no_data: 0,
        };
        Conditions {
            ground_resolution: Metres(resolution),
            shape,
            temperatures,
        }
    }

    #[test]
    fn a_frame_inside_is_accepted() {
        assert_eq!(ENVELOPE.outside(&frame(0.08, (640, 512), 20.0)), None);
    }

    #[test]
    fn only_coarser_frames_are_skipped_and_only_where_the_card_says_so() {
        let skipping = Envelope {
            beyond: Beyond::Skip,
            ..ENVELOPE
        };
        let coarse = frame(0.16, (640, 512), 20.0);
        assert!(skipping.skips(&coarse).unwrap().contains("0.160 m"));
        assert_eq!(ENVELOPE.skips(&coarse), None);
        for not_coarse in [
            frame(0.08, (640, 512), 20.0),
            frame(0.01, (640, 512), 20.0),
            frame(0.08, (640, 512), 400.0),
            frame(f64::NAN, (640, 512), 20.0),
        ] {
            assert_eq!(skipping.skips(&not_coarse), None);
            assert_eq!(skipping.outside(&not_coarse), ENVELOPE.outside(&not_coarse));
        }
    }

    #[test]
    fn each_limit_is_held_and_named() {
        let coarse = ENVELOPE.outside(&frame(0.16, (640, 512), 20.0)).unwrap();
        assert!(coarse.contains("0.160 m"), "{coarse}");
        assert!(
            ENVELOPE
                .outside(&frame(0.08, (160, 120), 20.0))
                .unwrap()
                .contains("160x120")
        );
        let hot = ENVELOPE.outside(&frame(0.08, (640, 512), 400.0)).unwrap();
        assert!(
            !hot.contains("400"),
            "a pixel value must not be named: {hot}"
        );
        assert!(
            ENVELOPE
                .outside(&frame(f64::NAN, (640, 512), 20.0))
                .is_some()
        );
    }
}
