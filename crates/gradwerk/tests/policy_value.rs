//! The return of a policy from episodes of another, against closed forms.
//!
//! The sparse one-state problem with n = 2 moves: `pi(move) = theta`, `mu(move) = 1/2`. Of four
//! equally likely pairs of draws of mu, one moves twice (reward 1), one moves and gives up, two
//! give up at once. A recording of exactly these four episodes *is* the distribution of mu, so
//! that means over it are expectations.

use gradwerk::estimate::{Weighed, policy_value};

const THETA: f64 = 0.8;

fn episode(moves: usize, gives_up: bool) -> Weighed {
    let (moved, gave_up) = (libm::log(THETA / 0.5), libm::log((1.0 - THETA) / 0.5));
    let mut log_ratio = vec![moved; moves];
    let mut reward = vec![0.0; moves];
    if gives_up {
        log_ratio.push(gave_up);
        reward.push(0.0);
    } else {
        reward[moves - 1] = 1.0;
    }
    Weighed { log_ratio, reward }
}

fn recording() -> Vec<Weighed> {
    vec![episode(2, false), episode(1, true), episode(0, true), episode(0, true)]
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
}

#[test]
fn means_are_the_return_of_the_other_policy() {
    let value = policy_value(&recording(), 1.0);
    // J = theta^2 = 0.64; the weights (2.56, 0.64, 0.4, 0.4) have the mean 1.
    close(value.ordinary.value, 0.64);
    close(value.self_normalised.value, 0.64);
    close(value.per_decision.value, 0.64);
    // ESS = (2.56 + 0.64 + 0.4 + 0.4)^2 / (6.5536 + 0.4096 + 0.16 + 0.16) = 16 / 7.2832.
    close(value.ess.ess, 16.0 / 7.2832);
    // Step 2: the weights of those that gave up at once stay 0.4 each; the rest as above.
    close(value.self_normalised_per_decision.value, 2.56 / (2.56 + 0.64 + 0.4 + 0.4));
}

/// `Var(W R) = theta^4 (m^-2 - 1)`: of the four episodes, m = 1/2, 0.4096 * 3 = 1.2288. The
/// standard error has the sample's variance, 4/3 of that, over 4.
#[test]
fn the_error_is_that_of_the_closed_form() {
    let value = policy_value(&recording(), 1.0);
    close(value.ordinary.std_error.unwrap(), (1.2288_f64 / 3.0).sqrt());
    // Delta method: sum of (W (R - J))^2 = (2.56 * 0.36)^2 + 0.64^2 (0.64^2 + 2 * 0.4^2), over
    // the sum of weights, 4. 0.92160^2 = 0.84934656; 0.4096 * (0.4096 + 0.32) = 0.29884416.
    let expected = (0.849_346_56_f64 + 0.298_844_16).sqrt() / 4.0;
    close(value.self_normalised.std_error.unwrap(), expected);
    assert_eq!(policy_value(&recording()[..1], 1.0).ordinary.std_error, None);
}

/// A reward before the ratios: 1 at step 0, then one more step. Per decision, the second ratio
/// does not weigh it; discount 1/2 halves a reward of the second step.
#[test]
fn rewards_are_weighed_by_the_ratios_before_them() {
    let one = |first: f64, second: f64, reward: [f64; 2]| Weighed {
        log_ratio: vec![libm::log(first), libm::log(second)],
        reward: reward.to_vec(),
    };
    let value = policy_value(&[one(2.0, 0.5, [1.0, 4.0]), one(0.5, 3.0, [0.0, 2.0])], 0.5);
    // Weights: (2, 1) and (0.5, 1.5). R = 1 + 0.5 * 4 = 3 and 0.5 * 2 = 1.
    // Ordinary: (1 * 3 + 1.5 * 1) / 2; self-normalised: 4.5 / 2.5.
    close(value.ordinary.value, 2.25);
    close(value.self_normalised.value, 1.8);
    // Per decision: (2 * 1 + 1 * 2 + 1.5 * 1) / 2.
    close(value.per_decision.value, 2.75);
    // Step by step: 2 * 1 / 2.5 + (1 * 2 + 1.5 * 1) / 2.5.
    close(value.self_normalised_per_decision.value, 0.8 + 1.4);
    // Errors per episode: step 0 around 0.8: 2 * 0.2 / 2.5 = 0.16 and 0.5 * (-0.8) / 2.5 = -0.16;
    // step 1 around 1.4: (2 - 1.4) / 2.5 = 0.24 and 1.5 * (1 - 1.4) / 2.5 = -0.24. Each 0.4.
    close(value.self_normalised_per_decision.std_error.unwrap(), (2.0 * 0.16_f64).sqrt());
}

/// The policy that acted is judged as it was, without an error from the weights.
#[test]
fn of_the_behaviour_itself_it_is_the_mean_return() {
    let mut same = recording();
    same.iter_mut().for_each(|e| e.log_ratio.fill(0.0));
    let value = policy_value(&same, 1.0);
    for estimate in [
        value.ordinary,
        value.self_normalised,
        value.per_decision,
        value.self_normalised_per_decision,
    ] {
        close(estimate.value, 0.25);
    }
    close(value.ess.share(), 1.0);
}
