//! The files that may be read, and their bytes.
//!
//! In: a path of a request. Out: the file or a part of it, in pieces. Refuses: paths that the log does not list word for word,
//! links anywhere on the way, pipes and devices. What a file holds is not checked here: the page does that against the log.

use std::collections::HashSet;
use std::fs;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path as Param, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::range::{Wanted, wanted};
use super::{ServeError, Site};
use crate::audit::{self, AuditError};
use crate::store::layout;

/// Bytes read at a time.
const PIECE: usize = 1 << 16;

/// A run's folder and what its log lists.
#[derive(Debug)]
pub(super) struct Published {
    /// Without links.
    root: PathBuf,
    listed: HashSet<String>,
}

impl Published {
    /// Reads the log of `folder`. The list stays as it is now; nothing that is added later is served.
    pub(super) fn open(folder: &Path) -> Result<Self, ServeError> {
        let files = audit::published(folder)?;
        let root = folder.canonicalize().map_err(|source| AuditError::Io {
            path: folder.to_path_buf(),
            source,
        })?;
        Ok(Self {
            root,
            listed: files.into_iter().map(|file| file.path).collect(),
        })
    }

    /// Where a listed file lies; `None` for any other path.
    pub(super) fn listed(&self, path: &str) -> Option<PathBuf> {
        let listed = self.listed.contains(path);
        listed.then(|| self.plain(path)).flatten()
    }

    /// Where a plain file lies that no link leads to.
    fn plain(&self, path: &str) -> Option<PathBuf> {
        let place = self.root.join(path);
        let is_file = fs::symlink_metadata(&place).ok()?.is_file();
        (is_file && place.canonicalize().ok()? == place).then_some(place)
    }
}

/// `GET /audit/NAME`: the log, its checkpoint and the key in the folder, as they are on disk now.
pub(super) async fn log(State(site): State<Arc<Site>>, Param(name): Param<String>) -> Response {
    let known = [layout::LOG, layout::CHECKPOINT, layout::VERIFIER_KEY];
    let path = format!("audit/{name}");
    let place = known
        .contains(&path.as_str())
        .then(|| site.published.plain(&path));
    match place.flatten() {
        Some(place) => send(&place, "text/plain; charset=utf-8", None).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /files/PATH`: a published file, to be saved and never to be shown as a page.
pub(super) async fn file(
    State(site): State<Arc<Site>>,
    Param(path): Param<String>,
    headers: HeaderMap,
) -> Response {
    let Some(place) = site.published.listed(&path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let range = headers.get(header::RANGE);
    let range = range.and_then(|range| range.to_str().ok());
    let mut response = send(&place, "application/octet-stream", range).await;
    let attachment = header::HeaderValue::from_static("attachment");
    response
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, attachment);
    response
}

async fn send(place: &Path, kind: &'static str, range: Option<&str>) -> Response {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR.into_response();
    stream(place, kind, range).await.unwrap_or_else(failed)
}

async fn stream(
    place: &Path,
    kind: &'static str,
    range: Option<&str>,
) -> std::io::Result<Response> {
    let mut file = tokio::fs::File::open(place).await?;
    let len = file.metadata().await?.len();
    let (status, part) = match wanted(range, len) {
        Wanted::Whole => (StatusCode::OK, 0..len),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Beyond => {
            let size = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, size).into_response());
        }
    };
    file.seek(SeekFrom::Start(part.start)).await?;
    let count = part.end - part.start;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(count), PIECE));
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_LENGTH, count.to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let mut response = (status, headers, body).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{len}", part.start, part.end - 1);
        if let Ok(range) = range.parse() {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
    }
    Ok(response)
}
