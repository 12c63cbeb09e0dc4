//! `heatveil serve`: a local web page of a finished run: map, log, queue of frames that need a human.
//!
//! In: a run's folder, which nobody needs to trust. Out: the page, the log, and published files, to a browser on this
//! machine. Refuses: to write, to serve what the log does not list or what lies behind a link, to answer under another name than
//! its own, and anybody without the token where the address is not the machine's own.
//!
//! The page verifies the log itself, in the browser: this module hands it bytes and no verdict. The only async runtime of the house
//! lives here.

mod assets;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod guard;
mod outlines;
mod published;
mod range;
mod value;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};

pub use error::ServeError;
use guard::Guard;
use published::Published;

/// A token is this many bytes of the system's randomness.
const TOKEN_BYTES: usize = 32;

/// What to serve, and to whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of a run.
    pub folder: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether a browser must bring the token that was printed. Must be for any address but loopback.
    pub token: bool,
    /// Verifier key received by another way than the folder.
    pub key: Option<String>,
}

/// A page that is ready to be served.
#[derive(Debug)]
pub struct Server {
    listener: std::net::TcpListener,
    router: Router,
    url: String,
}

/// What the routes share.
#[derive(Debug)]
struct Site {
    /// As the user named it: the page shows commands with it.
    named: String,
    published: Published,
    key: Option<String>,
}

impl Server {
    /// Reads which files the log lists and listens; nothing is answered yet.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when the address may not be served on or is taken, or when there is no log.
    pub fn bind(options: &Options) -> Result<Self, ServeError> {
        let asked = options.address;
        if asked.ip().is_unspecified() {
            return Err(ServeError::EveryAddress { address: asked });
        }
        if !asked.ip().is_loopback() && !options.token {
            return Err(ServeError::NoToken { address: asked });
        }
        let token = options.token.then(random_token).transpose()?;
        let published = Published::open(&options.folder)?;
        let refused = |source| ServeError::Address {
            address: asked,
            source,
        };
        let listener = std::net::TcpListener::bind(asked).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let query = token.as_ref().map(|token| format!("?token={token}"));
        Ok(Self {
            listener,
            router: router(options, published, Guard::new(address, token)),
            url: format!("http://{address}/{}", query.unwrap_or_default()),
        })
    }

    /// The address to open, with the token where there is one: print it once and keep it nowhere.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers until the process ends.
    ///
    /// # Errors
    ///
    /// [`ServeError::Runtime`] when the system gives no threads or sockets.
    pub fn run(self) -> Result<(), ServeError> {
        let failed = |source| ServeError::Runtime { source };
        self.listener.set_nonblocking(true).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(failed)?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener).map_err(failed)?;
            axum::serve(listener, self.router).await.map_err(failed)
        })
    }
}

/// All routes behind the guard.
fn router(options: &Options, published: Published, guard: Guard) -> Router {
    let site = Site {
        named: options.folder.display().to_string(),
        published,
        key: options.key.clone(),
    };
    Router::new()
        .route("/", get(assets::page))
        .route("/web/{name}", get(assets::asset))
        .route("/api/run", get(run))
        .route("/api/value", get(value::value))
        .route("/api/outlines", get(outlines::outlines))
        .route("/audit/{name}", get(published::log))
        .route("/files/{*path}", get(published::file))
        .with_state(Arc::new(site))
        .layer(middleware::from_fn_with_state(
            Arc::new(guard),
            guard::check,
        ))
}

/// What the page must know that is not in the log.
async fn run(State(site): State<Arc<Site>>) -> Response {
    Json(serde_json::json!({
        "folder": site.named,
        "heatveil": env!("CARGO_PKG_VERSION"),
        "key": site.key,
        "has_map_library": assets::HAS_MAP_LIBRARY,
    }))
    .into_response()
}

fn random_token() -> Result<String, ServeError> {
    let mut bytes = [0; TOKEN_BYTES];
    rand_core::RngCore::try_fill_bytes(&mut rand_core::OsRng, &mut bytes).map_err(|error| {
        ServeError::Randomness {
            problem: error.to_string(),
        }
    })?;
    Ok(crate::hex::encode(&bytes))
}

/// How a browser names an address in `Host`.
fn names_of(address: SocketAddr) -> Vec<String> {
    let port = address.port();
    let mut hosts = vec![match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }];
    if address.ip().is_loopback() {
        hosts.push("localhost".into());
    }
    // Browsers leave out the port of the scheme.
    let bare = if port == 80 {
        hosts.clone()
    } else {
        Vec::new()
    };
    let with_port = hosts.into_iter().map(|host| format!("{host}:{port}"));
    with_port.chain(bare).collect()
}

#[cfg(test)]
mod tests;
