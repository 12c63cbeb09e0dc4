//! `heatveil simulate`.

use std::path::PathBuf;

use super::print::answer;
use super::{Exit, Global};
use crate::Error;
use crate::simulate::{self, Options, Preset, Survey};
use crate::store::Existing;
use crate::units::{Degrees, Metres};

/// Arguments of `heatveil simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil simulate --out practice --seed 7 --frames 60\n  \
    heatveil simulate --out survey --survey --gps-noise 1 --yaw-noise 2 --drift 2\n  \
    heatveil simulate --out fixtures/flight --fixture --overwrite")]
pub(super) struct SimulateCommand {
    /// Folder for frames/ and truth/
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// The only source of randomness
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Frames, three quarters of them straight down, the others oblique
    #[arg(long, value_name = "N", default_value_t = 40)]
    frames: usize,
    /// The small flight in all formats that the tests use; seed and number are its own
    #[arg(long, conflicts_with_all = ["seed", "frames"])]
    fixture: bool,
    /// A camera without noise and drift, and a drone that knows its pose
    #[arg(long)]
    ideal: bool,
    /// Share of roofs that were insulated, 0 to 1: the same streets after a refurbishment; the truth says which
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.0,
        conflicts_with = "fixture"
    )]
    refurbished: f64,
    /// Another night over the same streets: other errors and passers-by
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        conflicts_with = "fixture"
    )]
    night: u16,
    /// Replace an earlier simulation
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    survey: SurveyArgs,
}

/// What is flown instead with `--survey`, and how wrong its records are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Survey in four headings")]
struct SurveyArgs {
    /// Fly lines north, east, south and west over a square, a frame a second
    #[arg(long, conflicts_with_all = ["frames", "fixture"])]
    survey: bool,
    /// Side of the square [default: 80]
    #[arg(long, value_name = "METRES", requires = "survey")]
    side: Option<f64>,
    /// Of the camera, -90 to -30; -90 is straight down [default: -40]
    #[arg(
        long,
        value_name = "DEGREES",
        requires = "survey",
        allow_negative_numbers = true
    )]
    pitch: Option<f64>,
    /// Above take-off [default: 60]
    #[arg(long, value_name = "METRES", requires = "survey")]
    height: Option<f64>,
    /// Between frames of a line [default: 8]
    #[arg(long, value_name = "METRES", requires = "survey")]
    step: Option<f64>,
    /// Between lines [default: 16]
    #[arg(long, value_name = "METRES", requires = "survey")]
    lane: Option<f64>,
    /// Standard deviation of recorded positions [default: 1]
    #[arg(long, value_name = "METRES", requires = "survey")]
    gps_noise: Option<f64>,
    /// Standard deviation of recorded yaws [default: 2]
    #[arg(long, value_name = "DEGREES", requires = "survey")]
    yaw_noise: Option<f64>,
    /// Range of the camera's offsets [default: 2]
    #[arg(long, value_name = "KELVIN", requires = "survey")]
    drift: Option<f64>,
    /// What the corners lose against the middle [default: 3]
    #[arg(long, value_name = "KELVIN", requires = "survey")]
    vignetting: Option<f64>,
    /// People and cars in the streets
    #[arg(long, requires = "survey")]
    people: bool,
    /// Real headers around 320 x 256 pixels of a ramp, for thousands of frames
    #[arg(long, requires = "survey")]
    cheap: bool,
}

impl SurveyArgs {
    fn preset(&self) -> Preset {
        let default = Survey::default();
        Preset::Survey(Survey {
            side: self.side.map_or(default.side, Metres),
            pitch: self.pitch.map_or(default.pitch, Degrees),
            height: self.height.map_or(default.height, Metres),
            step: self.step.map_or(default.step, Metres),
            lane: self.lane.map_or(default.lane, Metres),
            gps_noise: self.gps_noise.map_or(default.gps_noise, Metres),
            yaw_noise: self.yaw_noise.map_or(default.yaw_noise, Degrees),
            drift_kelvin: self.drift.unwrap_or(default.drift_kelvin),
            vignetting_kelvin: self.vignetting.unwrap_or(default.vignetting_kelvin),
            people: self.people,
            offset_kelvin: default.offset_kelvin,
            cheap: self.cheap,
        })
    }
}

impl SimulateCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let fixture = Options::fixture(self.out.clone());
        let (seed, preset) = if self.fixture {
            (fixture.seed, fixture.preset)
        } else if self.survey.survey {
            (self.seed, self.survey.preset())
        } else {
            let frames = self.frames;
            (self.seed, Preset::Full { frames })
        };
        let options = Options {
            seed,
            preset,
            existing: if self.overwrite {
                Existing::Replace
            } else {
                Existing::Refuse
            },
            ideal: self.ideal,
            refurbished: self.refurbished,
            night: self.night,
            ..fixture
        };
        let report = simulate::run(&options)?;
        let (frames, out) = (report.frames, self.out.display());
        answer(&if global.json {
            serde_json::json!({"message_type": "summary", "frames": frames, "out": self.out})
                .to_string()
        } else {
            format!("{frames} frames in {out}/frames, their truth in {out}/truth")
        });
        Ok(Exit::Done)
    }
}
