//! Seconds since 1970 as people write them, in UTC.

use jiff::Timestamp;
use jiff::tz::Offset;

/// Such as `2026-01-15T22:30:00Z`; the number itself beyond the calendar.
pub(super) fn iso(at: i64) -> String {
    Timestamp::from_second(at).map_or_else(|_| at.to_string(), |time| time.to_string())
}

/// Such as `15 January 2026`.
pub(super) fn day(at: i64) -> String {
    in_words(at, "%-d %B %Y")
}

/// Such as `15 January 2026, 22:30:00`.
pub(super) fn second(at: i64) -> String {
    in_words(at, "%-d %B %Y, %H:%M:%S")
}

fn in_words(at: i64, format: &str) -> String {
    Timestamp::from_second(at).map_or_else(
        |_| at.to_string(),
        |time| Offset::UTC.to_datetime(time).strftime(format).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_the_date_command_writes_them() {
        // date -u -d @1768516200
        assert_eq!(iso(1_768_516_200), "2026-01-15T22:30:00Z");
        assert_eq!(day(1_768_516_200), "15 January 2026");
        assert_eq!(second(1_768_516_205), "15 January 2026, 22:30:05");
        assert_eq!(day(i64::MAX), i64::MAX.to_string());
    }
}
