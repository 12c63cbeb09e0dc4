//! Single values of a published map, and single places of what lies on it.
//!
//! In: the file of a map and a place; a published layer's system and metres in it. Out: the value of each band there; longitude and
//! latitude. Refuses: files that are not GeoTIFF, whatever their name says: other formats of GDAL can lead to other files.

use std::path::Path;

use gdal::raster::ResampleAlg;
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DatasetOptions};

use super::TilesError;
use super::error::GdalContext;
use super::raster_file::OpenRaster;
use crate::complaints::strictly;
use crate::georef::Projector;

/// Opens a published map as what it must be, a GeoTIFF: another driver could follow what the file says to other files or the network.
///
/// # Errors
///
/// What GDAL says.
pub fn open_raster(path: &Path) -> gdal::errors::Result<Dataset> {
    let options = DatasetOptions {
        allowed_drivers: Some(&["GTiff"]),
        ..DatasetOptions::default()
    };
    strictly(|| Dataset::open_ex(path, options))
}

/// Values of a band of a published map: a window, brought to a size by the nearest pixels.
///
/// # Errors
///
/// What GDAL says, where it gives values all the same too.
pub fn read_raster(
    dataset: &Dataset,
    band: usize,
    (column, row): (usize, usize),
    window: (usize, usize),
    size: (usize, usize),
) -> gdal::errors::Result<Vec<f32>> {
    let band = dataset.rasterband(band)?;
    let origin = (column.cast_signed(), row.cast_signed());
    let nearest = Some(ResampleAlg::NearestNeighbour);
    let values = strictly(|| band.read_as::<f32>(origin, window, size, nearest))?;
    Ok(values.into_shape_and_vec().1)
}

/// A published map, open on one thread.
#[derive(Debug)]
pub struct Probe {
    raster: OpenRaster,
    bands: usize,
    projector: Projector,
    /// Columns and rows of metres east and north.
    to_pixel: [f64; 6],
}

impl Probe {
    /// Opens a map.
    ///
    /// # Errors
    ///
    /// [`TilesError::GdalFile`] when it is not a GeoTIFF that GDAL reads, [`TilesError::Georef`] when its place is not known.
    pub fn open(path: &Path) -> Result<Self, TilesError> {
        let task = "read the map";
        // Pages show what went wrong: where the map lies is none of theirs.
        let name = path.file_name().map_or(path, Path::new);
        let dataset = open_raster(path).task(task, name)?;
        let projector = Projector::of(&dataset.spatial_ref().task(task, name)?)?;
        let transform = dataset.geo_transform().task(task, name)?;
        Ok(Self {
            bands: dataset.raster_count(),
            to_pixel: gdal::GeoTransformEx::invert(&transform).task(task, name)?,
            projector,
            raster: OpenRaster::new(dataset, name),
        })
    }

    /// The value of each band in the pixel at a longitude and latitude (WGS 84, degrees): `NAN` outside the map and where
    /// there is no data.
    ///
    /// # Errors
    ///
    /// [`TilesError::Georef`] where the map's projection does not reach, [`TilesError::GdalFile`] when the pixel cannot be read.
    pub fn at(&self, longitude: f64, latitude: f64) -> Result<Vec<f32>, TilesError> {
        let (east, north) = self.projector.to_map(longitude, latitude)?;
        let (column, row) = gdal::GeoTransformEx::apply(&self.to_pixel, east, north);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates, and what lies outside the raster reads as NAN"
        )]
        let corner = (column.floor() as i64, row.floor() as i64);
        let band = |band| {
            let pixel = self.raster.read(band, corner, (1, 1))?;
            Ok(pixel.first().copied().unwrap_or(f32::NAN))
        };
        (1..=self.bands).map(band).collect()
    }
}

/// From the metres of a published layer to degrees, as the run went the other way: the British grid by OSTN15, which PROJ alone may lack.
#[derive(Debug)]
pub struct Unprojector(Projector);

impl Unprojector {
    /// From a layer's own system.
    ///
    /// # Errors
    ///
    /// [`TilesError::Georef`] when PROJ cannot lead from it to longitude and latitude.
    pub fn of(system: &SpatialRef) -> Result<Self, TilesError> {
        Ok(Self(Projector::of(system)?))
    }

    /// Longitude and latitude (WGS 84, degrees) of metres east and north.
    ///
    /// # Errors
    ///
    /// [`TilesError::Georef`] where the system does not reach.
    pub fn at(&self, east: f64, north: f64) -> Result<(f64, f64), TilesError> {
        Ok(self.0.to_geographic(east, north)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_cannot_be_read_is_named_without_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("temperature.tif");
        crate::store::write_secret(&path, b"II*").unwrap();
        let error = Probe::open(&path).unwrap_err().to_string();
        assert_eq!(error, "GDAL could not read the map temperature.tif");
    }
}
