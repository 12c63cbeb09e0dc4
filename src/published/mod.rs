//! A finished run, checked: its log and its table of buildings, for what is made from published files alone.
//!
//! In: an output folder that nobody trusts. Out: [`Published`]: heat loss parameters, homes, and the way to the rasters. Refuses:
//! folders that do not verify, tables that changed since, and tables in which two buildings bear one name.

mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gdal::errors::GdalError;
use gdal::vector::{Feature, FieldValue, LayerAccess};
use gdal::{Dataset, DatasetOptions};
use sha2::{Digest, Sha256};

pub use error::PublishedError;

use crate::audit::{self, AuditError, Entry, HeatLossParameters, VerifyOptions};
use crate::complaints::{features, strictly};
use crate::heatloss::{Interval, Part, Ring, Row, Value, footprint_polygons};
use crate::hex;
use crate::outside::{self, Copied};
use crate::store::layout;

/// Bytes of a table of buildings; that of a city has a tenth.
const LONGEST: u64 = 1 << 31;

/// A run whose log and files verified when it was opened.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its folder.
    pub folder: PathBuf,
    /// Tree head of its log, hex.
    pub root: String,
    /// Entries of its log.
    pub entries: u64,
    /// What the check could not show.
    pub notes: Vec<String>,
    /// What heat loss was worked out with; `None` without weather.
    pub heat_loss: Option<HeatLossParameters>,
    /// Rows of the table of buildings, in its order.
    pub homes: Vec<Home>,
    /// EPSG code of the map and of the outlines.
    pub epsg: u32,
    /// SHA-256 of published files by path, hex.
    files: BTreeMap<String, String>,
}

/// A row of the table of buildings.
#[derive(Debug, Clone, PartialEq)]
pub struct Home {
    /// Its name in the source of the outlines.
    pub id: String,
    /// Unique Property Reference Numbers in it.
    pub uprns: Vec<String>,
    /// Each an outer ring and its holes, in the map's metres.
    pub polygons: Vec<Vec<Ring>>,
    /// All fields by name.
    pub values: BTreeMap<String, Value>,
    /// The parts of its roof, where the table has them: rows like its own, by the fields of `building_parts`.
    pub parts: Vec<Self>,
}

impl Home {
    /// A number of the table; `None` where it is not known, or no field of this name.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<f64> {
        match self.values.get(field)? {
            Value::Number(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "counts of neighbours and spots")]
            Value::Whole(number) => Some(*number as f64),
            Value::Text(_) | Value::Missing => None,
        }
    }

    /// A text of the table; empty where it is not known.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        match self.values.get(field) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// An estimate with its interval: the fields `estimate`, `low` and `high`.
    #[must_use]
    pub fn interval(&self, [estimate, low, high]: [&str; 3]) -> Option<Interval> {
        Some(Interval {
            estimate: self.number(estimate)?,
            low: self.number(low)?,
            high: self.number(high)?,
        })
    }
}

impl Published {
    /// Checks a folder and reads its log and its table. `key` is the verifier key received by another way.
    ///
    /// # Errors
    ///
    /// [`PublishedError::NotVerified`] with every problem found; otherwise what cannot be read.
    pub fn open(folder: &Path, key: Option<&str>) -> Result<Self, PublishedError> {
        let folder = folder.to_path_buf();
        let options = VerifyOptions {
            key: key.map(str::to_owned),
            checkpoint: None,
            ..VerifyOptions::default()
        };
        let found = audit::verify(&folder, &options)?;
        let refuse = |problems| PublishedError::NotVerified {
            folder: folder.clone(),
            problems,
        };
        if !found.ok() {
            return Err(refuse(found.problems));
        }
        let changed = |path: &str| refuse(vec![format!("{path} changed while it was read")]);
        let entries = audit::read_verified(&folder, &found.root).map_err(|error| match error {
            AuditError::Unverified { problems, .. } => refuse(problems),
            error => error.into(),
        })?;
        let mut files = BTreeMap::new();
        let mut heat_loss: Option<HeatLossParameters> = None;
        for entry in entries {
            match entry {
                Entry::HeatLoss(parameters) => match &mut heat_loss {
                    Some(first) => first.take(parameters),
                    None => heat_loss = Some(parameters),
                },
                Entry::TileEmitted(tile) => drop(files.insert(tile.path, tile.sha256)),
                Entry::Buildings(table) => {
                    files.extend(table.files.into_iter().map(|file| (file.path, file.sha256)));
                }
                _ => {}
            }
        }
        let Some(sha256) = files.get(layout::BUILDINGS_GPKG) else {
            return Err(PublishedError::NoTable { folder });
        };
        let table = read(&folder, layout::BUILDINGS_GPKG)?;
        if hex::encode(&<[u8; 32]>::from(Sha256::digest(&table))) != *sha256 {
            return Err(changed(layout::BUILDINGS_GPKG));
        }
        let path = folder.join(layout::BUILDINGS_GPKG);
        let (homes, epsg) = homes(table).map_err(|source| {
            let path = path.clone();
            PublishedError::Gdal { path, source }
        })?;
        if let Some(id) = twice(&homes) {
            let id = id.to_owned();
            return Err(PublishedError::Twice { path, id });
        }
        Ok(Self {
            root: found.root,
            entries: found.entries,
            notes: found.notes,
            heat_loss,
            homes,
            epsg,
            files,
            folder,
        })
    }

    /// Where a published raster lies; `None` where the run published none.
    #[must_use]
    pub fn raster(&self, path: &str) -> Option<PathBuf> {
        self.files.get(path).map(|_| self.folder.join(path))
    }
}

fn read(folder: &Path, path: &str) -> Result<Vec<u8>, PublishedError> {
    let path = folder.join(path);
    outside::read(&path, LONGEST).map_err(|source| PublishedError::Read { path, source })
}

/// The rows of a `GeoPackage`, from its bytes: the ones whose hash was checked.
fn homes(table: Vec<u8>) -> gdal::errors::Result<(Vec<Home>, u32)> {
    if table.is_empty() {
        return Err(GdalError::BadArgument("the table is empty".into()));
    }
    let copied = Copied::alone(Path::new("published.gpkg"), table)?;
    rows(copied.path())
}

fn rows(path: &Path) -> gdal::errors::Result<(Vec<Home>, u32)> {
    // Another driver could follow what the file says to other files or the network.
    let options = DatasetOptions {
        allowed_drivers: Some(&["GPKG"]),
        ..DatasetOptions::default()
    };
    let dataset = strictly(|| Dataset::open_ex(path, options))?;
    let mut layer = dataset.layer_by_name("buildings")?;
    let system = layer.spatial_ref().map(|system| system.auth_code());
    let epsg = system
        .transpose()?
        .and_then(|code| u32::try_from(code).ok());
    let names: Vec<String> = layer.defn().fields().map(|field| field.name()).collect();
    let mut homes = Vec::new();
    for feature in features(&mut layer) {
        homes.push(home(&feature?, &names)?);
    }
    let mut parts = parts(&dataset)?;
    for home in &mut homes {
        home.parts = parts.remove(&home.id).unwrap_or_default();
    }
    Ok((homes, epsg.unwrap_or_default()))
}

/// A name that two homes bear: nobody can say whose the parts of that name are.
fn twice(homes: &[Home]) -> Option<&str> {
    let mut known = BTreeSet::new();
    let mut names = homes.iter().map(|home| home.id.as_str());
    names.find(|id| !known.insert(*id))
}

/// Parts of roofs by the name of their building; none where the table has no such layer.
fn parts(dataset: &Dataset) -> gdal::errors::Result<BTreeMap<String, Vec<Home>>> {
    let mut found: BTreeMap<String, Vec<Home>> = BTreeMap::new();
    for mut layer in dataset.layers() {
        if layer.name() != Part::TABLE {
            continue;
        }
        let names: Vec<String> = layer.defn().fields().map(|field| field.name()).collect();
        for feature in features(&mut layer) {
            let part = home(&feature?, &names)?;
            found.entry(part.id.clone()).or_default().push(part);
        }
    }
    Ok(found)
}

fn home(feature: &Feature<'_>, names: &[String]) -> gdal::errors::Result<Home> {
    let mut values = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        let value = match feature.field(at)? {
            Some(FieldValue::StringValue(text)) => Value::Text(text),
            Some(FieldValue::RealValue(number)) => Value::Number(number),
            Some(FieldValue::Integer64Value(number)) => Value::Whole(number),
            Some(FieldValue::IntegerValue(number)) => Value::Whole(number.into()),
            _ => Value::Missing,
        };
        values.insert(name.clone(), value);
    }
    let polygons = feature.geometry().and_then(footprint_polygons);
    let mut home = Home {
        id: String::new(),
        uprns: Vec::new(),
        polygons: polygons.unwrap_or_default(),
        values,
        parts: Vec::new(),
    };
    home.id = home.text("id").to_owned();
    let uprns = home.text("uprn").split(';').filter(|uprn| !uprn.is_empty());
    home.uprns = uprns.map(str::to_owned).collect();
    Ok(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty file in memory ended the process when it was forgotten (found by fuzzing).
    #[test]
    fn an_empty_table_is_refused() {
        assert!(homes(Vec::new()).is_err());
    }

    /// A `GeoPackage` of buildings and of as many parts, by these names.
    fn table(name: &str, ids: &[&str]) -> Vec<u8> {
        let path = format!("/vsimem/heatveil/table-{name}.gpkg");
        let driver = gdal::DriverManager::get_driver_by_name("GPKG").unwrap();
        let mut file = driver.create_vector_only(&path).unwrap();
        let system = gdal::spatial_ref::SpatialRef::from_epsg(32_631).unwrap();
        for layer in ["buildings", Part::TABLE] {
            let options = gdal::vector::LayerOptions {
                name: layer,
                srs: Some(&system),
                ..gdal::vector::LayerOptions::default()
            };
            let layer = file.create_layer(options).unwrap();
            let text = gdal::vector::OGRFieldType::OFTString;
            layer.create_defn_fields(&[("id", text)]).unwrap();
            for id in ids {
                let mut feature = Feature::new(layer.defn()).unwrap();
                feature.set_field_string(0, id).unwrap();
                feature.create(&layer).unwrap();
            }
        }
        file.close().unwrap();
        gdal::vsi::get_vsi_mem_file_bytes_owned(&path).unwrap()
    }

    /// The first of two had the parts of both, and the second none.
    #[test]
    fn a_name_that_two_buildings_bear_is_found() {
        let (apart, epsg) = homes(table("apart", &["a", "b"])).unwrap();
        let parts: Vec<usize> = apart.iter().map(|home| home.parts.len()).collect();
        assert_eq!((parts, epsg), (vec![1, 1], 32_631));
        assert_eq!(twice(&apart), None);
        let (alike, _) = homes(table("alike", &["a", "b", "a"])).unwrap();
        assert_eq!(twice(&alike), Some("a"));
    }

    /// A file of `GDAL`'s own that says: read another one. With a driver of its choice it could name any file, or an address.
    #[test]
    fn a_table_that_leads_elsewhere_is_not_followed() {
        let elsewhere = "/vsimem/heatveil/elsewhere.geojson";
        let text = r#"{"type":"FeatureCollection","name":"buildings","features":[
            {"type":"Feature","properties":{"id":"secret"},"geometry":{"type":"Point","coordinates":[1,2]}}]}"#;
        gdal::vsi::create_mem_file(elsewhere, text.as_bytes().to_vec()).unwrap();
        let leads = format!(
            r#"<OGRVRTDataSource><OGRVRTLayer name="buildings"><SrcDataSource>{elsewhere}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"#
        );
        // GDAL itself would follow.
        let path = "/vsimem/heatveil/leads.gpkg";
        gdal::vsi::create_mem_file(path, leads.clone().into_bytes()).unwrap();
        let followed = Dataset::open(path).unwrap();
        let mut layer = followed.layer_by_name("buildings").unwrap();
        assert_eq!(layer.features().count(), 1);
        assert!(homes(leads.into_bytes()).is_err());
        for path in [path, elsewhere] {
            gdal::vsi::unlink_mem_file(path).unwrap();
        }
    }
}
