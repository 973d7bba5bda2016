//! Train explicit, differentiable policies by policy gradients.
//!
//! ```
//! use gradwerk::{Config, EvalOptions, Policy, Pool, Runtime, Trainer, env, evaluate};
//!
//! # fn main() -> Result<(), gradwerk::Error> {
//! let config = Config { steps: 20_000, ..Config::preset("CartPole-v1", "ppo")? };
//! let mut trainer = Trainer::new(&config, Runtime::default())?;
//! while !trainer.finished() {
//!     trainer.update()?;
//! }
//! let file = std::env::temp_dir().join("gradwerk-doc.safetensors");
//! trainer.policy().save(&file)?;
//! let policy = Policy::load(&file)?;
//! let cart_pole = env::find("CartPole-v1")?;
//! let result = evaluate(&policy, cart_pole, EvalOptions::default(), &Pool::new(2))?;
//! // A random policy balances the pole for about 22 steps.
//! assert!(result.mean_return > 50.0);
//! # Ok(())
//! # }
//! ```
//!
//! # The way of the data
//!
//! Sample, estimate, ascend ([`Trainer::update`]):
//!
//! ```text
//! environments + policy    ->  Rollout [T, N]             collect, rollout
//! Rollout                  ->  advantages, value targets  estimate   (no parameters)
//! head outputs, advantages ->  dL/dy, dL/dv               dist, loss (no network)
//! dL/dy, dL/dv             ->  dL/dtheta                  learner    (no reinforcement learning)
//! gradient                 ->  theta'                     algo
//! ```
//!
//! # Where to look
//!
//! - [`Config`]: every setting with its help; [`layers`]: presets, files, `--set` and where each
//!   value came from;
//! - [`Trainer`]: a run in memory; [`run::driver`]: the same with a run directory, checkpoints
//!   and resuming, as the command line does it;
//! - [`Policy`], [`evaluate()`]: act, and measure how well;
//! - [`Recording`], [`recording`]: trajectories on the disk, to clone and to learn from;
//! - [`estimate`], [`dist`], [`loss`]: the formulas, pure functions that can be used alone;
//! - [`verify`]: every estimator against the [`exact`] gradient;
//! - [`algo`]: REINFORCE, A2C, PPO, NPG, TRPO, behaviour cloning and more, one file each;
//! - [`gradwerk_env`], here as `env`: the environments, and the trait for your own.
//!
//! The same seed gives the same bits for every number of threads, and a resumed run equals an
//! uninterrupted one; the repository's `ARCHITECTURE.md` says why, `NOTATION.md` explains
//! symbols, shapes and signs.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod algo;
pub mod collect;
pub mod columns;
pub mod config;
pub mod diagnose;
pub mod dist;
pub mod encode;
mod error;
pub mod estimate;
pub mod evaluate;
pub mod exact;
pub mod frame;
pub mod layers;
pub mod learner;
pub mod loss;
pub mod model;
pub mod natural;
pub mod normalize;
pub mod play;
pub mod policy;
pub mod recording;
pub mod rollout;
pub mod run;
pub mod schedule;
pub mod trainer;
pub mod verify;

pub use config::Config;
pub use error::Error;
pub use evaluate::{EvalOptions, Evaluation, evaluate, evaluate_until};
pub use gradwerk_env as env;
pub use gradwerk_math::{Kernel, Pool};
pub use policy::Policy;
pub use recording::Recording;
pub use trainer::{Report, Runtime, Trainer};

/// The code of the README is compiled and run like any other documentation example.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
