//! Which find is which labelled object, as COCO decides it.
//!
//! In: finds and labels of one class in one frame. Out: for every find whether it is a hit, a false alarm or
//! does not count, and for every object whether it was found. The rules are those of `pycocotools`
//! (`COCOeval.evaluateImg`): finds choose best first, each the free object that it overlaps most, the later one
//! of equals; a find that no object takes may fall into a region to ignore, where its own area is what the
//! shared area is held against.

use super::coco::{Ignored, Rect};
use crate::detect::{BoxPx, Class, Detection};

/// What a find turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a labelled object.
    Hit,
    /// It is nothing that is labelled.
    FalseAlarm,
    /// It lies where nothing counts.
    Ignored,
}

/// One class in one frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matched {
    /// Score and verdict of every find, best first.
    pub(super) finds: Vec<(f32, Verdict)>,
    /// Whether each object was found, in the order of the labels.
    pub(super) found: Vec<bool>,
}

/// Matches the finds of `class` at `least_iou` (intersection over union).
#[must_use]
pub(super) fn matched(
    class: Class,
    finds: &[Detection],
    objects: &[Rect],
    ignored: &[Ignored],
    least_iou: f64,
) -> Matched {
    let mut finds: Vec<&Detection> = finds.iter().filter(|find| find.class == class).collect();
    finds.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut found = vec![false; objects.len()];
    let least = least_iou.min(1.0 - 1e-10);
    let mut verdicts = Vec::with_capacity(finds.len());
    for find in finds {
        let rect = rect(&find.bbox);
        let mut best: Option<usize> = None;
        let mut overlap = least;
        for (number, object) in objects.iter().enumerate() {
            let shared = rect.shared(object);
            let iou = shared / (rect.area() + object.area() - shared);
            if iou >= overlap && found.get(number) == Some(&false) {
                (best, overlap) = (Some(number), iou);
            }
        }
        let in_region = |region: &Ignored| {
            region.class.is_none_or(|of| of == class)
                && rect.shared(&region.rect) >= least * rect.area()
        };
        let verdict = if let Some(taken) = best.and_then(|number| found.get_mut(number)) {
            *taken = true;
            Verdict::Hit
        } else if ignored.iter().any(in_region) {
            Verdict::Ignored
        } else {
            Verdict::FalseAlarm
        };
        verdicts.push((find.score, verdict));
    }
    Matched {
        finds: verdicts,
        found,
    }
}

/// A find's box as labels are stored.
#[must_use]
pub(super) fn rect(bbox: &BoxPx) -> Rect {
    let (x, y) = (f64::from(bbox.x0), f64::from(bbox.y0));
    Rect {
        x,
        y,
        width: f64::from(bbox.x1) - x,
        height: f64::from(bbox.y1) - y,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Padding;

    fn square(x: f64, side: f64) -> Rect {
        Rect {
            x,
            y: 0.0,
            width: side,
            height: side,
        }
    }

    fn find(x: f32, score: f32) -> Detection {
        Detection {
            class: Class::Person,
            bbox: BoxPx {
                x0: x,
                y0: 0.0,
                x1: x + 10.0,
                y1: 10.0,
            },
            score,
            padding: Padding {
                fraction: 0.0,
                px: 0.0,
            },
            alarm: 1.0,
        }
    }

    fn verdicts(matched: &Matched) -> Vec<Verdict> {
        matched.finds.iter().map(|(_, verdict)| *verdict).collect()
    }

    #[test]
    fn the_best_find_chooses_first_and_an_object_is_taken_once() {
        // Overlaps with the object at 0: 8 of 12 columns for the find at 2, all for the one at 0.
        let finds = [find(2.0, 0.9), find(0.0, 0.5)];
        let matched = matched(Class::Person, &finds, &[square(0.0, 10.0)], &[], 0.5);
        assert_eq!(verdicts(&matched), [Verdict::Hit, Verdict::FalseAlarm]);
        assert_eq!(matched.found, [true]);
    }

    #[test]
    fn a_find_takes_the_object_it_overlaps_most() {
        let objects = [square(4.0, 10.0), square(1.0, 10.0)];
        let matched = matched(Class::Person, &[find(0.0, 0.9)], &objects, &[], 0.3);
        assert_eq!(matched.found, [false, true]);
    }

    #[test]
    fn the_limit_itself_is_enough() {
        // 5 of 15 columns shared: exactly one third.
        let objects = [square(5.0, 10.0)];
        let at = |limit| matched(Class::Person, &[find(0.0, 0.9)], &objects, &[], limit).found;
        assert_eq!(at(1.0 / 3.0), [true]);
        assert_eq!(at(0.34), [false]);
    }

    #[test]
    fn a_find_half_inside_a_region_to_ignore_does_not_count_but_an_object_comes_first() {
        let region = |class, x| Ignored {
            class,
            rect: Rect {
                x,
                y: 0.0,
                width: 100.0,
                height: 100.0,
            },
        };
        let at = |regions: &[Ignored], objects: &[Rect]| {
            verdicts(&matched(
                Class::Person,
                &[find(0.0, 0.9)],
                objects,
                regions,
                0.5,
            ))
        };
        assert_eq!(at(&[region(None, 5.0)], &[]), [Verdict::Ignored]);
        assert_eq!(at(&[region(None, 6.0)], &[]), [Verdict::FalseAlarm]);
        assert_eq!(
            at(&[region(Some(Class::Vehicle), 0.0)], &[]),
            [Verdict::FalseAlarm]
        );
        assert_eq!(
            at(&[region(Some(Class::Person), 0.0)], &[]),
            [Verdict::Ignored]
        );
        assert_eq!(
            at(&[region(None, 0.0)], &[square(0.0, 10.0)]),
            [Verdict::Hit]
        );
    }
}
