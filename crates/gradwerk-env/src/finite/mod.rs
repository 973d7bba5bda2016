//! Finite problems: Markov decision processes written out as tables.
//!
//! With the table at hand, values, objectives and gradients can be computed exactly; played by
//! [`MdpEnv`], the same table is an environment that any algorithm trains on.
//!
//! - [`Mdp`]: states, actions, transition probabilities, rewards, start distribution, horizon,
//!   discount, and what of the state is shown ([`Observation`]);
//! - [`Mdp::validate`]: every row checked, errors with state, action and outcome;
//! - [`MdpEnv`]: plays it; [`MdpFactory`]: makes batches of it by name;
//! - [`problems`]: the built-in tables; [`mod@file`]: your own from TOML or JSON.
//!
//! The table of a named problem: `find("FrozenLake-v1")?.mdp()`.

mod env;
mod factory;
pub mod file;
mod mdp;
pub mod problems;
mod reach;
mod validate;

pub use env::MdpEnv;
pub use factory::MdpFactory;
pub(crate) use factory::intern;
pub use mdp::{Emission, Mdp, Observation, Transition};
pub use validate::{MdpError, Place};
