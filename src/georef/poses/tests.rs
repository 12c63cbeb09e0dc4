//! Files written here, with poses whose ground corners numpy and cv2 worked out from successive turns of a level camera
//! (`cv2.Rodrigues` about the vertical, the camera's right and its line of sight), angles by `arctan2` of the matrix' entries.

use std::f64::consts::FRAC_PI_2;
use std::path::Path;
use std::sync::Arc;

use super::super::camera::tests::meta;
use super::super::{Crs, GeorefError, HeightSystem, Located, Locator, View, YawSource, level};
use super::*;
use crate::frame::{FrameId, PositionSource};

/// `echo "1.716073973 52.658007833" | gdaltransform -s_srs EPSG:4326 -t_srs EPSG:32631`
const PLACE: (f64, f64) = (413_157.868_103_91, 5_835_001.449_273_26);
/// From the same for a point 0.0001 degrees further north: its north lies so far clockwise of the grid's.
const CONVERGENCE: f64 = 1.020_9;

struct Truth {
    /// From grid north; pitch and roll as here.
    attitude: [f64; 3],
    omega_phi_kappa: [f64; 3],
    rodrigues: [f64; 3],
    /// Metres from the foot of a camera 60 m up: corners from the top left on, clockwise.
    corners: [(f64, f64); 4],
}

const TRUTHS: [Truth; 3] = [
    Truth {
        attitude: [88.5, -40.0, 5.0],
        omega_phi_kappa: [1.786_846_678, -49.976_607, -92.667_170_918],
        rodrigues: [1.635_944_054_1, -1.739_059_746_4, 0.741_363_977_3],
        corners: [
            (167.275_3, 70.109_6),
            (140.806_1, -61.626_6),
            (34.652_2, -24.362_4),
            (38.628_1, 31.963),
        ],
    },
    Truth {
        attitude: [-120.0, -90.0, 0.0],
        omega_phi_kappa: [0.0, 0.0, 120.0],
        rodrigues: [FRAC_PI_2, 2.720_699_046_4, 0.0],
        corners: [
            (-4.882, -32.054_1),
            (-30.200_6, 11.799_1),
            (4.882, 32.054_1),
            (30.200_6, -11.799_1),
        ],
    },
    Truth {
        attitude: [10.0, -72.0, -3.0],
        omega_phi_kappa: [17.743_810_727, -3.075_982_543, -6.519_746_603],
        rodrigues: [2.823_738_090_4, -0.172_707_220_2, 0.050_723_181_5],
        corners: [
            (-22.961_7, 47.484_5),
            (36.467_6, 40.757_9),
            (24.839_3, -3.833_5),
            (-22.781_9, 2.146_6),
        ],
    },
];

fn utm() -> Crs {
    Crs::from_epsg(32_631).unwrap()
}

fn parse(text: &str, crs: Option<Crs>) -> KnownPoses {
    KnownPoses {
        poses: KnownPoses::parse(text, crs).unwrap(),
        sha256: [0; 32],
        epsg: None,
    }
}

fn located(poses: KnownPoses, file: &str) -> Located {
    let places = Locator {
        poses: Some(Arc::new(poses)),
        take_off: Some(Metres(30.5)),
        ..Locator::default()
    };
    places.locate(Path::new(file), &meta("M3T")).unwrap()
}

/// The corners of a frame that stands 90.5 m high over take-off at 30.5 m, in the grid.
fn assert_corners(text: &str, crs: Option<Crs>, truth: &Truth) {
    let located = located(parse(text, crs), "flight/DJI_0001_T.JPG");
    assert!(located.is_known());
    let projector = utm().projector().unwrap();
    // No yaw but that of the poses is left to choose.
    for source in [YawSource::Gimbal, YawSource::Flight] {
        let view = located.view(&projector, source).unwrap();
        let corners = [(0.0, 0.0), (640.0, 0.0), (640.0, 512.0), (0.0, 512.0)];
        for ((u, v), (east, north)) in corners.into_iter().zip(truth.corners) {
            let found = view.ground(u, v).unwrap();
            let off = (found.0 - PLACE.0 - east).hypot(found.1 - PLACE.1 - north);
            assert!(off < 0.02, "{off} m at {u} {v}\n{text}");
        }
    }
}

#[test]
fn omega_phi_kappa_of_a_pix4d_table_are_turns_from_the_grid() {
    for truth in &TRUTHS {
        let [omega, phi, kappa] = truth.omega_phi_kappa;
        let (x, y) = PLACE;
        let text = format!(
            "imageName X Y Z Omega Phi Kappa\nDJI_0001_T.JPG {x} {y} 90.5 {omega} {phi} {kappa}\n"
        );
        assert_corners(&text, Some(utm()), truth);
    }
}

#[test]
fn yaw_pitch_roll_of_a_metashape_table_are_from_true_north_and_straight_down() {
    for truth in &TRUTHS {
        let [yaw, pitch, roll] = truth.attitude;
        let (yaw, pitch) = (yaw - CONVERGENCE, pitch + 90.0);
        let text = format!(
            "# Cameras (2026-11-24)\n\
             #Label,X/Longitude,Y/Latitude,Z/Altitude,Yaw,Pitch,Roll,Error,X_est,Y_est,Z_est,Yaw_est,Pitch_est,Roll_est\n\
             DJI_0001_T,1.7,52.6,80,0,0,0,1.5,1.716073973,52.658007833,90.5,{yaw},{pitch},{roll}\n\
             DJI_0002_T,,,,,,,,,,,,,\n\
             # Total error,,,,,,,1.5,,,,,,\n"
        );
        assert_corners(&text, None, truth);
    }
}

#[test]
fn a_pix4d_geolocation_table_has_latitude_first() {
    let [yaw, pitch, roll] = TRUTHS[0].attitude;
    let (yaw, pitch) = (yaw - CONVERGENCE, pitch + 90.0);
    let text = format!(
        "#imagename,coordinate1 [decimal degrees],coordinate2,z,yaw,pitch,roll\n\
         DJI_0001_T.JPG,52.658007833,1.716073973,90.5,{yaw},{pitch},{roll}\n"
    );
    assert_corners(&text, None, &TRUTHS[0]);
}

#[test]
fn shots_and_geo_files_of_opendronemap_are_read() {
    for truth in &TRUTHS {
        let shots = serde_json::json!({"type": "FeatureCollection", "features": [{
            "type": "Feature",
            "properties": {"filename": "DJI_0001_T.JPG", "focal": 0.85, "rotation": truth.rodrigues,
                           "translation": [PLACE.0, PLACE.1, 90.5], "width": 640, "height": 512},
            "geometry": {"type": "Point", "coordinates": [1.716_073_973, 52.658_007_833, 90.5]}}]});
        assert_corners(&shots.to_string(), None, truth);
        let [yaw, pitch, roll] = truth.attitude;
        let (yaw, pitch) = (yaw - CONVERGENCE, pitch + 90.0);
        for system in [
            "EPSG:32631",
            "WGS84 UTM 31N",
            "+proj=utm +zone=31 +datum=WGS84 +units=m +no_defs",
        ] {
            let (x, y) = PLACE;
            let geo = format!(
                "{system}\n# a comment\ndji_0001_t.jpg {x} {y} 90.5 {yaw} {pitch} {roll} 0.02 0.03\n"
            );
            assert_corners(&geo, None, truth);
        }
    }
}

/// A project across 6 E: two shots in zone 31, one east of it. Meridians converge by `atan(tan(6.001 - 3) sin 50)` = 2.30 degrees in the
/// zone of the project, and by as much to the other side in the third shot's own.
#[test]
fn shots_of_two_zones_are_turned_by_that_of_the_project() {
    let shot = |name: &str, longitude: f64| {
        serde_json::json!({"type": "Feature",
            "properties": {"filename": name, "rotation": [std::f64::consts::PI, 0.0, 0.0]},
            "geometry": {"type": "Point", "coordinates": [longitude, 50.0, 90.0]}})
    };
    let shots = [("a", 5.998), ("c", 6.001), ("b", 5.999)].map(|(name, x)| shot(name, x));
    let text = serde_json::json!({"type": "FeatureCollection", "features": shots}).to_string();
    let poses = parse(&text, None);
    for (name, longitude) in [("a", 5.998_f64), ("b", 5.999), ("c", 6.001)] {
        let yaw = poses.of(Path::new(name)).unwrap().attitude.unwrap().yaw.0;
        let east_of_zone = (longitude - 3.0).to_radians();
        let north = (east_of_zone.tan() * 50_f64.to_radians().sin()).atan();
        // The camera's right is east and its top the grid's north; true north lies to the left of that.
        let off = (yaw - north.to_degrees() + 180.0).rem_euclid(360.0) - 180.0;
        assert!(off.abs() < 0.01, "{name}: {yaw}");
    }
}

#[test]
fn a_text_for_proj_leads_to_no_file() {
    for plain in [
        "+proj=longlat +datum=WGS84 +no_defs +type=crs",
        "+proj=longlat +a=6378137.0 +rf=298.257223563 +towgs84=0,0,0,-0.5,0,0,1e-3 +pm=greenwich",
    ] {
        let geo = format!("{plain}\na.jpg 1.8 52.7 90\n");
        assert!(KnownPoses::parse(&geo, None).is_ok(), "{plain}");
    }
    for leads in [
        "+proj=longlat +datum=WGS84 +nadgrids=@null",
        "+proj=longlat +datum=WGS84 +geoidgrids=/etc/passwd",
        "+proj=longlat +ellps=WGS84 nadgrids=@/dev/zero",
        "+proj=longlat +ellps=WGS84;nadgrids=@null",
        "+proj=longlat +ellps=WGS84,+nadgrids=@null",
        "+proj=longlat +ellps= +init=epsg:4326",
        "+proj=pipeline +step +proj=vgridshift +grids=/etc/passwd",
        "+proj=longlat +ellps=/etc/passwd",
    ] {
        let geo = format!("{leads}\na.jpg 1.8 52.7 90\n");
        let refused = KnownPoses::parse(&geo, None);
        assert_eq!(refused.unwrap_err(), (1, Problem::Proj), "{leads}");
    }
}

#[test]
fn a_position_alone_leaves_the_attitude_to_the_file_and_to_refinement() {
    let poses = parse("EPSG:4326\nDJI_0001_T.JPG 1.8 52.7 90.5\n", None);
    let located = located(poses, "DJI_0001_T.JPG");
    assert!(!located.is_known());
    assert_eq!(located.position().source, PositionSource::Poses);
    assert_eq!(located.yaw(YawSource::Flight), Some(Degrees(63.0)));
    assert_eq!(located.above_take_off(), Metres(60.0));
    assert!(located.has_known_height());
}

#[test]
fn a_frame_that_is_not_listed_keeps_its_own_tags() {
    let poses = parse("EPSG:4326\nDJI_0001_T.JPG 1.8 52.7 90.5 10 0 0\n", None);
    let other = located(poses, "DJI_0007_T.JPG");
    assert!(!other.is_known() && !other.has_known_height());
    assert_eq!(other.position().source, PositionSource::Xmp);
}

#[test]
fn heights_are_levelled_to_take_off_by_the_frames_own() {
    let text = "EPSG:4326\na 1.8 52.7 150 0 0 0\nb 1.8 52.7 152 0 0 0\nc 1.8 52.7 153 0 0 0\n";
    let places = Locator {
        poses: Some(Arc::new(parse(text, None))),
        ..Locator::default()
    };
    let mut frames: Vec<(FrameId, Located)> = [("a.jpg", 60.0), ("b.jpg", 61.0), ("c.jpg", 70.0)]
        .into_iter()
        .zip(0..)
        .map(|((file, own), id)| {
            let mut meta = meta("M3T");
            meta.relative_altitude = Some(Metres(own));
            let located: Result<Located, GeorefError> = places.locate(Path::new(file), &meta);
            (FrameId(id), located.unwrap())
        })
        .collect();
    // Levels of 90, 91 and 83 m.
    assert_eq!(level(&mut frames), Some(Metres(90.0)));
    let heights: Vec<f64> = frames
        .iter()
        .map(|(_, located)| located.above_take_off().0)
        .collect();
    assert_eq!(heights, [60.0, 62.0, 63.0]);
}

#[test]
fn what_is_wrong_is_named_with_line_and_remedy() {
    let long = "name 1 2\n".repeat(3);
    for (text, line, word) in [
        ("", 1, "without poses"),
        ("{\"features\": 1}", 1, "table with a header"),
        (
            "{\"features\": [{\"properties\": {\"filename\": \"a\"}}]}",
            1,
            "export shots.geojson again",
        ),
        ("EPSG:4326\na.jpg 1 52 90\nb.jpg 1 x\n", 3, "not a number"),
        (
            "EPSG:4326\na.jpg 1 52 90\na.jpg 1 52 90\n",
            3,
            "lists a frame again",
        ),
        ("EPSG:4326\na.jpg 500000 5800000 90\n", 2, "poses-crs"),
        ("EPSG:999999\na.jpg 1 52\n", 1, "EPSG:n"),
        ("image,x,y\na.jpg,1,52\n", 1, "keep the header"),
        (
            "image,x,y,z,omega,phi,kappa\na.jpg,1,52,90,0,0\n",
            2,
            "lacks a column",
        ),
        (
            "image,x,y,z,omega,phi,kappa\na.jpg,1,52,90,0,0,nan\n",
            2,
            "georef.poses-crs",
        ),
        (long.as_str(), 1, "keep the header"),
    ] {
        let (at, problem) = KnownPoses::parse(text, None).unwrap_err();
        let told = problem.at(Path::new("poses.csv"), at).to_string();
        assert!(at == line && told.contains(word), "{told}");
    }
}

#[test]
fn poses_that_are_written_for_opendronemap_are_those_of_the_views() {
    let projector = utm().projector().unwrap();
    for truth in &TRUTHS {
        let camera = *located(parse("EPSG:4326\na 1.8 52.7 90.5\n", None), "a").camera();
        let [yaw, pitch, roll] = truth.attitude.map(Degrees);
        let attitude = Attitude { yaw, pitch, roll };
        // 60 m above a level of 30.5 m.
        let view = View::new(camera, PLACE, Metres(60.0), attitude);
        let frames = [("DJI_0001_T.JPG".into(), view, Metres(30.5))];
        let sea = HeightSystem::Sea { by_egm96: false };
        let text = geo_txt(&projector, &frames, &sea).unwrap();
        assert!(text.starts_with("EPSG:4326\n# Heights in metres above the sea"));
        assert_corners(&text, None, truth);
    }
}
