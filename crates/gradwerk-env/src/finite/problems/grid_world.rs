//! `mdp/gridworld`: the world of three rows and four columns of Russell and Norvig, *Artificial
//! Intelligence: A Modern Approach*, section "Sequential decision problems".
//!
//! ```text
//! 0  1  2  3     3 pays +1 and ends the episode
//! 4  #  5  6     6 pays -1 and ends it; # is a wall
//! 7  8  9 10     7 is the start
//! ```
//!
//! Actions: 0 up, 1 right, 2 down, 3 left. A move goes as intended with probability 0.8 and to
//! either side with 0.1; bumping into a wall stays. Every step costs 0.04.

use crate::finite::{Mdp, MdpFactory};

/// The index of each cell, row by row; `None` is the wall.
const CELLS: [[Option<usize>; 4]; 3] = [
    [Some(0), Some(1), Some(2), Some(3)],
    [Some(4), None, Some(5), Some(6)],
    [Some(7), Some(8), Some(9), Some(10)],
];
const START: usize = 7;
const GOOD: usize = 3;
const BAD: usize = 6;

/// `mdp/gridworld`, cut after 100 steps.
pub static GRID_WORLD: MdpFactory = MdpFactory::new(
    "mdp/gridworld",
    "3x4 cells with a good and a bad exit, one move in five slips; 11 states, 4 actions",
    grid_world,
);

fn grid_world() -> Mdp {
    let mut mdp = Mdp::new("mdp/gridworld", 11, 4);
    mdp.horizon = Some(100);
    mdp.start.fill(0.0);
    mdp.start[START] = 1.0;
    for (row, cells) in CELLS.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            match cell {
                // Nothing happens after the end, so that exits need no outcomes.
                None | Some(GOOD | BAD) => {}
                Some(state) => (0..4).for_each(|a| outcomes(&mut mdp, *state, a, (row, column))),
            }
        }
    }
    mdp
}

fn outcomes(mdp: &mut Mdp, state: usize, action: usize, cell: (usize, usize)) {
    for (p, direction) in [(0.8, action), (0.1, (action + 1) % 4), (0.1, (action + 3) % 4)] {
        match moved(cell, direction).unwrap_or(state) {
            GOOD => mdp.ends((state, action), p, GOOD, 1.0 - 0.04),
            BAD => mdp.ends((state, action), p, BAD, -1.0 - 0.04),
            next => mdp.goes((state, action), p, next, -0.04),
        }
    }
}

/// The state in that direction, unless there is a wall.
fn moved((row, column): (usize, usize), direction: usize) -> Option<usize> {
    let (row, column) = match direction {
        0 => (row.checked_sub(1)?, column),
        1 => (row, column + 1),
        2 => (row + 1, column),
        _ => (row, column.checked_sub(1)?),
    };
    *CELLS.get(row)?.get(column)?
}
