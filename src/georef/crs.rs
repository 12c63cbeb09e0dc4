//! Between longitude and latitude, the run's map and the web's Mercator map.
//!
//! In: WGS 84 positions. Out: metres east and north, and grid convergence. Refuses: maps that are not in metres, or whose metres are
//! not those of the ground.
//!
//! Great Britain's grid (EPSG:27700) always goes through OSTN15, wherever PROJ has no grid file for it: a Helmert shift is 5 m
//! off (DOMAIN section 2). WGS 84 and ETRS89 are taken as one, which is within their realisations' metre.

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};

use super::{GeorefError, british};
use crate::frame::Position;

/// EPSG code of the British National Grid.
const BRITISH_GRID: u32 = 27_700;
/// Radius of the Web Mercator sphere in metres (EPSG:3857: the WGS 84 equatorial radius).
const MERCATOR_RADIUS: f64 = 6_378_137.0;
/// Square of the first eccentricity of WGS 84.
const ECCENTRICITY_SQUARED: f64 = 0.006_694_379_990_14;
/// How far a map's metre may be from one on the ground: UTM and the British grid are within 0.001, and lengths, areas and heights above the
/// ground are taken as if they were one.
const SCALE_ERROR: f64 = 0.01;

/// The projected coordinate system of a run, in metres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crs {
    epsg: u32,
}

impl Crs {
    /// The system of an EPSG code.
    ///
    /// # Errors
    ///
    /// [`GeorefError::UnknownCrs`] for codes that PROJ does not know and for systems that are not projected or not in metres.
    pub fn from_epsg(epsg: u32) -> Result<Self, GeorefError> {
        let refused = || GeorefError::UnknownCrs { epsg };
        let system = spatial_ref(epsg).ok().ok_or_else(refused)?;
        let is_metric = system.is_projected() && (system.linear_units() - 1.0).abs() < 1e-9;
        is_metric.then_some(Self { epsg }).ok_or_else(refused)
    }

    /// The system of a survey: the one that is asked for, else the UTM zone of the median position.
    ///
    /// # Errors
    ///
    /// [`GeorefError::NoPosition`] without either, [`GeorefError::Antimeridian`] for positions on both sides of 180 degrees, and
    /// [`GeorefError::Scale`] where a metre of the system is none at the median position.
    pub fn of_survey(
        asked: Option<Self>,
        positions: impl IntoIterator<Item = Position>,
    ) -> Result<Self, GeorefError> {
        let (mut longitudes, mut latitudes) = degrees(positions);
        let middle = median(&mut longitudes).zip(median(&mut latitudes));
        // Sorted by now. Web tiles end at 180 degrees: a map across it would be one around the world.
        let ends = longitudes.first().zip(longitudes.last());
        if ends.is_some_and(|(west, east)| east - west > 180.0) {
            return Err(GeorefError::Antimeridian);
        }
        let utm = || middle.and_then(|(longitude, latitude)| Self::zone_at(longitude, latitude));
        let crs = asked.or_else(utm).ok_or(GeorefError::NoPosition)?;
        if let Some((longitude, latitude)) = middle {
            let scales = crs.projector()?.scales(longitude, latitude)?;
            let fits = 1.0 - SCALE_ERROR..=1.0 + SCALE_ERROR;
            if let Some(scale) = scales.into_iter().find(|scale| !fits.contains(scale)) {
                let epsg = crs.epsg;
                return Err(GeorefError::Scale { epsg, scale });
            }
        }
        Ok(crs)
    }

    /// The UTM zone of the median position, so that one stray frame does not move the run to its own zone.
    ///
    /// `None` without positions.
    #[must_use]
    pub fn for_positions(positions: impl IntoIterator<Item = Position>) -> Option<Self> {
        let (mut longitudes, mut latitudes) = degrees(positions);
        Self::zone_at(median(&mut longitudes)?, median(&mut latitudes)?)
    }

    /// The UTM zone of a place in degrees; `None` where these are not finite.
    pub(super) fn zone_at(longitude: f64, latitude: f64) -> Option<Self> {
        if !(longitude.is_finite() && latitude.is_finite()) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 1..=60 on the line itself"
        )]
        let zone = (((longitude + 180.0) / 6.0).floor() + 1.0).clamp(1.0, 60.0) as u32;
        let base = if latitude < 0.0 { 32700 } else { 32600 };
        Some(Self { epsg: base + zone })
    }

    /// The EPSG code.
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
        Projector::of(&self.spatial_ref()?)
    }

    /// Transformations between this system and EPSG:3857, for use on one thread.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] when PROJ's database is missing.
    pub fn web_mercator(self) -> Result<WebMercator, GeorefError> {
        Ok(WebMercator(self.projector()?))
    }
}

/// Transformations between WGS 84 and a map.
#[derive(Debug)]
pub struct Projector {
    to_map: CoordTransform,
    to_geographic: CoordTransform,
    /// The map is the British grid, and the transformations lead to its ETRS89 twin.
    is_british: bool,
}

impl Projector {
    /// Between WGS 84 and any system; the British grid by OSTN15.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] when PROJ cannot lead from one to the other.
    pub fn of(system: &SpatialRef) -> Result<Self, GeorefError> {
        // In a system of place and height (EPSG:7405) the grid is a part.
        let code = |part| system.get_attr_value(part, 1).ok().flatten();
        let is_british =
            code("PROJCS|AUTHORITY").is_some_and(|code| code.parse() == Ok(BRITISH_GRID));
        let mut map = if is_british {
            SpatialRef::from_proj4(british::ETRS89_GRID)?
        } else {
            system.clone()
        };
        map.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        // Both on one ellipsoid: the datum shift of the British grid is OSTN15's alone.
        let geographic = spatial_ref(if is_british { 4258 } else { 4326 })?;
        Ok(Self {
            to_map: CoordTransform::new(&geographic, &map)?,
            to_geographic: CoordTransform::new(&map, &geographic)?,
            is_british,
        })
    }

    /// Metres east and north of a longitude and latitude in degrees.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] outside the domain of the projection, [`GeorefError::OutsideBritain`] outside OSTN15's.
    pub fn to_map(&self, longitude: f64, latitude: f64) -> Result<(f64, f64), GeorefError> {
        let (east, north) = point(&self.to_map, longitude, latitude)?;
        if self.is_british {
            return british::to_national(east, north).ok_or(GeorefError::OutsideBritain);
        }
        Ok((east, north))
    }

    /// Longitude and latitude in degrees of metres east and north.
    ///
    /// # Errors
    ///
    /// As [`Projector::to_map`].
    pub fn to_geographic(&self, east: f64, north: f64) -> Result<(f64, f64), GeorefError> {
        let (east, north) = if self.is_british {
            british::to_etrs89(east, north).ok_or(GeorefError::OutsideBritain)?
        } else {
            (east, north)
        };
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

    /// Metres of the map for a metre on the ground, along the meridian and along the parallel. The map is asked for points 0.0001
    /// degrees (11 m) nearer to longitude and latitude 0; on the ground, radii of curvature of WGS 84 tell (Snyder, Map Projections,
    /// 1987, equations 4-18 and 4-20).
    fn scales(&self, longitude: f64, latitude: f64) -> Result<[f64; 2], GeorefError> {
        let step = |from: f64| from - 1e-4_f64.copysign(from);
        let (sine, cosine) = latitude.to_radians().sin_cos();
        let bulge = 1.0 - ECCENTRICITY_SQUARED * sine * sine;
        let meridian = MERCATOR_RADIUS * (1.0 - ECCENTRICITY_SQUARED) / bulge.powf(1.5);
        let parallel = MERCATOR_RADIUS * cosine / bulge.sqrt();
        let (east, north) = self.to_map(longitude, latitude)?;
        let scale = |(x, y): (f64, f64), radius: f64| {
            f64::hypot(x - east, y - north) / (radius * 1e-4_f64.to_radians())
        };
        Ok([
            scale(self.to_map(longitude, step(latitude))?, meridian),
            scale(self.to_map(step(longitude), latitude)?, parallel),
        ])
    }
}

/// Transformations between the run's map and the Mercator map of web tiles (EPSG:3857).
#[derive(Debug)]
pub struct WebMercator(Projector);

impl WebMercator {
    /// EPSG:3857 coordinates of metres east and north (the sphere's formulas of EPSG guidance note 7-2, method 1024).
    ///
    /// # Errors
    ///
    /// As [`Projector::to_map`].
    pub fn to_web(&self, east: f64, north: f64) -> Result<(f64, f64), GeorefError> {
        let (longitude, latitude) = self.0.to_geographic(east, north)?;
        let y = latitude.to_radians().tan().asinh();
        Ok((
            MERCATOR_RADIUS * longitude.to_radians(),
            MERCATOR_RADIUS * y,
        ))
    }

    /// Metres east and north of EPSG:3857 coordinates.
    ///
    /// # Errors
    ///
    /// As [`Projector::to_map`].
    pub fn to_map(&self, x: f64, y: f64) -> Result<(f64, f64), GeorefError> {
        let latitude = (y / MERCATOR_RADIUS).sinh().atan();
        self.0
            .to_map((x / MERCATOR_RADIUS).to_degrees(), latitude.to_degrees())
    }
}

pub(super) fn spatial_ref(epsg: u32) -> Result<SpatialRef, GeorefError> {
    let mut system = SpatialRef::from_epsg(epsg)?;
    // EPSG:4326 is latitude first by the book; everything here is east before north.
    system.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    Ok(system)
}

/// Name of a system's heights; `None` where it has none.
pub(super) fn vertical_name(system: &SpatialRef) -> Option<String> {
    system.get_attr_value("VERT_CS", 0).ok().flatten()
}

fn point(transform: &CoordTransform, x: f64, y: f64) -> Result<(f64, f64), GeorefError> {
    let (mut xs, mut ys) = ([x], [y]);
    transform.transform_coords(&mut xs, &mut ys, &mut [])?;
    let ([x], [y]) = (xs, ys);
    Ok((x, y))
}

/// The middle value, of an even number the upper of the two.
pub(in crate::georef) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Longitudes and latitudes of positions that are any.
fn degrees(positions: impl IntoIterator<Item = Position>) -> (Vec<f64>, Vec<f64>) {
    let places = positions
        .into_iter()
        .map(|position| (position.longitude.0, position.latitude.0));
    places
        .filter(|(longitude, latitude)| longitude.is_finite() && latitude.is_finite())
        .unzip()
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
            accuracy: None,
            vertical_accuracy: None,
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
    fn a_system_whose_metres_are_none_is_refused() {
        let place = [position(1.7, 52.6)];
        let of = |epsg| Crs::of_survey(Some(Crs::from_epsg(epsg).unwrap()), place);
        for fits in [27_700, 32_630, 32_631, 25_831, 3035] {
            assert_eq!(of(fits).unwrap().epsg(), fits);
        }
        // 1 / cos(52.6 degrees) = 1.65; EPSG:3395 is on the ellipsoid: 1.643. EPSG:6933 keeps areas, true at 30 degrees: 0.7 along
        // the meridian, 1.4 along the parallel.
        for (epsg, scales) in [(3857, 1.63..1.66), (3395, 1.63..1.66), (6933, 0.65..0.75)] {
            let refused = of(epsg).unwrap_err();
            assert!(
                matches!(refused, GeorefError::Scale { epsg: found, scale } if found == epsg && scales.contains(&scale)),
                "{refused:?}"
            );
            let told = refused.to_string();
            assert!(told.contains(&epsg.to_string()) && told.contains("georef.crs"));
        }
        // On the equator it is a map like any other.
        let equator = Crs::of_survey(Some(Crs::from_epsg(3395).unwrap()), [position(11.0, 0.5)]);
        assert_eq!(equator.unwrap().epsg(), 3395);
    }

    #[test]
    fn a_survey_has_the_system_that_is_asked_for_else_the_zone_it_lies_in() {
        let place = [position(1.7, 52.6)];
        let asked = Crs::from_epsg(2154).unwrap();
        assert_eq!(Crs::of_survey(None, place).unwrap().epsg(), 32_631);
        assert_eq!(Crs::of_survey(Some(asked), []).unwrap(), asked);
        assert!(matches!(
            Crs::of_survey(None, []),
            Err(GeorefError::NoPosition)
        ));
    }

    #[test]
    fn a_survey_on_both_sides_of_180_degrees_is_refused() {
        let fiji = |longitudes: [f64; 2]| {
            Crs::of_survey(None, longitudes.map(|x| position(x, -16.8))).map(Crs::epsg)
        };
        assert!(matches!(
            fiji([179.999, -179.999]),
            Err(GeorefError::Antimeridian)
        ));
        assert_eq!(fiji([179.99, 179.999]).unwrap(), 32_760);
        assert_eq!(fiji([-179.99, -179.999]).unwrap(), 32_701);
    }

    #[test]
    fn positions_project_east_before_north_and_back() {
        // `echo "113.334816777778 23.0639829444444" | gdaltransform -s_srs EPSG:4326 -t_srs EPSG:32649`
        let projector = Crs::from_epsg(32_649).unwrap().projector().unwrap();
        let (east, north) = projector
            .to_map(113.334_816_777_778, 23.063_982_944_444_4)
            .unwrap();
        assert!((east - 739_208.863_7).abs() < 0.01, "{east}");
        assert!((north - 2_552_512.803_6).abs() < 0.01, "{north}");
        let (longitude, latitude) = projector.to_geographic(east, north).unwrap();
        assert!((longitude - 113.334_816_777_778).abs() < 1e-9);
        assert!((latitude - 23.063_982_944_444_4).abs() < 1e-9);
    }

    /// The vector of DOMAIN section 2, and Ordnance Survey's own worked example of it.
    #[test]
    fn the_british_grid_goes_through_ostn15() {
        let projector = Crs::from_epsg(27_700).unwrap().projector().unwrap();
        let (east, north) = projector.to_map(1.716_073_973, 52.658_007_833).unwrap();
        assert!((east - 651_409.80).abs() < 0.02, "{east}");
        assert!((north - 313_177.45).abs() < 0.02, "{north}");
        let (longitude, latitude) = projector.to_geographic(east, north).unwrap();
        assert!(
            (longitude - 1.716_073_973).abs() < 1e-9 && (latitude - 52.658_007_833).abs() < 1e-9
        );
        assert!(matches!(
            projector.to_map(13.4, 52.5),
            Err(GeorefError::OutsideBritain)
        ));
    }

    #[test]
    fn the_british_grid_with_heights_above_newlyn_goes_through_ostn15_too() {
        let system = SpatialRef::from_epsg(7405).unwrap();
        let projector = Projector::of(&system).unwrap();
        let (east, north) = projector.to_map(1.716_073_973, 52.658_007_833).unwrap();
        assert!((east - 651_409.80).abs() < 0.02 && (north - 313_177.45).abs() < 0.02);
        assert_eq!(vertical_name(&system).as_deref(), Some("ODN height"));
        assert_eq!(vertical_name(&spatial_ref(27_700).unwrap()), None);
    }

    #[test]
    fn maps_that_are_not_in_metres_are_refused() {
        for code in [4326, 2263, 999_999] {
            assert!(
                matches!(Crs::from_epsg(code), Err(GeorefError::UnknownCrs { .. })),
                "{code}"
            );
        }
        assert_eq!(Crs::from_epsg(2154).map(Crs::epsg).unwrap(), 2154);
    }

    /// `echo "2.35 48.85" | gdaltransform -s_srs EPSG:4326 -t_srs EPSG:3857`, and EPSG:2154 to EPSG:3857 by PROJ itself.
    #[test]
    fn the_web_map_is_projs() {
        let web = Crs::from_epsg(2154).unwrap().web_mercator().unwrap();
        let projector = Crs::from_epsg(2154).unwrap().projector().unwrap();
        let (east, north) = projector.to_map(2.35, 48.85).unwrap();
        let (x, y) = web.to_web(east, north).unwrap();
        let (map, target) = (spatial_ref(2154).unwrap(), spatial_ref(3857).unwrap());
        let expected = point(&CoordTransform::new(&map, &target).unwrap(), east, north).unwrap();
        assert!(
            (x - expected.0).abs() < 1e-3 && (y - expected.1).abs() < 1e-3,
            "{x} {y} {expected:?}"
        );
        let back = web.to_map(x, y).unwrap();
        assert!((back.0 - east).abs() < 1e-3 && (back.1 - north).abs() < 1e-3);
    }

    #[test]
    fn convergence_follows_the_textbook_formula() {
        // tan(gamma) = tan(lon - lon0) sin(lat) on the sphere; meridians lean towards the central one.
        let projector = Crs::from_epsg(32_649).unwrap().projector().unwrap();
        let gamma = projector.convergence(113.334_8, 23.064).unwrap();
        let expected = (2.334_8_f64.to_radians().tan() * 23.064_f64.to_radians().sin())
            .atan()
            .to_degrees();
        assert!((gamma + expected).abs() < 0.005, "{gamma} {expected}");
    }
}
