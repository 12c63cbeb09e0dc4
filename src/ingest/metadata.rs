//! The allow-list: what is taken from EXIF and XMP, and the kinds of personal data seen on the way.

use exif::{Exif, In, Reader, Tag, Value};

use super::exif_size::is_bounded;
use super::xmp::{Namespace, Xmp};
use crate::frame::{
    Attitude, CameraName, Datum, Format, FrameMeta, Height, Leak, Position, PositionSource,
    Radiometry,
};
use crate::units::{Degrees, Metres};

const XMP_PACKET: u16 = 700;
/// Metres by which one height differs in two tags, by rounding.
const SAME_HEIGHT: f64 = 0.01;

/// Tags of one file.
pub(super) struct Tags {
    exif: Option<Exif>,
    xmp: Xmp,
}

impl Tags {
    /// Tags from EXIF blocks (TIFF structures) and XMP packets; the first readable EXIF block counts, and one that would take up more than
    /// [`is_bounded`] allows is not read.
    pub(super) fn read<'a>(
        exif: impl IntoIterator<Item = &'a [u8]>,
        xmp: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let mut packets = Xmp::default();
        for packet in xmp {
            packets.read(packet);
        }
        let exif: Option<Exif> =
            exif.into_iter()
                .filter(|block| is_bounded(block))
                .find_map(|block| {
                    let mut reader = Reader::new();
                    let result = reader.continue_on_error(true).read_raw(block.to_vec());
                    result
                        .or_else(|error| error.distill_partial_result(|_| {}))
                        .ok()
                });
        // TIFF files keep the packet in tag 700 of the first directory, the XT2 in that of a later one.
        let is_packet = |field: &&exif::Field| field.tag.number() == XMP_PACKET;
        let packet = exif
            .as_ref()
            .and_then(|exif: &Exif| exif.fields().find(is_packet));
        if let Some(Value::Byte(packet) | Value::Undefined(packet, _)) =
            packet.map(|field| &field.value)
        {
            packets.read(packet);
        }
        Self { exif, xmp: packets }
    }

    /// Everything on the allow-list.
    pub(super) fn meta(
        &self,
        format: Format,
        radiometry: Radiometry,
        mut leaks: Vec<Leak>,
    ) -> FrameMeta {
        leaks.extend(self.leaks());
        leaks.sort_unstable();
        leaks.dedup();
        FrameMeta {
            format,
            width: 0,
            height: 0,
            camera: self.camera(),
            captured_at: self.captured_at(),
            position: self.position(),
            relative_altitude: self.dji("RelativeAltitude").map(Metres),
            absolute_altitude: self.absolute_altitude(),
            exif_position: self.exif_position(),
            gimbal: self.gimbal(),
            flight: self.attitude("FlightYawDegree", "FlightPitchDegree", "FlightRollDegree"),
            focal_length_mm: self
                .rational(Tag::FocalLength)
                .filter(|length| *length > 0.0),
            radiometry,
            leaks,
        }
    }

    /// Make and model; the model of XMP where EXIF has none.
    pub(super) fn camera(&self) -> CameraName {
        let model = self.ascii(Tag::Model);
        let media = self
            .xmp
            .text(Namespace::Media, "cameraModel")
            .unwrap_or_default();
        CameraName {
            make: self.ascii(Tag::Make),
            model: if model.is_empty() {
                media.to_owned()
            } else {
                model
            },
        }
    }

    fn dji(&self, name: &str) -> Option<f64> {
        self.xmp.number(Namespace::Dji, name)
    }

    fn attitude(&self, yaw: &str, pitch: &str, roll: &str) -> Option<Attitude> {
        Some(Attitude {
            yaw: Degrees(self.dji(yaw)?),
            pitch: Degrees(self.dji(pitch)?),
            roll: Degrees(self.dji(roll).unwrap_or(0.0)),
        })
    }

    /// DJI's gimbal, else `Pix4D`'s camera angles, whose pitch is 0 straight down (DOMAIN section 2).
    fn gimbal(&self) -> Option<Attitude> {
        let pix4d = |name| self.xmp.number(Namespace::Pix4d, name);
        self.attitude("GimbalYawDegree", "GimbalPitchDegree", "GimbalRollDegree")
            .or_else(|| {
                Some(Attitude {
                    yaw: Degrees(pix4d("Yaw")?),
                    pitch: Degrees(pix4d("Pitch")? - 90.0),
                    roll: Degrees(pix4d("Roll").unwrap_or(0.0)),
                })
            })
    }

    /// XMP before EXIF: on the M2EA EXIF is 4 m off (DOMAIN section 2). `GpsLongtitude` is DJI's spelling
    /// in older firmware. (0, 0) is what a receiver without a fix writes.
    fn position(&self) -> Option<Position> {
        let longitude = self
            .dji("GpsLongitude")
            .or_else(|| self.dji("GpsLongtitude"));
        let xmp = self.dji("GpsLatitude").zip(longitude);
        xmp.and_then(|place| self.at(place, PositionSource::Xmp))
            .or_else(|| self.exif_position())
    }

    fn exif_position(&self) -> Option<Position> {
        let latitude = self.angle(Tag::GPSLatitude, Tag::GPSLatitudeRef, "S")?;
        let longitude = self.angle(Tag::GPSLongitude, Tag::GPSLongitudeRef, "W")?;
        self.at((latitude, longitude), PositionSource::Exif)
    }

    /// A position that can be one, with the accuracy that RTK states: `RtkFlag` is 0 where it has none (DOMAIN section 2).
    fn at(&self, (latitude, longitude): (f64, f64), source: PositionSource) -> Option<Position> {
        let valid = latitude.abs() <= 90.0
            && longitude.abs() <= 180.0
            && (latitude != 0.0 || longitude != 0.0);
        let stated = |name| {
            let is_on = source == PositionSource::Xmp && self.dji("RtkFlag")? > 0.0;
            self.dji(name).filter(|sigma| is_on && *sigma > 0.0)
        };
        let sides = stated("RtkStdLon").zip(stated("RtkStdLat"));
        valid.then(|| Position {
            latitude: Degrees(latitude),
            longitude: Degrees(longitude),
            source,
            accuracy: sides
                .map(|(east, north)| Metres((f64::midpoint(east * east, north * north)).sqrt())),
            vertical_accuracy: stated("RtkStdHgt").map(Metres),
        })
    }

    /// DJI's, else EXIF's. Where DJI does not say what its height is above and RTK is off, EXIF holds the same height and says so.
    fn absolute_altitude(&self) -> Option<Height> {
        let by_exif = self.exif_height();
        let Some(metres) = self.dji("AbsoluteAltitude") else {
            return by_exif;
        };
        let datum = match self.xmp.text(Namespace::Dji, "AltitudeType") {
            Some("RtkAlt") => Datum::Ellipsoid,
            Some("GpsFusionAlt") => Datum::Geoid,
            _ => by_exif
                .filter(|height| (height.metres.0 - metres).abs() < SAME_HEIGHT)
                .filter(|_| self.dji("RtkFlag").is_none_or(|flag| flag <= 0.0))
                .map_or(Datum::Unstated, |height| height.datum),
        };
        Some(Height {
            metres: Metres(metres),
            datum,
        })
    }

    /// EXIF's, whose reference is 0 or 1 from sea level and 2 or 3 from the ellipsoid (EXIF 3.0, section 4.6.7).
    fn exif_height(&self) -> Option<Height> {
        let datum = match self.altitude_reference() {
            Some(0 | 1) => Datum::Geoid,
            Some(2 | 3) => Datum::Ellipsoid,
            _ => Datum::Unstated,
        };
        Some(Height {
            metres: Metres(self.exif_altitude()?),
            datum,
        })
    }

    fn captured_at(&self) -> Option<i64> {
        let text = [Tag::DateTimeOriginal, Tag::DateTime].map(|tag| self.ascii(tag));
        let text = text.iter().find(|text| !text.is_empty())?;
        let (date, time) = text.split_once(' ')?;
        let time: jiff::civil::DateTime =
            format!("{}T{time}", date.replace(':', "-")).parse().ok()?;
        Some(jiff::tz::Offset::UTC.to_timestamp(time).ok()?.as_second())
    }

    fn exif_altitude(&self) -> Option<f64> {
        let below = matches!(self.altitude_reference(), Some(1 | 3));
        self.rational(Tag::GPSAltitude)
            .map(|altitude| if below { -altitude } else { altitude })
    }

    fn altitude_reference(&self) -> Option<u8> {
        match self.field(Tag::GPSAltitudeRef).map(|field| &field.value) {
            Some(Value::Byte(bytes)) => bytes.first().copied(),
            _ => None,
        }
    }

    fn field(&self, tag: Tag) -> Option<&exif::Field> {
        self.exif.as_ref()?.get_field(tag, In::PRIMARY)
    }

    fn rational(&self, tag: Tag) -> Option<f64> {
        self.rationals(tag)
            .first()
            .copied()
            .filter(|number| number.is_finite())
    }

    /// Rational numbers, signed (as the XT2 writes angles) or not.
    fn rationals(&self, tag: Tag) -> Vec<f64> {
        match self.field(tag).map(|field| &field.value) {
            Some(Value::Rational(values)) => values.iter().map(exif::Rational::to_f64).collect(),
            Some(Value::SRational(values)) => values.iter().map(exif::SRational::to_f64).collect(),
            _ => Vec::new(),
        }
    }

    /// Degrees, minutes, seconds; negative with the reference `minus`.
    fn angle(&self, tag: Tag, reference: Tag, minus: &str) -> Option<f64> {
        let parts = self.rationals(tag);
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        let degrees = parts.first()? + part(1) / 60.0 + part(2) / 3600.0;
        degrees
            .is_finite()
            .then_some(if self.ascii(reference) == minus {
                -degrees
            } else {
                degrees
            })
    }

    /// Text without trailing NULs and blanks; empty where there is none.
    fn ascii(&self, tag: Tag) -> String {
        let Some(Value::Ascii(parts)) = self.field(tag).map(|field| &field.value) else {
            return String::new();
        };
        let bytes = parts.first().map(Vec::as_slice).unwrap_or_default();
        let text: String = String::from_utf8_lossy(bytes)
            .chars()
            .filter(|c| !c.is_control())
            .take(64)
            .collect();
        text.trim().to_owned()
    }

    fn leaks(&self) -> Vec<Leak> {
        const BODY_SERIAL: Tag = Tag(exif::Context::Exif, 0xA431);
        let has = |tag| self.field(tag).is_some();
        let thumbnail = self
            .exif
            .as_ref()
            .is_some_and(|exif| exif.fields().any(|field| field.ifd_num == In::THUMBNAIL));
        let dji = |part| self.xmp.names_contain(Namespace::Dji, part);
        [
            (Leak::Thumbnail, thumbnail),
            (Leak::MakerNote, has(Tag::MakerNote)),
            (Leak::SerialNumber, has(BODY_SERIAL) || dji("Serial")),
            (Leak::Position, self.position().is_some()),
            (Leak::Time, self.captured_at().is_some()),
            (Leak::LaserTarget, dji("LRF")),
        ]
        .into_iter()
        .filter_map(|(leak, found)| found.then_some(leak))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(attributes: &str) -> FrameMeta {
        let packet = format!("<a xmlns:q='http://www.dji.com/drone-dji/1.0/' {attributes}/>");
        let tags = Tags::read([], [packet.as_bytes()]);
        tags.meta(Format::DjiRjpeg, Radiometry::Celsius, Vec::new())
    }

    #[test]
    fn rtk_states_its_accuracy_and_no_rtk_states_none() {
        let tags = "q:GpsLatitude='52.6' q:GpsLongitude='1.7' q:RtkStdLon='0.03' q:RtkStdLat='0.04' q:RtkStdHgt='0.06'";
        let fixed = meta(&format!("{tags} q:RtkFlag='50'")).position.unwrap();
        // sqrt((0.03^2 + 0.04^2) / 2).
        assert!((fixed.accuracy.unwrap().0 - 0.035_355).abs() < 1e-6);
        assert_eq!(fixed.vertical_accuracy, Some(Metres(0.06)));
        for without in [format!("{tags} q:RtkFlag='0'"), tags.to_owned()] {
            let position = meta(&without).position.unwrap();
            assert_eq!(
                (position.accuracy, position.vertical_accuracy),
                (None, None)
            );
        }
    }

    #[test]
    fn an_absolute_height_names_its_datum() {
        let height = |kind| meta(&format!("q:AbsoluteAltitude='+133.23' {kind}")).absolute_altitude;
        let above = |datum| {
            Some(Height {
                metres: Metres(133.23),
                datum,
            })
        };
        assert_eq!(height("q:AltitudeType='RtkAlt'"), above(Datum::Ellipsoid));
        assert_eq!(height("q:AltitudeType='GpsFusionAlt'"), above(Datum::Geoid));
        assert_eq!(height(""), above(Datum::Unstated));
    }

    /// A TIFF structure (EXIF 3.0, section 4.6.2) with `GPSAltitudeRef` and `GPSAltitude` alone.
    fn exif(reference: u8, millimetres: u32) -> Vec<u8> {
        let mut tiff = b"II*\0\x08\0\0\0\x01\0\x25\x88\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0".to_vec();
        tiff.extend(b"\x02\0\x05\0\x01\0\x01\0\0\0");
        tiff.extend([reference, 0, 0, 0]);
        tiff.extend(b"\x06\0\x05\0\x01\0\0\0\x38\0\0\0\0\0\0\0");
        tiff.extend(millimetres.to_le_bytes());
        tiff.extend(1000_u32.to_le_bytes());
        tiff
    }

    #[test]
    fn exif_says_what_the_same_height_in_xmp_is_above_unless_rtk_made_it() {
        let datum = |exif: &[u8], rtk: &str| {
            let packet = format!(
                "<a xmlns:q='http://www.dji.com/drone-dji/1.0/' q:AbsoluteAltitude='+133.23' {rtk}/>"
            );
            let tags = Tags::read([exif], [packet.as_bytes()]);
            let meta = tags.meta(Format::DjiRjpeg, Radiometry::Celsius, Vec::new());
            meta.absolute_altitude.unwrap().datum
        };
        assert_eq!(datum(&exif(0, 133_232), ""), Datum::Geoid);
        assert_eq!(datum(&exif(2, 133_232), "q:RtkFlag='0'"), Datum::Ellipsoid);
        assert_eq!(datum(&exif(0, 133_232), "q:RtkFlag='50'"), Datum::Unstated);
        assert_eq!(datum(&exif(0, 131_000), ""), Datum::Unstated);
    }
}
