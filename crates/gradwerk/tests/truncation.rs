//! Truncation, end to end: what the collector records at a time limit and what the estimator
//! makes of it must teach the true values, and every known mistake must be seen.
//!
//! `probe/truncation-chain`: `s' = min(s + 1, 3)`, reward 1 only for steps taken in s = 3, uniform
//! start, cut every 3 steps. With gamma = 0.9: `V(3) = 1 / (1 - 0.9) = 10`, then times 0.9 per
//! state: 9, 8.1, 7.29. The value function is a table that the test holds: as the weights of a
//! linear network over one-hot observations, so that the production collector evaluates it.

use gradwerk::algo::AlgoConfig;
use gradwerk::collect::{Context, Plan, Shard};
use gradwerk::config::Config;
use gradwerk::estimate::{EstimatorConfig, Scratch, Steps, estimate};
use gradwerk::model::{Model, Weights};
use gradwerk::normalize::ObsMap;
use gradwerk::rollout::Rollout;
use gradwerk::schedule::Schedule;
use gradwerk::{Runtime, Trainer};
use gradwerk_env::{End, EpisodeKeys};
use gradwerk_math::{Buffer, Kernel, Pool};
use gradwerk_nn::NetworkConfig;

const ENV: &str = "probe/truncation-chain";
const GAMMA: f32 = 0.9;
const TRUE_VALUE: [f64; 4] = [7.29, 8.1, 9.0, 10.0];
/// Steps per rollout: eight episodes of three steps.
const T: usize = 24;
const N: usize = 256;

fn config(lambda: f64) -> Config {
    let mut config = Config { gamma: f64::from(GAMMA), seed: 4, ..Config::default() };
    config.env.id = ENV.into();
    config.network = NetworkConfig::named("linear").unwrap();
    config.estimator = EstimatorConfig { lambda, ..EstimatorConfig::default() };
    config
}

/// What is done to a rollout before it is used.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Bootstrap with `V(s_t)`.
    SameObservation,
    /// Bootstrap with the value of the observation after the reset.
    ResetObservation,
    /// Nothing follows.
    Terminated,
    /// The lambda-sum goes on into the next episode.
    Leak,
    /// The truncated step is thrown away.
    Dropped,
}

/// The production collector around a table of values.
struct Harness {
    config: Config,
    model: Model<f32>,
    weights: Weights<f32>,
    shard: Shard,
}

/// Advantages, targets, and the number of transitions used.
struct Estimates {
    advantage: Vec<f32>,
    target: Vec<f32>,
    used: usize,
}

impl Harness {
    fn new(lambda: f64) -> Self {
        let config = config(lambda);
        let env = gradwerk_env::find(ENV).unwrap();
        let model: Model<f32> =
            Model::build(&config, &env.observation_space(), &env.action_space()).unwrap();
        let weights = Weights::new(&model, Buffer::zeros(model.layout().len()), Kernel::Portable);
        let settings = config.env_settings(env.default_time_limit());
        let batch = env.make(config.seed, EpisodeKeys::Training { first: 0 }, N, &settings);
        let shard = Shard::new(0, batch, &model, Plan::Steps(T), (Kernel::Portable, 1));
        Self { config, model, weights, shard }
    }

    /// Roll out with these values, inject the fault, estimate.
    fn estimates(&mut self, v: &[f64; 4], fault: Fault) -> Estimates {
        self.collect(v);
        let reset_value = self.values_after_resets();
        let mut r = self.shard.rollout.clone();
        let (mut discount, mut carry) = (Vec::new(), Vec::new());
        inject(fault, &mut r, &reset_value);
        r.end_factors(GAMMA, &mut discount, &mut carry);
        if fault == Fault::Leak {
            carry.fill(1.0);
        }
        let steps = Steps {
            t: r.t,
            n: r.n,
            reward: &r.reward,
            discount: &discount,
            carry: &carry,
            value: &r.value,
            next_value: &r.next_value,
            score_square: &[],
            valid: &r.valid,
            time: &r.time,
            gamma: GAMMA,
        };
        let mut advantage = vec![f32::NAN; r.rows()];
        let mut target = vec![f32::NAN; r.rows()];
        let config = &self.config.estimator;
        estimate(config, &steps, &mut advantage, &mut target, &mut Scratch::default());
        Estimates { advantage, target, used: r.valid.iter().filter(|valid| **valid).count() }
    }

    fn collect(&mut self, v: &[f64; 4]) {
        let place = self.model.layout().find("value.0.weight").unwrap().range();
        for (w, &v) in self.weights.theta[place].iter_mut().zip(v) {
            *w = v as f32;
        }
        self.weights.pack(&self.model, Kernel::Portable);
        let obs_map = ObsMap::new(4, None, self.config.normalize.clip);
        let ctx = Context {
            model: &self.model,
            weights: &self.weights,
            obs_map: &obs_map,
            value_map: (0.0, 1.0),
            seed: self.config.seed,
            plan: Plan::Steps(T),
            pool: &Pool::new(1),
        };
        self.shard.collect(&ctx);
        assert!(self.shard.error.is_none());
    }

    /// `V` of the observation in the next row, which after an end is that of the reset. What
    /// follows the last row is not in the rollout: it takes the first row's, another start.
    fn values_after_resets(&self) -> Vec<f32> {
        let value = &self.shard.rollout.value;
        value[N..].iter().chain(&value[..N]).copied().collect()
    }

    fn state(&self, row: usize) -> usize {
        let obs = &self.shard.rollout.obs[row * 4..(row + 1) * 4];
        obs.iter().position(|&x| x == 1.0).expect("a one-hot observation")
    }

    /// V moved to the mean target of each state until it stays.
    fn learned(&mut self, fault: Fault) -> [f64; 4] {
        let mut v = [0.0; 4];
        for _ in 0..150 {
            let estimates = self.estimates(&v, fault);
            let (mut sum, mut count) = ([0.0; 4], [0.0; 4]);
            for row in (0..T * N).filter(|&row| fault != Fault::Dropped || row / N % 3 != 2) {
                sum[self.state(row)] += f64::from(estimates.target[row]);
                count[self.state(row)] += 1.0;
            }
            v = std::array::from_fn(|s| sum[s] / count[s]);
        }
        v
    }
}

fn inject(fault: Fault, r: &mut Rollout<f32>, reset_value: &[f32]) {
    for row in (0..r.rows()).filter(|&row| r.end[row] == End::Truncated).collect::<Vec<_>>() {
        match fault {
            Fault::SameObservation => r.next_value[row] = r.value[row],
            Fault::ResetObservation => r.next_value[row] = reset_value[row],
            Fault::Terminated => r.end[row] = End::Terminated,
            Fault::Dropped => r.valid[row] = false,
            Fault::None | Fault::Leak => {}
        }
    }
}

fn within_1_percent(v: &[f64; 4]) -> bool {
    v.iter().zip(TRUE_VALUE).all(|(v, want)| (v - want).abs() < 0.01 * want)
}

#[test]
fn every_third_step_is_truncated_and_counts() {
    let mut harness = Harness::new(1.0);
    harness.collect(&TRUE_VALUE);
    let r = &harness.shard.rollout;
    for row in 0..T * N {
        let cut = row / N % 3 == 2;
        assert_eq!(r.end[row], if cut { End::Truncated } else { End::Continue });
        assert_eq!(r.time[row] as usize, row / N % 3);
        assert!(r.valid[row]);
        // The final observation follows the dynamics, whatever comes after the reset.
        let next = (harness.state(row) + 1).min(3);
        assert_eq!(f64::from(r.next_value[row]), f64::from(TRUE_VALUE[next] as f32), "row {row}");
    }
}

#[test]
fn the_true_values_are_learned_whatever_lambda() {
    for lambda in [0.0, 0.95, 1.0] {
        let v = Harness::new(lambda).learned(Fault::None);
        assert!(within_1_percent(&v), "lambda {lambda}: {v:?}");
    }
}

/// The wrong answers to V(0) of one-step learning are published with the problem. They suppose
/// starts that are exactly uniform; 2048 random ones leave a per cent.
#[test]
fn wrong_bootstraps_are_not_mistaken_for_the_truth() {
    for (fault, known) in
        [(Fault::SameObservation, 6.94), (Fault::ResetObservation, 3.83), (Fault::Terminated, 0.88)]
    {
        let v = Harness::new(0.0).learned(fault);
        assert!(!within_1_percent(&v), "{fault:?}: {v:?}");
        assert!((v[0] - known).abs() < 0.02 * known, "{fault:?}: {v:?}, known {known}");
    }
}

/// With V = 0 and lambda = 1 the advantage is the discounted reward up to the cut and not beyond:
/// the rewards of the `k` steps that are left, if taken in s = 3.
#[test]
fn advantages_end_where_the_episode_ends() {
    let mut harness = Harness::new(1.0);
    let right = harness.estimates(&[0.0; 4], Fault::None).advantage;
    for (row, &advantage) in right.iter().enumerate() {
        let state = harness.state(row);
        let left = 3 - row / N % 3;
        // 1, 0.9, 0.9^2
        let reward = |k: usize| if state + k >= 3 { [1.0, 0.9, 0.81][k] } else { 0.0 };
        let exact: f32 = (0..left).map(reward).sum();
        assert!((advantage - exact).abs() < 1e-6, "row {row}: {advantage}, not {exact}");
    }
    let leaked = Harness::new(1.0).estimates(&[0.0; 4], Fault::Leak).advantage;
    let last_row_of_first_episode = 2 * N..3 * N;
    let differ = last_row_of_first_episode.filter(|&row| leaked[row] - right[row] > 0.5);
    // At least the episodes after which a start in 3 pays at once, a quarter of them.
    assert!(differ.count() > N / 5);
}

#[test]
fn a_dropped_step_is_missed_in_the_count() {
    let used = |fault| Harness::new(0.95).estimates(&TRUE_VALUE, fault).used;
    assert_eq!(used(Fault::None), T * N);
    assert_eq!(used(Fault::Dropped), T * N * 2 / 3);
    let mut trainer = Trainer::new(&config(0.95), Runtime::default()).unwrap();
    trainer.update().unwrap();
    let rows = trainer.config().env.num_envs * trainer.config().rollout.steps;
    assert_eq!(trainer.counters().steps, rows as u64);
}

/// The whole product: PPO with linear functions of the one-hot observation.
#[test]
fn ppo_learns_the_true_values() {
    let mut config = config(0.95);
    config.steps = 120_000;
    config.env.num_envs = 16;
    config.rollout.steps = 24;
    config.lr = Schedule::linear(0.05, 0.0);
    if let AlgoConfig::Ppo(ppo) = &mut config.algo {
        ppo.minibatch = 96;
    }
    let mut trainer = Trainer::new(&config, Runtime { threads: 2, ..Runtime::default() }).unwrap();
    while !trainer.finished() {
        trainer.update().unwrap();
    }
    let one_hots: Vec<f32> = (0..16).map(|k| f32::from(u8::from(k % 5 == 0))).collect();
    let values = trainer.policy().values(&one_hots).expect("a critic");
    let v: [f64; 4] = std::array::from_fn(|s| f64::from(values[s]));
    assert!(within_1_percent(&v), "{v:?}");
}

/// Whole episodes where the skipped frames do not divide the limit: of 3 inner steps, 2 per
/// action, the second action has one; with 5 per action there is a single action.
#[test]
fn whole_episodes_with_a_limit_that_frames_do_not_divide() {
    for (frame_skip, actions) in [(1, 3), (2, 2), (5, 1)] {
        let mut config = config(0.95);
        config.env.frame_skip = frame_skip;
        config.env.num_envs = 4;
        config.rollout.episodes = 12;
        if let AlgoConfig::Ppo(ppo) = &mut config.algo {
            ppo.minibatch = 5;
        }
        let mut trainer = Trainer::new(&config, Runtime::default()).unwrap();
        for update in 1..=3 {
            let report = trainer.update().unwrap();
            assert_eq!(report.counters.episodes, 12 * update);
            assert_eq!(report.counters.steps, 12 * update * actions);
            assert_eq!(report.mean_length, Some(actions as f64));
        }
    }
}
