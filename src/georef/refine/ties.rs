//! Where pairs of frames show the same ground.

use std::sync::Arc;

use rayon::prelude::*;

use super::chart::{Chart, Square};
use super::kept::{Ground, Kept};
use super::matching::shift;
use super::overlap::{Overlap, is_seen, level, patch_over};
use crate::frame::FrameId;
use crate::georef::{Bounds, Surface, SurfaceError, View};
use crate::raster::Raster;

/// Metres by which two frames may lie apart at first: some three standard deviations of the difference of two positions.
const SEARCH: f64 = 6.0;
/// Metres by which two lines may lie apart once the frames of each agree: a camera that is mounted askew by 3 degrees moves lines of
/// opposite headings 12 m apart at 120 m.
const FAR: f64 = 20.0;
/// Cells along the side of the coarse chart, on which the first search runs.
const COARSE: usize = 96;
/// Pixels along the side of a matched square: smaller ones gave 0.75 px instead of 0.47 on a real flight.
const SQUARE: usize = 64;
/// Squares along each side of an overlap.
const SQUARES: usize = 5;
/// Standard deviation of a match in cells.
const MATCH: f64 = 0.5;
/// Fewer matches than this are no tie between two frames.
const LEAST_MATCHES: usize = 3;

/// How one round of matching looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    first: Search,
    /// Pixels along the side of a cell.
    by: usize,
    /// Cells around the expected place in which a square is looked for.
    reach: i64,
    /// Whether its ties tell the level of the ground: once frames agree but for it.
    pub(super) tells_levels: bool,
}

/// What goes before squares are matched.
#[derive(Debug, Clone, Copy)]
enum Search {
    /// Nothing: frames lie where they should but for a few cells.
    None,
    /// A coarse search over this many metres.
    Within(f64),
    /// The same, for pairs in which no squares match without it.
    Missing(f64),
}

/// From far and coarse to near and fine; each uses the views of the one before.
pub(super) const ROUNDS: [Round; 8] = [
    wide(Search::Within(SEARCH)),
    // Once more: what found no neighbour at first may find one that has moved into place.
    wide(Search::Within(SEARCH)),
    near(6),
    wide(Search::Missing(FAR)),
    near(6),
    with_levels(5),
    with_levels(4),
    with_levels(4),
];

impl Round {
    /// Whether what was found of a pair that has not moved since is what this round would find.
    fn takes(self, kept: &Kept) -> bool {
        match self.first {
            Search::None => kept.by == self.by,
            Search::Within(metres) => kept.by == self.by && kept.searched >= metres,
            Search::Missing(metres) => !kept.squares.is_empty() || kept.searched >= metres,
        }
    }
}

const fn wide(first: Search) -> Round {
    Round {
        first,
        by: 2,
        reach: 8,
        tells_levels: false,
    }
}

const fn near(reach: i64) -> Round {
    Round {
        first: Search::None,
        by: 1,
        reach,
        tells_levels: false,
    }
}

const fn with_levels(reach: i64) -> Round {
    Round {
        tells_levels: true,
        ..near(reach)
    }
}

/// The same ground in two frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tie {
    pub(super) frames: (usize, usize),
    /// Metres east and north in the first frame.
    pub(super) place: (f64, f64),
    /// Metres by which the second shows it elsewhere.
    pub(super) offset: (f64, f64),
    /// Level of the ground there.
    pub(super) up: f64,
    /// Standard deviation of the offset in metres.
    pub(super) sigma: f64,
    /// Metres of a pixel of the coarser frame.
    pub(super) pixel: f64,
}

/// All pairs of a flight and what was found of each so far.
pub(super) struct Matching<'a> {
    pairs: &'a [(usize, usize)],
    kept: Vec<Option<Kept>>,
}

impl<'a> Matching<'a> {
    pub(super) fn of(pairs: &'a [(usize, usize)]) -> Self {
        let kept = vec![None; pairs.len()];
        Self { pairs, kept }
    }

    /// Ties of all pairs, in their order. `view` gives a frame's number, view and bounds by its place in the list.
    pub(super) fn ties<E: From<SurfaceError> + Send>(
        &mut self,
        view: impl Fn(usize) -> Option<(FrameId, View, Bounds)> + Sync,
        surface: &Surface,
        round: Round,
        load: &(impl Fn(FrameId) -> Result<Arc<Raster<f32>>, E> + Sync),
    ) -> Result<Vec<Tie>, E> {
        let of_pair = |(pair, kept): (&(usize, usize), &mut Option<Kept>)| {
            let (Some(first), Some(second)) = (view(pair.0), view(pair.1)) else {
                return Ok(Vec::new());
            };
            let Some(overlap) = Overlap::of((&first.1, first.2), (&second.1, second.2)) else {
                return Ok(Vec::new());
            };
            let pair = Pair {
                numbers: *pair,
                first,
                second,
                overlap,
            };
            pair.ties(surface, round, load, kept)
        };
        let pairs = self.pairs.par_iter().zip(&mut self.kept);
        let all: Vec<Result<Vec<Tie>, E>> = pairs.map(of_pair).collect();
        let mut ties = Vec::new();
        for found in all {
            ties.extend(found?);
        }
        Ok(ties)
    }
}

/// Two frames that overlap.
struct Pair {
    numbers: (usize, usize),
    first: (FrameId, View, Bounds),
    second: (FrameId, View, Bounds),
    /// In cells of a pixel.
    overlap: Overlap,
}

impl Pair {
    fn views(&self) -> (&View, &View) {
        (&self.first.1, &self.second.1)
    }

    /// Its ties: those of an earlier round where nothing has moved since.
    fn ties<E: From<SurfaceError>>(
        &self,
        surface: &Surface,
        round: Round,
        load: &impl Fn(FrameId) -> Result<Arc<Raster<f32>>, E>,
        kept: &mut Option<Kept>,
    ) -> Result<Vec<Tie>, E> {
        if let Some(kept) = kept {
            let patch = patch_over(surface, self.overlap.bounds())?;
            let ground = Ground::of(surface, patch.as_ref());
            if round.takes(kept) && kept.is_still(self.views(), ground) {
                return Ok(kept.ties(self.numbers, self.views(), ground));
            }
        }
        let (mut found, mut searched) = match round.first {
            Search::Within(metres) => (Vec::new(), metres),
            Search::None | Search::Missing(_) => {
                (self.matched(surface, round, None, load, kept)?, 0.0)
            }
        };
        if let Search::Missing(metres) = round.first
            && found.is_empty()
        {
            searched = metres;
        }
        if searched > 0.0 {
            found = self.matched(surface, round, Some(searched), load, kept)?;
        }
        Ok(found)
    }

    /// Matches squares, after a search within some metres where they are given.
    fn matched<E: From<SurfaceError>>(
        &self,
        surface: &Surface,
        round: Round,
        metres: Option<f64>,
        load: &impl Fn(FrameId) -> Result<Arc<Raster<f32>>, E>,
        kept: &mut Option<Kept>,
    ) -> Result<Vec<Tie>, E> {
        let overlap = self.overlap.coarser(round.by);
        if overlap.side < SQUARE / round.by + 2 {
            return Ok(Vec::new());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some hundred cells"
        )]
        let margin = (metres.unwrap_or(0.0) / overlap.cell).ceil() as usize;
        let grown = overlap.grown(margin);
        let patch = patch_over(surface, grown.bounds())?;
        let ground = Ground::of(surface, patch.as_ref());
        let chart = |(id, view, _): &(FrameId, View, Bounds)| -> Result<Chart, E> {
            Ok(grown.chart(view, &*load(*id)?, patch.as_ref()))
        };
        let how = (round.by, metres.unwrap_or(0.0));
        let keep = |found: &[Tie]| Some(Kept::of(self.views(), &overlap, ground, how, found));
        if metres.is_none() && self.shared_squares(&grown, round, ground) < LEAST_MATCHES {
            *kept = keep(&[]);
            return Ok(Vec::new());
        }
        let chart_a = chart(&self.first)?;
        let mut worth: Vec<_> = squares(chart_a.side, round).collect();
        worth.retain(|(square, _)| chart_a.is_worth_matching(*square));
        if worth.len() < LEAST_MATCHES {
            *kept = keep(&[]);
            return Ok(Vec::new());
        }
        let chart_b = chart(&self.second)?;
        let around = if metres.is_none() {
            Some((0, 0))
        } else {
            coarse_shift(&chart_a, &chart_b, margin)
        };
        let tie = |((column, row), (right, down)): ((f64, f64), (f64, f64))| {
            let place = grown.place(column, row);
            Tie {
                frames: self.numbers,
                place,
                offset: (right * grown.cell, -down * grown.cell),
                up: level(patch.as_ref(), place.0, place.1),
                sigma: MATCH * grown.cell,
                pixel: self.overlap.cell,
            }
        };
        let found = around.map_or_else(Vec::new, |around| {
            matches((&chart_a, &chart_b), &worth, around, round.reach)
        });
        let is_tied = found.len() >= LEAST_MATCHES;
        let found: Vec<Tie> = found.into_iter().filter(|_| is_tied).map(tie).collect();
        *kept = keep(&found);
        Ok(found)
    }
}

/// Places along each side of a square at which it is asked whether both frames see it.
const ASKED: usize = 5;
/// Of them all, the share without which three fifths of a square cannot be shown by both, wherever its edge runs.
const SHOWN: f64 = 0.4;

impl Pair {
    /// Squares of which both frames may show enough, as their views tell: what is not counted need not be charted.
    fn shared_squares(&self, overlap: &Overlap, round: Round, ground: Ground<'_>) -> usize {
        let (first, second) = self.views();
        let is_shared = |(square, _): &(Square, (f64, f64))| {
            #[expect(clippy::cast_precision_loss, reason = "some hundred cells")]
            let cell = |from: usize, step: usize| {
                from as f64 + (step as f64 + 0.5) * square.side as f64 / ASKED as f64
            };
            let is_seen = |at: &usize| {
                let (column, row) = (
                    cell(square.column, at % ASKED),
                    cell(square.row, at / ASKED),
                );
                let place = overlap.place(column, row);
                let up = level(ground.patch, place.0, place.1);
                [first, second].iter().all(|view| is_seen(view, place, up))
            };
            let seen = (0..ASKED * ASKED).filter(is_seen).count();
            #[expect(clippy::cast_precision_loss, reason = "25 places")]
            let share = seen as f64 / (ASKED * ASKED) as f64;
            share >= SHOWN
        };
        squares(overlap.side, round).filter(is_shared).count()
    }
}

/// By how many cells, `margin` at most, the second chart is shifted as a whole.
fn coarse_shift(first: &Chart, second: &Chart, margin: usize) -> Option<(i64, i64)> {
    let by = (first.side / COARSE).max(1);
    let (first, second) = (first.coarser(by), second.coarser(by));
    let search = margin / by;
    let side = first.side.saturating_sub(2 * search);
    let window = Square {
        column: search,
        row: search,
        side,
        // Footprints are not square: a quarter of the window is enough.
        least: u32::try_from(side * side / 4).unwrap_or(u32::MAX),
    };
    let search = i64::try_from(search).ok()?;
    let found = shift(&first, &second, window, (0, 0), search)?;
    #[expect(clippy::cast_precision_loss, reason = "a few cells")]
    let by = by as f64;
    #[expect(clippy::cast_possible_truncation, reason = "some hundred cells")]
    let fine = |cells: f64| (cells * by).round() as i64;
    Some((fine(found.columns), fine(found.rows)))
}

/// Squares of a chart that are matched, each with its middle.
fn squares(chart_side: usize, round: Round) -> impl Iterator<Item = (Square, (f64, f64))> {
    let side = SQUARE / round.by;
    let room = chart_side - side;
    // Away from the edges by as far as is looked, where the overlap is large enough for that.
    let margin = usize::try_from(round.reach).unwrap_or(0).min(room / 3);
    let start = move |step: usize| margin + step * (room - 2 * margin) / (SQUARES - 1);
    let least = u32::try_from(side * side * 3 / 5).unwrap_or(u32::MAX);
    #[expect(clippy::cast_precision_loss, reason = "at most 512")]
    let middle = move |start: usize| start as f64 + side as f64 / 2.0;
    (0..SQUARES * SQUARES).map(move |at| {
        let (column, row) = (start(at % SQUARES), start(at / SQUARES));
        let square = Square {
            column,
            row,
            side,
            least,
        };
        (square, (middle(column), middle(row)))
    })
}

/// Centres of matched squares in the first chart, and by how many cells (columns, rows) the second shows them elsewhere.
fn matches(
    (first, second): (&Chart, &Chart),
    squares: &[(Square, (f64, f64))],
    around: (i64, i64),
    reach: i64,
) -> Vec<((f64, f64), (f64, f64))> {
    let matched = |(square, middle): &(Square, (f64, f64))| {
        let moved = shift(first, second, *square, around, reach)?;
        Some((*middle, (moved.columns, moved.rows)))
    };
    squares.iter().filter_map(matched).collect()
}
