//! How much the tags of an EXIF block would take up, before a library takes them up.
//!
//! In: a TIFF structure that may be anything. Out: whether its directories are few and its values no longer than the block. Refuses: to read a
//! value. Entries may name the same bytes again and again and directories may overlap, so that 64 KB of tags would become gigabytes; those of a
//! camera lie side by side.

use std::collections::HashSet;

use super::formats::Endian;

/// Directories and entries of all of them; cameras write five and some two hundred.
const MOST_DIRECTORIES: usize = 32;
const MOST_ENTRIES: usize = 4096;
/// Bytes of all texts. Each of their NULs becomes a text of its own, so that they grow most.
const MOST_TEXT: u64 = 1 << 20;

const ENTRY: usize = 12;
const ASCII: u16 = 2;
/// Tags whose values are directories: EXIF, GPS, interoperability (EXIF 3.0, section 4.6.3).
const POINTERS: [u16; 3] = [0x8769, 0x8825, 0xA005];

/// Whether the block may be handed to a library.
pub(super) fn is_bounded(block: &[u8]) -> bool {
    let endian = match block.get(..2) {
        Some(b"II") => Endian::Little,
        Some(b"MM") => Endian::Big,
        // No library reads it either.
        _ => return true,
    };
    let (mut entries, mut values, mut text) = (0, 0_u64, 0_u64);
    let mut seen = HashSet::new();
    let mut open: Vec<u32> = endian.u32(block, 4).into_iter().collect();
    while let Some(directory) = open.pop() {
        if directory == 0 || !seen.insert(directory) {
            continue;
        }
        if seen.len() > MOST_DIRECTORIES {
            return false;
        }
        let Ok(start) = usize::try_from(directory) else {
            continue;
        };
        let Some(count) = endian.u16(block, start).map(usize::from) else {
            continue;
        };
        for entry in 0..count {
            let at = start + 2 + entry * ENTRY;
            let (Some(tag), Some(kind), Some(number), Some(value)) = (
                endian.u16(block, at),
                endian.u16(block, at + 2),
                endian.u32(block, at + 4),
                endian.u32(block, at + 8),
            ) else {
                break;
            };
            entries += 1;
            if entries > MOST_ENTRIES {
                return false;
            }
            if POINTERS.contains(&tag) {
                open.push(value);
            }
            let length = u64::from(number) * size(kind);
            // Shorter ones lie in the entry; longer ones than the block are not read.
            if (5..=block.len() as u64).contains(&length) {
                values += length;
                text += if kind == ASCII { length } else { 0 };
            }
        }
        open.extend(endian.u32(block, start + 2 + count * ENTRY));
    }
    values <= block.len() as u64 && text <= MOST_TEXT
}

/// Bytes of one value of a type (TIFF 6.0, section 2); 0 for unknown types, which are not read.
fn size(kind: u16) -> u64 {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 => 4,
        5 | 10 | 12 => 8,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of one directory with these entries: tag, type, count, value or offset; then `rest`.
    fn block(entries: &[(u16, u16, u32, u32)], rest: &[u8]) -> Vec<u8> {
        let mut block = b"II*\0\x08\0\0\0".to_vec();
        block.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
        for (tag, kind, count, value) in entries {
            block.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            block.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        block.extend([0; 4]);
        block.extend(rest);
        block
    }

    #[test]
    fn values_side_by_side_are_bounded_and_the_same_bytes_again_are_not() {
        // Directory: 8 + 2 + 2 x 12 + 4 bytes.
        let beside = [(700, 7, 100, 38), (37500, 7, 100, 138)];
        assert!(is_bounded(&block(&beside, &[0; 200])));
        let again: Vec<_> = (0..10).map(|tag| (tag, 7, 100, 134)).collect();
        assert!(!is_bounded(&block(&again, &[0; 100])));
        assert!(is_bounded(&[]) && is_bounded(b"II*\0") && is_bounded(&[0xFF; 64]));
    }

    #[test]
    fn directories_that_lie_in_each_other_are_not_bounded() {
        // Pointers to every second byte of the block itself.
        let pointers: Vec<_> = (0..200_u32)
            .map(|number| (0x8769, 4, 1, 8 + 2 * number))
            .collect();
        assert!(!is_bounded(&block(&pointers, &[])));
        // One that points to itself is one directory.
        assert!(is_bounded(&block(&[(0x8769, 4, 1, 8)], &[])));
    }

    #[test]
    fn texts_of_nothing_but_ends_are_not_bounded() {
        let rest = vec![0; 2 << 20];
        let count = u32::try_from(rest.len()).unwrap();
        assert!(!is_bounded(&block(&[(270, 2, count, 26)], &rest)));
        assert!(is_bounded(&block(&[(270, 7, count, 26)], &rest)));
    }
}
