//! Requests to the router itself, without a socket: what is answered, to whom, and with which headers.

use std::path::Path;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use super::guard::Guard;
use super::published::Published;
use super::{Options, Router, ServeError, Server, names_of, router};
use crate::audit::{Entry, TileEmitted};
use crate::hex;
use crate::store::write_secret;

const TILE: &[u8] = b"0123456789";
const HOST: &str = "127.0.0.1:8470";

/// A folder whose log lists `tiles/a.pmtiles`, `tiles/link`, `tiles/gone` and a list that names `tiles/xyz/1.png`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, bytes: &[u8]| write_secret(&folder.path().join(path), bytes).unwrap();
    write("tiles/a.pmtiles", TILE);
    write("tiles/unlisted", b"unlisted");
    write("tiles/xyz/1.png", b"png");
    write("private/log.key", b"secret");
    let list = format!(
        "{{\"bytes\":3,\"path\":\"1.png\",\"sha256\":\"{0}\"}}\n{{\"bytes\":6,\"path\":\"../../private/log.key\",\"sha256\":\"{0}\"}}\n",
        "0".repeat(64)
    );
    write("tiles/xyz/manifest.jsonl", list.as_bytes());
    #[cfg(unix)]
    for (link, target) in [
        ("tiles/link", "../private/log.key"),
        ("tiles/folder", "../private"),
    ] {
        std::os::unix::fs::symlink(target, folder.path().join(link)).unwrap();
    }
    let paths = [
        "tiles/a.pmtiles",
        "tiles/link",
        "tiles/folder/log.key",
        "tiles/gone",
        "tiles/../private/log.key",
        "private/log.key",
        "tiles/xyz/manifest.jsonl",
    ];
    let mut log = Vec::new();
    for path in paths {
        let entry = Entry::TileEmitted(TileEmitted {
            path: path.into(),
            sha256: hex::encode(&Sha256::digest(TILE)),
            bytes: TILE.len() as u64,
            source_frames: vec![],
            flights: vec![],
        });
        log.extend(entry.to_line().unwrap());
        log.push(b'\n');
    }
    log.extend(b"{\"a line that\":\"was tampered with\"}\n");
    write("audit/entries.jsonl", &log);
    write("audit/checkpoint", b"note");
    write("audit/verifier.key", b"key");
    folder
}

fn options(folder: &Path) -> Options {
    Options {
        folder: folder.to_path_buf(),
        address: HOST.parse().unwrap(),
        token: false,
        key: None,
    }
}

fn site(folder: &Path, token: Option<&str>) -> Router {
    let guard = Guard::new(HOST.parse().unwrap(), token.map(str::to_owned));
    router(&options(folder), Published::open(folder).unwrap(), guard)
}

fn get(path: &str) -> axum::http::request::Builder {
    Request::get(path).header(header::HOST, HOST)
}

/// Answers one request.
fn ask(router: Router, request: axum::http::request::Builder) -> Response<Body> {
    on_runtime(router.oneshot(request.body(Body::empty()).unwrap())).unwrap()
}

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn body(response: Response<Body>) -> Vec<u8> {
    on_runtime(to_bytes(response.into_body(), usize::MAX))
        .unwrap()
        .to_vec()
}

fn status(folder: &Path, path: &str) -> StatusCode {
    ask(site(folder, None), get(path)).status()
}

#[test]
fn listed_files_are_served_whole_and_in_parts() {
    let folder = folder();
    let file = || get("/files/tiles/a.pmtiles");
    let whole = ask(site(folder.path(), None), file());
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()[header::ACCEPT_RANGES], "bytes");
    assert_eq!(whole.headers()[header::CONTENT_DISPOSITION], "attachment");
    assert_eq!(body(whole), TILE);
    let part = ask(
        site(folder.path(), None),
        file().header(header::RANGE, "bytes=2-4"),
    );
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()[header::CONTENT_RANGE], "bytes 2-4/10");
    assert_eq!(part.headers()[header::CONTENT_LENGTH], "3");
    assert_eq!(body(part), b"234");
    let beyond = ask(
        site(folder.path(), None),
        file().header(header::RANGE, "bytes=10-"),
    );
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers()[header::CONTENT_RANGE], "bytes */10");
    assert_eq!(
        status(folder.path(), "/files/tiles/xyz/1.png"),
        StatusCode::OK
    );
}

#[test]
fn nothing_else_is_served_under_any_spelling() {
    let folder = folder();
    for path in [
        "/files/tiles/unlisted",
        "/files/tiles/gone",
        "/files/private/log.key",
        "/files/tiles/../private/log.key",
        "/files/tiles/%2e%2e/private/log.key",
        "/files/tiles%2f..%2fprivate%2flog.key",
        "/files/tiles/xyz/../../private/log.key",
        "/files//etc/passwd",
        "/files/%2fetc%2fpasswd",
        "/files/tiles/a.pmtiles%00",
        "/files/tiles/",
        "/files/",
        "/audit/log.key",
        "/audit/..%2fprivate%2flog.key",
        "/private/log.key",
        "/web/..%2findex.html",
        "/api/value?layer=temperature&lon=0&lat=0",
        "/api/outlines",
    ] {
        let response = ask(site(folder.path(), None), get(path));
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!body(response).starts_with(b"secret"), "{path}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_wherever_they_stand_in_the_path() {
    let folder = folder();
    for path in ["/files/tiles/link", "/files/tiles/folder/log.key"] {
        assert_eq!(status(folder.path(), path), StatusCode::NOT_FOUND, "{path}");
    }
    let log = folder.path().join("audit/checkpoint");
    let site = site(folder.path(), None);
    assert_eq!(body(ask(site.clone(), get("/audit/checkpoint"))), b"note");
    write_secret(&folder.path().join("elsewhere"), b"secret").unwrap();
    let aside = folder.path().join("audit/aside");
    std::process::Command::new("mv")
        .args([&log, &aside])
        .status()
        .unwrap();
    std::os::unix::fs::symlink("../elsewhere", &log).unwrap();
    assert_eq!(
        ask(site, get("/audit/checkpoint")).status(),
        StatusCode::NOT_FOUND
    );
}

#[test]
fn the_log_is_served_as_it_lies_there_tampered_or_not() {
    let folder = folder();
    let served = body(ask(site(folder.path(), None), get("/audit/entries.jsonl")));
    assert_eq!(
        served,
        std::fs::read(folder.path().join("audit/entries.jsonl")).unwrap()
    );
    assert_eq!(status(folder.path(), "/audit/verifier.key"), StatusCode::OK);
}

#[test]
fn only_its_own_names_are_answered() {
    let folder = folder();
    let with = |host: &str| {
        let request = Request::get("/").header(header::HOST, host);
        ask(site(folder.path(), None), request).status()
    };
    for host in [HOST, "localhost:8470", "LOCALHOST:8470"] {
        assert_eq!(with(host), StatusCode::OK, "{host}");
    }
    for host in [
        "",
        "evil.example",
        "evil.example:8470",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8470.evil.example",
    ] {
        assert_eq!(with(host), StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    let none = ask(site(folder.path(), None), Request::get("/"));
    assert_eq!(none.status(), StatusCode::MISDIRECTED_REQUEST);
    let twice = ask(
        site(folder.path(), None),
        get("/").header(header::HOST, "evil.example"),
    );
    assert_eq!(twice.status(), StatusCode::MISDIRECTED_REQUEST);
    let target = Request::get("http://evil.example/").header(header::HOST, HOST);
    assert_eq!(
        ask(site(folder.path(), None), target).status(),
        StatusCode::MISDIRECTED_REQUEST
    );
    assert_eq!(
        names_of("[::1]:80".parse().unwrap()),
        ["[::1]:80", "localhost:80", "[::1]", "localhost"]
    );
    assert_eq!(names_of("192.0.2.7:81".parse().unwrap()), ["192.0.2.7:81"]);
}

#[test]
fn methods_that_could_change_something_are_refused() {
    let folder = folder();
    for method in [
        "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "ANYTHING",
    ] {
        let request = get("/").method(method);
        let response = ask(site(folder.path(), None), request);
        assert_eq!(
            response.status(),
            StatusCode::METHOD_NOT_ALLOWED,
            "{method}"
        );
        assert_eq!(response.headers()[header::ALLOW], "GET, HEAD");
    }
    let head = ask(
        site(folder.path(), None),
        get("/files/tiles/a.pmtiles").method("HEAD"),
    );
    assert_eq!(head.status(), StatusCode::OK);
    assert!(body(head).is_empty());
}

#[test]
fn every_answer_keeps_the_page_to_itself() {
    let folder = folder();
    for path in [
        "/",
        "/web/app.js",
        "/nowhere",
        "/audit/checkpoint",
        "/files/tiles/a.pmtiles",
        "/api/run",
    ] {
        let response = ask(site(folder.path(), None), get(path));
        let said = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = said("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        for word in ["unsafe", "http:", "https:", "*", "data:"] {
            assert!(!policy.contains(word), "{path}: {policy}");
        }
        assert_eq!(said("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(said("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(
            said("cross-origin-resource-policy"),
            "same-origin",
            "{path}"
        );
        assert_eq!(said("cache-control"), "no-store", "{path}");
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-origin")
        );
    }
}

#[test]
fn the_page_and_its_scripts_name_no_other_server_and_nothing_inline() {
    let page = include_str!("../web/index.html");
    for word in [
        "http://",
        "https://",
        "style=",
        "onclick",
        "<style",
        "javascript:",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(
        page.matches("<script").count(),
        page.matches("<script type=\"module\" src=\"/web/").count()
    );
}

#[test]
fn every_script_that_the_page_imports_is_in_the_program() {
    let folder = folder();
    for name in ["app.js", "worker.js"] {
        let mut open = vec![name.to_owned()];
        let mut seen = 0;
        while let Some(name) = open.pop() {
            let response = ask(site(folder.path(), None), get(&format!("/web/{name}")));
            assert_eq!(response.status(), StatusCode::OK, "{name}");
            assert_eq!(
                response.headers()[header::CONTENT_TYPE],
                "text/javascript; charset=utf-8"
            );
            let text = String::from_utf8(body(response)).unwrap();
            let imports = text
                .lines()
                .filter_map(|line| line.split("from \"./").nth(1));
            open.extend(
                imports
                    .filter_map(|rest| rest.split('"').next())
                    .map(str::to_owned),
            );
            seen += 1;
        }
        assert!(seen > 3, "{name} imports nothing");
    }
}

#[test]
fn without_the_token_nothing_is_answered() {
    let folder = folder();
    let token = "ab".repeat(32);
    let with = |path: &str, cookie: Option<String>| {
        let mut request = get(path);
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        ask(site(folder.path(), Some(&token)), request)
    };
    let wrong = "ac".repeat(32);
    for path in [
        "/",
        "/web/app.js",
        "/audit/entries.jsonl",
        &format!("/?token={wrong}"),
        "/?token=",
        &format!("/api/run?token={token}"),
    ] {
        assert_eq!(
            with(path, None).status(),
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    let entered = with(&format!("/?token={token}"), None);
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    assert_eq!(entered.headers()[header::LOCATION], "/");
    let cookie = entered.headers()[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(
        with("/audit/checkpoint", Some(format!("a=b; {cookie}"))).status(),
        StatusCode::OK
    );
    for cookie in [
        cookie.replace("8470", "8471"),
        format!("{cookie}0"),
        cookie.replace("ab", "aB"),
        String::new(),
    ] {
        assert_eq!(
            with("/", Some(cookie.clone())).status(),
            StatusCode::UNAUTHORIZED,
            "{cookie}"
        );
    }
}

#[test]
fn addresses_that_others_reach_need_a_token_and_a_name() {
    let folder = folder();
    let bind = |address: &str, token| {
        Server::bind(&Options {
            address: address.parse().unwrap(),
            token,
            ..options(folder.path())
        })
    };
    assert!(matches!(
        bind("192.0.2.7:0", false),
        Err(ServeError::NoToken { .. })
    ));
    for every in ["0.0.0.0:0", "[::]:0"] {
        assert!(matches!(
            bind(every, true),
            Err(ServeError::EveryAddress { .. })
        ));
    }
    let first = bind("127.0.0.1:0", true).unwrap();
    let second = bind("127.0.0.1:0", true).unwrap();
    let token = |server: &Server| server.url().split_once("/?token=").unwrap().1.to_owned();
    assert_eq!(token(&first).len(), 64);
    assert_ne!(token(&first), token(&second));
    assert!(!bind("127.0.0.1:0", false).unwrap().url().contains("token"));
}

#[test]
fn a_folder_without_a_log_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        Server::bind(&options(empty.path())),
        Err(ServeError::Log(_))
    ));
}
