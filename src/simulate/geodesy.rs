//! From the scene's axes to the Earth: local east-north-up, WGS 84, UTM.
//!
//! In: metres east, north and up of the site. Out: longitude and latitude, and UTM zone 30N cells.
//! Refuses: nothing; coordinates GDAL cannot convert are its error.

use gdal::errors::GdalError;
use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};

use super::solid::{Vec3, along, dot};

/// Latitude of the site, degrees, WGS 84 (EPSG:4326): open moorland without a building.
pub(super) const LATITUDE: f64 = 54.60;
/// Longitude of the site, degrees, WGS 84 (EPSG:4326).
pub(super) const LONGITUDE: f64 = -2.45;
/// Height of the take-off point in the datum of `AbsoluteAltitude` and the surface model, metres.
pub(super) const ELEVATION: f64 = 420.0;
/// WGS 84 / UTM zone 30N.
pub(super) const UTM: u16 = 32_630;

const A: f64 = 6_378_137.0;
const E2: f64 = 6.694_379_990_141_3e-3;

/// Converts between the site's tangent plane and the Earth.
#[derive(Debug)]
pub(super) struct Site {
    origin: Vec3,
    east: Vec3,
    north: Vec3,
    up: Vec3,
    to_utm: CoordTransform,
    from_utm: CoordTransform,
}

fn earth_centred(longitude: f64, latitude: f64) -> Vec3 {
    let (sin, cos) = latitude.to_radians().sin_cos();
    let (sin_lon, cos_lon) = longitude.to_radians().sin_cos();
    let n = A / (1.0 - E2 * sin * sin).sqrt();
    [n * cos * cos_lon, n * cos * sin_lon, n * (1.0 - E2) * sin]
}

impl Site {
    /// # Errors
    ///
    /// What GDAL says when it lacks its coordinate systems.
    pub(super) fn new() -> Result<Self, GdalError> {
        let (sin, cos) = LATITUDE.to_radians().sin_cos();
        let (sin_lon, cos_lon) = LONGITUDE.to_radians().sin_cos();
        let mut geographic = SpatialRef::from_epsg(4326)?;
        geographic.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        let mut utm = SpatialRef::from_epsg(u32::from(UTM))?;
        utm.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        Ok(Self {
            origin: earth_centred(LONGITUDE, LATITUDE),
            east: [-sin_lon, cos_lon, 0.0],
            north: [-sin * cos_lon, -sin * sin_lon, cos],
            up: [cos * cos_lon, cos * sin_lon, sin],
            to_utm: CoordTransform::new(&geographic, &utm)?,
            from_utm: CoordTransform::new(&utm, &geographic)?,
        })
    }

    /// Longitude and latitude in degrees, WGS 84, of the point `east` and `north` metres from the site.
    pub(super) fn to_geographic(&self, east: f64, north: f64) -> (f64, f64) {
        let p = along(along(self.origin, self.east, east), self.north, north);
        let horizontal = p[0].hypot(p[1]);
        let mut latitude = LATITUDE.to_radians();
        for _ in 0..4 {
            let sin = latitude.sin();
            let n = A / (1.0 - E2 * sin * sin).sqrt();
            latitude = (p[2] + E2 * n * sin).atan2(horizontal);
        }
        (p[1].atan2(p[0]).to_degrees(), latitude.to_degrees())
    }

    /// Metres east and north of the site.
    pub(super) fn to_local(&self, longitude: f64, latitude: f64) -> (f64, f64) {
        // A point on the ellipsoid lies below the tangent plane; going up there leads back to the plane.
        let mut p = earth_centred(longitude, latitude);
        let drop = dot(along(p, self.origin, -1.0), self.up);
        p = along(p, self.up, -drop);
        let p = along(p, self.origin, -1.0);
        (dot(p, self.east), dot(p, self.north))
    }

    /// Easting and northing in UTM zone 30N of local metres.
    pub(super) fn to_utm(&self, east: f64, north: f64) -> Result<(f64, f64), GdalError> {
        let (longitude, latitude) = self.to_geographic(east, north);
        let (mut x, mut y) = ([longitude], [latitude]);
        self.to_utm.transform_coords(&mut x, &mut y, &mut [])?;
        Ok((x[0], y[0]))
    }

    /// Metres east and north of the site of each UTM point of a row at `northing`.
    pub(super) fn row_to_local(
        &self,
        mut eastings: Vec<f64>,
        northing: f64,
    ) -> Result<Vec<(f64, f64)>, GdalError> {
        let mut northings = vec![northing; eastings.len()];
        self.from_utm
            .transform_coords(&mut eastings, &mut northings, &mut [])?;
        let points = eastings.iter().zip(&northings);
        Ok(points.map(|(&x, &y)| self.to_local(x, y)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_metres_survive_the_way_to_utm_and_back() {
        let site = Site::new().unwrap();
        let (x, y) = site.to_utm(300.0, -400.0).unwrap();
        let back = site.row_to_local(vec![x], y).unwrap()[0];
        assert!((back.0 - 300.0).abs() < 0.002 && (back.1 + 400.0).abs() < 0.002);
    }

    #[test]
    fn an_arc_second_of_latitude_is_30_9_metres() {
        let site = Site::new().unwrap();
        let (_, north) = site.to_local(LONGITUDE, LATITUDE + 1.0 / 3600.0);
        assert!((north - 30.93).abs() < 0.01, "{north}");
    }
}
