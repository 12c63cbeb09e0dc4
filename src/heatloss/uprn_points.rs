//! Property numbers from points, given to the buildings in which they lie.
//!
//! In: any OGR source of points with a field of UPRNs, such as OS Open UPRN. Out: the numbers of each building.
//! Refuses: files without a coordinate system or the field, a number that two points carry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gdal::Dataset;
use gdal::vector::{Geometry, Layer};

use super::{Footprint, FootprintError, Ring, footprints};
use crate::complaints::features;
use crate::georef::{Bounds, Projector};
use crate::outside::{self, VECTORS};

/// Places on the map, by property number.
type Points = BTreeMap<String, (f64, f64)>;

/// Where the points are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UprnPoints {
    /// Any file that OGR reads; its first layer.
    pub path: PathBuf,
    /// Field of the UPRN.
    pub field: String,
}

impl UprnPoints {
    /// Whether file, coordinate system and field are there, before any long work.
    ///
    /// # Errors
    ///
    /// [`FootprintError`].
    pub fn check(&self) -> Result<(), FootprintError> {
        let dataset = footprints::open(&self.path)?;
        let layer = self.layer(&dataset)?;
        footprints::system(&self.path, &layer)?;
        footprints::field(&self.path, &layer, &self.field).map(drop)
    }

    fn layer<'a>(&self, dataset: &'a Dataset) -> Result<Layer<'a>, FootprintError> {
        dataset.layer(0).map_err(|source| FootprintError::Read {
            path: self.path.clone(),
            source,
        })
    }

    /// Gives every building the numbers of the points in it; returns how many points lie on the map but in no building, or nowhere.
    ///
    /// # Errors
    ///
    /// [`FootprintError`].
    pub fn assign(
        &self,
        buildings: &mut [Footprint],
        projector: &Projector,
        area: Bounds,
    ) -> Result<usize, FootprintError> {
        let failed = |source| FootprintError::Read {
            path: self.path.clone(),
            source,
        };
        let ask = || self.read(projector, area);
        let (points, nowhere) = outside::steadily(&self.path, failed, ask)?;
        let boxes: Vec<Option<Bounds>> = buildings.iter().map(Footprint::bounds).collect();
        // By western edge, and never wider than the widest: a point needs to ask few.
        let mut order: Vec<(f64, usize)> = boxes
            .iter()
            .enumerate()
            .filter_map(|(at, bounds)| Some(((*bounds)?.west, at)))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let widths = boxes.iter().flatten().map(|bounds| bounds.size().0);
        let widest = widths.fold(0.0, f64::max);
        let mut outside = nowhere;
        for (uprn, (east, north)) in points {
            let first = order.partition_point(|(west, _)| *west < east - widest);
            let near = order.iter().skip(first);
            let found = near
                .take_while(|(west, _)| *west <= east)
                .map(|&(_, at)| at)
                .find(|&at| {
                    buildings
                        .get(at)
                        .is_some_and(|footprint| holds(footprint, (east, north)))
                });
            match found.and_then(|at| buildings.get_mut(at)) {
                Some(footprint) if footprint.uprns.contains(&uprn) => {}
                Some(footprint) => footprint.uprns.push(uprn),
                None => outside += 1,
            }
        }
        footprints::check_uprns(&self.path, buildings)?;
        Ok(outside)
    }

    /// Those on the map, and how many are no points with a place.
    fn read(&self, projector: &Projector, area: Bounds) -> Result<(Points, usize), FootprintError> {
        let path = || self.path.clone();
        let failed = |source| FootprintError::Read {
            path: path(),
            source,
        };
        let dataset = outside::open_vectors(&self.path, VECTORS).map_err(failed)?;
        let mut layer = self.layer(&dataset)?;
        let file = footprints::system(&self.path, &layer)?;
        let field = footprints::field(&self.path, &layer, &self.field)?;
        let (mut points, mut nowhere) = (Points::new(), 0);
        for feature in features(&mut layer) {
            let feature = feature.map_err(failed)?;
            // A point without a number gives none.
            let Some(uprn) = feature.field_as_string(field).map_err(failed)? else {
                continue;
            };
            let Some((x, y)) = feature.geometry().and_then(point) else {
                nowhere += 1;
                continue;
            };
            // A file of the whole country reaches beyond where its own system or the map's holds, which is beyond the map.
            let place = file
                .to_geographic(x, y)
                .and_then(|(longitude, latitude)| projector.to_map(longitude, latitude));
            let Ok(place) = place else { continue };
            if !area.holds(Bounds::around(&[place]).unwrap_or(area)) {
                continue;
            }
            if points.insert(uprn.clone(), place).is_some() {
                return Err(FootprintError::DuplicateUprn {
                    path: path(),
                    count: 1,
                    first: uprn.clone(),
                    second: uprn,
                });
            }
        }
        Ok((points, nowhere))
    }
}

/// Where a point lies, or several of which there is one.
fn point(shape: &Geometry) -> Option<(f64, f64)> {
    if shape.geometry_name() == "MULTIPOINT" && shape.geometry_count() == 1 {
        return point(&shape.get_geometry(0));
    }
    if shape.geometry_name() != "POINT" || shape.is_empty() {
        return None;
    }
    let (x, y, _) = shape.get_point(0);
    (x.is_finite() && y.is_finite()).then_some((x, y))
}

fn holds(footprint: &Footprint, point: (f64, f64)) -> bool {
    let inside =
        |rings: &Vec<Ring>| rings.iter().filter(|ring| in_ring(ring, point)).count() % 2 == 1;
    footprint.polygons.iter().any(inside)
}

/// By the number of edges that a ray to the east crosses (Shimrat 1962).
fn in_ring(ring: &Ring, (east, north): (f64, f64)) -> bool {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    let crossed = edges.filter(|((x0, y0), (x1, y1))| {
        (*y0 > north) != (*y1 > north) && east < x0 + (north - y0) / (y1 - y0) * (x1 - x0)
    });
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::georef::Crs;

    fn square(west: f64) -> Footprint {
        Footprint {
            id: west.to_string(),
            uprns: vec![],
            polygons: vec![vec![vec![
                (west, 0.0),
                (west + 10.0, 0.0),
                (west + 10.0, 10.0),
                (west, 10.0),
            ]]],
            material: None,
            emissivity: None,
            tilt: None,
        }
    }

    #[test]
    fn points_give_their_numbers_to_the_building_around_them() {
        let crs = Crs::from_epsg(32_631).unwrap();
        let path = "/vsimem/points.geojson";
        let point = |uprn: u8, east: f64| {
            format!(
                r#"{{"type":"Feature","properties":{{"UPRN":{uprn}}},"geometry":{{"type":"Point","coordinates":[{},5840005]}}}}"#,
                500_000.0 + east
            )
        };
        let points = [point(1, 3.0), point(2, 7.0), point(3, 25.0), point(4, 15.0)].join(",");
        let text = format!(
            r#"{{"type":"FeatureCollection","crs":{{"type":"name","properties":{{"name":"urn:ogc:def:crs:EPSG::32631"}}}},"features":[{points}]}}"#
        );
        gdal::vsi::create_mem_file(path, text.clone().into_bytes()).unwrap();
        let mut houses: Vec<Footprint> = [0.0, 20.0].map(square).into();
        for (east, north) in houses
            .iter_mut()
            .flat_map(|house| &mut house.polygons[0][0])
        {
            (*east, *north) = (*east + 500_000.0, *north + 5_840_000.0);
        }
        let area = Bounds {
            west: 499_000.0,
            south: 5_839_000.0,
            east: 501_000.0,
            north: 5_841_000.0,
        };
        let mut points = UprnPoints {
            path: path.into(),
            field: "UPRN".into(),
        };
        let projector = crs.projector().unwrap();
        assert_eq!(points.assign(&mut houses, &projector, area).unwrap(), 1);
        assert_eq!(houses[0].uprns, ["1", "2"]);
        assert_eq!(houses[1].uprns, ["3"]);
        for (other, outside) in [
            (
                r#"{"type":"Feature","properties":{"UPRN":5},"geometry":null}"#,
                2,
            ),
            (
                r#"{"type":"Feature","properties":{"UPRN":5},"geometry":{"type":"MultiPoint","coordinates":[]}}"#,
                2,
            ),
            (
                r#"{"type":"Feature","properties":{"UPRN":5},"geometry":{"type":"LineString","coordinates":[[500003,5840005],[500004,5840005]]}}"#,
                2,
            ),
            // In the first house.
            (
                r#"{"type":"Feature","properties":{"UPRN":5},"geometry":{"type":"MultiPoint","coordinates":[[500003,5840005]]}}"#,
                1,
            ),
            // It has no number to give.
            (
                r#"{"type":"Feature","properties":{"UPRN":null},"geometry":null}"#,
                1,
            ),
        ] {
            let text = text.replace("\"features\":[", &format!("\"features\":[{other},"));
            gdal::vsi::create_mem_file(path, text.into_bytes()).unwrap();
            let read = points.assign(&mut houses, &projector, area);
            assert_eq!(read.unwrap(), outside, "{other}");
        }
        assert_eq!(houses[0].uprns, ["1", "2", "5"]);
        points.field = "uprn".into();
        let refused = points.assign(&mut houses, &projector, area).unwrap_err();
        assert!(refused.to_string().contains("it has UPRN"), "{refused}");
    }
}
