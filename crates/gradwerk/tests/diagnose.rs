//! Measurements of the gradient's quality: right where the truth is known, and without any
//! influence on what is learned.

mod recorded;

use gradwerk::algo::ALGORITHMS;
use gradwerk::diagnose::{BaselineQuality, BaselineSums, NoiseSums};
use gradwerk::estimate::{BASELINES, Kind, Normalize};
use gradwerk::{Config, Runtime, Trainer};

/// All outcomes of five independent rows `g = 1 + (+-2)`, in chunks of 1 and 4 rows: on average
/// the noise is exactly `Var = 4` and the signal exactly `1`, though the chunks are unequal.
#[test]
fn signal_and_noise_are_unbiased() {
    let mut all = NoiseSums::default();
    for outcome in 0..32_u32 {
        let g = |i: u32| if outcome >> i & 1 == 1 { 3.0 } else { -1.0 };
        let parts = [g(0), (1..5).map(g).sum::<f64>()].map(|sum| sum / 5.0);
        let whole = parts[0] + parts[1];
        let rows = [1, 4].into_iter().zip(parts.map(|c| c * c));
        all.add(rows, whole * whole, 0.0);
    }
    let quality = all.quality().unwrap();
    // Signal 1, noise of the mean 4/5.
    assert!((quality.snr - 1.0 / 0.8).abs() < 1e-12, "{quality:?}");
    assert!((quality.noise_scale.unwrap() - 4.0).abs() < 1e-12, "{quality:?}");
}

#[test]
fn noise_that_hides_the_gradient_gives_no_advice() {
    let mut sums = NoiseSums::default();
    // Rows (1, 0) and (0, 1): G = (1/2, 1/2), tr Cov = 1/2 + 1/2, |G|^2 - 1/2 = 0.
    sums.add([(1, 0.25), (1, 0.25)].into_iter(), 0.5, 0.0);
    let quality = sums.quality().unwrap();
    assert_eq!((quality.snr, quality.noise_scale), (0.0, None));
    // One chunk says nothing about noise.
    let mut single = NoiseSums::default();
    single.add([(64, 1.0)].into_iter(), 1.0, 0.0);
    assert_eq!(single.quality(), None);
}

#[test]
fn what_a_baseline_removes() {
    // s^2 = 1, 3; Q = 2, 4: E s^2 Q^2 = 4 + 48 = 52, b* = (2 + 12) / 4 = 3.5,
    // left with b = 3: 1 + 3 = 4; with b*: 2.25 + 3/4 = 3.
    let rows = [(1.0, 2.0, -1.0), (3.0, 4.0, 1.0)];
    let quality = BaselineQuality::of(rows.into_iter()).unwrap();
    assert!((quality.removed - 48.0 / 52.0).abs() < 1e-15, "{quality:?}");
    assert!((quality.removed_by_constant - 49.0 / 52.0).abs() < 1e-15, "{quality:?}");
    assert_eq!(BaselineQuality::of([(1.0, 0.0, 0.0)].into_iter()), None);
}

/// One sample with `g = (1, 2)`, a return of 3 and baselines of 3 and 1 for the parameters, one
/// with `g = (0, 1)`, a return of 2 and a baseline of 0: `E g^2 R^2 = 5 9 + 4 = 49`, left are
/// `0 + 4 4 + 4 = 20`; the best constant is `(5 3 + 2) / 6`, which removes `17^2 / (6 49)`.
#[test]
fn what_baselines_of_the_parameters_remove() {
    let mut sums = BaselineSums::default();
    sums.add(5.0, 3.0, 16.0);
    let mut later = BaselineSums::default();
    later.add(1.0, 2.0, 4.0);
    sums.merge(&later);
    let quality = sums.quality().unwrap();
    assert!((quality.removed - 29.0 / 49.0).abs() < 1e-15, "{quality:?}");
    assert!((quality.removed_by_constant - 289.0 / 294.0).abs() < 1e-15, "{quality:?}");
}

/// Episodes of an untrained CartPole policy have returns of about 20 +- 10: whatever is near
/// their mean removes most of the second moment. A baseline that was not seen would remove 0.
#[test]
fn optimal_baselines_are_seen() {
    for baseline in BASELINES.iter().filter(|b| b.needs_score) {
        for kind in [Kind::TotalReturn, Kind::RewardToGo] {
            let mut config = config("reinforce", 1);
            (config.estimator.kind, config.estimator.baseline) = (kind, baseline.baseline);
            config.estimator.normalize = Normalize::None;
            let mut trainer = Trainer::new(&config, Runtime::default()).unwrap();
            let found = trainer.update().unwrap().diagnosis.unwrap().baseline.unwrap();
            assert!(found.removed > 0.3 && found.removed <= 1.0, "{}: {found:?}", baseline.name);
            assert!(found.removed_by_constant > 0.3, "{}: {found:?}", baseline.name);
        }
    }
}

fn config(algo: &str, every: u64) -> Config {
    let mut config = Config::preset("CartPole-v1", algo).unwrap();
    config.env.num_envs = 8;
    if config.rollout.episodes > 0 {
        config.rollout.episodes = 16;
    }
    if config.algo.settings().data().is_some() {
        recorded::learn_from_data(&mut config, "CartPole-v1");
    }
    config.diagnose.every = every;
    config
}

#[test]
fn looking_changes_nothing() {
    for algo in ALGORITHMS {
        let hash = |every| {
            let mut trainer = Trainer::new(&config(algo.name, every), Runtime::default()).unwrap();
            let reports: Vec<_> = (0..4).map(|_| trainer.update().unwrap().diagnosis).collect();
            assert_eq!(reports.iter().flatten().count(), [0, 4, 2][every as usize]);
            trainer.state_sha256().unwrap()
        };
        assert_eq!(hash(0), hash(1), "{}", algo.name);
        assert_eq!(hash(0), hash(2), "{}", algo.name);
    }
}

#[test]
fn ppo_reports_every_number() {
    let mut config = config("ppo", 1);
    config.rollout.steps = 256;
    let algo = "minibatch above 128 rows, so that a gradient has chunks";
    let mut trainer = Trainer::new(&config, Runtime::default()).unwrap();
    let report = trainer.update().unwrap();
    let found: Vec<_> = report.diagnosis.unwrap().metrics().collect();
    let keys: Vec<_> = found.iter().map(|(key, _)| *key).collect();
    for key in ["gradient_snr", "gradient_half_cosine", "baseline_removed"] {
        assert!(keys.contains(&key), "{algo}: {found:?}");
    }
    assert!(found.iter().all(|(_, value)| value.is_finite()), "{found:?}");
    let ess = report.stats.sums.ess_share();
    assert!(ess > 0.5 && ess <= 1.0, "{ess}");
}
