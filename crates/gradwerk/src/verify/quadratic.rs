//! A quadratic reward in one state: what a policy earns is known from the moments of its actions.

use super::Case;
use super::setup::{config, moved};
use crate::Error;
use crate::dist::{AnyDist, Widths};
use crate::exact::Agent;
use gradwerk_env::{Action, End, Env, Space, Step};
use gradwerk_math::{Kernel, Real, Stream};

/// Numbers of an action.
const DIM: usize = 2;
/// `M`: neither diagonal nor a multiple of the identity.
const CURVATURE: [[f64; DIM]; DIM] = [[1.0, 0.6], [0.6, 2.0]];
/// Bounds of the box.
const LOW: f32 = -1.0;
const HIGH: f32 = 2.0;
/// Standard deviation of the head outputs at which gradients are compared.
const SPREAD: f64 = 0.5;

/// One step with `r = g_k - (a - c_k)^T M (a - c_k)` for the choice k (0 without one) and two numbers
/// a, so that `J = sum_k p_k (g_k - tr(M E[(a - c_k) (a - c_k)^T]))`.
#[derive(Debug)]
pub struct QuadraticProblem {
    space: fn() -> Space,
    /// What is seen.
    observation: f32,
    /// `g_k` and `c_k`.
    targets: &'static [(f64, [f64; DIM])],
}

const TARGETS: [(f64, [f64; DIM]); 2] = [(0.0, [0.5, -0.25]), (0.75, [-0.5, 0.25])];

/// Two numbers without bounds.
pub(super) const PLANE: QuadraticProblem = QuadraticProblem {
    space: || Space::uniform_box(DIM, f32::NEG_INFINITY, f32::INFINITY),
    observation: 0.0,
    targets: TARGETS.split_at(1).0,
};

/// The same, seen as an observation that is not 0.
pub(super) const SEEN: QuadraticProblem = QuadraticProblem { observation: 0.75, ..PLANE };

/// Two numbers with bounds.
pub(super) const BOXED: QuadraticProblem =
    QuadraticProblem { space: || Space::uniform_box(DIM, LOW, HIGH), ..PLANE };

/// A choice, and two numbers without bounds.
pub(super) const CHOICE: QuadraticProblem = QuadraticProblem {
    space: || Space::Tuple(vec![Space::Discrete { n: 2 }, (PLANE.space)()]),
    targets: &TARGETS,
    ..PLANE
};

/// Mean and covariance of the numbers.
#[derive(Clone, Copy, Debug)]
struct Moments {
    mean: [f64; DIM],
    covariance: [[f64; DIM]; DIM],
}

impl Moments {
    /// Of independent numbers with these means and variances.
    fn independent(pairs: [[f64; 2]; DIM]) -> Self {
        let [[m, v], [other_m, other_v]] = pairs;
        Self { mean: [m, other_m], covariance: [[v, 0.0], [0.0, other_v]] }
    }

    /// `tr(M E[(a - c) (a - c)^T])`.
    fn cost(&self, target: [f64; DIM]) -> f64 {
        let miss = |i: usize| self.mean[i] - target[i];
        let entry =
            |i: usize, j: usize| CURVATURE[i][j] * (self.covariance[i][j] + miss(i) * miss(j));
        (0..DIM).map(|i| (0..DIM).map(|j| entry(i, j)).sum::<f64>()).sum()
    }
}

/// `r` of an action.
fn reward(problem: &QuadraticProblem, action: Action<'_>) -> f64 {
    let (gain, target) = problem.targets[action.discrete.first().map_or(0, |&k| k as usize)];
    let mean = [0, 1].map(|k| f64::from(action.continuous[k]));
    gain - Moments { mean, covariance: [[0.0; DIM]; DIM] }.cost(target)
}

/// Means and variances of the numbers of a distribution with head outputs `y`: textbook formulas that
/// use nothing of the distribution's own.
fn moments(dist: &AnyDist, y: &[f64]) -> Moments {
    let pair = |k: usize| [y[k], y[DIM + k]];
    let in_box = |[mean, variance]: [f64; 2]| {
        let half = 0.5 * f64::from(HIGH - LOW);
        [f64::from(LOW) + half * (1.0 + mean), half * half * variance]
    };
    match dist {
        AnyDist::Gaussian(_) => {
            Moments::independent([0, 1].map(|k| [y[k], Real::exp(2.0 * y[DIM + k])]))
        }
        AnyDist::FullGaussian(_) => {
            let (a, b, c) = (Real::exp(y[2]), Real::exp(y[3]), y[4]);
            let covariance = [[a * a, a * c], [a * c, c * c + b * b]];
            Moments { mean: [y[0], y[1]], covariance }
        }
        AnyDist::SquashedGaussian(_) => {
            Moments::independent([0, 1].map(|k| in_box(of_squashed(pair(k)))))
        }
        AnyDist::Beta(_) => Moments::independent([0, 1].map(|k| in_box(of_beta(pair(k))))),
        AnyDist::TruncatedNormal(_) => {
            Moments::independent([0, 1].map(|k| in_box(of_truncated(pair(k)))))
        }
        AnyDist::Gsde(_) => {
            let variance = |k: usize| 1e-6 + y[4] * y[4] * Real::exp(2.0 * y[DIM + k]);
            Moments::independent([0, 1].map(|k| [y[k], variance(k)]))
        }
        other => panic!("the moments of {} are not written down", other.name()),
    }
}

/// Mean and variance of a density on `[low, high]` that is known up to a factor, of `value(x)`, by
/// Simpson's rule.
fn integrated(
    [low, high]: [f64; 2],
    density: impl Fn(f64) -> f64,
    value: impl Fn(f64) -> f64,
) -> [f64; 2] {
    const PARTS: u32 = 4000;
    let mut sums = [0.0; 3];
    for node in 0..=PARTS {
        let x = low + (high - low) * f64::from(node) / f64::from(PARTS);
        let weight = match node {
            0 | PARTS => 1.0,
            _ => 2.0 + 2.0 * f64::from(node % 2),
        };
        let (p, v) = (weight * density(x), value(x));
        sums = [sums[0] + p, sums[1] + p * v, sums[2] + p * v * v];
    }
    let mean = sums[1] / sums[0];
    [mean, sums[2] / sums[0] - mean * mean]
}

/// Of `tanh(u)`, `u ~ N(m, exp(2 l))`.
fn of_squashed([m, l]: [f64; 2]) -> [f64; 2] {
    integrated([-9.0, 9.0], |z| Real::exp(-0.5 * z * z), |z| Real::tanh(m + Real::exp(l) * z))
}

/// Of `2 p - 1`, `p ~ Beta(1 + ln(1 + e^y), ...)`.
fn of_beta(y: [f64; 2]) -> [f64; 2] {
    let [a, b] = y.map(|y| 1.0 + Real::ln_1p(Real::exp(y)));
    let sum = a + b;
    [2.0 * a / sum - 1.0, 4.0 * a * b / (sum * sum * (sum + 1.0))]
}

/// Of `N(tanh y, exp(2 l))` cut off at -1 and 1.
fn of_truncated([y, l]: [f64; 2]) -> [f64; 2] {
    let (m, s) = (Real::tanh(y), Real::exp(l));
    let density = |x: f64| Real::exp(-0.5 * ((x - m) / s) * ((x - m) / s));
    integrated([-1.0, 1.0], density, |x| x)
}

impl QuadraticProblem {
    /// `J` of head outputs: the logits of the choice, if there is one, and then those of the numbers.
    fn objective(&self, numbers: &AnyDist, y: &[f64]) -> f64 {
        let (logits, y) = y.split_at(y.len() - numbers.params());
        let moments = moments(numbers, y);
        let total: f64 = logits.iter().map(|x| Real::exp(*x)).sum();
        let p = |k: usize| logits.get(k).map_or(1.0, |x| Real::exp(*x) / total);
        let earned = |(k, (gain, target)): (usize, &(f64, [f64; DIM]))| {
            p(k) * (gain - moments.cost(*target))
        };
        self.targets.iter().enumerate().map(earned).sum()
    }

    /// `dJ/dy` by central differences: off by about 1e-10.
    fn gradient(&self, numbers: &AnyDist, y: &[f64]) -> Vec<f64> {
        const H: f64 = 1e-5;
        let at = |k: usize, h: f64| {
            let mut moved = y.to_vec();
            moved[k] += h;
            self.objective(numbers, &moved)
        };
        (0..y.len()).map(|k| (at(k, H) - at(k, -H)) / (2.0 * H)).collect()
    }

    fn observation_space(&self) -> Space {
        Space::uniform_box(1, self.observation, self.observation)
    }

    /// The agent of a case, and `grad J` at its parameters, `[P]`: the weights are 0, so that the
    /// bias and what is free are the head outputs; the observation is the only feature.
    pub(super) fn agent(&self, case: &Case) -> Result<(Agent<f32>, Vec<f64>), Error> {
        let (observation, action) = (self.observation_space(), (self.space)());
        let mut agent =
            Agent::<f32>::on_spaces(&config(case)?, &observation, &action, Kernel::detect())?;
        let layout = agent.learner.model.layout();
        let places = |name| layout.find(name).into_iter().flat_map(|entry| entry.range());
        let bias_and_free: Vec<usize> =
            places("policy.0.bias").chain(places("policy.log_std")).collect();
        let y = moved(&vec![0.0; bias_and_free.len()], SPREAD, 2);
        let (dist, seen) = (&agent.learner.model.dist, f64::from(self.observation));
        let features = std::iter::repeat_n(seen, dist.head().features);
        let heads: Vec<f64> = y.iter().copied().chain(features).collect();
        let gradient = self.gradient(&numbers(dist), &heads);
        let (mut theta, mut grad) = (vec![0.0; layout.len()], vec![0.0; layout.len()]);
        places("policy.0.weight").zip(&gradient).for_each(|(k, g)| grad[k] = seen * g);
        for (k, place) in bias_and_free.into_iter().enumerate() {
            (theta[place], grad[place]) = (y[k], gradient[k]);
        }
        agent.set_theta(&theta);
        Ok((agent, grad))
    }
}

/// The distribution over the numbers alone.
fn numbers(dist: &AnyDist) -> AnyDist {
    match dist {
        AnyDist::Composite(composite) => composite.last().clone(),
        plain => plain.clone(),
    }
}

/// The problem as an environment; the observation is always the same.
pub(super) struct QuadraticEnv(pub &'static QuadraticProblem);

impl Env for QuadraticEnv {
    fn observation_space(&self) -> Space {
        self.0.observation_space()
    }
    fn action_space(&self) -> Space {
        (self.0.space)()
    }
    fn reset(&mut self, _rng: &mut Stream, obs: &mut [f32]) {
        obs[0] = self.0.observation;
    }
    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        obs[0] = self.0.observation;
        Step { reward: reward(self.0, action), end: End::Terminated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments against known ones: the uniform distribution on [-1, 1] has variance 1/3, Beta(2, 2)
    /// stretched to it 1/5, and a narrow normal distribution is neither cut nor bent.
    #[test]
    fn moments_are_those_of_the_textbook() {
        let close = |[mean, variance]: [f64; 2], want: [f64; 2]| {
            assert!(
                (mean - want[0]).abs() < 1e-9 && (variance - want[1]).abs() < 1e-9,
                "{mean} {variance}"
            );
        };
        close(of_truncated([0.0, 20.0]), [0.0, 1.0 / 3.0]);
        close(of_truncated([0.0, -3.0]), [0.0, Real::exp(-6.0)]);
        let softplus_1 = Real::ln(std::f64::consts::E - 1.0);
        close(of_beta([softplus_1; 2]), [0.0, 0.2]);
        close(of_squashed([40.0, -3.0]), [1.0, 0.0]);
        close(integrated([-9.0, 9.0], |z| Real::exp(-0.5 * z * z), |z| 0.3 + 2.0 * z), [0.3, 4.0]);
    }
}
