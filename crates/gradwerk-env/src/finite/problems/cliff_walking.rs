//! CliffWalking-v1: walk along a cliff from one end to the other (Sutton and Barto, Example 6.6).
//!
//! Four rows of twelve; the start is the lower left corner, the goal the lower right one, and
//! the cliff lies between them. Actions: 0 up, 1 right, 2 down, 3 left. Reward -1 per step;
//! stepping into the cliff costs 100 and leads back to the start. Only the goal ends the episode.

use crate::finite::{Mdp, MdpFactory};

const ROWS: usize = 4;
const COLUMNS: usize = 12;
const START: usize = 36;
const GOAL: usize = 47;

/// `CliffWalking-v1`: the best return is -13.
pub static CLIFF_WALKING: MdpFactory = MdpFactory::new(
    "CliffWalking-v1",
    "walk 4x12 cells along a cliff; 48 states, 4 actions, -1 per step, -100 at the cliff",
    || cliff("CliffWalking-v1", false),
);

/// `CliffWalkingSlippery-v1`: a third of the moves go where they should, a third to either side.
pub static CLIFF_WALKING_SLIPPERY: MdpFactory = MdpFactory::new(
    "CliffWalkingSlippery-v1",
    "CliffWalking-v1 on ice: two thirds of the moves slip aside",
    || cliff("CliffWalkingSlippery-v1", true),
);

fn cliff(name: &str, slippery: bool) -> Mdp {
    let mut mdp = Mdp::new(name, ROWS * COLUMNS, 4);
    mdp.start.fill(0.0);
    mdp.start[START] = 1.0;
    mdp.allow_unreachable = true; // the cells of the cliff
    for state in 0..ROWS * COLUMNS {
        for action in 0..4 {
            let directions = match slippery {
                false => vec![action],
                true => vec![(action + 3) % 4, action, (action + 1) % 4],
            };
            let p = 1.0 / directions.len() as f64;
            for direction in directions {
                match moved(state, direction) {
                    next if (START + 1..GOAL).contains(&next) => {
                        mdp.goes((state, action), p, START, -100.0);
                    }
                    GOAL => mdp.ends((state, action), p, GOAL, -1.0),
                    next => mdp.goes((state, action), p, next, -1.0),
                }
            }
        }
    }
    mdp
}

fn moved(state: usize, direction: usize) -> usize {
    let (row, column) = (state / COLUMNS, state % COLUMNS);
    let (row, column) = match direction {
        0 => (row.saturating_sub(1), column),
        1 => (row, (column + 1).min(COLUMNS - 1)),
        2 => ((row + 1).min(ROWS - 1), column),
        _ => (row, column.saturating_sub(1)),
    };
    row * COLUMNS + column
}
