//! Sums of products over two windows of cells: most of the arithmetic of matching.
//!
//! In: lines of cells. Out: sums. Refuses: nothing; lines that are missing count as nothing.
//!
//! The widest vectors that the processor has do the work. Sums run in the same order and without fused steps in all of them: same input, same bits.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the widest vectors"
)]

use fearless_simd::prelude::*;
use fearless_simd::{Simd, f32x16};

/// Cells that are multiplied at once.
const LANES: usize = 16;
/// Sums that go on beside each other, so that none waits for the one before.
const CHAINS: usize = 4;
/// Lines that are summed in single precision: no sum of its own goes over more than 64 products.
const LINES: usize = 32;

/// A square window of a chart: its cells from the first on, and how far it is from line to line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    /// K; 0 where a frame shows nothing.
    pub(super) kelvin: &'a [f32],
    /// 1 where a frame shows something, else 0.
    pub(super) shown: &'a [f32],
    pub(super) stride: usize,
    pub(super) side: usize,
}

impl<'a> Window<'a> {
    #[inline(always)]
    fn lines(self, cells: &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
        let line = move |line: usize| cells.get(line * self.stride..line * self.stride + self.side);
        (0..self.side).map_while(line)
    }
}

/// Sums over the cells that both windows show.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shared {
    pub(super) cells: f64,
    pub(super) first: f64,
    pub(super) first_squares: f64,
    pub(super) second: f64,
    pub(super) second_squares: f64,
    pub(super) products: f64,
}

/// Sum of the products of what two windows show, cell by cell.
#[inline(always)]
pub(super) fn products<S: Simd>(simd: S, first: Window<'_>, second: Window<'_>) -> f64 {
    let zero = f32x16::splat(simd, 0.0);
    let (mut sums, mut chains, mut rest) = ([0.0; LANES], [zero; CHAINS], 0.0);
    let lines = first.lines(first.kelvin).zip(second.lines(second.kelvin));
    for (number, (a, b)) in lines.enumerate() {
        if number % LINES == 0 {
            put_down(&mut sums, &chains);
            chains = [zero; CHAINS];
        }
        let ((a, rest_a), (b, rest_b)) = (a.as_chunks(), b.as_chunks());
        let [first, second, third, fourth] = &mut chains;
        let times = |pair: (&[f32; LANES], &[f32; LANES])| {
            f32x16::from_slice(simd, pair.0) * f32x16::from_slice(simd, pair.1)
        };
        // Squares have one of the first two widths: sums that are named stay in registers.
        match (a, b) {
            ([a, more_a], [b, more_b]) => {
                *first += times((a, b));
                *second += times((more_a, more_b));
            }
            ([a, a2, a3, a4], [b, b2, b3, b4]) => {
                *first += times((a, b));
                *second += times((a2, b2));
                *third += times((a3, b3));
                *fourth += times((a4, b4));
            }
            _ => {
                for pair in a.iter().zip(b) {
                    *first += times(pair);
                }
            }
        }
        if !rest_a.is_empty() {
            rest += f64::from(rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>());
        }
    }
    put_down(&mut sums, &chains);
    sums.iter().sum::<f64>() + rest
}

/// All sums at once, where either hides something.
#[inline(always)]
pub(super) fn shared<S: Simd>(simd: S, first: Window<'_>, second: Window<'_>) -> Shared {
    let zero = f32x16::splat(simd, 0.0);
    let (mut sums, mut chains, mut rest) = ([[0.0; LANES]; 6], [zero; 6], [0.0; 6]);
    let lines = first.lines(first.kelvin).zip(first.lines(first.shown));
    let others = second.lines(second.kelvin).zip(second.lines(second.shown));
    for (number, ((a, in_a), (b, in_b))) in lines.zip(others).enumerate() {
        if number % LINES == 0 {
            for (sums, chain) in sums.iter_mut().zip(&mut chains) {
                put_down(sums, std::slice::from_ref(chain));
                *chain = zero;
            }
        }
        let ((wide_a, rest_a), (wide_in_a, rest_in_a)) = (a.as_chunks(), in_a.as_chunks());
        let ((wide_b, rest_b), (wide_in_b, rest_in_b)) = (b.as_chunks(), in_b.as_chunks());
        let wide = wide_a
            .iter()
            .zip(wide_in_a)
            .zip(wide_b.iter().zip(wide_in_b));
        for ((a, in_a), (b, in_b)) in wide {
            let cells = |cells: &[f32; LANES]| f32x16::from_slice(simd, cells);
            let of = terms((cells(a), cells(in_a)), (cells(b), cells(in_b)));
            for (chain, term) in chains.iter_mut().zip(of) {
                *chain += term;
            }
        }
        let left = rest_a
            .iter()
            .zip(rest_in_a)
            .zip(rest_b.iter().zip(rest_in_b));
        for ((a, in_a), (b, in_b)) in left {
            for (rest, term) in rest.iter_mut().zip(terms((*a, *in_a), (*b, *in_b))) {
                *rest += f64::from(term);
            }
        }
    }
    let mut found = [0.0; 6];
    for (found, ((sums, chain), rest)) in
        found.iter_mut().zip(sums.iter_mut().zip(&chains).zip(rest))
    {
        put_down(sums, std::slice::from_ref(chain));
        *found = sums.iter().sum::<f64>() + rest;
    }
    let [
        cells,
        first,
        first_squares,
        second,
        second_squares,
        products,
    ] = found;
    Shared {
        cells,
        first,
        first_squares,
        second,
        second_squares,
        products,
    }
}

/// What of two cells, or of many, is summed, in the order of [`Shared`].
#[inline(always)]
fn terms<T: Copy + std::ops::Mul<Output = T>>((a, in_a): (T, T), (b, in_b): (T, T)) -> [T; 6] {
    [
        in_a * in_b,
        a * in_b,
        a * a * in_b,
        b * in_a,
        b * b * in_a,
        a * b,
    ]
}

/// From single to double precision.
#[inline(always)]
fn put_down<S: Simd>(sums: &mut [f64; LANES], chains: &[f32x16<S>]) {
    let Some(all) = chains.iter().copied().reduce(|a, b| a + b) else {
        return;
    };
    let mut values = [0.0; LANES];
    all.store_slice(&mut values);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += f64::from(value);
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    /// Sums of whole numbers are exact, so that a plain loop says what they are; of others every processor must give the same bits.
    #[test]
    fn sums_are_those_of_a_plain_loop_and_the_same_in_all_vectors() {
        let cells = |seed: usize, by: f32| -> Vec<f32> {
            let whole = |at: usize| u8::try_from((at * seed + at / 7) % 13).unwrap();
            (0..120 * 120)
                .map(|at| (f32::from(whole(at)) - 6.0) * by)
                .collect()
        };
        let shown = |every: usize| -> Vec<f32> {
            let is_shown = |at: usize| f32::from(u8::from(!at.is_multiple_of(every)));
            (0..120 * 120).map(is_shown).collect()
        };
        let (in_a, in_b) = (shown(5), shown(9));
        for (side, by) in [(64, 1.0), (32, 1.0), (71, 1.0), (64, 0.137), (71, 0.137)] {
            let (a, b) = (cells(31, by), cells(17, by));
            let window = |kelvin, shown| Window {
                kelvin,
                shown,
                stride: 120,
                side,
            };
            let (first, second) = (window(&a, &in_a), window(&b[123..], &in_b[123..]));
            let both = |level| dispatch!(level, simd => (products(simd, first, second), shared(simd, first, second)));
            let (found, all) = both(Level::new());
            let plain = both(Level::baseline());
            let bits = |all: Shared| {
                [
                    all.cells,
                    all.first,
                    all.first_squares,
                    all.second,
                    all.second_squares,
                    all.products,
                ]
                .map(f64::to_bits)
            };
            assert_eq!(found.to_bits(), plain.0.to_bits());
            assert_eq!(bits(all), bits(plain.1));
            let at = |row: usize, column: usize| row * 120 + column;
            let places = || (0..side).flat_map(|row| (0..side).map(move |column| at(row, column)));
            let sum = |of: &dyn Fn(usize) -> f32| places().map(|at| f64::from(of(at))).sum::<f64>();
            let is_near = |a: f64, b: f64| (a - b).abs() <= if by < 1.0 { 1e-2 } else { 0.0 };
            assert!(is_near(found, sum(&|at| a[at] * b[at + 123])));
            assert!(is_near(all.products, found));
            assert!(is_near(all.cells, sum(&|at| in_a[at] * in_b[at + 123])));
            assert!(is_near(
                all.first_squares,
                sum(&|at| a[at] * a[at] * in_b[at + 123])
            ));
            assert!(is_near(all.second, sum(&|at| in_a[at] * b[at + 123])));
        }
    }
}
