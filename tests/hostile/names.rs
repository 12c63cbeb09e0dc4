//! Names of homes in a file of outlines that aim at whoever opens a table or a page.

use heatveil::run::{Run, Silent};

use crate::bench::Bench;
use crate::common::{self, files, write, write_keys};

/// What a spreadsheet, a browser or a reader would take for something else.
const NAMES: [&str; 8] = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1+1;=1+1",
    "-2\n=3",
    "\u{ff1d}1+1",
    "<script>alert('4711')</script>",
    "\" onload=\"alert(4711)",
    "\u{202e}gpj.exe",
];

#[test]
fn names_of_homes_are_text_in_every_table_and_on_every_page() {
    let bench = Bench::new();
    bench.good(3);
    write_keys(&bench.path(""));
    let truth = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/flight/truth/buildings.geojson"
    );
    let mut outlines: serde_json::Value =
        serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    for (number, feature) in (0_usize..).zip(outlines["features"].as_array_mut().unwrap()) {
        let name = NAMES[number % NAMES.len()];
        feature["properties"]["name"] = format!("{name}{number}").into();
        feature["properties"]["uprn"] = format!("{number}00;={number}+1;@{number}").into();
    }
    let path = bench.path("homes.geojson");
    write(&path, outlines.to_string().as_bytes());
    let settings = format!(
        "[weather]\nair-celsius = 2\nwind-m-s = 1\n[georef]\nrefine = false\n[buildings]\nfootprints = '{}'\nid = 'name'\nuprn = 'uprn'",
        path.display()
    );
    let run: Run = common::run(&bench.path(""), "in", "out", &settings);
    run.execute(&mut Silent).unwrap();
    let csv = std::fs::read_to_string(bench.path("out/buildings/buildings.csv")).unwrap();
    assert!(
        csv.contains("calc"),
        "no home with such a name was measured: {csv}"
    );
    // However a spreadsheet parts cells: no part begins with a formula.
    for part in csv.split([',', ';', '\t', '\n', '\r']) {
        let begin = part.trim_start_matches('"').chars().next().unwrap_or(' ');
        let is_number = part.parse::<f64>().is_ok();
        assert!(
            is_number || !"=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(begin),
            "{part:?}"
        );
    }
    let pages = bench.call(&["pages", "out", "--out", "pages", "--with-uprn"]);
    assert_eq!(pages.code, Some(0), "{}", pages.err);
    assert_eq!(bench.call(&["report", "out"]).code, Some(0));
    let mut seen = 0;
    for (path, bytes) in files(&bench.path("pages"))
        .into_iter()
        .chain(files(&bench.path("out/report")))
    {
        let text = String::from_utf8_lossy(&bytes);
        for bad in ["<script", "onload=\"", "\u{202e}"] {
            assert!(!text.contains(bad), "{bad} in {}", path.display());
        }
        seen += text.matches("&lt;script&gt;").count();
        assert!(
            !path.to_string_lossy().contains("calc"),
            "{}",
            path.display()
        );
    }
    assert!(seen > 0, "no page shows such a name");
}
