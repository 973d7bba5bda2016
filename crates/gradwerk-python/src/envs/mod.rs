//! Gymnasium environments behind gradwerk's [`VecEnv`](gradwerk_env::VecEnv).

mod bounds;
mod factory;
mod failure;
mod mask;
mod outcome;
mod parallel;
mod scalar;
mod shared;
mod shortcut;
mod slots;
mod source;
mod spares;
mod vector;
mod workers;

pub use bounds::Bounds;
pub use factory::PyEnvironment;
pub use failure::Failure;
pub use mask::read as read_mask;
pub use slots::Slots;

use crate::codec::{Codec, Rows};
use gradwerk_env::{EnvError, EpisodeKeys, SlotState, Space};
use mask::MaskSource;
use pyo3::prelude::*;

/// What the batches of this module have in common: parts of their `impl VecEnv`, over the fields
/// `interface`, `masks` and `failed`.
macro_rules! common_parts {
    () => {
        fn observation_space(&self) -> &Space {
            &self.interface.observation_space
        }

        fn action_space(&self) -> &Space {
            &self.interface.action_space
        }

        fn mask_width(&self) -> usize {
            self.interface.mask_width()
        }

        fn masks(&self, mask: &mut [bool]) {
            mask.copy_from_slice(&self.masks[..mask.len()]);
        }

        fn take_failure(&mut self) -> Option<EnvError> {
            self.failed.take()
        }

        fn restores(&self) -> bool {
            false
        }
    };
}
use common_parts;

/// What is the same for every copy of an environment.
pub struct Interface {
    /// Name, as configurations have it.
    id: String,
    observation: Codec,
    action: Codec,
    observation_space: Space,
    action_space: Space,
    /// Numbers of an observation row.
    obs_width: usize,
    /// Discrete and continuous components of an action.
    action_widths: (usize, usize),
    /// Values of each discrete component.
    choices: Vec<usize>,
    masks: MaskSource,
    /// What observations must stay within, if that is looked at.
    bounds: Option<Bounds>,
    /// Where exceptions wait until the run has returned.
    failure: Failure,
}

impl Interface {
    fn new(id: String, observation: Codec, action: Codec, failure: Failure) -> Self {
        let (observation_space, action_space) = (observation.space(), action.space());
        Self {
            id,
            obs_width: observation_space.width(),
            action_widths: action_space.action_widths(),
            choices: action_space.choices(),
            observation,
            action,
            observation_space,
            action_space,
            masks: MaskSource::None,
            bounds: None,
            failure,
        }
    }

    /// What was made, or why the run fails.
    fn made<T>(&self, py: Python<'_>, made: PyResult<Vec<T>>) -> (Vec<T>, Option<EnvError>) {
        match made {
            Ok(made) => (made, None),
            Err(error) => {
                let place = format!("making {}", self.id);
                (Vec::new(), Some(self.failure.keep(py, &place, error)))
            }
        }
    }

    /// Take over an observation, or a batch of them.
    ///
    /// # Errors
    /// If it is not in the space.
    fn observe(&self, value: &Bound<'_, PyAny>, out: &mut [f32], batch: bool) -> PyResult<()> {
        let stride = self.obs_width;
        self.observation.read(value, &mut Rows { out, stride, batch })?;
        let Some(bounds) = &self.bounds else { return Ok(()) };
        let (py, space) = (value.py(), &self.observation_space);
        out.chunks_exact(stride).try_for_each(|row| bounds.check(py, row, space, &self.id))
    }

    /// Entries of a mask row.
    fn mask_width(&self) -> usize {
        match self.masks {
            MaskSource::None => 0,
            _ => self.choices.iter().sum(),
        }
    }
}

/// All that is kept of a slot: which episode it plays.
fn at_episode(episode: u64) -> SlotState {
    SlotState { episode, ..SlotState::default() }
}

/// The episodes that a resumed batch begins: after those of `slots`, which are lost.
///
/// # Errors
/// If the state is of another number of slots.
fn next_episodes<'a>(
    slots: &'a [SlotState],
    expected: usize,
) -> Result<impl Iterator<Item = u64> + 'a, EnvError> {
    let found = slots.len();
    if found != expected {
        return Err(EnvError(format!("the state has {found} slots, expected {expected}")));
    }
    Ok(slots.iter().map(|slot| slot.episode + 1))
}

/// The seed of an episode of an evaluation.
#[pyfunction]
pub fn episode_seed(seed: u64, episode: u64) -> u32 {
    seed_of(EpisodeKeys::Evaluation { first: episode, stride: 1 }, seed, 0, 0)
}

/// Seeds of Gymnasium that every environment takes: 31 bits.
fn seed_of(keys: EpisodeKeys, seed: u64, slot: usize, episode: u64) -> u32 {
    keys.stream(seed, slot, episode).bits() >> 1
}
