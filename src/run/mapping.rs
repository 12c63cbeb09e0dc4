//! Redacted frames to published tiles: place on the ground, draw, encode, log, rename.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::ThreadPool;

use super::align::{Alignment, FlightAlignment};
use super::ground::Ground;
use super::journal::{Journal, load};
use super::record::{count, ranges};
use super::{FlightSummary, MosaicSummary, Progress, Published, Run, RunError, Summary};
use crate::audit::FlightEvidence;
use crate::config::Yaw;
use crate::frame::{FrameId, FrameMeta, PositionSource};
use crate::georef::{self, Crs, Located, YawChoice, YawReason, YawSource};
use crate::hex;
use crate::raster::Raster;
use crate::store::{Store, layout};
use crate::tiles::{self, Cog, MosaicFrame, MosaicOptions, Pyramid, Ramp, TileJson, WebTiles};
use crate::units::Metres;

/// Files that are made, for the progress.
const STEPS: usize = 4;
/// Shown on maps.
const ATTRIBUTION: &str = "made with heatveil from redacted thermal frames";

/// Makes and publishes everything under `tiles/`.
pub(super) fn map(
    run: &Run,
    pool: &ThreadPool,
    store: &Store,
    published: &[Published],
    journal: &mut Journal<'_>,
    summary: &mut Summary,
    progress: &mut dyn Progress,
) -> Result<(), RunError> {
    progress.stage("mapping", STEPS);
    let by_id: BTreeMap<FrameId, &Published> =
        published.iter().map(|frame| (frame.id, frame)).collect();
    let rasters = |id: FrameId| -> Result<Arc<Raster<f32>>, RunError> {
        let changed = || RunError::Working { frame: id.0 };
        let frame = by_id.get(&id).ok_or_else(changed)?;
        load(store, id, &frame.meta, &frame.output_sha256)
            .map(Arc::new)
            .ok_or_else(changed)
    };
    let located = locate(run, published)?;
    let crs = system(run, &located)?;
    let (mut frames, flights) = place(run, crs, published, &located, &rasters)?;
    let members: Vec<Vec<FrameId>> = flights.iter().map(|flight| flight.frames.clone()).collect();
    let ground = Ground::under(run, crs, &mut frames, &members)?;
    let publishable = |id| ground.publishable(id, rasters(id)?);
    let known: BTreeSet<FrameId> = located
        .iter()
        .filter_map(|(id, located)| located.is_known().then_some(*id))
        .collect();
    let alignment = Alignment::of(
        run,
        pool,
        &ground.surface,
        &mut frames,
        &members,
        &known,
        &publishable,
    )?;
    let ground = ground.seen_from(&frames);
    journal.placed(&alignment.placed)?;
    let told = flights.iter().zip(&alignment.flights);
    summary.flights = told
        .map(|(flight, alignment)| flight.summary(alignment.clone()))
        .collect();
    let evidence: Vec<FlightEvidence> = (0..)
        .zip(&flights)
        .map(|(number, flight)| {
            flight.evidence(ground.evidence(number), alignment.evidence(number))
        })
        .collect();
    progress.step();

    let options = MosaicOptions {
        resolution: run.config.tiles.resolution,
        max_off_nadir: run.config.georef.max_off_nadir,
        max_incidence: run.config.georef.surface.max_incidence,
        max_slant_range: run.config.georef.surface.max_slant_range,
        feather: run.config.tiles.feather,
        ..MosaicOptions::default()
    };
    let work = store.work();
    let publishable =
        |id| Ok::<_, RunError>(alignment.apply(id, ground.publishable(id, rasters(id)?)?));
    let mosaic = pool.install(|| {
        let surface = &ground.surface;
        tiles::build_on(surface, crs, &frames, &options, &work, publishable)
    })?;
    let report = mosaic.report().clone();
    let used = &report.used_frames;
    summary.mosaic = Some(MosaicSummary {
        width: report.width,
        height: report.height,
        resolution_m: report.resolution.0,
        crs: format!("EPSG:{}", report.epsg),
        valid_pixels: report.valid_pixels,
        frames_used: used.len(),
        seam_kelvin: report.overlap_disagreement,
        blended_pixels: report.blended_pixels,
        ground: ground.summary(&frames, &report),
    });
    progress.step();
    journal.publish(
        store.stage_file(layout::TEMPERATURE_COG, &Cog(&mosaic))?,
        used,
        &evidence,
    )?;
    progress.step();

    let pyramid = pool.install(|| Pyramid::build(&mosaic, &work))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "ends of the ramp, checked to be small"
    )]
    let (min, max) = (run.config.tiles.min.0 as f32, run.config.tiles.max.0 as f32);
    let ramp = Ramp::new(min, max)?;
    let description = TileJson::new(&pyramid, &ramp, ATTRIBUTION);
    let archive = WebTiles {
        pyramid: &pyramid,
        ramp: &ramp,
        description: &description,
    };
    let staged = pool.install(|| store.stage_file(layout::TEMPERATURE_PMTILES, &archive))?;
    journal.publish(staged, used, &evidence)?;
    journal.publish(
        store.stage(layout::TILEJSON, &description)?,
        used,
        &evidence,
    )?;
    progress.step();
    Ok(())
}

/// A flight with its yaw.
struct Flight {
    frames: Vec<FrameId>,
    poses: String,
    exif_offset_mm: Option<[i32; 2]>,
    choice: YawChoice,
    forced: bool,
}

/// Places every frame once more, as its first look did.
fn locate(run: &Run, published: &[Published]) -> Result<Vec<(FrameId, Located)>, RunError> {
    let places = super::frame_task::options(&run.config).1;
    let located = published
        .iter()
        .map(|frame| Ok((frame.id, places.locate(&frame.file, &frame.meta)?)))
        .collect::<Result<_, georef::GeorefError>>()?;
    Ok(located)
}

/// The map that the settings ask for, else the UTM zone of the frames.
fn system(run: &Run, located: &[(FrameId, Located)]) -> Result<Crs, georef::GeorefError> {
    let positions = located.iter().map(|(_, located)| located.position());
    let utm = || Crs::for_positions(positions).ok_or(georef::GeorefError::NoPosition);
    run.config.georef.crs.map_or_else(utm, Ok)
}

/// For the log: how many of a flight's frames software placed, in words; empty where it was not asked.
fn placement(run: &Run, known: usize, frames: usize, level: Option<Metres>) -> String {
    let Some(poses) = &run.config.georef.poses else {
        return String::new();
    };
    let file = hex::encode(&poses.sha256());
    let level = match (run.config.georef.poses_take_off, level) {
        (Some(_), _) => "above take-off as the settings say",
        (None, Some(_)) => "levelled to take-off by the frames' own heights",
        (None, None) => "none, the frames' own taken",
    };
    format!(
        "{known} of {frames} frames placed by the poses with SHA-256 {file}, the others by their own tags; heights of the poses {level}"
    )
}

fn millimetres(metres: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let whole = (metres * 1e3).round() as i32;
    whole
}

/// What the files of a flight's frames say, and where these were.
type Members<'a> = (Vec<&'a FrameMeta>, Vec<(FrameId, Located)>);

/// Chooses each flight's yaw and gives every frame its view.
fn place(
    run: &Run,
    crs: Crs,
    published: &[Published],
    located: &[(FrameId, Located)],
    rasters: &impl Fn(FrameId) -> Result<Arc<Raster<f32>>, RunError>,
) -> Result<(Vec<MosaicFrame>, Vec<Flight>), RunError> {
    let projector = crs.projector()?;
    let mut frames = Vec::new();
    let mut flights = Vec::new();
    // A flight is what one camera took into one folder; cameras may alternate within it.
    let mut members: BTreeMap<_, Members<'_>> = BTreeMap::new();
    for (frame, located) in published.iter().zip(located) {
        let camera = &frame.meta.camera;
        let flight = (frame.file.parent(), &camera.make, &camera.model);
        let (metas, members) = members.entry(flight).or_default();
        metas.push(&frame.meta);
        members.push(*located);
    }
    for (metas, members) in members.values_mut() {
        let level = match run.config.georef.poses_take_off {
            None => georef::level(members),
            set => set,
        };
        // Frames that software placed have one yaw and say nothing about the others'.
        let mut loose = members.clone();
        loose.retain(|(_, located)| !located.is_known());
        let judged = if loose.is_empty() { &*members } else { &loose };
        let mut choice = georef::choose_yaw(judged, &projector, rasters)?;
        let forced = match run.config.georef.yaw {
            Yaw::Auto => None,
            Yaw::Gimbal => Some(YawSource::Gimbal),
            Yaw::Flight => Some(YawSource::Flight),
        };
        choice.source = forced.unwrap_or(choice.source);
        for (id, located) in members.iter() {
            frames.push(MosaicFrame {
                id: *id,
                view: located.view(&projector, choice.source)?,
            });
        }
        let ids = members.iter().map(|(id, _)| *id).collect();
        let known = members
            .iter()
            .filter(|(_, located)| located.position().source == PositionSource::Poses);
        flights.push(Flight {
            exif_offset_mm: georef::exif_offset(metas.iter().copied())
                .map(|(east, north)| [millimetres(east), millimetres(north)]),
            poses: placement(run, known.count(), members.len(), level),
            frames: ids,
            choice,
            forced: forced.is_some(),
        });
    }
    Ok((frames, flights))
}

impl Flight {
    fn reason(&self) -> String {
        if self.forced {
            return "as the settings say".into();
        }
        let kelvin = |found: Option<u32>| {
            found
                .map(|centi| f64::from(centi) / 100.0)
                .unwrap_or_default()
        };
        match self.choice.reason {
            YawReason::Overlap => format!(
                "overlapping frames disagree by {:.2} K with the gimbal's, {:.2} K with the airframe's",
                kelvin(self.choice.gimbal_disagreement),
                kelvin(self.choice.flight_disagreement)
            ),
            YawReason::Track => {
                "overlaps do not tell, and it lies nearer to the track flown".into()
            }
            YawReason::OnlySource => "the files carry no other".into(),
            YawReason::NoOverlapNadir => {
                "no frames overlap, and straight down the gimbal's yaw is undefined".into()
            }
            YawReason::NoOverlapOblique => {
                "no frames overlap, and obliquely the camera's yaw is the gimbal's".into()
            }
        }
    }

    fn summary(&self, alignment: FlightAlignment) -> FlightSummary {
        let kelvin = |found: Option<u32>| found.map(|centi| f64::from(centi) / 100.0);
        FlightSummary {
            frames: self.frames.len(),
            yaw: self.choice.source.name(),
            reason: self.reason(),
            gimbal_disagreement_kelvin: kelvin(self.choice.gimbal_disagreement),
            flight_disagreement_kelvin: kelvin(self.choice.flight_disagreement),
            pairs: self.choice.pairs,
            alignment,
        }
    }

    fn evidence(&self, ground: String, agreement: String) -> FlightEvidence {
        let milli = |found: Option<u32>| found.map_or(-1, |centi| i64::from(centi) * 10);
        FlightEvidence {
            frames: ranges(&self.frames),
            yaw: self.choice.source.name().into(),
            reason: self.reason(),
            gimbal_millikelvin: milli(self.choice.gimbal_disagreement),
            flight_millikelvin: milli(self.choice.flight_disagreement),
            pairs: count(self.choice.pairs),
            ground,
            agreement,
            poses: self.poses.clone(),
            gimbal_to_track_degrees: self.choice.gimbal_to_track,
            flight_to_track_degrees: self.choice.flight_to_track,
            exif_offset_mm: self.exif_offset_mm,
        }
    }
}
