//! `mdp/tiger`: behind which door is the tiger? (Kaelbling, Littman and Cassandra 1998)
//!
//! Actions: 0 listens, which costs 1 and tells the side correctly with probability 0.85; 1 opens
//! the left door and 2 the right one, which ends the episode with 10, or with -100 where the
//! tiger is. Observations: 0 nothing heard yet, 1 a noise on the left, 2 on the right. The state
//! is never shown. Discount 0.95, cut after 10 steps.
//!
//! In the original the world starts anew after a door was opened; here the episode ends.

use crate::finite::{Emission, Mdp, MdpFactory, Observation};

const LISTEN: usize = 0;
/// Probability that a noise is heard on the side of the tiger.
const CORRECT: f64 = 0.85;
/// The state that follows an open door.
const OVER: usize = 2;

/// `mdp/tiger`.
pub static TIGER: MdpFactory = MdpFactory::new(
    "mdp/tiger",
    "listen for a tiger, then open a door; partially observed, 3 observations, 3 actions",
    tiger,
);

fn tiger() -> Mdp {
    let mut mdp = Mdp::new("mdp/tiger", 3, 3);
    mdp.start = vec![0.5, 0.5, 0.0];
    mdp.discount = Some(0.95);
    mdp.horizon = Some(10);
    for side in 0..2 {
        mdp.goes((side, LISTEN), 1.0, side, -1.0);
        for door in 0..2 {
            let reward = if door == side { -100.0 } else { 10.0 };
            mdp.ends((side, 1 + door), 1.0, OVER, reward);
        }
    }
    mdp.observation = Observation::Emitted(emission());
    mdp
}

fn emission() -> Emission {
    let silence = [1.0, 0.0, 0.0];
    let heard = [[0.0, CORRECT, 1.0 - CORRECT], [0.0, 1.0 - CORRECT, CORRECT], silence];
    let after_door = [silence; 3];
    let after = [heard, after_door, after_door].concat().concat();
    Emission { observations: 3, first: [silence; 3].concat(), after }
}
