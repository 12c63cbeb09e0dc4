//! How much of a frame is needed.
//!
//! In: a raster. Out: the same with fewer pixels. Refuses: nothing; what lacks a part is lacking, so that no pixel beside a mask comes to stand for one under
//! it (`Raster::halved`, for what is shown, fills such places).

use std::sync::Arc;

use crate::georef::camera::as_f64;
use crate::raster::Raster;

/// How much of a frame is needed: most of refinement takes half of it along each side, which is read, held and drawn four times as fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Means over 2 x 2 pixels.
    Half,
    /// All pixels.
    Full,
}

/// A frame with fewer pixels.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) raster: Arc<Raster<f32>>,
    /// Pixels of the frame along the side of one of its own.
    pub(super) shrunk: f64,
}

impl Picture {
    /// With a `by`-th of its pixels along each side.
    pub(super) fn coarser(&self, by: usize) -> Self {
        let raster = smaller(&self.raster, by).map_or_else(|| Arc::clone(&self.raster), Arc::new);
        let shrunk = self.shrunk * as_f64(by);
        Self { raster, shrunk }
    }
}

/// Means over `by` x `by` samples; `NAN` where any is; `None` where it would have none.
fn smaller(raster: &Raster<f32>, by: usize) -> Option<Raster<f32>> {
    let (width, height) = (raster.width() / by, raster.height() / by);
    #[expect(clippy::cast_precision_loss, reason = "a few pixels")]
    let share = 1.0 / (by * by) as f32;
    let mut samples = Vec::with_capacity(width * height);
    let mut sums = vec![0.0; width * by];
    for lines in raster.samples().chunks_exact(by * raster.width()) {
        sums.fill(0.0);
        for line in lines.chunks_exact(raster.width()) {
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum += value;
            }
        }
        let squares = sums.chunks_exact(by);
        samples.extend(squares.map(|sums| share * sums.iter().sum::<f32>()));
    }
    Raster::new(width, height, samples).ok()
}

impl Detail {
    /// What cells of `by` pixels along the side need.
    pub(super) fn of_cells(by: usize) -> Self {
        if by < 2 { Self::Full } else { Self::Half }
    }

    /// What of a raster is needed: no data where any part has none, and without the last row and column where they have no other beside them.
    #[must_use]
    pub fn of(self, raster: Arc<Raster<f32>>) -> Arc<Raster<f32>> {
        match self {
            Self::Full => raster,
            Self::Half => smaller(&raster, 2).map_or(raster, Arc::new),
        }
    }

    /// A frame in this detail, for cells of `by` pixels.
    pub(super) fn picture(self, raster: Arc<Raster<f32>>, by: usize) -> Picture {
        let pixels = match self {
            Self::Half => 2,
            Self::Full => 1,
        };
        let shrunk = as_f64(pixels);
        let picture = Picture { raster, shrunk };
        if by > pixels {
            picture.coarser(by / pixels)
        } else {
            picture
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_detail_is_the_mean_of_four_and_nothing_where_one_lacks() {
        // Five columns and three rows: the last of each has no other beside it.
        let mut samples: Vec<f32> = (0..15_u8).map(f32::from).collect();
        samples[8] = f32::NAN;
        let whole = Arc::new(Raster::new(5, 3, samples).unwrap());
        let half = Detail::Half.of(Arc::clone(&whole));
        assert_eq!(half.shape(), (2, 1));
        // Of 0, 1, 5 and 6.
        assert_eq!(half.samples()[0].to_bits(), 3.0_f32.to_bits());
        assert!(half.samples()[1].is_nan());
        assert!(Arc::ptr_eq(&whole, &Detail::Full.of(Arc::clone(&whole))));
    }
}
