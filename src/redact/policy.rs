//! What happens to the pixels of each class.

use crate::detect::Class;
use crate::units::Metres;

/// What happens to pixels under a mask. Both are non-interfering: published bytes do not depend on the
/// pixels underneath, or on nothing but their mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The pixels become no data.
    #[serde(rename = "nodata")]
    #[cfg_attr(feature = "cli", value(name = "nodata"))]
    NoData,
    /// The region becomes its own mean, one number.
    Mean,
}

impl Policy {
    /// Name for configuration and the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoData => "nodata",
            Self::Mean => "mean",
        }
    }
}

/// How masks are made.
#[derive(Debug, Clone, PartialEq)]
pub struct RedactConfig {
    /// Policy of persons.
    pub person: Policy,
    /// Policy of vehicles.
    pub vehicle: Policy,
    /// Policy of bicycles.
    pub bicycle: Policy,
    /// Policy of windows.
    pub window: Policy,
    /// Policy of warm spots.
    pub warm_spot: Policy,
    /// Padding on the ground, on each side of a box, whatever the box's own padding is.
    pub padding: Metres,
    /// Masks start and end on multiples of this many pixels, so that outlines carry no silhouette.
    pub grid_px: usize,
}

impl RedactConfig {
    /// The policy of `class`.
    #[must_use]
    pub fn policy(&self, class: Class) -> Policy {
        match class {
            Class::Person => self.person,
            Class::Vehicle => self.vehicle,
            Class::Bicycle => self.bicycle,
            Class::Window => self.window,
            Class::WarmSpot => self.warm_spot,
        }
    }
}

impl Default for RedactConfig {
    fn default() -> Self {
        Self {
            person: Policy::NoData,
            vehicle: Policy::NoData,
            bicycle: Policy::NoData,
            window: Policy::Mean,
            warm_spot: Policy::NoData,
            padding: Metres(0.25),
            grid_px: 4,
        }
    }
}
