//! The web pyramid's description: TileJSON 3.0, and the same facts for the archive's own metadata.
//!
//! In: a pyramid and its ramp. Out: JSON without times or sources, the same for the same map. Refuses: nothing.

use std::borrow::Cow;

use serde_json::{Value, json};
use tilejson::{Bounds, Center, tilejson};

use super::{Pyramid, Ramp};
use crate::store::{Artifact, sealed};

/// Key of the legend of what is not sure.
const LEGEND: &str = "heatveil:uncertainty";
/// What is shown: name of the archive, words, unit of its values.
type Subject = (&'static str, &'static str, &'static str);

const TEMPERATURE: Subject = (
    "temperature",
    "Surface temperature from redacted thermal frames; transparent where there is no data",
    "\u{b0}C",
);
const HEAT_LOSS: Subject = (
    "heatloss",
    "Heat that surfaces lose, from redacted thermal frames and the night's weather; transparent where there is no data",
    "W/m\u{b2}",
);
/// How the archive of heat loss shows what is not sure.
const UNCERTAINTY: [(&str, &str); 3] = [
    (
        "full colour",
        "the 90 % interval reaches at most half of the estimate to either side",
    ),
    (
        "greyer",
        "the interval reaches further, and does not hold zero",
    ),
    ("hatched", "the interval holds zero: no loss can be claimed"),
];

/// What a web client must know about a pyramid.
#[derive(Debug, Clone)]
pub struct TileJson {
    document: tilejson::TileJSON,
    center_zoom: u8,
}

impl TileJson {
    /// Describes `pyramid` coloured by `ramp`; `attribution` is shown on maps.
    #[must_use]
    pub fn new(pyramid: &Pyramid, ramp: &Ramp, attribution: &str) -> Self {
        Self::describe(TEMPERATURE, pyramid, ramp, attribution)
    }

    /// Describes a pyramid of heat loss with its interval.
    #[must_use]
    pub fn heat_loss(pyramid: &Pyramid, ramp: &Ramp, attribution: &str) -> Self {
        let mut found = Self::describe(HEAT_LOSS, pyramid, ramp, attribution);
        let legend = UNCERTAINTY.map(|(shown, when)| json!({ "shown": shown, "when": when }));
        found
            .document
            .other
            .insert(LEGEND.to_owned(), json!(legend));
        found
    }

    fn describe(
        (name, description, unit): Subject,
        pyramid: &Pyramid,
        ramp: &Ramp,
        attribution: &str,
    ) -> Self {
        let (min_zoom, max_zoom) = pyramid.zooms();
        let edges = pyramid.geographic();
        // Far enough out for the whole map to show: 3 levels are a factor of 8.
        let center_zoom = max_zoom.saturating_sub(3).max(min_zoom);
        let mut document = tilejson! {
            tiles: vec![format!("pmtiles://{name}.pmtiles/{{z}}/{{x}}/{{y}}")],
            name: name.to_owned(),
            description: description.to_owned(),
            attribution: attribution.to_owned(),
            scheme: "xyz".to_owned(),
            version: "1.0.0".to_owned(),
            minzoom: min_zoom,
            maxzoom: max_zoom,
            bounds: Bounds::new(edges.west, edges.south, edges.east, edges.north),
            center: Center::new(
                f64::midpoint(edges.west, edges.east),
                f64::midpoint(edges.south, edges.north),
                center_zoom,
            ),
        };
        document.other.insert("format".to_owned(), json!("png"));
        document
            .other
            .insert("heatveil:ramp".to_owned(), ramp_json(ramp, unit));
        Self {
            document,
            center_zoom,
        }
    }

    pub(super) fn center_zoom(&self) -> u8 {
        self.center_zoom
    }

    /// The archive's metadata: a JSON object.
    pub(super) fn metadata(&self) -> Value {
        let mut metadata = json!({
            "name": self.document.name,
            "description": self.document.description,
            "attribution": self.document.attribution,
            "version": self.document.version,
            "type": "overlay",
        });
        for key in ["heatveil:ramp", LEGEND] {
            if let (Some(value), Some(object)) =
                (self.document.other.get(key), metadata.as_object_mut())
            {
                object.insert(key.to_owned(), value.clone());
            }
        }
        metadata
    }
}

/// The ramp: unit, range and stops, temperature to colour.
fn ramp_json(ramp: &Ramp, unit: &str) -> Value {
    let (min, max) = ramp.range();
    let stops: Vec<Value> = ramp
        .legend()
        .into_iter()
        .map(|(celsius, colour)| json!([f64::from(celsius), colour]))
        .collect();
    json!({ "unit": unit, "min": f64::from(min), "max": f64::from(max), "stops": stops })
}

impl sealed::Sealed for TileJson {}

impl Artifact for TileJson {
    fn bytes(&self) -> Cow<'_, [u8]> {
        // A document of strings, numbers and lists always has a JSON form.
        let mut text = serde_json::to_vec_pretty(&self.document).unwrap_or_default();
        text.push(b'\n');
        text.into()
    }
}
