//! A house like a box under known cameras: where its roof lies in the map, what it hides, and what its walls give away.
//!
//! Frames are rendered here by cutting rays with a box, so that nothing of the code under test says what is to be seen.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "test code: helpers unwrap, sides are small, and temperatures of the scene are exact"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gdal::raster::Buffer;
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags};
use heatveil::frame::{Attitude, FrameId};
use heatveil::georef::{Bounds, Crs, Hit, Intrinsics, Surface, SurfaceError, View, WallOptions};
use heatveil::raster::Raster;
use heatveil::tiles::{Mosaic, MosaicFrame, MosaicOptions, TilesError, build, build_on};
use heatveil::units::{Degrees, Metres};

/// DOMAIN section 2: 9.1 mm at 12 um.
const CAMERA: Intrinsics = Intrinsics {
    width: 640,
    height: 512,
    fx: 9.1 / 0.012,
    fy: 9.1 / 0.012,
    cx: 320.0,
    cy: 256.0,
};
const ORIGIN: (f64, f64) = (413_000.0, 5_835_000.0);
/// The house: 10 m wide, 8 m deep, 6 m high, its middle at the origin.
const HALF: (f64, f64) = (5.0, 4.0);
const ROOF_LEVEL: f64 = 6.0;
/// Elevation of the ground in the model's datum.
const ELEVATION: f64 = 31.0;
const GROUND: f32 = 2.0;
const ROOF: f32 = 8.0;
const WALL: f32 = 12.0;
const WINDOW: f32 = 25.0;

fn crs() -> Crs {
    Crs::from_epsg(32_631).unwrap()
}

fn area() -> Bounds {
    Bounds {
        west: ORIGIN.0 - 150.0,
        south: ORIGIN.1 - 150.0,
        east: ORIGIN.0 + 150.0,
        north: ORIGIN.1 + 150.0,
    }
}

/// Writes the scene as a surface model of cells of `cell` metres, in the run's own system.
fn dsm(folder: &Path, cell: f64, no_data: impl Fn(f64, f64) -> bool) -> PathBuf {
    let side = (400.0 / cell) as usize;
    let (west, north) = (ORIGIN.0 - 200.0, ORIGIN.1 + 200.0);
    let heights = (0..side * side)
        .map(|at| {
            let east = -200.0 + ((at % side) as f64 + 0.5) * cell;
            let north = 200.0 - ((at / side) as f64 + 0.5) * cell;
            let house = east.abs() < HALF.0 && north.abs() < HALF.1;
            if no_data(east, north) {
                -9999.0
            } else if house {
                (ELEVATION + ROOF_LEVEL) as f32
            } else {
                ELEVATION as f32
            }
        })
        .collect();
    let path = folder.join("dsm.tif");
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut dataset = driver
        .create_with_band_type::<f32, _>(&path, side, side, 1)
        .unwrap();
    dataset
        .set_geo_transform(&[west, cell, 0.0, north, 0.0, -cell])
        .unwrap();
    dataset
        .set_spatial_ref(&crs().spatial_ref().unwrap())
        .unwrap();
    let mut band = dataset.rasterband(1).unwrap();
    band.set_no_data_value(Some(-9999.0)).unwrap();
    band.write(
        (0, 0),
        (side, side),
        &mut Buffer::new((side, side), heights),
    )
    .unwrap();

    dataset.close().unwrap();
    path
}

/// Makes a file of another with one of GDAL's own programs.
fn gdal(command: &str, from: &Path, to: &Path) {
    let mut words = command.split(' ');
    let output = std::process::Command::new(words.next().unwrap())
        .args(words)
        .args([from, to])
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
}

fn surface(folder: &Path, cell: f64) -> Surface {
    let path = dsm(folder, cell, |_, _| false);
    let surface = Surface::open(&path, crs(), area()).unwrap();
    surface.with_reference(Metres(ELEVATION))
}

/// A camera 60 m up, `south` metres south of the house, looking north at `pitch`; or from the north looking south.
fn frame(id: u32, south: f64, pitch: f64) -> MosaicFrame {
    let yaw = if south >= 0.0 { 0.0 } else { 180.0 };
    let attitude = Attitude {
        yaw: Degrees(yaw),
        pitch: Degrees(pitch),
        roll: Degrees(0.0),
    };
    MosaicFrame {
        id: FrameId(id),
        view: View::new(CAMERA, (ORIGIN.0, ORIGIN.1 - south), Metres(60.0), attitude),
    }
}

/// What a ray from the camera meets first: the box by its slabs (Kay, Kajiya 1986), else the ground.
fn shoot(view: &View) -> Raster<f32> {
    let samples = (0..CAMERA.width * CAMERA.height)
        .map(|at| {
            let (u, v) = (
                (at % CAMERA.width) as f64 + 0.5,
                (at / CAMERA.width) as f64 + 0.5,
            );
            let ray = view.ray(u, v);
            if ray[2] >= 0.0 {
                return f32::NAN;
            }
            let from = [
                view.centre().0 - ORIGIN.0,
                view.centre().1 - ORIGIN.1,
                view.height().0,
            ];
            let slabs = [(-HALF.0, HALF.0), (-HALF.1, HALF.1), (0.0, ROOF_LEVEL)];
            let mut enter = (0.0_f64, 2);
            let mut leave = f64::INFINITY;
            for (axis, (low, high)) in slabs.into_iter().enumerate() {
                let (a, b) = (
                    (low - from[axis]) / ray[axis],
                    (high - from[axis]) / ray[axis],
                );
                if a.min(b) > enter.0 {
                    enter = (a.min(b), axis);
                }
                leave = leave.min(a.max(b));
            }
            if enter.0 >= leave {
                return GROUND;
            }
            let at = |axis: usize| from[axis] + enter.0 * ray[axis];
            match enter.1 {
                2 => ROOF,
                // Windows of 1.2 m, 2 m apart, on two floors.
                axis if at(1 - axis).rem_euclid(2.0) < 1.2 && at(2).rem_euclid(3.0) > 1.5 => WINDOW,
                _ => WALL,
            }
        })
        .collect();
    Raster::new(CAMERA.width, CAMERA.height, samples).unwrap()
}

fn options() -> MosaicOptions {
    MosaicOptions {
        resolution: Some(Metres(0.1)),
        ..MosaicOptions::default()
    }
}

fn draw(surface: &Surface, frames: &[MosaicFrame], options: &MosaicOptions) -> (Map, Mosaic) {
    let folder = tempfile::tempdir().unwrap();
    let load = |id: FrameId| {
        let frame = frames.iter().find(|frame| frame.id == id).unwrap();
        Ok::<_, TilesError>(Arc::new(shoot(&frame.view)))
    };
    let mosaic = build_on(surface, crs(), frames, options, folder.path(), load).unwrap();
    let map = Map::read(&folder.path().join("mosaic.tif"));
    (map, mosaic)
}

#[derive(Debug, PartialEq)]
struct Map {
    transform: [f64; 6],
    size: (usize, usize),
    bits: Vec<u32>,
}

impl Map {
    fn read(path: &Path) -> Self {
        let dataset = Dataset::open(path).unwrap();
        let band = dataset
            .rasterband(1)
            .unwrap()
            .read_band_as::<f32>()
            .unwrap();
        Self {
            transform: dataset.geo_transform().unwrap(),
            size: dataset.raster_size(),
            bits: band.data().iter().map(|value| value.to_bits()).collect(),
        }
    }

    /// Temperature at metres east and north of the house's middle; `None` for no data.
    fn at(&self, east: f64, north: f64) -> Option<f32> {
        let x = (ORIGIN.0 + east - self.transform[0]) / self.transform[1];
        let y = (self.transform[3] - ORIGIN.1 - north) / self.transform[1];
        let value = f32::from_bits(self.bits[y as usize * self.size.0 + x as usize]);
        value.is_finite().then_some(value)
    }

    /// Temperatures on a line of places `step` metres apart.
    fn line(&self, from: (f64, f64), to: (f64, f64)) -> Vec<Option<f32>> {
        (0..=100)
            .map(|share| f64::from(share) / 100.0)
            .map(|share| {
                self.at(
                    from.0 + share * (to.0 - from.0),
                    from.1 + share * (to.1 - from.1),
                )
            })
            .collect()
    }
}

/// 50 degrees from straight down at the house's middle: 60 m x tan 50 = 71.5 m.
const SOUTH: f64 = 71.5;

#[test]
fn a_roof_lies_where_it_stands_with_a_surface_model_and_leans_away_without() {
    let folder = tempfile::tempdir().unwrap();
    let frames = [frame(0, SOUTH, -40.0)];
    let (map, _) = draw(&surface(folder.path(), 0.5), &frames, &options());
    // The four corners of the roof, from 0.3 m inside to 0.3 m outside; south of the house stands the wall.
    for (east, north) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
        let inside = map.at(east * (HALF.0 - 0.3), north * (HALF.1 - 0.3));
        assert_eq!(inside, Some(ROOF), "{east} {north}");
        let outside = map.at(east * (HALF.0 + 0.3), north * (HALF.1 + 0.3));
        assert_ne!(outside, Some(ROOF), "{east} {north}");
    }
    // Flat: a point d south of which the camera stands shows d x 60 / (60 - 6) from it. The northern edge of the roof
    // (75.5 m) moves to 83.89 m, 8.39 m north of its place (6 m x tan of 54.4 degrees).
    let (flat, mosaic) = draw(&Surface::Flat, &frames, &options());
    assert_eq!(flat.at(0.0, 4.0 + 8.39 - 0.3), Some(ROOF));
    assert_eq!(flat.at(0.0, 4.0 + 8.39 + 0.3), Some(GROUND));
    // Its southern edge from 67.5 m to 75 m: where the roof's south half stands, the flat map shows wall.
    assert_eq!(flat.at(0.0, 3.5 + 0.3), Some(ROOF));
    assert!([Some(WALL), Some(WINDOW)].contains(&flat.at(0.0, 3.5 - 0.3)));
    assert!(mosaic.report().mean_tangent > 0.8 && mosaic.report().mean_tangent < 1.7);
}

#[test]
fn a_garden_behind_a_house_is_not_painted_with_it_and_is_filled_from_the_other_side() {
    let folder = tempfile::tempdir().unwrap();
    let surface = surface(folder.path(), 0.5);
    let (from_south, to_north) = (frame(0, SOUTH, -40.0), frame(1, -SOUTH, -40.0));
    let (one, _) = draw(&surface, &[from_south], &options());
    // Behind the roof's edge 6 m x 75.5 / 54 = 8.39 m of garden lie hidden: up to 12.39 m.
    for place in one.line((0.0, 4.6), (0.0, 12.0)) {
        assert_eq!(place, None);
    }
    assert_eq!(one.at(0.0, 12.39 + 0.6), Some(GROUND));
    // In front and beside nothing of the house lies on the ground.
    for garden in [
        one.line((-9.0, -4.6), (9.0, -4.6)),
        one.line((-6.2, -4.0), (-6.2, 4.0)),
        one.line((6.2, -4.0), (6.2, 4.0)),
    ] {
        assert!(
            garden.iter().flatten().all(|&celsius| celsius == GROUND),
            "{garden:?}"
        );
    }
    let (both, _) = draw(&surface, &[from_south, to_north], &options());
    for place in both.line((0.0, 4.6), (0.0, 14.0)) {
        assert_eq!(place, Some(GROUND));
    }
    for place in both.line((-4.6, 0.0), (4.6, 0.0)) {
        assert_eq!(place, Some(ROOF));
    }
}

#[test]
fn a_slip_of_a_pose_does_not_paint_a_roof_on_the_garden_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let surface = surface(folder.path(), 0.5);
    // At the edge of the roof's shadow, 12.39 m north, the first is 83.9 m off and sees the garden more steeply than the second, 87.6 m off. Its
    // pose is taken to be 0.3 m further north than it is, so that there it shows the roof.
    let true_views = [frame(0, SOUTH, -40.0), frame(1, -100.0, -36.0)];
    let mut taken = true_views;
    taken[0] = frame(0, SOUTH - 0.3, -40.0);
    let shadow = |clearance: f64| {
        let work = tempfile::tempdir().unwrap();
        let load =
            |id: FrameId| Ok::<_, TilesError>(Arc::new(shoot(&true_views[id.0 as usize].view)));
        let options = MosaicOptions {
            clearance: Metres(clearance),
            ..options()
        };
        build_on(&surface, crs(), &taken, &options, work.path(), load).unwrap();
        Map::read(&work.path().join("mosaic.tif")).line((0.0, 11.0), (0.0, 14.0))
    };
    assert!(shadow(0.0).contains(&Some(ROOF)));
    let clear = shadow(0.5);
    assert!(
        clear.iter().all(|&celsius| celsius == Some(GROUND)),
        "{clear:?}"
    );
}

#[test]
fn gates_shut_out_what_is_far_or_seen_at_a_grazing_angle() {
    let folder = tempfile::tempdir().unwrap();
    let surface = surface(folder.path(), 0.5);
    let frames = [frame(0, SOUTH, -40.0)];
    let limit = |change: fn(&mut MosaicOptions)| {
        let mut options = options();
        change(&mut options);
        draw(&surface, &frames, &options).0
    };
    // The roof's middle is 71.5 m away and 54 m below: 89.6 m; the ground 10 m south of it 61.5 m and 60 m: 85.9 m.
    let near = limit(|options| options.max_slant_range = Some(Metres(88.0)));
    assert_eq!(
        (near.at(0.0, 0.0), near.at(8.0, -10.0)),
        (None, Some(GROUND))
    );
    // 52.9 degrees from the roof's normal, 45.7 from the ground's there.
    let steep = limit(|options| options.max_incidence = Degrees(50.0));
    assert_eq!(
        (steep.at(0.0, 0.0), steep.at(8.0, -10.0)),
        (None, Some(GROUND))
    );
    // The camera is 89.6 m / 758.3 px = 0.1182 m a pixel there.
    let fine = limit(|options| options.max_ground_resolution = Some(Metres(0.115)));
    assert_eq!(
        (fine.at(0.0, 0.0), fine.at(8.0, -10.0)),
        (None, Some(GROUND))
    );
}

#[test]
fn where_the_model_has_no_data_the_ground_is_flat_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = dsm(folder.path(), 0.5, |east, north| {
        east > 20.0 && north.abs() < 3.0
    });
    let surface = Surface::open(&path, crs(), area())
        .unwrap()
        .with_reference(Metres(ELEVATION));
    let (map, mosaic) = draw(&surface, &[frame(0, SOUTH, -40.0)], &options());
    assert_eq!(map.at(25.0, 0.0), Some(GROUND));
    let unknown = mosaic.report().unknown_height_pixels;
    assert!(
        unknown > 1000 && unknown < mosaic.report().valid_pixels / 5,
        "{unknown}"
    );
    let (_, known) = draw(
        &self::surface(folder.path(), 0.5),
        &[frame(0, SOUTH, -40.0)],
        &options(),
    );
    assert_eq!(known.report().unknown_height_pixels, 0);
    let inside = surface.patch(area()).unwrap().unwrap();
    assert_eq!(inside.height(ORIGIN.0 + 25.0, ORIGIN.1), None);
}

#[test]
fn threads_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let surface = surface(folder.path(), 1.0);
    let frames = [
        frame(0, SOUTH, -40.0),
        frame(1, -SOUTH, -40.0),
        frame(2, 10.0, -80.0),
    ];
    let maps: Vec<Map> = [1, 4]
        .into_iter()
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| draw(&surface, &frames, &options()).0)
        })
        .collect();
    assert_eq!(maps[0], maps[1]);
    let reversed: Vec<MosaicFrame> = frames.into_iter().rev().collect();
    assert_eq!(maps[0], draw(&surface, &reversed, &options()).0);
}

/// Three frames from one side, one block of some two dozen parts, a cache that holds one frame.
#[test]
fn a_frame_is_read_once_for_a_block_and_not_for_each_of_its_parts() {
    let frames = [
        frame(0, SOUTH, -40.0),
        frame(1, SOUTH + 5.0, -40.0),
        frame(2, SOUTH + 10.0, -40.0),
    ];
    let reads = AtomicUsize::new(0);
    let load = |_: FrameId| {
        reads.fetch_add(1, Ordering::Relaxed);
        Ok::<_, TilesError>(Arc::new(Raster::filled(640, 512, 1.0).unwrap()))
    };
    let options = MosaicOptions {
        resolution: Some(Metres(0.25)),
        cache_bytes: 1,
        ..MosaicOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    let mosaic = pool
        .build()
        .unwrap()
        .install(|| build(crs(), &frames, &options, folder.path(), load));
    let report = mosaic.unwrap().report().clone();
    let blocks = report.width.div_ceil(512) * report.height.div_ceil(512);
    let reads = reads.load(Ordering::Relaxed);
    assert!(report.width.max(report.height) > 4 * 64);
    assert!(reads <= 6 * blocks, "{reads} in {blocks} blocks");
}

#[test]
fn seams_are_mixed_only_where_asked_and_within_the_band() {
    let (west, east) = (frame(0, 0.0, -90.0), frame(1, 20.0, -90.0));
    let load = |id: FrameId| {
        let value = if id == FrameId(0) { 10.0 } else { 20.0 };
        Ok::<_, TilesError>(Arc::new(Raster::filled(640, 512, value).unwrap()))
    };
    let map = |feather| {
        let folder = tempfile::tempdir().unwrap();
        let options = MosaicOptions {
            feather,
            ..options()
        };
        let mosaic = build(crs(), &[west, east], &options, folder.path(), load).unwrap();
        (
            Map::read(&folder.path().join("mosaic.tif")),
            mosaic.report().clone(),
        )
    };
    let (hard, report) = map(None);
    assert_eq!(
        (hard.at(0.0, -9.5), hard.at(0.0, -10.5)),
        (Some(10.0), Some(20.0))
    );
    assert_eq!(report.blended_pixels, 0);
    // Half way both are 10 m from their feet. 1 m to the north it is 9 against 11 m: of a band of 4 m, the nearer weighs
    // (1 + 2 / 4) / 2 = 3/4: 12.5. 2 m to the north it is 8 against 12 m: alone.
    let (soft, report) = map(Some(Metres(4.0)));
    for (north, expected) in [(-9.05, 12.5), (-10.95, 17.5), (-7.85, 10.0), (-12.15, 20.0)] {
        let found = soft.at(0.0, north).unwrap();
        assert!((found - expected).abs() < 0.3, "{north} {found}");
    }
    assert!(report.blended_pixels > 0);
}

#[test]
fn a_model_in_another_system_gives_the_same_heights_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = dsm(folder.path(), 1.0, |_, _| false);
    let warped = folder.path().join("warped.tif");
    gdal(
        "gdalwarp -q -t_srs EPSG:3035 -tr 0.5 0.5 -r near",
        &path,
        &warped,
    );
    let surface = Surface::open(&warped, crs(), area())
        .unwrap()
        .with_reference(Metres(ELEVATION));
    let level = |east: f64, north: f64| {
        surface
            .height(ORIGIN.0 + east, ORIGIN.1 + north)
            .unwrap()
            .unwrap()
    };
    for (east, north, expected) in [
        (0.0, 0.0, 6.0),
        (4.0, 3.0, 6.0),
        (-4.0, -3.0, 6.0),
        (6.2, 0.0, 0.0),
        (0.0, 5.2, 0.0),
        (-100.0, 100.0, 0.0),
    ] {
        assert!(
            (level(east, north) - expected).abs() < 1e-3,
            "{east} {north} {}",
            level(east, north)
        );
    }
    let elsewhere = Bounds {
        west: 300_000.0,
        south: 5_700_000.0,
        east: 300_100.0,
        north: 5_700_100.0,
    };
    let refused = Surface::open(&path, crs(), elsewhere).unwrap_err();
    assert!(
        matches!(refused, SurfaceError::Elsewhere { .. }),
        "{refused}"
    );
    let apart = Bounds {
        east: area().west + 300_000.0,
        ..area()
    };
    let refused = Surface::open(&path, crs(), apart);
    assert!(matches!(refused, Err(SurfaceError::TooLarge { width, .. }) if width > 3e5));
    let missing = Surface::open(
        Path::new("/vsicurl/https://example.invalid/a.tif"),
        crs(),
        area(),
    );
    assert!(matches!(missing, Err(SurfaceError::NotAFile { .. })));
}

#[test]
fn pixels_that_are_no_heights_enter_no_mean_of_a_finer_model() {
    let folder = tempfile::tempdir().unwrap();
    // One pixel of each four by four is -9999; the file says of no value that it is none.
    let is_first = |metres: f64| (((metres + 200.0) / 0.125) as usize).is_multiple_of(4);
    let path = dsm(folder.path(), 0.125, |east, north| {
        is_first(east) && is_first(-north)
    });
    let unnamed = folder.path().join("unnamed.tif");
    gdal(
        "gdal_translate -q -a_nodata none -srcwin 1400 1400 400 400",
        &path,
        &unnamed,
    );
    let near = Bounds {
        west: ORIGIN.0 - 15.0,
        south: ORIGIN.1 - 15.0,
        east: ORIGIN.0 + 15.0,
        north: ORIGIN.1 + 15.0,
    };
    let surface = Surface::open(&unnamed, crs(), near)
        .unwrap()
        .with_reference(Metres(ELEVATION));
    assert_eq!(surface.cell(), Some(Metres(0.25)));
    assert_eq!(surface.range(), (0.0, ROOF_LEVEL));
}

#[test]
fn heights_under_a_mask_of_the_file_are_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = dsm(folder.path(), 1.0, |_, _| false);
    let update = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_UPDATE,
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open_ex(&path, update).unwrap();
    let mut band = dataset.rasterband(1).unwrap();
    band.set_no_data_value(None).unwrap();
    band.create_mask_band(true).unwrap();
    let mut mask = band.open_mask_band().unwrap();
    let side = 400;
    // All but 20 by 20 metres around the house.
    let shown = (0..side * side).map(|at| {
        let hides = |place: usize| place.abs_diff(side / 2) <= 10;
        if hides(at % side) && hides(at / side) {
            0
        } else {
            255
        }
    });
    let mut shown = Buffer::new((side, side), shown.collect::<Vec<u8>>());
    mask.write((0, 0), (side, side), &mut shown).unwrap();
    dataset.close().unwrap();
    let surface = Surface::open(&path, crs(), area()).unwrap();
    let surface = surface.with_reference(Metres(ELEVATION));
    assert_eq!(surface.range(), (0.0, 0.0));
    assert_eq!(surface.height(ORIGIN.0, ORIGIN.1).unwrap(), None);
}

#[test]
fn the_take_off_is_on_the_ground_even_when_the_first_frame_is_above_a_roof() {
    let folder = tempfile::tempdir().unwrap();
    let surface = surface(folder.path(), 0.5);
    let elevation = surface
        .model()
        .unwrap()
        .ground_near(ORIGIN.0, ORIGIN.1)
        .unwrap();
    assert!((elevation.0 - ELEVATION).abs() < 1e-4);
}

fn wall_options() -> WallOptions {
    WallOptions {
        cell: Metres(1.0),
        margin: Metres(1.0),
        max_off_nadir: Degrees(60.0),
    }
}

#[test]
fn walls_leave_a_frame_only_as_means_of_a_metre_and_more() {
    let folder = tempfile::tempdir().unwrap();
    for cell in [0.5, 1.0] {
        let surface = surface(folder.path(), cell);
        let view = frame(0, SOUTH, -40.0).view;
        let cells = surface.walls(&view, &wall_options()).unwrap();
        // A roof below the middle of the lower edge is 54 / sin 58.7 = 63.2 m away, its pixels 63.2 x cos^2 18.7 / 758.3 =
        // 0.075 m: 1 m takes 13.4 of them, in the corners of the frame some more.
        assert!((14..=16).contains(&cells.side()), "{}", cells.side());
        let shot = shoot(&view);
        let flat = cells.flatten(&shot);
        let mut kept = 0;
        for (at, &value) in shot.samples().iter().enumerate() {
            let (x, y) = (at % CAMERA.width, at / CAMERA.width);
            if value == WALL || value == WINDOW {
                assert!(
                    cells.cell(x, y).is_some(),
                    "a pixel of the wall at {x} {y} is kept"
                );
            } else if value == GROUND || value == ROOF {
                kept += usize::from(cells.cell(x, y).is_none());
            }
        }
        assert!(!flat.samples().contains(&WINDOW));
        // Most of what is no wall, and within the limit of the map, stays as it was measured.
        let limit = Degrees(60.0);
        let within = (0..CAMERA.width * CAMERA.height)
            .filter(|at| view.off_nadir((at % 640) as f64 + 0.5, (at / 640) as f64 + 0.5) <= limit)
            .count();
        assert!(kept * 100 > within * 85, "{kept} of {within}");
        // Over a cell nothing but one number is left.
        let mut one = std::collections::BTreeMap::new();
        for (at, value) in flat.samples().iter().enumerate() {
            if let Some(cell) = cells.cell(at % CAMERA.width, at / CAMERA.width) {
                assert_eq!(*one.entry(cell).or_insert(value.to_bits()), value.to_bits());
            }
        }
    }
}

#[test]
fn cells_with_equal_means_give_equal_bytes_and_masked_pixels_enter_none() {
    let folder = tempfile::tempdir().unwrap();
    let surface = surface(folder.path(), 1.0);
    let view = frame(0, SOUTH, -40.0).view;
    let cells = surface.walls(&view, &wall_options()).unwrap();
    let shot = shoot(&view);
    let members = |cell: usize| -> Vec<usize> {
        (0..shot.samples().len())
            .filter(|at| cells.cell(at % CAMERA.width, at / CAMERA.width) == Some(cell))
            .collect()
    };
    let (at, _) = shot
        .samples()
        .iter()
        .enumerate()
        .find(|(_, value)| **value == WINDOW)
        .unwrap();
    let cell = cells.cell(at % CAMERA.width, at / CAMERA.width).unwrap();
    let pixels = members(cell);
    // The same pixels in another order: the same mean.
    let mut turned = shot.clone();
    for (&from, &to) in pixels.iter().zip(pixels.iter().rev()) {
        turned.samples_mut()[to] = shot.samples()[from];
    }
    assert_ne!(turned, shot);
    let bits = |raster: &Raster<f32>| {
        raster
            .samples()
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&cells.flatten(&turned)), bits(&cells.flatten(&shot)));
    // A third of the cell masked: the mean of the rest. Two thirds: no data.
    let mask = |share: usize| {
        let mut masked = shot.clone();
        for &pixel in &pixels[..pixels.len() * share / 3] {
            masked.samples_mut()[pixel] = f32::NAN;
        }
        let rest = &pixels[pixels.len() * share / 3..];
        let mean = rest
            .iter()
            .map(|&pixel| f64::from(shot.samples()[pixel]))
            .sum::<f64>()
            / rest.len() as f64;
        (cells.flatten(&masked).samples()[at], mean as f32)
    };
    let (found, expected) = mask(1);
    assert_eq!(found, expected);
    assert!(mask(2).0.is_nan());
}

#[test]
fn what_nobody_knows_is_flattened_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = dsm(folder.path(), 0.5, |east, _| east > 20.0);
    let surface = Surface::open(&path, crs(), area())
        .unwrap()
        .with_reference(Metres(ELEVATION));
    let view = frame(0, SOUTH, -40.0).view;
    let cells = surface.walls(&view, &wall_options()).unwrap();
    let (u, v) = view.pixel(ORIGIN.0 + 30.0, ORIGIN.1).unwrap();
    assert!(cells.cell(u as usize, v as usize).is_some());
    let (u, v) = view.pixel(ORIGIN.0 - 20.0, ORIGIN.1).unwrap();
    assert_eq!(cells.cell(u as usize, v as usize), None);
    // The upper edge looks 68 degrees from straight down, beyond the map's limit.
    assert!(cells.cell(320, 0).is_some());
    assert!(!Surface::Flat.shows_walls());
}

/// A house needs 2 m of wall for a window, a garden wall is lower: 1.8 m on the same ground plan.
#[test]
fn a_low_garden_wall_is_no_facade() {
    let folder = tempfile::tempdir().unwrap();
    let surface = surface(folder.path(), 1.0);
    let view = frame(0, SOUTH, -40.0).view;
    let facade = |surface: &Surface, level: f64| {
        let patch = surface.patch(area()).unwrap().unwrap();
        let (u, v) = view
            .pixel_above(ORIGIN.0, ORIGIN.1 - HALF.1, level)
            .unwrap();
        patch.hit(&view, u, v)
    };
    assert!(matches!(facade(&surface, 3.0), Hit::Wall(..)));
    // The same house seen with 0.3 of its height: a wall of 1.8 m.
    let low = folder.path().join("low.vrt");
    gdal(
        "gdal_translate -q -ot Float32 -scale 31 37 31 32.8",
        &folder.path().join("dsm.tif"),
        &low,
    );
    let low = Surface::open(&low, crs(), area())
        .unwrap()
        .with_reference(Metres(ELEVATION));
    assert!(matches!(facade(&low, 0.9), Hit::Surface(..)));
}
