//! The little linear algebra that exact quantities need: dense, small, double precision.

/// A square matrix, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Rows and columns.
    pub n: usize,
    /// Entry `(i, j)` at `i * n + j`.
    pub data: Vec<f64>,
}

/// Eigenvalues below this share of the largest count as 0 in [`Matrix::pseudo_solve`]. Softmax
/// policies have such directions: adding a constant to all logits changes nothing.
const RANK: f64 = 1e-11;

impl Matrix {
    /// All entries 0.
    #[must_use]
    pub fn zeros(n: usize) -> Self {
        Self { n, data: vec![0.0; n * n] }
    }

    /// Entry `(i, j)`.
    #[must_use]
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.n + j]
    }

    /// `self += scale x x^T`.
    pub fn add_outer(&mut self, scale: f64, x: &[f64]) {
        for (i, &xi) in x.iter().enumerate().filter(|(_, xi)| **xi != 0.0) {
            let row = &mut self.data[i * self.n..(i + 1) * self.n];
            row.iter_mut().zip(x).for_each(|(m, &xj)| *m += scale * xi * xj);
        }
    }

    /// Every entry times `scale`.
    #[must_use]
    pub fn scaled(&self, scale: f64) -> Self {
        Self { n: self.n, data: self.data.iter().map(|x| x * scale).collect() }
    }

    /// Sum of the diagonal.
    #[must_use]
    pub fn trace(&self) -> f64 {
        (0..self.n).map(|i| self.at(i, i)).sum()
    }

    /// The shortest `x` that minimises `|self x - b|`, for a symmetric matrix: Moore and
    /// Penrose's inverse times `b`, by Jacobi's eigenvalue iteration.
    #[must_use]
    pub fn pseudo_solve(&self, b: &[f64]) -> Vec<f64> {
        let (values, vectors) = self.eigen();
        let largest = values.iter().fold(0.0_f64, |m, v| if v.abs() > m { v.abs() } else { m });
        let mut x = vec![0.0; self.n];
        for (k, &value) in values.iter().enumerate().filter(|(_, v)| v.abs() > RANK * largest) {
            let vector = |i: usize| vectors[i * self.n + k];
            let dot: f64 = (0..self.n).map(|i| vector(i) * b[i]).sum();
            (0..self.n).for_each(|i| x[i] += dot / value * vector(i));
        }
        x
    }

    /// Eigenvalues, and eigenvectors as columns, of a symmetric matrix.
    fn eigen(&self) -> (Vec<f64>, Vec<f64>) {
        let n = self.n;
        let (mut a, mut v) = (self.data.clone(), vec![0.0; n * n]);
        (0..n).for_each(|i| v[i * n + i] = 1.0);
        // Convergence is quadratic: a few sweeps are enough for any matrix met here.
        for _ in 0..60 {
            let off = |k: &usize| k / n != k % n;
            let size = |keep: &dyn Fn(&usize) -> bool| -> f64 {
                (0..n * n).filter(keep).map(|k| a[k] * a[k]).sum()
            };
            if size(&off) <= 1e-32 * size(&|_| true) {
                break;
            }
            for p in 0..n {
                (p + 1..n).for_each(|q| rotate(n, &mut a, &mut v, p, q));
            }
        }
        ((0..n).map(|i| a[i * n + i]).collect(), v)
    }
}

/// Jacobi's rotation that brings `a[p, q]` to 0 (Golub and Van Loan 2013, algorithm 8.5.1).
fn rotate(n: usize, a: &mut [f64], v: &mut [f64], p: usize, q: usize) {
    let off = a[p * n + q];
    if off == 0.0 {
        return;
    }
    let tau = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
    let sign = if tau < 0.0 { -1.0 } else { 1.0 };
    let t = sign / (tau.abs() + (1.0 + tau * tau).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    let s = t * c;
    for k in 0..n {
        (a[k * n + p], a[k * n + q]) = turned(c, s, a[k * n + p], a[k * n + q]);
        (v[k * n + p], v[k * n + q]) = turned(c, s, v[k * n + p], v[k * n + q]);
    }
    for k in 0..n {
        (a[p * n + k], a[q * n + k]) = turned(c, s, a[p * n + k], a[q * n + k]);
    }
}

fn turned(c: f64, s: f64, x: f64, y: f64) -> (f64, f64) {
    (c * x - s * y, s * x + c * y)
}

/// Elimination with row pivoting, kept for several right-hand sides.
pub(super) struct Lu {
    n: usize,
    lu: Vec<f64>,
    order: Vec<usize>,
}

impl Lu {
    /// Factors of a row-major matrix, or the row and pivot at which it proves singular.
    pub fn of(n: usize, mut lu: Vec<f64>) -> Result<Self, (usize, f64)> {
        let mut order: Vec<usize> = (0..n).collect();
        for k in 0..n {
            let mut best = k;
            for i in k + 1..n {
                if lu[order[i] * n + k].abs() > lu[order[best] * n + k].abs() {
                    best = i;
                }
            }
            order.swap(k, best);
            let pivot = lu[order[k] * n + k];
            // The entries of I - gamma P are of order 1.
            if pivot.is_nan() || pivot.abs() < 1e-13 {
                return Err((order[k], pivot));
            }
            for &row in &order[k + 1..] {
                let factor = lu[row * n + k] / pivot;
                lu[row * n + k] = factor;
                if factor != 0.0 {
                    (k + 1..n).for_each(|j| lu[row * n + j] -= factor * lu[order[k] * n + j]);
                }
            }
        }
        Ok(Self { n, lu, order })
    }

    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x = vec![0.0; n];
        for i in 0..n {
            let done: f64 = (0..i).map(|j| self.lu[self.order[i] * n + j] * x[j]).sum();
            x[i] = b[self.order[i]] - done;
        }
        for i in (0..n).rev() {
            let row = self.order[i] * n;
            let done: f64 = (i + 1..n).map(|j| self.lu[row + j] * x[j]).sum();
            x[i] = (x[i] - done) / self.lu[row + i];
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2x + y = 3, x + 3y = 5: x = 4/5, y = 7/5. The zero pivot needs a swap of rows.
    #[test]
    fn elimination() {
        let x = Lu::of(2, vec![2.0, 1.0, 1.0, 3.0]).unwrap_or_else(|e| panic!("{e:?}"));
        let x = x.solve(&[3.0, 5.0]);
        assert!((x[0] - 0.8).abs() < 1e-15 && (x[1] - 1.4).abs() < 1e-15, "{x:?}");
        let swapped = Lu::of(2, vec![0.0, 1.0, 2.0, 0.0]).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(swapped.solve(&[3.0, 4.0]), [2.0, 3.0]);
        assert!(Lu::of(2, vec![1.0, 1.0, 1.0, 1.0]).is_err());
    }

    /// The matrix [[2, 1], [1, 2]] has the inverse [[2, -1], [-1, 2]] / 3; [[1, 1], [1, 1]] has
    /// rank 1 and the pseudo-inverse [[1, 1], [1, 1]] / 4.
    #[test]
    fn pseudo_inverse() {
        let regular = Matrix { n: 2, data: vec![2.0, 1.0, 1.0, 2.0] }.pseudo_solve(&[3.0, 0.0]);
        assert!((regular[0] - 2.0).abs() < 1e-14 && (regular[1] + 1.0).abs() < 1e-14);
        let singular = Matrix { n: 2, data: vec![1.0; 4] }.pseudo_solve(&[4.0, 0.0]);
        assert!((singular[0] - 1.0).abs() < 1e-14 && (singular[1] - 1.0).abs() < 1e-14);
    }
}
