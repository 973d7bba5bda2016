//! The categorical distribution against sums, chi-square and edge cases.

use gradwerk::dist::{ActionRow, ActionRowMut, ActionRows, Categorical, Distribution, Evaluated};
use gradwerk_math::{Purpose, Stream};

fn log_prob(y: &[f64], action: u32) -> f64 {
    let dist = Categorical { n: y.len() };
    dist.log_prob(y, ActionRow { discrete: &[action], continuous: &[] })
}

fn sample(y: &[f32], rng: &mut Stream) -> usize {
    let mut action = [0];
    let a = ActionRowMut { discrete: &mut action, continuous: &mut [] };
    Categorical { n: y.len() }.sample(y, rng, a);
    action[0] as usize
}

#[test]
fn probabilities_sum_to_one_and_give_entropy_and_kl() {
    let (p, q) = ([0.3, -1.2, 2.5, 0.0], [-0.4, 0.1, 1.0, 2.0]);
    let (mut total, mut entropy, mut kl) = (0.0, 0.0, 0.0);
    for a in 0..4 {
        let (lp, lq) = (log_prob(&p, a), log_prob(&q, a));
        total += libm::exp(lp);
        entropy -= libm::exp(lp) * lp;
        kl += libm::exp(lp) * (lp - lq);
    }
    let dist = Categorical { n: 4 };
    assert!((total - 1.0).abs() < 1e-14);
    assert!((dist.entropy(&p) - entropy).abs() < 1e-14);
    assert!((dist.kl(&p, &q) - kl).abs() < 1e-14);
}

/// Pearson's statistic of 100,000 draws over 6 actions; 5 degrees of freedom, so 20.5 is the
/// 99.9 % quantile (R: qchisq(0.999, 5) = 20.515). The seed is fixed.
#[test]
fn samples_follow_the_probabilities() {
    let y = [0.0_f32, 1.0, -2.0, 0.5, 2.0, -1.0];
    let y64: Vec<f64> = y.iter().map(|&y| f64::from(y)).collect();
    let mut rng = Stream::new(5, Purpose::Test, 0, 0);
    let draws = 100_000;
    let mut counts = [0_u32; 6];
    for _ in 0..draws {
        counts[sample(&y, &mut rng)] += 1;
    }
    let statistic: f64 = (0..6)
        .map(|a| {
            let expected = f64::from(draws) * libm::exp(log_prob(&y64, a as u32));
            let d = f64::from(counts[a]) - expected;
            d * d / expected
        })
        .sum();
    assert!(statistic < 20.5, "chi-square {statistic}, counts {counts:?}");
}

/// A masked action has probability 0 wherever it stands, entropy ignores it, and its gradient
/// is 0, not NaN.
#[test]
fn masked_actions_are_never_drawn() {
    let masked = f32::NEG_INFINITY;
    let y = [masked, 0.5, masked, -0.5, masked];
    let mut rng = Stream::new(6, Purpose::Test, 0, 0);
    for _ in 0..20_000 {
        assert!([1, 3].contains(&sample(&y, &mut rng)));
    }
    let dist = Categorical { n: 5 };
    let (full, short) = (dist.entropy(&y), Categorical { n: 2 }.entropy(&[0.5_f32, -0.5]));
    assert!((full - short).abs() < 1e-6);
    assert_eq!(dist.kl(&y, &y), 0.0);
    let mut dy = [0.0_f32; 5];
    let a = ActionRow { discrete: &[1], continuous: &[] };
    let mut evaluated = [Evaluated::default()];
    let rows = ActionRows { discrete: &[1], continuous: &[] };
    dist.evaluate(&y, rows, &mut dy, &mut evaluated);
    dist.turn_into_grad(&y, a, evaluated[0], 1.0, 1.0, &mut dy);
    assert_eq!([dy[0], dy[2], dy[4]], [0.0; 3]);
    assert!(dy[1].is_finite() && dy[3] != 0.0);
}

/// Logits far from 0 neither overflow nor lose the difference: log(1/(1+e)) = -1.3132616875.
#[test]
fn log_softmax_is_stable() {
    for shift in [0.0, 1e4, -1e4] {
        assert!((log_prob(&[shift, shift + 1.0], 0) + 1.313_261_687_518_223).abs() < 1e-11);
    }
    // exp(-200) underflows in single precision, the logarithm does not.
    let a = ActionRow { discrete: &[1], continuous: &[] };
    assert_eq!(Categorical { n: 2 }.log_prob(&[0.0_f32, -200.0], a), -200.0);
}

/// Nothing can be acted on if all actions are masked: that is a NaN, not an action.
#[test]
fn all_masked_is_nan() {
    assert!(log_prob(&[f64::NEG_INFINITY; 3], 0).is_nan());
    assert!(log_prob(&[f64::INFINITY, 0.0], 1).is_nan());
}
