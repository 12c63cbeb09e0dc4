//! EXIF segments with a thumbnail, as DJI cameras write them.
//!
//! In: a stamp and a small JPEG. Out: the payload of an APP1 segment. Refuses: nothing.

use super::Stamp;
use super::ifd::Ifd;

/// Serial number that says what it is.
pub(super) const SERIAL: &str = "SIM0000000000000001";

/// Degrees, minutes and seconds as EXIF keeps them, to a thousandth of a second of arc (3 cm).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 180 degrees"
)]
pub(super) fn sexagesimal(degrees: f64) -> [(u32, u32); 3] {
    let thousandths = (degrees.abs() * 3_600_000.0).round() as u32;
    let (whole, rest) = (thousandths / 3_600_000, thousandths % 3_600_000);
    [(whole, 1), (rest / 60_000, 1), (rest % 60_000, 1000)]
}

/// Millimetres or metres as a fraction of thousandths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths of a flight"
)]
pub(super) fn thousandths(value: f64) -> (u32, u32) {
    ((value * 1000.0).round() as u32, 1000)
}

fn hemisphere(value: f64, positive: &'static str, negative: &'static str) -> &'static str {
    if value < 0.0 { negative } else { positive }
}

fn position(stamp: &Stamp) -> Ifd {
    Ifd::default()
        .bytes(0, &[2, 3, 0, 0])
        .ascii(1, hemisphere(stamp.latitude, "N", "S"))
        .rationals(2, &sexagesimal(stamp.latitude))
        .ascii(3, hemisphere(stamp.longitude, "E", "W"))
        .rationals(4, &sexagesimal(stamp.longitude))
        .bytes(5, &[0])
        .rationals(6, &[thousandths(stamp.absolute)])
        .ascii(9, "A")
        .ascii(18, "WGS-84")
}

fn picture(stamp: &Stamp) -> Ifd {
    let clock = stamp.clock(':', ' ');
    // Pixels per millimetre times the size gives the sensor's width, as on an XT2.
    let size = |pixels: f64| thousandths(pixels * stamp.pitch_um / 1000.0);
    Ifd::default()
        .rationals(0x829d, &[(100, 100)])
        .undefined(0x9000, b"0230")
        .ascii(0x9003, &clock)
        .ascii(0x9004, &clock)
        .undefined(0x9101, &[1, 2, 3, 0])
        .rationals(0x9202, &[(0, 100)])
        .rationals(0x9205, &[(0, 100)])
        .short(0x9209, 0)
        .rationals(0x920a, &[thousandths(stamp.focal_mm)])
        .undefined(0x927c, b"DJI MakerNotes\0SIM")
        .undefined(0xa000, b"0100")
        .short(0xa001, 1)
        .long(0xa002, 640)
        .long(0xa003, 512)
        .rationals(0xa20e, &[size(640.0)])
        .rationals(0xa20f, &[size(512.0)])
        .short(0xa210, 4)
        .undefined(0xa300, &[3])
        .undefined(0xa301, &[1])
        .rationals(0xa404, &[(1, 1)])
        .ascii(0xa431, SERIAL)
}

/// The payload of the EXIF segment: main, EXIF, GPS and thumbnail directories.
#[expect(clippy::cast_possible_truncation, reason = "thumbnails are a few KiB")]
pub(super) fn segment(stamp: &Stamp, thumbnail: &[u8]) -> Vec<u8> {
    let main = |exif, gps| {
        Ifd::default()
            .ascii(0x010e, "WhiteHot")
            .ascii(0x010f, stamp.make)
            .ascii(0x0110, stamp.model)
            .short(0x0112, 1)
            .rationals(0x011a, &[(72, 1)])
            .rationals(0x011b, &[(72, 1)])
            .short(0x0128, 2)
            .ascii(0x0131, stamp.software)
            .ascii(0x0132, &stamp.clock(':', ' '))
            .short(0x0213, 1)
            .long(0x8769, exif)
            .long(0x8825, gps)
    };
    let small = |offset| {
        Ifd::default()
            .short(0x0103, 6)
            .rationals(0x011a, &[(72, 1)])
            .rationals(0x011b, &[(72, 1)])
            .short(0x0128, 2)
            .long(0x0201, offset)
            .long(0x0202, thumbnail.len() as u32)
    };
    let (picture, position) = (picture(stamp), position(stamp));
    let exif_at = 8 + main(0, 0).len();
    let gps_at = exif_at + picture.len();
    let small_at = gps_at + position.len();
    let thumbnail_at = small_at + small(0).len();
    let mut out = b"Exif\0\0II*\0\x08\0\0\0".to_vec();
    out.extend(main(exif_at, gps_at).at(8, small_at));
    out.extend(picture.at(exif_at, 0));
    out.extend(position.at(gps_at, 0));
    out.extend(small(thumbnail_at).at(small_at, 0));
    out.extend(thumbnail);
    out
}
