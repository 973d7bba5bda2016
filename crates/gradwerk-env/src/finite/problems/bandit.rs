//! `mdp/bandit`: one choice among three arms that pay 1 with probability 0.2, 0.5 and 0.8.

use crate::finite::{Mdp, MdpFactory};

const PAYS: [f64; 3] = [0.2, 0.5, 0.8];

/// `mdp/bandit`: the best expected return is 0.8.
pub static BANDIT: MdpFactory = MdpFactory::new(
    "mdp/bandit",
    "three arms that pay 1 with probability 0.2, 0.5, 0.8; one step",
    bandit,
);

fn bandit() -> Mdp {
    let mut mdp = Mdp::new("mdp/bandit", 1, PAYS.len());
    mdp.horizon = Some(1);
    for (arm, p) in PAYS.into_iter().enumerate() {
        mdp.ends((0, arm), 1.0 - p, 0, 0.0);
        mdp.ends((0, arm), p, 0, 1.0);
    }
    mdp
}
