//! Directories of TIFF files and EXIF blocks with more tags than they had.

/// A TIFF structure, either byte order.
pub(crate) struct Tiff {
    bytes: Vec<u8>,
    is_little: bool,
}

/// Tag, type and bytes of a value.
pub(crate) type Tag = (u16, u16, Vec<u8>);

/// Directories below the first, by the tag that points to them.
pub(crate) const EXIF: u16 = 0x8769;
pub(crate) const GPS: u16 = 0x8825;
pub(crate) const SUB: u16 = 330;

/// Where the strips of a picture are, and how long.
const STRIP_OFFSETS: u16 = 273;
const STRIP_LENGTHS: u16 = 279;

/// Types of values (TIFF 6.0, section 2): ASCII and undefined.
pub(crate) const ASCII: u16 = 2;
pub(crate) const BYTES: u16 = 1;
pub(crate) const UNDEFINED: u16 = 7;

impl Tiff {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let is_little = bytes.starts_with(b"II");
        assert!(is_little || bytes.starts_with(b"MM"));
        Self {
            bytes: bytes.to_vec(),
            is_little,
        }
    }

    fn u16(&self, at: usize) -> u16 {
        let two = [self.bytes[at], self.bytes[at + 1]];
        if self.is_little {
            u16::from_le_bytes(two)
        } else {
            u16::from_be_bytes(two)
        }
    }

    fn u32(&self, at: usize) -> u32 {
        let four = self.bytes[at..at + 4].try_into().unwrap();
        if self.is_little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        }
    }

    fn put16(&mut self, value: u16) {
        let bytes = if self.is_little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        };
        self.bytes.extend(bytes);
    }

    fn four(&self, value: usize) -> [u8; 4] {
        let value = u32::try_from(value).unwrap();
        if self.is_little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    }

    /// Entries of a directory as they stand, and what follows it.
    fn entries(&self, at: usize) -> (Vec<[u8; 12]>, usize) {
        let count = usize::from(self.u16(at));
        let entry = |index: usize| self.bytes[at + 2 + 12 * index..][..12].try_into().unwrap();
        let next = self.u32(at + 2 + 12 * count);
        ((0..count).map(entry).collect(), next as usize)
    }

    fn tag_of(&self, entry: &[u8; 12]) -> u16 {
        let two = [entry[0], entry[1]];
        if self.is_little {
            u16::from_le_bytes(two)
        } else {
            u16::from_be_bytes(two)
        }
    }

    /// Writes a directory with more tags at the end; returns where.
    fn moved(&mut self, at: usize, added: &[Tag], pointers: &[(u16, usize)]) -> usize {
        let (mut entries, next) = self.entries(at);
        entries.retain(|entry| {
            let tag = self.tag_of(entry);
            !added.iter().any(|new| new.0 == tag) && !pointers.iter().any(|new| new.0 == tag)
        });
        for (tag, kind, value) in added {
            let place = if value.len() <= 4 {
                let mut inline = value.clone();
                inline.resize(4, 0);
                inline.try_into().unwrap()
            } else {
                let at = self.bytes.len();
                self.bytes.extend(value);
                self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
                self.four(at)
            };
            entries.push(self.entry(*tag, *kind, value.len(), place));
        }
        for (tag, at) in pointers {
            entries.push(self.entry(*tag, 4, 1, self.four(*at)));
        }
        entries.sort_by_key(|entry| self.tag_of(entry));
        let at = self.bytes.len();
        self.put16(u16::try_from(entries.len()).unwrap());
        self.bytes.extend(entries.concat());
        let next = self.four(next);
        self.bytes.extend(next);
        at
    }

    fn entry(&self, tag: u16, kind: u16, count: usize, place: [u8; 4]) -> [u8; 12] {
        let two = |value: u16| {
            if self.is_little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            }
        };
        let parts = [&two(tag)[..], &two(kind), &self.four(count), &place].concat();
        parts.try_into().unwrap()
    }

    fn pointer(&self, tag: u16) -> Option<usize> {
        let (entries, _) = self.entries(self.u32(4) as usize);
        let entry = entries.iter().find(|entry| self.tag_of(entry) == tag)?;
        let four = entry[8..].try_into().unwrap();
        Some(if self.is_little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        } as usize)
    }

    /// Writes a directory; returns where.
    fn directory(&mut self, tags: &[Tag]) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
        // No entries and none that follows.
        let empty = self.bytes.len();
        self.bytes.extend([0; 6]);
        self.moved(empty, tags, &[])
    }

    /// The same structure with more tags in its first, EXIF and GPS directories, and one more directory below the first.
    pub(crate) fn with(mut self, main: &[Tag], exif: &[Tag], gps: &[Tag], sub: &[Tag]) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
        let mut pointers = vec![(SUB, self.directory(sub))];
        for (tag, added) in [(EXIF, exif), (GPS, gps)] {
            let at = self.pointer(tag).expect("both directories are there");
            pointers.push((tag, self.moved(at, added, &[])));
        }
        let first = self.u32(4) as usize;
        let at = self.moved(first, main, &pointers);
        let at = self.four(at);
        self.bytes[4..8].copy_from_slice(&at);
        self.bytes
    }

    /// The same structure with its first strips at the end, and a text behind each of them.
    pub(crate) fn spaced(mut self, texts: &[String]) -> Vec<u8> {
        let places = [STRIP_OFFSETS, STRIP_LENGTHS].map(|tag| self.pointer(tag).unwrap());
        for (text, at) in texts.iter().zip((0..).step_by(4)) {
            let [offset, length] = places.map(|list| self.u32(list + at) as usize);
            let strip = self.bytes[offset..][..length].to_vec();
            let moved = self.four(self.bytes.len());
            self.bytes[places[0] + at..][..4].copy_from_slice(&moved);
            self.bytes.extend([&strip, text.as_bytes()].concat());
        }
        self.bytes
    }

    /// The same structure with a second page.
    pub(crate) fn paged(mut self, tags: &[Tag]) -> Vec<u8> {
        let first = self.u32(4) as usize;
        let count = usize::from(self.u16(first));
        let page = self.directory(tags);
        let next = self.four(page);
        self.bytes[first + 2 + 12 * count..][..4].copy_from_slice(&next);
        self.bytes
    }
}

/// The XMP packet of a TIFF file's first directory (tag 700).
pub(crate) fn packet(tiff: &[u8]) -> Vec<u8> {
    let tiff = Tiff::new(tiff);
    let (entries, _) = tiff.entries(tiff.u32(4) as usize);
    let entry = entries
        .iter()
        .find(|entry| tiff.tag_of(entry) == 700)
        .unwrap();
    let four = |at: usize| {
        let four = entry[at..at + 4].try_into().unwrap();
        if tiff.is_little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        }
    };
    tiff.bytes[four(8) as usize..][..four(4) as usize].to_vec()
}
