//! The closed forms of the Gaussian problems against differences, simulation and hand-made cases.

use gradwerk_env::exact_gaussian::{CONDITIONING, LinearQuadratic, QuadraticBandit, REGULATOR};
use gradwerk_env::{Actions, End, EpisodeKeys, StepRows, find};
use gradwerk_math::{Purpose, Real, Stream};

/// Central differences of `j(x, ln sigma)`.
fn differences(j: impl Fn(f64, f64) -> f64, x: f64, sigma: f64) -> [f64; 2] {
    let h = 1e-5;
    let at = |dx: f64, dl: f64| j(x + dx, sigma * Real::exp(dl));
    [(at(h, 0.0) - at(-h, 0.0)) / (2.0 * h), (at(0.0, h) - at(0.0, -h)) / (2.0 * h)]
}

fn close(got: [f64; 2], want: [f64; 2], what: &str) {
    for (g, w) in got.into_iter().zip(want) {
        assert!((g - w).abs() <= 1e-7 * (1.0 + w.abs()), "{what}: {got:?} against {want:?}");
    }
}

#[test]
fn gradients_agree_with_central_differences() {
    let bandit = QuadraticBandit { target: 0.5 };
    for (x, sigma) in [(-0.9, 0.3), (0.0, 1.0), (0.4, 0.05), (-1.7, 0.7)] {
        let got = bandit.gradient(x, sigma);
        close(got, differences(|m, s| bandit.objective(m, s), x, sigma), "bandit");
        for (name, p) in [("regulator", REGULATOR), ("conditioning", CONDITIONING)] {
            let got = p.gradient(x, sigma);
            close(got, differences(|k, s| p.objective(k, s), x, sigma), name);
        }
    }
}

#[test]
fn two_steps_by_hand() {
    let p = LinearQuadratic { horizon: 2, ..CONDITIONING };
    // k = -1/2, sigma^2 = 1/4: M_0 = 1, M_1 = 1/4 + 1/4 = 1/2, cost 1 + 1/4 = 5/4;
    // J = -(5/4 + 1/4) - (5/8 + 1/4) = -19/8.
    assert_eq!(p.objective(-0.5, 0.5), -2.375);
    // dM_1/dk = 2 * 1/2 * 1 = 1; dJ/dk = 2 * 1/2 * (1 + 1/2) - 5/4 = 1/4.
    // dM_1/d ln sigma = 2/4; dJ/d ln sigma = -5/4 * 1/2 - 2 * 2 * 1/4 = -13/8.
    assert_eq!(p.gradient(-0.5, 0.5), [0.25, -1.625]);
    // (1 + 1/2) / (1/4) = 6, 2 * 2.
    assert_eq!(p.fisher(-0.5, 0.5), [6.0, 4.0]);
}

/// Returns of the environment under `a = gain s + mean + sigma N(0, 1)`, and the product of the
/// score with the return, whose mean is the gradient.
fn simulate(id: &str, (gain, mean, sigma): (f64, f64, f64)) -> [Vec<f64>; 3] {
    const EPISODES: u64 = 20_000;
    let env = find(id).unwrap();
    let mut batch = env.make(7, EpisodeKeys::Training { first: 0 }, 1, &env.default_settings());
    let (mut obs, mut last, mut reward, mut end) = ([0.0], [0.0], [0.0], [End::Continue]);
    batch.reset(&mut obs);
    let mut out = [Vec::new(), Vec::new(), Vec::new()];
    for episode in 0..EPISODES {
        let (mut total, mut score, mut time) = (0.0, [0.0; 2], 0);
        loop {
            let s = f64::from(obs[0]);
            let [z, _] = Stream::new(9, Purpose::Test, time, episode).normal_pair::<f64>();
            let action = [(gain * s + mean + sigma * z) as f32];
            let mut rows = StepRows {
                obs: &mut obs,
                reward: &mut reward,
                end: &mut end,
                final_obs: &mut last,
            };
            batch.step(Actions { discrete: &[], continuous: &action }, &[true], &mut rows);
            total += reward[0];
            // d ln N / dm = z / sigma, times ds for the gain; d ln N / d ln sigma = z^2 - 1.
            let ds = if gain == 0.0 { 1.0 } else { s };
            score = [score[0] + ds * z / sigma, score[1] + z * z - 1.0];
            time += 1;
            if end[0].is_end() {
                break;
            }
        }
        out[0].push(total);
        out[1].push(score[0] * total);
        out[2].push(score[1] * total);
    }
    out
}

fn agrees(samples: &[f64], expected: f64, what: &str) {
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let variance = samples.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    let z = (mean - expected) / (variance / n).sqrt();
    // Nine such numbers at fixed seeds; |z| > 5.3 has p < 1e-7.
    assert!(z.abs() < 5.3, "{what}: {mean} against {expected}, z = {z}");
}

#[test]
fn simulation_agrees_with_the_closed_forms() {
    let bandit = QuadraticBandit { target: 0.5 };
    let (j, g) = (bandit.objective(0.2, 0.5), bandit.gradient(0.2, 0.5));
    let mut cases = vec![("gaussian/bandit", (0.0, 0.2, 0.5), [j, g[0], g[1]])];
    for (id, p, gain) in
        [("gaussian/lqr", REGULATOR, -1.2), ("gaussian/conditioning", CONDITIONING, -0.4)]
    {
        let g = p.gradient(gain, 0.3);
        cases.push((id, (gain, 0.0, 0.3), [p.objective(gain, 0.3), g[0], g[1]]));
    }
    for (id, policy, expected) in cases {
        let samples = simulate(id, policy);
        for (k, what) in ["J", "dJ/d mean or gain", "dJ/d ln sigma"].into_iter().enumerate() {
            agrees(&samples[k], expected[k], &format!("{id}: {what}"));
        }
    }
}
