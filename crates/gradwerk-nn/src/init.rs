//! First values of parameters, computed in double precision.

use gradwerk_math::{Real, Stream};

use crate::layout::{Entry, Init};

/// Fill one entry.
pub(crate) fn fill<R: Real>(entry: &Entry, stream: &mut Stream, out: &mut [R]) {
    let inputs = entry.shape[0];
    match entry.init {
        Init::Constant(value) => out.fill(R::from_f64(value)),
        Init::Orthogonal { gain } => {
            let matrix = orthogonal(inputs, entry.len() / inputs.max(1), stream);
            for (x, m) in out.iter_mut().zip(matrix) {
                *x = R::from_f64(gain * m);
            }
        }
        Init::OrthogonalBlocks { gain, blocks } => {
            let cols = entry.len() / inputs.max(1) / blocks;
            for block in 0..blocks {
                let matrix = orthogonal(inputs, cols, stream);
                let rows = out.chunks_exact_mut(blocks * cols).zip(matrix.chunks_exact(cols));
                for (row, m) in rows {
                    let row = &mut row[block * cols..][..cols];
                    row.iter_mut().zip(m).for_each(|(x, m)| *x = R::from_f64(gain * m));
                }
            }
        }
        Init::Normal { deviation } => {
            let numbers = normals(out.len(), stream);
            out.iter_mut().zip(numbers).for_each(|(x, z)| *x = R::from_f64(deviation * z));
        }
        Init::FanIn { gain } => {
            // A uniform number on [-a, a] has the variance a^2 / 3.
            let bound = gain * (3.0 / inputs as f64).sqrt();
            for x in out {
                *x = R::from_f64(stream.uniform_in(-bound, bound));
            }
        }
    }
}

/// A `[rows, cols]` matrix whose rows or columns, whichever are fewer, are orthonormal: normal
/// numbers, made orthonormal by Gram and Schmidt (which is QR with a positive diagonal of R, so
/// the result is uniform over such matrices; Mezzadri 2007).
fn orthogonal(rows: usize, cols: usize, stream: &mut Stream) -> Vec<f64> {
    let (count, len) = (rows.min(cols), rows.max(cols));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        if let Some(v) = orthonormal_to(&basis, normals(len, stream)) {
            basis.push(v);
        }
    }
    let at = |i: usize, j: usize| if rows <= cols { basis[i][j] } else { basis[j][i] };
    (0..rows * cols).map(|n| at(n / cols, n % cols)).collect()
}

fn normals(len: usize, stream: &mut Stream) -> Vec<f64> {
    let mut v: Vec<f64> = (0..len.div_ceil(2)).flat_map(|_| stream.normal_pair::<f64>()).collect();
    v.truncate(len);
    v
}

/// What is left of `v` beside the span of `basis`, with length 1; `None` if almost nothing is.
fn orthonormal_to(basis: &[Vec<f64>], mut v: Vec<f64>) -> Option<Vec<f64>> {
    // Twice is enough (Kahan and Parlett): the second pass removes the first one's rounding.
    for _ in 0..2 {
        for b in basis {
            let along = dot(b, &v);
            v.iter_mut().zip(b).for_each(|(x, y)| *x -= along * y);
        }
    }
    let length = dot(&v, &v).sqrt();
    v.iter_mut().for_each(|x| *x /= length);
    (length > 1e-6).then_some(v)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layout;

    fn matrix(rows: usize, cols: usize, init: Init) -> Vec<f64> {
        let mut layout = Layout::default();
        layout.push("w", &[rows, cols], init);
        let mut theta = vec![0.0; layout.len()];
        layout.init(3, &mut theta);
        theta
    }

    #[test]
    fn orthogonal_matrices_are_orthogonal() {
        for (rows, cols) in [(4, 64), (64, 4), (64, 64), (1, 1), (5, 1)] {
            let w = matrix(rows, cols, Init::Orthogonal { gain: 2.0 });
            let line = |i: usize| -> Vec<f64> {
                if rows <= cols {
                    w[i * cols..(i + 1) * cols].to_vec()
                } else {
                    (0..rows).map(|r| w[r * cols + i]).collect()
                }
            };
            for i in 0..rows.min(cols) {
                for j in 0..=i {
                    let expected = if i == j { 4.0 } else { 0.0 };
                    assert!((dot(&line(i), &line(j)) - expected).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn blocks_are_orthogonal_one_by_one() {
        let w = matrix(5, 15, Init::OrthogonalBlocks { gain: 2.0, blocks: 3 });
        let line = |block: usize, i: usize| &w[i * 15 + block * 5..][..5];
        for (i, j) in (0..5).flat_map(|i| (0..5).map(move |j| (i, j))) {
            let expected = if i == j { 4.0 } else { 0.0 };
            for block in 0..3 {
                assert!((dot(line(block, i), line(block, j)) - expected).abs() < 1e-12);
            }
            assert_ne!(line(0, i), line(1, i));
        }
    }

    #[test]
    fn fan_in_has_the_stated_variance_and_bound() {
        let w = matrix(50, 2000, Init::FanIn { gain: 3.0 });
        let variance = dot(&w, &w) / w.len() as f64;
        // gain^2 / inputs = 9 / 50; 1e5 draws give the variance within a per cent.
        assert!((variance / (9.0 / 50.0) - 1.0).abs() < 0.02);
        // bound = 3 * sqrt(3 / 50) = 0.7348469
        assert!(w.iter().all(|x| x.abs() <= 0.734_846_93));
    }

    #[test]
    fn seeds_and_entries_differ() {
        let mut layout = Layout::default();
        layout.push("a", &[4], Init::FanIn { gain: 1.0 });
        layout.push("b", &[4], Init::FanIn { gain: 1.0 });
        let mut theta = [0.0_f64; 8];
        layout.init(0, &mut theta);
        assert_ne!(theta[..4], theta[4..]);
        let mut other = [0.0_f64; 8];
        layout.init(1, &mut other);
        assert_ne!(theta, other);
    }
}
