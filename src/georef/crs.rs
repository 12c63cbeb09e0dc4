//! Between longitude and latitude, the run's UTM zone and the web's Mercator map.
//!
//! In: WGS 84 positions. Out: metres east and north, and grid convergence. Refuses: nothing but what PROJ does.

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};

use super::GeorefError;
use crate::frame::Position;

/// The projected coordinate system of a run: a UTM zone on WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crs {
    epsg: u32,
}

impl Crs {
    /// The UTM zone of the median position, so that one stray frame does not move the run to its own zone.
    ///
    /// `None` without positions.
    #[must_use]
    pub fn for_positions(positions: impl IntoIterator<Item = Position>) -> Option<Self> {
        let (mut longitudes, mut latitudes): (Vec<f64>, Vec<f64>) = positions
            .into_iter()
            .map(|position| (position.longitude.0, position.latitude.0))
            .filter(|(longitude, latitude)| longitude.is_finite() && latitude.is_finite())
            .unzip();
        let longitude = median(&mut longitudes)?;
        let latitude = median(&mut latitudes)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 1..=60 on the line itself"
        )]
        let zone = (((longitude + 180.0) / 6.0).floor() + 1.0).clamp(1.0, 60.0) as u32;
        let base = if latitude < 0.0 { 32700 } else { 32600 };
        Some(Self { epsg: base + zone })
    }

    /// The EPSG code: 32601..=32660 north, 32701..=32760 south of the equator.
    #[must_use]
    pub fn epsg(self) -> u32 {
        self.epsg
    }

    /// The coordinate system as GDAL knows it, east before north.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] when PROJ's database is missing.
    pub fn spatial_ref(self) -> Result<SpatialRef, GeorefError> {
        spatial_ref(self.epsg)
    }

    /// Transformations between WGS 84 and this system, for use on one thread.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] when PROJ's database is missing.
    pub fn projector(self) -> Result<Projector, GeorefError> {
        let (geographic, map) = (spatial_ref(4326)?, self.spatial_ref()?);
        Ok(Projector {
            to_map: CoordTransform::new(&geographic, &map)?,
            to_geographic: CoordTransform::new(&map, &geographic)?,
        })
    }

    /// Transformations between this system and EPSG:3857, for use on one thread.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] when PROJ's database is missing.
    pub fn web_mercator(self) -> Result<WebMercator, GeorefError> {
        let (web, map) = (spatial_ref(3857)?, self.spatial_ref()?);
        Ok(WebMercator {
            to_web: CoordTransform::new(&map, &web)?,
            to_map: CoordTransform::new(&web, &map)?,
        })
    }
}

/// Transformations between WGS 84 and a UTM zone.
#[derive(Debug)]
pub struct Projector {
    to_map: CoordTransform,
    to_geographic: CoordTransform,
}

impl Projector {
    /// Metres east and north of a longitude and latitude in degrees.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] outside the domain of the projection.
    pub fn to_map(&self, longitude: f64, latitude: f64) -> Result<(f64, f64), GeorefError> {
        point(&self.to_map, longitude, latitude)
    }

    /// Longitude and latitude in degrees of metres east and north.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] outside the domain of the projection.
    pub fn to_geographic(&self, east: f64, north: f64) -> Result<(f64, f64), GeorefError> {
        point(&self.to_geographic, east, north)
    }

    /// Direction of true north in degrees clockwise from grid north: add it to a yaw from true north to get
    /// one in the grid. Found by projecting a second point 0.0001 degrees (11 m) towards the equator.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] outside the domain of the projection.
    pub fn convergence(&self, longitude: f64, latitude: f64) -> Result<f64, GeorefError> {
        let step = if latitude > 0.0 { -1e-4 } else { 1e-4 };
        let (east, north) = self.to_map(longitude, latitude)?;
        let (east2, north2) = self.to_map(longitude, latitude + step)?;
        let sign = step.signum();
        Ok(f64::atan2((east2 - east) * sign, (north2 - north) * sign).to_degrees())
    }
}

/// Transformations between a UTM zone and the Mercator map of web tiles (EPSG:3857).
#[derive(Debug)]
pub struct WebMercator {
    to_web: CoordTransform,
    to_map: CoordTransform,
}

impl WebMercator {
    /// Changes UTM coordinates to EPSG:3857, in place.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] outside the domain of the projection.
    pub fn to_web(&self, east: f64, north: f64) -> Result<(f64, f64), GeorefError> {
        point(&self.to_web, east, north)
    }

    /// UTM coordinates of EPSG:3857 ones.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] outside the domain of the projection.
    pub fn to_map(&self, x: f64, y: f64) -> Result<(f64, f64), GeorefError> {
        point(&self.to_map, x, y)
    }
}

fn spatial_ref(epsg: u32) -> Result<SpatialRef, GeorefError> {
    let mut system = SpatialRef::from_epsg(epsg)?;
    // EPSG:4326 is latitude first by the book; everything here is east before north.
    system.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    Ok(system)
}

fn point(transform: &CoordTransform, x: f64, y: f64) -> Result<(f64, f64), GeorefError> {
    let (mut xs, mut ys) = ([x], [y]);
    transform.transform_coords(&mut xs, &mut ys, &mut [])?;
    let ([x], [y]) = (xs, ys);
    Ok((x, y))
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PositionSource;
    use crate::units::Degrees;

    fn position(longitude: f64, latitude: f64) -> Position {
        Position {
            latitude: Degrees(latitude),
            longitude: Degrees(longitude),
            source: PositionSource::Xmp,
        }
    }

    #[test]
    fn the_zone_is_that_of_the_median_position() {
        let stray = [(1.7, 52.6), (1.7, 52.6), (113.3, 23.0)];
        let crs = Crs::for_positions(stray.map(|(x, y)| position(x, y))).unwrap();
        assert_eq!(crs.epsg(), 32631);
        let south = Crs::for_positions([position(-70.5, -33.4)]).unwrap();
        assert_eq!(south.epsg(), 32719);
        assert_eq!(
            Crs::for_positions([position(180.0, 0.0)]).unwrap().epsg(),
            32660
        );
        assert_eq!(Crs::for_positions([]), None);
    }

    #[test]
    fn positions_project_east_before_north_and_back() {
        // `echo "113.334816777778 23.0639829444444" | gdaltransform -s_srs EPSG:4326 -t_srs EPSG:32649`
        let projector = Crs { epsg: 32649 }.projector().unwrap();
        let (east, north) = projector
            .to_map(113.334_816_777_778, 23.063_982_944_444_4)
            .unwrap();
        assert!((east - 739_208.863_7).abs() < 0.01, "{east}");
        assert!((north - 2_552_512.803_6).abs() < 0.01, "{north}");
        let (longitude, latitude) = projector.to_geographic(east, north).unwrap();
        assert!((longitude - 113.334_816_777_778).abs() < 1e-9);
        assert!((latitude - 23.063_982_944_444_4).abs() < 1e-9);
    }

    #[test]
    fn convergence_follows_the_textbook_formula() {
        // tan(gamma) = tan(lon - lon0) sin(lat) on the sphere; meridians lean towards the central one.
        let projector = Crs { epsg: 32649 }.projector().unwrap();
        let gamma = projector.convergence(113.334_8, 23.064).unwrap();
        let expected = (2.334_8_f64.to_radians().tan() * 23.064_f64.to_radians().sin())
            .atan()
            .to_degrees();
        assert!((gamma + expected).abs() < 0.005, "{gamma} {expected}");
    }
}
