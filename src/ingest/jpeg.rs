//! The segments of a JPEG file before its picture data (ITU-T T.81, annex B), tolerant of what cameras do:
//! fill bytes between segments and garbage after them (DOMAIN section 1.1).

use super::Limits;

/// One segment: its marker and its payload, without the length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    pub(super) payload: &'a [u8],
}

/// Marker of application segment `n`.
pub(super) const fn app(n: u8) -> u8 {
    0xE0 + n
}

const START_OF_IMAGE: [u8; 2] = [0xFF, 0xD8];
const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;

/// What stands before the picture data, and whether something stands after it.
#[derive(Debug)]
pub(super) struct Jpeg<'a> {
    pub(super) segments: Vec<Segment<'a>>,
    /// Bytes after the end of the picture.
    pub(super) trailer: bool,
    /// The file ends inside a segment.
    pub(super) truncated: bool,
}

impl<'a> Jpeg<'a> {
    /// Whether `bytes` start like a JPEG file.
    pub(super) fn is(bytes: &[u8]) -> bool {
        bytes.starts_with(&START_OF_IMAGE)
    }

    /// Walks over the segments; every input gives a list.
    pub(super) fn parse(bytes: &'a [u8], limits: &Limits) -> Self {
        let mut jpeg = Self {
            segments: Vec::new(),
            trailer: false,
            truncated: false,
        };
        let mut at = START_OF_IMAGE.len();
        while jpeg.segments.len() < limits.max_segments {
            let Some(marker_at) = next_marker(bytes, at) else {
                jpeg.truncated = true;
                break;
            };
            let marker = bytes.get(marker_at).copied().unwrap_or_default();
            if marker == START_OF_SCAN || marker == END_OF_IMAGE {
                jpeg.trailer = has_trailer(bytes.get(marker_at..).unwrap_or_default());
                break;
            }
            if is_standalone(marker) {
                at = marker_at + 1;
                continue;
            }
            let Some(&[high, low]) = bytes.get(marker_at + 1..marker_at + 3) else {
                jpeg.truncated = true;
                break;
            };
            let end = marker_at + 1 + usize::from(u16::from_be_bytes([high, low])).max(2);
            let Some(payload) = bytes.get(marker_at + 3..end) else {
                jpeg.truncated = true;
                break;
            };
            jpeg.segments.push(Segment { marker, payload });
            at = end;
        }
        jpeg
    }

    /// Payloads of the application segments `n`.
    pub(super) fn app(&self, n: u8) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.segments
            .iter()
            .filter(move |segment| segment.marker == app(n))
            .map(|segment| segment.payload)
    }
}

/// Position of the marker's second byte at or after `at`, over fill bytes and garbage.
fn next_marker(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let found = rest
        .windows(2)
        .position(|pair| matches!(pair, [0xFF, second] if *second != 0x00 && *second != 0xFF))?;
    Some(at + found + 1)
}

/// Markers without a length: restart markers, start of image, TEM.
fn is_standalone(marker: u8) -> bool {
    matches!(marker, 0xD0..=0xD8 | 0x01)
}

/// Whether anything stands after the first end of image in `scan`.
fn has_trailer(scan: &[u8]) -> bool {
    let end = memchr::memmem::find(scan, &[0xFF, END_OF_IMAGE]);
    end.is_some_and(|end| end + 2 < scan.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Vec<(u8, usize)> {
        let jpeg = Jpeg::parse(bytes, &Limits::default());
        jpeg.segments
            .iter()
            .map(|segment| (segment.marker, segment.payload.len()))
            .collect()
    }

    #[test]
    fn fill_bytes_and_garbage_between_segments_are_passed_over() {
        let bytes = [
            0xFF, 0xD8, 0xFF, 0xFF, 0xFF, 0xE1, 0, 4, 7, 7, 1, 2, 3, 0xFF, 0, 9, 0xFF, 0xE3, 0, 3,
            5, 0xFF, 0xDA,
        ];
        assert_eq!(parse(&bytes), [(0xE1, 2), (0xE3, 1)]);
    }

    #[test]
    fn every_prefix_gives_a_list() {
        let bytes = [
            0xFF, 0xD8, 0xFF, 0xE1, 0, 4, 7, 7, 0xFF, 0xE3, 0, 3, 5, 0xFF, 0xDA, 1, 0xFF, 0xD9, 3,
        ];
        for len in 0..=bytes.len() {
            let jpeg = Jpeg::parse(&bytes[..len], &Limits::default());
            assert!(jpeg.segments.len() <= 2);
        }
        assert!(Jpeg::parse(&bytes, &Limits::default()).trailer);
    }

    #[test]
    fn a_length_below_two_does_not_stop_the_walk() {
        assert_eq!(
            parse(&[0xFF, 0xD8, 0xFF, 0xE1, 0, 0, 0xFF, 0xDA]),
            [(0xE1, 0)]
        );
    }
}
