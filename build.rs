//! Says whether the map library of `heatveil serve` is there to be embedded: `make web` puts it into `.setup/web`.

use std::path::Path;

/// What `src/serve/assets.rs` embeds.
const FILES: [&str; 4] = [
    "map-library.js",
    "map-worker.js",
    "map-library.css",
    "licences.txt",
];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(map_library)");
    println!("cargo::rerun-if-changed=build.rs");
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
