//! Precision against recall over all thresholds.

use super::bootstrap::Figure;
use super::matching::Verdict;

/// Recall levels at which COCO reads the precision: 0, 0.01, to 1.
const LEVELS: u32 = 101;

/// The finds of one class in all frames, each held against the labels.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve {
    /// Score, frame, scene, and whether it is a hit; what does not count is left out.
    finds: Vec<(f32, i64, usize, bool)>,
    objects: Vec<f64>,
    frames: Vec<f64>,
}

impl Curve {
    /// Nothing seen yet in any of `scenes`.
    #[must_use]
    pub(super) fn new(scenes: usize) -> Self {
        Self {
            finds: Vec::new(),
            objects: vec![0.0; scenes],
            frames: vec![0.0; scenes],
        }
    }

    /// Adds the finds of the frame with this number in the labels.
    pub(super) fn add(
        &mut self,
        frame: i64,
        scene: usize,
        finds: &[(f32, Verdict)],
        objects: usize,
    ) {
        let counting = finds
            .iter()
            .filter(|(_, verdict)| *verdict != Verdict::Ignored);
        self.finds.extend(
            counting.map(|&(score, verdict)| (score, frame, scene, verdict == Verdict::Hit)),
        );
        if let (Some(sum), Some(frames)) = (self.objects.get_mut(scene), self.frames.get_mut(scene))
        {
            #[expect(clippy::cast_precision_loss, reason = "objects of one frame")]
            let objects = objects as f64;
            *sum += objects;
            *frames += 1.0;
        }
    }

    /// Puts the finds in order, best first, equal ones in the order of the frames' numbers, as pycocotools does: int8
    /// networks give many equal scores. To be called once all are there.
    #[must_use]
    pub(super) fn sorted(mut self) -> Self {
        self.finds
            .sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self
    }

    /// Hits and false alarms after each find.
    fn sums(&self, weights: &[f64]) -> impl Iterator<Item = (f64, f64)> {
        let (mut hits, mut alarms) = (0.0, 0.0);
        let weighted = self
            .finds
            .iter()
            .map(|&(_, _, scene, hit)| (weights.get(scene).copied().unwrap_or_default(), hit));
        let counting: Vec<(f64, bool)> = weighted.filter(|(weight, _)| *weight > 0.0).collect();
        counting.into_iter().map(move |(weight, hit)| {
            if hit {
                hits += weight;
            } else {
                alarms += weight;
            }
            (hits, alarms)
        })
    }
}

fn weighted(values: &[f64], weights: &[f64]) -> f64 {
    values.iter().zip(weights).map(|(a, b)| a * b).sum()
}

/// Average precision: the mean, over 101 recall levels, of the best precision at that recall or more (COCO).
#[derive(Debug, Clone, Copy)]
pub(super) struct AveragePrecision<'a>(pub(super) &'a Curve);

impl Figure for AveragePrecision<'_> {
    fn value(&self, weights: &[f64]) -> Option<f64> {
        let objects = weighted(&self.0.objects, weights);
        if objects <= 0.0 {
            return None;
        }
        let mut points: Vec<(f64, f64)> = self
            .0
            .sums(weights)
            .map(|(hits, alarms)| (hits / objects, hits / (hits + alarms)))
            .collect();
        let mut best = 0.0_f64;
        for (_, precision) in points.iter_mut().rev() {
            best = best.max(*precision);
            *precision = best;
        }
        let mut points = points.into_iter().peekable();
        let mut sum = 0.0;
        for level in 0..LEVELS {
            // Numpy's levels to the last bit: 35 * 0.01 is above 35 / 100, and recall may be just that.
            let level = f64::from(level) * 0.01;
            while points.next_if(|(recall, _)| *recall < level).is_some() {}
            sum += points.peek().map_or(0.0, |(_, precision)| *precision);
        }
        Some(sum / f64::from(LEVELS))
    }
}

/// Recall of the lowest threshold with at most so many false alarms a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecallAt<'a> {
    /// The finds.
    pub(super) curve: &'a Curve,
    /// False alarms a frame.
    pub(super) alarms_per_frame: f64,
}

impl Figure for RecallAt<'_> {
    fn value(&self, weights: &[f64]) -> Option<f64> {
        let objects = weighted(&self.curve.objects, weights);
        let most = self.alarms_per_frame * weighted(&self.curve.frames, weights);
        let within = self.curve.sums(weights);
        let last = within.take_while(|(_, alarms)| *alarms <= most).last();
        (objects > 0.0).then(|| last.map_or(0.0, |(hits, _)| hits / objects))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{FalseAlarm, Hit, Ignored};

    /// Two scenes with one frame each; five objects in all.
    fn curve() -> Curve {
        let mut curve = Curve::new(2);
        curve.add(1, 0, &[(0.9, Hit), (0.6, FalseAlarm), (0.5, Ignored)], 2);
        curve.add(2, 1, &[(0.8, FalseAlarm), (0.7, Hit), (0.4, Hit)], 3);
        curve.sorted()
    }

    #[test]
    fn average_precision_is_what_a_hand_calculation_gives() {
        // In order: hit, alarm, hit, alarm, hit: recall 0.2, 0.2, 0.4, 0.4, 0.6 at precision 1, 1/2, 2/3, 1/2, 3/5.
        // Levels 0 to 0.20 (21) see 1, to 0.40 (20) see 2/3, to 0.60 (20) see 3/5, the rest (40) nothing.
        let expected = (21.0 + 20.0 * 2.0 / 3.0 + 20.0 * 0.6) / 101.0;
        let found = AveragePrecision(&curve()).value(&[1.0, 1.0]).unwrap();
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn a_recall_level_is_reached_where_pycocotools_says_so() {
        // 7 of 20 found, an alarm, one more found. Level 35 is 0.35000000000000003 there, above 7 / 20, so that
        // levels 0 to 34 see 1 and 35 to 40 see 8/9: `pycocotools` 2.0.11 says 0.39933993399.
        let mut finds = vec![(0.9, Hit); 7];
        finds.extend([(0.5, FalseAlarm), (0.4, Hit)]);
        let mut curve = Curve::new(1);
        curve.add(1, 0, &finds, 20);
        let found = AveragePrecision(&curve.sorted()).value(&[1.0]).unwrap();
        assert!((found - 0.399_339_933_993).abs() < 1e-9, "{found}");
    }

    #[test]
    fn equal_scores_count_in_the_order_of_the_frames_however_they_came() {
        // Frame 1's hit before frame 2's false alarm: all of recall at precision 1.
        let mut curve = Curve::new(1);
        curve.add(2, 0, &[(0.5, FalseAlarm)], 0);
        curve.add(1, 0, &[(0.5, Hit)], 1);
        let found = AveragePrecision(&curve.sorted()).value(&[1.0]).unwrap();
        assert!((found - 1.0).abs() < 1e-12, "{found}");
    }

    #[test]
    fn a_scene_drawn_twice_counts_twice_and_one_not_drawn_not() {
        // Scene 0 alone: one of two objects at precision 1: 51 of 101 levels.
        let found = AveragePrecision(&curve()).value(&[2.0, 0.0]).unwrap();
        assert!((found - 51.0 / 101.0).abs() < 1e-9, "{found}");
    }

    #[test]
    fn recall_is_read_where_the_false_alarms_run_out() {
        let curve = curve();
        let at = |alarms_per_frame| {
            let figure = RecallAt {
                curve: &curve,
                alarms_per_frame,
            };
            figure.value(&[1.0, 1.0]).unwrap()
        };
        // Two frames: 0, 1 and 2 false alarms in all.
        assert!((at(0.0) - 0.2).abs() < 1e-12);
        assert!((at(0.5) - 0.4).abs() < 1e-12);
        assert!((at(1.0) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn without_objects_there_is_no_precision_and_without_finds_none() {
        let mut empty = Curve::new(1);
        assert_eq!(AveragePrecision(&empty).value(&[1.0]), None);
        empty.add(1, 0, &[], 3);
        assert_eq!(AveragePrecision(&empty).value(&[1.0]), Some(0.0));
    }
}
