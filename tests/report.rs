//! The evidence pack: nothing planted in inputs or settings comes through, the pages are sound, and the commands they print work.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use heatveil::audit::{
    AuditError, Entry, RawDeleted, Release, ReviewDecided, Signer, append_after, append_what,
    keygen, release,
};
use heatveil::detect::{Class, DetectError, Detections, Detector, Envelope, Model, Scripted};
use heatveil::frame::{FrameId, ModelInput};
use heatveil::report::{Page, ReportError, ReportOptions, compose, write as write_pages};
use heatveil::run::Silent;
use heatveil::store::{Artifact, Existing};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use crate::common::{self, dji_frames, find, raw_offsets, write, write_keys};

/// What must come out as text wherever it is shown.
const OPERATOR: &str = "Canary <script>alert('operator')</script> & Sons";
const PURPOSE: &str = "\"><img src=x onerror=alert(1)>";
const REASON: &str = "<b>hedge</b> {{ 7 * 7 }}";
/// A recipient whose name turns what stands behind it round.
const TURNED: &str = "\u{202e}licnuoC\u{2066}";
/// A file name, a folder and a temperature that no page may show.
const FILE: &str = "CANARY-FILE-4711";
const FOLDER: &str = "canary-street-12";

/// A scripted detector under the name and hash of the built-in one, so that its card is looked up.
struct Named {
    inner: Scripted,
    model: Model,
}

impl Detector for Named {
    fn model(&self) -> (&str, [u8; 32]) {
        (self.model.title(), self.model.sha256())
    }

    fn envelope(&self) -> &Envelope {
        self.inner.envelope()
    }

    fn multiple_of(&self) -> usize {
        self.inner.multiple_of()
    }

    fn detect(&self, frame: FrameId, input: &ModelInput) -> Result<Detections, DetectError> {
        self.inner.detect(frame, input)
    }
}

/// A run of nine frames with decisions after it; made once for all tests here, which only read it.
fn finished() -> &'static Path {
    static RUN: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        folder
    });
    folder.path()
}

fn make(folder: &Path) {
    write_keys(folder);
    for (number, (_, mut bytes)) in dji_frames().into_iter().enumerate() {
        // 77.1875 °C under the person: nothing else is that warm.
        let offsets = raw_offsets(&bytes);
        for sample in (200..260).flat_map(|y| (300..340).map(move |x| 2 * (y * 640 + x))) {
            for (offset, byte) in offsets[sample..sample + 2]
                .iter()
                .zip(22_420_u16.to_le_bytes())
            {
                bytes[*offset] = byte;
            }
        }
        let name = format!("{FOLDER}/{FILE}-{number}_T.JPG");
        write(&folder.join(name), &bytes);
    }
    let person = find(Class::Person, [300.0, 200.0, 340.0, 260.0]);
    let inner = Scripted {
        found: (0..9).map(|frame| (FrameId(frame), vec![person])).collect(),
        fails: vec![FrameId(4), FrameId(5), FrameId(7)],
        ..Scripted::default()
    };
    let model = Model::embedded(None).unwrap().remove(0);
    let mut run = common::run(
        folder,
        FOLDER,
        "out",
        "[weather]\nair-celsius = 2\nwind-m-s = 1\n[detect.carry]\nenabled = false",
    );
    run.detectors = vec![Box::new(Named { inner, model })];
    run.config.survey.operator = Some(OPERATOR.into());
    run.config.survey.purpose = Some(PURPOSE.into());
    run.config.survey.recipients = vec!["<i>Council</i>".into(), TURNED.into()];
    run.config.survey.retention.raw_days = Some(0);
    // A year after the frames were taken.
    run.now = 1_800_000_000;
    run.execute(&mut Silent).unwrap();
    decide(folder);
}

/// Two overrides, a release and a deletion.
fn decide(folder: &Path) {
    let out = folder.join("out");
    let log = Signer::load(&folder.join("log.key")).unwrap();
    let people = ["jo.<u>reviewer</u>", "kim"].map(|name| {
        let pair = keygen(name).unwrap();
        Signer::parse(&pair.signer, name).unwrap()
    });
    for (at, frame, decision) in [(1_800_000_100, 4, "approve"), (1_800_000_200, 7, "release")] {
        let open = match decision {
            "release" => vec![[0, 0, 640, 512]],
            _ => vec![],
        };
        append_what(&out, &log, |_, root| {
            let review = ReviewDecided {
                at,
                frame,
                decision: decision.into(),
                reason: REASON.into(),
                hide: vec![],
                open,
                root: root.to_owned(),
                signatures: vec![],
            };
            let signed = review.signed(&people.each_ref())?;
            Ok::<_, AuditError>(vec![Entry::Review(signed)])
        })
        .unwrap();
    }
    let handed_on = Release {
        at: 1_800_000_300,
        recipient: "<i>Council</i>".into(),
        approver: "A. <u>Approver</u>".into(),
    };
    release(&out, &log, &people[1], &handed_on).unwrap();
    let deleted = Entry::Deleted(RawDeleted {
        at: 1_800_000_400,
        category: "raw".into(),
        files: 9,
        bytes: 9,
        frames: vec![[0, 8]],
        missing: 0,
        left: 0,
        other: 0,
        due: 1_800_000_000,
        destroyed_key: None,
    });
    append_after(&out, &log, &[deleted]).unwrap();
}

fn pages(options: &ReportOptions) -> Vec<Page> {
    compose(&finished().join("out"), options).unwrap()
}

fn html(page: &Page) -> String {
    String::from_utf8(page.bytes().into_owned()).unwrap()
}

fn index() -> String {
    html(&pages(&ReportOptions::default())[0])
}

#[test]
fn what_was_planted_is_in_no_page() {
    for page in pages(&ReportOptions::default()) {
        let html = html(&page);
        // File and folder names, the serial number and day of the frames' tags, the temperature under the mask.
        for planted in [
            FILE,
            FOLDER,
            "SIM0000",
            "January 2026",
            "2026-01-15",
            "77.1",
            "77.2",
        ] {
            assert!(!html.contains(planted), "{planted} in {}", page.name);
        }
        // Degrees with four decimals would be a place of 10 m; hashes and the picture hold no such number.
        let (_, body) = html.split_once("</style>").unwrap();
        let exact = body
            .split(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .find(|number| {
                let decimals = number.split_once('.').map(|(_, decimals)| decimals);
                decimals.is_some_and(|decimals| decimals.len() > 3)
            });
        assert_eq!(exact, None, "{}", page.name);
    }
}

#[test]
fn the_picture_shows_the_published_map_and_nothing_else() {
    let html = index();
    let png = html
        .split("base64,")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let png = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, png).unwrap();
    let shown = image::load_from_memory(&png).unwrap().to_rgba8();
    let map = gdal::Dataset::open(finished().join("out/tiles/temperature.tif")).unwrap();
    let band = map.rasterband(1).unwrap();
    let size = (shown.width() as usize, shown.height() as usize);
    let values = band
        .read_as::<f32>((0, 0), band.size(), size, None)
        .unwrap();
    let mut blank = 0;
    for (pixel, value) in shown.pixels().zip(values.data()) {
        assert_eq!(pixel[3] == 0, value.is_nan());
        blank += usize::from(value.is_nan());
    }
    assert!(blank > 0 && blank < values.data().len());
}

#[test]
fn what_people_wrote_is_text_and_never_markup() {
    for page in pages(&ReportOptions::default()) {
        let html = html(&page);
        for markup in [
            "<script",
            "<img src=x",
            "<i>Council",
            "<b>hedge",
            "<u>",
            "onerror=alert(1)>",
        ] {
            assert!(!html.contains(markup), "{markup} in {}", page.name);
        }
        let turns = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
        let turned = |letter: char| turns.iter().any(|turns| turns.contains(&letter));
        assert!(!html.contains(turned), "{}", page.name);
    }
    let texts = text_of(&index());
    for text in [
        OPERATOR,
        PURPOSE,
        REASON,
        "<i>Council</i>",
        "\u{fffd}licnuoC\u{fffd}",
        "jo.<u>reviewer</u> (key ",
    ] {
        assert!(texts.contains(text), "{text}");
    }
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in ["page", "report/templates"] {
        for file in fs::read_dir(templates.join(folder)).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                !text.contains("|safe") && !text.contains("| safe"),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn the_five_questions_are_answered() {
    let text = text_of(&index());
    for answer in [
        // Six of nine frames were published, each with one person.
        "6 finds of a person were hidden",
        "94.6 % of 8,686 people (95 % interval 89.8 to 98.5 %)",
        "person-vehicle-bicycle int8",
        "Yes, by the operator\u{2019}s evidence: the raw files of all 9 frames were deleted by 15 January 2027, 08:06 UTC",
        "1 withheld and not decided",
    ] {
        assert!(text.contains(answer), "{answer}\n{text}");
    }
    // What hides less stands first.
    let both = format!(
        "Frame 7, published with less hidden by jo.<u>reviewer</u> and kim: \u{201c}{REASON}\u{201d}; \
         Frame 4, published with all that was found hidden by jo.<u>reviewer</u> and kim: \u{201c}{REASON}\u{201d}."
    );
    assert!(text.contains(&both), "{text}");
}

#[test]
fn a_report_is_a_draft_until_someone_answers_for_it_and_the_same_each_time() {
    let draft = pages(&ReportOptions::default());
    assert!(draft.iter().all(|page| html(page).contains("Draft.")));
    assert_eq!(draft, pages(&ReportOptions::default()));
    let named = ReportOptions {
        approver: Some("B. <Boss>".into()),
        ..ReportOptions::default()
    };
    for page in pages(&named) {
        assert!(
            !html(&page).to_lowercase().contains("draft."),
            "{}",
            page.name
        );
    }
    assert!(text_of(&html(&pages(&named)[0])).contains("Approver: B. <Boss>."));
}

#[test]
fn a_folder_that_does_not_verify_gets_no_report() {
    let folder = tempfile::tempdir().unwrap();
    for (path, mut bytes) in common::files(&finished().join("out")) {
        if path.ends_with("temperature.qml") {
            bytes.push(b' ');
        }
        write(&folder.path().join(path), &bytes);
    }
    let refused = compose(folder.path(), &ReportOptions::default()).unwrap_err();
    let ReportError::NotVerified { problems, .. } = &refused else {
        unreachable!("{refused}")
    };
    assert_eq!(
        problems,
        &["tiles/temperature.qml is not the file of the log"]
    );
}

#[test]
fn pages_are_written_beside_the_run_and_replaced_only_when_asked_to() {
    let pages = pages(&ReportOptions::default());
    let folder = tempfile::tempdir().unwrap();
    let run = finished().join("out");
    let out = folder.path().join("a/report");
    write_pages(&pages, &run, &out, Existing::Refuse).unwrap();
    assert_eq!(fs::read(out.join("index.html")).unwrap(), *pages[0].bytes());
    assert!(write_pages(&pages, &run, &out, Existing::Refuse).is_err());
    write_pages(&pages, &run, &out, Existing::Replace).unwrap();
    let inside = write_pages(&pages, &run, &run.join("tiles/report"), Existing::Refuse);
    assert!(matches!(inside, Err(ReportError::Out { .. })));
}

#[test]
fn the_commands_that_the_page_prints_check_the_run() {
    let html = index();
    let block = html.split("<pre id=\"commands\"").nth(1).unwrap();
    let block = block
        .split_once('>')
        .unwrap()
        .1
        .split("</pre>")
        .next()
        .unwrap();
    let commands = quick_xml::escape::unescape(block).unwrap().into_owned();
    let check = |folder: &Path| {
        let answer = Command::new("sh")
            .arg("-c")
            .arg(&commands)
            .current_dir(folder)
            .output()
            .unwrap();
        String::from_utf8(answer.stdout).unwrap() + &String::from_utf8(answer.stderr).unwrap()
    };
    let out = finished().join("out");
    let checkpoint = fs::read_to_string(out.join("audit/checkpoint")).unwrap();
    let lines: Vec<_> = checkpoint.lines().collect();
    let good = format!(
        "Signature Verified Successfully\n{} {}\n",
        lines[1], lines[2]
    );
    let told = check(&out);
    assert!(told.starts_with(&good), "{told}");
    for fact in [
        "type='review.decided' frame=4 decision='approve' reason=",
        "type='review.decided' frame=7 decision='release' reason=",
        "type='release.approved' recipient=",
        "type='raw.deleted' category='raw' files=9 left=0",
    ] {
        assert!(told.contains(fact), "{fact}\n{told}");
    }

    let copy = tempfile::tempdir().unwrap();
    for (path, mut bytes) in common::files(&out) {
        match path.to_str().unwrap() {
            "audit/checkpoint" => bytes[0] ^= 1,
            "audit/entries.jsonl" => bytes[20] ^= 1,
            "tiles/temperature.qml" => bytes.push(b' '),
            _ => {}
        }
        write(&copy.path().join(path), &bytes);
    }
    let bad = check(copy.path());
    assert!(bad.contains("Signature Verification Failure"), "{bad}");
    assert!(bad.contains("tiles/temperature.qml: FAILED"), "{bad}");
    assert!(!bad.contains(lines[2]), "{bad}");
}

/// All text of a page, blanks joined.
fn text_of(html: &str) -> String {
    let mut reader = Reader::from_str(html);
    let mut text = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Text(part) => text += &part,
            Event::GeneralRef(part) => {
                let letter = part.resolve_char_ref().unwrap().map(String::from);
                let named = || resolve_predefined_entity(&part).unwrap().to_owned();
                text += &letter.unwrap_or_else(named);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).unwrap()?;
    Some(found.value.into_owned())
}

/// Every page is well formed, in one language, with headings in order, names for everything that needs one, links that lead somewhere,
/// and nothing that a browser would fetch or run.
#[test]
fn pages_are_sound_without_a_browser() {
    let pages = pages(&ReportOptions::default());
    let names: BTreeSet<_> = pages.iter().map(|page| page.name.to_owned()).collect();
    for page in &pages {
        let html = html(page);
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
        assert!(html.contains("default-src 'none'"));
        let mut reader = Reader::from_str(&html);
        let (mut ids, mut links, mut level) = (BTreeSet::new(), Vec::new(), 0);
        let mut landmarks = Vec::new();
        loop {
            let tag = match reader.read_event().unwrap() {
                Event::Start(tag) | Event::Empty(tag) => tag,
                Event::Eof => break,
                _ => continue,
            };
            let name = tag.name().0.to_owned();
            let has = |attribute_name: &str| {
                attribute(&tag, attribute_name).is_some_and(|value| !value.is_empty())
            };
            for found in tag.attributes() {
                let found = found.unwrap();
                let key = found.key.0.to_owned();
                assert!(!key.starts_with("on"), "{}: {key}", page.name);
                let value = found.value.into_owned();
                if ["src", "href", "action", "xlink:href"].contains(&key.as_str()) {
                    let known = value.starts_with("data:image/png;")
                        || value.starts_with('#')
                        || names.contains(&value);
                    assert!(known, "{}: {value}", page.name);
                }
                if key == "id" {
                    assert!(ids.insert(value.clone()), "{}: two of {value}", page.name);
                }
                if ["aria-labelledby", "href"].contains(&key.as_str()) {
                    let inner = value
                        .split_whitespace()
                        .map(|id| id.trim_start_matches('#').to_owned());
                    links.extend(inner.filter(|id| !names.contains(id)));
                }
            }
            match name.as_str() {
                "h1" | "h2" | "h3" | "h4" => {
                    let next = usize::from(name.as_bytes()[1] - b'0');
                    assert!(
                        next <= level + 1 && (level > 0 || next == 1),
                        "{}: {name}",
                        page.name
                    );
                    level = next;
                }
                "th" => assert!(
                    has("scope"),
                    "{}: a heading of a table without scope",
                    page.name
                ),
                "img" => assert!(has("alt")),
                "section" => assert!(has("aria-labelledby")),
                "nav" => assert!(has("aria-label")),
                "svg" => assert_eq!(attribute(&tag, "role").as_deref(), Some("img")),
                "pre" => assert!(has("tabindex") && has("aria-label")),
                "script" | "link" | "iframe" | "object" | "embed" | "base" | "form" | "video" => {
                    unreachable!("{}: <{name}>", page.name)
                }
                _ => {}
            }
            if attribute(&tag, "role").as_deref() == Some("region") {
                assert!(has("tabindex") && has("aria-label"));
            }
            if ["header", "main", "nav"].contains(&name.as_str()) {
                landmarks.push(name);
            }
        }
        let expected: &[&str] = if page.name == "index.html" {
            &["header", "nav", "main"]
        } else {
            &["header", "main"]
        };
        assert_eq!(landmarks, expected, "{}", page.name);
        for link in links {
            assert!(
                ids.contains(&link),
                "{}: nothing is called {link}",
                page.name
            );
        }
    }
}

#[test]
#[cfg(feature = "cli")]
fn the_program_writes_three_pages_or_none() {
    let run = finished().join("out");
    let folder = tempfile::tempdir().unwrap();
    let call = |arguments: &[&Path]| -> (i32, String) {
        let answer = Command::new(env!("CARGO_BIN_EXE_heatveil"))
            .arg("report")
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(answer.stderr).unwrap();
        (answer.status.code().unwrap(), text)
    };
    let out = folder.path().join("pages");
    assert_eq!(call(&[&run, Path::new("--out"), &out]), (0, String::new()));
    let names: Vec<_> = common::files(&out)
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let expected = ["index.html", "notice-large-print.html", "notice.html"];
    assert_eq!(names, expected.map(std::path::PathBuf::from));
    let (code, text) = call(&[&run, Path::new("--out"), &run.join("audit")]);
    assert_eq!(code, 2, "{text}");
    let (code, text) = call(&[&folder.path().join("pages")]);
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("does not verify"), "{text}");
}
