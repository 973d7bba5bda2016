//! Action masks, on every distribution of the list that knows them: checked against sums over all
//! actions.

use gradwerk::dist::{ActionRow, ActionRowMut, AnyDist, DistConfig, Distribution, Widths};
use gradwerk_env::{Space, mask};
use gradwerk_math::{Purpose, Stream};

/// Spaces without continuous components, so that all actions can be listed.
fn spaces() -> Vec<Space> {
    let pair = Space::MultiDiscrete { n: vec![3, 2] };
    let bits = Space::MultiBinary { n: 3 };
    let both = Space::dict([
        ("pair", pair.clone()),
        ("one", Space::Discrete { n: 2 }),
        ("bits", bits.clone()),
    ]);
    vec![Space::Discrete { n: 5 }, pair, bits, both]
}

fn stream(step: u64) -> Stream {
    Stream::new(77, Purpose::Test, 1, step)
}

/// All actions of so many values per component.
fn actions(choices: &[usize]) -> Vec<Vec<u32>> {
    choices.iter().fold(vec![vec![]], |rows, &n| {
        let with = |row: &Vec<u32>, a| row.iter().copied().chain([a]).collect();
        rows.iter().flat_map(|row| (0..n as u32).map(move |a| with(row, a))).collect()
    })
}

fn row(discrete: &[u32]) -> ActionRow<'_, f64> {
    ActionRow { discrete, continuous: &[] }
}

/// A space, its distribution, unmasked heads, a mask and the masked heads.
struct Case {
    choices: Vec<usize>,
    dist: AnyDist,
    raw: Vec<f64>,
    mask: Vec<bool>,
    y: Vec<f64>,
}

impl Case {
    fn masked(&self, raw: &[f64]) -> Vec<f64> {
        let mut y = raw.to_vec();
        self.dist.apply_mask(&self.mask, &mut y);
        y
    }

    fn heads(&self, rng: &mut Stream) -> Vec<f64> {
        (0..self.dist.params()).map(|_| rng.normal_pair::<f64>()[0]).collect()
    }

    fn valid(&self, a: &[u32]) -> bool {
        mask::allows(&self.choices, &self.mask, a)
    }

    /// Sum of `f` over the valid actions, weighted with their probabilities.
    fn mean(&self, f: impl Fn(&[u32]) -> f64) -> f64 {
        let valid = actions(&self.choices).into_iter().filter(|a| self.valid(a));
        valid.map(|a| libm::exp(self.dist.log_prob(&self.y, row(&a))) * f(&a)).sum()
    }
}

fn for_all(check: impl Fn(&Case, &mut Stream)) {
    for space in spaces() {
        for trial in 0..20 {
            let mut rng = stream(trial);
            let dist = DistConfig::default().build(&space).unwrap();
            let choices = space.choices();
            assert_eq!(dist.mask(), choices.iter().sum::<usize>());
            let mut mask: Vec<bool> = (0..dist.mask()).map(|_| rng.below(2) == 0).collect();
            let mut start = 0;
            for &n in &choices {
                mask[start + rng.below(n as u32) as usize] = true;
                start += n;
            }
            let mut case = Case { choices, dist, raw: vec![], mask, y: vec![] };
            case.raw = case.heads(&mut rng);
            case.y = case.masked(&case.raw);
            check(&case, &mut rng);
        }
    }
}

#[test]
fn invalid_actions_have_probability_zero_and_the_valid_ones_share_it_all() {
    for_all(|case, _| {
        let mut total = 0.0;
        for a in actions(&case.choices) {
            let log_prob = case.dist.log_prob(&case.y, row(&a));
            assert_eq!(log_prob == f64::NEG_INFINITY, !case.valid(&a), "{a:?} of {:?}", case.dist);
            total += libm::exp(log_prob);
        }
        assert!((total - 1.0).abs() < 1e-12);
        // Among valid actions the odds are those without a mask.
        let valid: Vec<_> = actions(&case.choices).into_iter().filter(|a| case.valid(a)).collect();
        let odds = |y: &[f64]| {
            case.dist.log_prob(y, row(&valid[0]))
                - case.dist.log_prob(y, row(valid.last().unwrap()))
        };
        assert!((odds(&case.raw) - odds(&case.y)).abs() < 1e-12);
    });
}

#[test]
fn samples_and_modes_are_valid() {
    for_all(|case, rng| {
        let mut a = vec![0; case.choices.len()];
        for _ in 0..200 {
            case.dist.sample(&case.y, rng, ActionRowMut { discrete: &mut a, continuous: &mut [] });
            assert!(case.valid(&a), "{a:?} of {:?}", case.dist);
        }
        case.dist.mode(&case.y, ActionRowMut { discrete: &mut a, continuous: &mut [] });
        assert!(case.valid(&a));
    });
}

/// Entropy, divergence and Fisher matrix are sums over the valid actions.
#[test]
fn entropy_kl_and_fisher_are_over_the_valid_actions() {
    for_all(|case, rng| {
        let (dist, y) = (&case.dist, &case.y);
        let entropy = case.mean(|a| -dist.log_prob(y, row(a)));
        assert!((dist.entropy(y) - entropy).abs() < 1e-12);
        let new = case.masked(&case.heads(rng));
        let kl = case.mean(|a| dist.log_prob(y, row(a)) - dist.log_prob(&new, row(a)));
        assert!((dist.kl(y, &new) - kl).abs() < 1e-12);
        let v = case.heads(rng);
        let mut product = vec![0.0; y.len()];
        dist.add_fisher_product(y, &v, 1.0, &mut product);
        let score = |a: &[u32]| {
            let mut score = vec![0.0; y.len()];
            dist.add_log_prob_grad(y, row(a), 1.0, &mut score);
            score
        };
        for (j, product) in product.iter().enumerate() {
            let along = |a: &[u32]| score(a).iter().zip(&v).map(|(s, v)| s * v).sum::<f64>();
            let want = case.mean(|a| score(a)[j] * along(a));
            assert!((product - want).abs() < 1e-12, "{product} for {want}");
        }
    });
}

/// All derivatives are those of the masked functions by the unmasked heads, and exactly 0 where
/// the mask fixes a logit.
#[test]
fn gradients_are_those_of_the_masked_functions() {
    for_all(|case, rng| {
        let (dist, y) = (&case.dist, &case.y);
        let mut a = vec![0; case.choices.len()];
        dist.sample(y, rng, ActionRowMut { discrete: &mut a, continuous: &mut [] });
        let old = case.masked(&case.heads(rng));
        let (mut fused, mut kl) = (vec![f64::NAN; y.len()], vec![0.0; y.len()]);
        let evaluated = dist.evaluate_one(y, row(&a), &mut fused);
        dist.turn_into_grad(y, row(&a), evaluated, 1.5, -0.7, &mut fused);
        dist.add_kl_grad(&old, y, 1.0, &mut kl);
        for j in 0..y.len() {
            let at = |h: f64| {
                let mut raw = case.raw.clone();
                raw[j] += h;
                let y = case.masked(&raw);
                (1.5 * dist.log_prob(&y, row(&a)) - 0.7 * dist.entropy(&y), dist.kl(&old, &y))
            };
            let ((p, p_kl), (m, m_kl)) = (at(1e-5), at(-1e-5));
            assert!((fused[j] - (p - m) / 2e-5).abs() < 1e-8, "{} of {:?}", fused[j], case.dist);
            assert!((kl[j] - (p_kl - m_kl) / 2e-5).abs() < 1e-8);
            if y[j].is_infinite() {
                assert_eq!((fused[j], kl[j]), (0.0, 0.0));
            }
        }
    });
}

/// Ten thousand actions in single precision, three of them valid: as three actions alone.
#[test]
fn ten_thousand_actions() {
    let (many, few) = (10_000, [17, 5_000, 9_999]);
    let build = |n| DistConfig::default().build(&Space::Discrete { n }).unwrap();
    let (dist, small) = (build(many), build(3));
    let mut rng = stream(1);
    let mut y: Vec<f32> = (0..many).map(|_| 300.0 * rng.normal_pair::<f32>()[0]).collect();
    for (k, &a) in few.iter().enumerate() {
        y[a] = k as f32;
    }
    let mask: Vec<bool> = (0..many).map(|a| few.contains(&a)).collect();
    dist.apply_mask(&mask, &mut y);
    let y3 = [0.0_f32, 1.0, 2.0];
    assert_eq!(Distribution::entropy(&dist, &y), Distribution::entropy(&small, &y3));
    for (k, &a) in few.iter().enumerate() {
        let (a, k) = ([a as u32], [k as u32]);
        let (a, k) = (
            ActionRow { discrete: &a, continuous: &[] },
            ActionRow { discrete: &k, continuous: &[] },
        );
        assert_eq!(dist.log_prob(&y, a), small.log_prob(&y3, k));
        let (mut work, mut work3) = (vec![0.0; many], [0.0; 3]);
        let evaluated = dist.evaluate_one(&y, a, &mut work);
        dist.turn_into_grad(&y, a, evaluated, 1.0, 0.01, &mut work);
        let evaluated = small.evaluate_one(&y3, k, &mut work3);
        small.turn_into_grad(&y3, k, evaluated, 1.0, 0.01, &mut work3);
        assert_eq!(few.map(|a| work[a]), work3);
        assert!(work.iter().enumerate().all(|(j, &d)| few.contains(&j) || d == 0.0));
    }
}
