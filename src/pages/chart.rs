//! How the figures of all homes are spread, as SVG.

use std::fmt::Write as _;

use crate::heatloss::Interval;

/// Pixels of the drawing.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 40.0;
const BOTTOM: f64 = 38.0;
const TOP: f64 = 34.0;
/// Bars at most.
const BARS: f64 = 24.0;
/// Widths of a bar.
const STEPS: [f64; 10] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// Figures beyond this, W/m² or K, are no homes': what stands in a table that others made is drawn only where it can be.
const MOST: f64 = 1e6;

/// A home to be marked.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// Its figure.
    pub(super) at: f64,
    /// And the interval of it.
    pub(super) interval: Option<Interval>,
}

/// A histogram of `values` with one of them marked; empty without values, and where any is not below a million.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "homes, and some twenty bars"
)]
pub(super) fn histogram(values: &[f64], unit: &str, mark: Option<Mark>) -> String {
    let (Some(low), Some(high)) = (
        values.iter().copied().reduce(f64::min),
        values.iter().copied().reduce(f64::max),
    ) else {
        return String::new();
    };
    let can_be = |value: &f64| value.abs() < MOST;
    if !values.iter().all(can_be) || mark.is_some_and(|mark| !can_be(&mark.at)) {
        return String::new();
    }
    let step = STEPS
        .into_iter()
        .find(|step| (high - low) / step <= BARS)
        .unwrap_or((high - low) / BARS);
    let first = (low / step).floor();
    let count = ((high / step).floor() - first) as usize + 1;
    let bar = |value: f64| ((value / step).floor() - first) as usize;
    let mut bars = vec![0_usize; count];
    for value in values {
        if let Some(bar) = bars.get_mut(bar(*value)) {
            *bar += 1;
        }
    }
    let most = bars.iter().copied().max().unwrap_or(1).max(1) as f64;
    // The axis leaves room for the interval of the home, as far as twice the spread.
    let (mut from, mut to) = (first * step, (first + count as f64) * step);
    if let Some(interval) = mark.and_then(|mark| mark.interval) {
        let room = 2.0 * (to - from);
        (from, to) = (
            from.min(interval.low.max(from - room)),
            to.max(interval.high.min(to + room)),
        );
    }
    let x = |value: f64| LEFT + (WIDTH - LEFT - 10.0) * (value - from) / (to - from);
    let base = HEIGHT - BOTTOM;
    let mut drawn = String::new();
    for (number, homes) in bars.iter().enumerate() {
        let left = (first + number as f64) * step;
        let height = (base - TOP) * *homes as f64 / most;
        let is_marked = mark.is_some_and(|mark| bar(mark.at) == number);
        let class = if is_marked { "this" } else { "others" };
        let (x0, x1) = (x(left), x(left + step));
        let _ = write!(
            drawn,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            x0 + 0.5,
            base - height,
            (x1 - x0 - 1.0).max(0.5)
        );
    }
    if let Some(mark) = mark {
        let at = x(mark.at);
        if let Some(interval) = mark.interval {
            let (a, b) = (x(interval.low.max(from)), x(interval.high.min(to)));
            let _ = write!(drawn, "<path class=\"interval\" d=\"M{a:.1} 20H{b:.1}\"/>");
        }
        let _ = write!(
            drawn,
            "<circle class=\"this\" cx=\"{at:.1}\" cy=\"20\" r=\"5\"/><path class=\"mark\" d=\"M{at:.1} 25V{base}\"/>"
        );
    }
    let _ = write!(
        drawn,
        "<path class=\"axis\" d=\"M{LEFT} {base}H{}\"/><text class=\"count\" x=\"{}\" y=\"{}\">{most}</text>\
         <text class=\"count\" x=\"{}\" y=\"{base}\">0</text>",
        WIDTH - 10.0,
        LEFT - 6.0,
        TOP + 8.0,
        LEFT - 6.0
    );
    let ticks = STEPS
        .into_iter()
        .chain([200.0, 500.0])
        .find(|step| (to - from) / step <= 8.0)
        .unwrap_or(step);
    let mut tick = (from / ticks).ceil() * ticks;
    while tick <= to {
        // Adding 0 turns -0 into 0.
        let label = (tick * 10.0).round() / 10.0 + 0.0;
        let _ = write!(
            drawn,
            "<path class=\"axis\" d=\"M{0:.1} {base}v5\"/><text class=\"tick\" x=\"{0:.1}\" y=\"{1}\">{label}</text>",
            x(tick),
            base + 18.0
        );
        tick += ticks;
    }
    let _ = write!(
        drawn,
        "<text class=\"tick\" x=\"{}\" y=\"{}\">{unit}</text>",
        f64::midpoint(LEFT, WIDTH),
        HEIGHT - 4.0
    );
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"how the figures of {} homes are spread\">{drawn}</svg>",
        values.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_home_is_in_a_bar_and_one_is_marked() {
        let values = [10.0, 11.0, 12.0, 30.0, 30.5];
        let mark = Mark {
            at: 30.5,
            interval: None,
        };
        let drawn = histogram(&values, "W/m2", Some(mark));
        // 20.5 W/m² in bars of 1: 21 bars, of which three have one home, one has two, and those of height 0 are drawn as nothing.
        assert_eq!(drawn.matches("<rect").count(), 21);
        assert_eq!(drawn.matches("<rect class=\"this\"").count(), 1);
        assert_eq!(drawn.matches("height=\"0.0\"").count(), 17);
        assert!(histogram(&[], "", None).is_empty());
    }

    #[test]
    fn figures_that_cannot_be_are_not_drawn() {
        for value in [1e17, f64::MAX, f64::MIN, f64::INFINITY, f64::NAN] {
            assert_eq!(histogram(&[value], "W/m2", None), "");
            assert_eq!(histogram(&[1.0, value], "W/m2", None), "");
            let interval = Some(Interval {
                estimate: value,
                low: -value,
                high: value,
            });
            let mark = Mark { at: 1.0, interval };
            let drawn = histogram(&[1.0, 2.0], "W/m2", Some(mark));
            assert!(drawn.len() < 10_000, "{value}: {}", drawn.len());
        }
    }

    #[test]
    fn equal_homes_make_one_bar() {
        let drawn = histogram(&[20.0; 7], "W/m2", None);
        assert_eq!(drawn.matches("<rect").count(), 1);
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }
}
