//! Files that others made: read within limits, and without going anywhere else.
//!
//! In: a path that was given, or that lies in a folder from elsewhere. Out: its bytes, or a GDAL dataset. Refuses: what is no plain file here (a
//! pipe never ends; `/vsicurl/...`, `WMS:...` or `<VRTDataset>` would make GDAL go to the network or to files that nobody named), more bytes than
//! a file of its kind has (where they are read here), formats that are not on a list, what does not read the same twice. A key alone may come through a pipe.

mod copied;
mod steady;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use gdal::errors::{CplErrType, GdalError};
use gdal::{Dataset, DatasetOptions};

pub(crate) use copied::Copied;
pub(crate) use steady::{agreed, beside, every_byte, steadily};

use crate::complaints::strictly;

/// Formats of outlines, points and tables that are read.
pub(crate) const VECTORS: &[&str] = &[
    "GPKG",
    "GeoJSON",
    "GeoJSONSeq",
    "ESRI Shapefile",
    "FlatGeobuf",
    "CSV",
    "GML",
    "KML",
    "MapInfo File",
    "Parquet",
    "SQLite",
    "XLSX",
    "ODS",
];

/// Formats of surface models that are read. Where a VRT leads is checked by GDAL's own switches (`cli::offline`).
pub(crate) const RASTERS: &[&str] = &[
    "GTiff",
    "VRT",
    "AAIGrid",
    "EHdr",
    "ENVI",
    "GPKG",
    "HFA",
    "JP2OpenJPEG",
    "SRTMHGT",
];

/// Bytes of a key's file.
const LONGEST_KEY: u64 = 1 << 16;

/// Files in this process's memory, which GDAL keeps by such names.
const IN_MEMORY: &str = "/vsimem/";

/// GDAL's number for what could not be opened (`cpl_error.h`).
const OPEN_FAILED: i32 = 4;

/// Reads a plain file of at most `most` bytes.
///
/// # Errors
///
/// What the system says; [`io::ErrorKind::FileTooLarge`] for more bytes, [`io::ErrorKind::Other`] for what is no plain file.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    limited(file(path)?, most)
}

/// Opens a plain file.
///
/// # Errors
///
/// What the system says; [`io::ErrorKind::Other`] for what is no plain file.
pub(crate) fn file(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    File::open(path)
}

fn limited(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = most.saturating_add(1);
    file.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let problem = format!("longer than {most} bytes, which no such file is");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

/// As [`read`], for text.
///
/// # Errors
///
/// As [`read`]; [`io::ErrorKind::InvalidData`] for what is not UTF-8.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    text(read(path, most)?)
}

/// Reads a key, which may also come through a pipe.
///
/// # Errors
///
/// As [`read_text`], but for what is no plain file.
pub(crate) fn read_key(path: &Path) -> io::Result<String> {
    text(limited(File::open(path)?, LONGEST_KEY)?)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Opens a plain file in one of these `formats` of GDAL.
///
/// # Errors
///
/// What GDAL says, or that it was not asked.
pub(crate) fn open(path: &Path, formats: &[&str]) -> gdal::errors::Result<Dataset> {
    if !path.is_file() && !path.starts_with(IN_MEMORY) {
        return Err(refusal(
            "it is not a plain file here, and nothing is read from elsewhere",
        ));
    }
    let options = DatasetOptions {
        allowed_drivers: Some(formats),
        // What GDAL finds out of a GML file it would write down beside it. Behind `@`: other formats know no such option.
        open_options: Some(&["@WRITE_GFS=NO"]),
        ..DatasetOptions::default()
    };
    Dataset::open_ex(path, options)
}

fn refusal(problem: &str) -> GdalError {
    GdalError::CplError {
        class: CplErrType::Failure as u32,
        number: OPEN_FAILED,
        msg: problem.into(),
    }
}

/// Opens a plain file of vectors in one of these `formats`, of which GDAL must not say that anything failed: it may give a part for the whole.
///
/// # Errors
///
/// As [`open`], or what GDAL said.
pub(crate) fn open_vectors(path: &Path, formats: &[&str]) -> gdal::errors::Result<Dataset> {
    strictly(|| open(path, formats))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_a_file_may_have() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        crate::store::write_secret(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read_text(&path, 9).unwrap(), "12345");
        let error = read(&path, 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(read(folder.path(), 9).is_err());
        // It would never end.
        #[cfg(unix)]
        assert!(read(Path::new("/dev/zero"), 9).is_err());
        assert_eq!(read_key(&path).unwrap(), "12345");
        #[cfg(unix)]
        assert_eq!(
            read_key(Path::new("/dev/zero")).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn gdal_is_not_asked_about_what_is_no_file_here() {
        for path in [
            "/vsicurl/http://127.0.0.1:9/a.tif",
            "/vsizip//vsicurl/http://127.0.0.1:9/a.zip/a.gpkg",
            "PG:host=127.0.0.1",
            "http://127.0.0.1:9/a.geojson",
            "<VRTDataset rasterXSize='1' rasterYSize='1'/>",
        ] {
            let error = open(Path::new(path), VECTORS).unwrap_err().to_string();
            assert!(error.contains("not a plain file"), "{error}");
        }
    }

    #[test]
    fn nothing_is_written_beside_what_others_gave() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gml");
        let text = "<ogr:FeatureCollection xmlns:ogr=\"http://ogr.maptools.org/\" xmlns:gml=\"http://www.opengis.net/gml\">\n\
                    <gml:featureMember><ogr:a><ogr:n>1</ogr:n></ogr:a></gml:featureMember></ogr:FeatureCollection>";
        crate::store::write_secret(&path, text.as_bytes()).unwrap();
        assert_eq!(open_vectors(&path, VECTORS).unwrap().layer_count(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_format_that_is_not_listed_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gpkg");
        let elsewhere = "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>";
        crate::store::write_secret(&path, elsewhere.as_bytes()).unwrap();
        assert!(Dataset::open(&path).is_ok(), "GDAL would follow it");
        assert!(open(&path, VECTORS).is_err());
        let path = folder.path().join("b.gpkg");
        crate::store::write_secret(&path, br#"{"type":"Point","coordinates":[1,2]}"#).unwrap();
        assert!(open(&path, &["GeoJSON"]).is_ok());
        assert!(open(&path, &["GPKG"]).is_err());
    }
}
