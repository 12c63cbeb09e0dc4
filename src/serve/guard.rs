//! Who is answered, and what every answer says to the browser.
//!
//! In: a request. Out: the answer of the routes with headers that keep the page to itself, or a refusal. Refuses: methods that
//! change something, requests under a name that is not the server's (DNS rebinding: a foreign name that leads to this machine), and
//! requests without the token where there is one.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::names_of;

/// Scripts, styles and connections of this server alone; nothing inline, nobody may frame the page. `blob:` pictures are made by the
/// map library from tiles of this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; \
    img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// On every answer, refusals included.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// Names of the server and the token that it asks for.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    token: Option<String>,
    /// Cookies do not tell ports apart.
    cookie: String,
}

impl Guard {
    /// A guard of `address`.
    pub(super) fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self {
            hosts: names_of(address),
            token,
            cookie: format!("heatveil-{}", address.port()),
        }
    }

    /// The refusal, or the answer that takes the token out of the address bar; `None`: go on.
    fn answer(&self, request: &Request) -> Option<Response> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let allow = [(header::ALLOW, "GET, HEAD")];
            return Some((StatusCode::METHOD_NOT_ALLOWED, allow).into_response());
        }
        if !self.is_named(request) {
            let words = "This server answers only under the address that it printed.\n";
            return Some((StatusCode::MISDIRECTED_REQUEST, words).into_response());
        }
        let token = self.token.as_deref()?;
        if cookies(request.headers()).any(|(name, value)| name == self.cookie && same(value, token))
        {
            return None;
        }
        let given = request.uri().query().and_then(|query| {
            let mut pairs = query.split('&');
            pairs.find_map(|pair| pair.strip_prefix("token="))
        });
        if request.uri().path() == "/" && given.is_some_and(|given| same(given, token)) {
            let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Strict", self.cookie);
            let headers = [
                (header::SET_COOKIE, cookie),
                (header::LOCATION, "/".to_owned()),
            ];
            return Some((StatusCode::SEE_OTHER, headers).into_response());
        }
        let words = "Open the address that heatveil printed when it started: it holds a token.\n";
        Some((StatusCode::UNAUTHORIZED, words).into_response())
    }

    /// Whether the request is to a name of this server, said once.
    fn is_named(&self, request: &Request) -> bool {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        // A proxy's form of request names the host in its target too.
        let target = request.uri().authority();
        let known = |name: &str| {
            self.hosts
                .iter()
                .any(|host| host.eq_ignore_ascii_case(name))
        };
        host.to_str().is_ok_and(known) && target.is_none_or(|target| known(target.as_str()))
    }
}

/// Compares in a time that tells nothing of where the two differ.
fn same(given: &str, token: &str) -> bool {
    given.as_bytes().ct_eq(token.as_bytes()).into()
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

/// The guard as a layer around all routes.
pub(super) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.answer(&request) {
        Some(response) => response,
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
