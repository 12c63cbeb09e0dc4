//! The pages: what each template is filled with.

use std::path::Path;

use askama::Template;

use super::afterwards::{Deleted, Event, deletions, files, raw_data, releases, timeline};
use super::annexes::{Risk, processing, risks};
use super::cards::{Card, cards};
use super::coverage::Coverage;
use super::facts::Facts;
use super::hidden::Hidden;
use super::intruder::Intruder;
use super::people::People;
use super::survey::{Pair, Policy, conditions, policies, results, settings};
use super::trust::Trust;
use super::{Page, ReportError};
use crate::page;
use crate::store::layout;

/// The evidence report.
#[derive(Debug, Template)]
#[template(path = "index.html")]
struct Index<'a> {
    facts: &'a Facts,
    trust: &'a Trust,
    approver: Option<&'a str>,
    opened: String,
    recipients: String,
    models: String,
    total: String,
    published: String,
    withheld: String,
    rejected: String,
    input: String,
    raw: String,
    coverage: Option<Coverage>,
    hidden: Hidden,
    intruder: Option<Intruder>,
    people: People,
    cards: Vec<Card>,
    settings: Vec<Pair>,
    conditions: Vec<Pair>,
    results: Vec<String>,
    timeline: Vec<Event>,
    deletions: Vec<Deleted>,
    releases: Vec<[String; 4]>,
    files: Vec<Pair>,
    risks: Vec<Risk>,
    processing: Vec<Pair>,
    commands: &'static str,
}

/// How to check a run with what Debian brings along; `tests/report.rs` runs what the page shows.
const COMMANDS: &str = include_str!("templates/commands.sh");

/// The notice for the public.
#[derive(Debug, Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    facts: &'a Facts,
    approver: Option<&'a str>,
    large: bool,
    recipients: String,
    raw_gone: bool,
    covered: Option<String>,
    policies: Vec<Policy>,
    objections: bool,
}

/// All pages of a run.
pub(super) fn all(
    folder: &Path,
    facts: &Facts,
    trust: &Trust,
    approver: Option<&str>,
) -> Result<Vec<Page>, ReportError> {
    let cards = cards(&facts.opened.models);
    let recipients = match facts.opened.recipients.as_slice() {
        [] => "nobody named yet".to_owned(),
        names => page::joined(names),
    };
    let notice = |name, large| {
        let figures = cards
            .iter()
            .find_map(|card| card.figures.as_ref()?.unseen.as_ref());
        let page = Notice {
            facts,
            approver,
            large,
            recipients: recipients.clone(),
            raw_gone: raw_data(facts).starts_with("Yes"),
            covered: figures.map(|figures| page::percent(figures.covered)),
            policies: policies(&facts.masks.policies),
            objections: facts.objection.is_some(),
        };
        render(name, &page)
    };
    let notices = [
        notice("notice.html", false)?,
        notice("notice-large-print.html", true)?,
    ];
    let closed = &facts.closed;
    let has_map = facts
        .emitted
        .iter()
        .any(|tile| tile.path == layout::TEMPERATURE_COG);
    let names: Vec<_> = facts
        .opened
        .models
        .iter()
        .map(|model| &model.name)
        .collect();
    let index = Index {
        facts,
        trust,
        approver,
        opened: page::day(facts.opened.at),
        models: page::joined(&names),
        total: page::number(closed.total.into()),
        published: page::number(closed.published.into()),
        withheld: page::number(closed.withheld.into()),
        rejected: page::number(closed.rejected.into()),
        input: page::bytes(facts.input_bytes),
        raw: raw_data(facts),
        coverage: has_map.then(|| Coverage::read(folder)).transpose()?,
        hidden: Hidden::new(facts, &cards),
        intruder: Intruder::of(facts),
        people: People::new(facts),
        settings: settings(facts),
        conditions: conditions(facts),
        results: results(facts),
        timeline: timeline(facts),
        deletions: deletions(facts),
        releases: releases(facts),
        files: files(facts),
        risks: risks(facts, trust, &cards),
        processing: processing(facts),
        commands: COMMANDS,
        recipients,
        cards,
    };
    let mut pages = vec![render("index.html", &index)?];
    pages.extend(notices);
    Ok(pages)
}

fn render(name: &'static str, page: &impl Template) -> Result<Page, ReportError> {
    let html = page
        .render()
        .map_err(|source| ReportError::Page { page: name, source })?;
    Ok(Page { name, html })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Verification, VerifyOptions};
    use crate::report::facts::tests::many;

    #[test]
    fn a_page_of_two_thousand_decisions_stays_below_five_megabytes() {
        let trust = Trust::new(&Verification::default(), &VerifyOptions::default());
        let facts = many(2_000);
        let pages = all(Path::new("none"), &facts, &trust, None).unwrap();
        // The picture comes on top: at most 960 x 960 bytes before compression, 4 bytes for 3 in base64.
        let picture = 960 * 960 * 4 / 3;
        assert!(
            pages[0].html.len() + picture < 5_000_000,
            "{}",
            pages[0].html.len()
        );
    }
}
