//! Requests as the fuzzer makes them: bytes on a connection, and requests of sound form to the routes themselves.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what fails here is of the fuzzer's own making"
)]

use std::fs;
use std::path::Path;

use arbitrary::{Result, Unstructured};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use super::guard::Guard;
use super::published::Published;
use super::{Options, Router, router};
use crate::audit::{Entry, TileEmitted};
use crate::store::layout;

const HOST: &str = "127.0.0.1:8470";
const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Stands in a file that no answer may hold.
const SECRET: &[u8] = b"the secret of the log key";
/// Stands in a published file, which only those with the token get.
const TILE: &[u8] = b"the bytes of the published tile";

/// A small run's folder with its routes, with and without a token.
pub(crate) struct Site {
    runtime: Runtime,
    open: Router,
    guarded: Router,
}

/// One connection.
struct Pipe(Option<DuplexStream>);

impl axum::serve::Listener for Pipe {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.take() {
            Some(connection) => (connection, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Site {
    /// Fills `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let write = |path: &str, bytes: &[u8]| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        write("private/log.key", SECRET);
        write("tiles/unlisted", SECRET);
        let listed = ["tiles/a", layout::TEMPERATURE_COG, "tiles/gone", "../up"];
        let mut log = Vec::new();
        for path in listed {
            if !path.contains("gone") && !path.contains("..") {
                write(path, TILE);
            }
            let entry = Entry::TileEmitted(TileEmitted {
                path: path.into(),
                sha256: "00".repeat(32),
                bytes: TILE.len() as u64,
                source_frames: vec![],
            });
            log.extend(entry.to_line().unwrap());
            log.push(b'\n');
        }
        write(layout::LOG, &log);
        write(layout::CHECKPOINT, b"note");
        let options = Options {
            folder: folder.to_path_buf(),
            address: HOST.parse().unwrap(),
            token: false,
            key: None,
        };
        let site = |token: Option<&str>| {
            let guard = Guard::new(options.address, token.map(str::to_owned));
            router(&options, Published::open(folder).unwrap(), guard)
        };
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            runtime: { runtime }.enable_io().build().unwrap(),
            open: site(None),
            guarded: site(Some(TOKEN)),
        }
    }

    /// Answers what the bytes ask, by both routers.
    pub(crate) fn ask(&self, bytes: &[u8]) {
        let Some((kind, rest)) = bytes.split_first() else {
            return;
        };
        let knows_token = holds(bytes, TOKEN.as_bytes());
        for (router, is_guarded) in [(&self.open, false), (&self.guarded, true)] {
            let answer = if kind % 4 == 0 {
                self.on_wire(router.clone(), rest)
            } else {
                self.routed(router.clone(), rest).unwrap_or_default()
            };
            assert!(
                !holds(&answer, SECRET),
                "what the log does not list came out"
            );
            assert!(
                !is_guarded || knows_token || !holds(&answer, TILE),
                "a published file came out without the token"
            );
        }
    }

    /// The bytes as a whole connection.
    fn on_wire(&self, router: Router, bytes: &[u8]) -> Vec<u8> {
        self.runtime.block_on(async {
            let (mut client, server) = duplex(1 << 20);
            let serving =
                tokio::spawn(async move { axum::serve(Pipe(Some(server)), router).await });
            // A server that has read enough closes early.
            let _ = client.write_all(bytes).await;
            let _ = client.shutdown().await;
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer).await;
            serving.abort();
            answer
        })
    }

    /// A request whose parts the bytes choose; its answer's body.
    #[expect(clippy::panic_in_result_fn, reason = "a fault is what is looked for")]
    fn routed(&self, router: Router, bytes: &[u8]) -> Result<Vec<u8>> {
        let Some(request) = request(&mut Unstructured::new(bytes))? else {
            return Ok(Vec::new());
        };
        Ok(self.runtime.block_on(async {
            let response = router.oneshot(request).await.unwrap();
            check(&response);
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, 1 << 24).await.unwrap();
            let length = parts.headers.get(header::CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
            if parts.status == StatusCode::PARTIAL_CONTENT && !body.is_empty() {
                assert_eq!(length, Some(body.len()));
            }
            body.to_vec()
        }))
    }
}

/// What every answer must be, whatever was asked.
fn check(response: &Response) {
    let headers = response.headers();
    assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY));
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert_ne!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|part| part == what)
}

const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "OPTIONS", "TRACE"];
const PATHS: [&str; 12] = [
    "/",
    "/web/",
    "/api/run",
    "/api/value?layer=temperature&lon=1&lat=5",
    "/api/value?",
    "/api/outlines",
    "/audit/",
    "/audit/entries.jsonl",
    "/files/",
    "/files/tiles/a",
    "/files/tiles/unlisted",
    "/files/..%2fprivate/log.key",
];
const HEADERS: [&str; 6] = ["host", "range", "cookie", "origin", "if-range", "x"];
const VALUES: [&str; 6] = [
    HOST,
    "localhost:8470",
    "bytes=",
    "bytes=0-",
    "heatveil-8470=",
    "-1",
];

fn request(from: &mut Unstructured<'_>) -> Result<Option<Request<Body>>> {
    let mut uri = (*from.choose(&PATHS)?).to_owned();
    if from.ratio(1_u8, 8)? {
        uri.insert_str(0, &format!("http://{HOST}"));
    }
    if from.arbitrary()? {
        uri.push_str(&text(from)?);
    }
    let mut request = Request::builder().method(*from.choose(&METHODS)?).uri(uri);
    if !from.ratio(1_u8, 8)? {
        request = request.header(header::HOST, HOST);
    }
    for _ in 0..from.int_in_range(0..=4)? {
        let (name, mut value) = (*from.choose(&HEADERS)?, (*from.choose(&VALUES)?).to_owned());
        value.push_str(&text(from)?);
        request = request.header(name, value);
    }
    Ok(request.body(Body::empty()).ok())
}

fn text(from: &mut Unstructured<'_>) -> Result<String> {
    let count = from.int_in_range(0..=24)?;
    Ok(String::from_utf8_lossy(from.bytes(count)?).into_owned())
}
