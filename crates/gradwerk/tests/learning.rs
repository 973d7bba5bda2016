//! Every algorithm learns: CartPole-v1 to a mean return of 300 within a stated number of steps.
//!
//! Runs are reproducible bit by bit per kernel, so these are not statistical claims; the settings
//! leave room, so that another kernel's bits pass as well.

use gradwerk::algo::AlgoConfig;
use gradwerk::config::Config;
use gradwerk::estimate::{Baseline, EstimatorConfig, Kind, Normalize};
use gradwerk::schedule::Schedule;
use gradwerk::{Runtime, Trainer};
use gradwerk_nn::{MlpConfig, NetworkConfig, OptimizerConfig};

fn config(algo: &str) -> Config {
    let mut config = Config { gamma: 0.98, ..Config::default() };
    config.algo = AlgoConfig::by_name(algo).unwrap();
    config.network = NetworkConfig::Mlp(MlpConfig { hidden: vec![32], ..MlpConfig::default() });
    config
}

fn reinforce() -> Config {
    let mut config = config("reinforce");
    config.lr = Schedule::constant(1e-2);
    config.rollout.episodes = 16;
    config.estimator = EstimatorConfig {
        kind: Kind::RewardToGo,
        baseline: Baseline::TimeStep,
        normalize: Normalize::Batch,
        ..EstimatorConfig::default()
    };
    config
}

fn a2c() -> Config {
    let mut config = config("a2c");
    config.lr = Schedule::constant(5e-3);
    config.env.num_envs = 16;
    config.rollout.steps = 8;
    config.estimator.lambda = 1.0;
    config.optimizer = OptimizerConfig::named("rmsprop").unwrap();
    config.estimator.normalize = Normalize::Batch;
    config
}

fn ppo() -> Config {
    let mut config = config("ppo");
    config.lr = Schedule::constant(2e-3);
    config.rollout.steps = 64;
    config.estimator.normalize = Normalize::Minibatch;
    config
}

/// Steps after which the mean return of the last 100 episodes first was 300.
fn steps_to_300(mut config: Config, seed: u64, limit: u64) -> Option<u64> {
    (config.seed, config.steps) = (seed, limit);
    let runtime = Runtime { threads: 1, ..Runtime::default() };
    let mut trainer = Trainer::new(&config, runtime).unwrap();
    while !trainer.finished() {
        let report = trainer.update().unwrap();
        if report.window_full && report.mean_return.is_some_and(|mean| mean >= 300.0) {
            return Some(report.counters.steps);
        }
    }
    None
}

/// Seeds 1 to 8 need from 61,064 to 70,516 steps.
#[test]
fn reinforce_learns() {
    learns(&reinforce(), 120_000);
}

/// Seeds 1 to 6 need from 70,400 to 114,560 steps.
#[test]
fn a2c_learns() {
    learns(&a2c(), 200_000);
}

/// Seeds 1 to 8 need from 44,032 to 98,304 steps.
#[test]
fn ppo_learns() {
    learns(&ppo(), 160_000);
}

fn learns(config: &Config, limit: u64) {
    for seed in 1..=3 {
        let steps = steps_to_300(config.clone(), seed, limit);
        assert!(steps.is_some(), "seed {seed}: not within {limit} steps");
    }
}
