//! Recordings: whole trajectories with everything that learning from them needs.
//!
//! A recording is made by [`record()`] from a policy, or row by row from anything that acts: a
//! person, a controller, another program. It can be cloned (`algo.kind = "bc"`), learned from
//! (`off_policy_pg` with `algo.data`), and used to judge another policy ([`judge()`]).
//!
//! ```
//! use gradwerk::env::{End, Space};
//! use gradwerk::recording::{About, Behaviour, Recording, Trajectory};
//!
//! # fn main() -> Result<(), gradwerk::Error> {
//! let about = About {
//!     observation_space: Space::uniform_box(1, -1.0, 1.0),
//!     action_space: Space::Discrete { n: 2 },
//!     ..About::new("my-env", Behaviour::Unknown, "a thermostat")
//! };
//! let mut recording = Recording::new(about)?;
//! recording.push(&Trajectory {
//!     obs: vec![-0.5, 0.25],
//!     discrete: vec![1, 0],
//!     reward: vec![0.0, 1.0],
//!     end: End::Truncated,
//!     final_obs: vec![0.1],
//!     ..Trajectory::default()
//! })?;
//! let file = std::env::temp_dir().join("gradwerk-recording-doc.safetensors");
//! recording.save(&file)?;
//! assert_eq!(Recording::load(&file)?.episodes(), 1);
//! # Ok(())
//! # }
//! ```

mod check;
mod file;
mod judge;
mod make;
mod replay;

pub use judge::{Judgement, judge};
pub use make::{Uniform, record, record_with};
pub(crate) use replay::Replay;

use crate::Error;
use gradwerk_env::{End, Space};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How the actions of a recording came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// Drawn from a known distribution: `log mu(a|s)` is recorded.
    Stochastic,
    /// The most probable action of a policy: there is no `log mu`.
    Deterministic,
    /// In a way that nobody knows (a person, a controller): there is no `log mu`.
    Unknown,
}

/// Where a recording comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Name of the environment.
    pub env: String,
    /// Times an action was repeated in it.
    pub frame_skip: u32,
    /// The space of the observations.
    pub observation_space: Space,
    /// The space of the actions.
    pub action_space: Space,
    /// Whether the environment masks actions ([`gradwerk_env::mask`]).
    pub masks: bool,
    /// How the actions came about.
    pub behaviour: Behaviour,
    /// Who acted, in words.
    pub maker: String,
    /// Version of the gradwerk that wrote it.
    pub gradwerk: String,
}

impl About {
    /// Facts about a recording, its spaces still to be said (one number, two actions).
    #[must_use]
    pub fn new(env: impl Into<String>, behaviour: Behaviour, maker: impl Into<String>) -> Self {
        Self {
            env: env.into(),
            frame_skip: 1,
            observation_space: Space::uniform_box(1, f32::NEG_INFINITY, f32::INFINITY),
            action_space: Space::Discrete { n: 2 },
            masks: false,
            behaviour,
            maker: maker.into(),
            gradwerk: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

/// One whole episode of `T` steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectory {
    /// Raw observations `s_t`, `[T, d]` (one number, the index, of a discrete space).
    pub obs: Vec<f32>,
    /// Discrete components of the actions, `[T, wd]`.
    pub discrete: Vec<u32>,
    /// Continuous components as sampled, before the environment clipped them, `[T, wc]`.
    pub continuous: Vec<f32>,
    /// Which values of the discrete components were valid, `[T, wm]`; empty without masks.
    pub mask: Vec<bool>,
    /// Rewards, `[T]`.
    pub reward: Vec<f64>,
    /// `log mu(a_t|s_t)` in nats, `[T]`; empty unless the behaviour is stochastic.
    pub log_mu: Vec<f32>,
    /// How the episode ended: terminated or truncated.
    pub end: End,
    /// The observation after the last step of a truncated episode, `[d]`; else empty.
    pub final_obs: Vec<f32>,
}

/// Whole trajectories, one after the other. Whatever can be read from one was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    about: About,
    /// The file it was read from, for messages.
    path: Option<PathBuf>,
    obs: Vec<f32>,
    discrete: Vec<u32>,
    continuous: Vec<f32>,
    mask: Vec<bool>,
    reward: Vec<f64>,
    log_mu: Vec<f32>,
    end: Vec<End>,
    /// Of the truncated episodes, in their order.
    final_obs: Vec<f32>,
    /// Rows of each episode.
    episodes: Vec<Range<usize>>,
}

impl Recording {
    /// A recording without a row.
    ///
    /// # Errors
    /// If a space has no values or frames are skipped 0 times.
    pub fn new(about: About) -> Result<Self, Error> {
        about.observation_space.validate()?;
        about.action_space.validate()?;
        if about.frame_skip == 0 {
            return Err(Error::Usage("frame_skip = 0: must be at least 1".into()));
        }
        Ok(Self {
            about,
            path: None,
            obs: Vec::new(),
            discrete: Vec::new(),
            continuous: Vec::new(),
            mask: Vec::new(),
            reward: Vec::new(),
            log_mu: Vec::new(),
            end: Vec::new(),
            final_obs: Vec::new(),
            episodes: Vec::new(),
        })
    }

    /// Append a trajectory.
    ///
    /// # Errors
    /// If a column has another length than the others or the spaces ask for, or a value that
    /// cannot be; the field and the step are named, and nothing is appended.
    pub fn push(&mut self, trajectory: &Trajectory) -> Result<(), Error> {
        self.check_trajectory(trajectory)?;
        let (first, rows) = (self.rows(), trajectory.reward.len());
        self.obs.extend_from_slice(&trajectory.obs);
        self.discrete.extend_from_slice(&trajectory.discrete);
        self.continuous.extend_from_slice(&trajectory.continuous);
        self.mask.extend_from_slice(&trajectory.mask);
        self.reward.extend_from_slice(&trajectory.reward);
        self.log_mu.extend_from_slice(&trajectory.log_mu);
        self.end.extend(std::iter::repeat_n(End::Continue, rows - 1));
        self.end.push(trajectory.end);
        self.final_obs.extend_from_slice(&trajectory.final_obs);
        self.episodes.push(first..first + rows);
        Ok(())
    }

    /// Where it comes from.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Number of rows (steps).
    #[must_use]
    pub fn rows(&self) -> usize {
        self.reward.len()
    }

    /// Number of episodes.
    #[must_use]
    pub fn episodes(&self) -> usize {
        self.episodes.len()
    }

    /// Whether `log mu` was recorded, so that importance sampling is possible.
    #[must_use]
    pub fn has_log_mu(&self) -> bool {
        self.about.behaviour == Behaviour::Stochastic
    }

    /// The episode number `i`.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn trajectory(&self, i: usize) -> Trajectory {
        let rows = self.episodes[i].clone();
        let (d, (wd, wc)) = self.widths();
        let wm = self.mask_width();
        let end = self.end[rows.end - 1];
        let truncated = |r: &Range<usize>| self.end[r.end - 1] == End::Truncated;
        let before = self.episodes[..i].iter().filter(|r| truncated(r)).count();
        let finals = if end == End::Truncated { before * d..(before + 1) * d } else { 0..0 };
        let log_mu = if self.has_log_mu() { rows.clone() } else { 0..0 };
        Trajectory {
            obs: self.obs[rows.start * d..rows.end * d].to_vec(),
            discrete: self.discrete[rows.start * wd..rows.end * wd].to_vec(),
            continuous: self.continuous[rows.start * wc..rows.end * wc].to_vec(),
            mask: self.mask[rows.start * wm..rows.end * wm].to_vec(),
            log_mu: self.log_mu[log_mu].to_vec(),
            reward: self.reward[rows].to_vec(),
            end,
            final_obs: self.final_obs[finals].to_vec(),
        }
    }

    /// Undiscounted return of every episode.
    #[must_use]
    pub fn returns(&self) -> Vec<f64> {
        self.episodes.iter().map(|rows| self.reward[rows.clone()].iter().sum()).collect()
    }

    /// Width of an observation, and those of an action.
    fn widths(&self) -> (usize, (usize, usize)) {
        (self.about.observation_space.width(), self.about.action_space.action_widths())
    }

    /// Entries of an action mask; 0 without masks.
    fn mask_width(&self) -> usize {
        let choices = self.about.action_space.choices();
        if self.about.masks { choices.iter().sum() } else { 0 }
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> String {
        let path = |p: &PathBuf| p.display().to_string();
        self.path.as_ref().map_or_else(|| "the recording".to_owned(), path)
    }

    /// Write it to a safetensors file, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written; a file that was there before survives.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        file::save(self, path)
    }

    /// Read what [`Recording::save`] wrote.
    ///
    /// # Errors
    /// If the file is missing, damaged, not a recording, or holds a value that cannot be; the
    /// field and the row are named.
    pub fn load(path: &Path) -> Result<Self, Error> {
        file::load(path)
    }
}
