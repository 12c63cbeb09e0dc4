//! Sparse, robust least squares with a prior.
//!
//! In: equations over a few unknowns each. Out: the unknowns. Refuses: nothing; what no equation touches stays at its prior, 0.
//!
//! Unknowns are counted in units of their prior's standard deviation, so the prior is one equation `x = 0` each. Huber's weights (1964) are
//! renewed a few times; each time the normal equations are solved by conjugate gradients with the diagonal as
//! preconditioner (Hestenes, Stiefel 1952), without forming them. Sums run in the order of the equations: same input, same bits.

/// Rounds of robust weights.
const ROUNDS: usize = 6;
/// Steps of conjugate gradients at most.
const STEPS: usize = 400;
/// Relative residual at which they stop.
const ENOUGH: f64 = 1e-9;
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

/// Solves for as many numbers as there are in `x`, which are a first guess.
pub(super) fn solve<const N: usize>(equations: &[Equation<N>], mut x: Vec<f64>) -> Vec<f64> {
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
        x = weighted(equations, &weights, x);
    }
    x
}

/// Conjugate gradients on `(A^T W A + I) x = A^T W b`, from `x`.
fn weighted<const N: usize>(
    equations: &[Equation<N>],
    weights: &[f64],
    mut x: Vec<f64>,
) -> Vec<f64> {
    let normal = |x: &[f64]| {
        let mut sum = x.to_vec();
        for (equation, weight) in equations.iter().zip(weights) {
            equation.add_transposed(weight * equation.apply(x), &mut sum);
        }
        sum
    };
    let mut diagonal = vec![1.0; x.len()];
    let mut right = vec![0.0; x.len()];
    for (equation, weight) in equations.iter().zip(weights) {
        equation.add_transposed(weight * equation.target, &mut right);
        for (&unknown, factor) in equation.unknowns.iter().zip(&equation.factors) {
            if let Some(entry) = diagonal.get_mut(unknown as usize) {
                *entry += weight * factor * factor;
            }
        }
    }
    let start = normal(&x);
    let mut residual: Vec<f64> = right.iter().zip(&start).map(|(b, ax)| b - ax).collect();
    let precondition = |residual: &[f64]| -> Vec<f64> {
        residual.iter().zip(&diagonal).map(|(r, d)| r / d).collect()
    };
    let mut direction = precondition(&residual);
    let mut size = dot(&residual, &direction);
    let goal = ENOUGH * ENOUGH * dot(&right, &precondition(&right)).max(f64::MIN_POSITIVE);
    for _ in 0..STEPS {
        if size <= goal {
            break;
        }
        let moved = normal(&direction);
        let step = size / dot(&direction, &moved);
        for ((x, residual), (direction, moved)) in x
            .iter_mut()
            .zip(&mut residual)
            .zip(direction.iter().zip(&moved))
        {
            *x += step * direction;
            *residual -= step * moved;
        }
        let preconditioned = precondition(&residual);
        let next = dot(&residual, &preconditioned);
        for (direction, fresh) in direction.iter_mut().zip(&preconditioned) {
            *direction = fresh + next / size * *direction;
        }
        size = next;
    }
    x
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
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
        let x = solve(&equations, vec![0.0; 4]);
        for (found, expected) in x.iter().zip([-1.5, -0.5, 0.5, 1.5]) {
            assert!((found - expected).abs() < 1e-3, "{x:?}");
        }
    }

    #[test]
    fn one_wild_equation_among_many_changes_little() {
        let mut equations: Vec<_> = (0..50).map(|_| difference(1, 0, 2.0, 10.0)).collect();
        equations.push(difference(1, 0, 80.0, 10.0));
        let x = solve(&equations, vec![0.0; 2]);
        assert!((x[1] - x[0] - 2.0).abs() < 0.02, "{x:?}");
    }

    #[test]
    fn what_no_equation_touches_stays_where_it_was() {
        let x = solve(&[difference(0, 1, 1.0, 10.0)], vec![0.0; 3]);
        assert!(x[2].abs() < 1e-12);
    }
}
