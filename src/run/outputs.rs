//! A finished mosaic to the files under `tiles/`: encode, log, rename.
//!
//! In: the mosaic and which frames are in it. Out: published files. Refuses: a file whose bytes an earlier run logged otherwise.

use rayon::ThreadPool;

use super::journal::Journal;
use super::{Progress, Run, RunError};
use crate::frame::FrameId;
use crate::store::{Store, layout};
use crate::tiles::{
    Cog, EncodedTiles, Layer, MbTiles, Mosaic, PmTiles, Pyramid, Qml, Ramp, Stac, StacAsset,
    TileJson,
};

/// Shown on maps.
pub(super) const ATTRIBUTION: &str = "made with heatveil from redacted thermal frames";

/// What is published, and what the log says about it.
pub(super) struct Map<'a> {
    pub(super) mosaic: &'a Mosaic,
    /// Frames with a pixel in it.
    pub(super) frames: &'a [FrameId],
    /// First and last capture among them, seconds since 1970.
    pub(super) flown: Option<(i64, i64)>,
}

/// Steps of the progress that [`publish`] takes.
pub(super) const STEPS: usize = 2;

/// Makes and publishes the files of the map; returns what its catalog is to hold.
pub(super) fn publish(
    run: &Run,
    pool: &ThreadPool,
    store: &Store,
    map: &Map<'_>,
    journal: &mut Journal<'_>,
    progress: &mut dyn Progress,
) -> Result<Catalog, RunError> {
    let layer = map.mosaic.layer();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "ends of the ramp, checked to be small"
    )]
    let (min, max) = (run.config.tiles.min.0 as f32, run.config.tiles.max.0 as f32);
    let style = Qml {
        ramp: &Ramp::new(min, max)?,
        unit: "\u{b0}C",
    };
    let mut assets = pool.install(|| raster(store, map, layer, journal, TEMPERATURE, &style))?;
    progress.step();
    let pyramid = pool.install(|| Pyramid::build(map.mosaic, &store.work()))?;
    let description = TileJson::new(&pyramid, style.ramp, ATTRIBUTION);
    let web = Web {
        pyramid: &pyramid,
        ramp: style.ramp,
        description: &description,
        is_folder_too: run.config.tiles.xyz,
    };
    assets.extend(web.publish(pool, store, map, journal, TEMPERATURE)?);
    progress.step();
    Ok(Catalog { assets, pyramid })
}

/// Where the files of one layer go.
pub(super) struct Paths {
    pub(super) cog: &'static str,
    pub(super) style: &'static str,
    pub(super) pmtiles: &'static str,
    pub(super) mbtiles: &'static str,
    pub(super) xyz: &'static str,
    pub(super) tilejson: &'static str,
}

const TEMPERATURE: &Paths = &Paths {
    cog: layout::TEMPERATURE_COG,
    style: layout::TEMPERATURE_QML,
    pmtiles: layout::TEMPERATURE_PMTILES,
    mbtiles: layout::TEMPERATURE_MBTILES,
    xyz: layout::TEMPERATURE_XYZ,
    tilejson: layout::TILEJSON,
};

/// Publishes a layer as a raster with its style.
pub(super) fn raster(
    store: &Store,
    map: &Map<'_>,
    layer: &Layer,
    journal: &mut Journal<'_>,
    paths: &Paths,
    style: &Qml<'_>,
) -> Result<Vec<StacAsset>, RunError> {
    let cog = store.stage_file(paths.cog, &Cog(layer))?;
    let cog = StacAsset {
        receipt: journal.publish(cog, map.frames)?,
        bands: layer.bands(),
    };
    let style = store.stage(paths.style, style)?;
    let style = journal.publish(style, map.frames)?;
    Ok(vec![cog, style.into()])
}

/// A layer for web maps.
pub(super) struct Web<'a> {
    pub(super) pyramid: &'a Pyramid,
    pub(super) ramp: &'a Ramp,
    pub(super) description: &'a TileJson,
    /// Whether it is written as pictures too, besides archives.
    pub(super) is_folder_too: bool,
}

impl Web<'_> {
    /// Encodes and publishes it in every form.
    pub(super) fn publish(
        &self,
        pool: &ThreadPool,
        store: &Store,
        map: &Map<'_>,
        journal: &mut Journal<'_>,
        paths: &Paths,
    ) -> Result<Vec<StacAsset>, RunError> {
        let work = store.work();
        let tiles = pool.install(|| EncodedTiles::encode(self.pyramid, self.ramp, &work))?;
        let (tiles, description) = (&tiles, self.description);
        let staged = [
            store.stage_file(paths.pmtiles, &PmTiles { tiles, description })?,
            store.stage_file(paths.mbtiles, &MbTiles { tiles, description })?,
            store.stage(paths.tilejson, description)?,
        ];
        if self.is_folder_too {
            let folder = store.stage_folder(paths.xyz, |folder| tiles.write_xyz(folder))?;
            journal.publish(folder, map.frames)?;
        }
        let publish = |staged| Ok(journal.publish(staged, map.frames)?.into());
        staged.into_iter().map(publish).collect()
    }
}

/// The files under `tiles/` so far, of which a catalog is made in the end.
pub(super) struct Catalog {
    /// That of the mosaic first.
    assets: Vec<StacAsset>,
    pyramid: Pyramid,
}

impl Catalog {
    /// Adds published files.
    pub(super) fn extend(&mut self, assets: Vec<StacAsset>) {
        self.assets.extend(assets);
    }

    /// Publishes the catalog; says so where no frame tells its time.
    pub(super) fn publish(
        &self,
        run: &Run,
        store: &Store,
        map: &Map<'_>,
        journal: &mut Journal<'_>,
        progress: &mut dyn Progress,
    ) -> Result<(), RunError> {
        let documents = map.flown.and_then(|flown| {
            let catalog = Stac {
                assets: &self.assets,
                grid: map.mosaic.grid(),
                pyramid: &self.pyramid,
                flown,
                operator: run.config.survey.operator.as_deref(),
            };
            catalog.documents()
        });
        let Some((collection, item)) = documents else {
            progress.note("no frame tells when it was captured: no STAC catalog was made");
            return Ok(());
        };
        for (path, document) in [
            (layout::STAC_COLLECTION, collection),
            (layout::STAC_ITEM, item),
        ] {
            journal.publish(store.stage(path, &document)?, map.frames)?;
        }
        Ok(())
    }
}
