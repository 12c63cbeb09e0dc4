//! The page's own files, inside the program.
//!
//! Ours are readable and committed under `src/web`. The map library is bundled by `make web` into `.setup/web` and is in the program when it
//! was there at build time (`build.rs`); else the page says how to get it, and works without a map.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Whether the map library was there when this program was built.
pub(super) const HAS_MAP_LIBRARY: bool = cfg!(map_library);

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";
#[cfg(map_library)]
const TEXT: &str = "text/plain; charset=utf-8";

/// Name, type and bytes.
type Asset = (&'static str, &'static str, &'static [u8]);

/// Embeds files of `src/web` under their own names.
macro_rules! own {
    ($kind:expr; $($name:literal),+ $(,)?) => {
        &[$(($name, $kind, include_bytes!(concat!("../web/", $name)))),+]
    };
}

const OWN: [&[Asset]; 3] = [
    own![SCRIPT;
        "app.js", "buildings.js", "canonical.js", "csv.js", "dom.js", "files.js", "list.js", "log.js", "map.js",
        "merkle.js", "note.js", "queue.js", "reader.js", "verify.js", "words.js", "worker.js",
    ],
    own![STYLE; "style.css"],
    own![ICON; "icon.svg"],
];

/// Embeds what `make web` made.
#[cfg(map_library)]
macro_rules! bundled {
    ($($name:literal: $kind:expr),+ $(,)?) => {
        &[$(($name, $kind, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/.setup/web/", $name)))),+]
    };
}

#[cfg(map_library)]
const BUNDLED: &[Asset] = bundled![
    "map-library.js": SCRIPT,
    "map-worker.js": SCRIPT,
    "map-library.css": STYLE,
    "licences.txt": TEXT,
];
#[cfg(not(map_library))]
const BUNDLED: &[Asset] = &[];

/// `GET /`.
pub(super) async fn page() -> Response {
    let page = include_bytes!("../web/index.html");
    ([(header::CONTENT_TYPE, HTML)], page.as_slice()).into_response()
}

/// `GET /web/NAME`.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let mut assets = OWN.into_iter().flatten().chain(BUNDLED);
    match assets.find(|(known, _, _)| *known == name) {
        Some(&(_, kind, bytes)) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
