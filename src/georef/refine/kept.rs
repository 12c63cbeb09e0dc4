//! What matching found of a pair of frames, for as long as it holds.
//!
//! In: ties. Out: the same with other views. Refuses: to stand for frames that have moved against each other.
//!
//! A square that was matched is the same two pixels wherever the frames are put: solving again needs no new match. Only where two frames move against
//! each other would squares look different, and others be found.

use super::overlap::{Overlap, is_seen, level};
use super::ties::Tie;
use crate::georef::{Patch, Surface, View};

/// Cells by which two frames may have moved against each other since they were matched.
const STILL: f64 = 0.5;
/// The same for cells of several pixels, which are matched again in all detail later.
const STILL_COARSE: f64 = 1.0;
/// Places along each side of what both show at which that is asked.
const PROBES: usize = 5;
/// Steps from a level to the place that a pixel shows on ground that rises gently, and back.
const STEPS: usize = 4;

/// The result of matching one pair.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// Pixels along the side of its cells.
    pub(super) by: usize,
    /// Metres within which the pair was searched for as a whole; 0 where it was not.
    pub(super) searched: f64,
    cell: f64,
    pixel: f64,
    sigma: f64,
    /// Places that both show, evenly spread.
    probes: Vec<Sight>,
    pub(super) squares: Vec<Sight>,
    /// Which of the overlap's squares these are, a bit each.
    pub(super) found: u32,
}

/// One place: the pixel of each frame that shows it, and its level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    first: (f32, f32),
    second: (f32, f32),
    up: f32,
}

/// A place as two frames show it: where the first does, its level, and by how much elsewhere the second does.
struct Seen {
    place: (f64, f64),
    up: f64,
    offset: (f64, f64),
}

/// The ground under a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) patch: Option<&'a Patch>,
    /// Whether levels change from round to round.
    pub(super) is_free: bool,
}

impl<'a> Ground<'a> {
    pub(super) fn of(surface: &Surface, patch: Option<&'a Patch>) -> Self {
        Self {
            patch,
            is_free: surface.model().is_none(),
        }
    }

    fn level(&self, (east, north): (f64, f64)) -> f64 {
        level(self.patch, east, north)
    }

    /// What a pixel shows, from a place `up` above level 0 that it showed before.
    fn meets(&self, view: &View, (u, v): (f32, f32), mut up: f64) -> Option<((f64, f64), f64)> {
        let (u, v) = (f64::from(u), f64::from(v));
        if self.is_free && self.patch.is_some() {
            for _ in 0..STEPS {
                up = self.level(view.above_ground(u, v, up)?);
            }
        }
        Some((view.above_ground(u, v, up)?, up))
    }
}

impl Sight {
    /// Of one place in the first frame and another in the second.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a ten-thousandth of a pixel, a millimetre"
    )]
    fn of(views: (&View, &View), places: [(f64, f64); 2], ground: Ground<'_>) -> Option<Self> {
        let pixel = |view: &View, place: (f64, f64)| {
            let (u, v) = view.pixel_above(place.0, place.1, ground.level(place))?;
            Some((u as f32, v as f32))
        };
        Some(Self {
            first: pixel(views.0, places[0])?,
            second: pixel(views.1, places[1])?,
            up: ground.level(places[0]) as f32,
        })
    }

    /// Where both frames show it with the views of now.
    fn seen(&self, views: (&View, &View), ground: Ground<'_>) -> Option<Seen> {
        let (place, up) = ground.meets(views.0, self.first, self.up.into())?;
        let (there, _) = ground.meets(views.1, self.second, self.up.into())?;
        let offset = (there.0 - place.0, there.1 - place.1);
        Some(Seen { place, up, offset })
    }
}

impl Kept {
    /// Of a pair that was matched on `overlap`.
    pub(super) fn of(
        views: (&View, &View),
        overlap: &Overlap,
        ground: Ground<'_>,
        (by, searched): (usize, f64),
        found: &[(u32, Tie)],
    ) -> Self {
        let place = |at: usize| {
            #[expect(clippy::cast_precision_loss, reason = "some hundred cells")]
            let cells = |number: usize| (number as f64 + 0.5) * overlap.side as f64 / PROBES as f64;
            overlap.place(cells(at % PROBES), cells(at / PROBES))
        };
        let probe = |at: usize| {
            let place = place(at);
            let is_shown = [views.0, views.1]
                .iter()
                .all(|view| is_seen(view, place, ground.level(place)));
            is_shown.then(|| Sight::of(views, [place, place], ground))?
        };
        let square = |(_, tie): &(u32, Tie)| {
            let there = (tie.place.0 + tie.offset.0, tie.place.1 + tie.offset.1);
            Sight::of(views, [tie.place, there], ground)
        };
        Self {
            by,
            searched,
            cell: overlap.cell,
            pixel: found.first().map_or(overlap.cell, |(_, tie)| tie.pixel),
            sigma: found.first().map_or(overlap.cell, |(_, tie)| tie.sigma),
            found: found.iter().fold(0, |bits, (number, _)| bits | 1 << number),
            probes: (0..PROBES * PROBES).filter_map(probe).collect(),
            squares: found.iter().filter_map(square).collect(),
        }
    }

    /// Whether the frames still lie to each other as they did.
    pub(super) fn is_still(&self, views: (&View, &View), ground: Ground<'_>) -> bool {
        let still = if self.by > 1 { STILL_COARSE } else { STILL };
        let has_moved = |probe: &Sight| match probe.seen(views, ground) {
            Some(Seen { offset, .. }) => offset.0.hypot(offset.1) > still * self.cell,
            None => true,
        };
        !self.probes.iter().any(has_moved)
    }

    /// Its ties, with the views of now.
    pub(super) fn ties(
        &self,
        frames: (usize, usize),
        views: (&View, &View),
        ground: Ground<'_>,
    ) -> Vec<Tie> {
        let tie = |square: &Sight| {
            let Seen { place, up, offset } = square.seen(views, ground)?;
            Some(Tie {
                frames,
                place,
                offset,
                up,
                sigma: self.sigma,
                pixel: self.pixel,
            })
        };
        self.squares.iter().filter_map(tie).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_view;
    use super::super::overlap::Shown;
    use super::*;
    use crate::frame::FrameId;
    use crate::georef::Bounds;
    use crate::units::Degrees;

    fn view(centre: (f64, f64), pitch: f64) -> View {
        made_view(centre, 60.0, 30.0, pitch)
    }

    /// Ties are in metres of ground: a camera that is put 0.3 m further east shows all that it sees 0.3 m further east.
    #[test]
    fn ties_go_with_the_cameras_and_hold_as_long_as_these_lie_still_to_each_other() {
        let bounds = |view: &View| view.bounds(Degrees(60.0)).unwrap();
        for pitch in [-90.0, -60.0] {
            let (first, second) = (view((0.0, 0.0), pitch), view((8.0, 4.0), -90.0));
            let shared: (Bounds, Bounds) = (bounds(&first), bounds(&second));
            let shown = |view, bounds| Shown {
                id: FrameId(0),
                view,
                bounds,
                level: 0.0,
            };
            let overlap = Overlap::of(&shown(first, shared.0), &shown(second, shared.1)).unwrap();
            let ground = Ground::of(&Surface::Flat, None);
            let place = overlap.place(150.0, 170.0);
            let tie = Tie {
                frames: (3, 5),
                place,
                offset: (0.8, -0.4),
                up: 0.0,
                sigma: 0.04,
                pixel: 0.08,
            };
            let kept = Kept::of((&first, &second), &overlap, ground, (1, 0.0), &[(7, tie)]);
            assert!(!kept.probes.is_empty());
            let moved = |metres: f64| view((8.0 + metres, 4.0), -90.0);
            for (metres, is_still) in [(0.0, true), (0.02, true), (0.3, false)] {
                let views = (&first, &moved(metres));
                assert_eq!(kept.is_still(views, ground), is_still, "{metres}");
                let [found] = kept.ties((3, 5), views, ground)[..] else {
                    panic!("one tie was kept");
                };
                let (east, north) = found.offset;
                assert!((east - 0.8 - metres).abs() < 1e-4 && (north + 0.4).abs() < 1e-4);
                let (east, north) = found.place;
                assert!((east - place.0).abs() < 1e-4 && (north - place.1).abs() < 1e-4);
            }
        }
    }
}
