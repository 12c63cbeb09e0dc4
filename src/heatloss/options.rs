//! On what, in which weather and how buildings are measured.
//!
//! In: nothing. Out: options with their defaults. Refuses: nothing.

use super::balance::Convection;
use super::grade::Reason;
use super::{Footprint, Spread, Weather};
use crate::georef::Bounds;
use crate::units::{Degrees, Fraction, Metres};

/// The weather in which a part of a map was seen, and the air on the path to the camera in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Night {
    /// The weather.
    pub weather: Weather,
    /// Transmission of the air between roof and camera.
    pub transmission: Fraction,
}

/// By what most of a building was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeenBy {
    /// Number of the night.
    pub night: usize,
    /// Number of the flight: temperatures of two flights are not matched with each other.
    pub flight: usize,
}

/// How buildings are measured.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildingOptions {
    /// Material and its emissivity, lower case; the roof's own emissivity wins.
    pub materials: Vec<(String, f64)>,
    /// Emissivity where neither is known.
    pub emissivity: f64,
    /// Tilt of a roof whose tilt is not known.
    pub tilt: Degrees,
    /// How wind carries heat away.
    pub convection: Convection,
    /// What is uncertain besides the weather.
    pub spread: Spread,
    /// Neighbours are compared within this distance.
    pub radius: f64,
    /// Less of a building seen than this gives no number.
    pub least_visible: f64,
    /// Standard uncertainty of the map's place against the outlines, along each axis.
    pub place: Metres,
    /// What the survey as a whole leaves open, such as drift: a reason for the grade of every building.
    pub reasons: Vec<Reason>,
}

impl Default for BuildingOptions {
    /// Emissivities: middle of the ranges in DOMAIN section 4.
    fn default() -> Self {
        let known = [
            ("tile", 0.905),
            ("clay tile", 0.905),
            ("concrete tile", 0.905),
            ("slate", 0.90),
            ("brick", 0.945),
            ("concrete", 0.94),
            ("asphalt", 0.94),
            ("felt", 0.94),
            ("glass", 0.88),
            ("metal", 0.2),
        ];
        Self {
            materials: known
                .map(|(name, emissivity)| (name.to_owned(), emissivity))
                .into(),
            emissivity: 0.91,
            tilt: Degrees(35.0),
            convection: Convection::default(),
            spread: Spread::default(),
            radius: 250.0,
            least_visible: 0.25,
            place: Metres(0.0),
            reasons: Vec::new(),
        }
    }
}

impl BuildingOptions {
    /// A roof's own emissivity, else its material's; `None` where neither is known.
    #[must_use]
    pub fn stated_emissivity(&self, footprint: &Footprint) -> Option<f64> {
        let of_material = |name: &String| {
            let name = name.trim().to_lowercase();
            let known = self
                .materials
                .iter()
                .find(|(material, _)| *material == name);
            known.map(|(_, value)| *value)
        };
        let material = footprint.material.as_ref().and_then(of_material);
        footprint.emissivity.or(material)
    }
}

/// A map to measure on: a north-up grid of square pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapGrid {
    /// Its edges in metres.
    pub bounds: Bounds,
    /// Side of a pixel in metres.
    pub resolution: f64,
    /// Columns and rows.
    pub size: (usize, usize),
}

/// Columns `x0..x0 + width` and rows `y0..y0 + height` of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapWindow {
    /// First column.
    pub x0: usize,
    /// First row.
    pub y0: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}
