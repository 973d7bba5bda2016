//! Every choice of estimator, baseline, normalisation and discounting with every algorithm: what
//! the check allows trains, what it refuses is refused with field, value and choices.

use gradwerk::algo::{ALGORITHMS, AlgoConfig};
use gradwerk::config::Config;
use gradwerk::estimate::{
    BASELINES, Baseline, Discounting, ESTIMATORS, EstimatorConfig, Kind, Normalize,
};
use gradwerk::{Runtime, Trainer};
use gradwerk_nn::{MlpConfig, NetworkConfig};

/// Every combination of the four choices.
fn combinations() -> Vec<EstimatorConfig> {
    let mut all = Vec::new();
    for kind in ESTIMATORS.iter().map(|e| e.kind) {
        for baseline in BASELINES.iter().map(|e| e.baseline) {
            for normalize in [Normalize::None, Normalize::Batch, Normalize::Minibatch] {
                for discounting in [Discounting::FromNow, Discounting::FromStart] {
                    let defaults = EstimatorConfig::default();
                    all.push(EstimatorConfig {
                        kind,
                        baseline,
                        normalize,
                        discounting,
                        ..defaults
                    });
                }
            }
        }
    }
    all
}

fn config(algo: &str, estimator: EstimatorConfig, whole_episodes: bool) -> Config {
    let mut config = Config { seed: 3, steps: 2_000, ..Config::default() };
    config.env.num_envs = 4;
    config.env.time_limit = Some(20);
    config.rollout.steps = 30;
    config.rollout.episodes = if whole_episodes { 8 } else { 0 };
    config.network = NetworkConfig::Mlp(MlpConfig { hidden: vec![8], ..MlpConfig::default() });
    config.algo = AlgoConfig::by_name(algo).unwrap();
    if let AlgoConfig::Ppo(ppo) = &mut config.algo {
        ppo.minibatch = 50;
    }
    config.estimator = EstimatorConfig { baseline_constant: 4.0, ..estimator };
    config
}

/// Whether the combination is possible, said independently of the production check.
fn possible(algo: &str, e: &EstimatorConfig, whole_episodes: bool) -> bool {
    let contains_value = matches!(e.kind, Kind::Gae | Kind::VTrace);
    let critic = contains_value || e.kind == Kind::NStep || e.baseline == Baseline::Value;
    let baseline_fits = !contains_value || e.baseline == Baseline::Value;
    // V-trace clips its ratios itself; the weights of off_policy_pg are clipped as they come.
    let ratios_fit = e.kind != Kind::VTrace || algo != "off_policy_pg";
    let ends_known = match e.kind {
        Kind::TotalReturn => whole_episodes,
        _ => whole_episodes || critic,
    };
    // Every parameter can have its own baseline where the gradient is that of log pi A, and
    // importance weights change which one is best.
    let scores_fit = match e.baseline {
        Baseline::Optimal => algo != "off_policy_pg",
        Baseline::OptimalPerParameter => matches!(algo, "reinforce" | "a2c"),
        _ => true,
    };
    baseline_fits && ratios_fit && ends_known && scores_fit && (algo != "a2c" || critic)
}

fn three_updates(config: &Config) -> Result<String, String> {
    let runtime = Runtime { threads: 1, ..Runtime::default() };
    let mut trainer = Trainer::new(config, runtime).map_err(|e| e.to_string())?;
    let start = trainer.params_sha256();
    for _ in 0..3 {
        let report = trainer.update().unwrap_or_else(|e| panic!("{:?}: {e}", config.estimator));
        assert!(report.stats.grad_norm > 0.0 && report.stats.grad_norm.is_finite());
    }
    assert_ne!(trainer.params_sha256(), start);
    Ok(trainer.params_sha256())
}

/// The algorithms that weigh actions by what an estimator makes of a rollout.
fn estimating() -> impl Iterator<Item = &'static str> {
    ALGORITHMS.iter().map(|a| a.name).filter(|name| {
        let config = AlgoConfig::by_name(name).expect("it is in the list");
        config.settings().data().is_none()
    })
}

#[test]
fn every_possible_combination_trains_and_no_other() {
    let (mut trained, mut refused) = (0, 0);
    for algo in estimating() {
        for whole_episodes in [true, false] {
            for estimator in combinations() {
                let place = format!("{algo}, whole episodes {whole_episodes}, {estimator:?}");
                let possible = possible(algo, &estimator, whole_episodes);
                match three_updates(&config(algo, estimator, whole_episodes)) {
                    Ok(_) => {
                        assert!(possible, "{place}: trained");
                        trained += 1;
                    }
                    Err(error) => {
                        assert!(!possible, "{place}: {error}");
                        let named = [
                            "estimator.kind = \"",
                            "estimator.baseline = \"",
                            "algo.kind = ",
                            "algo.form = ",
                        ];
                        assert!(named.iter().any(|n| error.starts_with(n)), "{error}");
                        let choices = error.contains("expected ") || error.contains("choose ");
                        assert!(choices, "{error}");
                        refused += 1;
                    }
                }
            }
        }
    }
    // Algorithms x 2 ways to collect x 5 estimators x 8 baselines x 3 x 2.
    assert_eq!(trained + refused, ALGORITHMS.len() * 2 * 5 * 8 * 3 * 2);
    assert!(trained > 300, "{trained} trained");
}

/// A choice that is read changes the result; one that makes no difference was forgotten.
#[test]
fn every_choice_makes_a_difference() {
    let base = EstimatorConfig { kind: Kind::RewardToGo, ..EstimatorConfig::default() };
    let of = |e: EstimatorConfig| three_updates(&config("reinforce", e, true)).unwrap();
    let mut hashes: Vec<String> = Vec::new();
    for baseline in BASELINES.iter().map(|e| e.baseline) {
        hashes.push(of(EstimatorConfig { baseline, ..base.clone() }));
    }
    for kind in [Kind::Gae, Kind::TotalReturn, Kind::NStep, Kind::VTrace] {
        hashes.push(of(EstimatorConfig { kind, ..base.clone() }));
    }
    hashes.push(of(EstimatorConfig { discounting: Discounting::FromStart, ..base.clone() }));
    hashes.push(of(EstimatorConfig { normalize: Normalize::Batch, ..base }));
    let count = hashes.len();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), count, "two choices gave the same parameters");
}

fn refusal(kind: Kind, baseline: Baseline, whole_episodes: bool) -> String {
    let estimator = EstimatorConfig { kind, baseline, ..EstimatorConfig::default() };
    let config = config("reinforce", estimator, whole_episodes);
    let error = Trainer::new(&config, Runtime::default()).err().expect("a refusal");
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn refusals_say_what_to_set() {
    assert_eq!(
        refusal(Kind::RewardToGo, Baseline::None, false),
        "estimator.kind = \"reward-to-go\": without a value function it needs whole episodes; \
         expected rollout.episodes above 0, or estimator.baseline = \"value\", or one of gae, n-step, \
         v-trace"
    );
    assert_eq!(
        refusal(Kind::TotalReturn, Baseline::Value, false),
        "estimator.kind = \"total-return\": it needs whole episodes; expected rollout.episodes \
         above 0, or one of gae, reward-to-go, n-step, v-trace"
    );
    assert_eq!(
        refusal(Kind::Gae, Baseline::TimeStep, true),
        "estimator.baseline = \"time-step\": gae subtracts the value itself; expected one of value"
    );
    let error = |algo: &str| {
        let baseline = Baseline::OptimalPerParameter;
        let estimator =
            EstimatorConfig { kind: Kind::RewardToGo, baseline, ..EstimatorConfig::default() };
        Trainer::new(&config(algo, estimator, true), Runtime::default()).err().unwrap().to_string()
    };
    assert_eq!(
        error("ppo"),
        "estimator.baseline = \"optimal-per-parameter\": it is subtracted from the gradient of \
         log pi A over whole batches, which only reinforce and a2c follow; expected one of none, \
         constant, batch-mean, leave-one-out, time-step, value, optimal"
    );
    assert_eq!(
        error("off_policy_pg"),
        "estimator.baseline = \"optimal-per-parameter\": importance weights change which baseline \
         is optimal; expected one of none, constant, batch-mean, leave-one-out, time-step, value"
    );
}
