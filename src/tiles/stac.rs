//! The files of a map as a `SpatioTemporal` Asset Catalog (STAC 1.1): one collection with one item.
//!
//! In: what was published, the map's grid, when the survey was flown. Out: `collection.json` and `item.json`, which link each
//! other and the files by relative paths. Refuses: exact times and places: the interval is widened to whole hours, the
//! footprint to whole web tiles of the finest level. Only the grid's own numbers, which are in the GeoTIFF too, are exact.
//!
//! An item without a time is none (STAC item specification, `datetime`), so a map of frames without times has no catalog.
//! Extensions: projection 2.0 and file 2.1. Checksums are multihashes: 0x12 (sha2-256), 0x20 (32 bytes), digest.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Band, Grid, Pyramid};
use crate::georef::Bounds;
use crate::hex;
use crate::store::{Artifact, Receipt, sealed};

const VERSION: &str = "1.1.0";
const PROJECTION: &str = "https://stac-extensions.github.io/projection/v2.0.0/schema.json";
const FILE: &str = "https://stac-extensions.github.io/file/v2.1.0/schema.json";
const DESCRIPTION: &str = "Surface temperature, and heat loss where the night's weather is known, from redacted thermal frames of a drone: \
                           buildings and no people";
const HOUR: i64 = 3600;

/// A published file of the catalog.
#[derive(Debug, Clone)]
pub struct StacAsset {
    /// What it is; its path begins with `tiles/`.
    pub receipt: Receipt,
    /// Name and unit of each band where it is a float32 raster on the map's grid; else empty.
    pub bands: &'static [Band],
}

/// A file that is no raster.
impl From<Receipt> for StacAsset {
    fn from(receipt: Receipt) -> Self {
        Self {
            receipt,
            bands: &[],
        }
    }
}

/// What the catalog tells about a map.
#[derive(Debug, Clone, Copy)]
pub struct Stac<'a> {
    /// The published files, that of the mosaic first.
    pub assets: &'a [StacAsset],
    /// The grid of the rasters.
    pub grid: &'a Grid,
    /// The web tiles, by which the footprint is rounded.
    pub pyramid: &'a Pyramid,
    /// First and last capture, seconds since 1970.
    pub flown: (i64, i64),
    /// Who is responsible for the survey; `None` where nobody says.
    pub operator: Option<&'a str>,
}

/// One file of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct StacDocument(Value);

impl sealed::Sealed for StacDocument {}

impl Artifact for StacDocument {
    fn bytes(&self) -> Cow<'_, [u8]> {
        format!("{:#}\n", self.0).into_bytes().into()
    }
}

impl Stac<'_> {
    /// The collection and its item; `None` without an asset, or where the interval is outside the calendar's years.
    #[must_use]
    pub fn documents(&self) -> Option<(StacDocument, StacDocument)> {
        let mosaic = hex::encode(&self.assets.first()?.receipt.sha256);
        // Equal maps have equal names, others never: no clock and no place in it.
        let id = format!("heatveil-{}", mosaic.get(..16)?);
        let (start, end) = self.interval()?;
        let bbox = self.footprint();
        Some((
            StacDocument(self.collection(&id, &bbox, &start, &end)),
            StacDocument(self.item(&id, &bbox, &start, &end)),
        ))
    }

    fn collection(&self, id: &str, bbox: &[f64; 4], start: &str, end: &str) -> Value {
        let mut collection = json!({
            "type": "Collection",
            "stac_version": VERSION,
            "id": id,
            "title": "Thermal map",
            "description": DESCRIPTION,
            // The survey's owner decides, and has not said.
            "license": "other",
            "extent": {
                "spatial": { "bbox": [bbox] },
                "temporal": { "interval": [[start, end]] },
            },
            "links": [
                { "rel": "root", "href": "./collection.json", "type": "application/json" },
                { "rel": "item", "href": "./item.json", "type": "application/geo+json" },
            ],
        });
        if let (Some(operator), Some(fields)) = (self.operator, collection.as_object_mut()) {
            let provider = json!({ "name": operator, "roles": ["producer"] });
            fields.insert("providers".to_owned(), json!([provider]));
        }
        collection
    }

    fn item(&self, id: &str, bbox: &[f64; 4], start: &str, end: &str) -> Value {
        let [west, south, east, north] = *bbox;
        let assets: Map<String, Value> = self
            .assets
            .iter()
            .map(|asset| {
                let path = &asset.receipt.path;
                let name = path.rsplit('/').next().unwrap_or(path);
                (name.to_owned(), self.asset(asset))
            })
            .collect();
        json!({
            "type": "Feature",
            "stac_version": VERSION,
            "stac_extensions": [PROJECTION, FILE],
            "id": format!("{id}-map"),
            "collection": id,
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
            },
            "bbox": bbox,
            "properties": {
                "title": "Thermal map",
                "description": DESCRIPTION,
                "datetime": null,
                "start_datetime": start,
                "end_datetime": end,
                "gsd": self.grid.resolution,
            },
            "links": [
                { "rel": "root", "href": "./collection.json", "type": "application/json" },
                { "rel": "parent", "href": "./collection.json", "type": "application/json" },
                { "rel": "collection", "href": "./collection.json", "type": "application/json" },
            ],
            "assets": assets,
        })
    }

    fn asset(&self, asset: &StacAsset) -> Value {
        let receipt = &asset.receipt;
        let path = receipt.path.strip_prefix("tiles/").unwrap_or(&receipt.path);
        let (media_type, role) = kind(path);
        let mut fields = json!({
            "href": format!("../{path}"),
            "type": media_type,
            "roles": [role],
            "file:checksum": format!("1220{}", hex::encode(&receipt.sha256)),
            "file:size": receipt.bytes,
        });
        if let (false, Some(fields)) = (asset.bands.is_empty(), fields.as_object_mut()) {
            let grid = self.grid;
            let Bounds {
                west,
                south,
                east,
                north,
            } = grid.bounds();
            let step = grid.resolution;
            let bands: Vec<Value> = asset.bands.iter().map(describe).collect();
            for (name, value) in [
                ("bands", json!(bands)),
                ("proj:code", json!(format!("EPSG:{}", grid.crs.epsg()))),
                ("proj:shape", json!([grid.height, grid.width])),
                (
                    "proj:transform",
                    json!([step, 0.0, grid.west, 0.0, -step, grid.north]),
                ),
                ("proj:bbox", json!([west, south, east, north])),
            ] {
                fields.insert(name.to_owned(), value);
            }
        }
        fields
    }

    /// The survey's time, widened to whole hours.
    fn interval(&self) -> Option<(String, String)> {
        let (first, last) = self.flown;
        let start = first.checked_sub(first.rem_euclid(HOUR))?;
        let end = last.checked_add((-last.rem_euclid(HOUR)).rem_euclid(HOUR))?;
        let text = |seconds| Some(Timestamp::from_second(seconds).ok()?.to_string());
        Some((text(start)?, text(end)?))
    }

    /// West, south, east, north in degrees, widened to the edges of the finest web tiles.
    fn footprint(&self) -> [f64; 4] {
        let edges = self.pyramid.geographic();
        let tiles = f64::from(self.pyramid.zooms().1).exp2();
        let column = |longitude: f64| (longitude + 180.0) / 360.0 * tiles;
        let longitude = |column: f64| column / tiles * 360.0 - 180.0;
        // Spherical Mercator, as EPSG:3857.
        let pi = std::f64::consts::PI;
        let row = |latitude: f64| (1.0 - latitude.to_radians().tan().asinh() / pi) / 2.0 * tiles;
        let latitude = |row: f64| (pi * (1.0 - 2.0 * row / tiles)).sinh().atan().to_degrees();
        // 1e-7 degrees are 11 mm; outward, so that the text holds no less than the tiles.
        let down = |degrees: f64| (degrees * 1e7).floor() / 1e7;
        let up = |degrees: f64| (degrees * 1e7).ceil() / 1e7;
        [
            down(longitude(column(edges.west).floor())),
            down(latitude(row(edges.south).ceil())),
            up(longitude(column(edges.east).ceil())),
            up(latitude(row(edges.north).floor())),
        ]
    }
}

fn describe((name, unit): &Band) -> Value {
    // STAC asks for units as UDUNITS-2 spells them.
    let unit = match *unit {
        "\u{b0}C" => "degree_Celsius",
        "W/m\u{b2}" => "W m-2",
        unit => unit,
    };
    let mut band = json!({ "name": name, "data_type": "float32", "nodata": "nan" });
    if let (false, Some(fields)) = (unit.is_empty(), band.as_object_mut()) {
        fields.insert("unit".to_owned(), json!(unit));
    }
    band
}

/// Media type and role of a file by its ending.
fn kind(path: &str) -> (&'static str, &'static str) {
    match path.rsplit('.').next() {
        Some("tif") => (
            "image/tiff; application=geotiff; profile=cloud-optimized",
            "data",
        ),
        Some("pmtiles") => ("application/vnd.pmtiles", "visual"),
        Some("mbtiles") => ("application/vnd.sqlite3", "visual"),
        Some("qml") => ("application/xml", "style"),
        Some("json") => ("application/json", "metadata"),
        _ => ("application/octet-stream", "data"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::georef::Crs;

    fn catalog(flown: (i64, i64), read: impl Fn(&Stac<'_>)) {
        let receipt = Receipt {
            path: "tiles/temperature.tif".into(),
            sha256: [0xab; 32],
            bytes: 7,
        };
        let bands: &[_] = &[("temperature", "\u{b0}C"), ("source frame", "")];
        let grid = Grid {
            crs: Crs::from_epsg(32630).unwrap(),
            resolution: 0.5,
            west: 699_000.0,
            north: 5_710_000.0,
            width: 200,
            height: 100,
        };
        read(&Stac {
            assets: &[StacAsset { receipt, bands }],
            grid: &grid,
            pyramid: &Pyramid::empty(Bounds {
                west: -0.1276,
                south: 51.5033,
                east: -0.1272,
                north: 51.5034,
            }),
            flown,
            operator: None,
        });
    }

    #[test]
    fn times_are_widened_to_whole_hours() {
        // 2026-01-15 22:30:00 to 22:41:07 UTC.
        catalog((1_768_516_200, 1_768_516_867), |stac| {
            let (start, end) = stac.interval().unwrap();
            assert_eq!(
                (start.as_str(), end.as_str()),
                ("2026-01-15T22:00:00Z", "2026-01-15T23:00:00Z")
            );
        });
        catalog((0, 3600), |stac| {
            let (start, end) = stac.interval().unwrap();
            assert_eq!(
                (start.as_str(), end.as_str()),
                ("1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z")
            );
        });
        for flown in [(i64::MIN, 0), (0, i64::MAX)] {
            catalog(flown, |stac| assert_eq!(stac.documents(), None));
        }
    }

    #[test]
    fn the_footprint_is_the_web_tiles_around_the_map() {
        catalog((0, 0), |stac| {
            let [west, south, east, north] = stac.footprint();
            // Zoom 0 has one tile: the whole Mercator square, whose edge is at 85.0511288 degrees.
            assert!((west + 180.0).abs() < 1e-9 && (east - 180.0).abs() < 1e-9);
            assert!((south + 85.051_128_8).abs() < 2e-7 && (north - 85.051_128_8).abs() < 2e-7);
        });
    }

    #[test]
    fn an_asset_has_its_checksum_as_a_multihash_and_its_place_on_the_grid() {
        catalog((0, 0), |stac| {
            let (_, StacDocument(item)) = stac.documents().unwrap();
            let asset = &item["assets"]["temperature.tif"];
            let checksum = format!("1220{}", "ab".repeat(32));
            assert_eq!(asset["file:checksum"], json!(checksum));
            assert_eq!(asset["href"], json!("../temperature.tif"));
            assert_eq!(asset["proj:shape"], json!([100, 200]));
            assert_eq!(
                asset["proj:bbox"],
                json!([699_000.0, 5_709_950.0, 699_100.0, 5_710_000.0])
            );
            assert_eq!(asset["bands"][0]["unit"], json!("degree_Celsius"));
            assert_eq!(asset["bands"][1]["unit"], Value::Null);
        });
    }
}
