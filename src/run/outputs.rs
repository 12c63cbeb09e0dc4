//! A finished mosaic to the files under `tiles/`: encode, log, rename.
//!
//! In: the mosaic and which frames are in it. Out: published files. Refuses: a file whose bytes an earlier run logged otherwise.

use rayon::ThreadPool;

use super::journal::Journal;
use super::{Progress, Run, RunError};
use crate::frame::FrameId;
use crate::store::{Staged, Store, layout};
use crate::tiles::{
    Cog, EncodedTiles, Layer, MbTiles, Mosaic, PmTiles, Pyramid, Qml, Ramp, Stac, StacAsset,
    TileJson,
};

/// Shown on maps.
const ATTRIBUTION: &str = "made with heatveil from redacted thermal frames";

/// What is published, and what the log says about it.
pub(super) struct Map<'a> {
    pub(super) mosaic: &'a Mosaic,
    /// Frames with a pixel in it.
    pub(super) frames: &'a [FrameId],
    /// First and last capture among them, seconds since 1970.
    pub(super) flown: Option<(i64, i64)>,
}

/// Steps of the progress that [`publish`] takes.
pub(super) const STEPS: usize = 1;

/// Makes and publishes the files of the map; returns what its catalog is to hold.
pub(super) fn publish(
    run: &Run,
    pool: &ThreadPool,
    store: &Store,
    map: &Map<'_>,
    journal: &mut Journal<'_>,
    progress: &mut dyn Progress,
) -> Result<Catalog, RunError> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "ends of the ramp, checked to be small"
    )]
    let (min, max) = (run.config.tiles.min.0 as f32, run.config.tiles.max.0 as f32);
    let temperature = Forms {
        layer: map.mosaic.layer(),
        bands: 1,
        style: Qml {
            ramp: &Ramp::new(min, max)?,
            unit: "\u{b0}C",
        },
        describe: TileJson::new,
        is_folder_too: run.config.tiles.xyz,
        paths: TEMPERATURE,
    };
    let (assets, pyramid) = temperature.publish(pool, store, map, journal)?;
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

/// A layer of the map, to be published in every form.
pub(super) struct Forms<'a> {
    pub(super) layer: &'a Layer,
    /// Bands that tiles show.
    pub(super) bands: usize,
    pub(super) style: Qml<'a>,
    pub(super) describe: fn(&Pyramid, &Ramp, &str) -> TileJson,
    /// Whether tiles are written as pictures too, besides archives.
    pub(super) is_folder_too: bool,
    pub(super) paths: &'static Paths,
}

impl Forms<'_> {
    /// Encodes and publishes it. Raster and tiles are made beside each other, and the archives too: one thread does much of each.
    pub(super) fn publish(
        &self,
        pool: &ThreadPool,
        store: &Store,
        map: &Map<'_>,
        journal: &mut Journal<'_>,
    ) -> Result<(Vec<StacAsset>, Pyramid), RunError> {
        let (paths, work) = (self.paths, store.work());
        let raster = || -> Result<[Staged; 2], RunError> {
            let cog = store.stage_file(paths.cog, &Cog(self.layer))?;
            Ok([cog, store.stage(paths.style, &self.style)?])
        };
        let tiles = || -> Result<(Pyramid, EncodedTiles), RunError> {
            let pyramid = Pyramid::of(self.layer, self.bands, &work)?;
            let tiles = EncodedTiles::encode(&pyramid, self.style.ramp, &work)?;
            Ok((pyramid, tiles))
        };
        let (raster, tiles) = pool.install(|| rayon::join(raster, tiles));
        let ([cog, style], (pyramid, tiles)) = (raster?, tiles?);
        let description = &(self.describe)(&pyramid, self.style.ramp, ATTRIBUTION);
        let tiles = &tiles;
        let (pmtiles, mbtiles) = pool.install(|| {
            rayon::join(
                || store.stage_file(paths.pmtiles, &PmTiles { tiles, description }),
                || store.stage_file(paths.mbtiles, &MbTiles { tiles, description }),
            )
        });
        let archives = [
            pmtiles?,
            mbtiles?,
            store.stage(paths.tilejson, description)?,
        ];
        let cog = StacAsset {
            receipt: journal.publish(cog, map.frames)?,
            bands: self.layer.bands(),
        };
        let mut assets = vec![cog, journal.publish(style, map.frames)?.into()];
        if self.is_folder_too {
            let folder = store.stage_folder(paths.xyz, |folder| tiles.write_xyz(folder))?;
            journal.publish(folder, map.frames)?;
        }
        for staged in archives {
            assets.push(journal.publish(staged, map.frames)?.into());
        }
        Ok((assets, pyramid))
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
