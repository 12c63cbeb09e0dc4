//! Working files, and files that only grow.

use std::io;

use super::tests::Note;
use super::*;

fn fill(path: &Path) {
    write_secret(path, b"x").unwrap();
}

/// SHA-256 of `abc`: FIPS 180-4, example B.1.
#[test]
fn a_working_file_is_read_back_as_what_was_spilled_and_as_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Existing::Refuse).unwrap();
    let sha256 = store.spill(|_| "frames/a".into(), &Note("abc")).unwrap();
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(crate::hex::encode(&sha256), expected);
    // More than is read at a time.
    let long: &str = "abcdefgh".repeat(20_000).leak();
    let sha256 = store.spill(|_| "frames/a".into(), &Note(long)).unwrap();
    let values = store.read_spilled("frames/a", &sha256, 40_000).unwrap();
    let expected = [*b"abcd", *b"efgh"].map(f32::from_le_bytes);
    assert_eq!(values, expected.repeat(20_000));
    let refused = |name: &str, count| match store.read_spilled(name, &sha256, count) {
        Err(StoreError::Read { path, source }) if path == store.work().join(name) => source.kind(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("frames/b", 40_000), io::ErrorKind::NotFound);
    // What a file of another machine may say takes no memory.
    for count in [0, 39_999, 40_001, 1 << 40, usize::MAX / 2] {
        assert_eq!(refused("frames/a", count), io::ErrorKind::InvalidData);
    }
    let longer: &str = format!("{long}x").leak();
    store.spill(|_| "frames/a".into(), &Note(longer)).unwrap();
    assert_eq!(refused("frames/a", 40_000), io::ErrorKind::InvalidData);
    let other: &str = "abcdefgi".repeat(20_000).leak();
    store.spill(|_| "frames/a".into(), &Note(other)).unwrap();
    assert_eq!(refused("frames/a", 40_000), io::ErrorKind::InvalidData);
    store.clear_work().unwrap();
    assert!(!store.work().exists());
}

#[test]
fn what_was_being_written_is_removed_and_working_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join(WORK);
    for file in [
        "partial~tiles~a",
        "partial~tiles~xyz/1.png",
        "frames/a",
        "b",
    ] {
        fill(&work.join(file));
    }
    fill(&folder.path().join(LOCK));
    let store = Store::open(folder.path(), Existing::Keep).unwrap();
    let mut left = entries(&store.work()).unwrap();
    left.sort();
    assert_eq!(left, ["b", "frames"]);
}

#[test]
fn a_folder_that_is_replaced_keeps_nothing_but_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    for file in [LOCK, "audit/entries.jsonl", "tiles/a", "summary.json"] {
        fill(&folder.path().join(file));
    }
    let store = Store::open(folder.path(), Existing::Keep).unwrap();
    store.clear_work().unwrap();
    let [mut others, log] = store.to_clear().unwrap();
    others.sort();
    assert_eq!(others, ["summary.json", "tiles"]);
    assert_eq!(log, ["audit"], "last");
    drop(store);
    let store = Store::open(folder.path(), Existing::Replace).unwrap();
    store.clear_work().unwrap();
    assert_eq!(entries(folder.path()).unwrap(), [LOCK]);
    drop(store);
    Store::open(folder.path(), Existing::Keep).expect("nobody holds it any more");
}

#[test]
fn a_file_that_only_grows_has_all_that_was_appended() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Existing::Refuse).unwrap();
    let mut log = store.append("audit/log").unwrap();
    log.append(b"one\n").unwrap();
    log.append(b"two\n").unwrap();
    assert_eq!(log.read().unwrap(), b"one\ntwo\n");
    // Half of the second line goes, and what comes next follows the first.
    log.truncate(4).unwrap();
    log.append(b"three\n").unwrap();
    log.sync().unwrap();
    assert_eq!(
        fs::read(folder.path().join("audit/log")).unwrap(),
        b"one\nthree\n"
    );
}

/// A million times `a`: FIPS 180-2, example B.3.
#[test]
fn a_file_longer_than_a_piece_is_hashed_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    write_secret(&path, &vec![b'a'; 1_000_000]).unwrap();
    let (sha256, len) = hash_file(&path).unwrap();
    let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    assert_eq!(
        (crate::hex::encode(&sha256).as_str(), len),
        (expected, 1_000_000)
    );
    assert!(hash_file(&folder.path().join("b")).is_err());
}

#[cfg(unix)]
#[test]
fn what_is_private_is_read_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Existing::Refuse).unwrap();
    let staged = store.stage("private/list", &Note("abc")).unwrap();
    let receipt = staged.commit().unwrap();
    assert_eq!((receipt.path.as_str(), receipt.bytes), ("private/list", 3));
    let found = fs::metadata(folder.path().join("private/list")).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
}

/// Another folder, which a name below the output folder would lead to.
#[cfg(unix)]
#[test]
fn nothing_is_written_behind_a_link() {
    use std::os::unix::fs::symlink;
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path(), Existing::Refuse).unwrap();
    symlink(elsewhere.path(), folder.path().join("tiles")).unwrap();
    symlink(elsewhere.path(), folder.path().join("audit")).unwrap();
    let is_link = |error: &StoreError, name: &str| {
        let expected = folder.path().join(name);
        matches!(error, StoreError::Link { path } if *path == expected)
    };
    for path in ["tiles/a", "tiles/b/c"] {
        let refused = store.stage(path, &Note("abc")).unwrap_err();
        assert!(is_link(&refused, "tiles"), "{refused}");
    }
    let refused = store.append("audit/log").unwrap_err();
    assert!(is_link(&refused, "audit"), "{refused}");
    drop(store);
    let refused = Store::open(folder.path(), Existing::Keep).unwrap_err();
    assert!(is_link(&refused, "audit"), "{refused}");
    assert_eq!(entries(elsewhere.path()).unwrap().len(), 0);
}
