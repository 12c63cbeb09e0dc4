//! Files and results whose frames need more than one entry: an interruption may lie between two of them.

use crate::audit::{Entry, MOST_RANGES};

/// Drops the last file's entries where the last of them is full: it cannot be told whether all of them were written. The file is made and
/// logged again. Weather by frames is dropped whether or not its last entry is full: how much an entry holds of it depends on the weather.
pub(super) fn drop_unfinished_parts(entries: &mut Vec<Entry>) {
    let parts = |entry: &Entry| match entry {
        Entry::TileEmitted(tile) => {
            Some((tile.path.clone(), tile.source_frames.len() == MOST_RANGES))
        }
        Entry::Buildings(table) => Some((String::new(), table.source_frames.len() == MOST_RANGES)),
        Entry::HeatLoss(heat) => Some(("weather".into(), !heat.lines.is_empty())),
        _ => None,
    };
    let Some((last, true)) = entries.last().and_then(parts) else {
        return;
    };
    while entries
        .last()
        .and_then(parts)
        .is_some_and(|(path, _)| path == last)
    {
        entries.pop();
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use crate::audit::{RunResumed, TileEmitted};

    /// A part of a file with so many ranges of frames.
    fn part(path: &str, ranges: usize) -> Entry {
        Entry::TileEmitted(TileEmitted {
            path: path.into(),
            sha256: "00".repeat(32),
            bytes: 1,
            source_frames: vec![[0, 0]; ranges],
        })
    }

    #[test]
    fn weather_by_frames_is_dropped_as_a_whole_where_nothing_came_after_it() {
        let text = include_str!("../../docs/audit-log.md");
        let mut lines = text.lines();
        let line = lines
            .find(|line| line.contains(r#""type":"heatloss.parameters""#))
            .unwrap();
        let by_frames = Entry::from_line(line.as_bytes()).unwrap();
        let Entry::HeatLoss(mut alone) = by_frames.clone() else {
            panic!("{line}")
        };
        alone.lines.clear();
        let other = part("tiles/a", 5);
        let two = [by_frames.clone(), by_frames];
        assert_eq!(left([slice::from_ref(&other), &two[..]].concat()), 1);
        assert_eq!(left([&two[..], &[other]].concat()), 3);
        assert_eq!(left(vec![Entry::HeatLoss(alone)]), 1);
    }

    fn left(mut entries: Vec<Entry>) -> usize {
        drop_unfinished_parts(&mut entries);
        entries.len()
    }

    #[test]
    fn a_file_is_dropped_as_a_whole_where_its_last_part_may_be_missing() {
        let other = Entry::RunResumed(RunResumed { at: 1, frames: 0 });
        let (full, rest) = (part("tiles/a", MOST_RANGES), part("tiles/a", 5));
        let before = part("tiles/b", MOST_RANGES);
        // All of it was written.
        assert_eq!(left(vec![other.clone(), full.clone(), rest.clone()]), 3);
        assert_eq!(left(vec![rest.clone()]), 1);
        // Nobody knows.
        assert_eq!(left(vec![other.clone(), full.clone()]), 1);
        assert_eq!(
            left(vec![other.clone(), full.clone(), full.clone()]),
            1,
            "every part of it"
        );
        assert_eq!(left(vec![before.clone(), full.clone()]), 1, "no other file");
        // Something came after it.
        assert_eq!(left(vec![full, other.clone()]), 2);
        assert_eq!(left(vec![other]), 1);
        assert_eq!(left(vec![]), 0);
    }
}
