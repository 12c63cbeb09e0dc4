//! Files of `OpenDroneMap`: `opendm/shots.py` writes the one, `opendm/geo.py` reads the other, which is written here too.

use std::fmt::Write as _;

use serde::Deserialize;

use super::super::crs::median;
use super::rotation::Axes;
use super::{KnownPose, Problem, System};
use crate::frame::Attitude;
use crate::georef::{Crs, GeorefError, HeightSystem, Projector, View};
use crate::units::{Degrees, Metres};

/// A listed frame: line, name, pose.
pub(super) type Listed = Vec<(usize, String, KnownPose)>;

/// Parameters of PROJ that are numbers, flags or names of its own tables. Those that name files (`nadgrids`, `geoidgrids`, `init`, `grids`) or
/// steps of a pipeline are not among them: the file comes from somebody else.
const PROJ_KEYS: [&str; 31] = [
    "proj", "zone", "south", "datum", "ellps", "a", "b", "R", "rf", "f", "towgs84", "pm", "lat_0",
    "lat_1", "lat_2", "lat_ts", "lon_0", "lonc", "alpha", "gamma", "k", "k_0", "x_0", "y_0",
    "units", "to_meter", "axis", "no_defs", "no_uoff", "over", "type",
];

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    properties: Shot,
    geometry: Point,
}

#[derive(Deserialize)]
struct Shot {
    filename: String,
    rotation: [f64; 3],
}

#[derive(Deserialize)]
struct Point {
    coordinates: [f64; 3],
}

/// `shots.geojson`: the turn is on the UTM zone that `OpenDroneMap` works in, thus its yaw from that grid's north.
///
/// One zone holds for all shots (`opendm/location.py`), and the file does not name it: that of the median longitude is taken, where most shots lie.
pub(super) fn shots(text: &str) -> Result<Listed, (usize, Problem)> {
    let raw: serde_json::Value =
        serde_json::from_str(text).map_err(|error| (error.line(), Problem::Json))?;
    if raw
        .get("features")
        .is_none_or(|features| !features.is_array())
    {
        return Err((1, Problem::Kind));
    }
    let collection: Collection =
        serde_json::from_str(text).map_err(|error| (error.line(), Problem::Json))?;
    let places = collection.features.iter().map(|feature| {
        let [longitude, latitude, _] = feature.geometry.coordinates;
        (longitude, latitude)
    });
    let (mut longitudes, mut latitudes): (Vec<f64>, Vec<f64>) = places.unzip();
    let Some((longitude, latitude)) = median(&mut longitudes).zip(median(&mut latitudes)) else {
        return Ok(Vec::new());
    };
    let zone = Crs::zone_at(longitude, latitude).ok_or((1, Problem::Place))?;
    let projector = zone.projector().ok().ok_or((1, Problem::System))?;
    let mut listed = Vec::with_capacity(collection.features.len());
    for (number, feature) in (1..).zip(collection.features) {
        let [longitude, latitude, height] = feature.geometry.coordinates;
        let wrong = |problem| (number, problem);
        let convergence = projector.convergence(longitude, latitude);
        let convergence = convergence.ok().ok_or(wrong(Problem::Place))?;
        let attitude = Axes::from_rodrigues(feature.properties.rotation).attitude();
        let pose = KnownPose {
            longitude: Degrees(longitude),
            latitude: Degrees(latitude),
            height_in_file: Some(Metres(height)),
            attitude: Some(Attitude {
                yaw: Degrees(attitude.yaw.0 - convergence),
                ..attitude
            }),
        };
        listed.push((number, feature.properties.filename, pose));
    }
    Ok(listed)
}

/// The system that the first line of a `geo.txt` names; `None` where the line is none.
pub(super) fn system(line: &str) -> Option<Result<System, Problem>> {
    let text = line.trim().to_ascii_uppercase();
    if line.trim().starts_with("+proj") {
        return Some(if is_plain(line) {
            System::from_proj4(line.trim())
        } else {
            Err(Problem::Proj)
        });
    }
    let map = |epsg: u32| {
        let crs = Crs::from_epsg(epsg).ok().ok_or(Problem::System);
        crs.and_then(System::of)
    };
    if let Some(number) = text.strip_prefix("EPSG:") {
        return Some(match number.trim().parse() {
            Ok(4326 | 4979) => Ok(System::Geographic),
            Ok(epsg) => map(epsg),
            Err(_) => Err(Problem::System),
        });
    }
    let zone = text.strip_prefix("WGS84 UTM ")?.trim().to_owned();
    let base = if zone.ends_with('S') { 32_700 } else { 32_600 };
    let number: Option<u32> = zone.trim_end_matches(['N', 'S']).parse().ok();
    Some(match number {
        Some(number @ 1..=60) => map(base + number),
        _ => Err(Problem::System),
    })
}

/// Whether every word of a text for PROJ is a known parameter and its value a number or a bare name.
fn is_plain(text: &str) -> bool {
    text.split_whitespace().all(|word| {
        let word = word.strip_prefix('+').unwrap_or(word);
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let is_bare = |letter: char| {
            letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | ',' | '_')
        };
        PROJ_KEYS.contains(&key) && value.chars().all(is_bare)
    })
}

/// `geo.txt`: name, x, y, and maybe z and yaw, pitch, roll; what follows is not used.
pub(super) fn geo(text: &str, system: &System) -> Result<Listed, (usize, Problem)> {
    let mut listed = Vec::new();
    for (number, line) in (1..).zip(text.lines()).skip(1) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem| (number, problem);
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let numbers: Vec<f64> = words.take(6).map_while(|word| word.parse().ok()).collect();
        let written = line.split_whitespace().skip(1).take(3).count();
        let (&[x, y, ..], true) = (numbers.as_slice(), numbers.len() >= written) else {
            return Err(wrong(Problem::Number));
        };
        let (longitude, latitude, _) = system.place(x, y).map_err(wrong)?;
        let attitude = match numbers.as_slice() {
            &[_, _, _, yaw, pitch, roll] => Some(from_nadir(yaw, pitch, roll)),
            &[_, _] | &[_, _, _] => None,
            _ => return Err(wrong(Problem::Number)),
        };
        let pose = KnownPose {
            longitude: Degrees(longitude),
            latitude: Degrees(latitude),
            height_in_file: numbers.get(2).copied().map(Metres),
            attitude,
        };
        listed.push((number, name.to_owned(), pose));
    }
    Ok(listed)
}

/// The `geo.txt` of frames by their names: longitude, latitude, height, and yaw, pitch and roll in degrees, yaw from true north, pitch 0 straight down.
///
/// Each frame comes with what to add to its height above level 0; `system` says what the sum is above, on a line that readers skip.
///
/// # Errors
///
/// [`GeorefError`] when a place cannot be projected.
pub fn geo_txt(
    projector: &Projector,
    frames: &[(String, View, Metres)],
    system: &HeightSystem,
) -> Result<String, GeorefError> {
    let mut text = format!("EPSG:4326\n# Heights in metres {system}.\n");
    for (name, view, level) in frames {
        let (east, north) = view.centre();
        let (longitude, latitude) = projector.to_geographic(east, north)?;
        let convergence = projector.convergence(longitude, latitude)?;
        let (forward, right, _) = view.axes();
        let attitude = Axes { right, forward }.attitude();
        let (yaw, pitch, roll) = (
            attitude.yaw.0 - convergence,
            attitude.pitch.0 + 90.0,
            attitude.roll.0,
        );
        let height = view.height().0 + level.0;
        // Writing to a String cannot fail. 1e-8 degrees are 1 mm.
        let _ = writeln!(
            text,
            "{name} {longitude:.8} {latitude:.8} {height:.3} {yaw:.4} {pitch:.4} {roll:.4}"
        );
    }
    Ok(text)
}

/// Angles of software whose pitch is 0 straight down.
pub(super) fn from_nadir(yaw: f64, pitch: f64, roll: f64) -> Attitude {
    Attitude {
        yaw: Degrees(yaw),
        pitch: Degrees(pitch - 90.0),
        roll: Degrees(roll),
    }
}
