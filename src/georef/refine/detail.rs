//! How much of a frame is needed.
//!
//! In: a raster. Out: the same with fewer pixels. Refuses: nothing; what lacks a part is lacking.

use std::sync::Arc;

use crate::raster::Raster;

/// How much of a frame is needed: most of refinement takes half of it along each side, which is read, held and drawn four times as fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Means over 2 x 2 pixels.
    Half,
    /// All pixels.
    Full,
}

impl Detail {
    /// What cells of `by` pixels along the side need.
    pub(super) fn of_cells(by: usize) -> Self {
        if by < 2 { Self::Full } else { Self::Half }
    }

    /// Pixels along the side of one of its own.
    pub(super) fn pixels(self) -> f64 {
        match self {
            Self::Half => 2.0,
            Self::Full => 1.0,
        }
    }

    /// What of a raster is needed: no data where any part has none, and without the last row and column where they have no other beside them.
    #[must_use]
    pub fn of(self, raster: Arc<Raster<f32>>) -> Arc<Raster<f32>> {
        let (width, height) = (raster.width() / 2, raster.height() / 2);
        if self == Self::Full {
            return raster;
        }
        let mut samples = Vec::with_capacity(width * height);
        for lines in raster.samples().chunks_exact(2 * raster.width()) {
            let (above, below) = lines.split_at(raster.width());
            let pairs = above.as_chunks().0.iter().zip(below.as_chunks().0);
            samples.extend(pairs.map(|([a, b], [c, d])| 0.25 * ((a + b) + (c + d))));
        }
        Raster::new(width, height, samples).map_or(raster, Arc::new)
    }
}
