//! A set of frame numbers: a bit each, so that a million frames take less than a megabyte.

use std::collections::BTreeMap;

/// Frame numbers, by the word of 64 in which their bit stands. Memory follows what is inserted, not how large it is.
#[derive(Debug, Default)]
pub(super) struct FrameSet {
    words: BTreeMap<u32, u64>,
    count: u32,
}

impl FrameSet {
    /// Adds a frame; tells whether it is new.
    pub(super) fn insert(&mut self, frame: u32) -> bool {
        let (word, bit) = place(frame);
        let word = self.words.entry(word).or_default();
        let new = *word & bit == 0;
        *word |= bit;
        self.count += u32::from(new);
        new
    }

    /// Adds the frames of an inclusive range; tells the first that was there before.
    pub(super) fn insert_all(&mut self, range: [u32; 2]) -> Option<u32> {
        let mut again = None;
        for (word, bits) in words(range) {
            let held = self.words.entry(word).or_default();
            let both = *held & bits;
            if both != 0 && again.is_none() {
                again = Some(word * 64 + both.trailing_zeros());
            }
            self.count += (bits & !*held).count_ones();
            *held |= bits;
        }
        again
    }

    /// Whether it holds a frame.
    pub(super) fn contains(&self, frame: u32) -> bool {
        let (word, bit) = place(frame);
        self.words.get(&word).is_some_and(|word| word & bit != 0)
    }

    /// Frames in it.
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// Whether it holds all frames of an inclusive range. It stops at the first that is not there.
    pub(super) fn holds(&self, [first, last]: [u32; 2]) -> bool {
        if first > last {
            return true;
        }
        let mut held = self.words.range(first / 64..=last / 64);
        words([first, last]).all(|(word, bits)| {
            let held = held.next().filter(|(held, _)| **held == word);
            held.is_some_and(|(_, held)| held & bits == bits)
        })
    }

    /// The first frame of this set that is not in `other`.
    pub(super) fn beyond(&self, other: &Self) -> Option<u32> {
        self.words.iter().find_map(|(word, bits)| {
            let left = bits & !other.words.get(word).unwrap_or(&0);
            (left != 0).then(|| word * 64 + left.trailing_zeros())
        })
    }
}

fn place(frame: u32) -> (u32, u64) {
    (frame / 64, 1 << (frame % 64))
}

/// The words of an inclusive range, each with its bits that lie in the range.
fn words([first, last]: [u32; 2]) -> impl Iterator<Item = (u32, u64)> {
    let (low, high) = (first / 64, last / 64);
    (low..=high).map(move |word| {
        let from = if word == low { first % 64 } else { 0 };
        let to = if word == high { last % 64 } else { 63 };
        (word, (u64::MAX << from) & (u64::MAX >> (63 - to)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_inserted() {
        let mut set = FrameSet::default();
        let mut other = FrameSet::default();
        for frame in [0, 1, 2, 63, 64, 200] {
            assert!(set.insert(frame));
            assert!(!set.insert(frame));
        }
        other.insert(0);
        assert_eq!(
            (set.len(), set.contains(63), set.contains(65)),
            (6, true, false)
        );
        assert!(!set.contains(u32::MAX));
        assert!(set.holds([0, 2]) && set.holds([63, 64]));
        assert!(!set.holds([2, 3]) && !set.holds([0, u32::MAX]));
        assert!(set.holds([2, 2]) && !set.holds([3, 3]));
        assert!(set.holds([3, 2]) && set.holds([300, 3]), "no frame at all");
        assert_eq!((set.beyond(&other), other.beyond(&set)), (Some(1), None));
        for frame in [1, 2, 63, 64] {
            other.insert(frame);
        }
        assert_eq!(set.beyond(&other), Some(200));
    }

    #[test]
    fn ranges_are_those_of_their_frames() {
        let ends = [0, 1, 63, 64, 65, 127, 128, 200];
        let pairs = ends.iter().flat_map(|a| ends.iter().map(move |b| (*a, *b)));
        for (first, last) in pairs.filter(|(first, last)| first <= last) {
            let (mut whole, mut single) = (FrameSet::default(), FrameSet::default());
            whole.insert(130);
            single.insert(130);
            let range = first..=last;
            let again: Vec<u32> = range.filter(|frame| !single.insert(*frame)).collect();
            assert_eq!(whole.insert_all([first, last]), again.first().copied());
            assert_eq!((whole.len(), &whole.words), (single.len(), &single.words));
            assert!(whole.holds([first, last]) && !whole.holds([first, 300]));
        }
    }
}
