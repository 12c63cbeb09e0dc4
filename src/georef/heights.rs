//! What heights of cameras are above, by name.
//!
//! In: heights above level 0 of the run's surface, what files say of their heights, the surface model's reference. Out: metres to add to each, and the
//! name of the system that the sums are in. Refuses: to call a height one above the sea where neither a file nor a geoid says so.
//!
//! Heights in this crate are above take-off (`relative_altitude`, [`Located::above_take_off`](super::Located::above_take_off)), above level 0 of the
//! surface ([`View::height`](super::View::height): take-off on flat ground, the model's reference else), in the surface model's own system (`elevation`),
//! in that of a file of poses, or absolute, with their [`Datum`].

use std::fmt;

use gdal::spatial_ref::{CoordTransform, CoordTransformOptions};

use super::Surface;
use super::crs::{median, spatial_ref};
use crate::frame::{Datum, Height};
use crate::units::Metres;

/// PROJ's steps from heights above the ellipsoid of WGS 84 to heights above the geoid EGM96, by its grid of 15 minutes, which Debian installs with
/// PROJ (package proj-data). EPSG:4326 has latitude first.
const TO_EGM96: &str = "+proj=pipeline +step +proj=axisswap +order=2,1 \
    +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=vgridshift +grids=egm96_15.gtx \
    +step +proj=unitconvert +xy_in=rad +xy_out=deg +step +proj=axisswap +order=2,1";

/// The geoid EGM96 (Lemoine et al. 1998), as PROJ has it.
#[derive(Debug)]
pub struct Geoid(CoordTransform);

impl Geoid {
    /// `None` where PROJ's grid is not installed.
    #[must_use]
    pub fn open() -> Option<Self> {
        let system = spatial_ref(4326).ok()?;
        let mut options = CoordTransformOptions::new().ok()?;
        options.set_coordinate_operation(TO_EGM96, false).ok()?;
        let transform = CoordTransform::new_with_options(&system, &system, &options).ok()?;
        let geoid = Self(transform);
        // PROJ looks for the grid when it is first asked.
        geoid.above_ellipsoid(0.0, 0.0).map(|_| geoid)
    }

    /// Metres of the geoid above the ellipsoid at a longitude and latitude in degrees on WGS 84; `None` outside the grid.
    #[must_use]
    pub fn above_ellipsoid(&self, longitude: f64, latitude: f64) -> Option<Metres> {
        let (mut x, mut y, mut z) = ([longitude], [latitude], [0.0]);
        self.0.transform_coords(&mut x, &mut y, &mut z).ok()?;
        let [below] = z;
        // On the equator at the Greenwich meridian it lies 17 m up; exactly 0 is what PROJ gives where it did nothing.
        (below != 0.0 && f64::is_finite(below)).then_some(Metres(-below))
    }
}

/// What the heights of a list of cameras are above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeightSystem {
    /// The sea by a geoid.
    Sea {
        /// Whether some were above the ellipsoid and went through [`Geoid`].
        by_egm96: bool,
    },
    /// The ellipsoid of WGS 84, for want of PROJ's grid of the geoid.
    Ellipsoid,
    /// The zero of the surface model, with the name of its vertical system where its file tells.
    Model(Option<String>),
    /// The place of take-off.
    TakeOff,
}

impl fmt::Display for HeightSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sea { by_egm96: false } => f.write_str("above the sea, as the frames' files say"),
            Self::Sea { by_egm96: true } => f.write_str(
                "above the sea by the geoid EGM96, from the files' heights above the ellipsoid of WGS 84",
            ),
            Self::Ellipsoid => f.write_str(
                "above the ellipsoid of WGS 84, not the sea: PROJ's grid egm96_15.gtx is not installed",
            ),
            Self::Model(Some(name)) => write!(f, "in the surface model's system, {name}"),
            Self::Model(None) => f.write_str(
                "in the surface model's system, which its file does not name; national models of terrain are above the sea",
            ),
            Self::TakeOff => f.write_str(
                "above take-off, not the sea: the frames' files do not say what their absolute heights are above",
            ),
        }
    }
}

/// One camera of a flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stand {
    /// Height above level 0.
    pub above_level: Metres,
    /// Longitude and latitude on WGS 84, degrees.
    pub place: (f64, f64),
    /// Its absolute height, as its file has it.
    pub stated: Option<Height>,
}

/// What the heights of some flights' cameras can be given above, and per flight what to add to its heights above level 0.
///
/// On a surface model that is its reference. On flat ground it is the middle of what the files of the flight say, so that the heights of its cameras to
/// each other stay as refined. All flights share one system: the weakest that any of them has.
#[must_use]
pub fn absolute(
    surface: &Surface,
    flights: &[Vec<Stand>],
    geoid: Option<&Geoid>,
) -> (HeightSystem, Vec<Metres>) {
    if let Some(model) = surface.model() {
        let system = HeightSystem::Model(model.vertical_system().map(str::to_owned));
        return (system, vec![model.reference(); flights.len()]);
    }
    let all = |of: &dyn Fn(&[Stand]) -> Option<Metres>| {
        let levels = flights.iter().map(|flight| of(flight));
        levels.collect::<Option<Vec<Metres>>>()
    };
    let by_files = |flight: &[Stand]| level(flight, Datum::Geoid, None);
    if let Some(found) = all(&by_files) {
        return (HeightSystem::Sea { by_egm96: false }, found);
    }
    let by_geoid = geoid.and_then(|geoid| {
        all(&|flight| by_files(flight).or_else(|| level(flight, Datum::Ellipsoid, Some(geoid))))
    });
    if let Some(found) = by_geoid {
        return (HeightSystem::Sea { by_egm96: true }, found);
    }
    if let Some(found) = all(&|flight| level(flight, Datum::Ellipsoid, None)) {
        return (HeightSystem::Ellipsoid, found);
    }
    (HeightSystem::TakeOff, vec![Metres(0.0); flights.len()])
}

/// Absolute height of level 0 by the files of a flight, all in one datum; less the geoid where one is given.
fn level(flight: &[Stand], datum: Datum, geoid: Option<&Geoid>) -> Option<Metres> {
    let stated: Vec<(&Stand, Height)> = flight
        .iter()
        .filter_map(|stand| Some((stand, stand.stated?)))
        .collect();
    if stated.iter().any(|(_, height)| height.datum != datum) {
        return None;
    }
    let of = |(stand, height): &(&Stand, Height)| {
        let (longitude, latitude) = stand.place;
        let sea = match geoid {
            Some(geoid) => geoid.above_ellipsoid(longitude, latitude)?.0,
            None => 0.0,
        };
        Some(height.metres.0 - sea - stand.above_level.0)
    };
    let mut levels = stated.iter().map(of).collect::<Option<Vec<f64>>>()?;
    median(&mut levels).map(Metres)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The National Geospatial-Intelligence Agency's six test points of EGM96 (program F477, file OUTPUT.DAT); the grid of 15 minutes is within 0.1 m.
    #[test]
    fn the_geoid_is_that_of_its_published_test_points() {
        let geoid = Geoid::open().unwrap();
        for (latitude, longitude, expected) in [
            (38.628_155, -90.220_845, -31.628),
            (-14.621_217, -54.978_886, -2.969),
            (46.874_319, 102.448_729, -43.575),
            (-23.617_446, 133.874_712, 15.871),
            (38.625_473, -0.000_5, 50.066),
            (-0.466_744, 0.002_3, 17.329),
        ] {
            let found = geoid.above_ellipsoid(longitude, latitude).unwrap().0;
            assert!((found - expected).abs() < 0.1, "{found} {expected}");
        }
    }

    fn flight(datum: Option<Datum>) -> Vec<Stand> {
        let stand = |(up, stated): (f64, f64)| Stand {
            above_level: Metres(up),
            place: (102.448_729, 46.874_319),
            stated: datum.map(|datum| Height {
                metres: Metres(stated),
                datum,
            }),
        };
        // The first one's barometer is 3 m off.
        [(60.0, 163.0), (61.0, 161.0), (59.0, 159.0)]
            .map(stand)
            .to_vec()
    }

    #[test]
    fn heights_are_named_by_the_weakest_that_a_flight_says_of_them() {
        let geoid = Geoid::open().unwrap();
        let of = |datums: &[Option<Datum>], geoid| {
            let flights: Vec<_> = datums.iter().map(|datum| flight(*datum)).collect();
            let (system, levels) = absolute(&Surface::Flat, &flights, geoid);
            (system, levels.first().unwrap().0)
        };
        let (sea, ellipsoid) = (Some(Datum::Geoid), Some(Datum::Ellipsoid));
        let by_files = HeightSystem::Sea { by_egm96: false };
        assert_eq!(of(&[sea, sea], None), (by_files, 100.0));
        assert_eq!(of(&[ellipsoid], None), (HeightSystem::Ellipsoid, 100.0));
        let (system, level) = of(&[ellipsoid, sea], Some(&geoid));
        assert_eq!(system, HeightSystem::Sea { by_egm96: true });
        // The ellipsoid lies 43.6 m above the sea here, so level 0 is higher above the sea.
        assert!((level - 143.6).abs() < 0.1, "{level}");
        for unknown in [Some(Datum::Unstated), None] {
            let found = of(&[sea, unknown], Some(&geoid));
            assert_eq!(found, (HeightSystem::TakeOff, 0.0));
        }
        assert_eq!(of(&[sea, ellipsoid], None), (HeightSystem::TakeOff, 0.0));
    }
}
