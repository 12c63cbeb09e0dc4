//! The pixels of one building: which lie in it, which lie in it for sure, and what a map that lies a little elsewhere says of it.
//!
//! In: an outline, the map's grid, how far the map may be off. Out: a window, shares of its pixels, a mean with its standard
//! uncertainty. Refuses: nothing; without data the mean is `NaN`.

use super::{Footprint, MapGrid, MapWindow, Ring, coverage};
use crate::georef::Bounds;
use crate::units::Metres;

/// Standard uncertainties of the map's place by which an outline is drawn in: within them a pixel lies in the building in 19 of 20 cases.
const DRAWN_IN: f64 = 2.0;
/// Least share of an outline that is taken for its core; where less is left the whole outline is taken.
const LEAST_CORE: f64 = 0.1;

/// Of so many pixels of the core one is left out at either end: chimneys, roof lights and ridges are colder or warmer than the roof that is meant.
const LEFT_OUT: usize = 10;

/// The mean over what surely belongs to a building.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Core {
    /// Mean apparent temperature without the coldest and the warmest tenth (the trimmed mean of Tukey 1962), °C.
    pub(super) mean: f64,
    /// Standard uncertainty of it because the map may lie elsewhere, K.
    pub(super) sigma: f64,
}

impl Core {
    /// Of a building that was not seen.
    pub(super) const NONE: Self = Self {
        mean: f64::NAN,
        sigma: f64::NAN,
    };

    /// Of the temperatures of a window of `width` columns, of which `shares` lie in the outline, on a map whose place has the
    /// standard uncertainty `place`.
    ///
    /// The outline is drawn in by twice `place`; the uncertainty is that of the mean when the core is laid `place` further east, west,
    /// north and south (JCGM 100:2008, 5.1.3, by differences; the steps to both sides count each, so that what is the same on both
    /// sides of a roof is seen too).
    pub(super) fn of(
        celsius: &[f32],
        shares: &[f64],
        width: usize,
        resolution: Metres,
        place: Metres,
    ) -> Self {
        let step = pixels(place.0 / resolution.0);
        let core = drawn_in(shares, width, pixels(DRAWN_IN * place.0 / resolution.0));
        let sum = |shares: &[f64]| shares.iter().sum::<f64>();
        let core = if sum(&core) < LEAST_CORE * sum(shares) {
            shares
        } else {
            &core
        };
        let mean = mean_at(celsius, core, width, (0, 0));
        let square = |by: (isize, isize)| {
            let off = mean_at(celsius, core, width, by) - mean;
            if off.is_finite() { off * off } else { 0.0 }
        };
        let variance = [(step, 0), (-step, 0), (0, step), (0, -step)]
            .map(square)
            .iter()
            .sum::<f64>();
        Self {
            mean,
            sigma: (variance / 2.0).sqrt(),
        }
    }
}

/// Whole pixels, rounded up.
fn pixels(number: f64) -> isize {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let whole = number.ceil() as isize;
    whole
}

/// The least share within `reach` rows and columns; beyond the window nothing is inside.
fn drawn_in(shares: &[f64], width: usize, reach: isize) -> Vec<f64> {
    let least = |from: &[f64], stride: usize, at: usize, place: usize, length: usize| {
        (-reach..=reach)
            .map(|step| {
                let inside = place.checked_add_signed(step).filter(|at| *at < length)?;
                from.get(at - place * stride + inside * stride).copied()
            })
            .map(|share| share.unwrap_or(0.0))
            .fold(f64::INFINITY, f64::min)
    };
    let height = shares.len() / width.max(1);
    let rows: Vec<f64> = (0..shares.len())
        .map(|at| least(shares, 1, at, at % width, width))
        .collect();
    (0..rows.len())
        .map(|at| least(&rows, width, at, at / width, height))
        .collect()
}

/// Trimmed mean of the pixels that lie by half and more under the shares laid `by` columns and rows further.
fn mean_at(celsius: &[f32], shares: &[f64], width: usize, by: (isize, isize)) -> f64 {
    let height = shares.len() / width.max(1);
    let inside = shares
        .iter()
        .enumerate()
        .filter(|(_, share)| **share >= 0.5);
    let seen = inside.filter_map(|(at, _)| {
        let column = (at % width).checked_add_signed(by.0);
        let row = (at / width).checked_add_signed(by.1);
        let place = column.zip(row).filter(|(x, y)| *x < width && *y < height);
        let value = place.and_then(|(x, y)| celsius.get(y * width + x));
        value.copied().filter(|value| value.is_finite())
    });
    let mut seen: Vec<f32> = seen.collect();
    let cut = seen.len() / LEFT_OUT;
    // Parted, not sorted: five times a building this would be most of its cost.
    if cut > 0 {
        seen.select_nth_unstable_by(cut, f32::total_cmp);
        seen.drain(..cut);
        let kept = seen.len() - cut;
        seen.select_nth_unstable_by(kept, f32::total_cmp);
        seen.truncate(kept);
    }
    let (sum, count) = seen.iter().fold((0.0, 0.0), |(sum, count), value| {
        (sum + f64::from(*value), count + 1.0)
    });
    sum / count
}

/// The pixels that the rings touch and `margin` around them; `None` beside the map.
pub(super) fn window_around<'a>(
    rings: impl Iterator<Item = &'a Ring>,
    grid: &MapGrid,
    margin: Metres,
) -> Option<MapWindow> {
    let points: Vec<(f64, f64)> = rings.flatten().copied().collect();
    let bounds = Bounds::around(&points)?.grown(margin);
    let bounds = bounds.intersection(grid.bounds)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the map, so not negative"
    )]
    let index = |metres: f64| (metres / grid.resolution) as usize;
    let (x0, y0) = (
        index(bounds.west - grid.bounds.west),
        index(grid.bounds.north - bounds.north),
    );
    let (x1, y1) = (
        index(bounds.east - grid.bounds.west) + 1,
        index(grid.bounds.north - bounds.south) + 1,
    );
    let (x1, y1) = (x1.min(grid.size.0), y1.min(grid.size.1));
    (x0 < x1 && y0 < y1).then(|| MapWindow {
        x0,
        y0,
        width: x1 - x0,
        height: y1 - y0,
    })
}

/// Share of each pixel of a window that lies in the building; parts of a multipolygon do not overlap (checked on reading).
pub(super) fn shares(footprint: &Footprint, grid: &MapGrid, window: MapWindow) -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "columns and rows fit 31 bits")]
    let (x0, y0) = (window.x0 as f64, window.y0 as f64);
    let to_window = |&(east, north): &(f64, f64)| {
        (
            (east - grid.bounds.west) / grid.resolution - x0,
            (grid.bounds.north - north) / grid.resolution - y0,
        )
    };
    let mut sum = vec![0.0; window.width * window.height];
    for polygon in &footprint.polygons {
        let rings: Vec<Ring> = polygon
            .iter()
            .map(|ring| ring.iter().map(to_window).collect())
            .collect();
        for (sum, share) in sum
            .iter_mut()
            .zip(coverage(&rings, window.width, window.height))
        {
            *sum = f64::min(*sum + share, 1.0);
        }
    }
    sum
}

/// The pixels that a building touches on a map, and the share of each that lies in it; `None` beside the map.
#[must_use]
pub fn pixels_of(footprint: &Footprint, grid: &MapGrid) -> Option<(MapWindow, Vec<f64>)> {
    let rings = footprint.polygons.iter().flatten();
    let window = window_around(rings, grid, Metres(0.0))?;
    Some((window, shares(footprint, grid, window)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A roof of 6 x 4 pixels at 5 °C in a window of 10 x 8 at -3 °C.
    fn roof() -> (Vec<f32>, Vec<f64>) {
        let inside = |at: usize| (2..8).contains(&(at % 10)) && (2..6).contains(&(at / 10));
        let celsius = (0..80).map(|at| if inside(at) { 5.0 } else { -3.0 });
        let shares = (0..80).map(|at| f64::from(u8::from(inside(at))));
        (celsius.collect(), shares.collect())
    }

    fn core(place: f64, moved: isize) -> Core {
        let (celsius, mut shares) = roof();
        shares.rotate_right(usize::try_from(moved).unwrap());
        Core::of(&celsius, &shares, 10, Metres(1.0), Metres(place))
    }

    #[test]
    fn a_map_in_its_place_has_the_mean_of_the_outline_and_no_uncertainty() {
        let found = core(0.0, 0);
        assert!(
            (found.mean - 5.0).abs() < 1e-9 && found.sigma < 1e-9,
            "{found:?}"
        );
    }

    /// Drawn in by one pixel 4 x 2 are left. A step of one to either side stays on the roof.
    #[test]
    fn the_core_of_an_outline_that_lies_off_by_less_than_it_is_drawn_in_shows_the_roof_alone() {
        let found = core(0.5, 1);
        assert!((found.mean - 5.0).abs() < 1e-9, "{found:?}");
        // A step east takes one of its four columns off the roof: a quarter is 8 K colder, which is 2 K in one of four steps, so
        // 2 / sqrt(2) K (of eight pixels none is left out).
        assert!(
            (found.sigma - 2.0_f64.sqrt()).abs() < 1e-9,
            "{}",
            found.sigma
        );
    }

    /// A tenth of the roof is a chimney at 20 °C: without its warmest tenth it is a roof of 5 °C.
    #[test]
    fn a_chimney_does_not_warm_the_roof() {
        let mut celsius = vec![5.0; 100];
        celsius[40..50].fill(20.0);
        let found = Core::of(&celsius, &[1.0; 100], 10, Metres(1.0), Metres(0.0));
        assert!((found.mean - 5.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn an_outline_too_small_to_be_drawn_in_is_taken_whole_and_is_unsure() {
        let found = core(1.5, 0);
        assert!(
            (found.mean - 5.0).abs() < 1e-9 && found.sigma > 2.0,
            "{found:?}"
        );
    }

    #[test]
    fn without_data_there_is_no_mean() {
        let (_, shares) = roof();
        let found = Core::of(&[f32::NAN; 80], &shares, 10, Metres(1.0), Metres(0.5));
        assert!(found.mean.is_nan() && found.sigma.abs() < 1e-12);
    }
}
