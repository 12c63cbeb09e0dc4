//! Files of cameras in which as much is right as the bytes choose: a TIFF, or a JPEG with the blocks of FLIR and DJI.

use std::fmt::Write as _;

use arbitrary::{Result, Unstructured};

use super::tiff::tiff;

/// Bytes of a DJI raw frame, and of one of its segments.
const DJI_FRAME: usize = 655_360;
const SEGMENT: usize = 65_000;

/// Any of the formats.
pub(super) fn file(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    if from.ratio(1_u8, 3)? {
        return tiff(from);
    }
    let mut file = vec![0xFF, 0xD8];
    for _ in 0..from.int_in_range(1..=4)? {
        segments(from, &mut file)?;
    }
    file.extend([0xFF, 0xDA, 0, 2, 1, 2, 3, 0xFF, 0xD9]);
    if from.ratio(1_u8, 8)? {
        let cut = from.int_in_range(0..=file.len())?;
        file.truncate(cut);
    }
    file.extend(from.take_rest_of(64)?);
    Ok(file)
}

/// One kind of segment, with what belongs to it.
fn segments(from: &mut Unstructured<'_>, file: &mut Vec<u8>) -> Result<()> {
    match from.int_in_range(0..=15)? {
        0..=2 => {
            let tags = tiff(from)?;
            segment(file, 0xE1, &[b"Exif\0\0", tags.as_slice()]);
        }
        3..=5 => {
            let packet = packet(from)?;
            segment(
                file,
                0xE1,
                &[b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()],
            );
        }
        6..=12 => {
            let block = fff(from)?;
            let pieces: Vec<&[u8]> = block.chunks(SEGMENT).collect();
            let last = u8::try_from(pieces.len().saturating_sub(1)).unwrap_or(u8::MAX);
            let last = if from.ratio(1_u8, 16)? {
                from.arbitrary()?
            } else {
                last
            };
            for (number, piece) in (0..).zip(pieces) {
                segment(file, 0xE1, &[b"FLIR\0\x01", &[number, last], piece]);
            }
        }
        13 => {
            let sample = [from.arbitrary::<u8>()? & 0xFC, from.arbitrary()?];
            let frame = sample.repeat(DJI_FRAME / 2);
            for piece in frame.chunks(SEGMENT) {
                segment(file, 0xE3, &[piece]);
            }
            let family = *from.choose(&[b"iirp", b"dirp", b"xxxx"])?;
            segment(file, 0xE4, &[&[0xFF, 0xD2, 0xD1, 0xFF], family]);
        }
        _ => {
            let kind = from.arbitrary::<u8>()? | 0xC0;
            let some = from.take_rest_of(32)?;
            segment(file, kind, &[some]);
        }
    }
    Ok(())
}

fn segment(file: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let payload = parts.concat();
    let length = u16::try_from(payload.len() + 2).unwrap_or(u16::MAX);
    file.extend([0xFF, marker]);
    file.extend(length.to_be_bytes());
    file.extend(payload);
}

/// A packet with values under the names that are read, and others.
fn packet(from: &mut Unstructured<'_>) -> Result<String> {
    const NAMES: [&str; 12] = [
        "GpsLatitude",
        "GpsLongitude",
        "GpsLongtitude",
        "RelativeAltitude",
        "AbsoluteAltitude",
        "GimbalYawDegree",
        "GimbalPitchDegree",
        "FlightYawDegree",
        "FlightPitchDegree",
        "RtkFlag",
        "RtkStdLon",
        "RtkStdLat",
    ];
    let mut packet = "<a xmlns:q='http://www.dji.com/drone-dji/1.0/' ".to_owned();
    for _ in 0..from.int_in_range(0..=12)? {
        let name = *from.choose(&NAMES)?;
        let value = if from.arbitrary()? {
            f64::from(from.int_in_range(-4000..=4000)?) / 20.0
        } else {
            from.arbitrary()?
        };
        let _ = write!(packet, "q:{name}='{value}' ");
    }
    packet.push_str("/>");
    Ok(packet)
}

/// FLIR's block: a directory with a raw record and one about the camera.
fn fff(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (raw, info) = (raw_record(from)?, camera_info(from)?);
    let start = 64 + 32 * 3;
    let mut block = b"FFF\0".to_vec();
    block.resize(0x14, 0);
    block.extend(100_u32.to_be_bytes());
    block.extend(64_u32.to_be_bytes());
    block.extend(from.int_in_range(1..=3_u32)?.to_be_bytes());
    block.resize(64, 0);
    let records = [
        (1_u16, start, raw.len()),
        (32, start + raw.len(), info.len()),
        (14, 0, 9),
    ];
    for (kind, offset, length) in records {
        let mut place = |value: usize| -> Result<[u8; 4]> {
            let odd = from.ratio(1_u8, 32)?;
            let value = u32::try_from(value).unwrap_or_default();
            Ok(if odd {
                from.arbitrary()?
            } else {
                value.to_be_bytes()
            })
        };
        let at = block.len();
        block.extend(kind.to_be_bytes());
        block.resize(at + 12, 0);
        block.extend(place(offset)?);
        block.extend(place(length)?);
        block.resize(at + 32, 0);
    }
    Ok([block, raw, info].concat())
}

/// Counts as they are, as PNG, as TIFF.
fn raw_record(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (width, height) = (
        from.int_in_range(1..=12_u16)?,
        from.int_in_range(1..=12_u16)?,
    );
    let mut record = [2_u16, width, height].map(u16::to_le_bytes).concat();
    record.resize(32, 0);
    let bytes = usize::from(width) * usize::from(height) * 2;
    let counts = [from.arbitrary::<u8>()?, from.arbitrary()?].repeat(bytes / 2);
    match from.int_in_range(0..=3)? {
        0 => record.extend(tiff(from)?),
        1 => record.extend(png(width, height, &counts)),
        _ => record.extend(counts),
    }
    if from.ratio(1_u8, 4)? {
        let at = from.int_in_range(0..=record.len() - 1)?;
        if let Some(byte) = record.get_mut(at) {
            *byte ^= from.arbitrary::<u8>()?;
        }
    }
    Ok(record)
}

fn png(width: u16, height: u16, counts: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width.into(), height.into());
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    let written = encoder.write_header();
    let _ = written.and_then(|mut writer| writer.write_image_data(counts));
    file
}

/// Planck's constants and the atmosphere; some of them any float.
fn camera_info(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut record = vec![0; 0x460];
    let mut put = |at: usize, bytes: [u8; 4]| {
        record.splice(at..at + 4, bytes);
    };
    put(0, [2, 0, 0, 0]);
    let floats = [
        (0x20, 0.95),
        (0x24, 50.0),
        (0x28, 293.15),
        (0x2c, 283.15),
        (0x30, 293.15),
        (0x34, 1.0),
        (0x3c, 0.5),
        (0x58, 21_106.77),
        (0x5c, 1501.0),
        (0x60, 1.0),
        (0x70, 0.006_569),
        (0x74, 0.012_62),
        (0x78, -0.002_276),
        (0x7c, -0.006_67),
        (0x80, 1.9),
        (0x30c, 0.012_545),
    ];
    for (at, value) in floats {
        let value: f32 = if from.ratio(1_u8, 16)? {
            from.arbitrary()?
        } else {
            value
        };
        put(at, value.to_le_bytes());
    }
    put(0x308, (-7340_i32).to_le_bytes());
    Ok(record)
}

/// At most some of what is left.
trait TakeSome<'a> {
    fn take_rest_of(&mut self, most: usize) -> Result<&'a [u8]>;
}

impl<'a> TakeSome<'a> for Unstructured<'a> {
    fn take_rest_of(&mut self, most: usize) -> Result<&'a [u8]> {
        let count = self.int_in_range(0..=most)?.min(self.len());
        self.bytes(count)
    }
}
