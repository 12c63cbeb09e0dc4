//! A finished mosaic to the files under `tiles/`: encode, log, rename.
//!
//! In: the mosaic and which frames are in it. Out: published files. Refuses: a file whose bytes an earlier run logged otherwise.

use rayon::ThreadPool;

use super::journal::Journal;
use super::{Progress, Run, RunError};
use crate::audit::FlightEvidence;
use crate::frame::FrameId;
use crate::store::{Receipt, Staged, Store, layout};
use crate::tiles::{
    Cog, Mosaic, Pyramid, Qml, Ramp, Stac, StacAsset, StacDocument, TileJson, WebTiles,
};

/// Shown on maps.
pub(super) const ATTRIBUTION: &str = "made with heatveil from redacted thermal frames";

/// What is published, and what the log says about it.
pub(super) struct Map<'a> {
    pub(super) mosaic: &'a Mosaic,
    /// Frames with a pixel in it.
    pub(super) frames: &'a [FrameId],
    pub(super) flights: &'a [FlightEvidence],
    /// First and last capture among them, seconds since 1970.
    pub(super) flown: Option<(i64, i64)>,
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
    let mosaic = map.mosaic;
    let mut publish = |staged: Staged| journal.publish(staged, map.frames, map.flights);
    let cog = publish(store.stage_file(layout::TEMPERATURE_COG, &Cog(mosaic.layer()))?)?;
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
    let style = publish(store.stage(layout::TEMPERATURE_QML, &style)?)?;
    let description = TileJson::new(&pyramid, &ramp, ATTRIBUTION);
    let archive = WebTiles {
        pyramid: &pyramid,
        ramp: &ramp,
        description: &description,
    };
    let staged = pool.install(|| store.stage_file(layout::TEMPERATURE_PMTILES, &archive))?;
    let archive = publish(staged)?;
    let description = publish(store.stage(layout::TILEJSON, &description)?)?;

    let files = [archive, description, style];
    match catalog(run, map, &pyramid, cog, files) {
        Some((collection, item)) => {
            publish(store.stage(layout::STAC_COLLECTION, &collection)?)?;
            publish(store.stage(layout::STAC_ITEM, &item)?)?;
        }
        None => progress.note("no frame tells when it was captured: no STAC catalog was made"),
    }
    progress.step();
    Ok(())
}

/// The catalog of the mosaic's file and of `others`; `None` where no frame tells its time.
fn catalog(
    run: &Run,
    map: &Map<'_>,
    pyramid: &Pyramid,
    cog: Receipt,
    others: impl IntoIterator<Item = Receipt>,
) -> Option<(StacDocument, StacDocument)> {
    let mosaic = StacAsset {
        receipt: cog,
        bands: map.mosaic.layer().bands(),
    };
    let others = others.into_iter().map(|receipt| StacAsset {
        receipt,
        bands: &[],
    });
    let assets: Vec<StacAsset> = std::iter::once(mosaic).chain(others).collect();
    let catalog = Stac {
        assets: &assets,
        grid: map.mosaic.grid(),
        pyramid,
        flown: map.flown?,
        operator: run.config.survey.operator.as_deref(),
    };
    catalog.documents()
}
