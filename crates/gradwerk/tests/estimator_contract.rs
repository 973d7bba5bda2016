//! What every estimator and baseline of the lists promises, and what impossible settings say.

use gradwerk::estimate::{
    BASELINES, Baseline, Bias, ESTIMATORS, EstimatorConfig, Kind, Moments, NORMALIZE_EPS,
    Normalize, Scratch, Steps, estimate, moments, moments_of_rows, normalize,
};
use gradwerk_math::{Purpose, Stream};

/// A random rollout `[T, N]` in which everything occurs: termination, truncation, cuts, rows
/// that are not transitions.
struct Rollout {
    t: usize,
    n: usize,
    columns: [Vec<f64>; 6],
    valid: Vec<bool>,
    time: Vec<u32>,
}

impl Rollout {
    fn random(t: usize, n: usize, seed: u64) -> Self {
        let mut rng = Stream::new(seed, Purpose::Test, 1, 0);
        let mut rollout =
            Self { t, n, columns: [(); 6].map(|()| vec![]), valid: vec![], time: vec![] };
        let mut clock = vec![0; n];
        let mut ended = vec![false; n];
        for _ in 0..t {
            for i in 0..n {
                let end = rng.below(6);
                let (discount, carry) = match end {
                    0 => (0.0, 0.0),
                    1 => (0.9, 0.0),
                    _ => (0.9, 1.0),
                };
                let valid = !ended[i] || rng.below(2) == 0;
                let normal = rng.normal_pair::<f64>();
                let [next, score] = rng.normal_pair::<f64>();
                let row = [normal[0], discount, carry, normal[1], next, score * score];
                for (column, x) in rollout.columns.iter_mut().zip(row) {
                    column.push(x);
                }
                rollout.valid.push(valid);
                rollout.time.push(clock[i]);
                ended[i] = end < 2 && valid;
                clock[i] = if !valid || end < 2 { 0 } else { clock[i] + 1 };
            }
        }
        for row in 0..(t - 1) * n {
            if rollout.steps().continues(row) {
                rollout.columns[4][row] = rollout.columns[3][row + n];
            }
        }
        rollout
    }

    fn steps(&self) -> Steps<'_, f64> {
        let [reward, discount, carry, value, next_value, score_square] = &self.columns;
        Steps {
            t: self.t,
            n: self.n,
            reward,
            discount,
            carry,
            value,
            next_value,
            score_square,
            valid: &self.valid,
            time: &self.time,
            gamma: 0.9,
        }
    }

    fn estimate(&self, config: &EstimatorConfig) -> (Vec<f64>, Vec<f64>) {
        let rows = self.t * self.n;
        let (mut a, mut g) = (vec![f64::NAN; rows], vec![f64::NAN; rows]);
        estimate(config, &self.steps(), &mut a, &mut g, &mut Scratch::with_rows(rows));
        (a, g)
    }
}

/// Every combination that `check` accepts with everything available.
fn possible() -> Vec<EstimatorConfig> {
    let mut configs = vec![];
    for estimator in ESTIMATORS {
        for baseline in BASELINES {
            let (kind, baseline) = (estimator.kind, baseline.baseline);
            let config = EstimatorConfig { kind, baseline, ..EstimatorConfig::default() };
            if config.check(true, true).is_ok() {
                configs.push(config);
            }
        }
    }
    // GAE and V-trace with their own baseline, the others with every one.
    assert_eq!(configs.len(), 2 + (ESTIMATORS.len() - 2) * BASELINES.len());
    configs
}

/// Rows that are not transitions have output 0, and NaN in them reaches nothing.
#[test]
fn invalid_rows_touch_nothing() {
    for config in possible() {
        let mut rollout = Rollout::random(40, 3, 1);
        let clean = rollout.estimate(&config);
        for column in &mut rollout.columns {
            for (x, &valid) in column.iter_mut().zip(&rollout.valid) {
                *x = if valid { *x } else { f64::NAN };
            }
        }
        let dirty = rollout.estimate(&config);
        assert_eq!(clean, dirty, "{config:?}");
        for (row, &valid) in rollout.valid.iter().enumerate() {
            assert!(valid || (dirty.0[row] == 0.0 && dirty.1[row] == 0.0));
        }
        assert!(rollout.valid.iter().any(|valid| !valid));
    }
}

/// A NaN in a reward reaches the advantage of its own row.
#[test]
fn nan_is_never_hidden() {
    for config in possible() {
        let mut rollout = Rollout::random(12, 2, 2);
        let row = rollout.valid.iter().rposition(|&valid| valid).unwrap();
        rollout.columns[0][row] = f64::NAN;
        let (advantage, target) = rollout.estimate(&config);
        assert!(advantage[row].is_nan() && target[row].is_nan(), "{config:?}");
    }
}

/// Environments do not see each other, unless a baseline averages over them.
#[test]
fn environments_are_independent() {
    for config in possible() {
        // Per parameter, the learner subtracts.
        let alone =
            [Baseline::None, Baseline::Constant, Baseline::Value, Baseline::OptimalPerParameter];
        if !alone.contains(&config.baseline) {
            continue;
        }
        let rollout = Rollout::random(30, 3, 3);
        let mut other = Rollout::random(30, 3, 3);
        other.columns[0].iter_mut().skip(1).step_by(3).for_each(|r| *r += 1.0);
        let (a, b) = (rollout.estimate(&config).0, other.estimate(&config).0);
        for row in (0..90).filter(|row| row % 3 != 1) {
            assert_eq!(a[row], b[row]);
        }
        assert_ne!(a, b);
    }
}

/// GAE at its ends: lambda = 1 is the return less the value, lambda = 0 one step.
#[test]
fn gae_contains_the_other_estimators() {
    let rollout = Rollout::random(30, 2, 4);
    let of = |kind, lambda, n| {
        let config = EstimatorConfig { kind, lambda, n, ..EstimatorConfig::default() };
        rollout.estimate(&config)
    };
    let close = |(a, g): (Vec<f64>, Vec<f64>), (b, h): (Vec<f64>, Vec<f64>)| {
        let pairs = a.iter().zip(&b).chain(g.iter().zip(&h));
        pairs.for_each(|(x, y)| assert!((x - y).abs() < 1e-13, "{x} {y}"));
    };
    close(of(Kind::Gae, 1.0, 1), of(Kind::RewardToGo, 1.0, 1));
    close(of(Kind::Gae, 0.0, 1), of(Kind::NStep, 0.0, 1));
    close(of(Kind::NStep, 0.0, 30), of(Kind::RewardToGo, 0.0, 1));
    // On-policy V-trace: all ratios are 1.
    close(of(Kind::VTrace, 1.0, 1), of(Kind::Gae, 1.0, 1));
    close(of(Kind::VTrace, 1.0, 1), of(Kind::NStep, 0.0, 30));
    // lambda shortens the trace of `vs`; the advantage looks one step further than `vs` does.
    let (vs, one_step) = (of(Kind::VTrace, 0.0, 1).1, of(Kind::NStep, 0.0, 1).1);
    close((vs, vec![]), (one_step, vec![]));
}

#[test]
fn normalisation_over_batch_and_minibatch() {
    // Mean (1 + 2 + 6) / 3 = 3, variance (4 + 1 + 9) / 3 = 14 / 3; the NaN row is not valid.
    let mut x = [1.0, f64::NAN, 2.0, 6.0];
    let valid = [true, false, true, true];
    let std = (14.0_f64 / 3.0).sqrt();
    assert_eq!(moments(&x, &valid), Moments { mean: 3.0, std, rows: 3 });
    assert_eq!(moments_of_rows(&x, &[3, 0, 2]), Moments { mean: 3.0, std, rows: 3 });
    // Rows 2 and 3: mean 4, standard deviation 2.
    let pair = moments_of_rows(&x, &[2, 3]);
    assert_eq!(pair, Moments { mean: 4.0, std: 2.0, rows: 2 });
    assert_eq!(pair.apply(6.0), 2.0 / (2.0 + NORMALIZE_EPS));
    normalize(&mut x, &valid);
    assert!(x[1].is_nan() && (x[3] - 3.0 / std).abs() < 1e-8);
    // Equal advantages: 0, not 0/0. No rows: nothing happens.
    let mut equal = [5.0_f32; 3];
    normalize(&mut equal, &[true; 3]);
    assert_eq!(equal, [0.0; 3]);
    assert_eq!(moments::<f32>(&[], &[]).rows, 0);
}

#[test]
fn minibatch_normalisation_is_left_to_the_caller() {
    let rollout = Rollout::random(20, 2, 5);
    let of = |normalize| {
        rollout.estimate(&EstimatorConfig { normalize, ..EstimatorConfig::default() }).0
    };
    assert_eq!(of(Normalize::Minibatch), of(Normalize::None));
    let moments = moments(&of(Normalize::Batch), &rollout.valid);
    assert!(moments.mean.abs() < 1e-14 && (moments.std - 1.0).abs() < 1e-7);
}

#[test]
fn lists_and_enums_agree() {
    for entry in ESTIMATORS {
        assert_eq!(entry.kind.entry().name, entry.name);
        assert_eq!(Kind::from_name(entry.name), Ok(entry.kind));
        let config: EstimatorConfig =
            toml::from_str(&format!("kind = \"{}\"", entry.name)).unwrap();
        assert_eq!(config, EstimatorConfig { kind: entry.kind, ..EstimatorConfig::default() });
    }
    for entry in BASELINES {
        assert_eq!(entry.baseline.entry().name, entry.name);
        assert_eq!(Baseline::from_name(entry.name), Ok(entry.baseline));
    }
    let unknown = Kind::from_name("td").unwrap_err().to_string();
    let want = "unknown estimator `td`, expected one of gae, reward-to-go, total-return, n-step, \
                v-trace";
    assert_eq!(unknown, want);
    for config in possible() {
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<EstimatorConfig>(&text).unwrap(), config);
    }
    assert!(toml::from_str::<EstimatorConfig>("lamda = 0.9").is_err());
}

#[test]
fn impossible_settings_name_field_value_and_choices() {
    let default = EstimatorConfig::default;
    let error = |config: EstimatorConfig, whole, critic| {
        config.check(whole, critic).unwrap_err().to_string()
    };
    assert_eq!(
        error(EstimatorConfig { lambda: 1.5, ..default() }, true, true),
        "estimator.lambda = 1.5: it is out of range; expected a number in [0, 1]"
    );
    assert!(error(EstimatorConfig { lambda: f64::NAN, ..default() }, true, true).contains("NaN"));
    assert!(error(EstimatorConfig { n: 0, ..default() }, true, true).contains("n = 0"));
    let infinite = EstimatorConfig { baseline_constant: f64::INFINITY, ..default() };
    assert!(error(infinite, true, true).contains("baseline_constant = inf"));
    assert_eq!(
        error(default(), true, false),
        "estimator.kind = \"gae\": it needs a value function; \
         expected one of reward-to-go, total-return"
    );
    assert_eq!(
        error(EstimatorConfig { kind: Kind::TotalReturn, ..default() }, false, true),
        "estimator.kind = \"total-return\": it needs whole episodes; \
         expected rollout.episodes above 0, or one of gae, reward-to-go, n-step, v-trace"
    );
    assert_eq!(
        error(EstimatorConfig { kind: Kind::RewardToGo, ..default() }, false, false),
        "estimator.kind = \"reward-to-go\": without a value function it needs whole episodes; \
         expected rollout.episodes above 0, or estimator.baseline = \"value\", \
         or one of gae, n-step, v-trace"
    );
    assert_eq!(
        error(EstimatorConfig { kind: Kind::RewardToGo, ..default() }, true, false),
        "estimator.baseline = \"value\": it needs a value function; \
         expected one of none, constant, batch-mean, leave-one-out, time-step, optimal, \
         optimal-per-parameter"
    );
    assert_eq!(
        error(EstimatorConfig { baseline: Baseline::None, ..default() }, true, true),
        "estimator.baseline = \"none\": gae subtracts the value itself; expected one of value"
    );
    assert_eq!(default().check(false, true), Ok(()));
}

#[test]
fn declared_biases() {
    let default = EstimatorConfig::default();
    assert!(matches!(default.bias(1.0), Bias::Biased(_)));
    assert_eq!(EstimatorConfig { lambda: 1.0, ..default.clone() }.bias(1.0), Bias::Unbiased);
    for config in possible() {
        let normalized = EstimatorConfig { normalize: Normalize::Batch, ..config };
        assert!(matches!(normalized.bias(1.0), Bias::Biased(_)));
    }
}

#[test]
#[should_panic(expected = "column reward: expected T * N rows")]
fn wrong_shapes_are_named() {
    let rollout = Rollout::random(3, 2, 6);
    let steps = Steps { t: 4, ..rollout.steps() };
    gradwerk::estimate::gae(&steps, 0.5, &mut [0.0; 8]);
}
