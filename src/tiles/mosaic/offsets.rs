//! What frames read more or less than each other, kept place by place.
//!
//! In: differences between the frame drawn and the next best. Out: their spread over the map. Refuses: to count a place out of which pixels were
//! taken, so that a figure of the map tells nothing of homes that are not in it.

use std::collections::BTreeMap;

/// Side of a place in pixels; blocks hold whole places.
const PLACE: usize = 64;
const _: () = assert!(super::BLOCK.is_multiple_of(PLACE));

/// Frame drawn and next best.
type Pair = (u32, u32);

/// Pixels that show the same two frames.
#[derive(Debug, Clone, Copy, Default)]
struct Overlap {
    /// The second frame less the first, summed.
    sum: f64,
    /// The same without its sign.
    absolute: f64,
    count: u64,
}

impl Overlap {
    fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.absolute += other.absolute;
        self.count += other.count;
    }
}

/// Differences by place, and there by pair.
#[derive(Debug, Clone, Default)]
pub(in crate::tiles) struct FrameOffsets {
    places: BTreeMap<(usize, usize), BTreeMap<Pair, Overlap>>,
}

/// Pixels side by side that show the same two frames.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    place: (usize, usize),
    pair: Pair,
    overlap: Overlap,
}

impl FrameOffsets {
    /// Adds a pixel to a stretch, which is put down where another begins.
    pub(super) fn add(
        &mut self,
        stretch: &mut Stretch,
        pixel: (usize, usize),
        pair: Pair,
        difference: f64,
    ) {
        let place = place(pixel);
        if stretch.overlap.count > 0 && (stretch.place, stretch.pair) != (place, pair) {
            self.end(stretch);
            *stretch = Stretch::default();
        }
        (stretch.place, stretch.pair) = (place, pair);
        stretch.overlap.add(Overlap {
            sum: difference,
            absolute: difference.abs(),
            count: 1,
        });
    }

    /// Puts down the last stretch.
    pub(super) fn end(&mut self, stretch: &Stretch) {
        if stretch.overlap.count > 0 {
            let pairs = self.places.entry(stretch.place).or_default();
            pairs.entry(stretch.pair).or_default().add(stretch.overlap);
        }
    }

    /// Adds what was kept of another block: a place lies in one.
    pub(super) fn join(&mut self, other: Self) {
        self.places.extend(other.places);
    }

    /// Forgets the place of a pixel.
    pub(in crate::tiles) fn forget(&mut self, pixel: (usize, usize)) {
        self.places.remove(&place(pixel));
    }

    /// Pixels where two frames overlap, and the mean difference between them without its sign; `None` where there are none.
    #[expect(clippy::cast_precision_loss, reason = "pixels fit 52 bits")]
    pub(in crate::tiles) fn disagreement(&self) -> (u64, Option<f64>) {
        let mut all = Overlap::default();
        for overlap in self.places.values().flat_map(BTreeMap::values) {
            all.add(*overlap);
        }
        let mean = (all.count > 0).then(|| all.absolute / all.count as f64);
        (all.count, mean)
    }

    /// Root mean square over pairs of frames, each by its pixels, of the mean difference between them: what each pixel's noise and
    /// texture have no part in. A frame's own is smaller by the root of 2. `None` where no two frames overlap.
    #[expect(clippy::cast_precision_loss, reason = "pixels fit 52 bits")]
    pub(in crate::tiles) fn spread(&self) -> Option<f64> {
        let mut pairs: BTreeMap<Pair, Overlap> = BTreeMap::new();
        for (pair, overlap) in self.places.values().flatten() {
            pairs.entry(*pair).or_default().add(*overlap);
        }
        let all: u64 = pairs.values().map(|overlap| overlap.count).sum();
        let of_pair = |Overlap { sum, count, .. }: &Overlap| sum * sum / *count as f64;
        let squares: f64 = pairs.values().map(of_pair).sum();
        (all > 0).then(|| (squares / all as f64 / 2.0).sqrt())
    }
}

fn place((column, row): (usize, usize)) -> (usize, usize) {
    (column / PLACE, row / PLACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pairs of 3 and 1 pixels that differ by 1 K and -3 K: (3 x 1 + 1 x 9) / 4 / 2 = 1.5.
    #[test]
    fn pairs_count_by_their_pixels_and_a_place_taken_out_no_longer() {
        let (mut offsets, mut stretch) = (FrameOffsets::default(), Stretch::default());
        assert_eq!(offsets.spread(), None);
        for (pixel, pair, difference) in [
            ((62, 0), (1, 2), 0.5),
            ((63, 0), (1, 2), 1.5),
            ((64, 0), (1, 2), 1.0),
            ((64, 70), (2, 3), -3.0),
        ] {
            offsets.add(&mut stretch, pixel, pair, difference);
        }
        offsets.end(&stretch);
        assert!((offsets.spread().unwrap() - 1.5_f64.sqrt()).abs() < 1e-12);
        // 0.5, 1.5, 1 and 3 K.
        assert_eq!(offsets.disagreement(), (4, Some(1.5)));
        offsets.forget((100, 127));
        assert!((offsets.spread().unwrap() - 0.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!(offsets.disagreement(), (3, Some(1.0)));
        offsets.forget((0, 0));
        offsets.forget((127, 63));
        assert_eq!(offsets.spread(), None);
        assert_eq!(offsets.disagreement(), (0, None));
    }
}
