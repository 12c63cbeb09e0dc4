//! Mosaic, Cloud-Optimized GeoTIFF and web pyramid from synthetic frames over ground of known temperature.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    clippy::similar_names,
    reason = "test code: helpers unwrap, sides are small, and stored numbers must be exact"
)]

use std::path::Path;
use std::sync::Arc;

use gdal::{Dataset, Metadata};
use heatveil::frame::{Attitude, FrameId};
use heatveil::georef::{Crs, Intrinsics, View};
use heatveil::raster::Raster;
use heatveil::store::{Existing, Store};
use heatveil::tiles::{
    Cog, EncodedTiles, MbTiles, Mosaic, MosaicFrame, MosaicOptions, PmTiles, Pyramid, Ramp,
    TileJson, TilesError, build,
};
use heatveil::units::{Degrees, Metres};

const CAMERA: Intrinsics = Intrinsics {
    width: 320,
    height: 256,
    fx: 379.166_7,
    fy: 379.166_7,
    cx: 160.0,
    cy: 128.0,
};
const ORIGIN: (f64, f64) = (413_000.0, 5_835_000.0);

fn crs() -> Crs {
    Crs::from_epsg(32_631).unwrap()
}

/// Temperature of the ground: a slope in both directions, so that every place has its own value.
fn ground(east: f64, north: f64) -> f64 {
    (east - ORIGIN.0) * 0.05 + (north - ORIGIN.1) * 0.11
}

fn frame(id: u32, east: f64, yaw: f64, pitch: f64) -> MosaicFrame {
    let attitude = Attitude {
        yaw: Degrees(yaw),
        pitch: Degrees(pitch),
        roll: Degrees(0.0),
    };
    let centre = (ORIGIN.0 + east, ORIGIN.1);
    MosaicFrame {
        id: FrameId(id),
        view: View::new(CAMERA, centre, Metres(60.0), attitude),
    }
}

/// What the camera measures, with pixels of `mask` missing.
fn shoot(frame: &MosaicFrame, mask: impl Fn(f64, f64) -> bool) -> Arc<Raster<f32>> {
    let (width, height) = (CAMERA.width, CAMERA.height);
    let samples = (0..width * height)
        .map(|at| {
            let (u, v) = ((at % width) as f64 + 0.5, (at / width) as f64 + 0.5);
            match frame.view.ground(u, v) {
                Some((east, north)) if !mask(east, north) => ground(east, north) as f32,
                _ => f32::NAN,
            }
        })
        .collect();
    Arc::new(Raster::new(width, height, samples).unwrap())
}

fn options() -> MosaicOptions {
    MosaicOptions {
        resolution: Some(Metres(0.2)),
        ..MosaicOptions::default()
    }
}

fn flight() -> Vec<MosaicFrame> {
    vec![
        frame(0, 0.0, 90.0, -90.0),
        frame(1, 12.0, 88.0, -90.0),
        frame(2, 24.0, 91.0, -90.0),
        frame(3, 12.0, 10.0, -50.0),
    ]
}

fn mosaic(
    frames: &[MosaicFrame],
    work: &Path,
    mask: impl Fn(f64, f64) -> bool + Sync + Send,
) -> Mosaic {
    build(crs(), frames, &options(), work, |id| {
        let frame = frames.iter().find(|frame| frame.id == id).unwrap();
        Ok::<_, TilesError>(shoot(frame, &mask))
    })
    .unwrap()
}

struct Bands {
    width: usize,
    height: usize,
    west: f64,
    north: f64,
    resolution: f64,
    layers: [Vec<f32>; 3],
}

fn read(path: &Path) -> Bands {
    let dataset = Dataset::open(path).unwrap();
    let (width, height) = dataset.raster_size();
    let transform = dataset.geo_transform().unwrap();
    let band = |number| {
        let band = dataset.rasterband(number).unwrap();
        assert!(band.no_data_value().unwrap().is_nan());
        band.read_band_as::<f32>().unwrap().data().to_vec()
    };
    Bands {
        width,
        height,
        west: transform[0],
        north: transform[3],
        resolution: transform[1],
        layers: [band(1), band(2), band(3)],
    }
}

impl Bands {
    fn place(&self, at: usize) -> (f64, f64) {
        let (x, y) = ((at % self.width) as f64, (at / self.width) as f64);
        (
            self.west + (x + 0.5) * self.resolution,
            self.north - (y + 0.5) * self.resolution,
        )
    }
}

/// Stages all outputs into `folder` and gives them their names.
fn publish(folder: &Path, mask: impl Fn(f64, f64) -> bool + Sync + Send) {
    let store = Store::open(folder, Existing::Refuse).unwrap();
    let mosaic = mosaic(&flight(), &store.work(), mask);
    let pyramid = Pyramid::build(&mosaic, &store.work()).unwrap();
    let ramp = Ramp::default();
    let description = TileJson::new(&pyramid, &ramp, "synthetic");
    let tiles = &EncodedTiles::encode(&pyramid, &ramp, &store.work()).unwrap();
    let description = &description;
    store
        .stage_file("tiles/temperature.tif", &Cog(mosaic.layer()))
        .unwrap()
        .commit()
        .unwrap();
    store
        .stage_file("tiles/temperature.pmtiles", &PmTiles { tiles, description })
        .unwrap()
        .commit()
        .unwrap();
    store
        .stage_file("tiles/temperature.mbtiles", &MbTiles { tiles, description })
        .unwrap()
        .commit()
        .unwrap();
    store
        .stage("tiles/tilejson.json", description)
        .unwrap()
        .commit()
        .unwrap();
}

#[test]
fn the_ground_is_reproduced_within_half_a_pixel_from_the_steepest_frame() {
    let folder = tempfile::tempdir().unwrap();
    let frames = flight();
    let mosaic = mosaic(&frames, folder.path(), |_, _| false);
    let bands = read(&folder.path().join("mosaic.tif"));
    assert_eq!(
        (bands.width, bands.height),
        (mosaic.grid().width, mosaic.grid().height)
    );
    let mut seen = 0;
    for at in 0..bands.width * bands.height {
        let (east, north) = bands.place(at);
        let [celsius, off_nadir, source] = [0, 1, 2].map(|band: usize| bands.layers[band][at]);
        let tangent = |frame: &MosaicFrame| frame.view.tangent_squared(east, north, 0.0);
        let sees = |frame: &&MosaicFrame| {
            frame.view.pixel(east, north).is_some_and(|(u, v)| {
                (0.0..320.0).contains(&u) && (0.0..256.0).contains(&v) && tangent(frame) <= 3.0
            })
        };
        let best = frames
            .iter()
            .filter(sees)
            .min_by(|a, b| tangent(a).total_cmp(&tangent(b)));
        let Some(best) = best else {
            assert!(celsius.is_nan() && off_nadir.is_nan() && source.is_nan());
            continue;
        };
        seen += 1;
        assert_eq!(source, best.id.0 as f32);
        assert!((f64::from(off_nadir) - tangent(best).sqrt().atan().to_degrees()).abs() < 0.008);
        // Half a frame pixel each way: 0.16 m straight down, up to 0.6 m along the ray at 60 degrees.
        let half = if best.id.0 == 3 { 0.35 } else { 0.09 };
        let error = (f64::from(celsius) - ground(east, north)).abs();
        assert!(
            error <= half * 0.16 + 0.008,
            "{error} at {at} from {}",
            best.id
        );
    }
    assert_eq!(mosaic.report().valid_pixels, seen);
    assert_eq!(mosaic.report().used_frames, [0, 1, 2, 3].map(FrameId));
    assert!(mosaic.report().overlap_disagreement.unwrap() < 0.05);
}

#[test]
fn another_frame_fills_what_one_has_masked_and_nothing_fills_what_all_have() {
    let folder = tempfile::tempdir().unwrap();
    let frames = [frame(0, 0.0, 90.0, -90.0), frame(1, 4.0, 90.0, -90.0)];
    let spot = |east: f64, north: f64| (east - ORIGIN.0).hypot(north - ORIGIN.1) < 1.5;
    let draw = |both: bool| {
        build(crs(), &frames, &options(), folder.path(), |id| {
            let frame = &frames[id.0 as usize];
            Ok::<_, TilesError>(shoot(frame, |e, n| (both || id.0 == 0) && spot(e, n)))
        })
        .unwrap();
        read(&folder.path().join("mosaic.tif"))
    };
    for both in [false, true] {
        let bands = draw(both);
        let inside: Vec<usize> = (0..bands.layers[0].len())
            .filter(|&at| {
                let (east, north) = bands.place(at);
                (east - ORIGIN.0).hypot(north - ORIGIN.1) < 1.2
            })
            .collect();
        assert!(inside.len() > 50);
        for at in inside {
            assert_eq!(bands.layers[0][at].is_nan(), both);
            if !both {
                assert_eq!(bands.layers[2][at], 1.0);
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let outputs: Vec<Vec<Vec<u8>>> = [1, 2, 4]
        .into_iter()
        .map(|threads| {
            let folder = tempfile::tempdir().unwrap();
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| publish(folder.path(), |_, _| false));
            let names = [
                "temperature.tif",
                "temperature.pmtiles",
                "temperature.mbtiles",
            ];
            (names.iter().chain(&["tilejson.json"]))
                .map(|name| std::fs::read(folder.path().join("tiles").join(name)).unwrap())
                .collect()
        })
        .collect();
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn overviews_of_the_published_raster_hold_what_was_measured_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Existing::Refuse).unwrap();
    let frames = flight();
    let options = MosaicOptions {
        resolution: Some(Metres(0.07)),
        ..options()
    };
    let hides = |_: f64, north: f64| north < ORIGIN.1 - 4.0;
    let load = |id: FrameId| Ok::<_, TilesError>(shoot(&frames[id.0 as usize], hides));
    let mosaic = build(crs(), &frames, &options, &store.work(), load).unwrap();
    let cog = store.stage_file("tiles/temperature.tif", &Cog(mosaic.layer()));
    cog.unwrap().commit().unwrap();
    let dataset = Dataset::open(folder.path().join("tiles/temperature.tif")).unwrap();
    for number in 1..=3 {
        let band = dataset.rasterband(number).unwrap();
        let (width, height) = band.size();
        let whole = band.read_band_as::<f32>().unwrap();
        let bits = |value: f32| (!value.is_nan()).then(|| value.to_bits());
        let at = |x: usize, y: usize| whole.data().get(y * width + x).map(|&value| bits(value));
        let count = usize::try_from(band.overview_count().unwrap()).unwrap();
        let mut size = (width, height);
        for (number, step) in (0..count).zip([2, 4, 8]) {
            let overview = band.overview(number).unwrap();
            size = overview.size();
            assert_eq!(size, (width.div_ceil(step), height.div_ceil(step)));
            let values = overview.read_band_as::<f32>().unwrap();
            for (index, value) in values.data().iter().enumerate() {
                let (x, y) = (index % size.0 * step, index / size.0 * step);
                let near = |at: usize| at.saturating_sub(step - 1)..at + step;
                let found = near(y).any(|y| near(x).any(|x| at(x, y) == Some(bits(*value))));
                assert!(found, "{value} of overview {number} at {x}, {y}");
            }
        }
        assert!(width > 512 && size.0 <= 512 && size.1 <= 512, "{size:?}");
    }
}

#[test]
fn the_published_raster_keeps_temperatures_within_a_hundredth_and_frames_exactly() {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), |east, north| {
        (east - ORIGIN.0 - 12.0).hypot(north - ORIGIN.1) < 3.0
    });
    let again = tempfile::tempdir().unwrap();
    mosaic(&flight(), again.path(), |east, north| {
        (east - ORIGIN.0 - 12.0).hypot(north - ORIGIN.1) < 3.0
    });
    let working = read(&again.path().join("mosaic.tif"));
    let path = folder.path().join("tiles/temperature.tif");
    let published = read(&path);
    for at in 0..working.layers[0].len() {
        let [a, b] =
            [&working, &published].map(|file| [0, 1, 2].map(|band: usize| file.layers[band][at]));
        assert_eq!(a[0].is_nan(), b[0].is_nan());
        if !a[0].is_nan() {
            assert!((a[0] - b[0]).abs() < 0.01 && (a[1] - b[1]).abs() < 0.01);
        }
        assert!(
            a[2] == b[2] || (a[2].is_nan() && b[2].is_nan()),
            "{} {}",
            a[2],
            b[2]
        );
    }
    let dataset = Dataset::open(&path).unwrap();
    let band = dataset.rasterband(1).unwrap();
    assert_eq!(band.description().unwrap(), "temperature");
    assert_eq!(band.unit(), "\u{b0}C");
    assert_eq!(band.metadata_item("STATISTICS_MEAN", ""), None);
    assert_eq!(dataset.spatial_ref().unwrap().auth_code().unwrap(), 32631);
}

#[test]
fn flights_far_apart_are_refused_with_their_frames_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = flight();
    frames.push(frame(77, 1_000_000.0, 90.0, -90.0));
    let refused = build(
        crs(),
        &frames,
        &options(),
        folder.path(),
        |_| -> Result<_, TilesError> { unreachable!("no pixel is read") },
    )
    .unwrap_err();
    assert!(
        matches!(
            refused,
            TilesError::TooLarge {
                second: FrameId(77),
                ..
            }
        ),
        "{refused}"
    );
    assert!(refused.to_string().contains("1000 km apart"), "{refused}");
}

#[test]
fn the_description_says_what_a_web_client_needs() {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), |_, _| false);
    let text = std::fs::read(folder.path().join("tiles/tilejson.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(json["tilejson"], "3.0.0");
    assert_eq!(
        (&json["minzoom"], &json["maxzoom"]),
        (&12.into(), &19.into())
    );
    assert_eq!(json["heatveil:ramp"]["min"], -10.0);
    // `gdaltransform -s_srs EPSG:32631 -t_srs EPSG:4326` of 413000 5835000
    let bounds: Vec<f64> = json["bounds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect();
    let (longitude, latitude) = (1.713_741, 52.657_970);
    assert!(bounds[0] < longitude && longitude < bounds[2] && bounds[2] - bounds[0] < 0.002);
    assert!(bounds[1] < latitude && latitude < bounds[3] && bounds[3] - bounds[1] < 0.002);
}
