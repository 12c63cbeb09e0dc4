//! The third line of defence: what a frame's neighbours in time saw, it hides too.
//!
//! In: a frame and its neighbours, as `window` pairs them. Out: the finds of these that it must hide. Refuses:
//! what can drive away faster than anyone walks (vehicles; parked ones are found again) or is fixed (windows).
//!
//! A find in a neighbour that the frame answers with a find of its own, one to one, tells nothing new. One
//! without an answer is hidden where it may be: within a step or two and the error of both positions. All of it
//! follows from boxes as they stand in the log, so that a resumed run carries what the first one would have.

use super::record;
use super::window::{Find, Neighbour, Seen};
use crate::config::{CarryConfig, Yaw};
use crate::detect::{BoxPx, Class, Detection, Detections, Line, Padding};
use crate::frame::FrameId;
use crate::georef::Neighbours;
use crate::units::Metres;

/// Metres that somebody may have walked from where they were seen and still be hidden, beside the padding of every
/// mask. More costs more than it hides: the area grows with its square, and most people are found again.
const WALKED: f64 = 1.0;
/// Metres a second of somebody who runs or rides: a find of the frame's own answers for one this far away.
const RUNNING: f64 = 3.0;
/// Cameras write whole seconds: this many may be missing between two times.
const CLOCK: f64 = 1.0;

/// What `neighbours` saw that `seen` does not answer: where it may be in this frame, by neighbour.
pub(crate) fn unanswered(
    seen: &Seen,
    neighbours: &[Neighbour],
    config: &CarryConfig,
    yaw: Yaw,
) -> Vec<(FrameId, Detections)> {
    let yaw = yaw.source();
    // One list of answers under the yaw that pairs agree in, and one under each of two.
    let own = things(&seen.finds);
    let own: Vec<_> = own.map(|find| (find.class, find.edges())).collect();
    let mut known = [own.clone(), own];
    let mut carried = Vec::new();
    for (other, seconds) in neighbours {
        #[expect(clippy::cast_precision_loss, reason = "at most a minute")]
        let seconds = seconds.unwrap_or(config.seconds) as f64;
        let error = config.position_error.0;
        let reach = Reach {
            hidden: Metres(error + WALKED),
            answer: Metres(error + RUNNING * (seconds + CLOCK)),
        };
        let mut found = Vec::new();
        let pairs = Neighbours::under_each_yaw(&other.located, &seen.located, yaw);
        for (pair, known) in pairs.iter().zip(&mut known) {
            found.extend(without_answer(things(&other.finds), pair, reach, known));
        }
        if !found.is_empty() {
            carried.push((other.id, Detections::completed(seen.id, Line::Carry, found)));
        }
    }
    carried.sort_by_key(|(id, _)| *id);
    carried
}

/// Whether a neighbour shows ground that the frame shows too, under any yaw that is tried.
pub(crate) fn overlaps(seen: &Seen, (other, _): &Neighbour, yaw: Yaw) -> bool {
    let pairs = Neighbours::under_each_yaw(&other.located, &seen.located, yaw.source());
    pairs.iter().any(Neighbours::overlap)
}

/// How far from its place a find is hidden, and how far from it one of the frame's own may answer for it.
#[derive(Debug, Clone, Copy)]
struct Reach {
    hidden: Metres,
    answer: Metres,
}

/// Carries each find and pairs it with the nearest known box within reach, one to one, nearest pairs first. What
/// is sure and stays alone is returned, and is known from then on.
fn without_answer<'a>(
    finds: impl Iterator<Item = &'a Find>,
    pair: &Neighbours,
    reach: Reach,
    known: &mut Vec<(Class, [f64; 4])>,
) -> Vec<Detection> {
    let carried = |find: &'a Find| {
        let edges = find.edges();
        // Who stood out of view may have come in; hiding the edge of every frame for it costs too much.
        pair.carry(edges, Metres(0.0))?;
        let hidden = pair.carry(edges, reach.hidden)?;
        Some((find, hidden, pair.carry(edges, reach.answer)?))
    };
    let mut waiting: Vec<_> = finds.filter_map(carried).collect();
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (find, (_, hidden, near)) in waiting.iter().enumerate() {
        let (x, y) = centre(hidden);
        for (answer, (class, bbox)) in known.iter().enumerate() {
            let (u, v) = centre(bbox);
            // Warm spots are many: one answers only where it may be the thing itself.
            let [x0, y0, x1, y1] = match class {
                Class::WarmSpot => hidden,
                _ => near,
            };
            if (*x0..=*x1).contains(&u) && (*y0..=*y1).contains(&v) {
                pairs.push(((u - x).hypot(v - y), find, answer));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut answered, mut used) = (vec![false; waiting.len()], vec![false; known.len()]);
    for (_, find, answer) in pairs {
        if let (Some(answered), Some(used)) = (answered.get_mut(find), used.get_mut(answer))
            && !*answered
            && !*used
        {
            (*answered, *used) = (true, true);
        }
    }
    let mut alone = answered.into_iter().map(|answered| !answered);
    waiting.retain(|(find, ..)| alone.next().unwrap_or(true) && find.sure);
    known.extend(
        waiting
            .iter()
            .map(|(find, hidden, _)| (find.class, *hidden)),
    );
    waiting
        .into_iter()
        .map(|(find, hidden, _)| hide(find, hidden))
        .collect()
}

/// Finds without warm spots that lie in the box of another find: the same thing, seen by two lines.
fn things(finds: &[Find]) -> impl Iterator<Item = &Find> {
    let same = |spot: &Find| {
        let (x, y) = centre(&spot.edges());
        finds.iter().any(|other| {
            let [x0, y0, x1, y1] = other.edges();
            other.class != Class::WarmSpot && (x0..=x1).contains(&x) && (y0..=y1).contains(&y)
        })
    };
    finds
        .iter()
        .filter(move |find| find.class != Class::WarmSpot || !same(find))
}

fn centre([x0, y0, x1, y1]: &[f64; 4]) -> (f64, f64) {
    (f64::midpoint(*x0, *x1), f64::midpoint(*y0, *y1))
}

/// A carried box holds its padding already; it is as sure as the find it comes from.
fn hide(find: &Find, region: [f64; 4]) -> Detection {
    #[expect(clippy::cast_possible_truncation, reason = "pixels of a frame")]
    let [x0, y0, x1, y1] = region.map(|edge| edge as f32);
    Detection {
        class: find.class,
        bbox: BoxPx { x0, y0, x1, y1 },
        score: record::from_milli(find.score),
        padding: Padding {
            fraction: 0.0,
            px: 0.0,
        },
        alarm: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::window::tests::{CONFIG, seen};
    use super::*;

    /// 10 px wide and high around (`x`, `y`).
    fn find(class: Class, x: u32, y: u32, sure: bool) -> Find {
        Find {
            class,
            bbox: [x - 5, y - 5, x + 5, y + 5],
            score: 800,
            sure,
        }
    }

    fn person(x: u32, y: u32) -> Find {
        find(Class::Person, x, y, true)
    }

    /// Centres of what the second of two frames hides, 100 px (7.78 m) further north than the first.
    fn hidden(first: &[Find], second: &[Find]) -> Vec<(f32, f32)> {
        let (first, second) = (seen(0, 0.0, 0, first), seen(1, 7.78, 1, second));
        let carried = unanswered(&second, &[(first, Some(1))], &CONFIG, Yaw::Auto);
        let found = carried.iter().flat_map(|(_, looks)| looks.found());
        found
            .map(|found| {
                let BoxPx { x0, y0, x1, y1 } = found.bbox;
                (
                    (f32::midpoint(x0, x1)).round(),
                    (f32::midpoint(y0, y1)).round(),
                )
            })
            .collect()
    }

    #[test]
    fn a_find_without_an_answer_is_hidden_where_it_stood() {
        assert_eq!(hidden(&[person(300, 200)], &[]), [(300.0, 300.0)]);
        // 1.5 m are 19.3 px: the box of 10 px reaches 24 px to each side.
        let (first, second) = (seen(0, 0.0, 0, &[person(300, 200)]), seen(1, 7.78, 1, &[]));
        let carried = unanswered(&second, &[(first, Some(1))], &CONFIG, Yaw::Auto);
        let bbox = carried[0].1.found()[0].bbox;
        assert!((bbox.x1 - bbox.x0 - 48.6).abs() < 1.5, "{bbox:?}");
    }

    #[test]
    fn one_find_answers_for_one() {
        assert!(hidden(&[person(300, 200)], &[person(306, 300)]).is_empty());
        let two = [person(300, 200), person(320, 200)];
        assert_eq!(hidden(&two, &[person(301, 300)]), [(320.0, 300.0)]);
        assert!(hidden(&two, &[person(301, 300), person(322, 299)]).is_empty());
    }

    #[test]
    fn a_find_far_away_answers_for_none_and_a_warm_spot_only_where_it_is() {
        assert_eq!(hidden(&[person(300, 200)], &[person(300, 420)]).len(), 1);
        let spot = |y| [find(Class::WarmSpot, 300, y, false)];
        assert!(hidden(&[person(300, 200)], &spot(310)).is_empty());
        assert_eq!(hidden(&[person(300, 200)], &spot(340)).len(), 1);
    }

    #[test]
    fn what_is_not_sure_is_not_carried_and_nothing_out_of_view() {
        let unsure = [find(Class::Person, 300, 200, false)];
        assert!(hidden(&unsure, &[]).is_empty());
        assert!(hidden(&[person(300, 440)], &[]).is_empty());
    }

    #[test]
    fn a_second_neighbour_adds_nothing_that_the_first_has_told() {
        let (before, after) = ([person(300, 200)], [person(300, 405)]);
        let (first, third) = (seen(0, 0.0, 0, &before), seen(2, 15.56, 2, &after));
        let second = seen(1, 7.78, 1, &[]);
        let neighbours = [(first, Some(1)), (third, Some(1))];
        let carried = unanswered(&second, &neighbours, &CONFIG, Yaw::Auto);
        assert_eq!(carried.len(), 1);
        assert_eq!(carried[0].0, FrameId(0));
    }
}
