//! Batches that are used again: what they add, when they are refused, what cannot be set.

use gradwerk::algo::AlgoConfig;
use gradwerk::algo::off_policy_pg::{LowEss, OffPolicySettings};
use gradwerk::algo::reinforce::ReinforceSettings;
use gradwerk::estimate::{Form, Kind, Weighting};
use gradwerk::schedule::Schedule;
use gradwerk::{Config, Runtime, Trainer};

fn config(settings: OffPolicySettings) -> Config {
    let mut config = Config::preset("CartPole-v1", "off_policy_pg").unwrap();
    config.env.num_envs = 4;
    config.rollout.episodes = 8;
    config.algo = AlgoConfig::OffPolicyPg(settings);
    config
}

fn trainer(config: &Config) -> Trainer {
    Trainer::new(config, Runtime { threads: 1, ..Runtime::default() }).unwrap()
}

/// The ratios of a batch that was just collected are exactly 1, whatever the form: without
/// stored batches every bit is that of reinforce.
#[test]
fn without_stored_batches_it_is_reinforce() {
    let mut plain = config(OffPolicySettings::default());
    plain.algo = AlgoConfig::Reinforce(ReinforceSettings::default());
    let mut reinforce = trainer(&plain);
    for _ in 0..3 {
        reinforce.update().unwrap();
    }
    for form in [Form::Trajectory, Form::PerDecision, Form::FirstOrder] {
        let settings = OffPolicySettings { batches: 1, form, ..OffPolicySettings::default() };
        let mut off_policy = trainer(&config(settings));
        for _ in 0..3 {
            let report = off_policy.update().unwrap();
            assert_eq!(report.stats.ess, Some(1.0), "{form:?}");
        }
        assert_eq!(off_policy.params_sha256(), reinforce.params_sha256(), "{form:?}");
    }
}

#[test]
fn stored_batches_enter_the_gradient() {
    let settings = OffPolicySettings { batches: 3, min_ess: 0.0, ..OffPolicySettings::default() };
    let mut trainer = trainer(&config(settings));
    let mut lengths = vec![];
    let mut before = 0;
    for _ in 0..5 {
        let report = trainer.update().unwrap();
        lengths.push(report.counters.steps - before);
        before = report.counters.steps;
        let kept: u64 = lengths.iter().rev().take(3).sum();
        assert_eq!(report.stats.sums.policy.rows, kept);
        let ess = report.stats.ess.unwrap();
        assert!(ess > 0.0 && ess <= 1.0, "{ess}");
    }
}

/// With a share of 1 demanded, every batch is too poor as soon as the policy has moved.
#[test]
fn poor_batches_are_refused_or_dropped() {
    let settings = |low_ess| OffPolicySettings { min_ess: 1.0, low_ess, ..Default::default() };
    let mut config = config(settings(LowEss::Refuse));
    config.lr = Schedule::constant(0.01);
    let mut refusing = trainer(&config);
    refusing.update().unwrap();
    let error = refusing.update().unwrap_err().to_string();
    let want = "the effective sample size of the batch stored 1 updates ago is ";
    assert!(error.starts_with(want) && error.contains("below algo.min_ess = 1"), "{error}");

    config.algo = AlgoConfig::OffPolicyPg(settings(LowEss::Drop));
    let mut dropping = trainer(&config);
    let first = dropping.update().unwrap();
    assert_eq!(first.stats.batches_dropped, Some(0));
    let second = dropping.update().unwrap();
    assert_eq!(second.stats.batches_dropped, Some(1));
    let newest = second.counters.steps - first.counters.steps;
    assert_eq!(second.stats.sums.policy.rows, newest);
}

#[test]
fn impossible_settings_are_named() {
    let error = |spoil: &dyn Fn(&mut Config, &mut OffPolicySettings)| {
        let mut settings = OffPolicySettings::default();
        let mut config = config(settings.clone());
        spoil(&mut config, &mut settings);
        config.algo = AlgoConfig::OffPolicyPg(settings);
        config.validate().unwrap_err().to_string()
    };
    assert!(error(&|_, s| s.batches = 0).starts_with("algo.batches = 0"));
    assert!(error(&|_, s| s.min_ess = f64::NAN).starts_with("algo.min_ess = NaN"));
    assert!(error(&|_, s| s.clip = 0.0).starts_with("algo.clip = 0"));
    let text = error(&|c, _| c.normalize.observations = true);
    assert!(text.starts_with("normalize.observations = true: must be false"), "{text}");
    let text = error(&|c, s| (c.estimator.kind, s.form) = (Kind::TotalReturn, Form::PerDecision));
    assert!(text.contains("per-decision") && text.contains("reward-to-go"), "{text}");
    let text = error(&|c, s| {
        (c.estimator.kind, s.weights) = (Kind::VTrace, Weighting::Clipped);
        c.estimator.baseline = gradwerk::estimate::Baseline::Value;
    });
    assert!(text.contains("v-trace") && text.contains("ordinary"), "{text}");
}
