//! The losses' gradients against finite differences of the losses, and at their kinks.

use gradwerk::dist::{ActionRow, ActionRowMut, AnyDist, DISTRIBUTIONS, Distribution, Gsde, Widths};
use gradwerk::loss::{
    PolicyRows, PolicySums, Surrogate, ValueLoss, ValueRows, ValueSums, head_gradient,
    value_gradient,
};
use gradwerk_env::Space;
use gradwerk_math::{Purpose, Stream};

/// Rows with ratios on both sides of 1 and of every kink, and advantages of both signs.
struct Tile {
    y: Vec<f64>,
    discrete: Vec<u32>,
    continuous: Vec<f64>,
    log_prob_old: Vec<f64>,
    advantage: Vec<f64>,
}

const ENTROPY_COEF: f64 = 0.3;
const LOG_RATIOS: [f64; 6] = [-0.6, -0.1, 0.0, 0.1, 0.2, 0.6];

impl Tile {
    fn new(dist: &AnyDist) -> Self {
        let mut rng = Stream::new(17, Purpose::Test, 2, 0);
        let mut tile = Self {
            y: vec![],
            discrete: vec![],
            continuous: vec![],
            log_prob_old: vec![],
            advantage: vec![],
        };
        for advantage in [1.3, -0.8] {
            for log_ratio in LOG_RATIOS {
                let mut y: Vec<f64> =
                    (0..dist.params()).map(|_| rng.normal_pair::<f64>()[0]).collect();
                if matches!(dist, AnyDist::Bernoulli(_)) {
                    // Its head output is a probability.
                    y[0] = 0.2 + 0.6 * f64::from(rng.uniform());
                }
                let mut discrete = vec![0; dist.discrete()];
                let mut continuous = vec![0.0; dist.continuous()];
                let a = ActionRowMut { discrete: &mut discrete, continuous: &mut continuous };
                dist.sample(&y, &mut rng, a);
                let a = ActionRow { discrete: &discrete, continuous: &continuous };
                let log_prob = dist.log_prob(&y, a);
                tile.y.extend(y);
                tile.discrete.extend(discrete);
                tile.continuous.extend(continuous);
                tile.log_prob_old.push(log_prob - log_ratio);
                tile.advantage.push(advantage);
            }
        }
        tile
    }

    fn rows<'a>(&'a self, y: &'a [f64]) -> PolicyRows<'a, f64> {
        PolicyRows {
            y,
            discrete: &self.discrete,
            continuous: &self.continuous,
            log_prob_old: &self.log_prob_old,
            advantage: &self.advantage,
            weight: 1.0 / self.advantage.len() as f64,
        }
    }

    fn gradient(
        &self,
        dist: &AnyDist,
        surrogate: Surrogate<f64>,
        y: &[f64],
    ) -> (f64, PolicySums, Vec<f64>) {
        let mut dy = vec![f64::NAN; y.len()];
        let sums = dist.head_gradient(surrogate, ENTROPY_COEF, &self.rows(y), &mut dy);
        let loss = (sums.loss - ENTROPY_COEF * sums.entropy) / sums.rows as f64;
        (loss, sums, dy)
    }
}

fn dists() -> Vec<AnyDist> {
    let spaces = [
        Space::Discrete { n: 2 },
        Space::Discrete { n: 6 },
        Space::uniform_box(1, -1.0, 1.0),
        Space::uniform_box(3, -1.0, 1.0),
    ];
    let build = |space: &Space| -> Vec<AnyDist> {
        let dists = DISTRIBUTIONS.iter().filter_map(|entry| (entry.config)().build(space).ok());
        dists.map(|dist| with_whole_gradient(dist.with_features(3))).collect()
    };
    spaces.iter().flat_map(build).collect()
}

/// gSDE leaves derivatives by the features out unless it is told otherwise.
fn with_whole_gradient(dist: AnyDist) -> AnyDist {
    match dist {
        AnyDist::Gsde(gsde) => AnyDist::Gsde(Gsde { learn_features: true, ..gsde }),
        other => other,
    }
}

const CLIP: Surrogate<f64> = Surrogate::Clip { low: 0.2, high: 0.3 };

#[test]
fn policy_gradients_are_derivatives_of_the_loss() {
    for dist in dists() {
        let tile = Tile::new(&dist);
        for surrogate in [Surrogate::LogProb, Surrogate::Ratio, CLIP] {
            let (_, _, dy) = tile.gradient(&dist, surrogate, &tile.y);
            let h = 1e-6;
            for j in 0..tile.y.len() {
                let at = |d: f64| {
                    let mut y = tile.y.clone();
                    y[j] += d;
                    tile.gradient(&dist, surrogate, &y).0
                };
                let want = (at(h) - at(-h)) / (2.0 * h);
                let close = (dy[j] - want).abs() < 1e-6;
                assert!(close, "{dist:?} {surrogate:?} entry {j}: {} instead of {want}", dy[j]);
            }
        }
    }
}

/// The sums against arithmetic on the chosen ratios e^-0.6, e^-0.1, 1, e^0.1, e^0.2, e^0.6
/// = 0.548812, 0.904837, 1, 1.105171, 1.221403, 1.822119; two lie outside [0.8, 1.3], for each
/// of the two advantages.
#[test]
fn policy_sums() {
    let dist = &dists()[0];
    let tile = Tile::new(dist);
    let (_, sums, _) = tile.gradient(dist, CLIP, &tile.y);
    assert_eq!((sums.rows, sums.clipped), (12, 4));
    // 0.548812 + 0.904837 + 1 + 1.105171 + 1.221403 + 1.822119 = 6.602342, twice.
    assert!((sums.ratio - 2.0 * 6.602_342).abs() < 1e-5);
    // Minus the sum of the log-ratios, 0.2, and of the ones, 6: 0.402342, twice.
    assert!((sums.approx_kl - 2.0 * 0.402_342).abs() < 1e-5);
    // A = 1.3: min(r, clip r) sums to 0.548812 + 0.904837 + 1 + 1.105171 + 1.221403 + 1.3
    // = 6.080223. A = -0.8: max(r, clip r) sums to
    // 0.8 + 0.904837 + 1 + 1.105171 + 1.221403 + 1.822119 = 6.853530.
    assert!((sums.loss - (-1.3 * 6.080_223 + 0.8 * 6.853_530)).abs() < 1e-5);
    let (_, plain, _) = tile.gradient(dist, Surrogate::LogProb, &tile.y);
    assert_eq!(plain.clipped, 0);
}

/// One row over two actions with ratio `exp(log_ratio)`: d loss / d y.
fn one_row(surrogate: Surrogate<f64>, log_ratio: f64, advantage: f64) -> [f64; 2] {
    let dist = gradwerk::dist::Categorical { n: 2 };
    let y = [0.0, 0.0];
    let mut dy = [f64::NAN; 2];
    let rows = PolicyRows {
        y: &y,
        discrete: &[1],
        continuous: &[],
        // log(1/2) is the log-probability of either action.
        log_prob_old: &[-std::f64::consts::LN_2 - log_ratio],
        advantage: &[advantage],
        weight: 1.0,
    };
    head_gradient(&dist, surrogate, 0.0, &rows, &mut dy);
    dy
}

/// At p = 1/2, `d log pi(1) / dy = (-1/2, 1/2)`, so `dy_1 = -A ratio / 2` or 0 if clipped.
/// The four kinks: the gradient vanishes only where moving on would not be rewarded.
#[test]
fn clip_kinks_from_both_sides() {
    let (low, high) = (libm::log(0.8), libm::log(1.3));
    let step = 1e-4;
    // (log ratio, advantage, ratio that counts or 0)
    let cases = [
        (high - step, 2.0, 1.3),
        (high + step, 2.0, 0.0),
        (high - step, -2.0, 1.3),
        (high + step, -2.0, 1.3),
        (low - step, 2.0, 0.8),
        (low + step, 2.0, 0.8),
        (low - step, -2.0, 0.0),
        (low + step, -2.0, 0.8),
    ];
    for (log_ratio, advantage, ratio) in cases {
        let dy = one_row(CLIP, log_ratio, advantage);
        let want = -advantage * ratio / 2.0;
        assert!((dy[1] - want).abs() < 1e-3, "{log_ratio} {advantage}: {dy:?} not {want}");
        assert!(ratio != 0.0 || dy == [0.0, 0.0]);
        assert!((dy[0] + dy[1]).abs() < 1e-12);
    }
}

/// A = 1 without entropy bonus is maximum likelihood: dy = p - 1[a].
#[test]
fn log_prob_surrogate_is_maximum_likelihood() {
    let dy = one_row(Surrogate::LogProb, 0.0, 1.0);
    assert!((dy[0] - 0.5).abs() < 1e-15 && (dy[1] + 0.5).abs() < 1e-15);
}

/// NaN in the advantage or the old log-probability reaches gradient and loss.
#[test]
fn nan_reaches_the_gradient() {
    for advantage in [f64::NAN, f64::NEG_INFINITY - f64::NEG_INFINITY] {
        for surrogate in [Surrogate::LogProb, Surrogate::Ratio, CLIP] {
            assert!(one_row(surrogate, 0.0, advantage)[1].is_nan());
        }
    }
    assert!(one_row(CLIP, f64::NAN, 1.0)[1].is_nan());
}

/// Sums over parts, merged in order, are the sums over the whole.
#[test]
fn sums_merge() {
    let all = dists();
    let dist = all.iter().find(|d| d.discrete() == 0).unwrap();
    let tile = Tile::new(dist);
    let whole = tile.gradient(dist, CLIP, &tile.y).1;
    let mut merged = PolicySums::default();
    for half in [0..6, 6..12] {
        let p = dist.params();
        let mut dy = vec![0.0; 6 * p];
        let rows = PolicyRows {
            y: &tile.y[half.start * p..half.end * p],
            discrete: &[],
            continuous: &tile.continuous[half.clone()],
            log_prob_old: &tile.log_prob_old[half.clone()],
            advantage: &tile.advantage[half],
            weight: 0.1,
        };
        merged.merge(&dist.head_gradient(CLIP, ENTROPY_COEF, &rows, &mut dy));
    }
    assert_eq!((merged.rows, merged.clipped), (whole.rows, whole.clipped));
    assert!((merged.loss - whole.loss).abs() < 1e-12);
    assert!((merged.entropy - whole.entropy).abs() < 1e-12);
    assert!((merged.approx_kl - whole.approx_kl).abs() < 1e-12);
    assert!((merged.ratio - whole.ratio).abs() < 1e-12);
}

fn value_row(clip: Option<f64>, value: f64, value_old: f64, target: f64) -> (ValueSums, f64) {
    let mut dv = [f64::NAN];
    let rows =
        ValueRows { value: &[value], value_old: &[value_old], target: &[target], weight: 0.25 };
    let sums = value_gradient(ValueLoss { coef: 0.5, clip }, &rows, &mut dv);
    (sums, dv[0])
}

/// Value, old value and target in every order, on both sides of each kink.
#[test]
fn value_gradients_are_derivatives_of_the_loss() {
    let h = 1e-6;
    for clip in [None, Some(0.2)] {
        for value in [-1.0, -0.21, -0.19, 0.0, 0.07, 0.19, 0.21, 1.0] {
            for target in [-2.0, -0.15, -0.05, 0.1, 0.3, 2.0] {
                let (_, dv) = value_row(clip, value, 0.0, target);
                let loss = |v| 0.25 * 0.5 * value_row(clip, v, 0.0, target).0.loss;
                let want = (loss(value + h) - loss(value - h)) / (2.0 * h);
                assert!((dv - want).abs() < 1e-6, "{clip:?} {value} {target}: {dv} {want}");
            }
        }
    }
}

/// v = 1, v_old = 0, G = 2, c = 0.2: v_clip = 0.2, (0.2 - 2)^2 / 2 = 1.62 > (1 - 2)^2 / 2, so
/// the loss is 1.62 and flat. Towards a target at -1 nothing is clipped: (1 + 1)^2 / 2 = 2.
#[test]
fn value_clip_is_pessimistic() {
    let (sums, dv) = value_row(Some(0.2), 1.0, 0.0, 2.0);
    assert!((sums.loss - 1.62).abs() < 1e-15 && dv == 0.0 && sums.clipped == 1);
    let (sums, dv) = value_row(Some(0.2), 1.0, 0.0, -1.0);
    // d = 0.25 * 0.5 * (1 + 1) = 0.25.
    assert!((sums.loss - 2.0).abs() < 1e-15 && dv == 0.25 && sums.clipped == 0);
    assert!(value_row(Some(0.2), f64::NAN, 0.0, 1.0).1.is_nan());
    assert!(value_row(Some(0.2), 1.0, 0.0, f64::NAN).1.is_nan());
    assert!(value_row(Some(0.2), 1.0, f64::NAN, 1.0).0.loss.is_nan());
}
