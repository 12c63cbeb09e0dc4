//! Whether an EXIF block (TIFF 6.0, section 2) may be given to the reader of EXIF.
//!
//! In: a block that nobody trusts. Out: yes or no. The reader follows every pointer and keeps a copy of every value that it is asked for: directories
//! and values that overlap let 64 KB ask for gigabytes. Those of an honest file lie side by side, so that together they are hardly longer than it.

use std::collections::HashSet;

use super::bytes::Endian;

/// Entries of all directories; cameras write some hundred.
const MOST_ENTRIES: usize = 4096;
/// Bytes of all texts; the reader takes 40 for each that is zero.
const LONGEST_TEXT: usize = 1 << 16;
/// By how much values may be longer than the block: writers let two tags share one.
const SHARED: usize = 2;
/// Directories below others: EXIF, GPS, interoperability (EXIF 3.0, section 4.6.3).
const POINTERS: [u16; 3] = [34_665, 34_853, 40_965];
/// Bytes of one value by type, from type 0 on; other types are not read.
const SIZES: [usize; 14] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];
const ASCII: u16 = 2;
const ENTRY: usize = 12;

/// Whether reading the whole block takes memory of its own order.
pub(super) fn is_honest(block: &[u8]) -> bool {
    let endian = if block.starts_with(b"II") {
        Endian::Little
    } else {
        Endian::Big
    };
    let (mut entries, mut bytes, mut text) = (0_usize, 0_usize, 0_usize);
    let mut seen = HashSet::new();
    let mut open: Vec<u32> = endian.u32(block, 4).into_iter().collect();
    while let Some(directory) = open.pop() {
        let at = usize::try_from(directory).unwrap_or(usize::MAX);
        let count = endian.u16(block, at);
        let (Some(count), true) = (count, seen.insert(directory)) else {
            continue;
        };
        entries += 1;
        if entries > MOST_ENTRIES {
            return false;
        }
        for number in 0..usize::from(count) {
            entries += 1;
            let Some(entry) = Entry::at(block, endian, at + 2 + number * ENTRY) else {
                break;
            };
            bytes = bytes.saturating_add(entry.size);
            text += if entry.kind == ASCII { entry.size } else { 0 };
            if POINTERS.contains(&entry.tag) {
                open.extend(entry.number(block, endian));
            }
            if entries > MOST_ENTRIES
                || text > LONGEST_TEXT
                || bytes > block.len().saturating_mul(SHARED)
            {
                return false;
            }
        }
        let next = endian.u32(block, at + 2 + usize::from(count) * ENTRY);
        open.extend(next.filter(|next| *next != 0));
    }
    true
}

struct Entry {
    tag: u16,
    kind: u16,
    /// Bytes of its values outside the entry; 0 where they lie in it or past the end of the block, where nobody reads them.
    size: usize,
    /// Where its values are.
    place: usize,
}

impl Entry {
    fn at(block: &[u8], endian: Endian, at: usize) -> Option<Self> {
        let (tag, kind) = (endian.u16(block, at)?, endian.u16(block, at + 2)?);
        let count = usize::try_from(endian.u32(block, at + 4)?).ok()?;
        let place = usize::try_from(endian.u32(block, at + 8)?).ok()?;
        let one = SIZES.get(usize::from(kind)).copied().unwrap_or_default();
        let size = one.saturating_mul(count);
        let inside = size <= 4;
        let is_read = !inside
            && place
                .checked_add(size)
                .is_some_and(|end| end <= block.len());
        Some(Self {
            tag,
            kind,
            size: if is_read { size } else { 0 },
            place: if inside { at + 8 } else { place },
        })
    }

    /// Its first value, where that is a whole number.
    fn number(&self, block: &[u8], endian: Endian) -> Option<u32> {
        match self.kind {
            1 => block.get(self.place).copied().map(u32::from),
            3 => endian.u16(block, self.place).map(u32::from),
            _ => endian.u32(block, self.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory at byte 8 whose entries all have one tag, type, count and value, then `tail`.
    fn block(entries: u16, [tag, kind]: [u16; 2], count: u32, value: u32, tail: &[u8]) -> Vec<u8> {
        let mut block = b"II*\0\x08\0\0\0".to_vec();
        block.extend(entries.to_le_bytes());
        for _ in 0..entries {
            block.extend([tag, kind].map(u16::to_le_bytes).concat());
            block.extend([count, value].map(u32::to_le_bytes).concat());
        }
        block.extend([0; 4]);
        block.extend(tail);
        block
    }

    #[test]
    fn values_that_lie_side_by_side_are_read() {
        assert!(is_honest(&block(
            1,
            [37_500, 7],
            60_000,
            26,
            &vec![7; 60_000]
        )));
        assert!(is_honest(&block(1, [271, 2], 60_000, 26, &vec![0; 60_000])));
        // Two tags with one value; a value past the end.
        assert!(is_honest(&block(2, [282, 5], 1, 38, &[0; 8])));
        assert!(is_honest(&block(1, [271, 2], u32::MAX, 26, &[])));
        for nothing in [&b""[..], b"II*\0", b"II*\0\x08\0\0\0"] {
            assert!(is_honest(nothing));
        }
    }

    /// 5,000 entries in 60 KB that each claim all of it would be 300 MB.
    #[test]
    fn values_that_overlap_are_refused() {
        assert!(!is_honest(&block(1000, [37_500, 7], 12_000, 8, &[])));
        assert!(!is_honest(&block(
            1,
            [271, 2],
            70_000,
            26,
            &vec![0; 70_000]
        )));
    }

    /// Pointers into a field of pointers: each is a directory of all that follow it.
    #[test]
    fn directories_that_overlap_are_refused() {
        let mut many = b"II*\0\x08\0\0\0".to_vec();
        many.extend(400_u16.to_le_bytes());
        for number in 0..4000_u32 {
            many.extend([34_665_u16, 4].map(u16::to_le_bytes).concat());
            many.extend([1, 10 + number * 12].map(u32::to_le_bytes).concat());
        }
        assert!(!is_honest(&many));
    }

    /// Six bytes each, and each leads to the next.
    #[test]
    fn a_chain_of_empty_directories_is_refused() {
        let mut chain = b"II*\0\x08\0\0\0".to_vec();
        for number in 1..=2 * u32::try_from(MOST_ENTRIES).unwrap() {
            chain.extend(0_u16.to_le_bytes());
            chain.extend((8 + 6 * number).to_le_bytes());
        }
        assert!(!is_honest(&chain));
    }

    #[test]
    fn a_circle_of_directories_ends() {
        let mut circle = block(1, [34_665, 4], 1, 8, &[]);
        let end = circle.len() - 4;
        circle[end..].copy_from_slice(&8_u32.to_le_bytes());
        assert!(is_honest(&circle));
    }
}
