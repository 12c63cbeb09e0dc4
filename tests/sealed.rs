//! Inputs that lie there sealed: the run is the same, nothing is unsealed on a disk, and the key is the deletion.

#![cfg(feature = "cli")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use heatveil::audit::{Entry, RawDeleted, Signer, VerifyOptions, verify};
use heatveil::retention::{Purge, RetentionError, due, purge};
use heatveil::run::Silent;
use heatveil::seal::IntakeKey;
use heatveil::store::Artifact;

use crate::common::{self, dji_frames, files, write, write_keys};

const AT: i64 = 1_768_516_200;
const DAY: i64 = 86_400;

/// Three frames of the fixture as they are in `plain` and sealed in `sealed`, and the key.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        write_keys(bench.0.path());
        let key = IntakeKey::create(&bench.path("key")).unwrap();
        for (name, bytes) in dji_frames().into_iter().take(3) {
            write(&bench.path("plain").join(&name), &bytes);
            let sealed = key.public().seal(&bytes).unwrap();
            write(&bench.sealed(&name), &sealed.bytes());
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn sealed(&self, name: &str) -> PathBuf {
        self.path("sealed").join(format!("{name}.age"))
    }

    /// Runs over a folder; with the key where it has a name.
    fn run(&self, input: &str, out: &str, key: &str) -> Vec<Entry> {
        let key = match key {
            "" => String::new(),
            name => format!("intake-key = '{}'", self.path(name).display()),
        };
        let settings = format!(
            "[survey]\n{key}\n[survey.retention]\nraw-days = 1\n[detect.carry]\nenabled = false"
        );
        common::run(self.0.path(), input, out, &settings)
            .execute(&mut Silent)
            .unwrap();
        assert_eq!(self.verify(out), Vec::<String>::new());
        heatveil::audit::read(&self.path(out)).unwrap()
    }

    /// Whether a key's file says that it was destroyed, and holds no secret.
    fn is_destroyed(&self, key: &str) -> bool {
        let left = fs::read_to_string(self.path(key)).unwrap();
        !left.contains("SECRET") && left.starts_with("# destroyed by heatveil purge: age1")
    }

    fn verify(&self, out: &str) -> Vec<String> {
        let options = VerifyOptions::default();
        verify(&self.path(out), &options).unwrap().problems
    }

    fn purge(&self, out: &str, key: Option<&str>) -> Result<Vec<RawDeleted>, RetentionError> {
        purge(&Purge {
            folder: &self.path(out),
            now: AT + DAY,
            log: &Signer::load(&self.path("log.key")).unwrap(),
            commitment_key: Some(&self.path("commitment.key")),
            intake_key: key.map(|name| self.path(name)).as_deref(),
            folders_are_gone: false,
        })
    }
}

/// Frame and reason of each that was rejected.
fn rejected(entries: &[Entry]) -> Vec<(u32, &str)> {
    let rejected = entries.iter().filter_map(|entry| match entry {
        Entry::Rejected(entry) => Some((entry.frame, entry.reason.as_str())),
        _ => None,
    });
    rejected.collect()
}

#[test]
fn a_run_over_sealed_inputs_is_the_same_run() {
    let bench = Bench::new();
    let mut plain = bench.run("plain", "a", "");
    let sealed = bench.run("sealed", "b", "key");
    let public = IntakeKey::load(&bench.path("key")).unwrap().public();
    for entry in &mut plain {
        match entry {
            Entry::RunOpened(opened) => opened.intake_key = Some(public.to_string()),
            Entry::Ingested(ingested) => ingested.sealed = true,
            _ => {}
        }
    }
    // Commitments and manifest among them: they are over the bytes before sealing.
    assert_eq!(plain, sealed);
    let [a, b] = ["a", "b"].map(|out| files(&bench.path(out).join("tiles")));
    assert!(a == b && !a.is_empty());
    // What came out of the seal lies nowhere: a piece of each camera file is looked for in every file of the run.
    let pieces: Vec<Vec<u8>> = dji_frames()
        .iter()
        .map(|(_, bytes)| bytes[bytes.len() / 2..][..64].to_vec())
        .collect();
    for (path, bytes) in files(&bench.path("b")) {
        let found = bytes
            .windows(64)
            .any(|window| pieces.iter().any(|piece| piece == window));
        assert!(!found, "{}", path.display());
    }
}

#[test]
fn what_is_not_opened_is_rejected_and_named() {
    let bench = Bench::new();
    IntakeKey::create(&bench.path("other")).unwrap();
    for (out, key) in [("no-key", ""), ("other-key", "other")] {
        let entries = bench.run("sealed", out, key);
        let expected = [(0, "sealed"), (1, "sealed"), (2, "sealed")];
        assert_eq!(rejected(&entries), expected, "{out}");
    }
    let names: Vec<String> = dji_frames().into_iter().map(|(name, _)| name).collect();
    let cut = bench.sealed(&names[1]);
    let bytes = fs::read(&cut).unwrap();
    write(&cut, &bytes[..bytes.len() - 1]);
    let entries = bench.run("sealed", "cut", "key");
    assert_eq!(rejected(&entries), [(1, "sealed")]);
    let list = fs::read_to_string(bench.path("cut/private/frames.jsonl")).unwrap();
    let line = list.lines().nth(1).unwrap();
    assert!(
        line.contains(&names[1]) && line.contains("cut or changed"),
        "{line}"
    );
    // File names stay out of the log.
    let log = fs::read_to_string(bench.path("cut/audit/entries.jsonl")).unwrap();
    assert!(!log.contains(&names[1]));
}

#[test]
fn destroying_the_key_is_the_deletion_of_every_copy() {
    let bench = Bench::new();
    bench.run("sealed", "out", "key");
    let names: Vec<String> = dji_frames().into_iter().map(|(name, _)| name).collect();
    let public = IntakeKey::load(&bench.path("key")).unwrap().public();
    // A copy elsewhere, and one input that is elsewhere alone.
    let copy = fs::read(bench.sealed(&names[0])).unwrap();
    write(&bench.path("backup"), &copy);
    let lent = fs::read(bench.sealed(&names[2])).unwrap();
    remove(&bench.sealed(&names[2]));

    IntakeKey::create(&bench.path("other")).unwrap();
    let refused = bench.purge("out", Some("other")).unwrap_err();
    assert!(
        matches!(refused, RetentionError::OtherIntakeKey { .. }),
        "{refused}"
    );
    assert!(bench.path("other").exists() && bench.sealed(&names[0]).exists());

    let done = bench.purge("out", Some("key")).unwrap();
    assert_eq!(done.len(), 1);
    let raw = &done[0];
    assert_eq!((raw.files, raw.missing, raw.left, raw.other), (2, 1, 0, 0));
    assert_eq!(raw.frames, [[0, 2]]);
    assert_eq!(raw.destroyed_key, Some(public.to_string()));
    assert!(bench.is_destroyed("key") && !bench.sealed(&names[0]).exists());
    assert_eq!(bench.verify("out"), Vec::<String>::new());

    // What comes back is of no use to anybody, and no reason to delete again once it was told of.
    write(&bench.sealed(&names[2]), &lent);
    let done = bench.purge("out", None).unwrap();
    assert_eq!((done[0].left, done[0].other), (0, 1));
    let dates = due(&bench.path("out"), AT + DAY).unwrap();
    assert!(dates.iter().all(|date| !date.is_due), "{dates:?}");
    assert_eq!(bench.verify("out"), Vec::<String>::new());
}

/// As if it was killed between the key and the log; and as if another run had the same inputs.
#[test]
fn a_purge_that_finds_its_key_destroyed_already_says_so_in_its_own_log() {
    let bench = Bench::new();
    let entries = bench.run("sealed", "out", "key");
    bench.run("sealed", "again", "key");
    let public = IntakeKey::load(&bench.path("key")).unwrap().public();
    let done = bench.purge("out", Some("key")).unwrap();
    assert_eq!((done[0].files, done[0].missing), (3, 0));
    let names: Vec<String> = dji_frames().into_iter().map(|(name, _)| name).collect();
    // A file that could not be deleted: nobody can read it any more.
    write(&bench.sealed(&names[0]), &entries[0].to_line().unwrap());
    let done = bench.purge("again", Some("key")).unwrap();
    let raw = &done[0];
    assert_eq!((raw.files, raw.missing, raw.left, raw.other), (0, 2, 0, 1));
    assert_eq!(raw.destroyed_key, Some(public.to_string()));
    assert_eq!(raw.frames, [[0, 2]]);
    assert_eq!(bench.verify("again"), Vec::<String>::new());
    let refused = IntakeKey::load(&bench.path("key")).unwrap_err();
    assert!(refused.to_string().contains("was destroyed"), "{refused}");
}

/// A plain copy beside the sealed one is the same input twice, and no key deletes it.
#[test]
fn destroying_the_key_says_nothing_of_a_plain_copy() {
    let bench = Bench::new();
    let names: Vec<String> = dji_frames().into_iter().map(|(name, _)| name).collect();
    for name in &names[..3] {
        let sealed = fs::read(bench.sealed(name)).unwrap();
        write(&bench.path("both/a").join(format!("{name}.age")), &sealed);
        let plain = fs::read(bench.path("plain").join(name)).unwrap();
        write(&bench.path("both/b").join(name), &plain);
    }
    bench.run("both", "out", "key");
    // The card with the plain ones is not in.
    let (card, elsewhere) = (bench.path("both/b"), bench.path("elsewhere"));
    rename(&card, &elsewhere);
    let refused = bench.purge("out", Some("key")).unwrap_err();
    assert!(
        matches!(refused, RetentionError::FolderGone { .. }),
        "{refused}"
    );
    assert!(!bench.is_destroyed("key"));
    // It is, and one of them has a second name: that one is left.
    rename(&elsewhere, &card);
    fs::hard_link(card.join(&names[1]), bench.path("second")).unwrap();
    let done = bench.purge("out", Some("key")).unwrap();
    assert_eq!((done[0].files, done[0].left, done[0].other), (5, 1, 0));
    assert_eq!(done[0].frames, [[0, 3], [5, 5]]);
    assert!(bench.is_destroyed("key"));
    assert_eq!(bench.verify("out"), Vec::<String>::new());
}

#[test]
fn a_key_that_was_not_destroyed_can_be_later() {
    let bench = Bench::new();
    bench.run("sealed", "out", "key");
    let done = bench.purge("out", None).unwrap();
    // Without the key nobody can tell that these are the inputs.
    assert_eq!((done[0].files, done[0].left), (0, 3));
    let done = bench.purge("out", Some("key")).unwrap();
    assert_eq!((done[0].files, done[0].left), (3, 0));
    assert!(bench.is_destroyed("key"));
    assert_eq!(bench.verify("out"), Vec::<String>::new());
}

/// Where Debian's `age` is installed (`.ci/setup test` does): what the program seals it opens, and the other way round.
#[test]
fn the_stock_program_opens_what_heatveil_seals_and_the_other_way_round() {
    let bench = Bench::new();
    let heatveil = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heatveil"));
        let output = command.args(args).current_dir(bench.0.path()).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let (code, said) = heatveil(&["seal", "plain", "--out", "again", "--key", "new.key"]);
    assert_eq!(code, Some(0), "{said}");
    let names: Vec<String> = dji_frames().into_iter().map(|(name, _)| name).collect();
    let sealed = bench.path("again").join(format!("{}.age", names[0]));
    assert!(bench.path("plain").join(&names[0]).exists());
    // Stopped half way, it goes on, and leaves alone what is there.
    let whole = files(&bench.path("again"));
    remove(&bench.path("again").join(&whole[1].0));
    let (code, said) = heatveil(&["seal", "plain", "--out", "again", "--key", "new.key"]);
    assert_eq!(code, Some(0), "{said}");
    let now = files(&bench.path("again"));
    assert!(now[0] == whole[0] && now[1].0 == whole[1].0 && now[2] == whole[2]);
    // Not over what is another file, nor where nobody can tell, nor what is sealed already.
    let kept = fs::read(&sealed).unwrap();
    write(&sealed, b"something else");
    let (code, said) = heatveil(&["seal", "plain", "--out", "again", "--key", "new.key"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("is not this input"), "{said}");
    write(&sealed, &kept);
    let public = IntakeKey::load(&bench.path("new.key")).unwrap().public();
    let recipient = public.to_string();
    let (code, said) = heatveil(&["seal", "plain", "--out", "again", "--recipient", &recipient]);
    assert_eq!(code, Some(1), "{said}");
    let (code, said) = heatveil(&["seal", "again", "--out", "twice", "--key", "new.key"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("is sealed already"), "{said}");

    let age = |args: &[&str]| {
        let mut command = Command::new("age");
        command.args(args).current_dir(bench.0.path()).output()
    };
    if age(&["--version"]).is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI must have age");
        #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
        {
            eprintln!("SKIPPED: `age` is not installed; `.ci/setup test` does");
        }
        return;
    }
    let opened = age(&["-d", "-i", "new.key", sealed.to_str().unwrap()]).unwrap();
    assert!(opened.stdout == fs::read(bench.path("plain").join(&names[0])).unwrap());
    let by_age = bench.path("by-age").join(format!("{}.age", names[1]));
    write(&by_age, b"");
    let plain = bench.path("plain").join(&names[1]);
    let made = age(&[
        "-r",
        &recipient,
        "-o",
        by_age.to_str().unwrap(),
        plain.to_str().unwrap(),
    ]);
    assert!(made.unwrap().status.success());
    let entries = bench.run("by-age", "run-by-age", "new.key");
    assert_eq!(rejected(&entries), []);
}

#[expect(clippy::disallowed_methods, reason = "tests prepare their own inputs")]
fn rename(from: &std::path::Path, to: &std::path::Path) {
    fs::rename(from, to).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "tests prepare their own inputs")]
fn remove(path: &std::path::Path) {
    fs::remove_file(path).unwrap();
}
