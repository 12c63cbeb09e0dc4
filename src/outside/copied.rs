//! A file of vectors in this process's memory.
//!
//! Of the file itself GDAL then reads to the byte what was read, and committed to, before; no disk fails meanwhile and nobody writes. Refuses: databases with changes in
//! a file beside them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::steady::{parts, unread};
use super::{IN_MEMORY, read, refusal};

/// Bytes of a file beside the main one.
const LONGEST_PART: u64 = 1 << 30;

/// A file and its parts as GDAL finds them, until this is dropped.
#[derive(Debug)]
pub(crate) struct Copied {
    main: PathBuf,
    all: Vec<PathBuf>,
}

impl Copied {
    /// Takes the `bytes` of a file with the name of `path`.
    ///
    /// # Errors
    ///
    /// What GDAL says.
    pub(crate) fn alone(path: &Path, bytes: Vec<u8>) -> gdal::errors::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(IN_MEMORY).join(format!("heatveil-copied-{number}"));
        let mut copied = Self {
            main: folder.join(path.file_name().unwrap_or_default()),
            all: Vec::new(),
        };
        copied.add(copied.main.clone(), bytes)?;
        Ok(copied)
    }

    /// As [`Copied::alone`], of the file that lies at `path`, with copies of its parts.
    ///
    /// # Errors
    ///
    /// Where a part cannot be read, or one may hold changes.
    pub(crate) fn of(path: &Path, bytes: Vec<u8>) -> gdal::errors::Result<Self> {
        let mut copied = Self::alone(path, bytes)?;
        // What GDAL once found out of a GML file it takes for true where it looks newer, as all in memory does; it finds it out again.
        let is_copied = |part: &PathBuf| part.extension().is_none_or(|end| end != "gfs");
        for part in parts(path)?.into_iter().filter(is_copied) {
            let bytes = read(&part, LONGEST_PART).map_err(|error| unread(&part, &error))?;
            let name = part.to_string_lossy();
            if !bytes.is_empty() && (name.ends_with("-wal") || name.ends_with("-journal")) {
                return Err(refusal(&format!(
                    "{name} may hold changes that are not in the file: close the program that has it open, or give a copy (`ogr2ogr copy.gpkg ...`)"
                )));
            }
            let place = copied
                .main
                .with_file_name(part.file_name().unwrap_or_default());
            copied.add(place, bytes)?;
        }
        Ok(copied)
    }

    /// Where GDAL finds it.
    pub(crate) fn path(&self) -> &Path {
        &self.main
    }

    fn add(&mut self, path: PathBuf, bytes: Vec<u8>) -> gdal::errors::Result<()> {
        // GDAL would free what an empty file has no place for; one that is not there cannot be opened either.
        if !bytes.is_empty() {
            gdal::vsi::create_mem_file(&path, bytes)?;
            self.all.push(path);
        }
        Ok(())
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        for path in &self.all {
            // Only memory is lost where it stays.
            let _ = gdal::vsi::unlink_mem_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use gdal::vector::{Feature, LayerAccess, LayerOptions};
    use gdal::vsi::get_vsi_mem_file_bytes_owned;

    use super::super::open_vectors;
    use super::*;
    use crate::store::write_secret;

    #[test]
    fn a_file_is_read_as_it_was_with_its_parts_and_then_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.shp");
        write_secret(&path, b"later").unwrap();
        write_secret(&path.with_extension("dbf"), b"names").unwrap();
        let copied = Copied::of(&path, b"before".to_vec()).unwrap();
        let other = Copied::of(&path, b"other".to_vec()).unwrap();
        assert_ne!(copied.path(), other.path());
        // Reading takes it out of there.
        let bytes = |path: &Path| get_vsi_mem_file_bytes_owned(path).ok();
        assert_eq!(
            bytes(&copied.path().with_extension("dbf")).unwrap(),
            b"names"
        );
        assert_eq!(bytes(copied.path()).unwrap(), b"before");
        let place = other.path().to_path_buf();
        drop(other);
        for place in [place.with_extension("dbf"), place] {
            assert_eq!(bytes(&place), None);
        }
    }

    /// As QGIS leaves it while it has the file open: SQLite then asks for files beside it, which memory has none of.
    #[test]
    fn a_geopackage_with_a_write_ahead_log_is_read() {
        let made = "/vsimem/heatveil/copied.gpkg";
        let driver = gdal::DriverManager::get_driver_by_name("GPKG").unwrap();
        let mut file = driver.create_vector_only(made).unwrap();
        let layer = file.create_layer(LayerOptions::default()).unwrap();
        let feature = Feature::new(layer.defn()).unwrap();
        feature.create(&layer).unwrap();
        drop(feature);
        file.close().unwrap();
        let mut bytes = get_vsi_mem_file_bytes_owned(made).unwrap();
        // Versions of the format to write and to read: 2 with such a log (SQLite, "Database File Format", 1.3).
        assert_eq!(bytes[18..20], [1, 1]);
        bytes[18..20].fill(2);
        let folder = tempfile::tempdir().unwrap();
        let copied = Copied::of(&folder.path().join("list.gpkg"), bytes).unwrap();
        let dataset = open_vectors(copied.path(), &["GPKG"]).unwrap();
        assert_eq!(dataset.layer(0).unwrap().feature_count(), 1);
    }

    /// It names another type of features, which the list once had: by it there are none.
    #[test]
    fn what_gdal_once_found_out_of_a_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.gml");
        let gml = |kind: &str| {
            format!(
                "<ogr:FeatureCollection xmlns:ogr=\"http://ogr.maptools.org/\" xmlns:gml=\"http://www.opengis.net/gml\">\n\
                 <gml:featureMember><ogr:{kind}><ogr:n>1</ogr:n></ogr:{kind}></gml:featureMember></ogr:FeatureCollection>"
            )
        };
        // GDAL writes it.
        write_secret(&path, gml("of_2025").as_bytes()).unwrap();
        drop(gdal::Dataset::open(&path).unwrap());
        assert!(path.with_extension("gfs").is_file());
        let copied = Copied::of(&path, gml("of_2026").into_bytes()).unwrap();
        let dataset = open_vectors(copied.path(), &["GML"]).unwrap();
        assert_eq!(dataset.layer(0).unwrap().name(), "of_2026");
        assert_eq!(dataset.layer(0).unwrap().feature_count(), 1);
    }

    #[test]
    fn a_file_of_which_a_part_stands_elsewhere_is_refused() {
        for (name, is_refused) in [
            ("list.gpkg-wal", true),
            ("list.gpkg-journal", true),
            ("list.dbf", false),
        ] {
            for (bytes, is_refused) in [(&b""[..], false), (b"rows", is_refused)] {
                let folder = tempfile::tempdir().unwrap();
                write_secret(&folder.path().join(name), bytes).unwrap();
                let copied = Copied::of(&folder.path().join("list.gpkg"), Vec::new());
                assert_eq!(copied.is_err(), is_refused, "{name}: {}", bytes.len());
            }
        }
    }
}
