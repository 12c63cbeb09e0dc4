//! DJI R-JPEG of the `iirp` family (DOMAIN section 1.2), laid out as an M3T does.
//!
//! In: apparent temperatures. Out: a JPEG with the thermal frame in APP3. Refuses: nothing.

use super::super::SimulateError;
use super::{Stamp, exif, ifd::Ifd, jpeg, to_u16, xmp};

/// Encodes a frame.
pub(super) fn encode(celsius: &[f32], stamp: &Stamp) -> Result<Vec<u8>, SimulateError> {
    let picture = jpeg::picture(celsius);
    let exif = exif::segment(stamp, &jpeg::thumbnail(&picture)?);
    let main = jpeg::encode(&picture, 80)?;
    let preview = jpeg::encode(&picture, 70)?;
    let packet = [xmp::NAMESPACE, xmp::m3t(stamp).as_bytes()].concat();
    let before = [jpeg::segment(0xe1, &exif), jpeg::segment(0xe1, &packet)].concat();
    let samples: Vec<u8> = celsius
        .iter()
        .flat_map(|&value| counts(value).to_le_bytes())
        .collect();
    let mut after = Vec::with_capacity(samples.len() + 8192);
    for chunk in samples.chunks(jpeg::SEGMENT) {
        after.extend(jpeg::segment(0xe3, chunk));
    }
    after.extend(jpeg::segment(0xe4, &parameters()));
    after.extend(jpeg::segment(0xe5, &filler()));
    after.extend(jpeg::segment(
        0xe7,
        b"DJI-DBG\0[sensor_id:SIM00000000001]\0\0\0",
    ));
    let header = 4 + multi_picture(0, 0, 0).len();
    let main_len = before.len() + header + after.len() + main.len();
    let index_at = 2 + before.len() + 8;
    let index = multi_picture(main_len, preview.len(), main_len - index_at);
    let segments = [before, jpeg::segment(0xe2, &index), after].concat();
    Ok([jpeg::with_segments(&main, &segments), preview].concat())
}

/// `C = raw/64 - 273.15`, the low two bits zero.
fn counts(celsius: f32) -> u16 {
    to_u16((f64::from(celsius) + 273.15) * 16.0).min(16_383) << 2
}

/// APP4: family tag, then the measurement parameters at their factory settings (distance 5 m, emissivity
/// .95, humidity 50 %, reflected 25 °C), which nobody should apply.
fn parameters() -> Vec<u8> {
    let mut out = b"\xff\xd2\xd1\xffiirp\0".to_vec();
    out.resize(32, 0);
    for value in [25.0_f32, 5.0, 0.95, 0.5, 25.0] {
        out.extend(value.to_le_bytes());
    }
    out.resize(256, 0);
    out
}

/// APP5 stands for the vendor's calibration tables: a ramp without meaning.
fn filler() -> Vec<u8> {
    (0..1024_u16)
        .flat_map(|step| (step * 8).to_le_bytes())
        .collect()
}

/// The MPF index of two pictures; offsets count from its byte-order mark.
#[expect(clippy::cast_possible_truncation, reason = "files are a megabyte")]
fn multi_picture(main: usize, preview: usize, preview_at: usize) -> Vec<u8> {
    let mut entries = Vec::new();
    for (flags, size, offset, child) in [
        (0xa003_0000_u32, main, 0, 2_u16),
        (0x4001_0001, preview, preview_at, 0),
    ] {
        entries.extend(flags.to_le_bytes());
        entries.extend((size as u32).to_le_bytes());
        entries.extend((offset as u32).to_le_bytes());
        entries.extend(0_u16.to_le_bytes());
        entries.extend(child.to_le_bytes());
    }
    let index = Ifd::default()
        .undefined(0xb000, b"0100")
        .long(0xb001, 2)
        .undefined(0xb002, &entries)
        .undefined(0xb003, &[0; 66])
        .long(0xb004, 1);
    [b"MPF\0II*\0\x08\0\0\0".to_vec(), index.at(8, 0)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_the_iirp_rule() {
        // (0 + 273.15) * 64 = 17481.6, and the nearest multiple of four.
        assert_eq!(counts(0.0), 17_480);
        assert_eq!(counts(20.0) % 4, 0);
        assert!((f64::from(counts(-12.3)) / 64.0 - 273.15 + 12.3).abs() <= 1.0 / 32.0);
    }
}
