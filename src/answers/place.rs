//! The places that a question is about.
//!
//! In: points, files of outlines, property numbers, lists. Out: numbered [`Place`]s on one map. Refuses: rows that name no place, numbers
//! that no published building has. What was asked (coordinates, numbers, names) goes no further than here: answers number the places.

use std::path::Path;

use gdal::vector::LayerAccess;

use super::{AnswersError, geometry};
use crate::complaints::features;
use crate::frame::{Position, PositionSource};
use crate::georef::{Bounds, Crs, Projector};
use crate::heatloss::{self, Footprint, FootprintSource, Ring};
use crate::outside::{self, VECTORS};
use crate::store::{self, layout};
use crate::units::{Degrees, Metres};

/// One place, in the metres of its question's map.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    rings: Vec<Ring>,
    /// West, south, east and north of it with the margin, in degrees.
    degrees: [f64; 4],
}

/// The places of a question, on one map; answers number them from 1 in the order of asking.
#[derive(Debug)]
pub struct Places {
    projector: Projector,
    margin: Metres,
    all: Vec<Place>,
}

/// Edges that are straight on the map bend a little in degrees.
const SLACK: Metres = Metres(10.0);

impl Places {
    /// No place yet, on the map of the UTM zone of a point of the survey; frames that come within `margin` of a place have seen it.
    ///
    /// # Errors
    ///
    /// [`AnswersError::Georef`] where the point is none of the earth.
    pub fn near(longitude: f64, latitude: f64, margin: Metres) -> Result<Self, AnswersError> {
        let position = Position {
            latitude: Degrees(latitude),
            longitude: Degrees(longitude),
            source: PositionSource::Poses,
            accuracy: None,
            vertical_accuracy: None,
        };
        let crs = Crs::for_positions([position]).ok_or(crate::georef::GeorefError::NoPosition)?;
        Ok(Self {
            projector: crs.projector()?,
            margin,
            all: Vec::new(),
        })
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How near counts as seen.
    #[must_use]
    pub fn margin(&self) -> Metres {
        self.margin
    }

    /// Adds a point.
    ///
    /// # Errors
    ///
    /// [`AnswersError::Georef`] where it is too far from the survey for its map.
    pub fn add_point(&mut self, longitude: f64, latitude: f64) -> Result<(), AnswersError> {
        let point = self.projector.to_map(longitude, latitude)?;
        self.add(vec![vec![point]])
    }

    /// Adds all outlines of a file that OGR reads, as one place.
    ///
    /// # Errors
    ///
    /// [`AnswersError::Outlines`].
    pub fn add_outlines(&mut self, path: &Path) -> Result<(), AnswersError> {
        let found = heatloss::read(&FootprintSource::outlines(path), &self.projector, ANYWHERE)?;
        self.add(
            found
                .into_iter()
                .flat_map(|found| found.polygons)
                .flatten()
                .collect(),
        )
    }

    /// Adds the published buildings with these property numbers, a place each.
    ///
    /// # Errors
    ///
    /// [`AnswersError::Uprn`] where a number has none.
    pub fn add_uprns(&mut self, folder: &Path, uprns: &[String]) -> Result<(), AnswersError> {
        let buildings = self.buildings(folder)?;
        let mut uprns = uprns.iter();
        uprns.try_for_each(|uprn| self.add_uprn(&buildings, uprn))
    }

    /// The published buildings; none where no table of them was made.
    fn buildings(&self, folder: &Path) -> Result<Vec<Footprint>, AnswersError> {
        let path = folder.join(layout::BUILDINGS_GPKG);
        if !store::exists(&path)? {
            return Ok(Vec::new());
        }
        let source = FootprintSource {
            driver: Some("GPKG"),
            layer: Some("buildings".into()),
            uprn: Some("uprn".into()),
            ..FootprintSource::outlines(&path)
        };
        Ok(heatloss::read(&source, &self.projector, ANYWHERE)?)
    }

    fn add_uprn(&mut self, buildings: &[Footprint], uprn: &str) -> Result<(), AnswersError> {
        let plain = |text: &str| text.trim().trim_start_matches('0').to_owned();
        let mut found = buildings.iter().filter(|building| {
            building
                .uprns
                .iter()
                .any(|other| plain(other) == plain(uprn))
        });
        let building = found.next().ok_or_else(|| AnswersError::Uprn {
            uprn: uprn.to_owned(),
        })?;
        self.add(building.polygons.iter().flatten().cloned().collect())
    }

    /// Adds the rows of a table with columns `lon` and `lat`, or `uprn`, a place each.
    ///
    /// # Errors
    ///
    /// [`AnswersError::List`] where the file cannot be read, [`AnswersError::Row`] where a row names no place.
    pub fn add_list(&mut self, folder: &Path, path: &Path) -> Result<(), AnswersError> {
        let failed = |source| AnswersError::List {
            path: path.to_path_buf(),
            source,
        };
        let mut buildings = None;
        let rows = outside::steadily(path, failed, || rows(path))?;
        for (row, named) in (1..).zip(rows) {
            let wrong = |problem| AnswersError::Row {
                path: path.to_path_buf(),
                row,
                problem,
            };
            match named {
                [Some(lon), Some(lat), _] => {
                    let degrees = |text: String| {
                        text.parse()
                            .ok()
                            .ok_or_else(|| wrong("a coordinate is not a number"))
                    };
                    self.add_point(degrees(lon)?, degrees(lat)?)?;
                }
                [_, _, Some(uprn)] => {
                    let read = match buildings.take() {
                        Some(read) => read,
                        None => self.buildings(folder)?,
                    };
                    self.add_uprn(buildings.insert(read), &uprn)?;
                }
                _ => return Err(wrong("it names no place")),
            }
        }
        Ok(())
    }

    fn add(&mut self, rings: Vec<Ring>) -> Result<(), AnswersError> {
        let around =
            Bounds::around(&rings.concat()).ok_or(crate::georef::GeorefError::NoPosition)?;
        let (width, height) = around.size();
        let slack = self.margin.0 + SLACK.0 + 0.001 * width.max(height);
        let around = around.grown(Metres(slack));
        let mut corners = Vec::new();
        for east in [around.west, around.east] {
            for north in [around.south, around.north] {
                corners.push(self.projector.to_geographic(east, north)?);
            }
        }
        let hull = Bounds::around(&corners).ok_or(crate::georef::GeorefError::NoPosition)?;
        self.all.push(Place {
            rings,
            degrees: [hull.west, hull.south, hull.east, hull.north],
        });
        Ok(())
    }

    /// Whether a box in degrees (west, south, east, north) may touch any place: quick, and never wrong with no.
    pub(super) fn may_touch(&self, [west, south, east, north]: [f64; 4]) -> bool {
        self.all.iter().any(|place| {
            let [w, s, e, n] = place.degrees;
            west <= e && east >= w && south <= n && north >= s
        })
    }

    /// The numbers of the places that one of a frame's outlines (longitude, latitude) comes near to.
    pub(super) fn touched(&self, outlines: &[Vec<[f64; 2]>]) -> Result<Vec<u32>, AnswersError> {
        let mut rings: Vec<Ring> = Vec::new();
        for outline in outlines {
            let place =
                |&[longitude, latitude]: &[f64; 2]| self.projector.to_map(longitude, latitude);
            rings.push(outline.iter().map(place).collect::<Result<_, _>>()?);
        }
        let numbered = (1..).zip(&self.all);
        let seen = numbered.filter(|(_, place)| {
            rings
                .iter()
                .any(|ring| geometry::touches(&place.rings, ring, self.margin.0))
        });
        Ok(seen.map(|(number, _)| number).collect())
    }
}

/// What the rows of a table have in the columns `lon`, `lat` and `uprn`.
fn rows(path: &Path) -> Result<Vec<[Option<String>; 3]>, AnswersError> {
    let failed = |source| AnswersError::List {
        path: path.to_path_buf(),
        source,
    };
    let dataset = outside::open_vectors(path, VECTORS).map_err(failed)?;
    let mut layer = dataset.layer(0).map_err(failed)?;
    let names: Vec<String> = layer
        .defn()
        .fields()
        .map(|field| field.name().to_lowercase())
        .collect();
    let columns = ["lon", "lat", "uprn"].map(|name| names.iter().position(|other| other == name));
    let mut rows = Vec::new();
    for feature in features(&mut layer) {
        let feature = feature.map_err(failed)?;
        rows.push(columns.map(|column| {
            let text = feature.field_as_string(column?).ok().flatten()?;
            let text = text.trim().to_owned();
            (!text.is_empty()).then_some(text)
        }));
    }
    Ok(rows)
}

/// No limit to where outlines may lie.
const ANYWHERE: Bounds = Bounds {
    west: f64::NEG_INFINITY,
    south: f64::NEG_INFINITY,
    east: f64::INFINITY,
    north: f64::INFINITY,
};
