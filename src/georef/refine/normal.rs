//! The normal equations of least squares, in blocks.
//!
//! In: equations with weights, groups of unknowns that hang together. Out: products with their matrix, and what each group would be if no other
//! moved. Refuses: nothing; unknowns of no group are groups of one.
//!
//! The matrix is identity (the prior) plus what equations add: blocks where an equation joins two groups, and Cholesky factors of those on the diagonal.

use super::least_squares::Equation;

/// Normal equations of some equations.
pub(super) struct Normal<'a, const N: usize> {
    equations: &'a [Equation<N>],
    groups: Vec<Group>,
    chunks: Vec<Chunk>,
    blocks: Vec<Block>,
    /// Of all blocks, line by line.
    entries: Vec<f64>,
    /// Lower triangles of the factors of groups, line by line in full length.
    factors: Vec<f64>,
}

/// Unknowns that follow each other.
#[derive(Clone, Copy)]
struct Group {
    from: usize,
    size: usize,
    /// Of the first entry of its factor.
    at: usize,
}

/// What equations add between the unknowns of one group, and those of another that does not come later.
struct Block {
    groups: (usize, usize),
    at: usize,
}

/// Equations over the same unknowns that follow each other.
struct Chunk {
    equations: std::ops::Range<usize>,
    runs: Vec<Run>,
    /// The first entry of the block of each two runs, the second no later than the first.
    blocks: Vec<usize>,
}

/// Unknowns of one group that follow each other in an equation.
#[derive(Clone, Copy)]
struct Run {
    group: usize,
    /// Place in its group.
    place: usize,
    /// Place in the equation.
    slot: usize,
    len: usize,
}

impl<'a, const N: usize> Normal<'a, N> {
    /// Over `unknowns` in groups of `sizes`, as far as these go.
    pub(super) fn of(
        equations: &'a [Equation<N>],
        unknowns: usize,
        sizes: impl IntoIterator<Item = usize>,
    ) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let (mut from, mut at) = (0, 0);
        for size in sizes.into_iter().chain(std::iter::repeat(1)) {
            if from >= unknowns {
                break;
            }
            let size = size.min(unknowns - from);
            groups.push(Group { from, size, at });
            (from, at) = (from + size, at + size * size);
        }
        let numbers = groups.iter().enumerate();
        let group_of: Vec<usize> = numbers
            .flat_map(|(number, group)| std::iter::repeat_n(number, group.size))
            .collect();
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut next = 0;
        for same in equations.chunk_by(|a, b| a.unknowns == b.unknowns) {
            chunks.push(Chunk {
                equations: next..next + same.len(),
                runs: runs(same, &groups, &group_of),
                blocks: Vec::new(),
            });
            next += same.len();
        }
        let mut joined: Vec<(usize, usize)> = chunks.iter().flat_map(Chunk::joined).collect();
        joined.sort_unstable();
        joined.dedup();
        let size = |group: usize| groups.get(group).map_or(0, |group| group.size);
        let mut end = 0;
        let block = |pair: &(usize, usize)| {
            let at = end;
            end += size(pair.0) * size(pair.1);
            Block { groups: *pair, at }
        };
        let blocks: Vec<Block> = joined.iter().map(block).collect();
        for chunk in &mut chunks {
            let found = chunk.joined().map(|pair| {
                let number = joined.binary_search(&pair).ok();
                number
                    .and_then(|number| blocks.get(number))
                    .map_or(usize::MAX, |block| block.at)
            });
            chunk.blocks = found.collect();
        }
        Self {
            equations,
            chunks,
            entries: vec![0.0; end],
            factors: vec![0.0; at],
            groups,
            blocks,
        }
    }

    /// Forms the matrix with other weights, one an equation.
    pub(super) fn weigh(&mut self, weights: &[f64]) {
        self.entries.fill(0.0);
        for chunk in &self.chunks {
            let (Some(equations), Some(weights)) = (
                self.equations.get(chunk.equations.clone()),
                weights.get(chunk.equations.clone()),
            ) else {
                continue;
            };
            let mut sums = [[0.0; N]; N];
            for (equation, weight) in equations.iter().zip(weights) {
                for (line, factor) in sums.iter_mut().zip(&equation.factors) {
                    let by = weight * factor;
                    for (sum, factor) in line.iter_mut().zip(&equation.factors) {
                        *sum += by * factor;
                    }
                }
            }
            for ((run, other), at) in chunk.pairs().zip(&chunk.blocks) {
                let (row, column) = if run.group >= other.group {
                    (run, other)
                } else {
                    (other, run)
                };
                let width = self.groups.get(column.group).map_or(0, |group| group.size);
                let mut add = |row: &Run, column: &Run| {
                    let lines = sums.iter().skip(row.slot).take(row.len);
                    for (line, sums) in lines.enumerate() {
                        let from = at + (row.place + line) * width + column.place;
                        let entries = self.entries.get_mut(from..from + column.len);
                        let sums = sums.iter().skip(column.slot);
                        for (entry, sum) in entries.into_iter().flatten().zip(sums) {
                            *entry += sum;
                        }
                    }
                };
                add(row, column);
                if row.group == column.group && row.slot != column.slot {
                    add(column, row);
                }
            }
        }
        self.factor();
    }

    /// The matrix times `x`.
    pub(super) fn times(&self, x: &[f64]) -> Vec<f64> {
        let mut sum = x.to_vec();
        let range = |group: usize| {
            let group = self.groups.get(group)?;
            Some((group.from..group.from + group.size, group.size))
        };
        for block in &self.blocks {
            let (Some((rows, height)), Some((columns, width))) =
                (range(block.groups.0), range(block.groups.1))
            else {
                continue;
            };
            let (Some(entries), Some(across)) = (
                self.entries.get(block.at..block.at + height * width),
                x.get(columns.clone()),
            ) else {
                continue;
            };
            let lines = || entries.chunks_exact(width);
            for (sum, line) in sum.iter_mut().skip(rows.start).zip(lines()) {
                *sum += dot(line, across);
            }
            if block.groups.0 == block.groups.1 {
                continue;
            }
            let Some(sums) = sum.get_mut(columns) else {
                continue;
            };
            for (x, line) in x.iter().skip(rows.start).zip(lines()) {
                for (sum, entry) in sums.iter_mut().zip(line) {
                    *sum += x * entry;
                }
            }
        }
        sum
    }

    /// Cholesky factors of what stands on the diagonal.
    fn factor(&mut self) {
        self.factors.fill(0.0);
        for block in self.blocks.iter().filter(|b| b.groups.0 == b.groups.1) {
            let Some(&Group { size, at, .. }) = self.groups.get(block.groups.0) else {
                continue;
            };
            let entries = self.entries.iter().skip(block.at).take(size * size);
            let factor = self.factors.iter_mut().skip(at);
            factor.zip(entries).for_each(|(to, from)| *to = *from);
        }
        for &Group { size, at, .. } in &self.groups {
            let Some(matrix) = self.factors.get_mut(at..at + size * size) else {
                continue;
            };
            for row in 0..size {
                let (above, below) = matrix.split_at_mut(row * size);
                let Some(line) = below.get_mut(..size) else {
                    continue;
                };
                for (column, other) in above.chunks_exact(size).enumerate() {
                    let done = dot(
                        line.get(..column).unwrap_or_default(),
                        other.get(..column).unwrap_or_default(),
                    );
                    line[column] = (line[column] - done) / other[column];
                }
                let done = line.get(..row).map_or(0.0, |line| dot(line, line));
                line[row] = (1.0 + line[row] - done).sqrt();
            }
        }
    }

    /// What each group must be so that its own part gives `right`.
    pub(super) fn alone(&self, right: &[f64]) -> Vec<f64> {
        let mut x = right.to_vec();
        for &Group { from, size, at } in &self.groups {
            let (Some(factor), Some(x)) = (
                self.factors.get(at..at + size * size),
                x.get_mut(from..from + size),
            ) else {
                continue;
            };
            let lines = || factor.chunks_exact(size).enumerate();
            for (row, line) in lines() {
                let (before, here) = x.split_at_mut(row);
                here[0] = (here[0] - dot(before, line)) / line[row];
            }
            for (row, line) in lines().rev() {
                let (before, here) = x.split_at_mut(row);
                here[0] /= line[row];
                for (x, factor) in before.iter_mut().zip(line) {
                    *x -= factor * here[0];
                }
            }
        }
        x
    }
}

impl Chunk {
    /// Each two runs, the second no later than the first.
    fn pairs(&self) -> impl Iterator<Item = (&Run, &Run)> {
        let runs = self.runs.iter().enumerate();
        runs.flat_map(|(number, run)| self.runs.iter().take(number + 1).map(move |to| (run, to)))
    }

    /// Their groups, the later first.
    fn joined(&self) -> impl Iterator<Item = (usize, usize)> {
        self.pairs()
            .map(|(a, b)| (a.group.max(b.group), a.group.min(b.group)))
    }
}

/// The runs of equations over the same unknowns, without those that no equation uses.
fn runs<const N: usize>(same: &[Equation<N>], groups: &[Group], group_of: &[usize]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let unknowns = same.first().map_or([0; N], |equation| equation.unknowns);
    for (slot, unknown) in unknowns.into_iter().enumerate() {
        let is_used = |equation: &Equation<N>| equation.factors.get(slot) != Some(&0.0);
        let unknown = unknown as usize;
        let (Some(&number), true) = (group_of.get(unknown), same.iter().any(is_used)) else {
            continue;
        };
        let place = unknown - groups.get(number).map_or(0, |group| group.from);
        match runs.last_mut() {
            Some(run)
                if run.group == number
                    && run.place + run.len == place
                    && run.slot + run.len == slot =>
            {
                run.len += 1;
            }
            _ => runs.push(Run {
                group: number,
                place,
                slot,
                len: 1,
            }),
        }
    }
    runs
}

/// Sum of products, as far as both go.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `2 a + b + 3 c` and `a - c`, the second with weight 2: by hand `[[1 + 4 + 2, 2, 6 - 2], [2, 1 + 1, 3], [6 - 2, 3, 1 + 9 + 2]]`.
    #[test]
    fn products_are_those_of_the_whole_matrix_and_groups_are_solved_alone() {
        let equations = [
            Equation {
                unknowns: [1, 0, 2],
                factors: [1.0, 2.0, 3.0],
                target: 0.0,
            },
            Equation {
                unknowns: [0, 2, 0],
                factors: [1.0, -1.0, 0.0],
                target: 0.0,
            },
        ];
        let mut normal = Normal::of(&equations, 3, [2]);
        for _ in 0..2 {
            normal.weigh(&[1.0, 2.0]);
        }
        let near = |found: Vec<f64>, expected: [f64; 3]| {
            let both = found.iter().zip(expected);
            assert!(both.clone().count() == 3 && found.len() == 3);
            for (found, expected) in both {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        };
        near(normal.times(&[1.0, 10.0, 100.0]), [427.0, 322.0, 1234.0]);
        // The inverse of [[7, 2], [2, 2]] is [[2, -2], [-2, 7]] / 10.
        near(normal.alone(&[10.0, 20.0, 6.0]), [-2.0, 12.0, 0.5]);
    }
}
