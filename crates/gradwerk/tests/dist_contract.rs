//! What every distribution of the list promises, checked on every entry.

use gradwerk::dist::{
    ActionRow, ActionRowMut, ActionRows, ActionRowsMut, AnyDist, DISTRIBUTIONS, DistConfig,
    Distribution, Evaluated, GsdeConfig, MAX_ROWS, Widths,
};
use gradwerk_env::Space;
use gradwerk_math::{Purpose, Real, Stream};

/// Spaces of several widths; each distribution is tested on those it acts on.
fn spaces() -> Vec<Space> {
    let discrete = [1, 2, 3, 6, 40].map(|n| Space::Discrete { n });
    let boxes = [1, 2, 3, 17].map(|dim| Space::uniform_box(dim, -1.0, 1.0));
    let uneven = Space::Box { low: vec![-2.0, 0.5], high: vec![3.0, 1.0] };
    let parts = [vec![1], vec![2, 3], vec![4, 1, 7]].map(|n| Space::MultiDiscrete { n });
    let bits = [1, 5].map(|n| Space::MultiBinary { n });
    let mixed = Space::dict([
        ("push", Space::uniform_box(1, -2.0, 0.0)),
        ("move", Space::Discrete { n: 3 }),
        ("rest", Space::Tuple(vec![bits[1].clone(), uneven.clone(), parts[1].clone()])),
    ]);
    let tuple = Space::Tuple(vec![Space::Discrete { n: 2 }]);
    let spaces = discrete.into_iter().chain(boxes).chain(parts).chain(bits);
    spaces.chain([uneven, mixed, tuple]).collect()
}

/// Every entry with its defaults, and composites with every continuous distribution.
fn configs() -> Vec<DistConfig> {
    let continuous =
        ["full-gaussian", "squashed-gaussian", "beta", "truncated-normal"].map(|name| {
            let text = format!("kind = \"composite\"\ncontinuous = \"{name}\"\nlog_std_init = 0.2");
            let without = text.replace("\nlog_std_init = 0.2", "");
            toml::from_str(if name == "beta" { &without } else { &text }).unwrap()
        });
    DISTRIBUTIONS.iter().map(|entry| whole_gradient((entry.config)())).chain(continuous).collect()
}

/// gSDE leaves derivatives by the features out unless it is told otherwise.
fn whole_gradient(config: DistConfig) -> DistConfig {
    match config {
        DistConfig::Gsde(gsde) => DistConfig::Gsde(GsdeConfig { learn_features: true, ..gsde }),
        other => other,
    }
}

fn all() -> Vec<AnyDist> {
    let (spaces, configs) = (spaces(), configs());
    let on_all = |config: &DistConfig| -> Vec<AnyDist> {
        let dists = spaces.iter().filter_map(|s| config.build(s).ok());
        let dists: Vec<AnyDist> = dists.map(|d| d.with_features(5)).collect();
        assert!(!dists.is_empty(), "{config:?} acts on none of the tested spaces");
        dists
    };
    configs.iter().flat_map(on_all).collect()
}

fn stream(step: u64) -> Stream {
    Stream::new(20_261_123, Purpose::Test, 0, step)
}

/// Standard normals: no two equal, nothing saturated.
fn random_row(width: usize, rng: &mut Stream) -> Vec<f64> {
    (0..width).map(|_| rng.normal_pair::<f64>()[0]).collect()
}

/// Head outputs of a distribution: standard normals, or probabilities where it wants those, or
/// smaller numbers for a matrix of many entries, whose inverse would be huge.
fn heads<R: Real>(dist: &AnyDist, rng: &mut Stream) -> Vec<R> {
    let x = (0..dist.params()).map(|_| rng.normal_pair::<R>()[0]);
    let of_matrix = R::from_f64(1.0 / (dist.continuous().max(1) as f64));
    x.map(|x| match dist {
        AnyDist::Bernoulli(_) => x.sigmoid(),
        AnyDist::FullGaussian(_) => x * of_matrix,
        _ => x,
    })
    .collect()
}

struct OwnedAction {
    discrete: Vec<u32>,
    continuous: Vec<f64>,
}

impl OwnedAction {
    fn zeros(dist: &AnyDist) -> Self {
        Self { discrete: vec![0; dist.discrete()], continuous: vec![0.0; dist.continuous()] }
    }
    fn row(&self) -> ActionRow<'_, f64> {
        ActionRow { discrete: &self.discrete, continuous: &self.continuous }
    }
    fn row_mut(&mut self) -> ActionRowMut<'_, f64> {
        ActionRowMut { discrete: &mut self.discrete, continuous: &mut self.continuous }
    }
}

fn drawn(dist: &AnyDist, y: &[f64], rng: &mut Stream) -> OwnedAction {
    let mut a = OwnedAction::zeros(dist);
    dist.sample(y, rng, a.row_mut());
    a
}

/// Central differences of `f` at `y`; with h = 1e-5 the error is about h^2 = 1e-10.
fn differences(y: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let h = 1e-5;
    let at = |j: usize, d: f64| {
        let mut moved = y.to_vec();
        moved[j] += d;
        f(&moved)
    };
    (0..y.len()).map(|j| (at(j, h) - at(j, -h)) / (2.0 * h)).collect()
}

fn assert_close(what: &str, dist: &AnyDist, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (j, (g, w)) in got.iter().zip(want).enumerate() {
        let close = (g - w).abs() <= tolerance * (1.0 + w.abs());
        assert!(close, "{what} of {dist:?}, entry {j}: {g} instead of {w}");
    }
}

/// Run `check(dist, y, action, rng)` on five random rows of every distribution.
fn for_all(check: impl Fn(&AnyDist, &[f64], &OwnedAction, &mut Stream)) {
    for dist in all() {
        for trial in 0..5 {
            let mut rng = stream(trial);
            let y: Vec<f64> = heads(&dist, &mut rng);
            let a = drawn(&dist, &y, &mut rng);
            check(&dist, &y, &a, &mut rng);
        }
    }
}

#[test]
fn gradient_of_log_prob() {
    for_all(|dist, y, a, _| {
        let mut dy = vec![1.0; y.len()];
        dist.add_log_prob_grad(y, a.row(), 3.0, &mut dy);
        let want = differences(y, |y| dist.log_prob(y, a.row()));
        let want: Vec<f64> = want.iter().map(|d| 1.0 + 3.0 * d).collect();
        assert_close("d log pi", dist, &dy, &want, 1e-6);
    });
}

#[test]
fn gradient_of_entropy() {
    for_all(|dist, y, _, _| {
        let mut dy = vec![1.0; y.len()];
        dist.add_entropy_grad(y, -2.0, &mut dy);
        let want = differences(y, |y| dist.entropy(y));
        let want: Vec<f64> = want.iter().map(|d| 1.0 - 2.0 * d).collect();
        assert_close("dH", dist, &dy, &want, 1e-6);
    });
}

#[test]
fn gradient_of_kl() {
    for_all(|dist, y, _, rng| {
        let y_new: Vec<f64> = heads(dist, rng);
        let mut dy = vec![1.0; y.len()];
        dist.add_kl_grad(y, &y_new, 0.5, &mut dy);
        let want = differences(&y_new, |y_new| dist.kl(y, y_new));
        let want: Vec<f64> = want.iter().map(|d| 1.0 + 0.5 * d).collect();
        assert_close("dKL", dist, &dy, &want, 1e-6);
    });
}

/// `F(y) v` is the derivative of `d KL(y || y + e v) / dy_new` by `e`.
#[test]
fn fisher_product_is_the_hessian_of_kl() {
    for_all(|dist, y, _, rng| {
        let v = random_row(y.len(), rng);
        let mut product = vec![1.0; y.len()];
        dist.add_fisher_product(y, &v, 2.0, &mut product);
        let h = 1e-5;
        let gradient_at = |e: f64| {
            let moved: Vec<f64> = y.iter().zip(&v).map(|(y, v)| y + e * v).collect();
            let mut d = vec![0.0; y.len()];
            dist.add_kl_grad(y, &moved, 1.0, &mut d);
            d
        };
        let (plus, minus) = (gradient_at(h), gradient_at(-h));
        let want: Vec<f64> =
            plus.iter().zip(&minus).map(|(p, m)| 1.0 + 2.0 * (p - m) / (2.0 * h)).collect();
        assert_close("F v", dist, &product, &want, 1e-6);
    });
}

/// One row.
fn evaluate(dist: &AnyDist, y: &[f64], a: ActionRow<'_, f64>, work: &mut [f64]) -> Evaluated<f64> {
    let mut out = [Evaluated::default()];
    let a = ActionRows { discrete: a.discrete, continuous: a.continuous };
    dist.evaluate(y, a, work, &mut out);
    out[0]
}

#[test]
fn the_fused_pass_agrees_with_the_single_ones() {
    for_all(|dist, y, a, _| {
        let mut work = vec![f64::NAN; y.len()];
        let evaluated = evaluate(dist, y, a.row(), &mut work);
        assert_eq!(evaluated.log_prob.to_bits(), dist.log_prob(y, a.row()).to_bits());
        assert_close("H", dist, &[evaluated.entropy], &[dist.entropy(y)], 1e-12);
        dist.turn_into_grad(y, a.row(), evaluated, 1.5, -0.7, &mut work);
        let mut want = vec![0.0; y.len()];
        dist.add_log_prob_grad(y, a.row(), 1.5, &mut want);
        dist.add_entropy_grad(y, -0.7, &mut want);
        assert_close("fused gradient", dist, &work, &want, 1e-12);
    });
}

/// The ratio of an unchanged policy must be exactly 1: acting, the log-probability and the
/// fused pass of the loss give the same bits, in the engine's precision too.
#[test]
fn sampling_returns_the_bits_of_log_prob() {
    fn check<R: Real>(dist: &AnyDist, rows: usize) {
        let mut rng = stream(100 + rows as u64);
        let (p, d, c) = (dist.params(), dist.discrete(), dist.continuous());
        let y: Vec<R> = (0..rows).flat_map(|_| heads(dist, &mut rng)).collect();
        let mut rngs: Vec<Stream> = (0..rows as u64).map(|i| stream(200 + i)).collect();
        let mut twins = rngs.clone();
        let (mut discrete, mut continuous) = (vec![0; rows * d], vec![R::ZERO; rows * c]);
        let (mut log_prob, mut work) = (vec![R::ZERO; rows], y.clone());
        let a = ActionRowsMut { discrete: &mut discrete, continuous: &mut continuous };
        dist.sample_rows(&y, &mut rngs, a, &mut log_prob, &mut work);
        let a = ActionRows { discrete: &discrete, continuous: &continuous };
        let mut evaluated = vec![Evaluated::default(); rows];
        dist.evaluate(&y, a, &mut work, &mut evaluated);
        for i in 0..rows {
            let (y, a) = (&y[i * p..(i + 1) * p], a.row(i, dist));
            let (mut discrete, mut continuous) = (vec![0; d], vec![R::ZERO; c]);
            let alone = ActionRowMut { discrete: &mut discrete, continuous: &mut continuous };
            dist.sample(y, &mut twins[i], alone);
            assert_eq!((&discrete[..], &continuous[..]), (a.discrete, a.continuous));
            assert_eq!((&rngs[i], log_prob[i]), (&twins[i], dist.log_prob(y, a)));
            assert_eq!(log_prob[i], evaluated[i].log_prob);
        }
    }
    for dist in all() {
        // Around the number of lanes, and the most there may be.
        for rows in [1, 3, 4, 7, 8, 20, 63, MAX_ROWS] {
            check::<f32>(&dist, rows);
            check::<f64>(&dist, rows);
        }
    }
}

/// `KL >= 0`, and 0 only from a row to itself.
#[test]
fn kl_is_a_divergence() {
    for_all(|dist, y, _, rng| {
        assert!(dist.kl(y, y).abs() < 1e-12);
        let other: Vec<f64> = heads(dist, rng);
        let kl = dist.kl(y, &other);
        assert!(kl > 1e-6 || dist.params() == 1, "KL {kl} of {dist:?}");
    });
}

/// Entropy and KL against means over samples, within five standard errors.
#[test]
fn entropy_and_kl_are_means_over_samples() {
    for_all(|dist, y, _, rng| {
        let y_new: Vec<f64> = y.iter().map(|y| 0.8 * y + 0.1).collect();
        let draws = 20_000;
        let (mut surprise, mut log_ratio) = (Mean::default(), Mean::default());
        for _ in 0..draws {
            let a = drawn(dist, y, rng);
            let log_prob = dist.log_prob(y, a.row());
            surprise.add(-log_prob);
            log_ratio.add(log_prob - dist.log_prob(&y_new, a.row()));
        }
        surprise.assert_mean("H", dist, dist.entropy(y));
        log_ratio.assert_mean("KL", dist, dist.kl(y, &y_new));
    });
}

#[derive(Default)]
struct Mean {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Mean {
    fn add(&mut self, x: f64) {
        self.n += 1.0;
        self.sum += x;
        self.squares += x * x;
    }
    fn assert_mean(&self, what: &str, dist: &AnyDist, want: f64) {
        let mean = self.sum / self.n;
        let error = ((self.squares / self.n - mean * mean).max(0.0) / self.n).sqrt();
        let close = (mean - want).abs() < 5.0 * error + 1e-9;
        assert!(close, "{what} of {dist:?}: {want}, sampled {mean} +- {error}");
    }
}

/// Whether the mode of a continuous part is its median.
fn squashed(dist: &AnyDist) -> bool {
    format!("{dist:?}").contains("Squashed")
}

#[test]
fn mode_maximises() {
    for_all(|dist, y, _, rng| {
        let mut mode = OwnedAction::zeros(dist);
        dist.mode(y, mode.row_mut());
        let top = dist.log_prob(y, mode.row());
        for _ in 0..if squashed(dist) { 0 } else { 100 } {
            let a = drawn(dist, y, rng);
            assert!(dist.log_prob(y, a.row()) <= top + 1e-12, "{dist:?}");
        }
    });
}

/// Half of the samples of a squashed Gaussian lie above its mode, within five standard errors.
#[test]
fn the_mode_of_a_squashed_gaussian_is_the_median() {
    for_all(|dist, y, _, rng| {
        let mut mode = OwnedAction::zeros(dist);
        dist.mode(y, mode.row_mut());
        let draws = if squashed(dist) { 4_000 } else { 0 };
        let mut above = vec![0.0; dist.continuous()];
        for _ in 0..draws {
            let a = drawn(dist, y, rng);
            for (above, (x, mode)) in
                above.iter_mut().zip(a.continuous.iter().zip(&mode.continuous))
            {
                *above += f64::from(u8::from(x > mode));
            }
        }
        // Deviation sqrt(4000) / 2 = 31.6.
        assert!(above.iter().all(|n| (n - f64::from(draws) / 2.0).abs() <= 5.0 * 31.7), "{dist:?}");
    });
}

/// The density of one bounded component, over the values that the environment receives, integrates
/// to 1: a sum over the recorded coordinate x with the slope of [`Distribution::to_space`].
#[test]
fn densities_integrate_to_one() {
    let spaces = [Space::uniform_box(1, -1.0, 1.0), Space::uniform_box(1, -2.0, 5.0)];
    let bounded = |c: &DistConfig| c.build(&Space::uniform_box(1, 0.0, f32::INFINITY)).is_err();
    let configs = configs().into_iter().filter(bounded);
    let mut tested = 0;
    for dist in configs.flat_map(|c| spaces.clone().map(|s| c.build(&s).ok())).flatten() {
        let y: Vec<f64> = heads(&dist, &mut stream(9));
        let place = |x: f64| {
            let mut a = [0.0];
            Distribution::<f64>::to_space(&dist, &[x], &mut a);
            a[0]
        };
        // Truncated normals are recorded on [-1, 1], the others on the whole line.
        let (low, nodes) =
            if dist.name() == "truncated-normal" { (-1.0, 4000) } else { (-40.0, 40_000) };
        let h = -2.0 * low / f64::from(nodes);
        let mut total = 0.0;
        for k in 0..nodes {
            let x = low + h * (f64::from(k) + 0.5); // midpoints: error h^2 / 24 f''
            let a = ActionRow { discrete: &[], continuous: &[x] };
            let width = place(x + 0.5 * h) - place(x - 0.5 * h);
            total += libm::exp(dist.log_prob(&y, a)) * width;
        }
        assert!((total - 1.0).abs() < 1e-5, "{dist:?}: {total}");
        tested += 1;
    }
    assert_eq!(tested, 3 * 2);
}

/// Outside [0, 1] nothing is a probability, and nothing pretends to be one.
#[test]
fn a_probability_outside_its_range_is_nan() {
    let dist = DistConfig::from_name("bernoulli").unwrap().build(&Space::Discrete { n: 2 });
    let dist = dist.unwrap();
    for y in [-0.1, 1.1, f64::INFINITY] {
        for action in [0, 1] {
            let a = ActionRow { discrete: &[action], continuous: &[] };
            assert!(dist.log_prob(&[y], a).is_nan(), "log pi({action}|{y})");
        }
        assert!(dist.entropy(&[y]).is_nan() && dist.kl(&[0.5], &[y]).is_nan());
    }
}

/// A NaN anywhere in `y` shows in the log-probability, so that the run stops.
#[test]
fn nan_is_never_hidden() {
    for_all(|dist, y, _, rng| {
        for j in 0..y.len() {
            let mut bad = y.to_vec();
            bad[j] = f64::NAN;
            let a = drawn(dist, &bad, rng);
            assert!(dist.log_prob(&bad, a.row()).is_nan(), "{dist:?}, entry {j}");
            let mut work = vec![0.0; y.len()];
            assert!(evaluate(dist, &bad, a.row(), &mut work).log_prob.is_nan());
            assert!(dist.kl(y, &bad).is_nan() && dist.kl(&bad, y).is_nan());
        }
    });
}

#[test]
fn head_and_widths_agree() {
    for dist in all() {
        let head = dist.head();
        assert_eq!(head.network + head.free + head.features, dist.params());
        assert!(head.bias_from <= dist.params());
    }
}

#[test]
fn configurations_round_trip() {
    for entry in DISTRIBUTIONS {
        let config = (entry.config)();
        assert_eq!(config.name(), entry.name);
        assert_eq!(DistConfig::from_name(entry.name).unwrap(), config);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<DistConfig>(&text).unwrap(), config);
        let bare = format!("kind = \"{}\"", entry.name);
        assert_eq!(toml::from_str::<DistConfig>(&bare).unwrap(), config);
        let unknown = format!("{bare}\nsurplus = 1");
        let error = toml::from_str::<DistConfig>(&unknown).unwrap_err().to_string();
        assert!(error.contains("surplus"), "{error}");
    }
    assert!(toml::from_str::<DistConfig>("kind = \"auto\"\nsurplus = 1").is_err());
    let set = "kind = \"gaussian\"\nlog_std_init = -1\nstate_dependent_std = true";
    let AnyDist::Gaussian(gaussian) = toml::from_str::<DistConfig>(set)
        .unwrap()
        .build(&Space::uniform_box(3, -1.0, 1.0))
        .unwrap()
    else {
        panic!("a gaussian configuration builds a gaussian");
    };
    assert_eq!((gaussian.log_std_init, gaussian.head().free), (-1.0, 0));
    assert_eq!((gaussian.head().network, gaussian.head().bias_from), (6, 3));
}

#[test]
fn errors_name_the_choices() {
    let error = DistConfig::from_name("cauchy").unwrap_err().to_string();
    let want = "unknown distribution `cauchy`, expected one of auto, categorical, gaussian, \
                bernoulli, multi-categorical, multi-bernoulli, composite, full-gaussian, \
                squashed-gaussian, beta, truncated-normal, gsde";
    assert_eq!(error, want);
    let error = toml::from_str::<DistConfig>("kind = \"cauchy\"").unwrap_err().to_string();
    assert!(error.contains("cauchy") && error.contains("gaussian"), "{error}");
    let one = Space::uniform_box(1, -1.0, 1.0);
    let error = DistConfig::from_name("categorical").unwrap().build(&one).unwrap_err();
    assert_eq!(
        error.to_string(),
        "categorical policy on Box(1): expected one of gaussian, \
         full-gaussian, squashed-gaussian, beta, truncated-normal, gsde"
    );
    let error = DistConfig::from_name("gaussian").unwrap().build(&Space::Discrete { n: 3 });
    let want = "gaussian policy on Discrete(3): expected one of categorical";
    assert_eq!(error.unwrap_err().to_string(), want);
    let half = Space::Box { low: vec![0.0, 0.0], high: vec![1.0, f32::INFINITY] };
    let error = DistConfig::from_name("beta").unwrap().build(&half).unwrap_err().to_string();
    let want = "beta policy needs bounded actions, but component 1 lies in [0, inf]: expected one \
                of gaussian, full-gaussian, gsde";
    assert_eq!(error, want);
    let text = "kind = \"composite\"\ncontinuous = \"cauchy\"";
    let error = toml::from_str::<DistConfig>(text).unwrap_err().to_string();
    assert!(error.contains("squashed-gaussian") && error.contains("beta"), "{error}");
}

#[test]
fn auto_follows_the_space() {
    let name = |space: &Space| DistConfig::default().build(space).unwrap().name();
    let (choice, push) = (Space::Discrete { n: 2 }, Space::uniform_box(2, -1.0, 1.0));
    assert_eq!((name(&choice), name(&push)), ("categorical", "gaussian"));
    assert_eq!(name(&Space::MultiDiscrete { n: vec![2, 3] }), "multi-categorical");
    assert_eq!(name(&Space::MultiBinary { n: 4 }), "multi-bernoulli");
    assert_eq!(name(&Space::Tuple(vec![choice, push])), "composite");
}

/// The JSON schema carries the help of every field.
#[test]
fn schema_describes_the_fields() {
    let schema = serde_json::to_string(&schemars::schema_for!(DistConfig)).unwrap();
    assert!(schema.contains("Initial logarithm of the standard deviation"), "{schema}");
    assert!(schema.contains("state_dependent_std"));
}
