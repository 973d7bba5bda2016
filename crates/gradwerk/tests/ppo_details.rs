//! Details of PPO's update that a reader would ask about.

use gradwerk::algo::{AlgoConfig, ppo::PpoSettings};
use gradwerk::config::Config;
use gradwerk::estimate::Normalize;
use gradwerk::schedule::Schedule;
use gradwerk::{Report, Runtime, Trainer};

/// Batches of 4 x 32 = 128 transitions.
fn config(ppo: PpoSettings) -> Config {
    let mut config = Config { seed: 2, steps: 1_000, ..Config::default() };
    config.env.num_envs = 4;
    config.rollout.steps = 32;
    config.estimator.normalize = Normalize::Minibatch;
    config.algo = AlgoConfig::Ppo(ppo);
    config
}

fn reports(config: &Config) -> Vec<Report> {
    let mut trainer = Trainer::new(config, Runtime { threads: 1, ..Runtime::default() }).unwrap();
    let mut reports = Vec::new();
    while !trainer.finished() {
        reports.push(trainer.update().unwrap());
    }
    reports
}

/// Before the first gradient step the policy is the one that acted and the value the one
/// recorded, also where targets are normalised by moments that move.
#[test]
fn nothing_is_clipped_before_the_first_step() {
    for value_targets in [false, true] {
        let one_step =
            PpoSettings { epochs: 1, minibatch: 128, value_clip: 0.01, ..PpoSettings::default() };
        let mut config = config(one_step);
        config.normalize.value_targets = value_targets;
        config.normalize.observations = true;
        config.normalize.rewards = true;
        for (k, report) in reports(&config).iter().enumerate() {
            let sums = report.stats.sums;
            assert_eq!((sums.policy.clipped, sums.value.clipped), (0, 0), "update {k}");
            // Rollout and update compute the same bits.
            assert_eq!(sums.policy.ratio, 128.0, "update {k}");
            assert_eq!(sums.policy.approx_kl, 0.0, "update {k}");
        }
    }
}

/// 127 = 128 - 1: the remainder is a minibatch of one row, whose normalised advantage is 0, not
/// 0/0. Every row is used once per epoch.
#[test]
fn a_remainder_of_one_row_is_used_and_finite() {
    let ppo = PpoSettings { epochs: 2, minibatch: 127, ..PpoSettings::default() };
    for report in reports(&config(ppo)) {
        assert_eq!(report.stats.sums.policy.rows, 128);
        assert!(report.stats.sums.policy.loss.is_finite() && report.stats.grad_norm.is_finite());
    }
}

/// The mean divergence of an epoch, each minibatch before its own step, is compared after the
/// epoch. In the first epoch of a single minibatch it is 0, so that two epochs are made at least.
#[test]
fn early_stopping_looks_at_each_epoch() {
    let ppo = |max_kl, minibatch| {
        let defaults = PpoSettings { epochs: 10, ..PpoSettings::default() };
        let mut config = config(PpoSettings { max_kl, minibatch, ..defaults });
        config.lr = Schedule::constant(3e-2);
        reports(&config)[0].stats
    };
    let free = ppo(0.0, 128);
    assert_eq!(free.epochs, 10);
    let stopped = ppo(1e-6, 128);
    assert_eq!(stopped.epochs, 2);
    assert!(stopped.sums.approx_kl() > 1e-6);
    assert_eq!(ppo(1e-6, 32).epochs, 1);
}

/// Progress is the share done before the rollout: 0 at the first of 8 updates, 7/8 at the last,
/// so that no update has the learning rate 0 of the end.
#[test]
fn schedules_start_at_their_start_and_stop_one_update_short_of_their_end() {
    let mut config = config(PpoSettings { minibatch: 128, ..PpoSettings::default() });
    config.steps = 8 * 128;
    config.lr = Schedule::linear(0.8, 0.0);
    config.max_grad_norm = 1e-9;
    let rates: Vec<f64> = reports(&config).iter().map(|report| report.stats.lr).collect();
    let expected = [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];
    assert_eq!(rates.len(), 8);
    assert!(rates.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{rates:?}");
}
