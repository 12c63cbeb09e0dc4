//! `heatveil serve` over run folders that somebody else made: it refuses to start, or answers every request and nothing from outside.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::bench::Bench;
use crate::common::serve::Served;
use crate::common::write;
use crate::folders::{Attack, attacked, attacks, finished, pipe, remove};

/// What stands in a file beside the folder.
const SECRET: &str = "4711 stands outside of the folder 4711";

/// Paths below the folder that logs of these tests list.
const LISTED: [&str; 10] = [
    "tiles/temperature.tif",
    "tiles/link",
    "tiles/root",
    "tiles/dir/secret.txt",
    "tiles/../../secret/secret.txt",
    "tiles/xyz/manifest.jsonl",
    "tiles/xyz/1.png",
    "buildings/buildings.gpkg",
    "tiles/pipe",
    "audit/entries.jsonl",
];

/// Paths that are asked for whatever is listed.
const ASKED: [&str; 17] = [
    "/",
    "/api/run",
    "/api/outlines",
    "/api/value?layer=temperature&lon=1.7161&lat=52.6580",
    "/api/value?layer=temperature&lon=nan&lat=1e300",
    "/api/value?layer=/vsicurl/http://127.0.0.1/&lon=1&lat=1",
    "/audit/entries.jsonl",
    "/audit/checkpoint",
    "/audit/verifier.key",
    "/audit/..%2f..%2fsecret%2fsecret.txt",
    "/files/../../secret/secret.txt",
    "/files/%2e%2e/%2e%2e/secret/secret.txt",
    "/files/..%5c..%5csecret%5csecret.txt",
    "/files//etc/passwd",
    "/files/%00/etc/passwd",
    "/web/..%2f..%2f..%2fetc%2fpasswd",
    "//etc/passwd",
];

/// Attacks that only a server of files falls for.
fn links(bench: &Bench) -> Vec<Attack> {
    write(&bench.path("secret/secret.txt"), SECRET.as_bytes());
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    assert!(passwd.starts_with("root:"));
    let log = fs::read_to_string(bench.path("out/audit/entries.jsonl")).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("tiles/temperature.tif"));
    let line = line.unwrap().to_owned();
    // Nothing of it verifies, and the page says so; the files are served all the same.
    let listing = move |out: &Path| {
        let named = |path: &&str| line.replace("tiles/temperature.tif", path) + "\n";
        let more: String = LISTED.iter().map(named).collect();
        write(&out.join("audit/entries.jsonl"), more.as_bytes());
    };
    let with = |attack: fn(&Path)| -> Box<dyn Fn(&Path)> {
        let listing = listing.clone();
        Box::new(move |out| {
            listing(out);
            attack(out);
        })
    };
    vec![
        (
            "links to files",
            with(|out| {
                symlink("../../secret/secret.txt", out.join("tiles/link")).unwrap();
                symlink("/etc/passwd", out.join("tiles/root")).unwrap();
                pipe(&out.join("tiles/pipe"));
            }),
        ),
        (
            "a link to a folder",
            with(|out| symlink("../../secret", out.join("tiles/dir")).unwrap()),
        ),
        (
            "a folder of tiles that is a link",
            with(|out| {
                remove(&out.join("tiles"));
                write(&out.join("../secret/temperature.tif"), SECRET.as_bytes());
                write(&out.join("../secret/link"), SECRET.as_bytes());
                symlink("../secret", out.join("tiles")).unwrap();
            }),
        ),
        (
            "signatures that are links",
            with(|out| {
                for name in ["checkpoint", "verifier.key"] {
                    remove(&out.join("audit").join(name));
                    symlink("../../secret/secret.txt", out.join("audit").join(name)).unwrap();
                }
            }),
        ),
        (
            "a log that is a link",
            with(|out| {
                remove(&out.join("audit/entries.jsonl"));
                symlink("../../secret/secret.txt", out.join("audit/entries.jsonl")).unwrap();
            }),
        ),
        (
            "a list that leads out",
            with(|out| {
                let line = |path: &str| {
                    format!(
                        "{{\"bytes\":3,\"path\":\"{path}\",\"sha256\":\"{}\"}}\n",
                        "0".repeat(64)
                    )
                };
                let lines = [
                    "../../secret/secret.txt",
                    "../../../secret/secret.txt",
                    "/etc/passwd",
                    "1.png",
                ];
                let list: String = lines.into_iter().map(line).collect();
                write(&out.join("tiles/xyz/manifest.jsonl"), list.as_bytes());
                symlink("../../../secret/secret.txt", out.join("tiles/xyz/1.png")).unwrap();
            }),
        ),
        (
            "a map and outlines that lead to other files",
            with(|out| {
                let map = "<VRTDataset rasterXSize=\"8\" rasterYSize=\"1\"><VRTRasterBand dataType=\"Byte\" band=\"1\" \
                    subClass=\"VRTRawRasterBand\"><SourceFilename>/etc/passwd</SourceFilename></VRTRasterBand></VRTDataset>";
                write(&out.join("tiles/temperature.tif"), map.as_bytes());
                let outlines = "<OGRVRTDataSource><OGRVRTLayer name=\"buildings\"><SrcDataSource>/etc/passwd</SrcDataSource>\
                    <SrcLayer>passwd</SrcLayer></OGRVRTLayer></OGRVRTDataSource>";
                write(&out.join("buildings/buildings.gpkg"), outlines.as_bytes());
            }),
        ),
        (
            "files beside the map",
            with(|out| {
                let aside = "<PAMDataset><Metadata domain=\"OVERVIEWS\"><MDI key=\"OVERVIEW_FILE\">/etc/passwd</MDI></Metadata></PAMDataset>";
                write(&out.join("tiles/temperature.tif.aux.xml"), aside.as_bytes());
                let other = "<VRTDataset rasterXSize=\"8\" rasterYSize=\"1\"><VRTRasterBand dataType=\"Byte\" band=\"1\" \
                    subClass=\"VRTRawRasterBand\"><SourceFilename>/etc/passwd</SourceFilename></VRTRasterBand></VRTDataset>";
                for end in ["ovr", "msk"] {
                    write(
                        &out.join(format!("tiles/temperature.tif.{end}")),
                        other.as_bytes(),
                    );
                }
            }),
        ),
    ]
}

/// What is wrong with the answers, if anything.
fn answers(served: &Served, what: &str) -> usize {
    let files = LISTED.iter().map(|path| format!("/files/{path}"));
    let mut answered = 0;
    for path in files.chain(ASKED.map(str::to_owned)) {
        let (status, head, body) = served.get(&path);
        assert!(
            matches!(status, 200 | 307 | 308 | 400 | 404 | 422),
            "{what}, {path}: {status} {head}"
        );
        answered += usize::from(status == 200);
        for told in [SECRET, "root:"] {
            let tells = |bytes: &[u8]| {
                bytes
                    .windows(told.len())
                    .any(|part| part == told.as_bytes())
            };
            assert!(
                !tells(&body) && !tells(head.as_bytes()),
                "{what}: {path} tells {told:?}"
            );
        }
    }
    answered
}

#[test]
fn a_folder_from_elsewhere_is_served_without_what_lies_outside() {
    let bench = finished();
    let serve =
        |folder: &str| Served::start(bench.command(&["serve", folder, "--bind", "127.0.0.1:0"]));
    let all = attacks(&bench).into_iter().chain(links(&bench));
    let (mut count, mut refused) = (0, Vec::new());
    for (what, attack) in all {
        count += 1;
        attacked(&bench, &attack);
        match serve("bad") {
            Ok(served) => {
                answers(&served, what);
                assert_eq!(served.get("/").0, 200, "{what}: it lives");
            }
            Err((code, said)) => {
                assert!(matches!(code, Some(1 | 2 | 4)), "{what}: {code:?} {said}");
                assert!(
                    said.len() < 1 << 16 && !said.contains(['\u{1b}', '\u{202e}']),
                    "{what}"
                );
                refused.push(what);
            }
        }
    }
    println!(
        "{count} folders, {} of them refused: {refused:?}",
        refused.len()
    );
    // The honest folder, and what becomes of it under a server that runs.
    let served = serve("out").unwrap();
    assert!(answers(&served, "honest") >= 7);
    let map = bench.path("out/tiles/temperature.tif");
    for what in ["a link", "a pipe", "nothing"] {
        remove(&map);
        match what {
            "a link" => symlink("../../secret/secret.txt", &map).unwrap(),
            "a pipe" => pipe(&map),
            _ => {}
        }
        assert_eq!(served.get("/files/tiles/temperature.tif").0, 404, "{what}");
        answers(&served, what);
    }
}
