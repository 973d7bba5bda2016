//! `mdp/chain-N`: a corridor of N states with a prize at its far end.
//!
//! Starts in state 0. Action 1 goes right and action 0 left; one move in ten slips the other way.
//! Leaving the last state to the right pays 1 and ends the episode. Staying at the left end pays
//! 0.1, which a greedy agent prefers for a while. Discount 0.9, cut after 2 N - 2 steps.

use crate::finite::{Mdp, MdpFactory};

/// `mdp/chain-5`; other lengths are found by their number.
pub static CHAIN_5: MdpFactory = MdpFactory::new(
    "mdp/chain-5",
    "a corridor with a prize at its far end, 5 states (any N from 2 to 1000: mdp/chain-N), 2 actions",
    || chain(5),
);

const SLIP: f64 = 0.1;

/// The chain of `n` states.
///
/// # Panics
/// If `n` is below 2.
#[must_use]
pub fn chain(n: usize) -> Mdp {
    assert!(n >= 2, "a chain of {n} states, expected at least 2");
    let mut mdp = Mdp::new(format!("mdp/chain-{n}"), n, 2);
    mdp.horizon = u32::try_from(2 * n - 2).ok();
    mdp.discount = Some(0.9);
    for state in 0..n {
        for action in 0..2 {
            for (p, to_right) in [(1.0 - SLIP, action == 1), (SLIP, action != 1)] {
                match (to_right, state) {
                    (true, s) if s == n - 1 => mdp.ends((state, action), p, s, 1.0),
                    (true, s) => mdp.goes((state, action), p, s + 1, 0.0),
                    (false, 0) => mdp.goes((state, action), p, 0, 0.1),
                    (false, s) => mdp.goes((state, action), p, s - 1, 0.0),
                }
            }
        }
    }
    mdp
}
