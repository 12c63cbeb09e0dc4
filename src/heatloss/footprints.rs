//! Outlines of buildings, from whatever file the asset register has.
//!
//! In: any OGR source (`GeoPackage`, `GeoJSON`, `FlatGeobuf`, Shapefile). Out: outlines in the map's metres, with their property
//! numbers and what is known of the roof. Refuses: files without a coordinate system, outlines that cross themselves, a
//! property number in two buildings, and files that lie elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gdal::Dataset;
use gdal::vector::{Feature, Geometry, Layer, LayerAccess};

use super::{FootprintError, Ring};
use crate::georef::{Bounds, Projector};
use crate::outside::{self, VECTORS};

/// Where the outlines are, and which fields say what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FootprintSource {
    /// Any file that OGR reads.
    pub path: PathBuf,
    /// GDAL's driver; `None` takes any. A file that somebody else made could else lead GDAL to other files or the network.
    pub driver: Option<&'static str>,
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

impl Footprint {
    /// The smallest rectangle around all its polygons; `None` where it has none.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        Bounds::around(&self.polygons.concat().concat())
    }
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
    let formats = source.driver.as_ref().map(std::slice::from_ref);
    let dataset = outside::open(&source.path, formats.unwrap_or(VECTORS)).map_err(failed)?;
    let mut layer = source.layer(&dataset)?;
    let file = system(&source.path, &layer)?;
    let fields = Fields::of(source, &layer)?;
    let (mut found, mut seen) = (Vec::new(), 0_usize);
    let mut invalid: Vec<u64> = Vec::new();
    for feature in layer.features() {
        seen += 1;
        let number = feature.fid().unwrap_or_default();
        let Some(polygons) = outline(&feature) else {
            invalid.push(number);
            continue;
        };
        let placed = on_map(&polygons, &file, projector, area).ok_or_else(|| {
            let (path, feature) = (path(), number);
            FootprintError::Unplaced { path, feature }
        })?;
        let Some(polygons) = placed else {
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
    refuse(&source.path, &invalid)?;
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
            driver: None,
            path: path.to_path_buf(),
            layer: None,
            id: None,
            uprn: None,
            material: None,
            emissivity: None,
            tilt: None,
        }
    }

    /// Whether file, layer, coordinate system and fields are there and every outline can be used, before any long work.
    ///
    /// # Errors
    ///
    /// [`FootprintError`].
    pub fn check(&self) -> Result<(), FootprintError> {
        let dataset = open(&self.path)?;
        let mut layer = self.layer(&dataset)?;
        system(&self.path, &layer)?;
        Fields::of(self, &layer)?;
        let broken = layer
            .features()
            .filter(|feature| outline(feature).is_none());
        let invalid: Vec<u64> = broken
            .map(|feature| feature.fid().unwrap_or_default())
            .collect();
        refuse(&self.path, &invalid)
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

/// Opens a plain file, before any long work.
pub(super) fn open(path: &Path) -> Result<Dataset, FootprintError> {
    if !path.is_file() {
        let path = path.to_path_buf();
        return Err(FootprintError::NoFile { path });
    }
    outside::open(path, VECTORS).map_err(|source| FootprintError::Read {
        path: path.to_path_buf(),
        source,
    })
}

/// The polygons of a feature; `None` where it has none, or they cross themselves.
fn outline(feature: &Feature<'_>) -> Option<Vec<Vec<Ring>>> {
    let shape = feature.geometry().filter(|shape| shape.is_valid())?;
    polygons(shape)
}

/// Refuses a file of which features, by number, have no outline.
fn refuse(path: &Path, invalid: &[u64]) -> Result<(), FootprintError> {
    match *invalid {
        [] => Ok(()),
        [first, ..] => Err(FootprintError::Invalid {
            path: path.to_path_buf(),
            count: invalid.len(),
            first,
        }),
    }
}

/// The number of a layer's field.
pub(super) fn field(
    path: &Path,
    layer: &impl LayerAccess,
    name: &str,
) -> Result<usize, FootprintError> {
    let present: Vec<String> = layer.defn().fields().map(|field| field.name()).collect();
    let at = present.iter().position(|field| field == name);
    at.ok_or_else(|| FootprintError::Field {
        path: path.to_path_buf(),
        name: name.to_owned(),
        present: present.join(", "),
    })
}

/// The coordinate system of a layer.
pub(super) fn system(path: &Path, layer: &impl LayerAccess) -> Result<Projector, FootprintError> {
    let path = || path.to_path_buf();
    // A GeoPackage without a system says so by the name of one.
    let is_known = |system: &gdal::spatial_ref::SpatialRef| {
        let name = system.name().unwrap_or_default();
        !name.to_lowercase().starts_with("undefined")
    };
    let system = layer.spatial_ref().filter(is_known);
    let system = system.ok_or_else(|| FootprintError::NoCrs { path: path() })?;
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
pub(crate) fn polygons(shape: &Geometry) -> Option<Vec<Vec<Ring>>> {
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

/// The polygons in the map's metres, or that they do not touch `area`; `None` where nobody can say.
#[expect(clippy::option_option, reason = "not on the map, or not known")]
fn on_map(
    polygons: &[Vec<Ring>],
    file: &Projector,
    map: &Projector,
    area: Bounds,
) -> Option<Option<Vec<Vec<Ring>>>> {
    // Beyond where the map's own system holds is beyond the map.
    let place = |&(x, y): &(f64, f64)| -> Option<Option<(f64, f64)>> {
        let (longitude, latitude) = file.to_geographic(x, y).ok()?;
        let is_on_globe = longitude.abs() <= 180.0 && latitude.abs() <= 90.0;
        is_on_globe.then(|| map.to_map(longitude, latitude).ok())
    };
    let points = polygons.iter().flatten().flatten();
    let placed: Vec<Option<(f64, f64)>> = points.map(place).collect::<Option<_>>()?;
    if placed.iter().all(Option::is_none) {
        return Some(None);
    }
    let placed: Ring = placed.into_iter().collect::<Option<_>>()?;
    let touches = Bounds::around(&placed).and_then(|around| around.intersection(area));
    let mut points = placed.into_iter();
    let mut ring = |ring: &Ring| points.by_ref().take(ring.len()).collect();
    let rings = polygons
        .iter()
        .map(|rings| rings.iter().map(&mut ring).collect());
    let rings: Vec<Vec<Ring>> = rings.collect();
    Some(touches.map(|_| rings))
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
        let index = |name: &Option<String>| -> Result<Option<usize>, FootprintError> {
            let name = name.as_deref();
            name.map(|name| field(&source.path, layer, name))
                .transpose()
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
        gdal::vsi::create_mem_file(&path, collection(&features.join(","))).unwrap();
        let source = FootprintSource {
            uprn: Some("uprn".into()),
            material: Some("kind".into()),
            ..FootprintSource::outlines(Path::new(&path))
        };
        let (projector, area) = place();
        read(&source, &projector, area)
    }

    fn collection(features: &str) -> Vec<u8> {
        format!(r#"{{"type":"FeatureCollection","features":[{features}]}}"#).into_bytes()
    }

    /// The map of these tests: half a kilometre around the first square.
    fn place() -> (Projector, Bounds) {
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
        (projector, area)
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
        let source = FootprintSource::outlines(Path::new(path));
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

    #[test]
    fn an_outline_that_nobody_can_place_is_no_outline_elsewhere() {
        let far = square(90.0, "2").replace("52.6", "2.6");
        assert_eq!(outcome("far", &[square(0.0, "1"), far]).unwrap().len(), 1);
        // Metres in a file that says degrees.
        let metres = square(0.0, "2").replace("1.7,52.6]", "630000,305000]");
        let metres = metres
            .replace("1.7002", "630010")
            .replace("52.6002", "305010");
        let refused = outcome("metres", &[square(3.0, "1"), metres]).unwrap_err();
        assert!(
            matches!(refused, FootprintError::Unplaced { feature: 1, .. }),
            "{refused}"
        );
    }

    #[test]
    fn a_roof_that_no_roof_is_like_is_refused() {
        for (emissivity, tilt, what) in [("0", "30", "emissivity"), ("0.9", "120", "tilt")] {
            let path = format!("/vsimem/odd-{what}.geojson");
            let text = square(0.0, "1").replace(
                r#""kind":"tile""#,
                &format!(r#""e":{emissivity},"t":{tilt}"#),
            );
            gdal::vsi::create_mem_file(&path, collection(&text)).unwrap();
            let source = FootprintSource {
                emissivity: Some("e".into()),
                tilt: Some("t".into()),
                ..FootprintSource::outlines(Path::new(&path))
            };
            let (projector, area) = place();
            let refused = read(&source, &projector, area).unwrap_err();
            assert!(
                matches!(&refused, FootprintError::Value { what: found, .. } if *found == what),
                "{refused}"
            );
        }
    }

    #[test]
    fn outlines_of_which_nobody_says_where_they_lie_are_refused() {
        let path = "/vsimem/nowhere.gpkg";
        let driver = gdal::DriverManager::get_driver_by_name("GPKG").unwrap();
        let mut file = driver.create_vector_only(path).unwrap();
        let layer = file
            .create_layer(gdal::vector::LayerOptions {
                name: "homes",
                ty: gdal::vector::OGRwkbGeometryType::wkbPolygon,
                ..gdal::vector::LayerOptions::default()
            })
            .unwrap();
        let mut feature = Feature::new(layer.defn()).unwrap();
        feature
            .set_geometry(Geometry::bbox(1.7, 52.6, 1.7002, 52.6002).unwrap())
            .unwrap();
        feature.create(&layer).unwrap();
        drop(feature);
        file.close().unwrap();
        let (projector, area) = place();
        let refused = read(
            &FootprintSource::outlines(Path::new(path)),
            &projector,
            area,
        );
        assert!(
            matches!(refused, Err(FootprintError::NoCrs { .. })),
            "{refused:?}"
        );
    }
}
