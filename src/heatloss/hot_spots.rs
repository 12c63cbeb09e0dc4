//! Places of a building that are clearly warmer than the rest of it.
//!
//! In: temperatures of a window and the share of each pixel inside. Out: count, area and the strongest. Refuses: nothing.

/// Kelvin above the building's median that make a hot spot, at least.
const LEAST: f32 = 2.0;
/// Or this many times the building's own spread, where that is more.
const SPREADS: f32 = 3.0;
/// Smallest hot spot in m².
const SMALLEST: f64 = 0.1;

/// What stands out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HotSpots {
    /// How many.
    pub count: u32,
    /// All together, in m².
    pub area: f64,
    /// The warmest pixel above the median, in K; 0 without hot spots.
    pub strongest: f64,
}

/// Connected regions (by sides) of at least 0.1 m² that are warmer than the median by 2 K, or by three times the building's
/// spread (1.4826 times the median absolute deviation) where that is more.
///
/// `celsius` and `shares` are row-major, `width` pixels a row of `pixel_area` m² each; pixels less than half inside are left out,
/// because they show the ground beside the building too.
#[must_use]
pub fn hot_spots(celsius: &[f32], shares: &[f64], width: usize, pixel_area: f64) -> HotSpots {
    let inside = |at: usize| {
        let share = shares.get(at).copied().unwrap_or(0.0);
        celsius
            .get(at)
            .copied()
            .filter(|value| share >= 0.5 && value.is_finite())
    };
    let values: Vec<f32> = (0..celsius.len()).filter_map(inside).collect();
    let Some(centre) = median(values.clone()) else {
        return HotSpots::default();
    };
    let spread = median(values.iter().map(|value| (value - centre).abs()).collect());
    let limit = centre + LEAST.max(SPREADS * 1.4826 * spread.unwrap_or(0.0));
    let mut waiting: Vec<bool> = (0..celsius.len())
        .map(|at| inside(at).is_some_and(|value| value > limit))
        .collect();
    let mut found = HotSpots::default();
    for start in 0..celsius.len() {
        let (mut pixels, mut warmest) = (0_u32, f32::NEG_INFINITY);
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            if !waiting.get_mut(at).is_some_and(std::mem::take) {
                continue;
            }
            pixels += 1;
            warmest = warmest.max(celsius.get(at).copied().unwrap_or(f32::NEG_INFINITY));
            let column = at % width.max(1);
            open.extend((column > 0).then(|| at - 1));
            open.extend((column + 1 < width).then_some(at + 1));
            open.extend(at.checked_sub(width));
            open.push(at + width);
        }
        let area = f64::from(pixels) * pixel_area;
        if pixels > 0 && area >= SMALLEST {
            found.count += 1;
            found.area += area;
            found.strongest = found.strongest.max(f64::from(warmest - centre));
        }
    }
    found
}

fn median(mut values: Vec<f32>) -> Option<f32> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A roof of 10 x 10 px at 1 °C with a warm spot of 2 x 3 px at 5 °C and single warm pixels.
    fn roof() -> Vec<f32> {
        let mut celsius = vec![1.0; 100];
        for at in [11, 12, 21, 22, 31, 32] {
            celsius[at] = 5.0;
        }
        celsius[88] = 9.0;
        celsius
    }

    #[test]
    fn a_warm_patch_is_one_hot_spot_and_a_single_pixel_is_none() {
        let found = hot_spots(&roof(), &[1.0; 100], 10, 0.04);
        assert_eq!(found.count, 1);
        assert!((found.area - 0.24).abs() < 1e-9 && (found.strongest - 4.0).abs() < 1e-6);
    }

    #[test]
    fn two_patches_that_touch_by_a_corner_are_two() {
        let mut celsius = vec![1.0; 100];
        for at in [0, 1, 10, 11, 22, 23, 32, 33] {
            celsius[at] = 6.0;
        }
        assert_eq!(hot_spots(&celsius, &[1.0; 100], 10, 0.04).count, 2);
    }

    #[test]
    fn a_rows_end_and_the_next_rows_start_do_not_touch() {
        let mut celsius = vec![1.0; 100];
        for at in [8, 9, 10, 11] {
            celsius[at] = 6.0;
        }
        assert_eq!(hot_spots(&celsius, &[1.0; 100], 10, 0.06).count, 2);
    }

    #[test]
    fn a_noisy_roof_raises_its_own_limit() {
        let noisy: Vec<f32> = (0..100_u8).map(|at| f32::from(at % 10)).collect();
        assert_eq!(hot_spots(&noisy, &[1.0; 100], 10, 1.0).count, 0);
    }

    #[test]
    fn no_data_and_edges_are_left_out() {
        let mut shares = [1.0; 100];
        for at in [11, 12, 21, 22, 31, 32] {
            shares[at] = 0.3;
        }
        assert_eq!(hot_spots(&roof(), &shares, 10, 0.04).count, 0);
        assert_eq!(
            hot_spots(&[f32::NAN; 4], &[1.0; 4], 2, 1.0),
            HotSpots::default()
        );
    }
}
