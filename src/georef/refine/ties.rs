//! Where pairs of frames show the same ground.

use std::sync::Arc;

use rayon::prelude::*;

use super::matching::{Chart, Square, shift};
use super::overlap::{Overlap, level, patch_over};
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

/// Ties of all pairs, in their order. `view` gives a frame's number, view and bounds by its place in the list.
pub(super) fn ties<E: From<SurfaceError> + Send>(
    view: impl Fn(usize) -> Option<(FrameId, View, Bounds)> + Sync,
    pairs: &[(usize, usize)],
    surface: &Surface,
    round: Round,
    load: &(impl Fn(FrameId) -> Result<Arc<Raster<f32>>, E> + Sync),
) -> Result<Vec<Tie>, E> {
    let of_pair = |&(a, b): &(usize, usize)| -> Result<Vec<Tie>, E> {
        let (Some(first), Some(second)) = (view(a), view(b)) else {
            return Ok(Vec::new());
        };
        let Some(overlap) = Overlap::of((&first.1, first.2), (&second.1, second.2)) else {
            return Ok(Vec::new());
        };
        let pixel = overlap.cell;
        let overlap = overlap.coarser(round.by);
        if overlap.side < SQUARE / round.by + 2 {
            return Ok(Vec::new());
        }
        let within = |metres: Option<f64>| -> Result<Vec<Tie>, E> {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some hundred cells"
            )]
            let margin = (metres.unwrap_or(0.0) / overlap.cell).ceil() as usize;
            let overlap = overlap.grown(margin);
            let patch = patch_over(surface, overlap.bounds())?;
            let chart_a = overlap.chart(&first.1, &*load(first.0)?, patch.as_ref());
            let chart_b = overlap.chart(&second.1, &*load(second.0)?, patch.as_ref());
            let around = if metres.is_none() {
                Some((0, 0))
            } else {
                coarse_shift(&chart_a, &chart_b, margin)
            };
            let Some(around) = around else {
                return Ok(Vec::new());
            };
            let tie = |((column, row), (right, down)): ((f64, f64), (f64, f64))| {
                let place = overlap.place(column, row);
                Tie {
                    frames: (a, b),
                    place,
                    offset: (right * overlap.cell, -down * overlap.cell),
                    up: level(patch.as_ref(), place.0, place.1),
                    sigma: MATCH * overlap.cell,
                    pixel,
                }
            };
            let found = matches(&chart_a, &chart_b, round, around);
            let is_tied = found.len() >= LEAST_MATCHES;
            Ok(found.into_iter().filter(|_| is_tied).map(tie).collect())
        };
        match round.first {
            Search::None => within(None),
            Search::Within(metres) => within(Some(metres)),
            Search::Missing(metres) => {
                let found = within(None)?;
                if found.is_empty() {
                    within(Some(metres))
                } else {
                    Ok(found)
                }
            }
        }
    };
    let all: Vec<Result<Vec<Tie>, E>> = pairs.par_iter().map(of_pair).collect();
    let mut ties = Vec::new();
    for found in all {
        ties.extend(found?);
    }
    Ok(ties)
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

/// Centres of matched squares in the first chart, and by how many cells (columns, rows) the second shows them elsewhere.
fn matches(
    first: &Chart,
    second: &Chart,
    round: Round,
    around: (i64, i64),
) -> Vec<((f64, f64), (f64, f64))> {
    let side = SQUARE / round.by;
    let room = first.side - side;
    // Away from the edges by as far as is looked, where the overlap is large enough for that.
    let margin = usize::try_from(round.reach).unwrap_or(0).min(room / 3);
    let start = |step: usize| margin + step * (room - 2 * margin) / (SQUARES - 1);
    let least = u32::try_from(side * side * 3 / 5).unwrap_or(u32::MAX);
    #[expect(clippy::cast_precision_loss, reason = "at most 512")]
    let middle = |start: usize| start as f64 + side as f64 / 2.0;
    let square = |at: usize| {
        let (column, row) = (start(at % SQUARES), start(at / SQUARES));
        let window = Square {
            column,
            row,
            side,
            least,
        };
        let moved = shift(first, second, window, around, round.reach)?;
        Some(((middle(column), middle(row)), (moved.columns, moved.rows)))
    };
    (0..SQUARES * SQUARES).filter_map(square).collect()
}
