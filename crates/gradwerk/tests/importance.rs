//! Importance sampling against closed forms and numbers worked out by hand.
//!
//! The sparse one-state MDP: `pi(a1) = theta` moves, `a2` gives up; `n` moves in a row pay 1.
//! The behaviour policy moves with probability `m`. There are `n + 1` trajectories: mean and
//! variance are sums over them, not samples.

use gradwerk::estimate::{
    Baseline, Bias, EstimatorConfig, Form, ImportanceConfig, ImportanceScratch, Kind, Steps,
    Weighting, estimate_off_policy,
};

/// Reward and ratio of each step.
type Trajectory = Vec<(f64, f64)>;

fn importance(form: Form, weighting: Weighting) -> ImportanceConfig {
    ImportanceConfig { form, weighting, clip: 1.5 }
}

fn estimator(baseline: Baseline, constant: f64) -> EstimatorConfig {
    EstimatorConfig {
        kind: Kind::RewardToGo,
        baseline,
        baseline_constant: constant,
        ..EstimatorConfig::default()
    }
}

/// One trajectory per environment: rewards and ratios of its steps. gamma = 1.
fn coefficients(
    estimator: &EstimatorConfig,
    config: &ImportanceConfig,
    trajectories: &[Trajectory],
) -> (Vec<f64>, f64) {
    let n = trajectories.len();
    let t = trajectories.iter().map(Vec::len).max().unwrap();
    // Beyond its end an environment has rows that are not transitions, full of NaN.
    let of = |f: &dyn Fn(usize, &Trajectory) -> f64| -> Vec<f64> {
        let entry = |t: usize, x: &Vec<_>| if t < x.len() { f(t, x) } else { f64::NAN };
        (0..t * n).map(|k| entry(k / n, &trajectories[k % n])).collect()
    };
    let last = |t: usize, x: &Trajectory| if t + 1 == x.len() { 0.0 } else { 1.0 };
    let zeros = vec![0.0; t * n];
    let steps = Steps {
        t,
        n,
        reward: &of(&|t, x| x[t].0),
        discount: &of(&last),
        carry: &of(&last),
        value: &zeros,
        next_value: &zeros,
        score_square: &[],
        valid: &(0..t * n).map(|k| k / n < trajectories[k % n].len()).collect::<Vec<_>>(),
        time: &(0..t * n).map(|k| (k / n) as u32).collect::<Vec<_>>(),
        gamma: 1.0,
    };
    let log_ratio = of(&|t, x| libm::log(x[t].1));
    let (mut a, mut g) = (zeros.clone(), zeros.clone());
    let mut scratch = ImportanceScratch::new(t, n);
    let ess =
        estimate_off_policy(estimator, config, &steps, &log_ratio, &mut a, &mut g, &mut scratch);
    (a, ess.unwrap().ess)
}

/// Exact mean and variance of the gradient estimate from one trajectory. `pays` says what move
/// number `k` of `n` pays.
fn moments(
    estimator: &EstimatorConfig,
    config: &ImportanceConfig,
    (theta, m, n): (f64, f64, usize),
    pays: &dyn Fn(usize) -> f64,
) -> (f64, f64) {
    let (mut mean, mut square) = (0.0, 0.0);
    for moves in 0..=n {
        let mut steps: Trajectory = (0..moves).map(|k| (pays(k), theta / m)).collect();
        let mut probability = libm::pow(m, moves as f64);
        if moves < n {
            steps.push((0.0, (1.0 - theta) / (1.0 - m)));
            probability *= 1.0 - m;
        }
        let (a, _) = coefficients(estimator, config, std::slice::from_ref(&steps));
        let score = |k: usize| if k < moves { 1.0 / theta } else { -1.0 / (1.0 - theta) };
        let g: f64 = a.iter().enumerate().map(|(k, a)| score(k) * a).sum();
        mean += probability * g;
        square += probability * g * g;
    }
    (mean, square - mean * mean)
}

fn assert_relative(what: &str, got: f64, want: f64) {
    assert!((got / want - 1.0).abs() < 1e-10, "{what}: {got} instead of {want}");
}

#[test]
fn the_sparse_problem_has_the_closed_mean_and_variance() {
    let plain = estimator(Baseline::None, 0.0);
    for (theta, m, n) in [(0.5, 0.7, 4_usize), (0.7, 0.5, 4), (0.9, 0.3, 9), (0.3, 0.3, 3)] {
        let sparse = |k: usize| if k + 1 == n { 1.0 } else { 0.0 };
        let count = n as f64;
        let power = |base: f64, exponent: f64| libm::pow(base, exponent);
        for form in [Form::Trajectory, Form::PerDecision] {
            let config = importance(form, Weighting::Ordinary);
            assert_eq!(config.bias(&plain, 1.0), Bias::Unbiased);
            let (mean, variance) = moments(&plain, &config, (theta, m, n), &sparse);
            assert_relative("mean", mean, count * power(theta, count - 1.0));
            let want = count * count * power(theta, 2.0 * count - 2.0) * (power(m, -count) - 1.0);
            assert_relative("variance", variance, want);
        }
        // First order: n steps with weight theta/m and score 1/theta, with probability m^n.
        let first = importance(Form::FirstOrder, Weighting::Ordinary);
        assert!(matches!(first.bias(&plain, 1.0), Bias::Biased(_)));
        let (mean, _) = moments(&plain, &first, (theta, m, n), &sparse);
        assert_relative("first order", mean, count * power(m, count - 1.0));
        // Clipped at 3/2: m^n min((theta/m)^n, 3/2) n/theta.
        let clipped = importance(Form::Trajectory, Weighting::Clipped);
        let (mean, _) = moments(&plain, &clipped, (theta, m, n), &sparse);
        let weight = power(theta / m, count).min(1.5);
        assert_relative("clipped", mean, power(m, count) * weight * count / theta);
        // Self-normalised over a single trajectory: its weight is 1, so m^n n/theta.
        let normalised = importance(Form::Trajectory, Weighting::SelfNormalised);
        let (mean, _) = moments(&plain, &normalised, (theta, m, n), &sparse);
        assert_relative("self-normalised", mean, power(m, count) * count / theta);
    }
}

/// Each of at most n moves pays 1: `J = sum_{k=1..n} theta^k`. A constant baseline keeps the
/// mean; weighing single rewards has less variance than weighing whole trajectories.
#[test]
fn per_decision_is_unbiased_and_has_less_variance() {
    let (theta, m, n) = (0.8, 0.6, 12_usize);
    let gradient: f64 = (1..=n).map(|k| k as f64 * libm::pow(theta, k as f64 - 1.0)).sum();
    let problem = (theta, m, n);
    let mut variances = vec![];
    for form in [Form::Trajectory, Form::PerDecision] {
        for estimator in [estimator(Baseline::None, 0.0), estimator(Baseline::Constant, 2.5)] {
            let config = importance(form, Weighting::Ordinary);
            let (mean, variance) = moments(&estimator, &config, problem, &|_| 1.0);
            assert_relative("mean", mean, gradient);
            variances.push(variance);
        }
    }
    // Measured 0.35 and 0.53 of the variance.
    assert!(variances[2] < 0.4 * variances[0], "{variances:?}");
    assert!(variances[3] < 0.6 * variances[1], "{variances:?}");
}

/// A: ratios 2, 1/2, rewards 1, 5.  B: ratio 4, reward 3.
fn pair() -> [Trajectory; 2] {
    [vec![(1.0, 2.0), (5.0, 0.5)], vec![(3.0, 4.0)]]
}

/// Rows (0, A), (0, B), (1, A) and the effective sample size.
fn assert_pair(form: Form, weighting: Weighting, want: [f64; 3], ess: f64) {
    let config = importance(form, weighting);
    let (a, found) = coefficients(&estimator(Baseline::None, 0.0), &config, &pair());
    for (got, want) in a.iter().zip(want) {
        assert!((got - want).abs() < 1e-13, "{config:?}: {a:?}");
    }
    assert_eq!(a[3], 0.0, "the row that is not a transition");
    assert!((found - ess).abs() < 1e-13, "{config:?}: effective sample size {found}");
}

#[test]
fn coefficients_by_hand() {
    // Products A 2 * 1/2 = 1, B 4; returns A 6, 5, B 3. ESS (1 + 4)^2 / (1 + 16) = 25/17.
    let products = 25.0 / 17.0;
    assert_pair(Form::Trajectory, Weighting::Ordinary, [6.0, 12.0, 5.0], products);
    // Mean weight 5/2: A 2/5, B 8/5.
    assert_pair(Form::Trajectory, Weighting::SelfNormalised, [2.4, 4.8, 2.0], products);
    assert_pair(Form::Trajectory, Weighting::Clipped, [6.0, 4.5, 5.0], products);
    // Weights A 2, 1, B 4: A 2 * 1 + 1 * 5, 1 * 5; B 4 * 3.
    assert_pair(Form::PerDecision, Weighting::Ordinary, [7.0, 12.0, 5.0], products);
    // Means (2 + 4)/2 = 3 and, B keeping its 4, (1 + 4)/2 = 5/2:
    // A 2/3 * 1 + 2/5 * 5, 2/5 * 5; B 4/3 * 3.
    assert_pair(Form::PerDecision, Weighting::SelfNormalised, [8.0 / 3.0, 4.0, 2.0], products);
    // A 3/2 * 1 + 1 * 5; B 3/2 * 3.
    assert_pair(Form::PerDecision, Weighting::Clipped, [6.5, 4.5, 5.0], products);
    // Ratios 2, 4, 1/2: ESS 6.5^2 / (4 + 16 + 1/4) = 42.25 / 20.25.
    let ratios = 42.25 / 20.25;
    assert_pair(Form::FirstOrder, Weighting::Ordinary, [12.0, 12.0, 2.5], ratios);
    // Mean 13/6: weights 12/13, 24/13, 3/13.
    let normalised = [72.0 / 13.0, 72.0 / 13.0, 15.0 / 13.0];
    assert_pair(Form::FirstOrder, Weighting::SelfNormalised, normalised, ratios);
    assert_pair(Form::FirstOrder, Weighting::Clipped, [9.0, 4.5, 2.5], ratios);
}

/// Products over 2000 steps of ratio 3 are far above the largest number: the weighted estimate
/// still is exact, for only their quotients count.
#[test]
fn long_products_do_not_overflow() {
    let long: Trajectory = (0..2000).map(|t| (if t == 1999 { 1.0 } else { 0.0 }, 3.0)).collect();
    let config = importance(Form::Trajectory, Weighting::SelfNormalised);
    let (a, ess) =
        coefficients(&estimator(Baseline::None, 0.0), &config, &[long.clone(), long.clone()]);
    assert!(a.iter().all(|a| (a - 1.0).abs() < 1e-9), "{:?}", &a[..2]);
    assert!((ess - 2.0).abs() < 1e-9, "{ess}");
}

#[test]
fn a_probability_of_0_is_an_error_that_names_the_row() {
    let zeros = [0.0; 4];
    let steps = Steps {
        t: 2,
        n: 2,
        reward: &zeros,
        discount: &zeros,
        carry: &zeros,
        value: &zeros,
        next_value: &zeros,
        score_square: &[],
        valid: &[true; 4],
        time: &[0; 4],
        gamma: 1.0,
    };
    // mu gave the action probability 0 where the ratio is infinite, pi where it is 0.
    for bad in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let (mut a, mut g) = (zeros, zeros);
        let error = estimate_off_policy(
            &estimator(Baseline::None, 0.0),
            &importance(Form::FirstOrder, Weighting::Ordinary),
            &steps,
            &[0.0, 0.0, 0.0, bad],
            &mut a,
            &mut g,
            &mut ImportanceScratch::new(2, 2),
        )
        .unwrap_err();
        assert!(error.to_string().contains("in row 3 (time 1, environment 1)"), "{error}");
    }
}

/// What cannot be combined says what can.
#[test]
fn obstacles_name_the_choices() {
    let of = |kind, form, weighting| {
        let estimator = EstimatorConfig { kind, ..EstimatorConfig::default() };
        importance(form, weighting).obstacle(&estimator)
    };
    assert!(
        of(Kind::Gae, Form::PerDecision, Weighting::Ordinary).unwrap().contains("reward-to-go")
    );
    assert!(of(Kind::VTrace, Form::FirstOrder, Weighting::Clipped).unwrap().contains("ordinary"));
    assert_eq!(of(Kind::VTrace, Form::FirstOrder, Weighting::Ordinary), None);
    assert_eq!(of(Kind::RewardToGo, Form::PerDecision, Weighting::Clipped), None);
}
