//! V-trace against numbers worked out by hand.

use gradwerk::estimate::{EstimatorConfig, Kind, Steps, VtraceBounds, vtrace};

/// Two environments, two steps: environment 0 goes on beyond the rollout, environment 1 is
/// truncated in its first step; its second one belongs to the next episode and terminates.
/// gamma = 1/2.
fn steps() -> Steps<'static, f64> {
    Steps {
        t: 2,
        n: 2,
        reward: &[1.0, 2.0, 4.0, 3.0],
        discount: &[0.5, 0.5, 0.5, 0.0],
        carry: &[1.0, 0.0, 1.0, 0.0],
        value: &[2.0, 1.0, 6.0, 4.0],
        next_value: &[6.0, 8.0, 2.0, 9.0],
        score_square: &[],
        valid: &[true; 4],
        time: &[0, 0, 1, 0],
        gamma: 0.5,
    }
}

/// Ratios 2 and 1/4 in environment 0, 4 and 1/2 in environment 1.
const RATIO: [f64; 4] = [2.0, 4.0, 0.25, 0.5];

fn run(rho: f64, c: f64, lambda: f64) -> ([f64; 4], [f64; 4]) {
    let log_ratio = RATIO.map(libm::log);
    let (mut a, mut vs) = ([f64::NAN; 4], [f64::NAN; 4]);
    vtrace(&steps(), Some(&log_ratio), VtraceBounds { rho, c, lambda }, &mut a, &mut vs);
    (a, vs)
}

fn assert_close(what: &str, got: [f64; 4], want: [f64; 4]) {
    for (k, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() < 1e-13, "{what}, row {k}: {got} instead of {want}");
    }
}

#[test]
fn bounds_of_one() {
    let (a, vs) = run(1.0, 1.0, 1.0);
    // Row (1, 0), rho' = 1/4: vs = 6 + (4 + 2/2 - 6)/4 = 5.75, A = -1/4.
    // Row (0, 0), rho' = 1: vs = 2 + (1 + 6/2 - 2) + 1/2 (5.75 - 6) = 3.875, A = 1 + 5.75/2 - 2.
    // Row (1, 1), rho' = 1/2, terminated: vs = 4 + (3 - 4)/2 = 3.5, A = -1/2.
    // Row (0, 1), rho' = 1, truncated: vs = 1 + (2 + 8/2 - 1) = 6; nothing of the next episode.
    assert_close("vs", vs, [3.875, 6.0, 5.75, 3.5]);
    assert_close("A", a, [1.875, 5.0, -0.25, -0.5]);
}

#[test]
fn bounds_apart_and_a_shorter_trace() {
    let (a, vs) = run(3.0, 1.5, 0.5);
    // Row (0, 0), rho' = 2, c = min(1.5, 2)/2: vs = 2 + 2 * 2 + 1/2 * 0.75 * (-1/4) = 5.90625,
    // A = 2 * 1.875.   Row (0, 1), rho' = min(3, 4): vs = 1 + 3 * 5 = 16, A = 15.
    assert_close("vs", vs, [5.90625, 16.0, 5.75, 3.5]);
    assert_close("A", a, [3.75, 15.0, -0.25, -0.5]);
}

/// A ratio that is not a number reaches the row, whatever the bounds.
#[test]
fn nan_is_not_clipped_away() {
    let log_ratio = [0.0, f64::NAN, 0.0, 0.0];
    let bounds = VtraceBounds { rho: 1.0, c: 1.0, lambda: 1.0 };
    let (mut a, mut vs) = ([0.0; 4], [0.0; 4]);
    vtrace(&steps(), Some(&log_ratio), bounds, &mut a, &mut vs);
    assert!(a[1].is_nan() && vs[1].is_nan());
}

#[test]
fn impossible_bounds_are_refused() {
    let config = |rho_bar, c_bar| EstimatorConfig {
        kind: Kind::VTrace,
        rho_bar,
        c_bar,
        ..EstimatorConfig::default()
    };
    let text = |c: EstimatorConfig| c.check(false, true).unwrap_err().to_string();
    assert!(text(config(0.0, 1.0)).starts_with("estimator.rho_bar = 0"));
    assert!(text(config(1.0, f64::NAN)).starts_with("estimator.c_bar = NaN"));
}
