//! `heatveil inspect`: what files hold, personal data included. For the operator's own machine.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::print::answer;
use super::{Exit, Global};
use crate::Error;
use crate::frame::{Frame, FrameId, FrameMeta, Raw, TemperatureSummary};
use crate::georef::{self, CameraOverrides, Crs, Located, YawSource};
use crate::ingest::{self, IngestOptions, TiffScale};
use crate::radiometry;
use crate::seal::IntakeKey;
use crate::units::Degrees;

/// Arguments of `heatveil inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  heatveil inspect --json flight/*.JPG > footprints.geojson")]
pub(super) struct InspectCommand {
    /// Files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Degrees per count of 16-bit TIFFs that do not say it themselves
    #[arg(long, value_name = "SCALE")]
    tiff_scale: Option<f64>,
    /// Degrees Celsius at count 0 of such TIFFs
    #[arg(long, value_name = "CELSIUS", default_value_t = -273.15, allow_negative_numbers = true)]
    tiff_offset: f64,
    /// Key that opens sealed files
    #[arg(long, value_name = "FILE", env = "HEATVEIL_INTAKE_KEY")]
    intake_key: Option<PathBuf>,
}

/// What one file holds.
struct Found {
    meta: FrameMeta,
    kind: &'static str,
    temperatures: Option<TemperatureSummary>,
    footprint: Option<Vec<(f64, f64)>>,
}

impl InspectCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let scale = self.tiff_scale.map(|scale| TiffScale {
            scale,
            offset: self.tiff_offset,
        });
        let options = IngestOptions {
            tiff_scale: scale,
            ..IngestOptions::default()
        };
        let key = IntakeKey::load_given(self.intake_key.as_deref())?;
        let mut features = Vec::new();
        let mut failed = 0;
        for path in &self.files {
            let found = inspect(path, &options, key.as_ref());
            failed += usize::from(found.is_err());
            if global.json {
                features.push(feature(path, &found));
            } else {
                answer(&words(path, &found));
            }
        }
        if global.json {
            answer(&json!({"type": "FeatureCollection", "features": features}).to_string());
        }
        Ok(match failed {
            0 => Exit::Done,
            failed if failed == self.files.len() => Exit::Failed,
            _ => Exit::Partial,
        })
    }
}

fn inspect(path: &Path, options: &IngestOptions, key: Option<&IntakeKey>) -> Result<Found, String> {
    let raw: Frame<Raw> = ingest::open(path, &options.limits, key)
        .and_then(|opened| ingest::decode(FrameId(0), path, &opened.bytes, options))
        .map_err(|error| error.to_string())?;
    let calibration = radiometry::calibration(&raw.meta().radiometry);
    let frame = raw
        .calibrate(&calibration)
        .map_err(|error| error.to_string())?;
    let meta = frame.meta().clone();
    let footprint = georef::locate(&meta, &CameraOverrides::default())
        .ok()
        .and_then(|located| footprint(&meta, &located));
    let kind = meta.radiometry.kind();
    Ok(Found {
        kind,
        temperatures: frame.summary(),
        footprint,
        meta,
    })
}

/// Corners of the ground seen, as longitude and latitude; obliquely cut at 80 degrees from straight down.
///
/// Straight down the gimbal's yaw is undefined, so the airframe's is taken (DOMAIN section 2).
fn footprint(meta: &FrameMeta, located: &Located) -> Option<Vec<(f64, f64)>> {
    let projector = Crs::for_positions(meta.position)?.projector().ok()?;
    let source = if located.pitch().0 < -80.0 {
        YawSource::Flight
    } else {
        YawSource::Gimbal
    };
    let view = located.view(&projector, source).ok()?;
    let mut ring: Vec<(f64, f64)> = view
        .footprint(Degrees(80.0))
        .into_iter()
        .map(|(east, north)| projector.to_geographic(east, north).ok())
        .collect::<Option<_>>()?;
    ring.push(*ring.first()?);
    Some(ring)
}

fn feature(path: &Path, found: &Result<Found, String>) -> Value {
    match found {
        Err(error) => json!({
            "type": "Feature", "geometry": null, "properties": {"path": path, "error": error},
        }),
        Ok(found) => {
            let geometry = found.footprint.as_ref().map(|ring| {
                let ring: Vec<[f64; 2]> = ring.iter().map(|&(x, y)| [x, y]).collect();
                json!({"type": "Polygon", "coordinates": [ring]})
            });
            json!({"type": "Feature", "geometry": geometry, "properties": properties(path, found)})
        }
    }
}

fn properties(path: &Path, found: &Found) -> Value {
    let meta = &found.meta;
    let attitude = meta.gimbal.or(meta.flight);
    json!({
        "path": path,
        "format": meta.format.name(),
        "camera": format!("{} {}", meta.camera.make, meta.camera.model).trim(),
        "width": meta.width,
        "height": meta.height,
        "captured_at": meta.captured_at,
        "lat": meta.position.map(|position| position.latitude.0),
        "lon": meta.position.map(|position| position.longitude.0),
        "position_source": meta.position.map(|position| position.source.name()),
        "accuracy_m": meta.position.and_then(|position| position.accuracy).map(|sigma| sigma.0),
        "absolute_altitude_m": meta.absolute_altitude.map(|height| height.metres.0),
        "absolute_altitude_above": meta.absolute_altitude.map(|height| height.datum.name()),
        "relative_altitude_m": meta.relative_altitude.map(|altitude| altitude.0),
        "yaw_deg": attitude.map(|attitude| attitude.yaw.0),
        "pitch_deg": attitude.map(|attitude| attitude.pitch.0),
        "roll_deg": attitude.map(|attitude| attitude.roll.0),
        "celsius": found.temperatures.map(|t| json!({
            "kind": found.kind, "min": t.min.0, "max": t.max.0, "mean": t.mean.0, "median": t.median.0,
        })),
        "leaks": meta.leaks.iter().map(|leak| leak.name()).collect::<Vec<_>>(),
    })
}

fn words(path: &Path, found: &Result<Found, String>) -> String {
    let found = match found {
        Err(error) => return format!("error: {error}"),
        Ok(found) => found,
    };
    let properties = properties(path, found);
    let mut text = format!("{}", path.display());
    let Value::Object(fields) = properties else {
        return text;
    };
    for (name, value) in fields
        .iter()
        .filter(|(name, value)| *name != "path" && !value.is_null())
    {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            Value::Object(parts) => parts
                .iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect::<Vec<_>>()
                .join(", "),
            value => value.to_string(),
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {name:20} {value}");
    }
    text
}
