//! Whether files are those of the log, in folders that somebody made who must not be trusted.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::*;
use crate::store::write_secret;

/// printf x | sha256sum
const X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

fn file(path: &str, sha256: &str, bytes: u64) -> PublishedFile {
    PublishedFile {
        path: path.to_owned(),
        sha256: sha256.to_owned(),
        bytes,
    }
}

/// A file that holds an x.
fn x(path: &str) -> PublishedFile {
    file(path, X, 1)
}

/// A folder with these files, each of which holds an x.
fn folder(paths: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        write_secret(&folder.path().join(path), b"x").unwrap();
    }
    folder
}

/// A line of a list.
fn line(path: &str, sha256: &str) -> String {
    format!("{{\"bytes\":1,\"path\":\"{path}\",\"sha256\":\"{sha256}\"}}\n")
}

/// A folder with one tile and this list, and the list as it was logged.
fn listed(list: &str) -> (tempfile::TempDir, PublishedFile) {
    let folder = folder(&["tiles/xyz/1/2.png"]);
    let path = "tiles/xyz/manifest.jsonl";
    write_secret(&folder.path().join(path), list.as_bytes()).unwrap();
    let (sha256, bytes) = hash_file(&folder.path().join(path)).unwrap();
    (folder, file(path, &hex::encode(&sha256), bytes))
}

#[test]
fn a_circle_of_links_is_reported_and_not_walked() {
    // One a folder: two would lead on in more ways than can be walked.
    for name in ["tiles/one", "tiles/a/two"] {
        let folder = folder(&["tiles/a/b"]);
        symlink("..", folder.path().join(name)).unwrap();
        let mut found = problems(folder.path(), &[]);
        found.sort();
        let unlisted = ["tiles/a/b", name].map(|path| format!("{path} is not in the log"));
        assert_eq!(found, unlisted);
    }
}

#[test]
fn a_link_to_the_right_bytes_is_not_the_file() {
    let folder = folder(&["elsewhere", "tiles/b"]);
    symlink("../elsewhere", folder.path().join("tiles/a")).unwrap();
    assert_eq!(
        problems(folder.path(), &[x("tiles/a"), x("tiles/b")]),
        ["tiles/a is not a plain file"]
    );
}

#[test]
fn a_link_to_a_folder_with_the_right_files_is_not_the_folder() {
    let folder = folder(&["elsewhere/a", "tiles/b"]);
    symlink("../elsewhere", folder.path().join("tiles/below")).unwrap();
    symlink("elsewhere", folder.path().join("buildings")).unwrap();
    let emitted = [x("tiles/b"), x("tiles/below/a"), x("buildings/a")];
    assert_eq!(
        problems(folder.path(), &emitted),
        [
            "tiles/below is a link and no folder",
            "buildings is a link and no folder",
            // What lies there is none of the log's either.
            "tiles/below is not in the log",
            "buildings is a link and no folder",
        ]
    );
    assert!(open(folder.path(), "tiles/b").is_ok());
    assert!(open(folder.path(), "tiles/below/a").is_err());
}

#[test]
fn a_folder_that_cannot_be_listed_is_not_an_empty_one() {
    let folder = folder(&["tiles"]);
    let name = OsStr::from_bytes(b"\xff");
    write_secret(&folder.path().join("frames").join(name), b"x").unwrap();
    write_secret(&folder.path().join("buildings/\u{1b}[2J"), b"x").unwrap();
    assert_eq!(
        problems(folder.path(), &[]),
        [
            "tiles cannot be read (not a directory)",
            // Shown as it is, it would clear the reader's screen.
            "buildings/\\u{1b}[2J is not in the log",
            "frames holds a name that is not text",
        ]
    );
}

#[test]
fn a_logged_list_vouches_for_its_folder_and_for_nothing_else() {
    let check = |list: &str| {
        let (folder, logged) = listed(list);
        problems(folder.path(), &[logged])
    };
    assert_eq!(check(&line("1/2.png", X)), Vec::<String>::new());
    assert_eq!(check(""), ["tiles/xyz/1/2.png is not in the log"]);
    let other = check(&line("1/2.png", &"0".repeat(64)));
    assert_eq!(other[0], "tiles/xyz/1/2.png is not the file of the log");
    let missing = check(&(line("1/2.png", X) + &line("1/3.png", X)));
    assert!(missing[0].contains("1/3.png cannot be read"), "{missing:?}");
    let out = check(&(line("1/2.png", X) + &line("../../audit/checkpoint", X)));
    assert_eq!(
        out,
        ["tiles/xyz/../../audit/checkpoint leads out of its folder"]
    );
    assert_eq!(
        check("{}")[0],
        "tiles/xyz/manifest.jsonl is not a list of files"
    );
}

#[test]
fn a_file_is_that_of_the_log_by_hash_and_length() {
    let others = [file("a", X, 2), file("a", &"0".repeat(64), 1)];
    assert!(is(b"x", &x("a")));
    for other in others {
        assert!(!is(b"x", &other), "{other:?}");
    }
}

#[test]
fn a_file_that_is_named_twice_is_the_same_both_times() {
    let folder = folder(&["tiles/a"]);
    for other in [file("tiles/a", X, 2), file("tiles/a", &"0".repeat(64), 1)] {
        for emitted in [[x("tiles/a"), other.clone()], [other, x("tiles/a")]] {
            assert_eq!(
                problems(folder.path(), &emitted),
                ["tiles/a is not the file of the log"]
            );
        }
    }
    // What a list lacks is told once, however often entries name the list.
    let (folder, logged) = listed(&(line("1/2.png", X) + &line("1/3.png", X)));
    let found = problems(folder.path(), &[logged.clone(), logged]);
    assert_eq!(
        found,
        ["tiles/xyz/1/3.png cannot be read (entity not found)"]
    );
}

/// A thousand and one are as many as are told.
#[test]
fn nothing_more_is_looked_at_behind_a_thousand_problems() {
    let folder = folder(&["tiles/a"]);
    for (missing, unlisted) in [(1000, true), (1001, false), (1002, false)] {
        let name = |number: usize| x(&format!("tiles/{number}"));
        let emitted: Vec<_> = (0..missing).map(name).collect();
        let found = problems(folder.path(), &emitted);
        assert_eq!(found.len(), 1001);
        let is_last = found[1000] == "tiles/a is not in the log";
        assert_eq!(is_last, unlisted, "{missing}");
    }
    for (missing, expected) in [(1000, 1000), (1001, 1001), (1002, 1001)] {
        let lines = (0..missing).map(|number| line(&format!("1/{number}"), X));
        let (folder, logged) = listed(&(lines.collect::<String>() + &line("1/2.png", X)));
        let found = problems(folder.path(), &[logged]);
        assert_eq!(found.len(), expected, "{missing}");
    }
}

#[test]
fn paths_that_lead_out_are_refused() {
    for path in [
        "tiles/../secret",
        "/etc/passwd",
        "audit/checkpoint",
        "",
        "tiles",
        "tiles/",
        "tiles//a",
        "tiles/./a",
        "tiles/a/",
        "./tiles/a",
        "tilesa/b",
    ] {
        let problem = changed(Path::new("/"), &file(path, "", 0)).unwrap();
        assert!(problem.contains("not a path of a tile"), "{problem}");
    }
}

#[test]
fn what_was_published_is_told_by_the_log_and_its_lists_once_each() {
    let lines = line("1/2.png", X) + &line("../../audit/checkpoint", X);
    let (folder, list) = listed(&(lines + "no list any more\n" + &line("1/4.png", X)));
    let tile = |path: &str, frame: u32| json!({"type": "tile.emitted", "path": path, "sha256": list.sha256, "bytes": list.bytes, "source_frames": [[frame, frame]]});
    let table = json!({"type": "buildings.emitted", "files": [x("buildings/a"), x("private/a")], "footprints_sha256": X, "buildings": 1, "measured": 1, "source_frames": [[0, 0]]});
    let entries = [
        tile(&list.path, 0),
        tile(&list.path, 2),
        tile("audit/checkpoint", 0),
        table,
    ];
    let canonical = entries.map(|entry| super::super::canonical::to_vec(&entry).unwrap());
    let log = [canonical.join(&b'\n').as_slice(), b"\nno entry\n"].concat();
    write_secret(&folder.path().join(layout::LOG), &log).unwrap();
    assert_eq!(
        published(folder.path()).unwrap(),
        [x("tiles/xyz/1/2.png"), list.clone(), list, x("buildings/a")]
    );
}

#[test]
fn nothing_is_published_without_a_log_of_its_own() {
    let folder = folder(&["elsewhere", "audit/checkpoint"]);
    let refused = || matches!(published(folder.path()), Err(AuditError::Io { .. }));
    assert!(refused());
    symlink("../elsewhere", folder.path().join(layout::LOG)).unwrap();
    assert!(refused());
}
