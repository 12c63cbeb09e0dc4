//! Annexes for data protection officers: risks with what was done about them, and the record of processing.

use super::afterwards::raw_data;
use super::cards::Card;
use super::facts::Facts;
use super::hidden::covered;
use super::people::is_override;
use super::survey::{Pair, pair};
use super::trust::Trust;
use crate::page;

/// One risk to people and what was done about it.
#[derive(Debug)]
pub(super) struct Risk {
    pub(super) what: &'static str,
    pub(super) measure: &'static str,
    /// Where the measure is tested, in the source of the program.
    pub(super) test: &'static str,
    /// What this run shows.
    pub(super) result: String,
    pub(super) remains: &'static str,
}

/// The rows of a data protection impact assessment that the program can fill.
pub(super) fn risks(facts: &Facts, trust: &Trust, cards: &[Card]) -> Vec<Risk> {
    let mut risks = of_being_seen(facts, cards);
    risks.extend(of_what_people_do(facts, trust));
    risks
}

/// Risks that somebody or somebody's habits show in what is published.
fn of_being_seen(facts: &Facts, cards: &[Card]) -> Vec<Risk> {
    let closed = &facts.closed;
    let masks = &facts.masks;
    let unseen = cards
        .iter()
        .find_map(|card| card.figures.as_ref()?.unseen.as_ref());
    let finds = |class: &str| masks.of(class).first() + masks.of(class).self_check;
    let hidden = format!(
        "{} of people and {} of warm spots hidden",
        page::count(finds("person"), "find"),
        page::number(finds("warm-spot"))
    );
    vec![
        Risk {
            what: "A person can be seen in the published map.",
            measure: "Three lines of defence find people; the place becomes no data; a second look at the masked frame.",
            test: "tests/privacy.rs, tests/lines.rs, tests/carry.rs; heatveil eval, models/README.md",
            result: match unseen {
                Some(figures) => format!(
                    "{hidden}. Expected cover of people in new places: {}.",
                    covered(figures)
                ),
                None => format!("{hidden}. No figure for the model that looked."),
            },
            remains: "A detector can miss someone. Review a share of the published frames.",
        },
        Risk {
            what: "Windows tell who is at home.",
            measure: "Windows are found and levelled to one number each.",
            test: "tests/privacy.rs (of a window nothing but its mean is published); models/README.md",
            result: format!(
                "{} levelled.",
                page::count(
                    masks.of("window").first() + masks.of("window").self_check,
                    "window"
                )
            ),
            remains: "Windows are missed more often than people. Do not promise residents that all are found.",
        },
        Risk {
            what: "Files give away exact place and time, serial numbers, photographs.",
            measure: "Every published file is made anew from masked temperatures and an allow-list; nothing is copied through.",
            test: "tests/privacy.rs, tests/report.rs (planted values are searched for in every output)",
            result: "Holds for every file of this run: it is how files are made.".to_owned(),
            remains: "A building in the map has a place, and may have an address elsewhere.",
        },
        Risk {
            what: "A fault publishes an unmasked frame.",
            measure: "An unmasked frame cannot be written: the compiler refuses it. Any error withholds the frame.",
            test: "src/frame (compile_fail tests), tests/privacy.rs",
            result: format!(
                "{} withheld, {} not usable; nothing of them is published.",
                page::count(closed.withheld.into(), "frame"),
                page::number(closed.rejected.into())
            ),
            remains: "Memory of the machine while a run works.",
        },
        Risk {
            what: "Frames are taken under conditions nobody measured the detectors for.",
            measure: "Such frames are withheld, unless published on purpose with a reason.",
            test: "tests/privacy.rs (frames beyond the envelope)",
            result: if facts.opened.beyond_envelope.is_empty() {
                "Withheld as a rule; no exception was made.".to_owned()
            } else {
                format!(
                    "Published on purpose: \u{201c}{}\u{201d}.",
                    facts.opened.beyond_envelope
                )
            },
            remains: "Conditions that the card names as untested, such as animals, crowds, snow.",
        },
    ]
}

/// Risks from what people do with the files, the record and the figures.
fn of_what_people_do(facts: &Facts, trust: &Trust) -> Vec<Risk> {
    let overridden = facts.decisions().filter(|review| is_override(review));
    vec![
        Risk {
            what: "Someone overrides the machine to show more.",
            measure: "Decisions are signed, reasoned, in the log; a frame can be released with less hidden only with a written reason.",
            test: "src/audit/aftermath.rs, src/audit/decisions.rs",
            result: match &facts.opened.reviewed {
                Some(_) if facts.before.is_none() => {
                    "The run follows decisions that stand in another log (What people decided)."
                        .to_owned()
                }
                _ => format!(
                    "{} by people.",
                    page::count(overridden.count() as u64, "override")
                ),
            },
            remains: "A signer can be wrong. Read the reasons under What people decided.",
        },
        Risk {
            what: "The record is changed afterwards.",
            measure: "Merkle tree over every entry, signed; every published file by its hash.",
            test: "tests/audit_tamper.rs (every byte and line), tests/go/verify.go",
            result: format!("{} entries verified.", trust.entries),
            remains: "Whoever holds the signing key can write another log: keep the checkpoint (Check it yourself).",
        },
        Risk {
            what: "Raw frames with people in them are kept for longer than needed.",
            measure: "Deletion with evidence in the log, by dates fixed when the run began; the key that links log and files has a date of its own. Raw frames can lie encrypted, so that destroying one key deletes every encrypted copy.",
            test: "tests/review.rs, tests/sealed.rs (what is deleted, what the log says of it)",
            result: format!(
                "{} {}",
                match facts.sealed {
                    0 => "The raw frames were not encrypted where they lay.".to_owned(),
                    sealed => format!("{} lay there encrypted.", page::count(sealed, "raw frame")),
                },
                raw_data(facts)
            ),
            remains: "Copies that the program does not know of.",
        },
        Risk {
            what: "A resident objects.",
            measure: "Homes and gardens on the list leave the working map, with a margin, before any file is made.",
            test: "tests/heat_loss/main.rs",
            result: match &facts.objection {
                Some(objection) => format!(
                    "{} applied.",
                    page::count(objection.count.into(), "objection")
                ),
                None => "No list was given.".to_owned(),
            },
            remains: "Objections that come after a release: a new run is needed.",
        },
        Risk {
            what: "A home is judged wrongly.",
            measure: "Every figure has an interval and a grade; the map hatches what cannot be claimed.",
            test: "tests/heat_loss/main.rs, docs/buildings.md",
            result: match &facts.heat_loss {
                Some(heat) => format!("Grade of the night: {}.", heat.grade),
                None => "Temperatures only; no heat loss was worked out.".to_owned(),
            },
            remains: "docs/buildings.md says how often the interval held in simulation. Decide about no home from this alone.",
        },
    ]
}

/// What only the controller can fill in.
const OPEN: &str = "To be filled in by the controller";

/// One row of the record of processing activities, UK GDPR Article 30(1), field by field.
pub(super) fn processing(facts: &Facts) -> Vec<Pair> {
    let opened = &facts.opened;
    let recipients = match opened.recipients.as_slice() {
        [] => "None stated".to_owned(),
        names => page::joined(names),
    };
    vec![
        pair(
            "(a) Controller",
            format!(
                "{}. {OPEN}: contact, representative, data protection officer",
                opened.operator
            ),
        ),
        pair("(b) Purposes", &opened.purpose),
        pair(
            "(c) Categories of people and of personal data",
            "Residents and passers-by: thermal pictures in which people, vehicles, bicycles and windows may show, with place and time of the camera. \
             Residents: surface temperature of their home.",
        ),
        pair(
            "(d) Recipients",
            format!("{recipients}: masked maps and tables only, never raw frames"),
        ),
        pair(
            "(e) Transfers to other countries",
            format!(
                "The program makes none: it works without a network. {OPEN}: where files are kept"
            ),
        ),
        pair(
            "(f) Time limits for erasure",
            format!(
                "{OPEN}, by category. Are the raw frames gone? {}",
                raw_data(facts)
            ),
        ),
        pair(
            "(g) Security measures, Article 32(1)",
            "Masking before anything is written; files made anew; a signed log; keyed commitments instead of hashes of frames; secrets in a folder of \
             their own. The controller adds those of premises, machines and people.",
        ),
        pair(
            "Lawful basis (Articles 6 and 13; not part of Article 30)",
            OPEN,
        ),
    ]
}
