//! Makes environments of finite problems.

use super::{Mdp, MdpEnv};
use crate::{EnvBatch, EnvFactory, EnvSettings, EpisodeKeys, Space, VecEnv};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// An [`Mdp`] with a name under which it is found, trained on and evaluated.
///
/// A built-in problem is a `static` of this type; its table is built on first use.
#[derive(Debug)]
pub struct MdpFactory {
    id: Cow<'static, str>,
    summary: &'static str,
    solved_at: Option<f64>,
    /// Time limit of the environment where the table itself has no horizon.
    time_limit: Option<u32>,
    build: fn() -> Mdp,
    table: OnceLock<Arc<Mdp>>,
}

impl MdpFactory {
    /// A built-in problem; `build` must return a valid table.
    #[must_use]
    pub const fn new(id: &'static str, summary: &'static str, build: fn() -> Mdp) -> Self {
        Self {
            id: Cow::Borrowed(id),
            summary,
            solved_at: None,
            time_limit: None,
            build,
            table: OnceLock::new(),
        }
    }

    /// With a mean return of 100 episodes from which it counts as solved.
    #[must_use]
    pub const fn solved_at(mut self, threshold: f64) -> Self {
        self.solved_at = Some(threshold);
        self
    }

    /// With a time limit as an environment, though the sum of rewards that the table defines has
    /// no horizon: a policy that never ends an episode can then be trained and evaluated.
    #[must_use]
    pub const fn played_for(mut self, steps: u32) -> Self {
        self.time_limit = Some(steps);
        self
    }

    /// A table of one's own, which must be valid ([`Mdp::validate`]).
    #[must_use]
    pub fn of(id: String, mdp: Mdp) -> Self {
        // The table is there already, so that this is never called.
        const fn nothing() -> Mdp {
            unreachable!()
        }
        Self {
            id: Cow::Owned(id),
            table: OnceLock::from(Arc::new(mdp)),
            ..Self::new("", "a user's own finite problem", nothing)
        }
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Arc<Mdp> {
        self.table.get_or_init(|| Arc::new((self.build)()))
    }
}

impl EnvFactory for MdpFactory {
    fn id(&self) -> &str {
        &self.id
    }
    fn summary(&self) -> &str {
        self.summary
    }
    fn default_time_limit(&self) -> Option<u32> {
        self.table().horizon.or(self.time_limit)
    }
    fn solved_at(&self) -> Option<f64> {
        self.solved_at
    }
    fn observation_space(&self) -> Space {
        Space::Discrete { n: self.table().observations() }
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: self.table().actions }
    }
    fn mdp(&self) -> Option<&Arc<Mdp>> {
        Some(self.table())
    }
    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv> {
        let first = MdpEnv::new(self.table().clone());
        Box::new(EnvBatch::new(Arc::new(move || first.clone()), seed, keys, num_envs, settings))
    }
}

/// Factories of tables that were not there when the program started.
static OPENED: Mutex<Vec<&'static MdpFactory>> = Mutex::new(Vec::new());

/// The one factory of this name and table. Environments are looked up by name many times and
/// live as long as the process, so that each different table is kept (leaked) once.
pub(crate) fn intern(factory: MdpFactory) -> &'static MdpFactory {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |known: &&&MdpFactory| known.id == factory.id && known.table() == factory.table();
    if let Some(known) = opened.iter().find(same) {
        return known;
    }
    let kept: &'static MdpFactory = Box::leak(Box::new(factory));
    opened.push(kept);
    kept
}
