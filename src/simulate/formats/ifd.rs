//! Little-endian TIFF directories: the inside of EXIF and MPF segments.
//!
//! In: tags and values. Out: bytes with offsets that hold at a given place. Refuses: nothing.

/// A directory under construction; tags are written in ascending order.
#[derive(Debug, Default)]
pub(super) struct Ifd {
    entries: Vec<(u16, u16, u32, Vec<u8>)>,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "segments are shorter than 64 KiB"
)]
impl Ifd {
    pub(super) fn ascii(mut self, tag: u16, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.entries.push((tag, 2, bytes.len() as u32, bytes));
        self
    }

    pub(super) fn bytes(mut self, tag: u16, bytes: &[u8]) -> Self {
        self.entries
            .push((tag, 1, bytes.len() as u32, bytes.to_vec()));
        self
    }

    pub(super) fn undefined(mut self, tag: u16, bytes: &[u8]) -> Self {
        self.entries
            .push((tag, 7, bytes.len() as u32, bytes.to_vec()));
        self
    }

    pub(super) fn short(mut self, tag: u16, value: u16) -> Self {
        self.entries.push((tag, 3, 1, value.to_le_bytes().to_vec()));
        self
    }

    pub(super) fn long(mut self, tag: u16, value: u32) -> Self {
        self.entries.push((tag, 4, 1, value.to_le_bytes().to_vec()));
        self
    }

    pub(super) fn rationals(mut self, tag: u16, values: &[(u32, u32)]) -> Self {
        let pairs = values.iter().flat_map(|(a, b)| [*a, *b]);
        let bytes = pairs.flat_map(u32::to_le_bytes).collect();
        self.entries.push((tag, 5, values.len() as u32, bytes));
        self
    }

    /// Length in bytes, values that do not fit into an entry included.
    pub(super) fn len(&self) -> u32 {
        let out = self.entries.iter().map(|entry| entry.3.len() as u32);
        let out: u32 = out.filter(|&len| len > 4).map(|len| len + len % 2).sum();
        6 + 12 * self.entries.len() as u32 + out
    }

    /// The directory as it stands at `offset`, followed by the directory at `next`.
    pub(super) fn at(mut self, offset: u32, next: u32) -> Vec<u8> {
        self.entries.sort_by_key(|entry| entry.0);
        let mut out = (self.entries.len() as u16).to_le_bytes().to_vec();
        let mut values = Vec::new();
        let first_value = offset + 6 + 12 * self.entries.len() as u32;
        for (tag, kind, count, bytes) in self.entries {
            out.extend(tag.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend(count.to_le_bytes());
            if bytes.len() > 4 {
                out.extend((first_value + values.len() as u32).to_le_bytes());
                values.extend(&bytes);
                values.resize(values.len().next_multiple_of(2), 0);
            } else {
                let mut inline = bytes;
                inline.resize(4, 0);
                out.extend(inline);
            }
        }
        out.extend(next.to_le_bytes());
        out.extend(values);
        out
    }
}
