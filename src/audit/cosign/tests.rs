//! Cosignatures by C2SP's words, and files that pass for some.

use super::super::example::{Finished, signer};
use super::*;
use crate::audit::keygen;

/// A finished run, the reviewer who cosigned it at 9, and the names of both files.
fn cosigned() -> (Finished, Signer, [String; 2]) {
    let (finished, jo) = (Finished::new(), signer("jo"));
    let made = cosign(finished.dir(), &jo, 9, &VerifyOptions::default()).unwrap();
    let id = made.key.split('+').nth(1).unwrap();
    let entries = finished.entries().len();
    let names = [
        format!("audit/cosigs/{id}.vkey"),
        format!("audit/cosigs/{id}-{entries}.checkpoint"),
    ];
    (finished, jo, names)
}

/// C2SP tlog-cosignature: Ed25519 over "cosignature/v1", "time" and the checkpoint's text; the signature line holds the key's ID, the time in 8
/// bytes, most significant first, and 64 bytes.
#[test]
fn a_cosignature_is_what_c2sp_says() {
    let (finished, jo, [key, checkpoint]) = cosigned();
    let own = finished.text(layout::CHECKPOINT);
    let signed = finished.text(&checkpoint);
    let line = signed.strip_prefix(&own).unwrap();
    let line = line.strip_prefix("\u{2014} jo ").unwrap();
    let bytes = BASE64_STANDARD.decode(line.trim_end()).unwrap();
    assert_eq!(
        (bytes.len(), &bytes[4..12]),
        (4 + 8 + 64, &[0, 0, 0, 0, 0, 0, 0, 9][..])
    );
    let text = own.split_inclusive("\n\n").next().unwrap();
    let text = text.strip_suffix('\n').unwrap();
    let message = format!("cosignature/v1\ntime 9\n{text}");
    let public = jo.verifier().splitn(3, '+').nth(2).unwrap();
    let public = BASE64_STANDARD.decode(public).unwrap();
    let public = VerifyingKey::from_bytes(public[1..].try_into().unwrap()).unwrap();
    let signature = Ed25519::from_slice(&bytes[12..]).unwrap();
    public.verify(message.as_bytes(), &signature).unwrap();
    let key = finished.text(&key);
    let name = key.trim_end().split('+').next();
    assert_eq!(name, Some("jo"));
}

#[test]
fn who_cosigned_is_told_and_who_is_asked_for_must_have() {
    let (finished, jo, _) = cosigned();
    let asked = |key: &str| {
        let options = VerifyOptions {
            cosigners: vec![key.to_owned()],
            ..VerifyOptions::default()
        };
        verify(finished.dir(), &options)
    };
    let found = asked(jo.verifier()).unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
    let told = &found.cosignatures[0];
    let entries = finished.entries().len() as u64;
    assert_eq!((&*told.name, told.at, told.size), ("jo", 9, entries));
    let kim = asked(signer("kim").verifier()).unwrap();
    assert_eq!(kim.problems, ["kim has not cosigned the finished run"]);
    assert!(matches!(asked("kim"), Err(AuditError::Key { .. })));
    let early = cosign(finished.dir(), &jo, -1, &VerifyOptions::default());
    assert!(matches!(early, Err(AuditError::Key { .. })));
}

#[test]
fn what_does_not_verify_is_not_cosigned() {
    let finished = Finished::new();
    finished.remove("tiles/temperature.tif");
    let refused = cosign(finished.dir(), &signer("jo"), 9, &VerifyOptions::default());
    assert!(matches!(refused, Err(AuditError::Unverified { .. })));
    assert!(!finished.path(layout::COSIGNATURES).exists());
}

/// Problems after `change` was made to the two files of a cosignature.
fn changed(change: impl Fn(&Finished, [&str; 2])) -> Vec<String> {
    let (finished, _, [key, checkpoint]) = cosigned();
    change(&finished, [&key, &checkpoint]);
    finished.problems()
}

#[test]
fn a_changed_moved_or_foreign_file_among_cosignatures_is_found() {
    let only = |problems: Vec<String>, words: &str| {
        assert!(
            problems.iter().any(|problem| problem.contains(words)),
            "{problems:?}"
        );
    };
    only(
        changed(|run, [key, _]| {
            // The same key, and something nobody signed.
            let more = [&run.bytes(key)[..], b"\n"].concat();
            run.replace(key, &more);
        }),
        "is not the key that its name says",
    );
    only(
        changed(|run, [key, _]| run.replace("audit/cosigs/0000000a.vkey", &run.bytes(key))),
        "is not the key that its name says",
    );
    only(
        changed(|run, [_, signed]| run.replace(signed, &run.bytes(layout::CHECKPOINT))),
        "does not bear one signature of the log and one of the reviewer",
    );
    only(
        changed(|run, [_, signed]| {
            // A line of somebody else, which nobody could check.
            let somebody = format!("\u{2014} eve {}\n", BASE64_STANDARD.encode([7; 76]));
            let more = [run.bytes(signed), somebody.into_bytes()].concat();
            run.replace(signed, &more);
        }),
        "does not bear one signature of the log and one of the reviewer",
    );
    only(
        changed(|run, [_, signed]| {
            let moved = signed.replace(".checkpoint", "0.checkpoint");
            run.replace(&moved, &run.bytes(signed));
        }),
        "its name is that of another key or checkpoint",
    );
    only(
        changed(|run, [key, signed]| {
            // Under a name of the same key in another spelling.
            let upper = |path: &str| path.replace("cosigs/", "cosigs/0");
            run.replace(&upper(key), &run.bytes(key));
            run.replace(&upper(signed), &run.bytes(signed));
        }),
        "its name is that of another key or checkpoint",
    );
    only(
        changed(|run, _| run.replace("audit/cosigs/note", b"")),
        "neither a key nor a cosigned checkpoint",
    );
    only(
        changed(|run, [_, signed]| {
            let text = run.text(signed);
            run.replace(signed, text.replacen("log", "dog", 1).as_bytes());
        }),
        "cosigs",
    );
    only(
        changed(|run, [_, signed]| {
            let text = run.text(signed);
            let (head, line) = text.rsplit_once(' ').unwrap();
            let mut bytes = BASE64_STANDARD.decode(line.trim_end()).unwrap();
            bytes[20] ^= 1;
            let forged = format!("{head} {}\n", BASE64_STANDARD.encode(bytes));
            run.replace(signed, forged.as_bytes());
        }),
        "cosigs",
    );
}

/// A log of the same key under another name, which the reviewer cosigned as well.
#[test]
fn a_checkpoint_of_another_origin_is_not_of_this_log() {
    let (finished, jo, [_, signed]) = cosigned();
    let own = finished.bytes(layout::CHECKPOINT);
    let note = Note::from_bytes(&own).unwrap();
    let text = String::from_utf8(note.text().to_vec()).unwrap();
    let text = text.replacen("log\n", "other\n", 1);
    let cosigner = Cosigner::parse(jo.verifier()).unwrap();
    let line = |name: &str, id: u32, bytes: Vec<u8>| {
        let line = signed_note::Signature::new(name.to_owned(), id, bytes).unwrap();
        line.to_bytes()
    };
    let log = StandardVerifier::new(finished.log.verifier()).unwrap();
    let by_log = finished.log.sign_bytes(text.as_bytes()).unwrap();
    let by_jo = jo.sign_bytes(&message(9, text.as_bytes())).unwrap();
    let by_jo = [&9u64.to_be_bytes()[..], &by_jo].concat();
    let forged = [
        text.as_bytes(),
        b"\n",
        &line("log", log.key_id(), by_log.clone()),
        &line("jo", cosigner.key_id(), by_jo),
    ];
    finished.replace(&signed, &forged.concat());
    let problems = finished.problems();
    let expected = "its name is that of another key or checkpoint";
    assert!(
        problems.iter().any(|problem| problem.contains(expected)),
        "{problems:?}"
    );
}

/// The example of C2SP tlog-cosignature has no key; its signature still tells time and lengths.
#[test]
fn a_timestamped_signature_is_read_as_c2sp_writes_it() {
    let line = "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==";
    let bytes = BASE64_STANDARD.decode(line).unwrap();
    let (at, _) = timed(&bytes[4..]).unwrap();
    assert_eq!(at, 1_679_315_147);
    assert!(timed(&bytes[5..]).is_none());
    let late = [&[0x80], &bytes[5..]].concat();
    assert!(timed(&late).is_none(), "beyond 2^63 - 1");
}

#[test]
fn an_ordinary_key_and_its_cosigner_are_the_same_reviewer() {
    let pair = keygen("jo.reviewer").unwrap();
    let cosigner = Cosigner::parse(&pair.verifier).unwrap();
    assert_ne!(cosigner.verifier(), pair.verifier);
    assert_eq!(Cosigner::parse(&cosigner.verifier()), Some(cosigner));
    for text in ["", "a+b", "jo+00000000+AAAA", &pair.verifier[1..]] {
        assert_eq!(Cosigner::parse(text), None);
    }
}
