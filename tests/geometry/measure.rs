//! How far roof corners lie from where they stand, and how wrong the temperature of flat panels is.
//!
//! A corner is located by its two edges: of each, the half next to the corner, without the last bit. The
//! temperatures across an edge, averaged along it, are matched with what the truth shows across it, whatever the offset
//! of the temperature. The error of the corner is the root of the squares of both shifts.

use super::truth::{Map, Outline, Panel, Truth};

/// Largest shift looked for, metres. A corner that is farther off, or not there, counts as this far off.
pub(crate) const FARTHEST: f64 = 3.0;
/// Metres on both sides of an edge that are matched.
const REACH: f64 = 1.2;
/// Metres between samples across an edge, and along it.
const ACROSS: f64 = 0.05;
const ALONG: f64 = 0.15;
/// Kelvin between the two sides of an edge below which nobody can locate it.
const CONTRAST: f64 = 1.0;
/// Likeness below which an edge is not there.
const ALIKE: f64 = 0.7;
/// Metres of a panel's edge that are left out.
const RIM: f64 = 0.6;

/// What was measured in a map.
#[derive(Debug, Clone)]
pub(crate) struct Accuracy {
    /// Errors of corners, metres, ascending.
    pub corners: Vec<f64>,
    /// Of these, not found within [`FARTHEST`].
    pub lost: usize,
    /// Root mean square error of the panels' means, K.
    pub rmse: f64,
    /// Root mean square error of the samples on panels, K: also what of a house is painted on one.
    pub sample_rmse: f64,
    /// Samples on panels.
    pub samples: usize,
    /// Panels with at least one sample.
    pub panels: usize,
}

impl Accuracy {
    pub(crate) fn of(map: &Map, truth: &Truth) -> Self {
        let mut corners = Vec::new();
        let mut lost = 0;
        for roof in &truth.roofs {
            for corner in 0..4 {
                if let Some(found) = error(roof, corner, map, &truth.seen) {
                    lost += usize::from(found >= FARTHEST);
                    corners.push(found);
                }
            }
        }
        corners.sort_by(f64::total_cmp);
        let mut squares = Vec::new();
        let mut means = Vec::new();
        for panel in &truth.panels {
            let mut sum = (0.0, 0_u32);
            for at in inside(map, &panel.corners, RIM) {
                let error = f64::from(map.samples[at]) - panel.celsius;
                squares.push(error * error);
                sum = (sum.0 + error, sum.1 + 1);
            }
            if sum.1 > 0 {
                means.push((sum.0 / f64::from(sum.1)).powi(2));
            }
        }
        let samples = squares.len();
        let root = |squares: &[f64]| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
        Self {
            corners,
            lost,
            rmse: root(&means),
            sample_rmse: root(&squares),
            samples,
            panels: means.len(),
        }
    }

    /// The error that a share of the corners does not exceed, metres.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.corners.len() as f64).ceil() as usize;
        self.corners[rank.clamp(1, self.corners.len()) - 1]
    }

    pub(crate) fn line(&self) -> String {
        format!(
            "{} roof corners: median {:.2} m, p95 {:.2} m, {} not within {FARTHEST} m; {} panels: RMSE {:.2} K, of their {} samples {:.2} K",
            self.corners.len(),
            self.quantile(0.5),
            self.quantile(0.95),
            self.lost,
            self.panels,
            self.rmse,
            self.samples,
            self.sample_rmse
        )
    }
}

/// Every corner with how far off it is shown.
pub(crate) fn corners(map: &Map, truth: &Truth) -> Vec<([f64; 2], f64)> {
    let all = truth
        .roofs
        .iter()
        .flat_map(|roof| (0..4).map(move |corner| (roof, corner)));
    all.filter_map(|(roof, corner)| {
        Some((roof.corners[corner], error(roof, corner, map, &truth.seen)?))
    })
    .collect()
}

/// The middle of every panel with the error of its mean, K.
pub(crate) fn panels(map: &Map, truth: &Truth) -> Vec<([f64; 2], f64)> {
    let of = |panel: &Panel| {
        let errors: Vec<f64> = inside(map, &panel.corners, RIM)
            .map(|at| f64::from(map.samples[at]) - panel.celsius)
            .collect();
        let middle = [0, 1]
            .map(|axis: usize| panel.corners.iter().map(|corner| corner[axis]).sum::<f64>() / 4.0);
        (!errors.is_empty()).then(|| (middle, errors.iter().sum::<f64>() / errors.len() as f64))
    };
    truth.panels.iter().filter_map(of).collect()
}

/// Samples of `map` with a temperature inside an outline, `rim` metres from its edges.
fn inside<'a>(map: &'a Map, corners: &'a [[f64; 2]; 4], rim: f64) -> impl Iterator<Item = usize> {
    let range = |axis: usize| {
        let values = corners.map(|corner| corner[axis]);
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    };
    let ((west, east), (south, north)) = (range(0), range(1));
    let column = |east: f64| (((east - map.west) / map.cell).max(0.0) as usize).min(map.width);
    let row = |north: f64| (((map.north - north) / map.cell).max(0.0) as usize).min(map.height);
    let columns = column(west)..column(east);
    let places = (row(north)..row(south))
        .flat_map(move |row| columns.clone().map(move |column| row * map.width + column));
    places.filter(move |&at| {
        let place = map.place(at);
        let within = |edge: usize| {
            let side = Side::of(corners, edge);
            let from = [place[0] - side.from[0], place[1] - side.from[1]];
            from[0] * side.outwards[0] + from[1] * side.outwards[1] <= -rim
        };
        map.samples[at].is_finite() && (0..4).all(within)
    })
}

/// An edge of an outline.
struct Side {
    from: [f64; 2],
    along: [f64; 2],
    outwards: [f64; 2],
    length: f64,
}

impl Side {
    /// The edge from corner `edge` to the next.
    fn of(corners: &[[f64; 2]; 4], edge: usize) -> Self {
        let (a, b) = (corners[edge], corners[(edge + 1) % 4]);
        let length = (b[0] - a[0]).hypot(b[1] - a[1]);
        let along = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
        Self {
            from: a,
            along,
            outwards: [along[1], -along[0]],
            length,
        }
    }

    /// Mean temperatures from `-reach` (inside) to `reach`, of the half that `first` names.
    fn profile(&self, map: &Map, first: bool, reach: f64) -> Vec<Option<f64>> {
        let steps = (reach / ACROSS).round() as i32;
        let (low, high) = if first { (0.06, 0.45) } else { (0.55, 0.94) };
        let count = ((high - low) * self.length / ALONG) as usize;
        (-steps..=steps)
            .map(|step| {
                let off = f64::from(step) * ACROSS;
                let sample = |index: usize| {
                    let t = low * self.length + (index as f64 + 0.5) * ALONG;
                    map.at([0, 1].map(|axis: usize| {
                        self.from[axis] + t * self.along[axis] + off * self.outwards[axis]
                    }))
                };
                let found: Vec<f64> = (0..count).filter_map(sample).collect();
                (found.len() * 2 > count).then(|| found.iter().sum::<f64>() / found.len() as f64)
            })
            .collect()
    }

    /// Metres by which the edge lies outwards of its place; `None` where the truth shows no edge.
    fn shift(&self, first: bool, map: &Map, seen: &Map) -> Option<f64> {
        let expected: Vec<f64> = self
            .profile(seen, first, REACH)
            .into_iter()
            .collect::<Option<_>>()?;
        let near = (0.2 / ACROSS).round() as usize;
        let middle = expected.len() / 2;
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let step = mean(&expected[..middle - near]) - mean(&expected[middle + near..]);
        if step.abs() < CONTRAST {
            return None;
        }
        let found = self.profile(map, first, REACH + FARTHEST);
        let scores: Vec<f64> = found
            .windows(expected.len())
            .map(|window| alike(&expected, window))
            .collect();
        let (best, score) = scores
            .iter()
            .copied()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        if score < ALIKE {
            return Some(FARTHEST);
        }
        Some(best as f64 * ACROSS - FARTHEST)
    }
}

/// Likeness of two profiles, 1 where they are the same: twice their covariance over the sum of their variances. It sees no offset, which drifts, but
/// it does see gain, which a map of temperatures has: in normalised cross-correlation, the edge of a patio of 0.7 K, 2.3 m before a roof's edge of
/// 4.9 K, was as like that edge as itself (0.997 in the truth), and three corners that lay within 0.4 m counted as lost. 0 where more than a fifth is missing.
fn alike(expected: &[f64], found: &[Option<f64>]) -> f64 {
    let pairs: Vec<(f64, f64)> = expected
        .iter()
        .zip(found)
        .filter_map(|(&a, b)| Some((a, (*b)?)))
        .collect();
    if pairs.len() * 5 < expected.len() * 4 {
        return 0.0;
    }
    let count = pairs.len() as f64;
    let (sum_a, sum_b) = pairs.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
    let (mean_a, mean_b) = (sum_a / count, sum_b / count);
    let sums = pairs.iter().fold([0.0; 3], |[ab, aa, bb], (a, b)| {
        let (a, b) = (a - mean_a, b - mean_b);
        [ab + a * b, aa + a * a, bb + b * b]
    });
    if sums[1] + sums[2] > 0.0 {
        2.0 * sums[0] / (sums[1] + sums[2])
    } else {
        0.0
    }
}

/// Metres from where a corner stands to where the map shows it; `None` where nobody could tell.
fn error(roof: &Outline, corner: usize, map: &Map, seen: &Map) -> Option<f64> {
    let before = (corner + 3) % 4;
    if !roof.free[before] || !roof.free[corner] {
        return None;
    }
    let a = Side::of(&roof.corners, before).shift(false, map, seen)?;
    let b = Side::of(&roof.corners, corner).shift(true, map, seen)?;
    Some(a.hypot(b).min(FARTHEST))
}
