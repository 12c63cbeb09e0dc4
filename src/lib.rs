//! `heatveil` turns geo-tagged thermal frames of a drone into heat-loss tiles that show buildings and no
//! people, with a log that lets anyone check how.
//!
//! Data flows one way; each arrow is a module, and [`run`] drives them:
//!
//! ```text
//! ingest -> radiometry -> detect -> redact -> georef -> tiles -> heatloss -> audit
//! ```
//!
//! The guarantee that carries the rest: [`frame::Frame`] shows pixels only in its `Redacted` stage, and
//! [`store`], the door to disk, accepts no other frame.

pub mod answers;
pub mod audit;
pub mod compare;
mod complaints;
pub mod config;
pub mod detect;
mod error;
pub mod eval;
pub mod frame;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod georef;
pub mod heatloss;
pub mod hex;
pub mod ingest;
mod outside;
mod page;
pub mod pages;
pub mod published;
pub mod radiometry;
pub mod raster;
pub mod redact;
pub mod report;
pub mod retention;
pub mod review;
pub mod run;
pub mod seal;
#[cfg(feature = "serve")]
pub mod serve;
pub mod simulate;
pub mod store;
pub mod tiles;
pub mod units;

pub use error::Error;

#[cfg(feature = "cli")]
pub mod cli;
