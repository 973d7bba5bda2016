//! The one-state problem of the course's homework, and its sparse variant.
//!
//! With `theta` the probability of action 0:
//! - `mdp/one-state`: action 0 pays 1 and stays, action 1 ends the episode.
//!   `J = theta / (1 - theta)`, `grad J = 1 / (1 - theta)^2`.
//! - `mdp/one-state-sparse`: action 0 must be taken `n` times; the last of them pays 1, action 1
//!   ends the episode with nothing. All states look the same. `J = theta^n`,
//!   `grad J = n theta^(n-1)`.

use crate::finite::{Mdp, MdpFactory, Observation};

/// `mdp/one-state`. The table has neither horizon nor discount; as an environment it is cut after
/// 200 steps, so that a policy that never ends can be trained and evaluated.
pub static ONE_STATE: MdpFactory = MdpFactory::new(
    "mdp/one-state",
    "action 0 pays 1 and stays, action 1 ends the episode; J = theta / (1 - theta)",
    one_state,
)
.played_for(200);

/// `mdp/one-state-sparse` with 4 moves, that is H = 5.
pub static ONE_STATE_SPARSE: MdpFactory = MdpFactory::new(
    "mdp/one-state-sparse",
    "action 0 must be taken 4 times, the last pays 1; action 1 ends with nothing; J = theta^4",
    || one_state_sparse(SPARSE_MOVES),
);

/// Moves that `mdp/one-state-sparse` needs: `n = H - 1` with H = 5.
pub const SPARSE_MOVES: usize = 4;

fn one_state() -> Mdp {
    let mut mdp = Mdp::new("mdp/one-state", 1, 2);
    mdp.goes((0, 0), 1.0, 0, 1.0);
    mdp.ends((0, 1), 1.0, 0, 0.0);
    mdp
}

/// The sparse variant that needs `moves` moves; the states count those made.
///
/// # Panics
/// If `moves` is 0.
#[must_use]
pub fn one_state_sparse(moves: usize) -> Mdp {
    assert!(moves > 0, "0 moves, expected at least 1");
    let mut mdp = Mdp::new("mdp/one-state-sparse", moves + 1, 2);
    mdp.horizon = u32::try_from(moves).ok();
    for made in 0..moves {
        match made + 1 == moves {
            true => mdp.ends((made, 0), 1.0, moves, 1.0),
            false => mdp.goes((made, 0), 1.0, made + 1, 0.0),
        }
        mdp.ends((made, 1), 1.0, made, 0.0);
    }
    mdp.observation = Observation::Aggregated { observations: 1, of: vec![0; moves + 1] };
    mdp
}
