//! The ten tasks, after the documentation of Gymnasium 1.4 (version 5 of each), and their place
//! on the list of environments.
//!
//! Rewards are worked out in Gymnasium's precision and order: costs of controls in single
//! precision, as the actions are.

mod ant;
mod half_cheetah;
mod hopper;
mod humanoid;
mod inverted_double_pendulum;
mod inverted_pendulum;
mod pusher;
mod reacher;
mod swimmer;
mod upright;
mod walker2d;

pub use ant::Ant;
pub use half_cheetah::HalfCheetah;
pub use hopper::Hopper;
pub use humanoid::Humanoid;
pub use inverted_double_pendulum::InvertedDoublePendulum;
pub use inverted_pendulum::InvertedPendulum;
pub use pusher::Pusher;
pub use reacher::Reacher;
pub use swimmer::Swimmer;
pub use walker2d::Walker2d;

use crate::described;
use crate::find::Missing;
use crate::library::{Library, places};
use crate::sum::sum_of_squares;
use crate::task::{Facts, Loaded, Task, spaces};
use gradwerk_env::{
    EnvError, EnvFactory, EnvSettings, EpisodeKeys, Space, Stream, VecEnv, registry,
};
use std::sync::{Arc, Once, OnceLock};

/// Declares the list: one line per task.
macro_rules! tasks {
    ($($task:ident,)*) => {
        /// All tasks, in the order of the list.
        #[must_use]
        pub fn all() -> Vec<&'static dyn EnvFactory> {
            vec![$({
                static FACTORY: TaskFactory<$task> = TaskFactory::new();
                &FACTORY as &'static dyn EnvFactory
            },)*]
        }
    };
}

tasks! {
    HalfCheetah,
    Hopper,
    Walker2d,
    Ant,
    Humanoid,
    Swimmer,
    Reacher,
    Pusher,
    InvertedPendulum,
    InvertedDoublePendulum,
}

/// Put the tasks on the list of environments, and files with users' own models among those that
/// are read, once. Nothing is looked for and opened until one
/// of them is used.
///
/// # Panics
/// If the list was used before.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        registry::extend(&all());
        registry::extend_files(described::FILES);
    });
}

/// Makes batches of a task; keeps its model, compiled at the first use.
struct TaskFactory<T> {
    loaded: OnceLock<Result<Arc<Loaded<T>>, Missing>>,
}

impl<T: Task> TaskFactory<T> {
    const fn new() -> Self {
        Self { loaded: OnceLock::new() }
    }

    fn loaded(&self) -> Result<Arc<Loaded<T>>, Missing> {
        places()?;
        self.loaded.get_or_init(Loaded::new).clone()
    }
}

impl<T: Task> EnvFactory for TaskFactory<T> {
    fn id(&self) -> &str {
        T::FACTS.id
    }
    fn summary(&self) -> &str {
        T::FACTS.summary
    }
    fn default_time_limit(&self) -> Option<u32> {
        Some(T::FACTS.time_limit)
    }
    fn solved_at(&self) -> Option<f64> {
        T::FACTS.solved_at
    }
    fn observation_space(&self) -> Space {
        spaces(&T::FACTS).0
    }
    fn action_space(&self) -> Space {
        spaces(&T::FACTS).1
    }
    fn ready(&self) -> Result<(), EnvError> {
        let about = |missing| EnvError(format!("{}: {missing}", T::FACTS.id));
        self.loaded().map(|_| ()).map_err(about)
    }
    fn simulator(&self) -> Option<String> {
        Some(format!("MuJoCo {}", Library::get().ok()?.version()))
    }
    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv> {
        let batch = self.loaded().and_then(|loaded| loaded.batch(seed, keys, num_envs, settings));
        batch.unwrap_or_else(|missing| panic!("{}: {missing}", self.id()))
    }
}

/// Facts that most tasks share.
const USUAL: Facts = Facts {
    id: "",
    summary: "",
    model: "",
    frame_skip: 1,
    observation: 0,
    controls: 0,
    bound: 1.0,
    time_limit: 1000,
    solved_at: None,
    fields: &[],
};

/// Add U[-scale, scale) to every entry.
pub(crate) fn add_uniform(xs: &mut [f64], scale: f64, rng: &mut Stream) {
    xs.iter_mut().for_each(|x| *x += rng.uniform_in(-scale, scale));
}

/// Add `scale` times a standard normal to every entry.
pub(crate) fn add_normal(xs: &mut [f64], scale: f64, rng: &mut Stream) {
    for pair in xs.chunks_mut(2) {
        let drawn: [f64; 2] = rng.normal_pair();
        pair.iter_mut().zip(drawn).for_each(|(x, z)| *x += scale * z);
    }
}

/// `weight |action|^2`, in single precision.
pub(crate) fn control_cost(weight: f32, action: &[f32]) -> f64 {
    f64::from(weight * sum_of_squares(action))
}

/// The three coordinates of an object in a field of places.
fn place(field: &[f64], object: usize) -> [f64; 3] {
    [0, 1, 2].map(|k| field[3 * object + k])
}

/// `a - b`.
fn between(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [0, 1, 2].map(|k| a[k] - b[k])
}

/// The length of a vector.
fn length(v: &[f64]) -> f64 {
    sum_of_squares(v).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    #[test]
    fn noise_has_the_stated_spread() {
        let mut rng = Stream::new(1, Purpose::Test, 0, 0);
        let (mut flat, mut round) = (vec![1.0; 10_001], vec![1.0; 10_001]);
        add_uniform(&mut flat, 0.5, &mut rng);
        add_normal(&mut round, 0.5, &mut rng);
        assert!(flat.iter().all(|x| (0.5..1.5).contains(x)));
        let moments = |xs: &[f64]| {
            let n = xs.len() as f64;
            let mean = xs.iter().sum::<f64>() / n;
            (mean, xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n)
        };
        for (xs, variance) in [(&flat, 0.25 / 3.0), (&round, 0.25)] {
            let (m, v) = moments(xs);
            assert!((m - 1.0).abs() < 0.02 && (v / variance - 1.0).abs() < 0.06, "{m} {v}");
        }
    }

    #[test]
    fn without_the_library_the_list_is_complete_and_says_what_is_needed() {
        let tasks = all();
        assert_eq!(tasks.len(), 10);
        for task in tasks {
            assert!(task.id().ends_with("-v5") && task.summary().ends_with("needs MuJoCo"));
            assert!(task.observation_space().validate().is_ok());
            assert!(task.action_space().validate().is_ok());
        }
    }

    #[test]
    fn costs_are_those_of_single_precision() {
        // 0.1 of single precision times 2 of it, not 0.2.
        assert_eq!(control_cost(0.1, &[1.0, 1.0]), f64::from(0.1_f32 * 2.0));
    }
}
