//! Sparse, robust least squares with a prior.
//!
//! In: equations over a few unknowns each. Out: the unknowns. Refuses: nothing; what no equation touches stays at its prior, 0.
//!
//! Unknowns are counted in units of their prior's standard deviation, so the prior is one equation `x = 0` each. Huber's weights (1964) are
//! renewed a few times; each time the normal equations are formed (`normal.rs`) and solved by conjugate gradients (Hestenes, Stiefel 1952),
//! preconditioned by those of each group of unknowns alone (block Jacobi). Sums run in the order of the equations: same input, same bits.

use super::normal::{Normal, dot};

/// Rounds of robust weights at most.
const ROUNDS: usize = 4;
/// Standard deviations of its prior by which an unknown may still have moved in the last of them.
const SETTLED: f64 = 1e-4;
/// Steps of conjugate gradients at most.
const STEPS: usize = 400;
/// Relative residual at which they stop.
const ENOUGH: f64 = 1e-5;
/// Residuals beyond this many standard deviations count less and less.
const HUBER: f64 = 1.5;

/// One equation over `N` unknowns: `sum factor_i x_i = target`, in units of its standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Equation<const N: usize> {
    pub(super) unknowns: [u32; N],
    pub(super) factors: [f64; N],
    pub(super) target: f64,
}

impl<const N: usize> Equation<N> {
    fn apply(&self, x: &[f64]) -> f64 {
        // Four sums, so that none waits for the one before.
        let mut sums = [0.0; 4];
        let (unknowns, factors) = (self.unknowns.chunks(4), self.factors.chunks(4));
        for (unknowns, factors) in unknowns.zip(factors) {
            for (sum, (&unknown, factor)) in sums.iter_mut().zip(unknowns.iter().zip(factors)) {
                *sum += factor * x.get(unknown as usize).copied().unwrap_or(0.0);
            }
        }
        sums[0] + sums[1] + (sums[2] + sums[3])
    }

    fn add_transposed(&self, by: f64, sum: &mut [f64]) {
        for (&unknown, factor) in self.unknowns.iter().zip(&self.factors) {
            if let Some(sum) = sum.get_mut(unknown as usize) {
                *sum += by * factor;
            }
        }
    }
}

/// Solves for as many numbers as there are in `x`, which are a first guess. They come in groups that hang together, of `sizes`, one after the other;
/// what is left over is each its own.
pub(super) fn solve<const N: usize>(
    equations: &[Equation<N>],
    mut x: Vec<f64>,
    sizes: impl IntoIterator<Item = usize>,
) -> Vec<f64> {
    let mut normal = Normal::of(equations, x.len(), sizes);
    for _ in 0..ROUNDS {
        let weights: Vec<f64> = equations
            .iter()
            .map(|equation| {
                let residual = (equation.apply(&x) - equation.target).abs();
                if residual > HUBER {
                    HUBER / residual
                } else {
                    1.0
                }
            })
            .collect();
        let next = weighted(equations, &weights, x.clone(), &mut normal);
        let moved = x.iter().zip(&next).map(|(from, to)| (to - from).abs());
        let moved = moved.fold(0.0, f64::max);
        x = next;
        if moved <= SETTLED {
            break;
        }
    }
    x
}

/// Conjugate gradients on `(A^T W A + I) x = A^T W b`, from `x`.
fn weighted<const N: usize>(
    equations: &[Equation<N>],
    weights: &[f64],
    mut x: Vec<f64>,
    normal: &mut Normal<'_, N>,
) -> Vec<f64> {
    normal.weigh(weights);
    let mut right = vec![0.0; x.len()];
    for (equation, weight) in equations.iter().zip(weights) {
        equation.add_transposed(weight * equation.target, &mut right);
    }
    let start = normal.times(&x);
    let mut residual: Vec<f64> = right.iter().zip(&start).map(|(b, ax)| b - ax).collect();
    let mut direction = normal.alone(&residual);
    let mut size = dot(&residual, &direction);
    let goal = ENOUGH * ENOUGH * dot(&right, &normal.alone(&right)).max(f64::MIN_POSITIVE);
    for _ in 0..STEPS {
        if size <= goal {
            break;
        }
        let moved = normal.times(&direction);
        let step = size / dot(&direction, &moved);
        for ((x, residual), (direction, moved)) in x
            .iter_mut()
            .zip(&mut residual)
            .zip(direction.iter().zip(&moved))
        {
            *x += step * direction;
            *residual -= step * moved;
        }
        let preconditioned = normal.alone(&residual);
        let next = dot(&residual, &preconditioned);
        for (direction, fresh) in direction.iter_mut().zip(&preconditioned) {
            *direction = fresh + next / size * *direction;
        }
        size = next;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(a: u32, b: u32, target: f64, weight: f64) -> Equation<2> {
        Equation {
            unknowns: [a, b],
            factors: [weight, -weight],
            target: weight * target,
        }
    }

    #[test]
    fn a_chain_of_steps_is_recovered_up_to_its_mean() {
        // Four numbers 0, 1, 2, 3 known by their differences only: the prior puts their mean at 0.
        let equations: Vec<_> = (0..3)
            .map(|at| difference(at + 1, at, 1.0, 1000.0))
            .collect();
        let x = solve(&equations, vec![0.0; 4], []);
        for (found, expected) in x.iter().zip([-1.5, -0.5, 0.5, 1.5]) {
            assert!((found - expected).abs() < 1e-3, "{x:?}");
        }
    }

    #[test]
    fn one_wild_equation_among_many_changes_little() {
        let mut equations: Vec<_> = (0..50).map(|_| difference(1, 0, 2.0, 10.0)).collect();
        equations.push(difference(1, 0, 80.0, 10.0));
        let x = solve(&equations, vec![0.0; 2], [2]);
        assert!((x[1] - x[0] - 2.0).abs() < 0.02, "{x:?}");
    }

    #[test]
    fn what_no_equation_touches_stays_where_it_was() {
        let x = solve(&[difference(0, 1, 1.0, 10.0)], vec![0.0; 3], [2]);
        assert!(x[2].abs() < 1e-12);
    }
}
