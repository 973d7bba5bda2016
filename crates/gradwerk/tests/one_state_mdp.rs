//! The one-state MDP in closed form: `pi(a1) = theta`; `a1` pays 1 and stays, `a2` pays 0 and
//! ends the episode. Every episode is `k` times `a1`, then `a2`, with probability
//! `theta^k (1 - theta)`: mean and variance of an estimator are sums over k, not samples.

use gradwerk::estimate::{
    Baseline, Bias, Discounting, EstimatorConfig, Kind, Scratch, Steps, estimate,
};

/// A batch of episodes with `k` moves each, one environment per episode, padded with rows that
/// are not valid (and hold NaN, so that a use of them would show).
struct Batch {
    t: usize,
    n: usize,
    reward: Vec<f64>,
    discount: Vec<f64>,
    carry: Vec<f64>,
    valid: Vec<bool>,
    time: Vec<u32>,
    gamma: f64,
}

impl Batch {
    fn new(moves: &[usize], gamma: f64) -> Self {
        let (t, n) = (moves.iter().max().unwrap() + 1, moves.len());
        let column = |f: &dyn Fn(usize, usize) -> f64| {
            (0..t * n).map(|row| f(row / n, moves[row % n])).collect()
        };
        let pad = |t: usize, k: usize, x: f64| if t <= k { x } else { f64::NAN };
        Self {
            t,
            n,
            reward: column(&|t, k| pad(t, k, if t < k { 1.0 } else { 0.0 })),
            discount: column(&|t, k| pad(t, k, if t < k { gamma } else { 0.0 })),
            carry: column(&|t, k| pad(t, k, if t < k { 1.0 } else { 0.0 })),
            valid: (0..t * n).map(|row| row / n <= moves[row % n]).collect(),
            time: (0..t * n).map(|row| (row / n) as u32).collect(),
            gamma,
        }
    }

    /// `sum_rows grad log pi(a) A / N`: the gradient estimate, 1 parameter.
    fn gradient(&self, moves: &[usize], theta: f64, config: &EstimatorConfig) -> f64 {
        let zeros = vec![0.0; self.reward.len()];
        let steps = Steps {
            t: self.t,
            n: self.n,
            reward: &self.reward,
            discount: &self.discount,
            carry: &self.carry,
            value: &zeros,
            next_value: &zeros,
            score_square: &[],
            valid: &self.valid,
            time: &self.time,
            gamma: self.gamma,
        };
        let (mut advantage, mut target) = (zeros.clone(), zeros.clone());
        estimate(config, &steps, &mut advantage, &mut target, &mut Scratch::default());
        let score = |t, k| if t < k { 1.0 / theta } else { -1.0 / (1.0 - theta) };
        let rows = (0..self.reward.len()).filter(|&row| self.valid[row]);
        rows.map(|row| score(row / self.n, moves[row % self.n]) * advantage[row]).sum::<f64>()
            / self.n as f64
    }
}

fn config(kind: Kind, baseline: Baseline) -> EstimatorConfig {
    EstimatorConfig { kind, baseline, ..EstimatorConfig::default() }
}

fn with_constant(kind: Kind, b: f64) -> EstimatorConfig {
    EstimatorConfig { baseline_constant: b, ..config(kind, Baseline::Constant) }
}

/// Exact mean and variance of the estimate from one episode. The tail beyond k = 800 weighs
/// less than 0.9^800 800^4 = 1e-25.
fn moments(theta: f64, gamma: f64, config: &EstimatorConfig) -> (f64, f64) {
    let (mut mean, mut square) = (0.0, 0.0);
    for k in 0..800_u16 {
        let probability = libm::pow(theta, f64::from(k)) * (1.0 - theta);
        let moves = [usize::from(k)];
        let g = Batch::new(&moves, gamma).gradient(&moves, theta, config);
        mean += probability * g;
        square += probability * g * g;
    }
    (mean, square - mean * mean)
}

fn assert_relative(what: &str, got: f64, want: f64) {
    assert!((got / want - 1.0).abs() < 1e-10, "{what}: {got} instead of {want}");
}

#[test]
fn mean_and_variance_are_those_of_the_table() {
    for theta in [0.5, 0.7, 0.9] {
        let stop = 1.0 - theta;
        let gradient = 1.0 / (stop * stop);
        let scale = 1.0 / (theta * libm::pow(stop, 4.0));
        let j = theta / stop;
        let best = (1.0 + 2.0 * theta) / stop;
        let table = [
            (config(Kind::TotalReturn, Baseline::None), 1.0 + 8.0 * theta + 4.0 * theta * theta),
            (config(Kind::RewardToGo, Baseline::None), 1.0 + 3.0 * theta + theta * theta),
            (with_constant(Kind::TotalReturn, j), 1.0 + 6.0 * theta + theta * theta),
            (with_constant(Kind::TotalReturn, best), 4.0 * theta),
        ];
        for (config, variance) in table {
            assert_eq!(config.bias(1.0), Bias::Unbiased);
            let got = moments(theta, 1.0, &config);
            assert_relative("mean", got.0, gradient);
            assert_relative("variance", got.1, scale * variance);
        }
    }
}

/// `J = theta / (1 - gamma theta)`, so `grad J = 1 / (1 - gamma theta)^2`: 27.70 at .9 and .9.
/// Reward-to-go from now gives `1 / ((1 - theta) (1 - gamma theta))` = 52.63 instead.
#[test]
fn discounting_from_start_is_the_true_gradient() {
    let (theta, gamma) = (0.9, 0.9);
    let from_now = config(Kind::RewardToGo, Baseline::None);
    let from_start = EstimatorConfig { discounting: Discounting::FromStart, ..from_now.clone() };
    assert_relative("from now", moments(theta, gamma, &from_now).0, 1.0 / (0.1 * 0.19));
    assert!(matches!(from_now.bias(gamma), Bias::Biased(_)));
    for unbiased in [from_start, config(Kind::TotalReturn, Baseline::None)] {
        assert_eq!(unbiased.bias(gamma), Bias::Unbiased);
        assert_relative("from start", moments(theta, gamma, &unbiased).0, 1.0 / (0.19 * 0.19));
    }
}

/// Exact mean of the estimate from N = 2 or 3 independent episodes, of at most 60 moves each
/// (0.4^60 = 1e-24).
fn batch_mean(episodes: usize, theta: f64, config: &EstimatorConfig) -> f64 {
    let longest = if episodes == 2 { 60 } else { 36 };
    let mut mean = 0.0;
    let mut moves = vec![0; episodes];
    loop {
        let total: usize = moves.iter().sum();
        let probability = libm::pow(theta, total as f64) * libm::pow(1.0 - theta, episodes as f64);
        mean += probability * Batch::new(&moves, 1.0).gradient(&moves, theta, config);
        // Count up in base `longest`.
        let Some(digit) = moves.iter().position(|&k| k + 1 < longest) else { return mean };
        moves[..digit].fill(0);
        moves[digit] += 1;
    }
}

#[test]
fn batch_mean_shrinks_the_gradient_by_its_own_share() {
    let theta = 0.4;
    let gradient = 1.0 / (0.6 * 0.6);
    let biased = config(Kind::TotalReturn, Baseline::BatchMean);
    assert!(matches!(biased.bias(1.0), Bias::Predicted(_)));
    assert_relative("N = 2", batch_mean(2, theta, &biased), gradient * (1.0 - 1.0 / 2.0));
    assert_relative("N = 3", batch_mean(3, theta, &biased), gradient * (1.0 - 1.0 / 3.0));
}

/// Leave-one-out and the time-step baseline exclude the sample itself.
#[test]
fn baselines_from_other_episodes_are_unbiased() {
    let theta = 0.4;
    for kind in [Kind::TotalReturn, Kind::RewardToGo] {
        for baseline in [Baseline::LeaveOneOut, Baseline::TimeStep] {
            let config = config(kind, baseline);
            assert_eq!(config.bias(1.0), Bias::Unbiased);
            assert_relative("N = 2", batch_mean(2, theta, &config), 1.0 / (0.6 * 0.6));
            assert_relative("N = 3", batch_mean(3, theta, &config), 1.0 / (0.6 * 0.6));
        }
    }
}
