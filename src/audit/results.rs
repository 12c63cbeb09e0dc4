//! Entries about what was worked out from the redacted map: objections, heat loss, buildings.

use serde::{Deserialize, Serialize};

/// `objection.applied`: homes and gardens were taken out of the map before anything was made from it. The list itself is not
/// public: the commitment is keyed, as those of frames are, since a plain hash of a short list of homes can be guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectionApplied {
    /// Objections that touch the map.
    pub count: u32,
    /// HMAC-SHA256 of the list's file under the run's key, hex.
    pub commitment: String,
    /// Around each outline, in millimetres.
    pub margin_mm: u32,
}

/// `heatloss.parameters`: everything that the heat balance was made with. Pairs are a value and its standard uncertainty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatLossParameters {
    /// Air temperature, thousandths of a °C.
    pub air_mk: [i64; 2],
    /// Effective sky temperature.
    pub sky_mk: [i64; 2],
    /// `measured`, `estimated` or `estimated, cloud unknown`.
    pub sky_source: String,
    /// What the sky looks like to the camera, which surfaces mirror.
    pub reflected_mk: [i64; 2],
    /// As `sky_source`.
    pub reflected_source: String,
    /// Inside temperature.
    pub indoor_mk: [i64; 2],
    /// Wind in mm/s.
    pub wind_mm_s: [i64; 2],
    /// Relative humidity in thousandths.
    pub humidity_milli: i64,
    /// Frames that have another weather; those that one entry does not hold in further entries of the same, behind the frames of this one.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "super::line::some"
    )]
    pub lines: Vec<LineWeather>,
    /// Emissivity of surfaces of which nothing is known, in thousandths.
    pub emissivity_milli: [i64; 2],
    /// Tilt of such surfaces, thousandths of a degree.
    pub tilt_millidegrees: [i64; 2],
    /// Standard uncertainty of an apparent temperature, mK.
    pub apparent_mk: i64,
    /// Standard deviation of what one frame reads more or less than its neighbours, mK: drift left in the map.
    pub drift_mk: i64,
    /// Standard uncertainty of where the map shows a place, mm.
    pub place_mm: i64,
    /// Standard uncertainty of the air's transmission, in thousandths.
    pub transmission_milli: i64,
    /// Standard uncertainty of the convection coefficient, in thousandths of itself.
    pub convection_milli: i64,
    /// How wind carries heat away: `mcadams` or `iso-6946`.
    pub convection: String,
    /// In words.
    pub method: String,
    /// Grade that the weather allows at best, with its reasons.
    pub grade: String,
    /// Version of heatveil.
    pub heatveil: String,
}

impl HeatLossParameters {
    /// Takes in what a further entry adds: more frames of its weathers, and more weathers.
    pub(crate) fn take(&mut self, further: Self) {
        self.lines.extend(further.lines);
    }
}

/// The weather in which some frames were taken, where it was another than the survey's; pairs as above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineWeather {
    /// The frames, as inclusive ranges.
    pub frames: Vec<[u32; 2]>,
    /// Air temperature, thousandths of a °C.
    pub air_mk: [i64; 2],
    /// Effective sky temperature.
    pub sky_mk: [i64; 2],
    /// What the sky looks like to the camera.
    pub reflected_mk: [i64; 2],
    /// Wind in mm/s.
    pub wind_mm_s: [i64; 2],
    /// Relative humidity in thousandths.
    pub humidity_milli: i64,
}

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedFile {
    /// Path relative to the output folder.
    pub path: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Length.
    pub bytes: u64,
}

/// `buildings.emitted`: the table of buildings was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildingsEmitted {
    /// The files under `buildings/`.
    pub files: Vec<PublishedFile>,
    /// SHA-256 of the file of outlines, hex.
    pub footprints_sha256: String,
    /// Rows.
    pub buildings: u32,
    /// Of them with a temperature.
    pub measured: u32,
    /// Frames of which they may tell, as inclusive ranges.
    pub source_frames: Vec<[u32; 2]>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Entry;
    use super::super::example::{whole, with};

    #[test]
    fn weathers_of_all_entries_are_told_in_their_order() {
        let [mut first, further] = [2, 5].map(|frame| {
            let pair = [1, 1];
            let line = json!({"frames": [[frame, frame]], "air_mk": pair, "sky_mk": pair, "reflected_mk": pair, "wind_mm_s": pair, "humidity_milli": 1});
            let told = with(whole().value("heat"), "lines", json!([line]));
            match serde_json::from_value(told).unwrap() {
                Entry::HeatLoss(parameters) => parameters,
                other => panic!("{other:?}"),
            }
        });
        first.take(further);
        let frames: Vec<_> = first.lines.iter().map(|line| line.frames[0][0]).collect();
        assert_eq!(frames, [2, 5]);
    }
}
