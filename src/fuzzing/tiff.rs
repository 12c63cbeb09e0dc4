//! TIFF structures in which as much is right as the bytes choose (TIFF 6.0): directories that point at each other and at anything.

use arbitrary::{Result, Unstructured};

/// Tags that somebody reads, and some that nobody should.
const TAGS: [u16; 32] = [
    254, 256, 257, 258, 259, 262, 269, 271, 272, 273, 277, 278, 279, 284, 306, 317, 322, 323, 324,
    325, 330, 339, 700, 34_665, 34_853, 36_867, 37_386, 37_500, 41_989, 2, 4, 6,
];
/// Bytes that one value of each type takes.
const SIZES: [usize; 14] = [1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];

struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    value: [u8; 4],
}

/// A file, or what stands behind `Exif` in a JPEG file.
pub(super) fn tiff(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let big = from.ratio(1_u8, 4)?;
    let picture = from.ratio(7_u8, 8)?;
    let directories = from.int_in_range(1..=4)?;
    let mut all = Vec::new();
    for number in 0..directories {
        let mut entries = Vec::new();
        if picture && number == 0 {
            entries = picture_tags(from, big)?;
        }
        for _ in 0..from.int_in_range(0..=10)? {
            let entry = entry(from, big)?;
            entries.retain(|other: &Entry| other.tag != entry.tag);
            entries.push(entry);
        }
        if from.ratio(15_u8, 16)? {
            entries.sort_by_key(|entry| entry.tag);
        }
        all.push(entries);
    }
    let bytes16 = |value: u16| {
        if big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let bytes32 = |value: u32| {
        if big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let mut file = if big {
        b"MM\0*".to_vec()
    } else {
        b"II*\0".to_vec()
    };
    file.extend(bytes32(8));
    for (number, entries) in all.iter().enumerate() {
        let size = u32::try_from(2 + entries.len() * 12 + 4).unwrap_or_default();
        let next = u32::try_from(file.len()).unwrap_or_default() + size;
        file.extend(bytes16(u16::try_from(entries.len()).unwrap_or_default()));
        for entry in entries {
            file.extend(bytes16(entry.tag));
            file.extend(bytes16(entry.kind));
            file.extend(bytes32(entry.count));
            file.extend(entry.value);
        }
        // More pictures than one are refused: mostly the chain ends at once.
        let goes_on = number + 1 < all.len() && from.ratio(1_u8, 8)?;
        file.extend(bytes32(if goes_on { next } else { 0 }));
    }
    let samples = from.int_in_range(0..=512)?;
    file.resize(file.len().max(OFFSET as usize), 0);
    let given = samples.min(from.len());
    file.extend(from.bytes(given)?);
    file.resize(OFFSET as usize + samples, 77);
    Ok(file)
}

/// Where picture data begins.
const OFFSET: u32 = 1024;

/// The tags of a small grey picture, 16-bit or float.
fn picture_tags(from: &mut Unstructured<'_>, big: bool) -> Result<Vec<Entry>> {
    let (width, height) = (
        from.int_in_range(1..=16_u32)?,
        from.int_in_range(1..=16_u32)?,
    );
    let float: bool = from.arbitrary()?;
    let (bits, format) = if float { (32, 3) } else { (16, 1) };
    let packing = *from.choose(&[1, 1, 1, 5, 8, 32_773])?;
    let tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, packing),
        (262, 3, 1),
        (273, 4, OFFSET),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, width * height * bits / 8),
        (339, 3, format),
    ];
    let entries = tags.map(|(tag, kind, value)| Entry {
        tag,
        kind,
        count: 1,
        value: inline(kind, value, big),
    });
    Ok(entries.into())
}

/// A value as it stands in an entry.
fn inline(kind: u16, value: u32, big: bool) -> [u8; 4] {
    match (kind, big) {
        (3, true) => (value << 16).to_be_bytes(),
        (_, true) => value.to_be_bytes(),
        (_, false) => value.to_le_bytes(),
    }
}

fn entry(from: &mut Unstructured<'_>, big: bool) -> Result<Entry> {
    let tag = if from.ratio(15_u8, 16)? {
        *from.choose(&TAGS)?
    } else {
        from.arbitrary()?
    };
    let kind = from.int_in_range(0..=13_u16)?;
    let size = SIZES.get(usize::from(kind)).copied().unwrap_or(1);
    let count = match from.int_in_range(0..=7)? {
        0 => from.arbitrary()?,
        1 => u32::MAX,
        few => few,
    };
    // Values that fit lie in the entry, others anywhere: in a directory, in the data, past the end.
    let fits = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_mul(size)
        <= 4;
    let value = if fits || from.ratio(1_u8, 8)? {
        from.arbitrary()?
    } else {
        inline(4, from.int_in_range(0..=OFFSET + 512)?, big)
    };
    Ok(Entry {
        tag,
        kind,
        count,
        value,
    })
}
