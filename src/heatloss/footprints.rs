//! Outlines of buildings, from whatever file the asset register has.
//!
//! In: any OGR source (`GeoPackage`, `GeoJSON`, `FlatGeobuf`, Shapefile). Out: outlines in the map's metres, with their property
//! numbers and what is known of the roof. Refuses: files without a coordinate system, outlines that cross themselves, a
//! property number in two buildings, and files that lie elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gdal::Dataset;
use gdal::vector::{Feature, Geometry, Layer, LayerAccess};

use super::Ring;
use crate::georef::{Bounds, GeorefError, Projector};

/// Where the outlines are, and which fields say what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FootprintSource {
    /// Any file that OGR reads.
    pub path: PathBuf,
    /// Layer; `None` takes the only one.
    pub layer: Option<String>,
    /// Field of the building's own name; `None` numbers them.
    pub id: Option<String>,
    /// Field of the UPRN; several may stand in one, parted by `;`, `,` or spaces.
    pub uprn: Option<String>,
    /// Field of the roof's material.
    pub material: Option<String>,
    /// Field of the roof's emissivity; wins over the material's.
    pub emissivity: Option<String>,
    /// Field of the roof's tilt in degrees.
    pub tilt: Option<String>,
}

/// One building.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// Its name in the source.
    pub id: String,
    /// Unique Property Reference Numbers in it.
    pub uprns: Vec<String>,
    /// Polygons, each an outer ring and its holes: metres east and north in the run's map.
    pub polygons: Vec<Vec<Ring>>,
    /// Material of the roof, as the source has it.
    pub material: Option<String>,
    /// Emissivity of the roof, as the source has it.
    pub emissivity: Option<f64>,
    /// Tilt of the roof in degrees, as the source has it.
    pub tilt: Option<f64>,
}

/// Why outlines cannot be used.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum FootprintError {
    /// OGR cannot read it.
    #[error("could not read the buildings in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What GDAL says.
        source: gdal::errors::GdalError,
    },
    /// Nobody says where it lies.
    #[error("{}: no coordinate system; add one (`ogr2ogr -a_srs EPSG:27700 ...`)", path.display())]
    NoCrs {
        /// The file.
        path: PathBuf,
    },
    /// Its coordinate system cannot be used.
    #[error("{}: its coordinate system cannot be used", path.display())]
    Place {
        /// The file.
        path: PathBuf,
        /// Why.
        source: GeorefError,
    },
    /// A roof that no roof is like.
    #[error("{}: feature {feature}: {what} = {value} is not between {min} and {max}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The building's name.
        feature: String,
        /// `emissivity` or `tilt`.
        what: &'static str,
        /// What it says.
        value: f64,
        /// Least that is believed.
        min: f64,
        /// Most that is believed.
        max: f64,
    },
    /// Several layers, none named.
    #[error("{}: {count} layers; name one with [buildings] layer", path.display())]
    Layers {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// A field of the settings is not there.
    #[error("{}: no field {name:?}; it has {present}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// What the settings name.
        name: String,
        /// What there is.
        present: String,
    },
    /// Outlines that are no polygons or cross themselves.
    #[error("{}: the outlines of {} features are no valid polygons, first of feature {first}; repair them (`ogr2ogr -makevalid`)", path.display(), count)]
    Invalid {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// Number of the first.
        first: u64,
    },
    /// One property number, two buildings.
    #[error("{}: {} UPRNs stand in two buildings, first in features {first} and {second}", path.display(), count)]
    DuplicateUprn {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// Number of the first building.
        first: String,
        /// Number of the second.
        second: String,
    },
    /// None lies on the map.
    #[error("{}: none of its {count} buildings lies on the map; is it of another place, or in another coordinate system than it says?", path.display())]
    Elsewhere {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
}

/// Reads the buildings that touch `area` (the map, in its own metres).
///
/// # Errors
///
/// [`FootprintError`]. Nothing is repaired or dropped in silence.
pub fn read(
    source: &FootprintSource,
    projector: &Projector,
    area: Bounds,
) -> Result<Vec<Footprint>, FootprintError> {
    let path = || source.path.clone();
    let failed = |error| FootprintError::Read {
        path: path(),
        source: error,
    };
    let dataset = Dataset::open(&source.path).map_err(failed)?;
    let mut layer = source.layer(&dataset)?;
    let file = system(&source.path, &layer)?;
    let fields = Fields::of(source, &layer)?;
    let (mut found, mut seen) = (Vec::new(), 0_usize);
    let mut invalid: Vec<u64> = Vec::new();
    for feature in layer.features() {
        seen += 1;
        let number = feature.fid().unwrap_or_default();
        let polygons = feature
            .geometry()
            .filter(|shape| shape.is_valid())
            .and_then(polygons);
        let Some(polygons) = polygons else {
            invalid.push(number);
            continue;
        };
        let Some(polygons) = on_map(&polygons, &file, projector, area) else {
            continue;
        };
        let building = fields.building(&feature, polygons).map_err(failed)?;
        for (what, value, min, max) in [
            ("emissivity", building.emissivity, 0.01, 1.0),
            ("tilt", building.tilt, 0.0, 90.0),
        ] {
            if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
                let (path, feature) = (path(), building.id.clone());
                return Err(FootprintError::Value {
                    path,
                    feature,
                    what,
                    value,
                    min,
                    max,
                });
            }
        }
        found.push(building);
    }
    if let Some(&first) = invalid.first() {
        return Err(FootprintError::Invalid {
            path: path(),
            count: invalid.len(),
            first,
        });
    }
    check_uprns(&source.path, &found)?;
    if found.is_empty() {
        return Err(FootprintError::Elsewhere {
            path: path(),
            count: seen,
        });
    }
    Ok(found)
}

impl FootprintSource {
    /// Outlines of which nothing else is asked.
    #[must_use]
    pub fn outlines(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            layer: None,
            id: None,
            uprn: None,
            material: None,
            emissivity: None,
            tilt: None,
        }
    }

    /// Whether file, layer, coordinate system and fields are there, before any long work.
    ///
    /// # Errors
    ///
    /// [`FootprintError`].
    pub fn check(&self) -> Result<(), FootprintError> {
        let dataset = Dataset::open(&self.path).map_err(|source| FootprintError::Read {
            path: self.path.clone(),
            source,
        })?;
        let layer = self.layer(&dataset)?;
        system(&self.path, &layer)?;
        Fields::of(self, &layer).map(drop)
    }

    fn layer<'a>(&self, dataset: &'a Dataset) -> Result<Layer<'a>, FootprintError> {
        let layer = match &self.layer {
            Some(name) => dataset.layer_by_name(name),
            None if dataset.layer_count() == 1 => dataset.layer(0),
            None => {
                return Err(FootprintError::Layers {
                    path: self.path.clone(),
                    count: dataset.layer_count(),
                });
            }
        };
        layer.map_err(|source| FootprintError::Read {
            path: self.path.clone(),
            source,
        })
    }
}

/// The coordinate system of a layer.
pub(super) fn system(path: &Path, layer: &impl LayerAccess) -> Result<Projector, FootprintError> {
    let path = || path.to_path_buf();
    let system = layer
        .spatial_ref()
        .ok_or_else(|| FootprintError::NoCrs { path: path() })?;
    Projector::of(&system).map_err(|source| FootprintError::Place {
        path: path(),
        source,
    })
}

/// Refuses a property number that stands in two buildings.
pub(super) fn check_uprns(path: &Path, footprints: &[Footprint]) -> Result<(), FootprintError> {
    let mut owner: BTreeMap<&str, &str> = BTreeMap::new();
    let mut twice = Vec::new();
    for building in footprints {
        for uprn in &building.uprns {
            if let Some(first) = owner.insert(uprn, &building.id) {
                twice.push((first, &building.id));
            }
        }
    }
    match twice.first() {
        Some((first, second)) => Err(FootprintError::DuplicateUprn {
            path: path.to_path_buf(),
            count: twice.len(),
            first: (*first).to_owned(),
            second: (*second).clone(),
        }),
        None => Ok(()),
    }
}

/// The rings of a polygon or of several; `None` for other shapes.
pub(super) fn polygons(shape: &Geometry) -> Option<Vec<Vec<Ring>>> {
    match shape.geometry_name().as_str() {
        "POLYGON" => Some(vec![rings(shape)]),
        "MULTIPOLYGON" => Some(
            (0..shape.geometry_count())
                .map(|part| rings(&shape.get_geometry(part)))
                .collect(),
        ),
        _ => None,
    }
}

fn rings(polygon: &Geometry) -> Vec<Ring> {
    (0..polygon.geometry_count())
        .map(|ring| {
            let mut points = Vec::new();
            polygon.get_geometry(ring).get_points(&mut points);
            points.pop(); // the first again
            points.into_iter().map(|(x, y, _)| (x, y)).collect()
        })
        .collect()
}

/// The polygons in the map's metres; `None` where they do not touch `area` or cannot be projected.
fn on_map(
    polygons: &[Vec<Ring>],
    file: &Projector,
    map: &Projector,
    area: Bounds,
) -> Option<Vec<Vec<Ring>>> {
    let place = |&(x, y): &(f64, f64)| {
        let (longitude, latitude) = file.to_geographic(x, y).ok()?;
        map.to_map(longitude, latitude).ok()
    };
    let ring = |ring: &Ring| ring.iter().map(place).collect::<Option<Ring>>();
    let placed: Vec<Vec<Ring>> = polygons
        .iter()
        .map(|rings| rings.iter().map(ring).collect())
        .collect::<Option<_>>()?;
    let outline: Vec<(f64, f64)> = placed.iter().flatten().flatten().copied().collect();
    Bounds::around(&outline)?.intersection(area).map(|_| placed)
}

/// Numbers of the fields that the settings name.
struct Fields {
    id: Option<usize>,
    uprn: Option<usize>,
    material: Option<usize>,
    emissivity: Option<usize>,
    tilt: Option<usize>,
}

impl Fields {
    fn of(source: &FootprintSource, layer: &impl LayerAccess) -> Result<Self, FootprintError> {
        let present: Vec<String> = layer.defn().fields().map(|field| field.name()).collect();
        let index = |name: &Option<String>| {
            let Some(name) = name else { return Ok(None) };
            let at = present.iter().position(|field| field == name);
            at.map(Some).ok_or_else(|| FootprintError::Field {
                path: source.path.clone(),
                name: name.clone(),
                present: present.join(", "),
            })
        };
        Ok(Self {
            id: index(&source.id)?,
            uprn: index(&source.uprn)?,
            material: index(&source.material)?,
            emissivity: index(&source.emissivity)?,
            tilt: index(&source.tilt)?,
        })
    }

    fn building(
        &self,
        feature: &Feature<'_>,
        polygons: Vec<Vec<Ring>>,
    ) -> Result<Footprint, gdal::errors::GdalError> {
        let text = |index: Option<usize>| match index {
            Some(index) => feature.field_as_string(index),
            None => Ok(None),
        };
        let number = |index: Option<usize>| match index {
            Some(index) => feature.field_as_double(index),
            None => Ok(None),
        };
        let uprns = text(self.uprn)?.unwrap_or_default();
        Ok(Footprint {
            id: text(self.id)?.unwrap_or_else(|| feature.fid().unwrap_or_default().to_string()),
            uprns: uprns
                .split([';', ',', ' '])
                .map(str::trim)
                .filter(|uprn| !uprn.is_empty())
                .map(str::to_owned)
                .collect(),
            polygons,
            material: text(self.material)?,
            emissivity: number(self.emissivity)?,
            tilt: number(self.tilt)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Position, PositionSource};
    use crate::georef::Crs;
    use crate::units::Degrees;

    /// A square of 0.0002 degrees at 1.7 E, 52.6 N, shifted east by `step` squares.
    fn square(step: f64, uprn: &str) -> String {
        let (west, east) = (1.7 + 0.0003 * step, 1.7002 + 0.0003 * step);
        format!(
            r#"{{"type":"Feature","properties":{{"uprn":"{uprn}","kind":"tile"}},"geometry":{{"type":"Polygon","coordinates":[[[{west},52.6],[{east},52.6],[{east},52.6002],[{west},52.6002],[{west},52.6]]]}}}}"#
        )
    }

    /// Reads features from GDAL's memory files, so that no test writes to disk.
    fn outcome(name: &str, features: &[String]) -> Result<Vec<Footprint>, FootprintError> {
        let path = format!("/vsimem/{name}.geojson");
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{}]}}"#,
            features.join(",")
        );
        gdal::vsi::create_mem_file(&path, text.into_bytes()).unwrap();
        let source = FootprintSource {
            path: path.into(),
            layer: None,
            id: None,
            uprn: Some("uprn".into()),
            material: Some("kind".into()),
            emissivity: None,
            tilt: None,
        };
        let position = Position {
            latitude: Degrees(52.6),
            longitude: Degrees(1.7),
            source: PositionSource::Xmp,
            accuracy: None,
            vertical_accuracy: None,
        };
        let projector = Crs::for_positions([position]).unwrap().projector().unwrap();
        let (east, north) = projector.to_map(1.7, 52.6).unwrap();
        let area = Bounds {
            west: east - 500.0,
            south: north - 500.0,
            east: east + 500.0,
            north: north + 500.0,
        };
        read(&source, &projector, area)
    }

    #[test]
    fn outlines_come_in_metres_with_their_numbers() {
        let found = outcome("good", &[square(0.0, "1;2"), square(1.0, "")]).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].uprns, ["1", "2"]);
        assert!(found[1].uprns.is_empty());
        assert_eq!(found[0].material.as_deref(), Some("tile"));
        // 0.0002 degrees: 22.26 m of latitude, 13.55 m of longitude at 52.6 N on the ellipsoid.
        let area = super::super::signed_area(&found[0].polygons[0][0]).abs();
        assert!((area - 22.26 * 13.55).abs() < 0.5, "{area}");
    }

    #[test]
    fn a_file_of_another_place_is_refused() {
        let far = square(0.0, "1").replace("52.6", "54.6");
        assert!(matches!(
            outcome("far", &[far]),
            Err(FootprintError::Elsewhere { count: 1, .. })
        ));
    }

    #[test]
    fn a_property_in_two_buildings_is_refused() {
        let found = outcome("twice", &[square(0.0, "7"), square(1.0, "7")]);
        assert!(matches!(
            found,
            Err(FootprintError::DuplicateUprn { count: 1, .. })
        ));
    }

    #[test]
    fn outlines_that_cross_themselves_are_refused() {
        let bow = r#"{"type":"Feature","properties":{"uprn":"1","kind":""},"geometry":{"type":"Polygon","coordinates":[[[1.7,52.6],[1.7002,52.6002],[1.7002,52.6],[1.7,52.6002],[1.7,52.6]]]}}"#;
        let found = outcome("bow", &[square(1.0, "2"), bow.into()]);
        assert!(matches!(
            found,
            Err(FootprintError::Invalid { count: 1, .. })
        ));
    }

    /// `ogr2ogr -t_srs EPSG:27700` has no OSTN15 here; the corners are those of `Projector`'s own tested vector, moved by 10 m.
    #[test]
    fn british_outlines_lie_where_ostn15_puts_them() {
        let (east, north) = (651_409.80, 313_177.45);
        let corner = |dx: f64, dy: f64| format!("[{},{}]", east + dx, north + dy);
        let ring = [
            corner(0.0, 0.0),
            corner(10.0, 0.0),
            corner(10.0, 10.0),
            corner(0.0, 10.0),
            corner(0.0, 0.0),
        ];
        let path = "/vsimem/bng.geojson";
        let text = format!(
            r#"{{"type":"FeatureCollection","crs":{{"type":"name","properties":{{"name":"urn:ogc:def:crs:EPSG::27700"}}}},"features":[{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[[{}]]}}}}]}}"#,
            ring.join(",")
        );
        gdal::vsi::create_mem_file(path, text.into_bytes()).unwrap();
        let source = FootprintSource {
            path: path.into(),
            layer: None,
            id: None,
            uprn: None,
            material: None,
            emissivity: None,
            tilt: None,
        };
        let projector = Crs::from_epsg(32_631).unwrap().projector().unwrap();
        let (east, north) = projector.to_map(1.716_073_973, 52.658_007_833).unwrap();
        let area = Bounds {
            west: east - 50.0,
            south: north - 50.0,
            east: east + 50.0,
            north: north + 50.0,
        };
        let found = read(&source, &projector, area).unwrap();
        let corner = found[0].polygons[0][0][0];
        assert!(
            (corner.0 - east).hypot(corner.1 - north) < 0.03,
            "{corner:?} {east} {north}"
        );
    }

    #[test]
    fn a_field_that_is_not_there_is_named_with_those_that_are() {
        let plain = square(0.0, "1").replace("kind", "other");
        let message = outcome("field", &[plain]).unwrap_err().to_string();
        assert!(
            message.contains("\"kind\"") && message.contains("uprn, other"),
            "{message}"
        );
    }
}
