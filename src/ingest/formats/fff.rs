//! FLIR's FFF container: a directory of records (DOMAIN section 1.1).

use crate::ingest::bytes::Endian;

/// Record types that matter here.
pub(super) const RAW_DATA: u16 = 1;
pub(super) const EMBEDDED_IMAGE: u16 = 14;
pub(super) const CAMERA_INFO: u16 = 32;
pub(super) const PICTURE_IN_PICTURE: u16 = 42;

/// Directory entries beyond this are nonsense.
const MAX_RECORDS: u32 = 256;
const ENTRY: usize = 32;

/// A parsed directory over the bytes of an FFF block.
pub(super) struct Fff<'a> {
    bytes: &'a [u8],
    records: Vec<(u16, usize, usize)>,
}

impl<'a> Fff<'a> {
    /// Reads the directory; `None` where there is none.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        if !bytes.starts_with(b"FFF\0") && !bytes.starts_with(b"AFF\0") {
            return None;
        }
        let version = |endian: Endian| endian.u32(bytes, 0x14).filter(|v| (100..=200).contains(v));
        let endian = [Endian::Big, Endian::Little]
            .into_iter()
            .find(|&endian| version(endian).is_some())?;
        let directory = usize::try_from(endian.u32(bytes, 0x18)?).ok()?;
        let count = endian.u32(bytes, 0x1c)?.min(MAX_RECORDS);
        let mut records = Vec::new();
        for index in 0..usize::try_from(count).ok()? {
            let at = directory.checked_add(index * ENTRY)?;
            let Some(kind) = endian.u16(bytes, at) else {
                break;
            };
            let offset = usize::try_from(endian.u32(bytes, at + 12)?).ok()?;
            let length = usize::try_from(endian.u32(bytes, at + 16)?).ok()?;
            records.push((kind, offset, length));
        }
        Some(Self { bytes, records })
    }

    /// The bytes of the first record of a kind; as many as there are where the file is cut.
    pub(super) fn record(&self, kind: u16) -> Option<&'a [u8]> {
        let &(_, offset, length) = self.records.iter().find(|record| record.0 == kind)?;
        let rest = self.bytes.get(offset..)?;
        Some(rest.get(..length).unwrap_or(rest))
    }

    /// Whether there is a record of a kind.
    pub(super) fn has(&self, kind: u16) -> bool {
        self.records.iter().any(|record| record.0 == kind)
    }
}
