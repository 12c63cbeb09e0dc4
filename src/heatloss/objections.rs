//! Homes and gardens whose people object: what of the map goes, and which buildings.
//!
//! In: outlines from any OGR source, a margin. Out: outlines with the margin, and whether a building is among them.
//! Refuses: outlines that cannot be read for sure; a list that cannot be applied as a whole is not applied in part.

use std::path::Path;

use gdal::vector::Geometry;

use super::geopackage::multi_polygon;
use super::{Footprint, FootprintError, FootprintSource, Ring, footprints};
use crate::georef::{Bounds, Projector};
use crate::outside::Copied;
use crate::units::Metres;

/// A building of which more than this share lies within an objection's own outline is not in the table. What only touches a wall
/// or a fence of it is a neighbour.
const SHARE: f64 = 0.1;
/// Straight pieces of a quarter circle around a corner.
const ARC: u32 = 4;

/// Objections that touch a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Objections {
    outlines: Vec<Footprint>,
    /// Polygons with the margin around them: rings in the map's metres.
    grown: Vec<Vec<Ring>>,
}

fn copied(path: &Path, bytes: Vec<u8>) -> Result<Copied, FootprintError> {
    Copied::of(path, bytes).map_err(|source| FootprintError::Read {
        path: path.to_path_buf(),
        source,
    })
}

impl Objections {
    /// Reads those that touch `area` (the map, in its own metres) from the `bytes` of the list at `path`, whose parts lie beside it; none is a list of people
    /// elsewhere.
    ///
    /// # Errors
    ///
    /// [`FootprintError`].
    pub fn read(
        path: &Path,
        bytes: Vec<u8>,
        projector: &Projector,
        area: Bounds,
        margin: Metres,
    ) -> Result<Self, FootprintError> {
        let source = FootprintSource::outlines(path);
        let failed = |source| FootprintError::Read {
            path: path.to_path_buf(),
            source,
        };
        let copied = copied(path, bytes)?;
        let outlines = footprints::read_copied(&source, &copied, projector, area.grown(margin))?;
        let mut grown = Vec::new();
        for outline in &outlines {
            let shape = multi_polygon(&outline.polygons).map_err(failed)?;
            let shape = shape.buffer(margin.0, ARC).map_err(failed)?;
            grown.extend(footprints::polygons(&shape).ok_or_else(|| {
                let (path, feature) = (path.to_path_buf(), outline.id.clone());
                FootprintError::Unapplied { path, feature }
            })?);
        }
        Ok(Self { outlines, grown })
    }

    /// Whether the list at `path`, of these `bytes`, can be read and every outline in it be used, before any long work.
    ///
    /// # Errors
    ///
    /// [`FootprintError`].
    pub fn check(path: &Path, bytes: Vec<u8>) -> Result<(), FootprintError> {
        FootprintSource::outlines(path).check_at(copied(path, bytes)?.path())
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.outlines.len()
    }

    /// What goes from the map: polygons, each an outer ring and its holes, in its metres.
    #[must_use]
    pub fn polygons(&self) -> &[Vec<Ring>] {
        &self.grown
    }

    /// Leaves out the buildings that an objection is about.
    ///
    /// # Errors
    ///
    /// GDAL's, where a shape cannot be made.
    pub fn filter(&self, buildings: Vec<Footprint>) -> gdal::errors::Result<Vec<Footprint>> {
        let shapes = self
            .outlines
            .iter()
            .map(|outline| Ok((outline.bounds(), multi_polygon(&outline.polygons)?)));
        let shapes: Vec<(Option<Bounds>, Geometry)> =
            shapes.collect::<gdal::errors::Result<_>>()?;
        let mut kept = Vec::with_capacity(buildings.len());
        for building in buildings {
            let bounds = building.bounds();
            let near = shapes.iter().filter(|(around, _)| {
                bounds
                    .zip(*around)
                    .is_none_or(|(a, b)| a.intersection(b).is_some())
            });
            let shape = multi_polygon(&building.polygons)?;
            // What cannot be compared is taken for objected to.
            let shared = near.map(|(_, objection)| {
                let shared = shape.intersection(objection);
                shared.map_or(f64::INFINITY, |shared| shared.area())
            });
            if shared.sum::<f64>() <= SHARE * shape.area() {
                kept.push(building);
            }
        }
        Ok(kept)
    }
}
