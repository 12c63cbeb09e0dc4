//! Redacted frames to a mosaic: place on the ground, refine, draw; then its files.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::ThreadPool;

use super::align::Alignment;
use super::flights::{Flight, locate, place, stated, system};
use super::ground::Ground;
use super::journal::{Journal, load};
use super::nights::Nights;
use super::{
    GroundSummary, MosaicSummary, Progress, Published, Run, RunError, Summary, buildings,
    heat_loss, kept_frames, outputs,
};
use crate::audit::FlightEvidence;
use crate::frame::FrameId;
use crate::georef::{Crs, GeorefError};
use crate::heatloss::Objections;
use crate::raster::Raster;
use crate::store::Store;
use crate::tiles::{self, MosaicFrame, MosaicOptions, MosaicReport, TilesError};

/// Files that are made, for the progress.
const STEPS: usize = 4 + outputs::STEPS;

/// Makes and publishes everything under `tiles/`, `frames/` and `buildings/`; returns where frames were drawn, and in which map. With settings under which there
/// will never be a map, nothing is made, and the summary says why: the run ends, so that it can be reviewed and deleted.
pub(super) fn map(
    run: &Run,
    pool: &ThreadPool,
    store: &Store,
    published: &[Published],
    journal: &mut Journal<'_>,
    summary: &mut Summary,
    progress: &mut dyn Progress,
) -> Result<Option<(Crs, Vec<MosaicFrame>)>, RunError> {
    progress.stage("mapping", STEPS);
    let by_id: BTreeMap<FrameId, &Published> =
        published.iter().map(|frame| (frame.id, frame)).collect();
    let rasters = |id: FrameId| -> Result<Arc<Raster<f32>>, RunError> {
        let frame = by_id.get(&id).ok_or(RunError::Working { frame: id.0 })?;
        load(store, id, &frame.meta, &frame.output_sha256).map(Arc::new)
    };
    let located = locate(run, published)?;
    let crs = match system(run, &located) {
        Err(why @ (GeorefError::Scale { .. } | GeorefError::Antimeridian)) => {
            summary.no_map = Some(why.to_string());
            return Ok(None);
        }
        crs => crs?,
    };
    let (mut frames, flights) = place(run, crs, published, &located, &rasters)?;
    let members: Vec<Vec<FrameId>> = flights.iter().map(|flight| flight.frames.clone()).collect();
    let ground = Ground::under(run, crs, &mut frames, &members, &stated(run, &located))?;
    let publishable = |id| ground.publishable(id, rasters(id)?);
    let located: BTreeMap<FrameId, _> = located.into_iter().collect();
    let mut alignment = Alignment::of(
        run,
        pool,
        &ground.surface,
        &mut frames,
        &members,
        &located,
        &publishable,
    )?;
    let nights = Nights::of_run(run, published, &alignment.levels);
    let ground = ground.refined(alignment.ground.take(), &frames);
    journal.placed(&alignment.placed)?;
    let told = flights.iter().zip(&alignment.flights);
    summary.flights = told
        .map(|(flight, alignment)| flight.summary(alignment.clone()))
        .collect();
    let evidence = |(number, flight): (usize, &Flight)| {
        let vignetting = alignment.vignetting(number);
        flight.evidence(
            ground.evidence(number),
            alignment.evidence(number),
            vignetting,
        )
    };
    let evidence: Vec<FlightEvidence> = (0..).zip(&flights).map(evidence).collect();
    journal.flights(&evidence)?;
    progress.step();

    let work = store.work();
    // Still publishable: numbers were added that follow from publishable frames alone.
    let levelled =
        |id| Ok::<_, RunError>(alignment.apply(id, ground.publishable(id, rasters(id)?)?));
    let mosaic = pool.install(|| {
        let surface = &ground.surface;
        tiles::build_on(surface, crs, &frames, &options(run), &work, levelled)
    });
    let mut mosaic = match mosaic {
        Err(RunError::Tiles(why @ TilesError::NothingSeen { .. })) => {
            summary.no_map = Some(why.to_string());
            return Ok(Some((crs, frames)));
        }
        mosaic => mosaic?,
    };
    let has_surface = ground.surface.model().is_some();
    let placed = kept_frames::Placed::of(crs, &frames, &members, &ground.surface, published);
    summary.kept_frames_heights = kept_frames::publish(run, store, &placed, levelled, journal)?;
    let objections = buildings::object(run, &mut mosaic, has_surface, journal)?;
    summary.objections = objections.as_ref().map(Objections::count);
    let report = mosaic.report().clone();
    let used = &report.used_frames;
    summary.mosaic = Some(summary_of(&report, ground.summary(&frames, &report)));
    progress.step();
    let map = outputs::Map {
        mosaic: &mosaic,
        frames: used,
        flown: flown(used.iter().filter_map(|id| by_id.get(id).copied())),
    };
    let mut catalog = outputs::publish(run, pool, store, &map, journal, progress)?;
    let of_walls = ground.without_walls(&frames);
    let seen = heat_loss::Seen {
        views: &frames,
        place: alignment.place(),
        surface: &ground.surface,
        nights: nights.as_ref(),
        flights: &members,
        walls: (&of_walls, &levelled),
    };
    summary.heat_loss = heat_loss::publish(run, pool, store, &map, seen, &mut catalog, journal)?;
    catalog.publish(run, store, &map, journal, progress)?;
    progress.step();
    let objections = objections.as_ref();
    summary.buildings = buildings::publish(run, pool, store, &map, seen, objections, journal)?;
    progress.step();
    Ok(Some((crs, frames)))
}

fn summary_of(report: &MosaicReport, ground: GroundSummary) -> MosaicSummary {
    MosaicSummary {
        width: report.width,
        height: report.height,
        resolution_m: report.resolution.0,
        crs: format!("EPSG:{}", report.epsg),
        valid_pixels: report.valid_pixels,
        frames_used: report.used_frames.len(),
        seam_kelvin: report.overlap_disagreement,
        blended_pixels: report.blended_pixels,
        ground,
    }
}

fn options(run: &Run) -> MosaicOptions {
    MosaicOptions {
        resolution: run.config.tiles.resolution,
        max_off_nadir: run.config.georef.max_off_nadir,
        max_incidence: run.config.georef.surface.max_incidence,
        max_slant_range: run.config.georef.surface.max_slant_range,
        feather: run.config.tiles.feather,
        ..MosaicOptions::default()
    }
}

/// First and last capture, where files tell.
fn flown<'a>(frames: impl Iterator<Item = &'a Published>) -> Option<(i64, i64)> {
    let times = frames.filter_map(|frame| frame.meta.captured_at);
    times.fold(None, |flown, time| match flown {
        Some((first, last)) => Some((time.min(first), time.max(last))),
        None => Some((time, time)),
    })
}
