//! Outlines of buildings, from whatever file the asset register has.
//!
//! In: any OGR source (`GeoPackage`, `GeoJSON`, `FlatGeobuf`, Shapefile). Out: outlines in the map's metres, with their property
//! numbers and what is known of the roof. Refuses: files without a coordinate system, outlines that are empty or cross
//! themselves, a name or a property number of two buildings, and files that lie elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gdal::Dataset;
use gdal::vector::{Feature, Geometry, Layer, LayerAccess};

use super::{FootprintError, Ring};
use crate::complaints::features;
use crate::georef::{Bounds, Projector};
use crate::outside::{self, Copied, VECTORS};

/// Where the outlines are, and which fields say what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FootprintSource {
    /// Any file that OGR reads.
    pub path: PathBuf,
    /// GDAL's driver; `None` takes any. A file that somebody else made could else lead GDAL to other files or the network.
    pub driver: Option<&'static str>,
    /// Layer; `None` takes the only one.
    pub layer: Option<String>,
    /// Field of the building's own name, which no other bears; `None` numbers them.
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
    let failed = |error| FootprintError::Read {
        path: source.path.clone(),
        source: error,
    };
    let ask = || read_once(source, &source.path, projector, area);
    let (found, count) = outside::steadily(&source.path, failed, ask)?;
    if found.is_empty() {
        let path = source.path.clone();
        return Err(FootprintError::Elsewhere { path, count });
    }
    Ok(found)
}

/// As [`read`], of a file that lies elsewhere in memory, and maybe none.
pub(super) fn read_copied(
    source: &FootprintSource,
    copied: &Copied,
    projector: &Projector,
    area: Bounds,
) -> Result<Vec<Footprint>, FootprintError> {
    read_once(source, copied.path(), projector, area).map(|(found, _)| found)
}

/// Those that touch `area`, and how many there are in all.
fn read_once(
    source: &FootprintSource,
    file: &Path,
    projector: &Projector,
    area: Bounds,
) -> Result<(Vec<Footprint>, usize), FootprintError> {
    let path = || source.path.clone();
    let failed = |error| FootprintError::Read {
        path: path(),
        source: error,
    };
    let formats = source.driver.as_ref().map(std::slice::from_ref);
    let formats = formats.unwrap_or(VECTORS);
    let dataset = outside::open_vectors(file, formats).map_err(failed)?;
    let mut layer = source.layer(&dataset)?;
    let system = system(&source.path, &layer)?;
    let fields = Fields::of(source, &layer)?;
    let (mut found, mut seen) = (Vec::new(), 0_usize);
    let mut invalid: Vec<u64> = Vec::new();
    for feature in features(&mut layer) {
        let feature = feature.map_err(failed)?;
        seen += 1;
        let number = feature.fid().unwrap_or_default();
        let Some(polygons) = outline(&feature) else {
            invalid.push(number);
            continue;
        };
        let placed = on_map(&polygons, &system, projector, area).ok_or_else(|| {
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
    if source.id.is_some() {
        check_ids(
            &source.path,
            found.iter().map(|building| building.id.as_str()),
        )?;
    }
    Ok((found, seen))
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

    /// Whether file, layer, coordinate system and fields are there, every outline can be used and no two bear one name, before any
    /// long work.
    ///
    /// # Errors
    ///
    /// [`FootprintError`].
    pub fn check(&self) -> Result<(), FootprintError> {
        refuse_no_file(&self.path)?;
        self.check_at(&self.path)
    }

    /// As [`FootprintSource::check`], of a file that lies at `file` now.
    pub(super) fn check_at(&self, file: &Path) -> Result<(), FootprintError> {
        let failed = |source| FootprintError::Read {
            path: self.path.clone(),
            source,
        };
        let dataset = outside::open_vectors(file, VECTORS).map_err(failed)?;
        let mut layer = self.layer(&dataset)?;
        system(&self.path, &layer)?;
        let fields = Fields::of(self, &layer)?;
        let (mut invalid, mut ids) = (Vec::new(), Vec::new());
        for feature in features(&mut layer) {
            let feature = feature.map_err(failed)?;
            if outline(&feature).is_none() {
                invalid.push(feature.fid().unwrap_or_default());
            }
            if self.id.is_some() {
                ids.push(fields.id(&feature).map_err(failed)?);
            }
        }
        refuse(&self.path, &invalid)?;
        check_ids(&self.path, ids.iter().map(String::as_str))
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
    refuse_no_file(path)?;
    outside::open_vectors(path, VECTORS).map_err(|source| FootprintError::Read {
        path: path.to_path_buf(),
        source,
    })
}

/// Refuses what is no plain file.
pub(crate) fn refuse_no_file(path: &Path) -> Result<(), FootprintError> {
    if path.is_file() {
        return Ok(());
    }
    let path = path.to_path_buf();
    Err(FootprintError::NoFile { path })
}

/// The polygons of a feature; `None` where it has none, one is empty, or they cross themselves.
fn outline(feature: &Feature<'_>) -> Option<Vec<Vec<Ring>>> {
    let shape = feature.geometry().filter(|shape| shape.is_valid())?;
    // GEOS calls an empty polygon valid.
    let has_outer = |rings: &Vec<Ring>| rings.first().is_some_and(|outer| !outer.is_empty());
    polygons(shape).filter(|polygons| !polygons.is_empty() && polygons.iter().all(has_outer))
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

/// Refuses a name that two buildings bear: tables, parts of roofs and pages tell buildings apart by it.
fn check_ids<'a>(path: &Path, ids: impl Iterator<Item = &'a str>) -> Result<(), FootprintError> {
    let mut known = BTreeSet::new();
    let twice: Vec<&str> = ids.filter(|id| !known.insert(*id)).collect();
    match *twice {
        [] => Ok(()),
        [first, ..] => Err(FootprintError::DuplicateId {
            path: path.to_path_buf(),
            count: twice.len(),
            first: first.to_owned(),
        }),
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

    /// The building's own name, else its number in the file.
    fn id(&self, feature: &Feature<'_>) -> gdal::errors::Result<String> {
        let named = text(feature, self.id)?;
        Ok(named.unwrap_or_else(|| feature.fid().unwrap_or_default().to_string()))
    }

    fn building(
        &self,
        feature: &Feature<'_>,
        polygons: Vec<Vec<Ring>>,
    ) -> Result<Footprint, gdal::errors::GdalError> {
        let text = |index| text(feature, index);
        let number = |index: Option<usize>| match index {
            Some(index) => feature.field_as_double(index),
            None => Ok(None),
        };
        let uprns = text(self.uprn)?.unwrap_or_default();
        Ok(Footprint {
            id: self.id(feature)?,
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

fn text(feature: &Feature<'_>, field: Option<usize>) -> gdal::errors::Result<Option<String>> {
    field.map_or(Ok(None), |field| feature.field_as_string(field))
}

#[cfg(test)]
mod tests;
