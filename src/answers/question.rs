//! What is asked.

use super::{AnswersError, Places};

/// What is asked; what is `None` or empty asks for all.
#[derive(Debug, Default)]
pub struct Question {
    /// Frames that saw one of these places.
    pub places: Option<Places>,
    /// Frames taken at this second or later, seconds since 1970.
    pub from: Option<i64>,
    /// Frames taken at this second or earlier.
    pub to: Option<i64>,
    /// Frames with numbers in these inclusive ranges.
    pub frames: Vec<[u32; 2]>,
    /// Frames in which one of these classes was found, by any line of defence.
    pub classes: Vec<String>,
    /// Frames with one of these outcomes: `published`, `withheld`, `rejected`.
    pub outcomes: Vec<String>,
    /// Frames about which one of these was decided: `approve`, `reject`, `release`, `confirm`.
    pub decisions: Vec<String>,
}

impl Question {
    /// Whether only frames with a known place and time can be meant.
    #[must_use]
    pub fn needs_footprints(&self) -> bool {
        self.places.is_some() || self.from.is_some() || self.to.is_some()
    }

    /// What the index alone can say of a frame: quick, and never wrong with no.
    pub(super) fn may_mean(&self, record: &super::index::Record) -> bool {
        let after = |from: i64| record.at.is_some_and(|at| at >= from);
        let before = |to: i64| record.at.is_some_and(|at| at <= to);
        let numbered = |[first, last]: &[u32; 2]| (*first..=*last).contains(&record.frame);
        self.from.is_none_or(after)
            && self.to.is_none_or(before)
            && (self.frames.is_empty() || self.frames.iter().any(numbered))
            && self.places.as_ref().is_none_or(|places| {
                record
                    .degrees
                    .is_some_and(|degrees| places.may_touch(degrees))
            })
    }

    /// The numbers of the places that a frame saw; `None` where it is not meant, no number where no place was asked for.
    pub(super) fn places_of(
        &self,
        outlines: &[Vec<[f64; 2]>],
    ) -> Result<Option<Vec<u32>>, AnswersError> {
        let Some(places) = &self.places else {
            return Ok(Some(Vec::new()));
        };
        let touched = places.touched(outlines)?;
        Ok((!touched.is_empty()).then_some(touched))
    }
}

/// Seconds since 1970 of `2026-01-15T22:30:00Z`, of the same with another offset from UTC, or of a day: its first second, or with `is_end` its last.
#[must_use]
pub fn parse_time(text: &str, is_end: bool) -> Option<i64> {
    // A date is read from a whole time too.
    let day = text.parse::<jiff::civil::Date>().ok();
    if let Some(day) = day.filter(|day| day.to_string() == text) {
        let utc = jiff::tz::Offset::UTC;
        let first = utc.to_timestamp(day.at(0, 0, 0, 0)).ok()?.as_second();
        return Some(if is_end { first + 86_399 } else { first });
    }
    Some(text.parse::<jiff::Timestamp>().ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_offset_and_days_have_two_ends() {
        // date -u -d 2026-01-15T22:30:00 +%s
        assert_eq!(
            parse_time("2026-01-15T22:30:00Z", false),
            Some(1_768_516_200)
        );
        assert_eq!(
            parse_time("2026-01-15T23:30:00+01:00", true),
            Some(1_768_516_200)
        );
        assert_eq!(parse_time("2026-01-15T22:30:00", false), None, "no offset");
        assert_eq!(parse_time("2026-01-15", false), Some(1_768_435_200));
        assert_eq!(parse_time("2026-01-15", true), Some(1_768_521_599));
        assert_eq!(parse_time("yesterday", false), None);
    }
}
