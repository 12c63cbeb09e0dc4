//! The answer as a page that can be sent: to a person who asks about a home, or to anyone who asks about the survey.
//!
//! In: an [`Answer`] of a verified log. Out: one HTML file without script, picture or link that loads anything; it prints on A4. Refuses: to look final
//! without a name under it. A person's page (UK GDPR Article 15) lists the frames that saw the place asked for; the public one (freedom of information)
//! only adds up.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{Answer, FrameAnswer, Quality, calendar};
use crate::page::escape;
use crate::store::{Artifact, sealed};

mod parts;

use parts::{STYLE, class_words, listed, plural, policy_words, reason_words, thousands, were};

/// Who is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// A person who asks about a home.
    SubjectAccess,
    /// Anyone who asks about the survey.
    FreedomOfInformation,
}

/// A page that can be sent.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// To whom.
    pub kind: LetterKind,
    /// What the log says.
    pub answer: &'a Answer,
    /// How near counts as seen, in metres.
    pub margin: f64,
    /// What the cards of the models say.
    pub quality: &'a [Quality],
    /// Root of the verified log, hex, and its entries.
    pub log: (&'a str, u64),
    /// Who answers for it; without one the page is a draft.
    pub signed_by: Option<&'a str>,
    /// How to reach the operator.
    pub contact: Option<&'a str>,
    /// When input files are due for deletion, seconds since 1970.
    pub raw_due: Option<i64>,
    /// The day of the answer, seconds since 1970.
    pub now: i64,
}

impl sealed::Sealed for Letter<'_> {}

impl Artifact for Letter<'_> {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.html().into_bytes().into()
    }
}

impl Letter<'_> {
    fn html(&self) -> String {
        let title = if self.is_personal() {
            "What our thermal survey recorded about the place you asked about"
        } else {
            "What our thermal survey recorded"
        };
        let draft = match self.signed_by {
            None => {
                "<p class=\"draft\" role=\"note\"><strong>Draft.</strong> Nobody has put a name to this answer yet. Do not send it.</p>\n"
            }
            Some(_) => "",
        };
        let body = [
            self.in_short(),
            self.why(),
            self.taken(),
            self.hidden(),
            self.how_sure(),
            self.received(),
            self.deletion(),
            self.rights(),
            self.check(),
            self.signature(),
        ];
        format!(
            "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{draft}<h1>{title}</h1>\n<p class=\"date\">{}</p>\n{}</main>\n</body>\n</html>\n",
            calendar::day(self.now),
            body.concat()
        )
    }

    fn is_personal(&self) -> bool {
        self.kind == LetterKind::SubjectAccess
    }

    fn frames(&self) -> &[FrameAnswer] {
        &self.answer.frames
    }

    fn ended(&self, outcome: &str) -> usize {
        self.frames()
            .iter()
            .filter(|frame| frame.outcome == outcome)
            .count()
    }

    fn in_short(&self) -> String {
        let days: BTreeSet<String> = self
            .frames()
            .iter()
            .filter_map(|frame| frame.at)
            .map(|at| calendar::iso(at).chars().take(10).collect())
            .collect();
        let first = self.frames().iter().filter_map(|frame| frame.at).min();
        let last = self.frames().iter().filter_map(|frame| frame.at).max();
        let when = match (first, last) {
            (Some(first), Some(last)) if days.len() > 1 => {
                format!(
                    ", between {} and {}",
                    calendar::day(first),
                    calendar::day(last)
                )
            }
            (Some(first), _) => format!(", on {}", calendar::day(first)),
            _ => String::new(),
        };
        let what = if self.is_personal() {
            format!(
                "may show the place you asked about (or ground within {} metres of it)",
                self.margin
            )
        } else {
            "are what you asked about".into()
        };
        let mut text = format!(
            "<section aria-labelledby=\"short\">\n<h2 id=\"short\">In short</h2>\n<ul>\n<li>{} {what}{when}.</li>\n",
            plural(self.frames().len(), "picture", "pictures")
        );
        let _ = writeln!(
            text,
            "<li>{} used for the published heat map, after what looked like a person, a vehicle or a bicycle had been hidden.</li>",
            were(self.ended("published"))
        );
        for (outcome, words) in [("withheld", "kept back"), ("rejected", "not usable")] {
            let count = self.ended(outcome);
            if count > 0 {
                let _ = writeln!(
                    text,
                    "<li>{} {words}: nothing of that was published.</li>",
                    were(count)
                );
            }
        }
        text += "<li>The pictures show temperatures from the air. They do not show faces, and no ordinary photograph, sound or name is in the map.</li>\n";
        if self.answer.unknown > 0 {
            let _ = writeln!(
                text,
                "<li>{} in the survey do not say where or when they were taken, so we cannot tell whether they belong here. A picture without a place is never published.</li>",
                plural(
                    self.answer.unknown as usize,
                    "further file",
                    "further files"
                )
            );
        }
        text + "</ul>\n</section>\n"
    }

    fn why(&self) -> String {
        let opened = self.answer.run.opened.as_ref();
        let stated = |text: Option<&String>| {
            text.filter(|text| *text != "not stated")
                .map_or_else(|| gap("not stated in the log"), |text| escape(text))
        };
        format!(
            "<section aria-labelledby=\"why\">\n<h2 id=\"why\">Who took the pictures, and why</h2>\n<p>Responsible: {}.</p>\n<p>Purpose: {}.</p>\n\
             <p>The information comes from cameras on a drone. A program decides what is hidden in a picture; it makes no decision about anyone.</p>\n</section>\n",
            stated(opened.map(|opened| &opened.operator)),
            stated(opened.map(|opened| &opened.purpose)),
        )
    }

    fn taken(&self) -> String {
        if !self.is_personal() {
            return self.added_up();
        }
        let mut rows = String::new();
        let mut frames: Vec<&FrameAnswer> = self.frames().iter().collect();
        frames.sort_by_key(|frame| (frame.at.unwrap_or(i64::MAX), frame.frame));
        for frame in frames {
            let at = frame
                .at
                .map_or_else(|| "not known".into(), calendar::second);
            let found: Vec<String> = frame
                .found
                .iter()
                .map(|(class, count)| format!("{count} {}", class_words(class, *count)))
                .collect();
            let outcome = match frame.outcome {
                "published" => "used for the map".into(),
                "withheld" => format!("kept back: {}", reason_words(frame.reason.as_deref())),
                "rejected" => format!("not usable: {}", reason_words(frame.reason.as_deref())),
                _ => "not finished".into(),
            };
            let _ = writeln!(
                rows,
                "<tr><th scope=\"row\">{}</th><td>{at}</td><td>{outcome}</td><td>{}</td><td>{}</td></tr>",
                frame.frame,
                if found.is_empty() {
                    "nothing".into()
                } else {
                    listed(&found)
                },
                frame.masked_pixels.map_or_else(
                    || "all of it".into(),
                    |pixels| format!("{} pixels", thousands(pixels))
                ),
            );
        }
        if rows.is_empty() {
            rows = "<tr><td colspan=\"5\">No picture shows the place.</td></tr>\n".into();
        }
        format!(
            "<section aria-labelledby=\"taken\">\n<h2 id=\"taken\">What was taken</h2>\n<p>Each picture shows far more ground than one home. What was found in a picture may be \
             anywhere in it, so it need not be about you. Times are in UTC, as the camera's clock had them.</p>\n\
             <table>\n<caption>Pictures that may show the place</caption>\n<thead><tr><th scope=\"col\">Picture</th><th scope=\"col\">Taken</th>\
             <th scope=\"col\">What became of it</th><th scope=\"col\">What may be in it</th><th scope=\"col\">Hidden</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</section>\n"
        )
    }

    /// The public page: no single picture.
    fn added_up(&self) -> String {
        let mut by: BTreeMap<(String, String), usize> = BTreeMap::new();
        for frame in self.frames() {
            let day = frame
                .at
                .map_or_else(|| "day not known".into(), calendar::day);
            let outcome = match frame.outcome {
                "published" => "used for the map".into(),
                "withheld" => format!("kept back: {}", reason_words(frame.reason.as_deref())),
                _ => format!("not usable: {}", reason_words(frame.reason.as_deref())),
            };
            *by.entry((day, outcome)).or_default() += 1;
        }
        let mut rows = String::new();
        for ((day, outcome), count) in by {
            let _ = writeln!(
                rows,
                "<tr><th scope=\"row\">{day}</th><td>{outcome}</td><td>{count}</td></tr>"
            );
        }
        format!(
            "<section aria-labelledby=\"taken\">\n<h2 id=\"taken\">What was taken</h2>\n<table>\n<caption>Pictures by day and by what became of them</caption>\n\
             <thead><tr><th scope=\"col\">Day</th><th scope=\"col\">What became of them</th><th scope=\"col\">Pictures</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</section>\n"
        )
    }

    fn hidden(&self) -> String {
        let mut classes: BTreeMap<&str, (usize, u32, &str)> = BTreeMap::new();
        for frame in self
            .frames()
            .iter()
            .filter(|frame| frame.outcome == "published")
        {
            for (class, policy) in &frame.policies {
                let entry = classes.entry(class).or_insert((0, 0, policy));
                entry.0 += 1;
                entry.1 += frame.found.get(class).copied().unwrap_or_default();
            }
        }
        let mut text = String::from(
            "<section aria-labelledby=\"hidden\">\n<h2 id=\"hidden\">What was hidden</h2>\n",
        );
        if classes.is_empty() {
            text += "<p>Nothing was found in these pictures that had to be hidden.</p>\n";
        } else {
            text += "<p>Before anything was published, a program looked for people, vehicles, bicycles, windows and warm spots, and hid what it found with a margin around it. \
                     It hides what may be one of these, so much of what it finds is something else. Counts are over all pictures: the same thing is counted in each picture that shows it, and again where a part of it was found later.</p>\n<ul>\n";
            for (class, (frames, found, policy)) in classes {
                let _ = writeln!(
                    text,
                    "<li>{} that may be {}, in {}: {}.</li>",
                    plural(found as usize, "find", "finds"),
                    class_words(class, 2),
                    plural(frames, "picture", "pictures"),
                    policy_words(policy)
                );
            }
            text += "</ul>\n";
        }
        let more: u32 = self
            .frames()
            .iter()
            .filter_map(|frame| frame.self_check)
            .sum();
        let _ = writeln!(
            text,
            "<p>The program then looked a second time at the hidden version of each picture. It hid {more} more, some of them parts of what was hidden before. A picture in which it was then still sure of something that was not hidden was kept back.</p>"
        );
        let carried: u32 = self
            .frames()
            .iter()
            .flat_map(|frame| frame.carried.values())
            .sum();
        if carried > 0 {
            let _ = writeln!(
                text,
                "<p>A further {carried} were hidden because a neighbouring picture showed something there.</p>"
            );
        }
        let decided: Vec<String> = self
            .frames()
            .iter()
            .flat_map(|frame| {
                let number = frame.frame;
                frame.reviews.iter().map(move |review| {
                    format!(
                        "picture {number} on {}: {}",
                        calendar::day(review.at),
                        parts::decision_words(&review.decision)
                    )
                })
            })
            .collect();
        match (decided.is_empty(), self.is_personal()) {
            (true, _) => {
                text += "<p>No person has decided otherwise about any of these pictures.</p>\n";
            }
            (false, true) => {
                let _ = writeln!(
                    text,
                    "<p>People looked at some of the pictures: {}.</p>",
                    decided.join("; ")
                );
            }
            (false, false) => {
                let _ = writeln!(
                    text,
                    "<p>People looked at some of the pictures and decided {}.</p>",
                    plural(decided.len(), "time", "times")
                );
            }
        }
        if self.answer.run.objections > 0 {
            let _ = writeln!(
                text,
                "<p>{} taken out of the map because their people object.</p>",
                parts::homes(self.answer.run.objections)
            );
        }
        text + "</section>\n"
    }

    fn how_sure(&self) -> String {
        let mut text = String::from(
            "<section aria-labelledby=\"sure\">\n<h2 id=\"sure\">How sure that is</h2>\n<p>No such program finds everything. ",
        );
        if self.quality.is_empty() {
            return text
                + &gap("the cards of the models that ran are not at hand")
                + "</p>\n</section>\n";
        }
        text +=
            "On labelled pictures of places that it had never seen, it did as follows:</p>\n<ul>\n";
        let percent = |share: f64| format!("{:.0}\u{a0}%", share * 100.0);
        for quality in self.quality {
            let interval = quality
                .covered_interval
                .map_or_else(String::new, |[low, high]| {
                    format!(
                        " (95\u{a0}% interval {} to {})",
                        percent(low),
                        percent(high)
                    )
                });
            let _ = writeln!(
                text,
                "<li>Of {} {}, {} were found, and {} were hidden to at least four fifths{interval}. Model: {}.</li>",
                thousands(quality.objects.into()),
                class_words(&quality.class, quality.objects),
                percent(quality.recall),
                percent(quality.covered),
                escape(&quality.model)
            );
        }
        text += "</ul>\n";
        let beyond = self
            .answer
            .run
            .opened
            .as_ref()
            .map(|opened| opened.beyond_envelope.as_str());
        if beyond.is_some_and(|beyond| !beyond.is_empty()) {
            text += "<p><strong>These figures do not hold for all of this survey:</strong> the operator published pictures on purpose that are coarser or otherwise unlike those on which the program was measured. Expect that it missed more.</p>\n";
        }
        text + "</section>\n"
    }

    fn received(&self) -> String {
        let named = self
            .answer
            .run
            .opened
            .as_ref()
            .map_or(&[][..], |opened| &opened.recipients);
        let named: Vec<String> = named.iter().map(|name| escape(name)).collect();
        let mut text = format!(
            "<section aria-labelledby=\"received\">\n<h2 id=\"received\">Who received it</h2>\n<p>Named before the survey: {}.</p>\n",
            if named.is_empty() {
                "nobody".into()
            } else {
                listed(&named)
            }
        );
        if self.answer.run.releases.is_empty() {
            text += "<p>The log has no record that the published files were handed on.</p>\n";
        }
        for release in &self.answer.run.releases {
            let _ = writeln!(
                text,
                "<p>Handed on to {} on {}: the published map and tables, without the original pictures.</p>",
                escape(&release.recipient),
                calendar::day(release.at)
            );
        }
        text + "</section>\n"
    }

    fn deletion(&self) -> String {
        let run = &self.answer.run;
        let gone = self
            .frames()
            .iter()
            .filter(|frame| frame.raw_deleted.is_some())
            .count();
        let left = self.frames().len() - gone;
        let mut text = String::from(
            "<section aria-labelledby=\"deleted\">\n<h2 id=\"deleted\">The original pictures</h2>\n",
        );
        let last = self
            .frames()
            .iter()
            .filter_map(|frame| frame.raw_deleted)
            .max();
        if let Some(last) = last {
            let _ = writeln!(
                text,
                "<p>The log has evidence that {} deleted, the last on {}. It cannot prove that no copy exists elsewhere.</p>",
                parts::originals(gone),
                calendar::day(last)
            );
        }
        if left > 0 {
            let fixed = run.opened.as_ref().and_then(|run| run.retention.raw);
            let due = self.raw_due.or(fixed);
            let due = due.map_or_else(|| gap("give the date with --raw-due"), calendar::day);
            let _ = writeln!(
                text,
                "<p>{} not been deleted by the evidence of the log. They are due for deletion by: {due}.</p>",
                parts::have(left)
            );
        }
        if run.key_destroyed() {
            text += "<p>The key that links the log to the original files was destroyed.</p>\n";
        }
        text + "</section>\n"
    }

    fn rights(&self) -> String {
        let contact = self
            .contact
            .map_or_else(|| gap("give it with --contact"), escape);
        if self.is_personal() {
            return format!(
                "<section aria-labelledby=\"rights\">\n<h2 id=\"rights\">Your rights, and how to complain</h2>\n<p>You may ask us to correct or delete what is about you, to use it less, or to stop: \
                 you may object, and your home can be taken out of the map. Reach us: {contact}.</p>\n\
                 <p>If you are not content with our answer you may complain to the Information Commissioner's Office (ICO): ico.org.uk/make-a-complaint, telephone 0303 123 1113. You may also go to court.</p>\n</section>\n"
            );
        }
        format!(
            "<section aria-labelledby=\"rights\">\n<h2 id=\"rights\">How to complain</h2>\n<p>You may ask us to look at this answer again (an internal review), within 40 working days. Reach us: {contact}.</p>\n\
             <p>If you are then still not content you may complain to the Information Commissioner's Office (ICO): ico.org.uk/make-a-complaint, telephone 0303 123 1113; about Scottish authorities, to the Scottish \
             Information Commissioner.</p>\n</section>\n"
        )
    }

    fn check(&self) -> String {
        let (root, entries) = self.log;
        format!(
            "<section aria-labelledby=\"check\">\n<h2 id=\"check\">How to check this without us</h2>\n<p>This answer was taken from a log of {entries} entries, which was checked first. \
             Ask us for the folder <code>audit</code>, or let someone you trust ask for it: two packages of the Debian system, which we did not write, and the short program <code>tests/go/verify.go</code> compute its fingerprint again. It must be:</p>\n\
             <p class=\"root\"><code>{root}</code></p>\n\
             <p>A later change of the log gives another fingerprint. Only whoever holds its key could write another log from the start: keep this page. The log shows what was found, hidden and published. It cannot show that the program found everything. Which pictures saw a place is worked out from the operator's own list of places, which is not part of the log.</p>\n</section>\n"
        )
    }

    fn signature(&self) -> String {
        let name = self.signed_by.map_or_else(|| gap("no name yet"), escape);
        format!("<p class=\"signature\">Answered by: {name}</p>\n")
    }
}

/// Something that the page should say and nobody has said.
fn gap(what: &str) -> String {
    format!("<mark>[{}]</mark>", escape(what))
}
