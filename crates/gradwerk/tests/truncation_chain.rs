//! The chain that tells the ways of treating a time limit apart: `s' = min(s + 1, 3)`, reward 1
//! only for steps taken in s = 3, uniform start, cut every 3 steps, gamma = 0.9. True values:
//! `V(3) = 1 / (1 - 0.9) = 10`, then times 0.9: 9, 8.1, 7.29.

use gradwerk::estimate::{Steps, gae, reward_to_go};

const GAMMA: f64 = 0.9;
const TRUE_VALUE: [f64; 4] = [7.29, 8.1, 9.0, 10.0];
/// Value of a reset observation, (7.29 + 8.1 + 9 + 10) / 4, with the start uniform.
const RESET_VALUE: f64 = 8.5975;

/// What stands in for the value after a truncated step; only `FinalObservation` is right.
#[derive(Clone, Copy)]
enum AtTruncation {
    FinalObservation,
    SameObservation,
    ResetObservation,
    Terminated,
}

/// Four environments, one per start, two episodes of three steps each: episode 1 of environment
/// i starts in i, episode 2 in 3 - i. `[T = 6, N = 4]`.
struct Chain {
    state: Vec<usize>,
    reward: Vec<f64>,
    discount: Vec<f64>,
    carry: Vec<f64>,
    value: Vec<f64>,
    next_value: Vec<f64>,
    valid: Vec<bool>,
    time: Vec<u32>,
}

impl Chain {
    fn new(v: &[f64; 4], at_truncation: AtTruncation) -> Self {
        let rows = || (0..24).map(|row| (row / 4, row % 4));
        let state_at = |(t, i): (usize, usize)| {
            let start = if t < 3 { i } else { 3 - i };
            (start + t % 3).min(3)
        };
        let next_value = |(t, i): (usize, usize)| {
            let s = state_at((t, i));
            let reset = v.iter().sum::<f64>() / 4.0;
            match (t % 3 == 2, at_truncation) {
                (true, AtTruncation::SameObservation) => v[s],
                (true, AtTruncation::ResetObservation) => reset,
                _ => v[(s + 1).min(3)],
            }
        };
        let terminated = matches!(at_truncation, AtTruncation::Terminated);
        Self {
            state: rows().map(state_at).collect(),
            reward: rows().map(|r| if state_at(r) == 3 { 1.0 } else { 0.0 }).collect(),
            discount: rows()
                .map(|(t, _)| if terminated && t % 3 == 2 { 0.0 } else { GAMMA })
                .collect(),
            carry: rows().map(|(t, _)| if t % 3 == 2 { 0.0 } else { 1.0 }).collect(),
            value: rows().map(|r| v[state_at(r)]).collect(),
            next_value: rows().map(next_value).collect(),
            valid: vec![true; 24],
            time: rows().map(|(t, _)| (t % 3) as u32).collect(),
        }
    }

    fn steps(&self) -> Steps<'_, f64> {
        Steps {
            t: 6,
            n: 4,
            reward: &self.reward,
            discount: &self.discount,
            carry: &self.carry,
            value: &self.value,
            next_value: &self.next_value,
            score_square: &[],
            valid: &self.valid,
            time: &self.time,
            gamma: GAMMA,
        }
    }

    fn advantage(&self, lambda: f64) -> Vec<f64> {
        let mut advantage = vec![f64::NAN; 24];
        gae(&self.steps(), lambda, &mut advantage);
        advantage
    }
}

fn assert_rows(got: &[f64], want: impl Fn(usize, usize) -> f64) {
    for (row, &got) in got.iter().enumerate() {
        let (t, i) = (row / 4, row % 4);
        assert!((got - want(t, i)).abs() < 1e-13, "t = {t}, i = {i}: {got}, not {}", want(t, i));
    }
}

#[test]
fn true_values_have_no_advantage() {
    let chain = Chain::new(&TRUE_VALUE, AtTruncation::FinalObservation);
    for lambda in [0.0, 0.95, 1.0] {
        assert_rows(&chain.advantage(lambda), |_, _| 0.0);
    }
    let mut returns = vec![f64::NAN; 24];
    reward_to_go(&chain.steps(), &mut returns);
    assert_rows(&returns, |t, i| TRUE_VALUE[chain.state[t * 4 + i]]);
}

/// Error at the cut, with lambda = 1 carried back with 0.9 per step, within the episode only.
fn carried_back(t: usize, error: f64) -> f64 {
    error * [0.81, 0.9, 1.0][t % 3]
}

/// Only the episode that starts in 0 is cut outside state 3, in state 2:
/// `0 + 0.9 * 9 - 9 = -0.9`. In state 3 both observations are worth 10.
#[test]
fn bootstrapping_with_the_same_observation_differs() {
    let wrong = Chain::new(&TRUE_VALUE, AtTruncation::SameObservation).advantage(1.0);
    assert_rows(&wrong, |t, i| {
        let start = if t < 3 { i } else { 3 - i };
        if start == 0 { carried_back(t, -0.9) } else { 0.0 }
    });
}

/// `0.9 * (8.5975 - 10) = -1.26225` at every cut.
#[test]
fn bootstrapping_with_the_reset_observation_differs() {
    let wrong = Chain::new(&TRUE_VALUE, AtTruncation::ResetObservation).advantage(1.0);
    assert_rows(&wrong, |t, _| carried_back(t, GAMMA * (RESET_VALUE - 10.0)));
}

/// The value of what follows, 0.9 * 10, is missing at every cut.
#[test]
fn treating_truncation_as_termination_differs() {
    let wrong = Chain::new(&TRUE_VALUE, AtTruncation::Terminated).advantage(1.0);
    assert_rows(&wrong, |t, _| carried_back(t, -9.0));
}

/// With V = 0, environment 0 earns (0, 0, 0) and then, from state 3, (1, 1, 1):
/// A = (0, 0, 0, 2.71, 1.9, 1). A leak adds 0.9^(3 - t) * 2.71 to the first episode.
#[test]
fn a_leak_into_the_previous_episode_differs() {
    let mut chain = Chain::new(&[0.0; 4], AtTruncation::FinalObservation);
    let of_environment_0 = |a: &[f64]| -> Vec<f64> { (0..6).map(|t| a[t * 4]).collect() };
    let close =
        |got: &[f64], want: &[f64; 6]| got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-13);
    let right = of_environment_0(&chain.advantage(1.0));
    assert!(close(&right, &[0.0, 0.0, 0.0, 2.71, 1.9, 1.0]), "{right:?}");
    chain.carry.fill(1.0);
    let leaked = of_environment_0(&chain.advantage(1.0));
    // 2.71 * (0.729, 0.81, 0.9) = (1.97559, 2.1951, 2.439)
    assert!(close(&leaked, &[1.97559, 2.1951, 2.439, 2.71, 1.9, 1.0]), "{leaked:?}");
}

/// Throwing the truncated step away loses its reward: from state 3 with V = 0, A = (1.9, 1, -)
/// instead of (2.71, 1.9, 1), and 16 transitions instead of 24.
#[test]
fn dropping_the_truncated_step_differs() {
    let mut chain = Chain::new(&[0.0; 4], AtTruncation::FinalObservation);
    for row in 0..24 {
        chain.valid[row] = row / 4 % 3 != 2;
    }
    let dropped = chain.advantage(1.0);
    let from_3: Vec<f64> = (0..3).map(|t| dropped[t * 4 + 3]).collect();
    assert!((from_3[0] - 1.9).abs() < 1e-15 && from_3[1] == 1.0 && from_3[2] == 0.0);
    let counted = gradwerk::estimate::moments(&dropped, &chain.valid);
    assert_eq!(counted.rows, 16);
}

/// One-step learning to convergence: each state's value becomes the mean target of its rows.
fn learned_values(at_truncation: AtTruncation) -> [f64; 4] {
    let mut v = [0.0; 4];
    for _ in 0..400 {
        let chain = Chain::new(&v, at_truncation);
        let advantage = chain.advantage(0.0);
        for (s, v) in v.iter_mut().enumerate() {
            let rows = (0..24).filter(|&row| chain.state[row] == s);
            let (count, sum) = rows.fold((0.0, 0.0), |(count, sum), row| {
                (count + 1.0, sum + advantage[row] + chain.value[row])
            });
            *v = sum / count;
        }
    }
    v
}

/// The values that learning ends at, published with the problem to two digits: 7.29 if right,
/// else 6.94, 3.83 and 0.88. For the same observation: `V(2) = (2 * 0.9 * 10 + 0.9 V(2)) / 3`,
/// so `V(2) = 6 / 0.7` and `V(0) = 0.81 * 6 / 0.7 = 6.942857`.
#[test]
fn learning_finds_the_true_values_only_with_the_final_observation() {
    let right = learned_values(AtTruncation::FinalObservation);
    assert!(right.iter().zip(TRUE_VALUE).all(|(v, want)| (v - want).abs() < 1e-12), "{right:?}");
    let wrong = |at| (learned_values(at)[0] * 100.0).round() / 100.0;
    assert_eq!(wrong(AtTruncation::SameObservation), 6.94);
    assert_eq!(wrong(AtTruncation::ResetObservation), 3.83);
    assert_eq!(wrong(AtTruncation::Terminated), 0.88);
}
