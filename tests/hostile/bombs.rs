//! Files that promise more than they hold, hold more than they promise, or lead in a circle, written byte by byte.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::common::dji_frames;

/// A TIFF with one directory of entries (tag, type, count, value or offset), then the offset of the next one, then `rest`.
fn tiff(entries: &[(u16, u16, u32, u32)], next: u32, rest: &[u8]) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    tiff.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    for (tag, kind, count, value) in entries {
        tiff.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        tiff.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    tiff.extend(next.to_le_bytes());
    tiff.extend(rest);
    tiff
}

/// Where `rest` begins behind so many entries.
fn behind(entries: u32) -> u32 {
    8 + 2 + 12 * entries + 4
}

/// Entries of a grey picture in one strip at `at`; compression 1 is none, 8 is deflate; sample format 1 is whole, 3 is float.
fn picture(
    (width, height): (u32, u32),
    (bits, format): (u32, u32),
    compression: u32,
    (at, bytes): (u32, u32),
) -> Vec<(u16, u16, u32, u32)> {
    let tags = [256, 257, 258, 259, 262, 273, 277, 278, 279, 339];
    let values = [
        width,
        height,
        bits,
        compression,
        1,
        at,
        1,
        height,
        bytes,
        format,
    ];
    tags.into_iter()
        .zip(values)
        .map(|(tag, value)| (tag, 4, 1, value))
        .collect()
}

fn deflated(zeros: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let piece = vec![0; 1 << 20];
    for _ in 0..zeros >> 20 {
        encoder.write_all(&piece).unwrap();
    }
    encoder.finish().unwrap()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

/// A JPEG of these segments (marker, payload) without a picture.
fn jpeg<'a>(segments: impl IntoIterator<Item = (u8, &'a [u8])>) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8];
    for (marker, payload) in segments {
        jpeg.extend([0xFF, marker]);
        jpeg.extend(u16::try_from(payload.len() + 2).unwrap().to_be_bytes());
        jpeg.extend(payload);
    }
    jpeg.extend([0xFF, 0xDA, 0, 2, 1, 2, 3, 0xFF, 0xD9]);
    jpeg
}

/// The same with one more segment in front of all others.
fn with_segment(frame: &[u8], marker: u8, payload: &[u8]) -> Vec<u8> {
    let long = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [
        &frame[..2],
        &[0xFF, marker],
        &long[..],
        payload,
        &frame[2..],
    ]
    .concat()
}

/// A FLIR JPEG around an FFF block with records (kind, offset, length) and then `rest`.
fn flir(records: &[(u16, u32, u32)], rest: &[u8]) -> Vec<u8> {
    let mut fff = b"FFF\0".to_vec();
    fff.resize(0x14, 0);
    fff.extend(101_u32.to_be_bytes());
    fff.extend(64_u32.to_be_bytes());
    fff.extend(u32::try_from(records.len()).unwrap().to_be_bytes());
    fff.resize(64, 0);
    for (kind, offset, length) in records {
        let mut record = kind.to_be_bytes().to_vec();
        record.resize(12, 0);
        record.extend([offset.to_be_bytes(), length.to_be_bytes()].concat());
        record.resize(32, 0);
        fff.extend(record);
    }
    fff.extend(rest);
    let pieces: Vec<&[u8]> = fff.chunks(60_000).collect();
    let last = u8::try_from(pieces.len() - 1).unwrap();
    let chunk = |(index, piece): (usize, &&[u8])| {
        [
            b"FLIR\0\x01",
            &[u8::try_from(index).unwrap(), last][..],
            piece,
        ]
        .concat()
    };
    let chunks: Vec<Vec<u8>> = pieces.iter().enumerate().map(chunk).collect();
    jpeg(chunks.iter().map(|chunk| (0xE1, chunk.as_slice())))
}

/// A raw record of `width` x `height` with a PNG that says so of itself, then these chunks (kind, bytes).
fn png_record(record: (u16, u16), png: (u32, u32), chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut raw = [
        2_u16.to_le_bytes(),
        record.0.to_le_bytes(),
        record.1.to_le_bytes(),
    ]
    .concat();
    raw.resize(32, 0);
    raw.extend(b"\x89PNG\r\n\x1a\n");
    let sides = [png.0.to_be_bytes(), png.1.to_be_bytes()].concat();
    let header = (b"IHDR", [&sides[..], &[16, 0, 0, 0, 0]].concat());
    for (kind, bytes) in std::iter::once(&header).chain(chunks) {
        raw.extend(length(bytes).to_be_bytes());
        let body = [&kind[..], bytes].concat();
        raw.extend(&body);
        raw.extend(crc(&body).to_be_bytes());
    }
    raw
}

/// CRC-32 of PNG (ISO 15948, annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}

/// Tags that name the same bytes again and again.
fn again(count: u16, kind: u16, bytes: u32) -> Vec<u8> {
    let at = behind(count.into());
    let entries: Vec<_> = (0..count).map(|tag| (tag, kind, bytes, at)).collect();
    tiff(&entries, 0, &vec![0; bytes as usize])
}

/// Directories that begin at every second byte of each other.
fn nested(count: u32) -> Vec<u8> {
    let entries: Vec<_> = (0..count)
        .map(|number| (0x8769, 4, 1, 8 + 2 * number))
        .collect();
    tiff(&entries, 0, &[])
}

/// Elements that lie in each other, each with a namespace of its own.
fn deep_packet(elements: usize) -> Vec<u8> {
    (0..elements)
        .flat_map(|number| format!("<x:a xmlns:n{number}='u'>").into_bytes())
        .collect()
}

/// Files by name, and the reasons with which they may end.
pub(crate) fn bombs() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    const DAMAGED: &[&str] = &["malformed", "truncated"];
    let (whole, float) = ((16, 1), (32, 3));
    let at = behind(10);
    let strip = |bytes: &[u8]| (at, length(bytes));
    let (fitting, lying) = (deflated(64 << 20), deflated(200 << 20));
    let packet = deep_packet(1_000_000);
    let with_packet = [(700, 7, length(&packet), behind(11))];
    let small = picture((64, 64), float, 1, (behind(11), 64 * 64 * 4));
    let exif = |block: Vec<u8>| [&b"Exif\0\0"[..], &block].concat();
    let (_, frame) = dji_frames().remove(0);
    let info = vec![0; 0x400];
    let text = (b"zTXt", [&b"a\0\0"[..], &lying].concat());
    vec![
        (
            "ratio.tif",
            tiff(
                &picture((4096, 4096), float, 8, strip(&fitting)),
                0,
                &fitting,
            ),
            &["no-position"],
        ),
        (
            "lies.tif",
            tiff(&picture((64, 64), float, 8, strip(&lying)), 0, &lying),
            &["malformed", "truncated", "no-position"],
        ),
        (
            "huge.tif",
            tiff(
                &picture((100_000, 100_000), whole, 8, strip(&fitting)),
                0,
                &fitting,
            ),
            &["too-large"],
        ),
        (
            "wide.tif",
            tiff(&picture((u32::MAX, 1), whole, 1, (8, 8)), 0, &[]),
            &["too-large"],
        ),
        (
            "none.tif",
            tiff(&picture((0, u32::MAX), whole, 1, (8, 8)), 0, &[]),
            DAMAGED,
        ),
        (
            "circle.tif",
            tiff(
                &picture((64, 64), float, 1, (at, 64 * 64 * 4)),
                8,
                &vec![0; 64 * 64 * 4],
            ),
            DAMAGED,
        ),
        (
            "within.tif",
            {
                let mut entries = picture((64, 64), float, 1, (behind(11), 64 * 64 * 4));
                entries.insert(9, (330, 4, 1, 8));
                tiff(&entries, 0, &vec![0; 64 * 64 * 4])
            },
            &["no-position"],
        ),
        (
            "strips.tif",
            {
                let mut entries = picture((1, 4_000_000), whole, 1, (at, 8));
                entries[5] = (273, 4, 4_000_000, at);
                entries[7] = (278, 4, 1, 1);
                entries[8] = (279, 4, 4_000_000, at);
                tiff(&entries, 0, &vec![0; 16_000_000])
            },
            DAMAGED,
        ),
        (
            "bytes.tif",
            {
                let mut entries = picture((1000, 1000), whole, 1, (at, 8));
                entries[5] = (273, 1, 60_000_000, at);
                tiff(&entries, 0, &vec![0; 60_000_000])
            },
            DAMAGED,
        ),
        (
            "packet.tif",
            {
                let entries = [&small[..9], &with_packet, &small[9..]].concat();
                let mut entries = entries;
                entries.sort_unstable();
                tiff(&entries, 0, &packet)
            },
            &["no-position"],
        ),
        (
            "again.tif",
            {
                // A picture, and 40,000 tags that name the same megabyte.
                let at = behind(40_010);
                let mut entries = picture((64, 64), float, 1, (at, 64 * 64 * 4));
                entries.extend((1_000..41_000).map(|tag| (tag, 7, 1 << 20, at)));
                tiff(&entries, 0, &vec![0; 1 << 20])
            },
            &["no-position"],
        ),
        (
            "again.jpg",
            jpeg([(0xE1, exif(again(2_500, 2, 30_000)).as_slice())]),
            &["not-thermal"],
        ),
        (
            "nested.jpg",
            jpeg([(0xE1, exif(nested(5_000)).as_slice())]),
            &["not-thermal"],
        ),
        (
            "sides.jpg",
            jpeg([(0xC0, &[8, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 0x11, 0][..])]),
            &["not-thermal"],
        ),
        (
            "segments.jpg",
            jpeg((0..200_000).map(|_| (0xE1, &b"x"[..]))),
            &["not-thermal", "truncated"],
        ),
        (
            "packets.jpg",
            {
                let packet = [&b"http://ns.adobe.com/xap/1.0/\0"[..], &deep_packet(2_500)].concat();
                jpeg((0..4_000).map(|_| (0xE1, packet.as_slice())))
            },
            &["not-thermal"],
        ),
        (
            "tags.jpg",
            with_segment(&frame, 0xE1, &exif(again(2_500, 2, 30_000))),
            &["published", "duplicate"],
        ),
        (
            "png-sides.jpg",
            {
                let raw = png_record((640, 512), (60_000, 60_000), &[(b"IDAT", fitting.clone())]);
                flir(&[(1, 64 + 64, length(&raw)), (32, 64 + 64, 0x400)], &raw)
            },
            DAMAGED,
        ),
        (
            "png-text.jpg",
            {
                let raw = png_record(
                    (640, 512),
                    (640, 512),
                    &[text, (b"IDAT", deflated(1 << 20)), (b"IEND", vec![])],
                );
                flir(&[(1, 64 + 64, length(&raw)), (32, 64 + 64, 0x400)], &raw)
            },
            DAMAGED,
        ),
        (
            "raw-sides.jpg",
            {
                let raw = [2_u16, u16::MAX, u16::MAX].map(u16::to_le_bytes).concat();
                let rest = [raw, vec![0; 64], info.clone()].concat();
                flir(&[(1, 64 + 64, 70), (32, 64 + 64, 0x400)], &rest)
            },
            &["too-large"],
        ),
        (
            "records.jpg",
            flir(&[(1, u32::MAX, u32::MAX), (32, 0, u32::MAX)], &info),
            DAMAGED,
        ),
        (
            "overlap.jpg",
            flir(&[(1, 64, 2_000), (32, 64, 2_000), (1, 0, 10)], &info),
            DAMAGED,
        ),
    ]
}
