//! The map to a table of buildings, without those whose people object.
//!
//! In: the mosaic, outlines, objections. Out: pixels taken out of the map before anything is made from it; files under `buildings/`,
//! logged together. Refuses: lists and outlines that cannot be read for sure.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::ThreadPool;
use serde::Serialize;

use super::heat_loss::Seen;
use super::journal::Journal;
use super::nights::Nights;
use super::outputs::Map;
use super::record::{self, count, ranges};
use super::surfaces::{self, map_grid};
use super::{Run, RunError, heat_loss, walls};
use crate::audit::{BuildingsEmitted, Entry, ObjectionApplied, PublishedFile};
use crate::config::Config;
use crate::frame::FrameId;
use crate::georef::{Bounds, Crs, Surface};
use crate::heatloss::{
    self, Building, BuildingOptions, Facet, Footprint, GeoPackage, GeoParquet, MapWindow, Night,
    Objections, Part, Ring, SeenBy, TableCsv, UprnLinksCsv, Weather, air_transmission, coverage,
};
use crate::hex;
use crate::outside;
use crate::store::{Receipt, Staged, Store, hash_file, layout};
use crate::tiles::{Erased, Grid, Mosaic, MosaicFrame, MosaicReader, TilesError};
use crate::units::Metres;

/// Around an objection's outline, where the settings do not say it.
const MARGIN: f64 = 1.0;
/// Bytes of an opt-out list.
const LONGEST_LIST: u64 = 1 << 30;
/// Height of an eave on flat ground, which a roof leans away by.
const TYPICAL_HEIGHT: f64 = 5.0;
/// Pixels taken out at a time.
const MAX_PIXELS: usize = 1 << 22;
/// Least share of a pixel that counts as touched.
const TOUCHED: f64 = 1e-9;

/// The table in numbers.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BuildingsSummary {
    /// Rows.
    pub buildings: usize,
    /// Of them with a temperature.
    pub measured: usize,
    /// Points with a property number that lie in no building of the table, or nowhere.
    pub points_outside: usize,
}

/// Refuses before the first frame what would end the run after the last.
pub(super) fn check(config: &Config) -> Result<(), RunError> {
    let buildings = &config.buildings;
    if let Some(source) = &buildings.footprints {
        source.check()?;
    }
    if let Some(points) = &buildings.uprn_points {
        points.check()?;
    }
    if let Some(path) = &buildings.opt_out {
        heatloss::refuse_no_file(path)?;
        Objections::check(path, opt_out(path)?)?;
    }
    Ok(())
}

/// The opt-out list, as it lies there.
fn opt_out(path: &Path) -> Result<Vec<u8>, RunError> {
    outside::read(path, LONGEST_LIST).map_err(|source| RunError::OptOut {
        path: path.to_path_buf(),
        source,
    })
}

/// Takes the homes and gardens of the opt-out list out of the map, and says so in the log; `None` where there is no list.
pub(super) fn object(
    run: &Run,
    mosaic: &mut Mosaic,
    has_surface: bool,
    journal: &mut Journal<'_>,
) -> Result<Option<Objections>, RunError> {
    let Some(path) = &run.config.buildings.opt_out else {
        return Ok(None);
    };
    let grid = *mosaic.grid();
    let lean = if has_surface {
        0.0
    } else {
        TYPICAL_HEIGHT * mosaic.report().mean_tangent
    };
    let margin = run.config.buildings.opt_out_margin;
    let margin = margin.unwrap_or(Metres(MARGIN + lean));
    let projector = grid.crs.projector()?;
    let bytes = opt_out(path)?;
    let commitment = hex::encode(&journal.commit(&bytes));
    let objections = Objections::read(path, bytes, &projector, grid.bounds(), margin)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and some ten metres"
    )]
    let margin_mm = (margin.0 * 1e3).ceil() as u32;
    let applied = Entry::Objection(ObjectionApplied {
        count: count(objections.count()),
        commitment,
        margin_mm,
    });
    journal.note(vec![applied])?;
    let windows = objections
        .polygons()
        .iter()
        .flat_map(|rings| strips(rings, &grid));
    mosaic.erase(windows)?;
    Ok(Some(objections))
}

/// The pixels that a polygon touches, some rows at a time.
fn strips<'a>(rings: &'a [Ring], grid: &'a Grid) -> impl Iterator<Item = Erased> + 'a {
    let area = Bounds::around(&rings.concat()).and_then(|area| area.intersection(grid.bounds()));
    let index = |metres: f64, most: usize| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and what lies beside the map was cut off"
        )]
        let pixel = (metres / grid.resolution) as usize;
        pixel.min(most)
    };
    let (x0, x1, y0, y1) = area.map_or((0, 0, 0, 0), |area| {
        (
            index(area.west - grid.west, grid.width),
            index(area.east - grid.west, grid.width - 1) + 1,
            index(grid.north - area.north, grid.height),
            index(grid.north - area.south, grid.height - 1) + 1,
        )
    });
    let width = x1.saturating_sub(x0);
    let rows = (MAX_PIXELS / width.max(1)).max(1);
    let tops = (y0..y1).step_by(rows).filter(move |_| width > 0);
    tops.map(move |top| {
        let height = rows.min(y1 - top);
        #[expect(clippy::cast_precision_loss, reason = "columns and rows fit 31 bits")]
        let (left, upper) = (x0 as f64, top as f64);
        let place = |&(east, north): &(f64, f64)| {
            (
                (east - grid.west) / grid.resolution - left,
                (grid.north - north) / grid.resolution - upper,
            )
        };
        let rings: Vec<Ring> = rings
            .iter()
            .map(|ring| ring.iter().map(place).collect())
            .collect();
        let shares = coverage(&rings, width, height);
        Erased {
            origin: (x0, top),
            size: (width, height),
            pixels: shares.into_iter().map(|share| share > TOUCHED).collect(),
        }
    })
}

/// Measures the buildings and publishes their table, where outlines are given.
pub(super) fn publish(
    run: &Run,
    pool: &ThreadPool,
    store: &Store,
    map: &Map<'_>,
    seen: Seen<'_>,
    objections: Option<&Objections>,
    journal: &mut Journal<'_>,
) -> Result<Option<BuildingsSummary>, RunError> {
    let config = &run.config.buildings;
    let Some(source) = &config.footprints else {
        return Ok(None);
    };
    let Seen {
        views,
        place,
        surface,
        nights,
        flights,
        ..
    } = seen;
    let (grid, mosaic) = (map.mosaic.grid(), map.mosaic);
    let projector = grid.crs.projector()?;
    let mut footprints = heatloss::read(source, &projector, grid.bounds())?;
    if let Some(objections) = objections {
        footprints = objections
            .filter(footprints)
            .map_err(|source| TilesError::Gdal {
                task: "compare outlines with objections",
                source,
            })?;
    }
    surfaces::tilt(&mut footprints, surface).map_err(TilesError::from)?;
    let points_outside = match &config.uprn_points {
        Some(points) => points.assign(&mut footprints, &projector, grid.bounds())?,
        None => 0,
    };
    let conditions = run.config.weather.as_ref();
    let conditions = conditions.map(|config| heat_loss::conditions(config, mosaic));
    let range = typical_range(mosaic, views);
    let night = |weather: &Weather| Night {
        weather: *weather,
        transmission: air_transmission(weather, range),
    };
    let weathers = nights.into_iter().flat_map(Nights::weathers);
    let seen_in: Vec<Night> = weathers.map(night).collect();
    let mut reasons = nights.map_or_else(Vec::new, |nights| nights.common_reasons().to_vec());
    let mut spread = config.options.spread;
    if let Some((conditions, drift)) = conditions {
        spread = conditions.spread;
        reasons.extend(drift);
    }
    let options = BuildingOptions {
        spread,
        place,
        reasons,
        ..config.options.clone()
    };
    let pixels = map_grid(grid);
    let read = |reader: &MosaicReader, window: MapWindow| {
        reader.celsius((window.x0, window.y0), (window.width, window.height))
    };
    let of_frame = numbers(flights);
    let which = |reader: &MosaicReader, window: MapWindow, shares: &[f64]| {
        if flights.len() < 2 && seen_in.len() < 2 {
            return Ok(SeenBy::default());
        }
        let frames = reader.frames((window.x0, window.y0), (window.width, window.height))?;
        Ok(seen_by(&frames, shares, &of_frame, nights))
    };
    let measure = |footprints| {
        heatloss::measure(
            footprints,
            &pixels,
            &seen_in,
            &options,
            || mosaic.reader(),
            read,
            which,
        )
    };
    let rows = pool.install(|| measure(footprints))?;
    let parts = pool.install(|| heatloss::parts(&rows, |one| facets(one, surface), measure))?;
    let walls = pool.install(|| walls::parts(run, &rows, &seen, objections, &options))?;
    let parts = heatloss::together(&rows, parts, walls);
    let staged = stage(store, &rows, &parts, grid.crs)?;
    let files = staged.iter().map(|staged| published(staged.receipt()));
    let measured = rows.iter().filter(|row| row.apparent.mean.is_finite());
    let summary = BuildingsSummary {
        buildings: rows.len(),
        measured: measured.count(),
        points_outside,
    };
    let table = BuildingsEmitted {
        files: files.collect(),
        footprints_sha256: hex::encode(&hash_file(&source.path)?.0),
        buildings: count(summary.buildings),
        measured: count(summary.measured),
        source_frames: ranges(map.frames),
    };
    journal.buildings(record::buildings(&table))?;
    for staged in staged {
        staged.commit()?;
    }
    Ok(Some(summary))
}

/// Which flight each frame is of.
fn numbers(flights: &[Vec<FrameId>]) -> BTreeMap<FrameId, usize> {
    let of = |(flight, frames): (usize, &Vec<FrameId>)| -> Vec<(FrameId, usize)> {
        frames.iter().map(|id| (*id, flight)).collect()
    };
    (0..).zip(flights).flat_map(of).collect()
}

/// In which weather and by which flight most of a building was seen, by the frame of each pixel and its share.
fn seen_by(
    frames: &[Option<FrameId>],
    shares: &[f64],
    of_frame: &BTreeMap<FrameId, usize>,
    nights: Option<&Nights>,
) -> SeenBy {
    let weighed = frames.iter().zip(shares);
    let weighed = weighed.filter_map(|(id, share)| Some((*of_frame.get(&(*id)?)?, *share)));
    SeenBy {
        night: nights.map_or(0, |nights| nights.mostly(frames, shares)),
        flight: heatloss::mostly(weighed).unwrap_or(0),
    }
}

fn published(receipt: &Receipt) -> PublishedFile {
    PublishedFile {
        path: receipt.path.clone(),
        sha256: hex::encode(&receipt.sha256),
        bytes: receipt.bytes,
    }
}

/// The tables, durable under temporary names; those of parts where there are any.
fn stage(
    store: &Store,
    buildings: &[Building],
    parts: &[Part],
    crs: Crs,
) -> Result<Vec<Staged>, RunError> {
    let package = GeoPackage {
        buildings,
        parts,
        crs,
    };
    let parquet = GeoParquet {
        rows: buildings,
        crs,
    };
    let mut staged: Vec<Staged> = vec![
        store.stage(layout::BUILDINGS_CSV, &TableCsv(buildings))?,
        store.stage(layout::UPRN_CSV, &UprnLinksCsv(buildings))?,
        store.stage_file(layout::BUILDINGS_GPKG, &package)?,
        store.stage_file(layout::BUILDINGS_PARQUET, &parquet)?,
    ];
    if !parts.is_empty() {
        let parquet = GeoParquet { rows: parts, crs };
        staged.push(store.stage(layout::BUILDING_PARTS_CSV, &TableCsv(parts))?);
        staged.push(store.stage_file(layout::BUILDING_PARTS_PARQUET, &parquet)?);
    }
    Ok(staged)
}

/// The facets of a roof, where there is a surface model.
fn facets(footprint: &Footprint, surface: &Surface) -> Result<Vec<Facet>, TilesError> {
    let (Some(model), Some(area)) = (surface.model(), footprint.bounds()) else {
        return Ok(Vec::new());
    };
    let cell = model.cell();
    let patch = surface.patch(area.grown(Metres(2.0 * cell.0.max(1.0))))?;
    let height = |east, north| patch.as_ref()?.height(east, north);
    heatloss::facets(&footprint.polygons, cell.0, height).map_err(|source| TilesError::Gdal {
        task: "draw the facets of a roof",
        source,
    })
}

/// How far the camera was from what the map shows, on average.
fn typical_range(mosaic: &Mosaic, views: &[MosaicFrame]) -> Metres {
    let mut heights: Vec<f64> = views.iter().map(|frame| frame.view.height().0).collect();
    heights.sort_unstable_by(f64::total_cmp);
    let height = heights.get(heights.len() / 2).copied().unwrap_or_default();
    Metres(height * mosaic.report().mean_tangent.hypot(1.0))
}
