//! Parts of a file, as HTTP asks for them (RFC 9110, section 14).
//!
//! In: a `Range` header and a length. Out: which bytes. Refuses: nothing; what it does not know means the whole file, as the RFC allows.

use std::ops::Range;

/// Which bytes of a file are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of them.
    Whole,
    /// Some, not none.
    Part(Range<u64>),
    /// Some that lie beyond its end.
    Beyond,
}

/// Reads a `Range` header for a file of `len` bytes. Several ranges at once are answered by the whole file.
pub(super) fn wanted(header: Option<&str>, len: u64) -> Wanted {
    let range = header
        .and_then(|header| header.strip_prefix("bytes="))
        .and_then(|range| range.trim().split_once('-'));
    let Some((first, last)) = range else {
        return Wanted::Whole;
    };
    let part = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        (Some(first), None) if last.is_empty() => first..len,
        (None, Some(count)) if first.is_empty() => len.saturating_sub(count)..len,
        _ => return Wanted::Whole,
    };
    if part.is_empty() {
        Wanted::Beyond
    } else {
        Wanted::Part(part)
    }
}

/// Digits alone: the number parser also takes a plus sign.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 9110, section 14.1.2, for 10,000 bytes.
    #[test]
    fn the_examples_of_the_rfc() {
        for (header, range) in [
            ("bytes=0-499", 0..500),
            ("bytes=500-999", 500..1000),
            ("bytes=-500", 9500..10_000),
            ("bytes=9500-", 9500..10_000),
            ("bytes=9500-20000", 9500..10_000),
            ("bytes=-20000", 0..10_000),
        ] {
            assert_eq!(
                wanted(Some(header), 10_000),
                Wanted::Part(range),
                "{header}"
            );
        }
    }

    #[test]
    fn what_lies_beyond_the_end_and_what_is_no_range() {
        for header in ["bytes=10000-", "bytes=10000-10001", "bytes=-0"] {
            assert_eq!(wanted(Some(header), 10_000), Wanted::Beyond, "{header}");
        }
        for header in [
            "",
            "lines=0-1",
            "bytes=5-4",
            "bytes=0-1,3-4",
            "bytes=-",
            "bytes=+1-2",
        ] {
            assert_eq!(wanted(Some(header), 10_000), Wanted::Whole, "{header}");
        }
        assert_eq!(wanted(None, 10_000), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Beyond);
    }
}
