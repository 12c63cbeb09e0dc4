//! Files of each format with a text of its own in every place that can hold one.

use super::tags::{ASCII, BYTES, Tag, Tiff, UNDEFINED, packet};
use crate::common::person::CHUNK;

/// What was planted where.
#[derive(Debug, Clone)]
pub(crate) struct Canary {
    pub(crate) kind: String,
    pub(crate) text: String,
}

/// Hands out texts of one format and remembers them.
pub(crate) struct Planter {
    format: char,
    pub(crate) canaries: Vec<Canary>,
}

/// What all texts end with.
pub(crate) const MARK: &str = "QXZHVJ";

/// What all numbers begin with: as near each other that their first bytes as `f64` are the same.
pub(crate) const NUMBER: &str = "61.73918";

/// Start of an XMP packet in an APP1 segment.
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

impl Planter {
    pub(crate) fn new(format: char) -> Self {
        Self {
            format,
            canaries: Vec::new(),
        }
    }

    /// A text of nine letters that stands nowhere else: format, number, and what all texts end with.
    pub(crate) fn text(&mut self, kind: &str) -> String {
        let number = self.canaries.len();
        let digit = |number: usize| char::from_digit(u32::try_from(number).unwrap(), 36).unwrap();
        let text = format!(
            "{}{}{}{MARK}",
            self.format,
            digit(number / 36),
            digit(number % 36)
        );
        self.canaries.push(Canary {
            kind: kind.to_owned(),
            text: text.clone(),
        });
        text
    }

    /// A number that stands nowhere else, as a text. Rounded to the seven decimals of drones it still differs from the others.
    fn number(&mut self, kind: &str) -> String {
        let format = "DCX".find(self.format).unwrap();
        let is_number = |canary: &&Canary| canary.text.starts_with(NUMBER);
        let before = self.canaries.iter().filter(is_number).count();
        let text = format!("{NUMBER}{format}{before}42");
        self.canaries.push(Canary {
            kind: kind.to_owned(),
            text: text.clone(),
        });
        text
    }

    fn tags(&mut self, tags: &[(u16, u16, &str)]) -> Vec<Tag> {
        let mut tag = |&(tag, kind, name): &(u16, u16, &str)| {
            let text = self.text(name);
            let bytes = match (kind, name) {
                (BYTES, _) => utf16(&text),
                (_, "UserComment" | "GPSProcessingMethod" | "GPSAreaInformation") => {
                    [b"ASCII\0\0\0", text.as_bytes()].concat()
                }
                (_, "GDAL_METADATA") => {
                    format!("<GDALMetadata><Item name=\"NAME\">{text}</Item></GDALMetadata>\0")
                        .into_bytes()
                }
                (_, "IPTC") => [&[0x1c, 2, 0x78, 0, 9], text.as_bytes()].concat(),
                (ASCII, _) => [text.as_bytes(), &[0]].concat(),
                _ => text.into_bytes(),
            };
            (tag, kind, bytes)
        };
        tags.iter().map(&mut tag).collect()
    }

    /// A TIFF structure with texts in its tags.
    fn tiff(&mut self, bytes: &[u8], packet: Option<Vec<u8>>) -> Vec<u8> {
        let mut main = self.tags(&[
            (0x000b, ASCII, "ProcessingSoftware"),
            (269, ASCII, "DocumentName"),
            (270, ASCII, "ImageDescription"),
            (285, ASCII, "PageName"),
            (305, ASCII, "Software"),
            (315, ASCII, "Artist"),
            (316, ASCII, "HostComputer"),
            (33_432, ASCII, "Copyright"),
            (33_723, UNDEFINED, "IPTC"),
            (34_377, UNDEFINED, "Photoshop resources"),
            (34_675, UNDEFINED, "ICC profile"),
            (34_737, ASCII, "GeoAsciiParams"),
            (40_091, BYTES, "XPTitle"),
            (40_092, BYTES, "XPComment"),
            (40_093, BYTES, "XPAuthor"),
            (40_094, BYTES, "XPKeywords"),
            (42_112, ASCII, "GDAL_METADATA"),
            (50_708, ASCII, "UniqueCameraModel"),
            (50_735, ASCII, "CameraSerialNumber"),
            (50_740, UNDEFINED, "DNGPrivateData"),
            (65_000, ASCII, "private tag, text"),
            (65_001, UNDEFINED, "private tag, bytes"),
        ]);
        if let Some(packet) = packet {
            main.push((700, 1, packet));
        }
        let exif = self.tags(&[
            (0x8824, ASCII, "SpectralSensitivity"),
            (0x927c, UNDEFINED, "MakerNote"),
            (0x9286, UNDEFINED, "UserComment"),
            (0x9290, ASCII, "SubSecTime"),
            (0xa004, ASCII, "RelatedSoundFile"),
            (0xa420, ASCII, "ImageUniqueID"),
            (0xa430, ASCII, "CameraOwnerName"),
            (0xa431, ASCII, "BodySerialNumber"),
            (0xa433, ASCII, "LensMake"),
            (0xa434, ASCII, "LensModel"),
            (0xa435, ASCII, "LensSerialNumber"),
        ]);
        let gps = self.tags(&[
            (8, ASCII, "GPSSatellites"),
            (18, ASCII, "GPSMapDatum"),
            (27, UNDEFINED, "GPSProcessingMethod"),
            (28, UNDEFINED, "GPSAreaInformation"),
            (29, ASCII, "GPSDateStamp"),
        ]);
        let sub = self.tags(&[
            (270, ASCII, "SubIFD ImageDescription"),
            (65_001, UNDEFINED, "SubIFD private tag"),
        ]);
        Tiff::new(bytes).with(&main, &exif, &gps, &sub)
    }

    /// An XMP packet with texts in properties of many namespaces, in a comment, and in properties of drones that nothing needs.
    fn xmp(&mut self, packet: &[u8]) -> Vec<u8> {
        let packet = String::from_utf8(packet.to_vec()).unwrap();
        let mut added = String::new();
        for (prefix, namespace, name) in [
            ("dc", "http://purl.org/dc/elements/1.1/", "creator"),
            ("dc", "http://purl.org/dc/elements/1.1/", "description"),
            ("photoshop", "http://ns.adobe.com/photoshop/1.0/", "Credit"),
            ("xmp", "http://ns.adobe.com/xap/1.0/", "CreatorTool"),
            (
                "xmpMM",
                "http://ns.adobe.com/xap/1.0/mm/",
                "OriginalDocumentID",
            ),
            ("exif", "http://ns.adobe.com/exif/1.0/", "UserComment"),
            ("aux", "http://ns.adobe.com/exif/1.0/aux/", "SerialNumber"),
            (
                "Iptc4xmpCore",
                "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
                "Location",
            ),
            ("Camera", "http://pix4d.com/camera/1.0/", "BandName"),
            ("drone-dji", "http://www.dji.com/drone-dji/1.0/", "SelfData"),
            (
                "drone-dji",
                "http://www.dji.com/drone-dji/1.0/",
                "DroneSerialNumber",
            ),
            ("other", "http://example.invalid/other/", "anything"),
        ] {
            let text = self.text(&format!("XMP {prefix}:{name}"));
            added += &format!(
                "<rdf:Description rdf:about=\"\" xmlns:{prefix}=\"{namespace}\"><{prefix}:{name}>{text}</{prefix}:{name}></rdf:Description>"
            );
        }
        let text = self.text("XMP face region");
        added += &format!(
            "<rdf:Description rdf:about=\"\" xmlns:mwg-rs=\"http://www.metadataworkinggroup.com/schemas/regions/\" mwg-rs:Name=\"{text}\"/>"
        );
        let text = self.text("XMP comment");
        added += &format!("<!--{text}-->");
        assert!(packet.contains("</rdf:RDF>"));
        self.laser(packet)
            .replace("</rdf:RDF>", &format!("{added}</rdf:RDF>"))
            .into_bytes()
    }

    /// Numbers in place of what the laser range finder measured, in packets of drones that have one.
    fn laser(&mut self, mut packet: String) -> String {
        for name in ["Distance", "Lon", "Lat", "Alt", "AbsAlt"] {
            let name = format!("drone-dji:LRFTarget{name}=\"");
            if let Some(at) = packet.find(&name) {
                let at = at + name.len();
                let end = at + packet[at..].find('"').unwrap();
                packet.replace_range(at..end, &self.number(&name));
            }
        }
        packet
    }

    /// A thermal TIFF.
    pub(crate) fn tiff_file(&mut self, bytes: &[u8]) -> Vec<u8> {
        let packet = self.xmp(&packet(bytes));
        let bytes = self.tiff(bytes, Some(packet));
        let between = ["behind the first strip", "behind the second strip"];
        let mut bytes = Tiff::new(&bytes).spaced(&between.map(|kind| self.text(kind)));
        bytes.extend(self.text("trailer").into_bytes());
        bytes
    }

    /// A thermal TIFF of two pages.
    pub(crate) fn pages(&mut self, bytes: &[u8]) -> Vec<u8> {
        let page = self.tags(&[
            (270, ASCII, "ImageDescription of the second page"),
            (315, ASCII, "Artist of the second page"),
            (65_001, UNDEFINED, "private tag of the second page"),
        ]);
        Tiff::new(&self.tiff_file(bytes)).paged(&page)
    }

    /// A radiometric JPEG; `raw` are the application segments that must stay as they are.
    pub(crate) fn jpeg_file(&mut self, bytes: &[u8], raw: &[u8]) -> Vec<u8> {
        let (mut segments, rest) = split(bytes);
        self.flir(&mut segments);
        for (marker, payload) in &mut segments {
            if *marker == 0xe1 && payload.starts_with(b"Exif\0\0") {
                let thumbnail = find(payload, &[0xff, 0xd8, 0xff]).expect("a thumbnail");
                put(payload, thumbnail + 800, &self.text("thumbnail"));
                let block = self.tiff(&payload[6..], None);
                *payload = [b"Exif\0\0", &block[..]].concat();
            } else if *marker == 0xe1 && payload.starts_with(XMP) {
                let packet = self.xmp(&payload[XMP.len()..]);
                *payload = [XMP, &packet].concat();
            }
        }
        if self.format == 'D' {
            let parameters = segments
                .iter_mut()
                .find(|segment| segment.0 == 0xe4)
                .unwrap();
            put(&mut parameters.1, 100, &self.text("APP4 parameters"));
        }
        for number in (0..16).filter(|number| !raw.contains(number)) {
            let start: &[u8] = match number {
                0 => b"JFXX\0",
                1 => b"http://ns.adobe.com/xmp/extension/\0",
                2 => b"ICC_PROFILE\0\x01\x01",
                13 => b"Photoshop 3.0\08BIM",
                14 => b"Adobe\0",
                _ => b"",
            };
            let text = self.text(&format!("APP{number}"));
            segments.push((0xe0 + number, [start, text.as_bytes()].concat()));
        }
        segments.push((0xfe, self.text("comment").into_bytes()));
        let mut rest = rest.to_vec();
        // Within the compressed picture, and within the preview behind it, where there is one.
        put(&mut rest, 2000, &self.text("main picture"));
        let end = find(&rest, &[0xff, 0xd9]).unwrap() + 2;
        if rest.len() > end + 5000 {
            put(&mut rest, end + 4000, &self.text("preview"));
        }
        rest.extend(self.text("trailer").into_bytes());
        let mut out = vec![0xff, 0xd8];
        for (marker, payload) in segments {
            let length = u16::try_from(payload.len() + 2).unwrap();
            out.extend([&[0xff, marker], &length.to_be_bytes()[..], &payload].concat());
        }
        out.extend(rest);
        out
    }

    /// The FLIR file in a JPEG's segments, where there is one.
    fn flir(&mut self, segments: &mut Vec<(u8, Vec<u8>)>) {
        let is_chunk = |segment: &(u8, Vec<u8>)| segment.1.starts_with(CHUNK);
        let Some(place) = segments.iter().position(is_chunk) else {
            return;
        };
        let start = CHUNK.len() + 2;
        let longest = segments[place].1.len() - start;
        let chunks = segments.extract_if(.., |segment| is_chunk(segment));
        let mut fff: Vec<u8> = chunks
            .flat_map(|mut chunk| chunk.1.split_off(start))
            .collect();
        self.fff(&mut fff);
        let chunks = fff.chunks(longest);
        let last = u8::try_from(chunks.len() - 1).unwrap();
        let chunk = |(number, chunk)| (0xe1, [CHUNK, &[number, last], chunk].concat());
        segments.splice(place..place, (0..=last).zip(chunks).map(chunk));
    }

    /// A big-endian FLIR file of 14 slots for records, the first that of the raw frame as PNG.
    fn fff(&mut self, file: &mut Vec<u8>) {
        put(file, 8, &self.text("FFF header"));
        put(file, 0x24, &self.text("FFF header, unused"));
        // Slot 10 of 14 is empty; its type stays 0.
        put(file, 64 + 32 * 10 + 12, &self.text("FFF directory, unused"));
        let field = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let (at, length) = (field(64 + 12), field(64 + 16));
        let raw = self.raw_record(&file[at..at + length]);
        file[at..at + length].fill(0);
        add(file, (0, 1), &raw);
        let mut pip = vec![0; 64];
        put(&mut pip, 32, &self.text("picture-in-picture record"));
        add(file, (3, 42), &pip);
    }

    /// A raw record with texts in what nothing needs of its header, in a chunk of its PNG, and behind it.
    fn raw_record(&mut self, record: &[u8]) -> Vec<u8> {
        let mut out = record.to_vec();
        put(&mut out, 8, &self.text("raw record header"));
        put(&mut out, 22, &self.text("raw record header, end"));
        let end = out.split_off(record.len() - 12);
        assert_eq!(end[4..8], *b"IEND");
        let text = self.text("raw record, text of its PNG");
        let chunk = [b"tEXtComment\0", text.as_bytes()].concat();
        let mut sum = flate2::Crc::new();
        sum.update(&chunk);
        let length = u32::try_from(chunk.len() - 4).unwrap();
        out.extend([&length.to_be_bytes()[..], &chunk].concat());
        out.extend([&sum.sum().to_be_bytes()[..], &end].concat());
        out.extend(self.text("behind the raw picture").into_bytes());
        out
    }

    /// Overwrites texts of known content wherever they stand in a file.
    pub(crate) fn replace(&mut self, bytes: &mut [u8], kind: &str, old: &[u8]) {
        let at = find(bytes, old).unwrap_or_else(|| panic!("{kind} is in the file"));
        let text = self.text(kind);
        put(bytes, at, &text);
    }
}

/// Segments before the picture, and the rest.
fn split(bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, &[u8]) {
    let mut segments = Vec::new();
    let mut at = 2;
    while bytes[at + 1] != 0xda {
        assert_eq!(bytes[at], 0xff);
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        segments.push((bytes[at + 1], bytes[at + 4..at + 2 + length].to_vec()));
        at += 2 + length;
    }
    (segments, &bytes[at..])
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let starts = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == what[0]);
    let mut starts = starts.map(|(at, _)| at);
    starts.find(|at| bytes[*at..].starts_with(what))
}

/// Writes a record to the end of a big-endian FLIR file, and it with its type into a slot of the directory.
fn add(file: &mut Vec<u8>, (slot, kind): (usize, u16), record: &[u8]) {
    let four = |value: usize| u32::try_from(value).unwrap().to_be_bytes();
    let entry = 64 + 32 * slot;
    file[entry..entry + 2].copy_from_slice(&kind.to_be_bytes());
    let places = [four(file.len()), four(record.len())].concat();
    file[entry + 12..entry + 20].copy_from_slice(&places);
    file.extend(record);
}

fn put(bytes: &mut [u8], at: usize, text: &str) {
    bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
}

pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
