//! Tags of files as the fuzzer makes them, read as a decoder reads them.

use super::metadata::Tags;
use crate::frame::{Format, FrameMeta, Radiometry};

/// XMP packets, an EXIF block, or a block and packets: the first byte says which, a byte 0 parts them.
pub(crate) fn tags(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let tags = match kind % 3 {
        0 => Tags::read([], rest.split(|byte| *byte == 0)),
        1 => Tags::read([rest], []),
        _ => {
            let (block, packets) = rest.split_at(rest.len() / 2);
            Tags::read([block], packets.split(|byte| *byte == 0))
        }
    };
    check(&tags.meta(Format::DjiRjpeg, Radiometry::Celsius, Vec::new()));
}

/// What every later stage takes for granted: numbers are finite, places are on the earth.
pub(crate) fn check(meta: &FrameMeta) {
    let place = meta.position.iter().chain(&meta.exif_position);
    for position in place {
        assert!(position.latitude.0.abs() <= 90.0, "a latitude past a pole");
        assert!(
            position.longitude.0.abs() <= 180.0,
            "a longitude past the date line"
        );
        let stated = position.accuracy.iter().chain(&position.vertical_accuracy);
        assert!(
            stated.into_iter().all(|metres| metres.0 > 0.0),
            "an accuracy of nothing"
        );
    }
    let angles = meta.gimbal.iter().chain(&meta.flight);
    let angles = angles.flat_map(|attitude| [attitude.yaw.0, attitude.pitch.0, attitude.roll.0]);
    let heights = meta.relative_altitude.iter().map(|metres| metres.0);
    let height = meta.absolute_altitude.iter().map(|height| height.metres.0);
    let focal = meta.focal_length_mm.iter().copied();
    let mut numbers = angles.chain(heights).chain(height).chain(focal);
    assert!(
        numbers.all(f64::is_finite),
        "a number that is none went through"
    );
}
