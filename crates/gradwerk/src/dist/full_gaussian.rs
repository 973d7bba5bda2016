//! Gaussian distribution with a full covariance matrix, by its Cholesky factor.

use super::{ActionRow, ActionRowMut, Distribution, Head, Widths};
use gradwerk_env::Space;
use gradwerk_math::{Real, Stream, special::HALF_LN_TAU};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the Gaussian policy with covariances: a mean and a lower triangular factor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FullGaussianConfig {
    /// Initial logarithm of the standard deviations, in units of the action.
    pub log_std_init: f64,
    /// Whether the network computes the factor from the observation. If not, its entries are
    /// free parameters, the same in every state.
    pub state_dependent_std: bool,
}

impl FullGaussianConfig {
    /// The distribution for `space`, or `None` unless it is a box of at most 32 components.
    #[must_use]
    pub fn build(&self, space: &Space) -> Option<FullGaussian> {
        match space {
            Space::Box { low, .. } if low.len() <= MOST => Some(FullGaussian {
                dim: low.len(),
                log_std_init: self.log_std_init,
                state_dependent_std: self.state_dependent_std,
            }),
            _ => None,
        }
    }
}

/// Most action components, so that the columns of the formulas need no memory from the heap.
pub const MOST: usize = 32;

/// `pi(a|y) = N(a; mean, L L^T)` with a lower triangular `L`: `y = [mean | d | l]`, where
/// `L_ii = exp(log_std_init + d_i)` and `l` holds the rows of `L` below the diagonal. All of them
/// start at 0: independent components.
#[derive(Clone, Debug, PartialEq)]
pub struct FullGaussian {
    /// Number of action components.
    pub dim: usize,
    /// Logarithm of `L_ii` where `d_i` is 0.
    pub log_std_init: f64,
    /// Whether the entries of the factor are outputs of the network.
    pub state_dependent_std: bool,
}

/// A column: as many of its entries count as the distribution has components.
type Column<R> = [R; MOST];

/// A row of head outputs as mean and factor.
struct Factor<'a, R> {
    dim: usize,
    init: R,
    mean: &'a [R],
    log_diagonal: &'a [R],
    below: &'a [R],
}

/// Place of `L_ij`, `j < i`, among the entries below the diagonal.
fn below(i: usize, j: usize) -> usize {
    i * (i - 1) / 2 + j
}

impl<R: Real> Factor<'_, R> {
    fn diagonal(&self, i: usize) -> R {
        (self.init + self.log_diagonal[i]).exp()
    }

    /// `L_ij`.
    fn at(&self, i: usize, j: usize) -> R {
        match i.cmp(&j) {
            std::cmp::Ordering::Less => R::ZERO,
            std::cmp::Ordering::Equal => self.diagonal(i),
            std::cmp::Ordering::Greater => self.below[below(i, j)],
        }
    }

    /// `x = L^-1 x`.
    fn solve(&self, x: &mut Column<R>) {
        for i in 0..self.dim {
            let known = (0..i).map(|j| self.at(i, j) * x[j]).sum::<R>();
            x[i] = (x[i] - known) / self.diagonal(i);
        }
    }

    /// `x = L^-T x`.
    fn solve_transposed(&self, x: &mut Column<R>) {
        for i in (0..self.dim).rev() {
            let known = (i + 1..self.dim).map(|j| self.at(j, i) * x[j]).sum::<R>();
            x[i] = (x[i] - known) / self.diagonal(i);
        }
    }

    /// `sum_i ln L_ii`.
    fn log_determinant(&self) -> R {
        self.log_diagonal.iter().map(|&d| self.init + d).sum()
    }

    /// `L^-1 (a - mean)`.
    fn standardized(&self, a: &[R]) -> Column<R> {
        let mut z = [R::ZERO; MOST];
        for i in 0..self.dim {
            z[i] = a[i] - self.mean[i];
        }
        self.solve(&mut z);
        z
    }

    fn squares(&self, x: &Column<R>) -> R {
        x[..self.dim].iter().map(|&x| x * x).sum()
    }

    /// Column `j` of a lower triangular matrix of the same size.
    fn column_of(&self, other: &Self, j: usize) -> Column<R> {
        let mut column = [R::ZERO; MOST];
        for (i, x) in column[..self.dim].iter_mut().enumerate().skip(j) {
            *x = other.at(i, j);
        }
        column
    }

    /// Add `scale * G` for the derivative `G_ij = left_i right_j` by `L` to that by its parameters.
    fn add_outer(&self, left: &Column<R>, right: &Column<R>, scale: R, dy: &mut [R]) {
        for i in 0..self.dim {
            let row = scale * left[i];
            dy[self.dim + i] += row * right[i] * self.diagonal(i);
            for j in 0..i {
                dy[2 * self.dim + below(i, j)] += row * right[j];
            }
        }
    }
}

impl FullGaussian {
    fn factor<'a, R: Real>(&self, y: &'a [R]) -> Factor<'a, R> {
        let n = self.dim;
        debug_assert_eq!(y.len(), self.params(), "full Gaussian of {n} components: wrong width");
        let (mean, rest) = y.split_at(n);
        let (log_diagonal, below) = rest.split_at(n);
        Factor { dim: n, init: R::from_f64(self.log_std_init), mean, log_diagonal, below }
    }

    fn constant<R: Real>(&self) -> R {
        R::from_f64(self.dim as f64 * HALF_LN_TAU)
    }
}

impl Widths for FullGaussian {
    fn params(&self) -> usize {
        2 * self.dim + self.dim * (self.dim - 1) / 2
    }
    fn discrete(&self) -> usize {
        0
    }
    fn continuous(&self) -> usize {
        self.dim
    }
    fn head(&self) -> Head {
        let network = if self.state_dependent_std { self.params() } else { self.dim };
        Head { free: self.params() - network, bias_from: self.dim, ..Head::from_network(network) }
    }
}

impl<R: Real> Distribution<R> for FullGaussian {
    fn sample(&self, y: &[R], rng: &mut Stream, a: ActionRowMut<'_, R>) {
        let factor = self.factor(y);
        let mut noise = [R::ZERO; MOST];
        for pair in noise[..self.dim].chunks_mut(2) {
            pair.copy_from_slice(&rng.normal_pair::<R>()[..pair.len()]);
        }
        for i in 0..self.dim {
            let moved = (0..=i).map(|j| factor.at(i, j) * noise[j]).sum::<R>();
            a.continuous[i] = factor.mean[i] + moved;
        }
    }

    fn mode(&self, y: &[R], a: ActionRowMut<'_, R>) {
        a.continuous.copy_from_slice(self.factor(y).mean);
    }

    fn log_prob(&self, y: &[R], a: ActionRow<'_, R>) -> R {
        let factor = self.factor(y);
        let squares = factor.squares(&factor.standardized(a.continuous));
        -(factor.log_determinant() + self.constant() + R::from_f64(0.5) * squares)
    }

    /// `sum_i ln L_ii + dim (1 + ln(2 pi)) / 2`.
    fn entropy(&self, y: &[R]) -> R {
        let half = R::from_f64(0.5 * self.dim as f64);
        self.factor(y).log_determinant() + self.constant() + half
    }

    /// `sum_i ln(L'_ii / L_ii) + (|L'^-1 L|^2 + |L'^-1 (mean - mean')|^2 - dim) / 2`.
    fn kl(&self, y_old: &[R], y_new: &[R]) -> R {
        let (old, new) = (self.factor(y_old), self.factor(y_new));
        let mut squares = new.squares(&new.standardized(old.mean));
        for j in 0..self.dim {
            let mut column = new.column_of(&old, j);
            new.solve(&mut column);
            squares += new.squares(&column);
        }
        let excess = squares - R::from_f64(self.dim as f64);
        new.log_determinant() - old.log_determinant() + R::from_f64(0.5) * excess
    }

    /// With `z = L^-1 (a - mean)` and `w = L^-T z`: `w` by the mean, `w z^T - diag(1 / L_ii)` by L.
    fn add_log_prob_grad(&self, y: &[R], a: ActionRow<'_, R>, scale: R, dy: &mut [R]) {
        let factor = self.factor(y);
        let z = factor.standardized(a.continuous);
        let mut w = z;
        factor.solve_transposed(&mut w);
        factor.add_outer(&w, &z, scale, dy);
        for i in 0..self.dim {
            dy[i] += scale * w[i];
            dy[self.dim + i] -= scale;
        }
    }

    fn add_entropy_grad(&self, _y: &[R], scale: R, dy: &mut [R]) {
        dy[self.dim..2 * self.dim].iter_mut().for_each(|d| *d += scale);
    }

    /// With the columns m of `L'^-1 L` and `L'^-1 (mean - mean')`: `-L'^-T m m^T` each by `L'`.
    fn add_kl_grad(&self, y_old: &[R], y_new: &[R], scale: R, dy_new: &mut [R]) {
        let (old, new) = (self.factor(y_old), self.factor(y_new));
        for j in 0..=self.dim {
            let column = match j == self.dim {
                true => new.standardized(old.mean),
                false => {
                    let mut column = new.column_of(&old, j);
                    new.solve(&mut column);
                    column
                }
            };
            let mut left = column;
            new.solve_transposed(&mut left);
            new.add_outer(&left, &column, -scale, dy_new);
            if j == self.dim {
                dy_new.iter_mut().zip(&left[..self.dim]).for_each(|(d, &l)| *d -= scale * l);
            }
        }
        self.add_entropy_grad(y_new, scale, dy_new);
    }

    /// `L^-T L^-1 v` by the mean. For a direction V of the factor and `K = L^-1 V`:
    /// `L^-T (K + K^T)` by L, column by column.
    fn add_fisher_product(&self, y: &[R], v: &[R], scale: R, out: &mut [R]) {
        let factor = self.factor(y);
        let n = self.dim;
        let mut mean = [R::ZERO; MOST];
        mean[..n].copy_from_slice(&v[..n]);
        factor.solve(&mut mean);
        factor.solve_transposed(&mut mean);
        out.iter_mut().zip(&mean[..n]).for_each(|(o, &m)| *o += scale * m);
        let direction = |i: usize, j: usize| match i == j {
            true => factor.diagonal(i) * v[n + i],
            false => v[2 * n + below(i, j)],
        };
        for j in 0..n {
            let mut column = [R::ZERO; MOST];
            (j..n).for_each(|i| column[i] = direction(i, j));
            factor.solve(&mut column);
            // Row j of K: row j of L^-1, times V.
            let (mut row, mut unit) = ([R::ZERO; MOST], [R::ZERO; MOST]);
            row[j] = R::ONE;
            factor.solve_transposed(&mut row);
            for (l, x) in column[..=j].iter_mut().enumerate() {
                *x += (l..=j).map(|k| row[k] * direction(k, l)).sum::<R>();
            }
            factor.solve_transposed(&mut column);
            unit[j] = R::ONE;
            factor.add_outer(&column, &unit, scale, out);
        }
    }
}
