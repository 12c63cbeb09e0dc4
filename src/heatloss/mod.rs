//! From surface temperatures to heat loss, and how sure it is.
//!
//! In: the weather of the night, what a surface is made of, apparent temperatures. Out: surface temperature, heat flux
//! with an interval, an indicative U-value, a grade from A to E with its reasons. Refuses: weather in which no figure
//! means anything (hard stops), and surfaces whose emissivity is not known to be high.
//!
//! One night from the air does not give a U-value. Every figure here carries the interval that the uncertain inputs
//! leave (DOMAIN section 4).

mod balance;
mod building;
mod buildings;
mod coverage;
mod error;
mod estimate;
mod facets;
mod field;
mod footprints;
pub(crate) mod geopackage;
mod geoparquet;
mod grade;
mod hot_spots;
mod index;
mod objections;
mod options;
mod parts;
mod path;
mod sky;
mod statistics;
pub(crate) mod table;
mod uprn_points;
mod walls;
mod weather;
mod zone;

pub use balance::{Convection, Surface, flux, u_value};
pub use building::Building;
pub use buildings::measure;
pub use coverage::{Ring, coverage, signed_area};
pub use error::{FootprintError, HeatLossError, TableError};
pub use estimate::{FluxModel, Interval, Spread};
pub use facets::{Facet, facets};
pub use field::FluxField;
pub use footprints::{Footprint, FootprintSource, read};
pub(crate) use footprints::{polygons as footprint_polygons, refuse_no_file};
pub use geopackage::GeoPackage;
pub use geoparquet::GeoParquet;
pub use grade::{Grade, Reason, Verdict, drift_reason, rank_reasons, surface_reasons};
pub use hot_spots::{HotSpots, hot_spots};
pub use index::{FEWEST, Ranked, Standing, standings};
pub use objections::Objections;
pub use options::{BuildingOptions, MapGrid, MapWindow, Night, SeenBy};
pub use parts::{Face, PART_FIELDS, Part, parts, together};
pub use path::{air_transmission, slant_range};
pub use sky::{berdahl_martin, dew_point, mirrored_sky, swinbank, under_clouds};
pub use statistics::ZoneStatistics;
pub(crate) use table::csv_cell;
pub use table::{FIELDS, Field, Getter, Row, TableCsv, UprnLinksCsv, Value};
pub use uprn_points::UprnPoints;
pub use walls::{Side, WallPlace, WallSight, mostly, wall_parts, wall_places};
pub use weather::{Sky, Uncertain, Weather, WeatherNote};
pub use zone::pixels_of;
