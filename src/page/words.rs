//! Figures and times as people read them.

use jiff::Timestamp;

/// A whole number with a comma between thousands: `12,345`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 frame`, `2 frames`, `2 boxes`.
pub(crate) fn count(value: u64, noun: &str) -> String {
    let ending = match (value, noun.ends_with(['x', 's'])) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {noun}{ending}", number(value))
}

/// A share of one as a percentage with one decimal: `94.6 %`. Shares are kept to four decimals on model cards, and 0.9455 is 94.6 %
/// whatever its nearest binary number is.
pub(crate) fn percent(share: f64) -> String {
    let tenths = ((share * 10_000.0).round() / 10.0).round();
    format!("{:.1} %", tenths / 10.0)
}

/// A length in bytes: `14 bytes`, `2.1 MB` (a million).
pub(crate) fn bytes(value: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let size = value as f64;
    match value {
        0..1_000 => count(value, "byte"),
        1_000..1_000_000 => format!("{:.1} kB", size / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", size / 1e6),
        _ => format!("{:.1} GB", size / 1e9),
    }
}

/// Seconds since 1970 as `15 January 2026, 22:30 UTC`.
pub(crate) fn time(seconds: i64) -> String {
    formatted(seconds, "%-d %B %Y, %H:%M UTC")
}

/// Seconds since 1970 as `15 January 2026`, in UTC.
pub(crate) fn day(seconds: i64) -> String {
    formatted(seconds, "%-d %B %Y")
}

fn formatted(seconds: i64, how: &str) -> String {
    let Ok(timestamp) = Timestamp::from_second(seconds) else {
        return format!("{seconds} seconds after 1970");
    };
    timestamp.strftime(how).to_string()
}

/// How templates escape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Html;

impl askama::filters::Escaper for Html {
    fn write_escaped_str<W: std::fmt::Write>(&self, mut page: W, text: &str) -> std::fmt::Result {
        page.write_str(&escape(text))
    }
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // They turn the direction of what stands behind them, so that it reads as something else.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}

/// Names in a row: `a`, `a and b`, `a, b and c`; empty for none.
pub(crate) fn joined<T: AsRef<str>>(names: &[T]) -> String {
    match names {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// Ascending frame numbers, those that follow each other as one range: `0\u{2013}2, 5`.
pub(crate) fn ranges(frames: impl IntoIterator<Item = u32>) -> String {
    let mut found: Vec<[u32; 2]> = Vec::new();
    for frame in frames {
        match found.last_mut() {
            Some([_, last]) if last.checked_add(1) == Some(frame) => *last = frame,
            _ => found.push([frame, frame]),
        }
    }
    let words = found.into_iter().map(|[first, last]| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}\u{2013}{last}")
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        let grouped = [0, 999, 1_000, 12_345, 1_234_567].map(number);
        assert_eq!(grouped, ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(count(1, "frame"), "1 frame");
        assert_eq!(count(0, "frame"), "0 frames");
        assert_eq!(count(2, "box"), "2 boxes");
        assert_eq!(bytes(2_100_000), "2.1 MB");
        assert_eq!(
            [0.9455, 0.0, 1.0, 0.12344].map(percent),
            ["94.6 %", "0.0 %", "100.0 %", "12.3 %"]
        );
    }

    #[test]
    fn times_are_in_utc() {
        // date -u -d @1768516200
        assert_eq!(time(1_768_516_200), "15 January 2026, 22:30 UTC");
        assert_eq!(day(1_768_516_200), "15 January 2026");
        assert_eq!(time(i64::MAX), format!("{} seconds after 1970", i64::MAX));
    }

    #[test]
    fn names_and_frames_stand_in_a_row() {
        assert_eq!(joined::<&str>(&[]), "");
        assert_eq!(joined(&["a", "b", "c"]), "a, b and c");
        assert_eq!(ranges([0, 1, 2, 5, 7, 8]), "0\u{2013}2, 5, 7\u{2013}8");
        assert_eq!(ranges([]), "");
    }
}
