//! One axis of a tie as an equation.
//!
//! In: how its places move with each unknown. Out: an [`Equation`] in units of standard deviations. Refuses: nothing.

use super::least_squares::Equation;

/// One unknown of a tie.
pub(super) struct Term {
    pub(super) unknown: usize,
    /// Metres east and north by which the first frame's place moves from the second's per unit of it.
    pub(super) moves: (f64, f64),
    pub(super) now: f64,
    pub(super) prior: f64,
}

/// Solved for whole corrections, so that the prior holds them to the file and not to the round before.
pub(super) fn equation<const N: usize>(
    terms: &[Term],
    axis: Axis,
    offset: f64,
    sigma: f64,
) -> Equation<N> {
    let mut equation = Equation {
        unknowns: [0; N],
        factors: [0.0; N],
        target: offset / sigma,
    };
    let slots = equation.unknowns.iter_mut().zip(&mut equation.factors);
    for ((unknown, slot), term) in slots.zip(terms) {
        let slope = axis.of(term.moves) / sigma;
        equation.target += slope * term.now;
        *unknown = u32::try_from(term.unknown).unwrap_or(u32::MAX);
        *slot = slope * term.prior;
    }
    equation
}

/// Of two directions.
#[derive(Clone, Copy)]
pub(super) enum Axis {
    East,
    North,
}

impl Axis {
    fn of(self, (east, north): (f64, f64)) -> f64 {
        match self {
            Self::East => east,
            Self::North => north,
        }
    }
}
