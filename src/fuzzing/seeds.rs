//! What the fuzzer begins with, all of this project's making: `cargo test --lib fuzzing::seeds -- --ignored` writes it into the corpus.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use arbitrary::Unstructured;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gdal::DriverManager;
use sha2::{Digest, Sha256};

use super::files;
use crate::audit;
use crate::georef::Crs;
use crate::hex;
use crate::run;

/// Bytes that look like chance, the same on every machine.
fn chance(number: u32, length: usize) -> Vec<u8> {
    let block = |at: u32| Sha256::digest([number, at].map(u32::to_le_bytes).concat());
    let mut bytes: Vec<u8> = (0..).flat_map(block).take(length).collect();
    bytes.truncate(length);
    bytes
}

fn read(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A map of 4 by 4 pixels.
fn map() -> Vec<u8> {
    let path = "/vsimem/seed.tif";
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut map = driver
        .create_with_band_type::<f32, _>(path, 4, 4, 2)
        .unwrap();
    map.set_geo_transform(&[412_000.0, 1.0, 0.0, 5_828_000.0, 0.0, -1.0])
        .unwrap();
    let system = gdal::spatial_ref::SpatialRef::from_epsg(Crs::from_epsg(32_631).unwrap().epsg());
    map.set_spatial_ref(&system.unwrap()).unwrap();
    map.close().unwrap();
    gdal::vsi::get_vsi_mem_file_bytes_owned(path).unwrap()
}

const OUTLINES: &str = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"uprn":"100;101"},"geometry":{"type":"Polygon","coordinates":[[[1.7,52.6],[1.701,52.6],[1.701,52.601],[1.7,52.6]]]}},
{"type":"Feature","properties":{"uprn":"102"},"geometry":{"type":"MultiPolygon","coordinates":[[[[1.71,52.6],[1.711,52.6],[1.711,52.601],[1.71,52.6]]]]}},
{"type":"Feature","properties":{"uprn":"103"},"geometry":{"type":"Point","coordinates":[1.7,52.6]}}]}"#;

const POSES: [&str; 5] = [
    r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"filename":"a.jpg","rotation":[3.1,0.1,0.0]},"geometry":{"type":"Point","coordinates":[1.7,52.6,40.0]}}]}"#,
    "EPSG:4326\na.jpg 1.7 52.6 40 10 2 1\nb.jpg 1.7 52.6\n",
    "WGS84 UTM 31N\na.jpg 412000 5828000 40\n",
    "# cameras\nimageName,X,Y,Z,Omega,Phi,Kappa\na.jpg,1.7,52.6,40,0.1,0.2,0.3\n",
    "label\tlongitude\tlatitude\taltitude\tyaw\tpitch\troll\na.jpg\t1.7\t52.6\t40\t10\t2\t1\n",
];

const PACKETS: &str = "<a xmlns:q='http://www.dji.com/drone-dji/1.0/' q:GpsLatitude='52.6' q:GpsLongitude='+1.7' q:RtkFlag='50' \
    q:RtkStdLon='0.03' q:RtkStdLat='0.04' q:AbsoluteAltitude='+133.23' q:AltitudeType='RtkAlt' q:GimbalYawDegree='1'>\
    <q:GimbalPitchDegree>-90.0</q:GimbalPitchDegree></a>\0<a xmlns:p='http://pix4d.com/camera/1.0/'><p:Yaw>1</p:Yaw></a>";

/// Made by `age` 1.1.1 for the key of the target.
const SEALED: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBsTXY1UEhSVTI0Z0o1Ri9ieCtOTDM3eFptTGNqWkx1ZXpL\
    RUhqMU8yR2lRClBidGRYVHZsdFlUMGQ2MXVxUWpaYkh5anc0bTZGSFd3K2ttRkw2NVd4TXMKLS0tIHZEeEU5VE5t\
    NzEzbUs0NGo3S0VzbzMvRjRLSjVpWUd4TlFLY09ENVFJVWcKTL7cVv1zYqqcM0QwsFtb4E0erWmHqxUBCK7vVmhh\
    4V/LlNCVHh4n";

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let examples = String::from_utf8(read("docs/audit-log.md")).unwrap();
    let lines: Vec<&str> = examples
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    match target {
        "card" => vec![read("models/window.toml")],
        "checkpoint" => vec![audit::fuzzing::signed_checkpoint(), b"fuzzing.example/heatveil\n3\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n".to_vec()],
        "config" => {
            let template = String::from_utf8(read("src/cli/heatveil.toml")).unwrap();
            let plain = |line: &str| line.strip_prefix("#: ").unwrap_or(line).split("  #").next().unwrap_or_default().to_owned();
            let plain: Vec<String> = template.lines().filter(|line| !line.contains("poses")).map(plain).collect();
            vec![plain.join("\n").into_bytes(), read("tests/heat.toml")]
        }
        "decode" => {
            let mut kinds = std::collections::BTreeMap::new();
            for number in 0..4000 {
                let bytes = chance(number, 2000);
                let Ok(file) = files::file(&mut Unstructured::new(&bytes)) else { continue };
                let kind = super::decoded(&file);
                if file.len() < 8000 && kind.is_some() {
                    kinds.entry(format!("{kind:?}")).or_insert_with(Vec::new).push(file);
                }
            }
            kinds.into_values().flat_map(|files| files.into_iter().take(4)).collect()
        }
        "files" => (0..12).map(|number| chance(number, 1500)).collect(),
        "http" => {
            let wire = |text: &str| [b"\0", text.as_bytes()].concat();
            let mut seeds = vec![
                wire("GET /files/tiles/a HTTP/1.1\r\nHost: 127.0.0.1:8470\r\nRange: bytes=2-4\r\nConnection: close\r\n\r\n"),
                wire("GET /?token=0 HTTP/1.1\r\nHost: localhost:8470\r\nCookie: heatveil-8470=1; a=b\r\n\r\n"),
            ];
            seeds.extend((0..12).map(|number| chance(number, 120)));
            seeds
        }
        "line" => lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
        "log" => vec![lines.iter().fold(String::new(), |mut log, line| { let _ = writeln!(log, "{line}"); log }).into_bytes()],
        "map" => vec![map()],
        "outlines" => vec![OUTLINES.into()],
        "poses" => POSES.map(Into::into).into(),
        "postprocess" => (0..8).map(|number| chance(number, 800)).collect(),
        "proof" => vec![audit::fuzzing::true_proof().1],
        "sealed" => vec![BASE64_STANDARD.decode(SEALED).unwrap(), super::SECRET.into()],
        "shards" => run::fuzzing::seeds(),
        "statement" => vec![br#"{"predicate":{"resolvedDependencies":[{"content":"bm90ZQ==","name":"audit/checkpoint"}]}}"#.to_vec()],
        "tags" => {
            let exif = b"II*\0\x08\0\0\0\x01\0\x25\x88\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0\x02\0\x05\0\x01\0\x01\0\0\0\0\0\0\0\x06\0\x05\0\x01\0\0\0\x38\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0";
            vec![[b"\0", PACKETS.as_bytes()].concat(), [b"\x01", exif.as_slice()].concat()]
        }
        other => unreachable!("no seeds for {other}"),
    }
}

#[test]
#[ignore = "writes into the repository"]
fn write_seeds() {
    for (target, _) in super::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        fs::create_dir_all(&folder).unwrap();
        for seed in seeds(target) {
            let name = hex::encode(&Sha256::digest(&seed))[..40].to_owned();
            fs::write(folder.join(name), seed).unwrap();
        }
    }
}
