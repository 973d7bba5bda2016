//! Conjugate gradients: solve `A x = b` with products `A p` alone.

use gradwerk_math::Real;

/// When the iterations end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// After so many.
    pub iterations: u32,
    /// Once the residual's norm is at most this times the norm of `b`.
    pub tolerance: f64,
}

/// How the iterations ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Solution {
    /// Products that were made.
    pub iterations: u32,
    /// `|b - A x| / |b|` by the recurrence; 0 where `b` is 0, NaN if a product was not finite.
    pub residual: f64,
}

/// Work space for systems of one size.
#[derive(Clone, Debug)]
pub struct ConjugateGradient<E> {
    residual: Vec<E>,
    search: Vec<E>,
    product: Vec<E>,
}

impl<E: Real> ConjugateGradient<E> {
    /// For `len` unknowns.
    #[must_use]
    pub fn new(len: usize) -> Self {
        let zeros = || vec![E::ZERO; len];
        Self { residual: zeros(), search: zeros(), product: zeros() }
    }

    /// An approximate solution of `A x = b` from `x = 0` (Hestenes and Stiefel 1952), for a
    /// symmetric positive definite `A` given by `apply(p, out)`, `out = A p`. Vectors in `E`,
    /// scalars and sums in double precision in a fixed order; allocates nothing.
    ///
    /// The present `x` stands where `p^T A p` is not positive: `A` is singular along `p`, and no
    /// finite step is best.
    ///
    /// # Panics
    /// If `b` or `x` has another length than the work space.
    pub fn solve(
        &mut self,
        mut apply: impl FnMut(&[E], &mut [E]),
        b: &[E],
        x: &mut [E],
        stop: Stop,
    ) -> Solution {
        x.fill(E::ZERO);
        self.residual.copy_from_slice(b);
        self.search.copy_from_slice(b);
        let norm = dot(b, b);
        let mut square = norm;
        let relative = |square: f64| if norm == 0.0 { 0.0 } else { (square / norm).sqrt() };
        for done in 0..stop.iterations {
            if relative(square) <= stop.tolerance {
                return Solution { iterations: done, residual: relative(square) };
            }
            apply(&self.search, &mut self.product);
            let curvature = dot(&self.search, &self.product);
            if curvature.is_nan() {
                return Solution { iterations: done + 1, residual: f64::NAN };
            }
            if curvature <= 0.0 {
                return Solution { iterations: done + 1, residual: relative(square) };
            }
            let step = E::from_f64(square / curvature);
            add_scaled(x, step, &self.search);
            add_scaled(&mut self.residual, -step, &self.product);
            let next = dot(&self.residual, &self.residual);
            let keep = E::from_f64(next / square);
            for (p, &r) in self.search.iter_mut().zip(&self.residual) {
                *p = r + keep * *p;
            }
            square = next;
        }
        Solution { iterations: stop.iterations, residual: relative(square) }
    }
}

/// `x^T y` in double precision, in the order of the entries.
#[must_use]
pub(super) fn dot<E: Real>(x: &[E], y: &[E]) -> f64 {
    assert_eq!(x.len(), y.len(), "vectors of one length");
    x.iter().zip(y).map(|(&x, &y)| x.to_f64() * y.to_f64()).sum()
}

/// `x += scale y`.
fn add_scaled<E: Real>(x: &mut [E], scale: E, y: &[E]) {
    assert_eq!(x.len(), y.len(), "vectors of one length");
    x.iter_mut().zip(y).for_each(|(x, &y)| *x += scale * y);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::{Purpose, Stream};

    const EXACT: Stop = Stop { iterations: 50, tolerance: 1e-14 };

    /// `[rows, cols] x [cols]`, row-major.
    fn multiply(a: &[f64], x: &[f64], out: &mut [f64]) {
        for (out, row) in out.iter_mut().zip(a.chunks(x.len())) {
            *out = dot(row, x);
        }
    }

    /// `B B^T + I` for a random B: symmetric, positive definite.
    fn matrix(n: usize, index: u64) -> (Vec<f64>, Vec<f64>) {
        let mut rng = Stream::new(5, Purpose::Test, index, 0);
        let mut normal = |k: usize| (0..k).map(|_| rng.normal_pair::<f64>()[0]).collect::<Vec<_>>();
        let (b, rhs) = (normal(n * n), normal(n));
        let entry = |i: usize, j: usize| {
            dot(&b[i * n..(i + 1) * n], &b[j * n..(j + 1) * n]) + f64::from(u8::from(i == j))
        };
        ((0..n * n).map(|k| entry(k / n, k % n)).collect(), rhs)
    }

    /// Gauss elimination; a positive definite matrix needs no pivoting.
    fn direct(mut a: Vec<f64>, mut b: Vec<f64>) -> Vec<f64> {
        let n = b.len();
        for k in 0..n {
            for i in k + 1..n {
                let factor = a[i * n + k] / a[k * n + k];
                (k..n).for_each(|j| a[i * n + j] -= factor * a[k * n + j]);
                b[i] -= factor * b[k];
            }
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|j| a[i * n + j] * b[j]).sum();
            b[i] = (b[i] - known) / a[i * n + i];
        }
        b
    }

    #[test]
    fn a_direct_solve_gives_the_same() {
        for n in [1, 2, 5, 12] {
            let (a, b) = matrix(n, n as u64);
            let mut x = vec![f64::NAN; n];
            let mut solver = ConjugateGradient::new(n);
            let found = solver.solve(|p, out| multiply(&a, p, out), &b, &mut x, EXACT);
            for (x, want) in x.iter().zip(direct(a, b)) {
                assert!((x - want).abs() < 1e-10 * want.abs().max(1.0), "n = {n}: {x}, {want}");
            }
            assert!(found.residual <= 1e-14 && found.iterations < 50, "n = {n}: {found:?}");
        }
    }

    /// A = diag(1, 4), b = (1, 4). First step: r.r = 17, p.Ap = 1 + 64 = 65, x = 17/65 (1, 4);
    /// r = (1 - 17/65, 4 - 17/65 * 16) = (48/65, -12/65), |r|/|b| = 12 sqrt(17) / 65 / sqrt(17)
    /// = 12/65. The second step is exact: x = (1, 1).
    #[test]
    fn two_steps_by_hand() {
        let (mut x, mut solver) = ([0.0; 2], ConjugateGradient::new(2));
        let apply = |p: &[f64], out: &mut [f64]| (out[0], out[1]) = (p[0], 4.0 * p[1]);
        let one = Stop { iterations: 1, tolerance: 0.0 };
        let found = solver.solve(apply, &[1.0, 4.0], &mut x, one);
        assert!((found.residual - 12.0 / 65.0).abs() < 1e-15, "{found:?}");
        assert!((x[0] - 17.0 / 65.0).abs() < 1e-15 && (x[1] - 68.0 / 65.0).abs() < 1e-15, "{x:?}");
        // Stopped by the tolerance before the second step, for 12/65 < 0.2.
        let early = Stop { iterations: 9, tolerance: 0.2 };
        assert_eq!(solver.solve(apply, &[1.0, 4.0], &mut x, early).iterations, 1);
        let found = solver.solve(apply, &[1.0, 4.0], &mut x, EXACT);
        assert!((x[0] - 1.0).abs() < 1e-15 && (x[1] - 1.0).abs() < 1e-15, "{x:?} {found:?}");
        assert_eq!(found.iterations, 2);
    }

    #[test]
    fn zero_singular_and_broken_systems() {
        let (mut x, mut solver) = ([7.0; 2], ConjugateGradient::new(2));
        let nothing = solver.solve(|_, _| unreachable!(), &[0.0; 2], &mut x, EXACT);
        assert_eq!((x, nothing), ([0.0; 2], Solution::default()));
        // No curvature along b: x stays 0 and the residual is all of b.
        let singular = solver.solve(|_, out| out.fill(0.0), &[1.0, 1.0], &mut x, EXACT);
        assert_eq!((x, singular), ([0.0; 2], Solution { iterations: 1, residual: 1.0 }));
        let broken = solver.solve(|_, out| out.fill(f64::NAN), &[1.0, 1.0], &mut x, EXACT);
        assert!(broken.residual.is_nan());
    }
}
