//! Pages about homes, for people: what a roof looks like, what it loses, how sure that is.
//!
//! In: a verified run. Out: one HTML page a home, complete in itself and without scripts, its pictures as PNG, and an overview of the
//! street. Refuses: folders that do not verify, and to write into them. Names, addresses and property numbers stay out unless asked
//! for: homes are numbered as in the table.
//!
//! Only published files are read, in which nobody is to be seen: what was masked is empty here too.

mod chart;
mod error;
mod home;
mod parts;
mod picture;
mod raster;
mod street;
mod words;

use std::borrow::Cow;
use std::path::Path;

pub use error::PagesError;

use crate::georef::Bounds;
use crate::page::escape;
use crate::published::{Home, Published};
use crate::store::{self, Artifact, Existing, Store, StoreError, layout, sealed};
use crate::tiles::Ramp;
use crate::units::Metres;
use raster::MapRaster;

/// Ground shown around a home.
const AROUND: Metres = Metres(4.0);
/// Ends of the ramp of heat loss, W/m², as in the map.
const FLUX: (f32, f32) = (0.0, 150.0);

/// What the pages say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PagesOptions {
    /// Whether names of the source and property numbers are shown.
    pub with_uprn: bool,
}

/// Makes all pages of a run in the folder `out`; returns the number of homes.
///
/// # Errors
///
/// [`PagesError`].
pub fn write(
    run: &Published,
    options: PagesOptions,
    out: &Path,
    existing: Existing,
) -> Result<usize, PagesError> {
    if is_within(out, &run.folder)? {
        return Err(PagesError::Within {
            out: out.to_path_buf(),
            folder: run.folder.clone(),
        });
    }
    let open = |path| {
        let path = run.raster(path);
        path.map(|path| MapRaster::open(&path)).transpose()
    };
    let temperature = open(layout::TEMPERATURE_COG)?.ok_or_else(|| PagesError::NoMap {
        folder: run.folder.clone(),
    })?;
    let survey = Survey {
        run,
        options,
        temperature,
        heat_loss: open(layout::HEAT_LOSS_COG)?,
        ramps: ramps(&run.homes)?,
    };
    let store = Store::open_beside(out, existing)?;
    for (number, home) in (1..).zip(&run.homes) {
        for (name, bytes) in home::files(&survey, number, home)? {
            store.stage(&name, &PageFile(bytes))?.commit()?;
        }
    }
    for (name, bytes) in street::files(&survey)? {
        store.stage(&name, &PageFile(bytes))?.commit()?;
    }
    store.clear_work()?;
    Ok(run.homes.len())
}

/// What all pages of a run share.
struct Survey<'a> {
    run: &'a Published,
    options: PagesOptions,
    temperature: MapRaster,
    heat_loss: Option<MapRaster>,
    ramps: Ramps,
}

/// Colours, the same on every page.
struct Ramps {
    temperature: Ramp,
    flux: Ramp,
}

/// A page or a picture: made of published files alone.
struct PageFile(Vec<u8>);

impl sealed::Sealed for PageFile {}

impl Artifact for PageFile {
    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0)
    }
}

/// Name of a home's files, without their ending.
fn file_name(number: usize) -> String {
    format!("home-{number:05}")
}

/// What a home is called.
fn title(survey: &Survey<'_>, number: usize, home: &Home) -> String {
    let plain = format!("Home {number}");
    if !survey.options.with_uprn {
        return plain;
    }
    let uprns: Vec<&str> = home
        .uprns
        .iter()
        .filter(|uprn| **uprn != home.id)
        .map(String::as_str)
        .collect();
    let uprns = if uprns.is_empty() {
        String::new()
    } else {
        format!(", UPRN {}", uprns.join(", "))
    };
    escape(&format!("{plain}: {}{uprns}", home.id))
}

/// The ground to show of a home.
fn bounds(home: &Home) -> Option<Bounds> {
    let points: Vec<(f64, f64)> = home.polygons.iter().flatten().flatten().copied().collect();
    Some(Bounds::around(&points)?.grown(AROUND))
}

/// The ramp of temperature reaches from what is cold on the coldest home to what is warm on the warmest, in whole degrees.
fn ramps(homes: &[Home]) -> Result<Ramps, PagesError> {
    let all = |field| homes.iter().filter_map(move |home| home.number(field));
    let low = all("apparent_p05")
        .reduce(f64::min)
        .unwrap_or(-10.0)
        .floor();
    let high = all("apparent_p95").reduce(f64::max).unwrap_or(20.0).ceil();
    #[expect(clippy::cast_possible_truncation, reason = "whole degrees")]
    let temperature = Ramp::new(low as f32, high.max(low + 1.0) as f32)?;
    let flux = Ramp::new(FLUX.0, FLUX.1)?;
    Ok(Ramps { temperature, flux })
}

/// Whether `out` is `folder` or lies in it; links are followed as far as folders exist.
fn is_within(out: &Path, folder: &Path) -> Result<bool, StoreError> {
    let mut known = out;
    while !store::exists(known)? {
        match known.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => known = parent,
            _ => {
                known = Path::new(".");
                break;
            }
        }
    }
    let real = |path: &Path| {
        path.canonicalize().map_err(|source| StoreError::Read {
            path: path.to_path_buf(),
            source,
        })
    };
    Ok(real(known)?.starts_with(real(folder)?))
}
