//! Exact quantities of finite problems, in double precision: what `gradwerk verify` measures
//! estimators against.
//!
//! - [`World`]: an [`Mdp`](gradwerk_env::Mdp) as a chain whose nodes have one observation each;
//! - [`Agent`]: the model and learner of training on such a world, in either precision;
//! - [`Choices`]: the actions of such a world, written as those of a policy, with masks;
//! - [`PolicyTable`]: `pi(a|o)` and `grad log pi(a|o)`, from head, distribution and vjp of training;
//! - [`solve`]: `J`, `grad J`, state values by dynamic programming; [`visits`]: the occupancy;
//! - [`fisher`]: the Fisher information and the natural gradient;
//! - [`enumerate`]: every trajectory with its probability; [`moments()`]: exact mean and variances
//!   of anything that is a function of a batch of trajectories.
//!
//! Nothing here samples. `grad J` differentiates Bellman's equation, so that it does not rest on
//! the theorem (`grad p = p grad log p`) that it is compared with.

mod agent;
mod choices;
mod dynamic;
mod information;
mod linear;
mod moments;
mod table;
mod trajectory;
mod world;

pub use agent::{Agent, Encoding};
pub use choices::{Choices, Validity};
pub use dynamic::{Objective, Solution, solve, visits};
pub use information::{Fisher, fisher};
pub use linear::Matrix;
pub use moments::{Moments, batches, moments};
pub use table::PolicyTable;
pub use trajectory::{MAX_TRAJECTORIES, Trajectory, Visit, enumerate};
pub use world::{Outcome, World};

/// A question that has no finite answer, or one that is too large to compute.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExactError {
    /// The linear system of an infinite horizon has no unique solution.
    #[error(
        "the {what} is infinite: pivot {pivot:e} at node {node}; expected a horizon, a discount \
         below 1, or a policy under which every episode ends"
    )]
    Singular {
        /// The quantity that was asked for.
        what: &'static str,
        /// Row in which elimination stopped.
        node: usize,
        /// The pivot left there.
        pivot: f64,
    },
    /// More trajectories than may be enumerated.
    #[error("more than {limit} trajectories (the longest has {longest} steps)")]
    TooMany {
        /// How many are allowed.
        limit: usize,
        /// Steps after which trajectories are cut.
        longest: usize,
    },
    /// A model that cannot be built on the problem.
    #[error("{0}")]
    Model(String),
}
