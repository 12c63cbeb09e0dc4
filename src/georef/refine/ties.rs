//! Where pairs of frames show the same ground.

use std::sync::Arc;

use rayon::prelude::*;

use super::blocks::Blocks;
use super::chart::Square;
use super::detail::{Detail, Picture};
use super::kept::{Ground, Kept};
use super::matching::shift;
use super::overlap::{Overlap, Shown, level, patch_over};
use super::pairs::apart;
use super::rounds::{Round, Untied};
use crate::frame::FrameId;
use crate::georef::camera::as_f64;
use crate::georef::{Patch, Surface, SurfaceError, View};
use crate::raster::Raster;
use crate::units::Metres;

/// Pixels along the side of a cell in the search that goes before squares.
const COARSE: usize = 8;
/// Pixels along the side of a matched square: smaller ones gave 0.75 px instead of 0.47 on a real flight.
const SQUARE: usize = 64;
/// Cells around the expected place in which squares of pairs are looked for that nothing has tied yet.
const UNTIED: i64 = 8;
/// Squares along each side of an overlap.
const SQUARES: u32 = 5;
/// All of them.
const ALL: u32 = SQUARES * SQUARES;
/// Squares of which none matched, after which no other is tried.
const HOPELESS: usize = 12;
/// Standard deviation of a match in cells.
const MATCH: f64 = 0.5;
/// Fewer matches than this are no tie between two frames.
const LEAST_MATCHES: usize = 3;
/// Of a square, the share of its blocks that both frames must show to be tried.
const SHOWN: f64 = 0.4;
/// Frames that are tied by so many ties or fewer, one after the other, lie to each other as they should but for a few cells.
const STEPS: usize = 4;

/// How squares are matched.
#[derive(Debug, Clone, Copy)]
struct Squares {
    /// Pixels along the side of a cell.
    by: usize,
    /// Cells along the side of a square.
    side: usize,
    /// Cells around the expected place in which a square is looked for.
    reach: i64,
    /// Squares of a pair that are enough.
    enough: usize,
}

impl Squares {
    fn of(round: Round, is_tied: bool) -> Self {
        Self {
            by: round.by,
            side: SQUARE / round.by,
            reach: if is_tied { round.reach } else { UNTIED },
            enough: usize::MAX,
        }
    }

    /// After a search, which is right to a few pixels: not many, because poses are wrong still, and large ones where an overlap has room and
    /// nothing that a surface model knows hides parts of them.
    fn searched(overlap: &Overlap, surface: &Surface) -> Self {
        let has_room = overlap.side >= 2 * SQUARE + 8 && surface.model().is_none();
        let (by, reach) = if has_room { (4, 4) } else { (2, UNTIED) };
        Self {
            by,
            side: 32,
            reach,
            enough: 8,
        }
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

    /// Ties of all pairs, in their order. `shown` gives a frame by its place in the list.
    pub(super) fn ties<E: From<SurfaceError> + Send>(
        &mut self,
        shown: impl Fn(usize) -> Option<Shown> + Sync,
        surface: &Surface,
        round: Round,
        load: &(impl Fn(FrameId, Detail) -> Result<Arc<Raster<f32>>, E> + Sync),
    ) -> Result<Vec<Tie>, E> {
        let is_tied: Vec<bool> = self
            .kept
            .iter()
            .map(|kept| is_tied(kept.as_ref()))
            .collect();
        let far = match round.untied {
            Untied::Within(_) => apart(self.pairs, &is_tied, STEPS),
            Untied::Left | Untied::Near => vec![false; self.pairs.len()],
        };
        let of_pair = |((pair, is_far), kept): ((&(usize, usize), bool), &mut Option<Kept>)| {
            let (Some(first), Some(second)) = (shown(pair.0), shown(pair.1)) else {
                return Ok(Vec::new());
            };
            let Some(overlap) = Overlap::of(&first, &second) else {
                return Ok(Vec::new());
            };
            let pair = Pair {
                numbers: *pair,
                first,
                second,
                overlap,
                is_far,
            };
            pair.ties(surface, round, load, kept)
        };
        let pairs = self.pairs.par_iter().zip(far).zip(&mut self.kept);
        let all: Vec<Result<Vec<Tie>, E>> = pairs.map(of_pair).collect();
        let mut ties = Vec::new();
        for found in all {
            ties.extend(found?);
        }
        Ok(ties)
    }
}

fn is_tied(kept: Option<&Kept>) -> bool {
    kept.is_some_and(|kept| kept.found > 0)
}

/// Two frames that overlap.
struct Pair {
    numbers: (usize, usize),
    first: Shown,
    second: Shown,
    /// In cells of a pixel.
    overlap: Overlap,
    /// Whether nothing ties its frames to each other, not even by way of a few others.
    is_far: bool,
}

impl Pair {
    fn views(&self) -> (&View, &View) {
        (&self.first.view, &self.second.view)
    }

    /// Its ties: those of an earlier round where nothing has moved since.
    fn ties<E: From<SurfaceError>>(
        &self,
        surface: &Surface,
        round: Round,
        load: &impl Fn(FrameId, Detail) -> Result<Arc<Raster<f32>>, E>,
        kept: &mut Option<Kept>,
    ) -> Result<Vec<Tie>, E> {
        let metres = match round.untied {
            _ if is_tied(kept.as_ref()) => None,
            Untied::Near => None,
            Untied::Within(metres) if self.is_far => Some(metres),
            Untied::Left | Untied::Within(_) => return Ok(Vec::new()),
        };
        if let Some(kept) = kept {
            let patch = patch_over(surface, self.overlap.bounds())?;
            let ground = Ground::of(surface, patch.as_ref());
            let is_enough = kept.by <= round.by && kept.searched >= metres.unwrap_or(0.0);
            if is_enough && (!round.again || kept.is_still(self.views(), ground)) {
                return Ok(kept.ties(self.numbers, self.views(), ground));
            }
        }
        self.matched(surface, round, metres, load, kept)
    }

    /// By how many cells of `by` pixels, some metres at most, the second frame shows the overlap elsewhere, as a whole.
    fn coarse_shift(
        &self,
        pictures: (&Picture, &Picture),
        patch: Option<&Patch>,
        metres: f64,
        by: usize,
    ) -> Option<(i64, i64)> {
        let overlap = self.overlap.coarser(COARSE);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some dozen cells"
        )]
        let search = (metres / overlap.cell).ceil() as usize;
        let grown = overlap.grown(search);
        let chart = |view: &View, picture: &Picture| {
            let mesh = grown.mesh(view, patch);
            let wanted = mesh.shared(&mesh);
            grown.chart((view, &mesh), &picture.coarser(COARSE / by), patch, &wanted)
        };
        let first = chart(self.views().0, pictures.0);
        let second = chart(self.views().1, pictures.1);
        let side = overlap.side;
        let window = Square {
            column: search,
            row: search,
            side,
            // Footprints are not square: a quarter of the window is enough.
            least: u32::try_from(side * side / 4).unwrap_or(u32::MAX),
        };
        let found = shift(&first, &second, window, (0, 0), i64::try_from(search).ok()?)?;
        #[expect(clippy::cast_possible_truncation, reason = "some hundred cells")]
        let cells = |coarse: f64| (coarse * as_f64(COARSE / by)).round() as i64;
        Some((cells(found.columns), cells(found.rows)))
    }

    /// Matches squares, after a search within some metres where they are given.
    fn matched<E: From<SurfaceError>>(
        &self,
        surface: &Surface,
        round: Round,
        metres: Option<f64>,
        load: &impl Fn(FrameId, Detail) -> Result<Arc<Raster<f32>>, E>,
        kept: &mut Option<Kept>,
    ) -> Result<Vec<Tie>, E> {
        let how = match metres {
            Some(_) => Squares::searched(&self.overlap, surface),
            None => Squares::of(round, is_tied(kept.as_ref())),
        };
        let overlap = self.overlap.coarser(how.by);
        if overlap.side < how.side + 2 {
            return Ok(Vec::new());
        }
        let patch = patch_over(
            surface,
            overlap.bounds().grown(Metres(metres.unwrap_or(0.0))),
        )?;
        let patch = patch.as_ref();
        let (first, second) = self.views();
        let detail = Detail::of_cells(how.by);
        let picture = |id| Ok::<_, E>(detail.picture(load(id, detail)?, how.by));
        let mut pictures = (None, None);
        // How the second lies to the first as a whole, in cells.
        let mut around = (0, 0);
        if let Some(metres) = metres {
            let (one, other) = (picture(self.first.id)?, picture(self.second.id)?);
            let found = self.coarse_shift((&one, &other), patch, metres, how.by);
            // What nothing is found of may lie where it should.
            around = found.unwrap_or_default();
            pictures = (Some(one), Some(other));
        }
        let there = overlap.moved(around);
        let meshes = (overlap.mesh(first, patch), there.mesh(second, patch));
        let shared = meshes.0.shared(&meshes.1);
        let mut tried = squares(overlap.side, how);
        // What half the detail did not find, all of it seldom does; what all of it did not find once agrees with nothing.
        let before = kept.as_ref().filter(|_| round.by == 1);
        tried.retain(|tried| before.is_none_or(|kept| kept.found >> tried.number & 1 == 1));
        tried.retain(|Try { square, .. }| shared.share(square.start(), square.side) >= SHOWN);
        let ground = Ground::of(surface, patch);
        let keep = |found: &[(u32, Tie)]| {
            let how = (how.by, metres.unwrap_or(0.0));
            Some(Kept::of(self.views(), &overlap, ground, how, found))
        };
        if tried.len() < LEAST_MATCHES {
            *kept = keep(&[]);
            return Ok(Vec::new());
        }
        let wanted = around_squares(&tried, how.reach, &shared);
        let chart_a = overlap.chart(
            (first, &meshes.0),
            &pictures.0.map_or_else(|| picture(self.first.id), Ok)?,
            patch,
            &wanted,
        );
        tried.retain(|tried| chart_a.is_worth_matching(tried.square));
        if tried.len() < LEAST_MATCHES {
            *kept = keep(&[]);
            return Ok(Vec::new());
        }
        let chart_b = there.chart(
            (second, &meshes.1),
            &pictures.1.map_or_else(|| picture(self.second.id), Ok)?,
            patch,
            &wanted,
        );
        let offset = overlap.offset(there);
        let tie = |tried: &Try, (right, down): (f64, f64)| {
            let place = overlap.place(tried.middle.0, tried.middle.1);
            Tie {
                frames: self.numbers,
                place,
                offset: (
                    offset.0 + right * overlap.cell,
                    offset.1 - down * overlap.cell,
                ),
                up: level(patch, place.0, place.1),
                sigma: MATCH * overlap.cell,
                pixel: self.overlap.cell,
            }
        };
        let of_square = |tried: &Try| {
            let moved = shift(&chart_a, &chart_b, tried.square, (0, 0), how.reach)?;
            Some((tried.number, tie(tried, (moved.columns, moved.rows))))
        };
        let mut found: Vec<(u32, Tie)> = Vec::new();
        for (number, tried) in tried.iter().enumerate() {
            if found.len() >= how.enough || (number >= HOPELESS && found.is_empty()) {
                break;
            }
            found.extend(of_square(tried));
        }
        if found.len() < LEAST_MATCHES {
            found.clear();
        }
        *kept = keep(&found);
        Ok(found.into_iter().map(|(_, tie)| tie).collect())
    }
}

/// A square that is to be matched.
struct Try {
    /// Among all of an overlap.
    number: u32,
    square: Square,
    middle: (f64, f64),
}

/// Blocks that squares and what they are looked for in touch, of those that both frames show.
fn around_squares(squares: &[Try], reach: i64, shared: &Blocks) -> Blocks {
    let reach = usize::try_from(reach).unwrap_or(0);
    let mut wanted = shared.none();
    for Try { square, .. } in squares {
        let (column, row) = square.start();
        let from = (column.saturating_sub(reach), row.saturating_sub(reach));
        wanted.add(from, square.side + 2 * reach, shared);
    }
    wanted
}

/// Squares of a chart.
fn squares(chart_side: usize, Squares { side, reach, .. }: Squares) -> Vec<Try> {
    let room = chart_side - side;
    // Away from the edges by as far as is looked, where the overlap is large enough for that.
    let margin = usize::try_from(reach).unwrap_or(0).min(room / 3);
    let start = |step: usize| margin + step * (room - 2 * margin) / 4;
    let least = u32::try_from(side * side * 3 / 5).unwrap_or(u32::MAX);
    let middle = |start: usize| as_f64(start) + as_f64(side) / 2.0;
    let at = |step: u32| {
        // Far from the one before, so that the first few lie all over the overlap.
        let number = step * 7 % ALL;
        let at = |number: u32| start(usize::try_from(number).unwrap_or(0));
        let (column, row) = (at(number % SQUARES), at(number / SQUARES));
        let square = Square {
            column,
            row,
            side,
            least,
        };
        Try {
            number,
            square,
            middle: (middle(column), middle(row)),
        }
    };
    (0..ALL).map(at).collect()
}
