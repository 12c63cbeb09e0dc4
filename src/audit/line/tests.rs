//! Which lines are entries.

use super::super::entry::{Ingested, NotPublished, RunClosed};
use super::*;

/// The entries that the page shows: each kind once at least.
fn page() -> impl Iterator<Item = &'static str> {
    let page = include_str!("../../../docs/audit-log.md");
    page.lines().filter(|line| line.starts_with('{'))
}

/// The first of them with these words.
fn on_page(words: &str) -> &'static str {
    page().find(|line| line.contains(words)).unwrap()
}

/// Lines with a small change are read only where they are what would be written.
#[test]
fn what_is_read_is_what_would_be_written() {
    let mut read = 0;
    for line in page() {
        assert!(Entry::from_line(line.as_bytes()).is_some(), "{line}");
        let inserts = [
            r#""skips":false,"#,
            r#""skips":true,"#,
            r#""model":null,"#,
            r#""source":null,"#,
            r#""poses":"","#,
            r#""ground":"","#,
            " ",
            "0",
            "-",
            "9",
            ".0",
            "\\u0041",
            "e",
        ];
        for at in (0..=line.len()).filter(|at| line.is_char_boundary(*at)) {
            for insert in inserts {
                let mut changed = line.to_owned();
                changed.insert_str(at, insert);
                if let Some(entry) = Entry::from_line(changed.as_bytes()) {
                    let written = entry.to_line().unwrap();
                    assert_eq!(String::from_utf8(written).unwrap(), changed);
                    read += 1;
                }
            }
        }
    }
    assert!(read > 100, "changes inside texts and numbers are entries");
}

#[test]
fn a_line_is_sorted_and_comes_back() {
    let entry = Entry::RunClosed(RunClosed {
        at: 5,
        total: 3,
        published: 1,
        withheld: 1,
        rejected: 1,
    });
    let line = entry.to_line().unwrap();
    let text = r#"{"at":5,"published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#;
    assert_eq!(String::from_utf8(line.clone()).unwrap(), text);
    assert_eq!(Entry::from_line(&line), Some(entry));
}

#[test]
fn other_order_blanks_floats_and_unknown_keys_are_refused() {
    for text in [
        r#"{"type":"run.closed","at":5,"published":1,"rejected":1,"total":3,"withheld":1}"#,
        r#"{"at":5, "published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#,
        r#"{"at":5.0,"published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#,
        r#"{"at":5,"extra":1,"published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#,
        r#"{"at":5,"type":"run.unknown"}"#,
    ] {
        assert_eq!(Entry::from_line(text.as_bytes()), None, "{text}");
    }
}

/// An entry bundle holds lengths of 16 bits.
#[test]
fn a_line_that_no_bundle_can_hold_is_neither_written_nor_read() {
    let line = |length: usize| {
        let (head, tail) = (
            r#"{"detail":""#,
            r#"","frame":0,"reason":"","type":"frame.withheld"}"#,
        );
        let detail = "x".repeat(length - head.len() - tail.len());
        let entry = Entry::Withheld(NotPublished {
            frame: 0,
            reason: String::new(),
            detail: detail.clone(),
            reviewed: None,
        });
        (entry, format!("{head}{detail}{tail}").into_bytes())
    };
    let (entry, longest) = line(65_535);
    assert_eq!(entry.to_line().unwrap(), longest);
    assert_eq!(Entry::from_line(&longest), Some(entry));
    for length in [65_536, 70_000] {
        let (entry, longer) = line(length);
        assert!(matches!(entry.to_line(), Err(AuditError::TooLong { bytes }) if bytes == length));
        assert_eq!(Entry::from_line(&longer), None);
    }
}

#[test]
fn every_digest_has_its_one_spelling() {
    let mut digests = 0;
    for line in page() {
        assert!(Entry::from_line(line.as_bytes()).is_some(), "{line}");
        for (at, _) in line.match_indices(":\"") {
            let Some(digest) = line.get(at + 2..at + 66) else {
                continue;
            };
            if digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let mut changed = line.to_owned();
                changed.replace_range(at + 2..at + 66, &digest.to_uppercase());
                assert_eq!(Entry::from_line(changed.as_bytes()), None, "{changed}");
                digests += 1;
            }
        }
    }
    // By `grep ^{ docs/audit-log.md | grep -oE '":"[0-9a-f]{64}"' | wc -l`.
    assert!(digests >= 17, "{digests}");
}

/// The letters of bech32 are all digits and small letters but 1, b, i and o; a key of age has 58 of them.
#[test]
fn an_intake_key_is_a_public_key_of_age() {
    const KEY: &str = "age1whnf7dynzfhlc4ykc7ju2djenug5rtmu5sgy66uv0enju2cmag4sx82y3y";
    for line in [on_page("run.opened"), on_page("raw.deleted")] {
        let other = |key: &str| line.replace(KEY, key);
        assert!(Entry::from_line(other(&KEY.replace("wh", "qp")).as_bytes()).is_some());
        for wrong in [
            KEY.to_uppercase(),
            KEY.replace("wh", "w"),
            KEY.replace("wh", "whh"),
            KEY.replace("wh", "wb"),
            KEY.replace("age1", "age2"),
            KEY.replace("age1", ""),
            String::new(),
        ] {
            assert_eq!(Entry::from_line(other(&wrong).as_bytes()), None, "{wrong}");
        }
    }
}

#[test]
fn an_entry_holds_2000_ranges_of_frames_and_no_more() {
    for kind in ["tile.emitted", "buildings.emitted", "flight.placed"] {
        for (count, is_read) in [(2000, true), (2001, false)] {
            let ranges: Vec<_> = (0..count).map(|at| [2 * at, 2 * at]).collect();
            let ranges = serde_json::to_string(&ranges).unwrap();
            let line = on_page(kind).replace("[[0,0]]", &ranges);
            assert_eq!(
                Entry::from_line(line.as_bytes()).is_some(),
                is_read,
                "{kind}"
            );
        }
    }
}

#[test]
fn what_no_run_could_mean_is_refused_in_each_kind_of_entry() {
    let masked = on_page(r#""masked_pixels":768"#);
    let pixels =
        |all: u32| masked.replace(r#""policies""#, &format!(r#""pixels":{all},"policies""#));
    for (line, is_read) in [
        (pixels(769), true),
        (pixels(768), true),
        (pixels(767), false),
        (
            on_page(r#""reviewed":{"decision""#).replace("approve", "reject"),
            false,
        ),
        (
            on_page("raw.deleted").replace("[[0,2]]", "[[0,0],[2,2]]"),
            true,
        ),
        (on_page("raw.deleted").replace("[[0,2]]", "[[2,0]]"), false),
        (
            on_page("raw.deleted").replace(r#""raw""#, r#""rest""#),
            false,
        ),
        (
            on_page("flight.placed").replace("[[0,0]]", "[[1,0]]"),
            false,
        ),
        (
            on_page("buildings.emitted").replace("[[0,0]]", "[[1,0]]"),
            false,
        ),
        (
            on_page("review.decided").replace("approve", "forget"),
            false,
        ),
    ] {
        assert_eq!(
            Entry::from_line(line.as_bytes()).is_some(),
            is_read,
            "{line}"
        );
    }
}

#[test]
fn digests_boxes_scores_and_ranges_that_mean_nothing_are_refused() {
    let digest = "0a".repeat(32);
    let ingested = |commitment: &str| {
        format!(
            r#"{{"bytes":1,"camera":"","commitment":"{commitment}","format":"","frame":0,"type":"frame.ingested"}}"#
        )
    };
    let found = |bbox: &str, score: u32| {
        format!(
            r#"{{"found":[{{"box":{bbox},"class":"person","score":{score},"sure":true}}],"frame":0,"line":"model","model":"m","round":0,"type":"frame.detected"}}"#
        )
    };
    let tile = |ranges: &str| {
        format!(
            r#"{{"bytes":1,"path":"tiles/a","sha256":"{digest}","source_frames":{ranges},"type":"tile.emitted"}}"#
        )
    };
    // As docs/audit-log.md shows it, with other frames in a line's weather.
    let example = on_page("heatloss.parameters");
    let lines = |frames: &str| example.replace("[[40,79]]", frames);
    let no_lines = {
        let (start, end) = (example.find("[{").unwrap(), example.find("}]").unwrap() + 2);
        format!("{}[]{}", &example[..start], &example[end..])
    };
    let good = [
        lines("[[40,79],[90,99]]"),
        ingested(&digest),
        found("[1,2,3,4]", 1000),
        tile("[[0,0],[2,4]]"),
    ];
    let bad = [
        lines("[[79,40]]"),
        lines("[[90,99],[40,79]]"),
        no_lines,
        ingested(&digest.to_uppercase()),
        ingested("0a"),
        found("[3,2,1,4]", 1),
        found("[1,2,3,4]", 1001),
        tile("[[1,0]]"),
        tile("[[0,2],[2,3]]"),
        tile("[[4,5],[0,1]]"),
    ];
    for line in good {
        assert!(Entry::from_line(line.as_bytes()).is_some(), "{line}");
    }
    for line in bad {
        assert!(Entry::from_line(line.as_bytes()).is_none(), "{line}");
    }
}

#[test]
fn a_length_that_javascript_would_round_is_refused() {
    let entry = |bytes| {
        Entry::Ingested(Ingested {
            frame: 0,
            commitment: "00".repeat(32),
            format: String::new(),
            camera: String::new(),
            bytes,
            sealed: false,
        })
    };
    assert!(entry(canonical::LARGEST).to_line().is_ok());
    assert!(entry(canonical::LARGEST + 1).to_line().is_err());
}
