//! How much a file may ask for.

/// How much a file may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file.
    pub max_bytes: u64,
    /// Pixels of a thermal raster.
    pub max_pixels: u64,
    /// Segments of a JPEG file.
    pub max_segments: usize,
}

impl Default for Limits {
    /// 256 MiB, 16 megapixels (thermal cameras have 1.3), 4,096 segments.
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            max_pixels: 16 << 20,
            max_segments: 4096,
        }
    }
}

impl Limits {
    /// Columns and rows as `usize`, or `None` when a side is zero or the product is over the limit.
    #[must_use]
    pub fn shape(&self, width: u64, height: u64) -> Option<(usize, usize)> {
        let pixels = width.checked_mul(height)?;
        let allowed = (1..=self.max_pixels).contains(&pixels);
        (allowed).then_some((usize::try_from(width).ok()?, usize::try_from(height).ok()?))
    }
}

/// What decoding needs to know besides the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct IngestOptions {
    /// How much a file may ask for.
    pub limits: Limits,
    /// What a count of a 16-bit TIFF means where the file does not say.
    pub tiff_scale: Option<TiffScale>,
}

/// `celsius = counts * scale + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TiffScale {
    /// Degrees per count.
    pub scale: f64,
    /// Degrees Celsius at count 0.
    pub offset: f64,
}
