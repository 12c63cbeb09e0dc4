//! A square of streets flown over in four headings, with errors of stated size: what geometry is proved on.
//!
//! In: a [`Survey`]. Out: shots, and the drift of the camera during them. Refuses: angles, lengths and errors out
//! of range.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::SimulateError;
use super::camera::normal;
use super::flight::{Pose, Shot, optics, sway};
use super::render::HEIGHT;
use crate::frame::Format;
use crate::units::{Degrees, Metres};

/// Ground seen less steeply than this below the horizon counts as unseen, degrees.
const FLATTEST: f64 = 30.0;
/// Neighbourhood around what is mapped, metres.
const MARGIN: f64 = 40.0;
/// Seconds to turn and fly back to where the next line starts.
const TURN: f64 = 20.0;
/// Standard deviation of the height that the drone records, metres, where its position errs at all.
const BAROMETER: f64 = 0.1;

/// A square of streets, flown over in lines to the north, east, south and west; a frame a second, the camera
/// ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Survey {
    /// Side of the square that each heading covers.
    pub side: Metres,
    /// Of the camera: -90 is straight down.
    pub pitch: Degrees,
    /// Above take-off.
    pub height: Metres,
    /// Between frames of a line.
    pub step: Metres,
    /// Between lines.
    pub lane: Metres,
    /// Standard deviation of the recorded position, east and north each, independent from frame to frame.
    pub gps_noise: Metres,
    /// Standard deviation of the recorded yaw, independent from frame to frame.
    pub yaw_noise: Degrees,
    /// Largest less smallest offset of the camera in the flight, kelvin: slow waves, and steps where the shutter
    /// closes. Its mean is zero, as no overlap can tell it.
    pub drift_kelvin: f64,
    /// What the camera reads too much in all frames, kelvin: its error of calibration.
    pub offset_kelvin: f64,
    /// What the corners of a frame lose against its middle, kelvin.
    pub vignetting_kelvin: f64,
    /// People and cars in the streets; without them nothing needs to be hidden.
    pub people: bool,
    /// 320 x 256 pixels of a ramp instead of a picture, and no truth but poses: for thousands of frames.
    pub cheap: bool,
}

impl Default for Survey {
    fn default() -> Self {
        Self {
            side: Metres(80.0),
            pitch: Degrees(-40.0),
            height: Metres(60.0),
            step: Metres(8.0),
            lane: Metres(16.0),
            gps_noise: Metres(1.0),
            yaw_noise: Degrees(2.0),
            drift_kelvin: 2.0,
            offset_kelvin: 0.0,
            vignetting_kelvin: 3.0,
            people: false,
            cheap: false,
        }
    }
}

impl Survey {
    /// # Errors
    ///
    /// [`SimulateError::Survey`] names what is out of range.
    pub(super) fn check(&self) -> Result<(), SimulateError> {
        for (what, value, low, high) in [
            ("side", self.side.0, 10.0, 5000.0),
            ("pitch", self.pitch.0, -90.0, -30.0),
            ("height", self.height.0, 20.0, 200.0),
            ("step", self.step.0, 1.0, 100.0),
            ("lane", self.lane.0, 1.0, 100.0),
            ("gps noise", self.gps_noise.0, 0.0, 20.0),
            ("yaw noise", self.yaw_noise.0, 0.0, 45.0),
            ("drift", self.drift_kelvin, 0.0, 20.0),
            ("offset", self.offset_kelvin, -20.0, 20.0),
            ("vignetting", self.vignetting_kelvin, 0.0, 20.0),
        ] {
            if !(low..=high).contains(&value) {
                return Err(SimulateError::Survey {
                    what,
                    value,
                    low,
                    high,
                });
            }
        }
        Ok(())
    }

    /// Nearest and farthest ground seen ahead of the drone, metres.
    fn reach(&self) -> (f64, f64) {
        let (focal_mm, pitch_um) = optics(Format::DjiRjpeg);
        #[expect(clippy::cast_precision_loss, reason = "rows are counted in hundreds")]
        let half = (HEIGHT as f64 / 2.0 * pitch_um / 1000.0 / focal_mm).atan();
        let below = -self.pitch.0.to_radians();
        let farthest = (below - half).max(FLATTEST.to_radians());
        let ahead = |angle: f64| self.height.0 * angle.cos() / angle.sin();
        (ahead(below + half), ahead(farthest))
    }

    /// Half the side of the neighbourhood that the frames show, metres.
    pub(super) fn half_extent(&self) -> f64 {
        self.side.0 / 2.0 + self.reach().1.max(self.height.0) + MARGIN
    }

    /// Places along a line and across the lines, metres from the middle.
    fn places(&self) -> (Vec<f64>, Vec<f64>) {
        let (near, far) = self.reach();
        let half = self.side.0 / 2.0;
        let row = |from: f64, to: f64, step: f64| {
            let steps = (0_u32..).map(move |index| from + step * f64::from(index));
            steps.take_while(move |place| *place <= to + 1e-9).collect()
        };
        let along = row(-half - f64::midpoint(near, far), half - near, self.step.0);
        (along, row(-half, half, self.lane.0))
    }

    /// All shots, in order.
    pub(super) fn plan(&self, ideal: bool, rng: &mut ChaCha8Rng) -> Vec<Shot> {
        let (along, across) = self.places();
        let (focal_mm, pitch_um) = optics(Format::DjiRjpeg);
        let mut shots = Vec::with_capacity(4 * along.len() * across.len());
        let mut seconds = 0.0;
        for yaw in [0.0_f64, 90.0, 180.0, 270.0] {
            let (sin, cos) = yaw.to_radians().sin_cos();
            for aside in &across {
                for ahead in &along {
                    let pose = Pose {
                        east: ahead * sin + aside * cos,
                        north: ahead * cos - aside * sin,
                        up: self.height.0,
                        yaw,
                        pitch: self.pitch.0,
                        roll: 0.0,
                    };
                    let pose = if ideal { pose } else { sway(pose, rng) };
                    shots.push(Shot {
                        seconds,
                        pose,
                        recorded: if ideal { pose } else { self.believe(pose, rng) },
                        format: if self.cheap {
                            Format::TiffF32
                        } else {
                            Format::DjiRjpeg
                        },
                        focal_mm,
                        pitch_um,
                        focal_px: focal_mm / (pitch_um / 1000.0),
                    });
                    seconds += 1.0;
                }
                seconds += TURN;
            }
        }
        shots
    }

    /// What the drone records.
    fn believe(&self, pose: Pose, rng: &mut ChaCha8Rng) -> Pose {
        let barometer = if self.gps_noise.0 > 0.0 {
            BAROMETER
        } else {
            0.0
        };
        Pose {
            east: pose.east + self.gps_noise.0 * normal(rng),
            north: pose.north + self.gps_noise.0 * normal(rng),
            up: pose.up + barometer * normal(rng),
            yaw: pose.yaw + self.yaw_noise.0 * normal(rng),
            ..pose
        }
    }

    /// Offset of each frame, K: drift around the camera's own.
    pub(super) fn drift(&self, shots: &[Shot], rng: &mut ChaCha8Rng) -> Vec<f64> {
        let mut phase = || rng.random_range(0.0..std::f64::consts::TAU);
        let waves = [
            (1.0, 900.0, phase()),
            (0.6, 380.0, phase()),
            (0.3, 140.0, phase()),
        ];
        let (mut step, mut offsets) = (0.0, Vec::with_capacity(shots.len()));
        for shot in shots {
            if rng.random_range(0..45_u8) == 0 {
                step = 0.6 * normal(rng);
            }
            let wave = |(size, period, phase): (f64, f64, f64)| {
                size * (std::f64::consts::TAU * shot.seconds / period + phase).sin()
            };
            offsets.push(step + waves.map(wave).iter().sum::<f64>());
        }
        let count = u32::try_from(offsets.len()).map_or(1.0, f64::from).max(1.0);
        let mean = offsets.iter().sum::<f64>() / count;
        let low = offsets.iter().copied().fold(f64::INFINITY, f64::min);
        let high = offsets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scale = self.drift_kelvin / (high - low).max(1e-9);
        offsets
            .iter()
            .map(|offset| (offset - mean) * scale + self.offset_kelvin)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn flown(survey: Survey) -> Vec<Shot> {
        survey.plan(false, &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn the_errors_of_the_records_are_as_large_as_asked_for() {
        let shots = flown(Survey {
            side: Metres(400.0),
            ..Survey::default()
        });
        let spread = |of: &dyn Fn(&Shot) -> f64| {
            let count = f64::from(u32::try_from(shots.len()).unwrap());
            (shots.iter().map(|shot| of(shot).powi(2)).sum::<f64>() / count).sqrt()
        };
        assert!(shots.len() > 4000);
        for (error, expected) in [
            (spread(&|shot| shot.recorded.east - shot.pose.east), 1.0),
            (spread(&|shot| shot.recorded.north - shot.pose.north), 1.0),
            (spread(&|shot| shot.recorded.yaw - shot.pose.yaw), 2.0),
        ] {
            assert!((error / expected - 1.0).abs() < 0.05, "{error}");
        }
    }

    #[test]
    fn the_middle_is_seen_from_four_sides() {
        let shots = flown(Survey::default());
        for yaw in [0.0, 90.0, 180.0, 270.0] {
            let sees = |shot: &&Shot| {
                let [forward, right, down] = shot.pose.axes();
                let to = [-shot.pose.east, -shot.pose.north, -shot.pose.up];
                let along = |axis: [f64; 3]| axis[0] * to[0] + axis[1] * to[1] + axis[2] * to[2];
                let depth = along(forward) / shot.focal_px;
                (shot.pose.yaw - yaw).abs() < 20.0
                    && (along(right) / depth).abs() < 320.0
                    && (along(down) / depth).abs() < 256.0
            };
            assert!(shots.iter().filter(sees).count() >= 5, "heading {yaw}");
        }
    }

    #[test]
    fn drift_spans_what_was_asked_for_around_zero() {
        let survey = Survey::default();
        let shots = flown(survey);
        let drift = survey.drift(&shots, &mut ChaCha8Rng::seed_from_u64(2));
        let low = drift.iter().copied().fold(f64::INFINITY, f64::min);
        let high = drift.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!((high - low - 2.0).abs() < 1e-9);
        assert!(drift.iter().sum::<f64>().abs() < 1e-6);
    }
}
