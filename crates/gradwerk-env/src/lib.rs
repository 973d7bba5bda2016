//! Environments: what an agent acts in.
//!
//! - [`Env`]: the one small trait to implement: spaces, reset, step;
//! - [`check_env`]: plays an environment and says which promises it breaks;
//! - [`custom`]: turns an [`Env`] into an [`EnvFactory`], which a trainer takes;
//! - [`VecEnv`], [`EnvBatch`]: many copies stepped together, with time limit, frame skip and
//!   reset at the end of an episode;
//! - [`columns`]: the same for environments of a few numbers, several copies at a time;
//! - [`box2d`]: a lander and a walker of Gymnasium's, simulated as rigid bodies;
//! - [`cards`]: a patience with hundreds of actions, few of which are possible at a time;
//! - [`classic`]: the classic control tasks of Gymnasium, step by step the same;
//! - [`probe`]: tasks of one or two steps whose values are known in closed form;
//! - [`finite`]: problems written out as tables, for exact gradients and for training;
//! - [`exact_gaussian`]: continuous problems with objective and gradient in closed form;
//! - [`games`]: small arcade games whose observations are images;
//! - [`grid`]: rooms with keys and doors, seen through a small window;
//! - [`hybrid`]: problems whose actions are a choice and numbers at once;
//! - [`memory`]: problems in which what matters was seen earlier;
//! - [`picture`]: what environments look like to people;
//! - [`outside`]: where things outside are that environments stand on;
//! - [`fingerprint`]: what tells one environment's snapshots from another's;
//! - [`tree`]: users' files as values with lines;
//! - [`registry`]: the list of all of them by name.
//!
//! An episode is a function of (seed, environment, episode, actions): all randomness comes from
//! the [`Stream`] that `reset` and `step` are handed. Whether an episode goes on, terminated or
//! was cut by a time limit is one word, [`End`], because the value of what follows differs.
//!
//! # An environment of your own
//!
//! ```
//! use gradwerk_env::{Action, End, Env, Space, Step, Stream, check_env, custom};
//!
//! /// Guess the sign that is shown.
//! #[derive(Default)]
//! struct Guess {
//!     sign: f32,
//! }
//!
//! impl Env for Guess {
//!     fn observation_space(&self) -> Space {
//!         Space::uniform_box(1, -1.0, 1.0)
//!     }
//!     fn action_space(&self) -> Space {
//!         Space::Discrete { n: 2 }
//!     }
//!     fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
//!         self.sign = if rng.below(2) == 0 { -1.0 } else { 1.0 };
//!         obs[0] = self.sign;
//!     }
//!     fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
//!         obs[0] = self.sign;
//!         let right = (action.discrete[0] == 1) == (self.sign > 0.0);
//!         Step { reward: if right { 1.0 } else { 0.0 }, end: End::Terminated }
//!     }
//! }
//!
//! let env = custom("Guess", None, Guess::default);
//! let report = check_env(&*env, &env.default_settings(), 1);
//! assert!(report.passed(), "{report}");
//! ```
//!
//! It is trained with `gradwerk::Trainer::with_env`; the example `own_env` of the crate
//! `gradwerk` shows the whole way.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod batch;
pub mod box2d;
pub mod cards;
pub mod check;
pub mod classic;
pub mod columns;
pub mod env;
pub mod exact_gaussian;
pub mod fingerprint;
pub mod finite;
pub mod forward;
pub mod games;
pub mod grid;
pub mod hybrid;
pub mod mask;
pub mod memory;
pub mod outside;
pub mod picture;
pub mod previous;
pub mod probe;
pub mod registry;
pub mod snapshot;
pub mod space;
pub mod tree;
pub mod vec_env;

pub use batch::EnvBatch;
pub use check::{Check, CheckReport, check_env};
pub use env::{Action, End, Env, EnvError, Fact, Step};
pub use fingerprint::Fingerprint;
pub use finite::{Mdp, MdpEnv, MdpError, MdpFactory, Observation, Transition};
pub use gradwerk_math::Stream;
pub use previous::WithPrevious;
pub use probe::{BestAction, ProbeSolution, ProbeState};
pub use registry::{Batching, EnvFactory, EnvSpec, FindError, UnknownEnv, custom, find};
pub use space::Space;
pub use vec_env::{ActionLog, Actions, EnvSettings, EpisodeKeys, SlotState, StepRows, VecEnv};
