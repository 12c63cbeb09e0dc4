//! What is embedded and is no source: OSTN15's table, packed; the map library of `heatveil serve`, where `make web` put it into `.setup/web`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What `src/serve/assets.rs` embeds.
const FILES: [&str; 4] = [
    "map-library.js",
    "map-worker.js",
    "map-library.css",
    "licences.txt",
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    map_library();
    ostn15()
}

/// `ostn15.bin`: by rows from the south-west, each node's shifts east and north in millimetres, as two little-endian i32. A quarter of the crate's own map,
/// which rustc takes a minute to read wherever it is a part of the program. `src/georef/british.rs` knows how many nodes there are, and compiles with no other number.
fn ostn15() -> io::Result<()> {
    let mut table = Vec::new();
    for (east, north, _) in (1..).map_while(|node| ostn15_phf::ostn15_lookup(&node)) {
        for metres in [east, north] {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a hundred metres and a bit"
            )]
            let millimetres = (metres * 1000.0).round() as i32;
            #[expect(clippy::float_cmp, reason = "what was packed is what the table says")]
            let same = f64::from(millimetres) / 1000.0 == metres;
            if !same {
                let what = format!("OSTN15: {metres} m are no whole millimetres");
                return Err(io::Error::other(what));
            }
            table.extend(millimetres.to_le_bytes());
        }
    }
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("run by cargo"))?;
    #[expect(clippy::disallowed_methods, reason = "of a build, not of a run")]
    fs::write(PathBuf::from(folder).join("ostn15.bin"), table)
}

fn map_library() {
    println!("cargo::rustc-check-cfg=cfg(map_library)");
    let folder = Path::new(".setup/web");
    let mut all = true;
    for name in FILES {
        let file = folder.join(name);
        // Of a file that is not there, cargo thinks that it changed each time: `make web` touches this one instead.
        if file.is_file() {
            println!("cargo::rerun-if-changed={}", file.display());
        } else {
            all = false;
        }
    }
    if all {
        println!("cargo::rustc-cfg=map_library");
    }
}
