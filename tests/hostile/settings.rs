//! Settings that are too long or too deep, and settings that would lead GDAL to the network.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bench::{Bench, lengthen};
use crate::common::onnx::{times, with_card};
use crate::common::write;

#[test]
fn settings_that_are_no_settings_are_refused_at_once() {
    let bench = Bench::new();
    let long = bench.path("long.toml");
    write(&long, b"# ");
    lengthen(&long, 100 << 20);
    let deep = |open: &str, close: &str, count: usize| {
        format!(
            "[survey]\noperator = {}{}",
            open.repeat(count),
            close.repeat(count)
        )
    };
    write(
        &bench.path("lists.toml"),
        deep("[", "]", 400_000).as_bytes(),
    );
    write(
        &bench.path("tables.toml"),
        deep("{a=", "}", 200_000).as_bytes(),
    );
    write(
        &bench.path("keys.toml"),
        format!("a{} = 1", ".a".repeat(400_000)).as_bytes(),
    );
    write(
        &bench.path("heads.toml"),
        format!("[a{}]", ".a".repeat(400_000)).as_bytes(),
    );
    let many = format!("[survey]\nrecipients = [{}]", "'a',".repeat(200_000));
    write(&bench.path("many.toml"), many.as_bytes());
    write(&bench.path("bytes.toml"), b"\xff\xfe\x00");
    for name in ["long", "lists", "tables", "keys", "heads", "bytes"] {
        let file = format!("{name}.toml");
        let checked = bench.call(&["config", "check", &file]);
        assert_eq!(
            checked.code,
            Some(2),
            "{name}: {}",
            &checked.err[..checked.err.len().min(400)]
        );
        assert!(checked.err.contains(&file), "{}", checked.err);
        assert!(
            checked.err.len() < 10_000,
            "{name}: {} bytes of message",
            checked.err.len()
        );
    }
    assert_eq!(bench.call(&["config", "check", "many.toml"]).code, Some(0));
    assert_eq!(bench.call(&["config", "check", "/dev/zero"]).code, Some(2));
}

/// A server of which only the number of visitors is of interest.
struct Visited {
    port: u16,
    count: Arc<AtomicUsize>,
}

impl Visited {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let visits = Arc::clone(&count);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                visits.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        Self { port, count }
    }
}

/// A raster of the whole world that takes its heights from `source`.
fn vrt(source: &str) -> String {
    format!(
        "<VRTDataset rasterXSize='3600' rasterYSize='1800'><SRS>EPSG:4326</SRS>\
         <GeoTransform>-180, 0.1, 0, 90, 0, -0.1</GeoTransform><VRTRasterBand dataType='Float32' band='1'><SimpleSource>\
         <SourceFilename relativeToVRT='0'>{source}</SourceFilename><SourceBand>1</SourceBand>\
         <SourceProperties RasterXSize='3600' RasterYSize='1800' DataType='Float32' BlockXSize='256' BlockYSize='256'/>\
         <SrcRect xOff='0' yOff='0' xSize='3600' ySize='1800'/><DstRect xOff='0' yOff='0' xSize='3600' ySize='1800'/>\
         </SimpleSource></VRTRasterBand></VRTDataset>"
    )
}

#[test]
fn nothing_in_settings_or_files_leads_to_the_network() {
    let server = Visited::listen();
    let at = format!("127.0.0.1:{}", server.port);
    // The server would be seen: GDAL by itself goes there.
    assert!(gdal::Dataset::open(Path::new(&format!("/vsicurl/http://{at}/a.tif"))).is_err());
    let before = server.count.load(Ordering::SeqCst);
    assert!(before > 0);

    let bench = Bench::new();
    bench.good(1);
    // A model that loads at once.
    let card = with_card(&bench.path("m"), "nobody", &times(0.0))
        .display()
        .to_string();
    let places = [
        format!("/vsicurl/http://{at}/a.tif"),
        format!("/vsicurl_streaming/http://{at}/a.tif"),
        format!("/vsizip//vsicurl/http://{at}/a.zip/a.tif"),
        "/vsis3/bucket/a.tif".into(),
        "/vsis3_streaming/bucket/a.tif".into(),
        format!("http://{at}/a.tif"),
        format!(
            "WMS:http://{at}/?SERVICE=WMS&amp;REQUEST=GetMap&amp;LAYERS=a&amp;SRS=EPSG:4326&amp;BBOX=-180,-90,180,90"
        ),
        format!("WCS:http://{at}/?coverage=a"),
        format!("PG:host=127.0.0.1 port={} dbname=a table=a", server.port),
        format!(
            "<GDAL_WMS><Service name='TMS'><ServerUrl>http://{at}/</ServerUrl></Service></GDAL_WMS>"
        )
        .replace('<', "&lt;"),
    ];
    for (number, place) in places.iter().enumerate() {
        let file = format!("s{number}.vrt");
        write(&bench.path(&file), vrt(place).as_bytes());
        let given = if number < 3 { place.as_str() } else { &file };
        for value in [given, &file] {
            write(
                &bench.path("heatveil.toml"),
                format!("[detect]\nmodels = ['{card}']\n[georef]\ndsm = \"\"\"{value}\"\"\"\n")
                    .as_bytes(),
            );
            let run = bench
                .command(&[
                    "run",
                    "in",
                    "--out",
                    "out",
                    "--overwrite",
                    "--config",
                    "heatveil.toml",
                ])
                .envs([
                    ("AWS_S3_ENDPOINT", at.as_str()),
                    ("AWS_HTTPS", "NO"),
                    ("AWS_NO_SIGN_REQUEST", "YES"),
                ])
                .envs([
                    ("AWS_VIRTUAL_HOSTING", "FALSE"),
                    ("no_proxy", "*"),
                    ("NO_PROXY", "127.0.0.1"),
                ])
                .output()
                .unwrap();
            let code = run.status.code();
            assert!(matches!(code, Some(1..=3)), "{place}: {code:?}");
        }
    }
    let layers = "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>PLACE</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>";
    write(
        &bench.path("layers.gpkg"),
        layers
            .replace("PLACE", &format!("http://{at}/a.geojson"))
            .as_bytes(),
    );
    let outlines = [
        "layers.gpkg".to_owned(),
        format!("http://{at}/a.geojson"),
        format!("WFS:http://{at}/"),
        format!("PG:host=127.0.0.1 port={} dbname=a", server.port),
        format!("/vsicurl/http://{at}/a.gpkg"),
    ];
    for place in &outlines {
        for key in ["footprints", "opt-out", "uprn-points"] {
            let also = if key == "uprn-points" {
                "footprints = 'layers.gpkg'\n"
            } else {
                ""
            };
            let text = format!(
                "[detect]\nmodels = ['{card}']\n[weather]\nair-celsius = 2\nwind-m-s = 1\n[buildings]\n{also}{key} = '{place}'\n"
            );
            write(&bench.path("heatveil.toml"), text.as_bytes());
            let run = bench.call(&["run", "in", "--out", "b", "--config", "heatveil.toml"]);
            assert_eq!(run.code, Some(2), "{key} = {place}: {}", run.err);
        }
    }
    assert_eq!(
        server.count.load(Ordering::SeqCst),
        before,
        "somebody went to the network"
    );
}
