//! A finished mosaic to the files under `tiles/`: encode, log, rename.
//!
//! In: the mosaic and which frames are in it. Out: published files. Refuses: a file whose bytes an earlier run logged otherwise.

use rayon::ThreadPool;

use super::journal::Journal;
use super::{Progress, Run, RunError};
use crate::audit::FlightEvidence;
use crate::frame::FrameId;
use crate::store::{Store, layout};
use crate::tiles::{Cog, Mosaic, Pyramid, Qml, Ramp, TileJson, WebTiles};

/// Shown on maps.
const ATTRIBUTION: &str = "made with heatveil from redacted thermal frames";

/// What is published, and what the log says about it.
pub(super) struct Map<'a> {
    pub(super) mosaic: &'a Mosaic,
    /// Frames with a pixel in it.
    pub(super) frames: &'a [FrameId],
    pub(super) flights: &'a [FlightEvidence],
}

/// Steps of the progress that [`publish`] takes.
pub(super) const STEPS: usize = 2;

/// Makes and publishes every file of the map.
pub(super) fn publish(
    run: &Run,
    pool: &ThreadPool,
    store: &Store,
    map: &Map<'_>,
    journal: &mut Journal<'_>,
    progress: &mut dyn Progress,
) -> Result<(), RunError> {
    let Map {
        mosaic,
        frames,
        flights,
    } = *map;
    journal.publish(
        store.stage_file(layout::TEMPERATURE_COG, &Cog(mosaic))?,
        frames,
        flights,
    )?;
    progress.step();

    let pyramid = pool.install(|| Pyramid::build(mosaic, &store.work()))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "ends of the ramp, checked to be small"
    )]
    let (min, max) = (run.config.tiles.min.0 as f32, run.config.tiles.max.0 as f32);
    let ramp = Ramp::new(min, max)?;
    let style = Qml {
        ramp: &ramp,
        unit: "\u{b0}C",
    };
    journal.publish(
        store.stage(layout::TEMPERATURE_QML, &style)?,
        frames,
        flights,
    )?;
    let description = TileJson::new(&pyramid, &ramp, ATTRIBUTION);
    let archive = WebTiles {
        pyramid: &pyramid,
        ramp: &ramp,
        description: &description,
    };
    let staged = pool.install(|| store.stage_file(layout::TEMPERATURE_PMTILES, &archive))?;
    journal.publish(staged, frames, flights)?;
    journal.publish(
        store.stage(layout::TILEJSON, &description)?,
        frames,
        flights,
    )?;
    progress.step();
    Ok(())
}
