//! A real flight: its frames, and what the tool makes of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heatveil::frame::{FrameId, FrameMeta};
use heatveil::georef::{
    CameraOverrides, Crs, Detail, GeorefError, Located, Poses, Projector, Stated, Surface,
    Temperatures, View, YawChoice, YawSource, choose_yaw, locate, match_temperatures, refine_poses,
};
use heatveil::raster::Raster;
use heatveil::tiles::{MosaicFrame, MosaicOptions, MosaicReport, TilesError, build, build_on};

use super::seams::Seams;
use crate::common::unmasked;

pub(crate) struct Flight {
    pub(crate) metas: Vec<FrameMeta>,
    pub(crate) frames: Vec<(FrameId, Located)>,
    pub(crate) rasters: Vec<Arc<Raster<f32>>>,
    pub(crate) crs: Crs,
    pub(crate) projector: Projector,
}

fn data() -> PathBuf {
    std::env::var_os("HEATVEIL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    )
}

/// Decodes a flight; nobody is on these fields, so nothing is masked.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
pub(crate) fn flight(name: &str) -> Option<Flight> {
    let folder = data().join("flights").join(name);
    let Ok(listing) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is absent; set HEATVEIL_DATA", folder.display());
        return None;
    };
    let mut paths: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (mut metas, mut frames) = (Vec::new(), Vec::new());
    let mut rasters = Vec::new();
    for (number, path) in (0..).zip(paths.iter().filter(|path| is_jpeg(path))) {
        let (meta, raster) = read(FrameId(number), path);
        let located = locate(&meta, &CameraOverrides::default()).unwrap();
        frames.push((FrameId(number), located));
        metas.push(meta);
        rasters.push(Arc::new(raster));
    }
    let crs = Crs::for_positions(frames.iter().map(|(_, located)| located.position())).unwrap();
    let projector = crs.projector().unwrap();
    Some(Flight {
        metas,
        frames,
        rasters,
        crs,
        projector,
    })
}

fn is_jpeg(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("jpg"))
}

fn read(id: FrameId, path: &Path) -> (FrameMeta, Raster<f32>) {
    let redacted = unmasked(id, path);
    (redacted.meta().clone(), redacted.celsius().clone())
}

impl Flight {
    pub(crate) fn choose(&self) -> YawChoice {
        choose_yaw(&self.frames, &self.projector, |id| {
            Ok::<_, GeorefError>(self.raster(id))
        })
        .unwrap()
    }

    pub(crate) fn raster(&self, id: FrameId) -> Arc<Raster<f32>> {
        Arc::clone(self.rasters.get(id.0 as usize).unwrap())
    }

    pub(crate) fn draw(&self, source: YawSource) -> MosaicReport {
        let folder = tempfile::tempdir().unwrap();
        let frames: Vec<MosaicFrame> = self
            .frames
            .iter()
            .map(|&(id, located)| {
                let view = located.view(&self.projector, source).unwrap();
                MosaicFrame { id, view }
            })
            .collect();
        let rasters = &self.rasters;
        let load = |id: FrameId| Ok::<_, TilesError>(Arc::clone(&rasters[id.0 as usize]));
        let mosaic = build(
            self.crs,
            &frames,
            &MosaicOptions::default(),
            folder.path(),
            load,
        );
        mosaic.unwrap().report().clone()
    }
}

#[derive(Debug)]
pub(crate) struct Failure;

impl From<heatveil::georef::SurfaceError> for Failure {
    fn from(_: heatveil::georef::SurfaceError) -> Self {
        Self
    }
}

/// A flight before and after its frames were brought into agreement.
pub(crate) struct Agreement {
    /// What the frames were laid on after.
    pub(crate) ground: Surface,
    /// Before and after.
    pub(crate) seams: [Seams; 2],
    /// With the poses of the files.
    pub(crate) views: Vec<(FrameId, View)>,
    pub(crate) poses: Poses,
    pub(crate) temperatures: Temperatures,
    pub(crate) before: MosaicReport,
    pub(crate) after: MosaicReport,
}

pub(crate) fn stated(views: &[(FrameId, View)]) -> Vec<Stated> {
    let stated = |&(id, view): &(FrameId, View)| Stated {
        id,
        view,
        accuracy: (None, None),
    };
    views.iter().map(stated).collect()
}

impl Flight {
    pub(crate) fn agree(&self) -> Agreement {
        let source = self.choose().source;
        let views = |located: &(FrameId, Located)| {
            (located.0, located.1.view(&self.projector, source).unwrap())
        };
        let views: Vec<_> = self.frames.iter().map(views).collect();
        let rasters = &self.rasters;
        let load = |id: FrameId| Ok::<_, Failure>(Arc::clone(&rasters[id.0 as usize]));
        let detailed = |id, detail: Detail| load(id).map(|raster| detail.of(raster));
        let poses = refine_poses(&stated(&views), &Surface::Flat, detailed).unwrap();
        let refined: Vec<_> = (0..)
            .zip(&views)
            .map(|(at, (id, view))| (*id, poses.view(at, view)))
            .collect();
        let ground = Surface::Relief(poses.relief.clone().unwrap());
        let temperatures = match_temperatures(&refined, &ground, load).unwrap();
        let corrected: Vec<_> = rasters
            .iter()
            .zip(&temperatures.frames)
            .map(|(raster, frame)| Arc::new(frame.apply(raster)))
            .collect();
        let before = draw(self.crs, &Surface::Flat, &views, rasters);
        let after = draw(self.crs, &ground, &refined, &corrected);
        let seams = [
            Seams::of(&Surface::Flat, &views, rasters),
            Seams::of(&ground, &refined, &corrected),
        ];
        Agreement {
            ground,
            seams,
            views,
            poses,
            temperatures,
            before,
            after,
        }
    }
}

fn draw(
    crs: Crs,
    ground: &Surface,
    views: &[(FrameId, View)],
    rasters: &[Arc<Raster<f32>>],
) -> MosaicReport {
    let folder = tempfile::tempdir().unwrap();
    let frames: Vec<MosaicFrame> = views
        .iter()
        .map(|&(id, view)| MosaicFrame { id, view })
        .collect();
    let load = |id: FrameId| Ok::<_, TilesError>(Arc::clone(&rasters[id.0 as usize]));
    let options = MosaicOptions::default();
    let mosaic = build_on(ground, crs, &frames, &options, folder.path(), load);
    mosaic.unwrap().report().clone()
}
