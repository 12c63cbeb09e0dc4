//! Numbers at an offset, in either byte order; `None` past the end.

/// Byte order of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Endian {
    Big,
    Little,
}

impl Endian {
    fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
        bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    pub(in crate::ingest) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = Self::take(bytes, at)?;
        Some(if self == Self::Big {
            u16::from_be_bytes(two)
        } else {
            u16::from_le_bytes(two)
        })
    }

    pub(in crate::ingest) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = Self::take(bytes, at)?;
        Some(if self == Self::Big {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        })
    }

    pub(super) fn i32(self, bytes: &[u8], at: usize) -> Option<i32> {
        self.u32(bytes, at).map(u32::cast_signed)
    }

    /// A finite `f32`.
    pub(super) fn f32(self, bytes: &[u8], at: usize) -> Option<f64> {
        let value = f32::from_bits(self.u32(bytes, at)?);
        value.is_finite().then(|| f64::from(value))
    }

    pub(super) fn bytes16(self, value: u16) -> [u8; 2] {
        if self == Self::Big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    pub(super) fn bytes32(self, value: u32) -> [u8; 4] {
        if self == Self::Big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }
}
