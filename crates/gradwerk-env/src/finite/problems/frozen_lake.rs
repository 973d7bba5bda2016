//! FrozenLake-v1: cross a frozen lake without falling into a hole.
//!
//! Actions: 0 left, 1 down, 2 right, 3 up. On slippery ice one third of the moves go where they
//! should and one third to either side. Reward 1 on entering the goal, else 0; a hole and the
//! goal end the episode. States count row by row from the start in the upper left corner.

use crate::finite::{Mdp, MdpFactory};

const SMALL: [&str; 4] = ["SFFF", "FHFH", "FFFH", "HFFG"];
const LARGE: [&str; 8] = [
    "SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG",
];

/// `FrozenLake-v1`: 4x4, slippery; the best policy reaches the goal in 74 % of episodes.
pub static FROZEN_LAKE: MdpFactory = MdpFactory::new(
    "FrozenLake-v1",
    "cross 4x4 slippery ice to the goal; 16 states, 4 actions, reward 1 at the goal",
    || lake("FrozenLake-v1", &SMALL, true, 100),
)
.solved_at(0.7);

/// `FrozenLake8x8-v1`: 8x8, slippery.
pub static FROZEN_LAKE_8X8: MdpFactory = MdpFactory::new(
    "FrozenLake8x8-v1",
    "cross 8x8 slippery ice to the goal; 64 states, 4 actions, reward 1 at the goal",
    || lake("FrozenLake8x8-v1", &LARGE, true, 200),
)
.solved_at(0.85);

/// `FrozenLakeNotSlippery-v1`: 4x4, every move goes where it should (`is_slippery=False`).
pub static FROZEN_LAKE_NOT_SLIPPERY: MdpFactory =
    MdpFactory::new("FrozenLakeNotSlippery-v1", "FrozenLake-v1 without slipping", || {
        lake("FrozenLakeNotSlippery-v1", &SMALL, false, 100)
    })
    .solved_at(0.99);

/// `FrozenLake8x8NotSlippery-v1`: 8x8, every move goes where it should.
pub static FROZEN_LAKE_8X8_NOT_SLIPPERY: MdpFactory =
    MdpFactory::new("FrozenLake8x8NotSlippery-v1", "FrozenLake8x8-v1 without slipping", || {
        lake("FrozenLake8x8NotSlippery-v1", &LARGE, false, 200)
    })
    .solved_at(0.99);

fn lake(name: &str, map: &[&str], slippery: bool, horizon: u32) -> Mdp {
    let cells: Vec<u8> = map.concat().into_bytes();
    let mut mdp = Mdp::new(name, cells.len(), 4);
    mdp.horizon = Some(horizon);
    for state in 0..cells.len() {
        for action in 0..4 {
            if b"GH".contains(&cells[state]) {
                mdp.ends((state, action), 1.0, state, 0.0);
                continue;
            }
            for (p, direction) in moves(action, slippery) {
                let next = moved(state, direction, map.len());
                let reward = f64::from(u8::from(cells[next] == b'G'));
                match cells[next] {
                    b'G' | b'H' => mdp.ends((state, action), p, next, reward),
                    _ => mdp.goes((state, action), p, next, reward),
                }
            }
        }
    }
    mdp
}

/// Probability and direction of each outcome of a move, in Gymnasium's order and rounding.
fn moves(action: usize, slippery: bool) -> Vec<(f64, usize)> {
    if !slippery {
        return vec![(1.0, action)];
    }
    let straight = 1.0 / 3.0;
    let aside = (1.0 - straight) / 2.0;
    vec![(aside, (action + 3) % 4), (straight, action), (aside, (action + 1) % 4)]
}

fn moved(state: usize, direction: usize, side: usize) -> usize {
    let (row, column) = (state / side, state % side);
    let (row, column) = match direction {
        0 => (row, column.saturating_sub(1)),
        1 => ((row + 1).min(side - 1), column),
        2 => (row, (column + 1).min(side - 1)),
        _ => (row.saturating_sub(1), column),
    };
    row * side + column
}
