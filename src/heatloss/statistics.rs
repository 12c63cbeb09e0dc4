//! Statistics of the pixels of one building, each weighted by how much of it lies inside.
//!
//! In: temperatures and shares. Out: area, visible share, mean, median, p05, p95. Refuses: nothing; pixels without data have
//! no part in any figure but the visible share.

/// What the pixels of a polygon say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZoneStatistics {
    /// Pixels inside, edges by their share.
    pub pixels: f64,
    /// Of them with a temperature.
    pub valid: f64,
    /// Mean weighted by share, °C; `NaN` without data, as all below.
    pub mean: f64,
    /// Half of the weight lies below.
    pub median: f64,
    /// 5 % of the weight lie below.
    pub p05: f64,
    /// 95 % of the weight lie below.
    pub p95: f64,
}

impl ZoneStatistics {
    /// Of temperatures (`NaN`: no data) and the share of each pixel inside, 0 to 1.
    #[must_use]
    pub fn of(pixels: impl IntoIterator<Item = (f32, f64)>) -> Self {
        let mut inside = 0.0;
        let mut valid: Vec<(f32, f64)> = Vec::new();
        for (celsius, share) in pixels.into_iter().filter(|(_, share)| *share > 0.0) {
            inside += share;
            if celsius.is_finite() {
                valid.push((celsius, share));
            }
        }
        valid.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let weight: f64 = valid.iter().map(|(_, share)| share).sum();
        let mean = valid
            .iter()
            .map(|(celsius, share)| f64::from(*celsius) * share)
            .sum::<f64>()
            / weight;
        Self {
            pixels: inside,
            valid: weight,
            mean,
            median: quantile(&valid, 0.5 * weight),
            p05: quantile(&valid, 0.05 * weight),
            p95: quantile(&valid, 0.95 * weight),
        }
    }

    /// Share of the polygon with a temperature.
    #[must_use]
    pub fn visible(&self) -> f64 {
        if self.pixels > 0.0 {
            (self.valid / self.pixels).min(1.0)
        } else {
            0.0
        }
    }
}

/// The value at which the running weight reaches `at`: values ascending, between two the one that reaches it, the mean of both where it
/// falls between them exactly.
fn quantile(ascending: &[(f32, f64)], at: f64) -> f64 {
    let mut sum = 0.0;
    let mut values = ascending.iter().peekable();
    while let Some((celsius, share)) = values.next() {
        sum += share;
        let here = f64::from(*celsius);
        if (sum - at).abs() < 1e-9 * at.max(1.0) {
            return values
                .peek()
                .map_or(here, |(next, _)| f64::midpoint(here, f64::from(*next)));
        }
        if sum > at {
            return here;
        }
    }
    f64::NAN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pixels_give_the_figures_of_a_plain_sample() {
        let found = ZoneStatistics::of((1..=100_u8).map(|celsius| (f32::from(celsius), 1.0)));
        assert!((found.mean - 50.5).abs() < 1e-9 && (found.median - 50.5).abs() < 1e-9);
        assert!((found.p05 - 5.5).abs() < 1e-9 && (found.p95 - 95.5).abs() < 1e-9);
    }

    #[test]
    fn an_edge_pixel_counts_by_its_share() {
        let found = ZoneStatistics::of([(10.0, 1.0), (20.0, 0.25), (99.0, 0.0)]);
        assert!((found.mean - 12.0).abs() < 1e-9 && (found.pixels - 1.25).abs() < 1e-9);
        assert!((found.median - 10.0).abs() < 1e-9 && (found.p95 - 20.0).abs() < 1e-9);
    }

    #[test]
    fn holes_lower_the_visible_share_and_nothing_else() {
        let found = ZoneStatistics::of([(4.0, 1.0), (f32::NAN, 1.0), (6.0, 1.0), (f32::NAN, 1.0)]);
        assert!((found.visible() - 0.5).abs() < 1e-9 && (found.mean - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_polygon_without_data_has_no_figure() {
        let found = ZoneStatistics::of([(f32::NAN, 1.0)]);
        assert!(found.mean.is_nan() && found.median.is_nan() && found.visible() < 1e-12);
        assert!(ZoneStatistics::of([]).visible() < 1e-12);
    }
}
