//! Policy losses: the score-function surrogate, the ratio and PPO's clipped ratio, with an entropy
//! bonus.

use crate::dist::{ActionRows, AnyDist, DistVisitor, Distribution, Evaluated, MAX_ROWS, Widths};
use gradwerk_math::Real;
use std::ops::Range;

/// Which function of `ratio = pi(a|s) / pi_old(a|s)` and the advantage `A` is maximised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Surrogate<R> {
    /// `A log pi(a|s)`: REINFORCE, A2C (Williams 1992). With `A = 1`, maximum likelihood.
    LogProb,
    /// `ratio A`: the objective that TRPO constrains (Schulman et al. 2015, eq. 14, as a sum over
    /// the actions taken). At `pi = pi_old` its gradient is that of `A log pi`.
    Ratio,
    /// `min(ratio A, clip(ratio, 1 - low, 1 + high) A)`: PPO (Schulman et al. 2017, eq. 7,
    /// where `low = high = epsilon`).
    Clip {
        /// How far below 1 the ratio may go, at least 0.
        low: R,
        /// How far above 1 the ratio may go, at least 0.
        high: R,
    },
}

/// The rows of a tile, B of them. Rows that are not transitions must not be in here.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRows<'a, R> {
    /// Head outputs `[B, params]`.
    pub y: &'a [R],
    /// Discrete action components `[B, discrete]`.
    pub discrete: &'a [u32],
    /// Continuous action components `[B, continuous]`, as sampled (not clipped).
    pub continuous: &'a [R],
    /// Log-probability under the policy that acted, `[B]`, nats.
    pub log_prob_old: &'a [R],
    /// Advantages `[B]`, constants of the loss.
    pub advantage: &'a [R],
    /// Weight of every row in the loss, 1 / (rows in the minibatch).
    pub weight: R,
}

/// Unweighted sums over rows: divide by `rows` for means. Kept in double precision, added in
/// the order of the rows; [`PolicySums::merge`] in a fixed order keeps results reproducible.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicySums {
    /// Minus the surrogate, without the entropy bonus.
    pub loss: f64,
    /// Entropy, nats.
    pub entropy: f64,
    /// `(ratio - 1) - ln ratio`: the k3 estimate of `KL(pi_old || pi)`, nats, never negative
    /// (Schulman 2020, "Approximating KL divergence").
    pub approx_kl: f64,
    /// Rows whose ratio lies outside the clip interval (0 for surrogates without one).
    pub clipped: u64,
    /// `pi / pi_old`.
    pub ratio: f64,
    /// Its square.
    pub ratio_square: f64,
    /// Number of rows.
    pub rows: u64,
}

impl PolicySums {
    /// Add one row, `rows` apart.
    #[inline]
    fn add<R: Real>(&mut self, row: &RowLoss<R>, entropy: R, ratio: R, log_ratio: R) {
        self.loss += row.loss.to_f64();
        self.entropy += entropy.to_f64();
        self.approx_kl += (ratio - R::ONE - log_ratio).to_f64();
        self.clipped += u64::from(row.clipped);
        self.ratio += ratio.to_f64();
        self.ratio_square += ratio.to_f64() * ratio.to_f64();
    }

    /// Add the sums of later rows.
    pub fn merge(&mut self, later: &Self) {
        self.loss += later.loss;
        self.entropy += later.entropy;
        self.approx_kl += later.approx_kl;
        self.clipped += later.clipped;
        self.ratio += later.ratio;
        self.ratio_square += later.ratio_square;
        self.rows += later.rows;
    }
}

/// Loss of one row and its derivative.
struct RowLoss<R> {
    loss: R,
    d_loss_d_log_prob: R,
    clipped: bool,
}

impl<R: Real> Surrogate<R> {
    #[inline]
    fn row(self, log_prob: R, ratio: R, advantage: R) -> RowLoss<R> {
        match self {
            Self::LogProb => RowLoss {
                loss: -(advantage * log_prob),
                d_loss_d_log_prob: -advantage,
                clipped: false,
            },
            Self::Ratio => RowLoss {
                loss: -(ratio * advantage),
                d_loss_d_log_prob: -(ratio * advantage),
                clipped: false,
            },
            Self::Clip { low, high } => clip_row(R::ONE - low, R::ONE + high, ratio, advantage),
        }
    }
}

/// Where the clipped term is the strictly smaller one, the objective does not depend on the
/// ratio. At a tie (including the corners of the interval) the unclipped term counts; a NaN
/// makes the comparison false and so reaches the gradient.
#[inline]
fn clip_row<R: Real>(lowest: R, highest: R, ratio: R, advantage: R) -> RowLoss<R> {
    let unclipped = ratio * advantage;
    let clipped = ratio.clip(lowest, highest) * advantage;
    let d_loss_d_ratio = if clipped < unclipped { R::ZERO } else { -advantage };
    let d_ratio_d_log_prob = ratio;
    RowLoss {
        loss: -unclipped.minimum(clipped),
        d_loss_d_log_prob: d_loss_d_ratio * d_ratio_d_log_prob,
        clipped: ratio < lowest || ratio > highest,
    }
}

/// Gradient of `weight * sum_rows (-surrogate - entropy_coef * H)` with respect to the head
/// outputs.
///
/// `dy` `[B, params]` is overwritten. Monomorphised per distribution; from an [`AnyDist`] call
/// [`AnyDist::head_gradient`], which matches once per tile.
///
/// # Panics
/// If the slices of `rows` or `dy` disagree on B.
pub fn head_gradient<R: Real, D: Distribution<R>>(
    dist: &D,
    surrogate: Surrogate<R>,
    entropy_coef: R,
    rows: &PolicyRows<'_, R>,
    dy: &mut [R],
) -> PolicySums {
    let (params, discrete, continuous) = (dist.params(), dist.discrete(), dist.continuous());
    let b = rows.advantage.len();
    assert_eq!(rows.log_prob_old.len(), b, "log_prob_old: one entry per row");
    assert_eq!(rows.y.len(), b * params, "y: [{b}, {params}]");
    assert_eq!(rows.discrete.len(), b * discrete, "discrete: [{b}, {discrete}]");
    assert_eq!(rows.continuous.len(), b * continuous, "continuous: [{b}, {continuous}]");
    assert_eq!(dy.len(), b * params, "dy: [{b}, {params}]");
    let mut sums = PolicySums { rows: b as u64, ..PolicySums::default() };
    for first in (0..b).step_by(MAX_ROWS) {
        let part = rows.part(first..b.min(first + MAX_ROWS), dist);
        let dy = &mut dy[first * params..][..part.y.len()];
        part.add_gradient(dist, surrogate, entropy_coef, dy, &mut sums);
    }
    sums
}

impl<'a, R: Real> PolicyRows<'a, R> {
    /// Some of the rows.
    fn part(&self, rows: Range<usize>, dist: &impl Widths) -> Self {
        let of = |width: usize| rows.start * width..rows.end * width;
        Self {
            y: &self.y[of(dist.params())],
            discrete: &self.discrete[of(dist.discrete())],
            continuous: &self.continuous[of(dist.continuous())],
            log_prob_old: &self.log_prob_old[rows.clone()],
            advantage: &self.advantage[rows],
            weight: self.weight,
        }
    }

    /// The gradient of at most [`MAX_ROWS`] rows, whose sums are added to `sums`.
    fn add_gradient<D: Distribution<R>>(
        &self,
        dist: &D,
        surrogate: Surrogate<R>,
        entropy_coef: R,
        dy: &mut [R],
        sums: &mut PolicySums,
    ) {
        let (b, params, weight) = (self.advantage.len(), dist.params(), self.weight);
        let a = ActionRows { discrete: self.discrete, continuous: self.continuous };
        let mut evaluated = [Evaluated::default(); MAX_ROWS];
        dist.evaluate(self.y, a, dy, &mut evaluated[..b]);
        let (mut log_ratio, d_entropy) = ([R::ZERO; MAX_ROWS], -(weight * entropy_coef));
        for (i, old) in self.log_prob_old.iter().enumerate() {
            log_ratio[i] = evaluated[i].log_prob - *old;
        }
        let mut ratio = log_ratio;
        R::exp_all(&mut ratio[..b]);
        for (i, dy) in dy.chunks_exact_mut(params).enumerate() {
            let row = surrogate.row(evaluated[i].log_prob, ratio[i], self.advantage[i]);
            let (y, d_log_prob) =
                (&self.y[i * params..(i + 1) * params], weight * row.d_loss_d_log_prob);
            dist.turn_into_grad(y, a.row(i, dist), evaluated[i], d_log_prob, d_entropy, dy);
            sums.add(&row, evaluated[i].entropy, ratio[i], log_ratio[i]);
        }
    }
}

/// The arguments of [`head_gradient`], waiting for the concrete distribution.
struct HeadGradient<'a, 'b, R> {
    surrogate: Surrogate<R>,
    entropy_coef: R,
    rows: &'a PolicyRows<'b, R>,
    dy: &'a mut [R],
}

impl<R: Real> DistVisitor<R> for HeadGradient<'_, '_, R> {
    type Output = PolicySums;
    fn run<D: Distribution<R>>(self, dist: &D) -> PolicySums {
        head_gradient(dist, self.surrogate, self.entropy_coef, self.rows, self.dy)
    }
}

impl AnyDist {
    /// [`head_gradient`] of the distribution inside.
    pub fn head_gradient<R: Real>(
        &self,
        surrogate: Surrogate<R>,
        entropy_coef: R,
        rows: &PolicyRows<'_, R>,
        dy: &mut [R],
    ) -> PolicySums {
        self.visit(HeadGradient { surrogate, entropy_coef, rows, dy })
    }
}
