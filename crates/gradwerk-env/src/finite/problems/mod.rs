//! The built-in finite problems, one file each.
//!
//! The tables of FrozenLake, CliffWalking and Taxi equal Gymnasium 1.4's `P[s][a]` and start
//! distributions entry by entry; Blackjack's follows from its rules
//! (`tests/python/test_tables.py` compares them all).

mod bandit;
mod blackjack;
mod chain;
mod cliff_walking;
mod frozen_lake;
mod grid_world;
mod one_state;
mod taxi;
mod tiger;

pub use bandit::BANDIT;
pub use blackjack::{BLACKJACK, Natural, blackjack};
pub use chain::{CHAIN_5, chain};
pub use cliff_walking::{CLIFF_WALKING, CLIFF_WALKING_SLIPPERY};
pub use frozen_lake::{
    FROZEN_LAKE, FROZEN_LAKE_8X8, FROZEN_LAKE_8X8_NOT_SLIPPERY, FROZEN_LAKE_NOT_SLIPPERY,
};
pub use grid_world::GRID_WORLD;
pub use one_state::{ONE_STATE, ONE_STATE_SPARSE, SPARSE_MOVES, one_state_sparse};
pub use taxi::TAXI;
pub use tiger::TIGER;
