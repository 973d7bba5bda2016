//! Problems that need a memory: what matters was seen earlier.
//!
//! A policy that sees only the present observation gets half of `memory/t-maze-N` right, a
//! quarter of `memory/repeat-copy`, and cannot tell how fast a pole falls or a guard walks.

mod repeat_copy;
mod t_maze;
mod without_velocity;

pub use repeat_copy::RepeatCopy;
pub use t_maze::TMaze;
pub(crate) use t_maze::family;
pub use without_velocity::{HasVelocity, WithoutVelocity};
