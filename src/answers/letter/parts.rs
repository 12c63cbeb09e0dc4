//! Words and looks of the page.

use crate::page::escape;

/// Dark on white, 12 pt, A4; nothing is loaded.
pub(super) const STYLE: &str = "\
@page{size:A4;margin:20mm}\
html{color:#111;background:#fff;font:1rem/1.5 system-ui,\"Segoe UI\",\"Liberation Sans\",Arial,sans-serif}\
body{margin:0}main{max-width:44rem;margin:0 auto;padding:2rem 1.25rem}\
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem}h2{font-size:1.15rem;margin:1.75rem 0 .5rem}\
p,ul{margin:.5rem 0}li{margin:.25rem 0}.date{color:#444}\
.draft{border:2px solid #8a1c1c;color:#8a1c1c;padding:.5rem .75rem;margin:0 0 1.25rem}\
mark{background:#fff3b0;color:#111}\
table{border-collapse:collapse;width:100%;margin:.75rem 0;font-size:.92rem}\
caption{text-align:left;font-weight:600;padding-bottom:.35rem}\
th,td{border-bottom:1px solid #767676;padding:.3rem .6rem .3rem 0;text-align:left;vertical-align:top;font-weight:400}\
thead th{border-bottom:2px solid #111;font-weight:600}\
code{font-family:ui-monospace,\"Liberation Mono\",monospace;font-size:.92em}\
.root code{overflow-wrap:anywhere}.signature{margin-top:2rem;padding-top:.75rem;border-top:1px solid #767676}\
@media print{html{font-size:11pt}main{max-width:none;padding:0}h2{break-after:avoid}tr,li,.draft,.signature{break-inside:avoid}thead{display:table-header-group}}";

/// `a, b and c`.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

pub(super) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A number with commas, such as `124,464`.
pub(super) fn thousands(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1000), number % 1000),
    }
}

pub(super) fn were(count: usize) -> String {
    plural(count, "was", "were")
}

pub(super) fn have(count: usize) -> String {
    plural(count, "original has", "originals have")
}

pub(super) fn originals(count: usize) -> String {
    plural(count, "original was", "originals were")
}

pub(super) fn homes(count: u32) -> String {
    plural(count as usize, "home was", "homes were")
}

/// A class of the log (`detect::Class`) in words.
pub(super) fn class_words(class: &str, count: u32) -> String {
    let (one, many) = match class {
        "person" => ("person", "people"),
        "vehicle" => ("vehicle", "vehicles"),
        "bicycle" => ("bicycle", "bicycles"),
        "window" => ("window", "windows"),
        "warm-spot" => ("warm spot", "warm spots"),
        other => return escape(other),
    };
    (if count == 1 { one } else { many }).into()
}

/// What is done with a class, in words.
pub(super) fn policy_words(policy: &str) -> String {
    match policy {
        "nodata" => "cut out, nothing is left there".into(),
        "mean" => "replaced by one mean temperature each".into(),
        other => format!("hidden by: {}", escape(other)),
    }
}

/// A reason of the log (`run::Cause`) in words.
pub(super) fn reason_words(reason: Option<&str>) -> String {
    match reason.unwrap_or("not known") {
        "beyond-envelope" => "unlike the pictures on which the program was measured".into(),
        "self-check" => "something was still found after hiding".into(),
        "detector-failed" | "internal" => "the program failed on it".into(),
        "out-of-time" => "work on it took too long and was ended".into(),
        "duplicate" => "a copy of another picture".into(),
        "not-thermal" => "not a thermal picture".into(),
        "no-position" | "no-altitude" | "no-attitude" | "unknown-camera" => {
            "it does not say where the camera was or looked".into()
        }
        "above-horizon" => "the camera looked at the sky".into(),
        "io" | "changed" | "truncated" | "malformed" => "the file is damaged".into(),
        "sealed" => "the file is encrypted and was not opened".into(),
        other => escape(other),
    }
}

/// A decision of the log (`audit::ReviewDecided`) in words.
pub(super) fn decision_words(decision: &str) -> &'static str {
    match decision {
        "approve" => "may be published with more hidden",
        "reject" => "is never published",
        "release" => "may be published with less hidden, which two people signed",
        "confirm" => "was checked and is right",
        _ => "was decided about",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists_read_as_in_a_letter() {
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_024_007), "1,024,007");
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&items), "a, b and c");
        assert_eq!(listed(&items[..1]), "a");
        assert_eq!(
            escape("<a href='x'>&\""),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"
        );
    }
}
