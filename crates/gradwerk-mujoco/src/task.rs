//! What a task adds to a simulation, and the environment of both.

use crate::find::Missing;
use crate::library::{Library, places, version_text};
use crate::model::Model;
use crate::simulation::Simulation;
use gradwerk_env::{Action, End, Env, EnvError, Space, Step, Stream, snapshot};
use std::sync::Arc;

/// The facts about a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// The name, as in Gymnasium.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// The file of the model.
    pub model: &'static str,
    /// Steps of the simulator per action.
    pub frame_skip: u32,
    /// Numbers in an observation.
    pub observation: usize,
    /// Number of controls; each lies within plus and minus `bound`.
    pub controls: usize,
    /// See `controls`.
    pub bound: f32,
    /// Steps after which an episode is cut.
    pub time_limit: u32,
    /// Gymnasium's threshold, if it has one.
    pub solved_at: Option<f64>,
    /// Fields of the simulation that the task reads ([`Simulation::field`] counts in this order).
    pub fields: &'static [&'static str],
}

/// A task: the rules about one model. It is shared by all copies and has no state.
pub trait Task: Send + Sync + Sized + 'static {
    /// The facts.
    const FACTS: Facts;
    /// Look up in the model what the rules need.
    ///
    /// # Errors
    /// If the model lacks it.
    fn new(model: &Arc<Model>) -> Result<Self, Missing>;
    /// Draw the start: what is added to the model's own positions and velocities.
    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream);
    /// Write the observation.
    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>);
    /// What is to move forward: its coordinate.
    fn position(&self, sim: &Simulation) -> f64 {
        let _ = sim;
        0.0
    }
    /// Reward of a step and whether it terminated, for an action and the velocity of
    /// [`Task::position`] over the step.
    fn judge(&self, sim: &Simulation, action: &[f32], velocity: f64) -> (f64, bool);
}

/// An observation being written, number by number.
pub struct Row<'a> {
    entries: &'a mut [f32],
    /// Numbers that were put, whether or not there was room.
    filled: usize,
}

impl<'a> Row<'a> {
    fn new(entries: &'a mut [f32]) -> Self {
        Self { entries, filled: 0 }
    }

    /// One number.
    pub fn one(&mut self, x: f64) {
        if let Some(entry) = self.entries.get_mut(self.filled) {
            *entry = x as f32;
        }
        self.filled += 1;
    }

    /// All of them.
    pub fn all(&mut self, xs: &[f64]) {
        xs.iter().for_each(|x| self.one(*x));
    }

    /// All of them, clipped to plus and minus `bound`.
    pub fn clipped(&mut self, xs: &[f64], bound: f64) {
        xs.iter().for_each(|x| self.one(x.clamp(-bound, bound)));
    }
}

/// A task with its model, ready to be copied.
pub(crate) struct Loaded<T> {
    task: T,
    model: Arc<Model>,
}

impl<T: Task> Loaded<T> {
    /// Open the library, compile the model and check that it is the one that the task means.
    pub fn new() -> Result<Arc<Self>, Missing> {
        let library = Library::get()?;
        let folder = places().models.as_ref().map_err(Clone::clone)?;
        let model = Model::load(library, &folder.join(T::FACTS.model))?;
        let task = T::new(&model)?;
        let loaded = Self { task, model };
        loaded.check()?;
        Ok(Arc::new(loaded))
    }

    fn check(&self) -> Result<(), Missing> {
        let mut sim = Simulation::new(&self.model, T::FACTS.fields)?;
        sim.reset(|_, _| {});
        let mut row = Row::new(&mut []);
        self.task.observe(&sim, &mut row);
        let (got, expected) =
            ((row.filled, sim.ctrl().len()), (T::FACTS.observation, T::FACTS.controls));
        if got == expected {
            return Ok(());
        }
        Err(Missing(format!(
            "{}: the model gives {} observations and {} controls, expected {} and {} for {}",
            self.model.name(),
            got.0,
            got.1,
            expected.0,
            expected.1,
            T::FACTS.id
        )))
    }

    pub fn library(&self) -> &'static Library {
        self.model.library()
    }
}

/// The environment of a task.
///
/// Where the simulator gives up (positions that are no numbers, a control that is none), the
/// reward is NaN, so that nothing goes on from a state that MuJoCo silently replaced.
pub struct MujocoEnv<T> {
    loaded: Arc<Loaded<T>>,
    sim: Simulation,
    /// [`Task::position`] after the last step.
    position: f64,
}

impl<T: Task> MujocoEnv<T> {
    pub(crate) fn new(loaded: Arc<Loaded<T>>) -> Result<Self, Missing> {
        let sim = Simulation::new(&loaded.model, T::FACTS.fields)?;
        Ok(Self { loaded, sim, position: 0.0 })
    }

    /// Seconds that an action lasts.
    fn dt(&self) -> f64 {
        self.loaded.model.timestep() * f64::from(T::FACTS.frame_skip)
    }

    fn observe(&self, obs: &mut [f32]) {
        self.loaded.task.observe(&self.sim, &mut Row::new(obs));
    }

    fn version(&self) -> i32 {
        self.loaded.library().version_number()
    }
}

/// The spaces of a task.
pub(crate) fn spaces(facts: &Facts) -> (Space, Space) {
    let observation = Space::uniform_box(facts.observation, f32::NEG_INFINITY, f32::INFINITY);
    (observation, Space::uniform_box(facts.controls, -facts.bound, facts.bound))
}

impl<T: Task> Env for MujocoEnv<T> {
    fn observation_space(&self) -> Space {
        spaces(&T::FACTS).0
    }

    fn action_space(&self) -> Space {
        spaces(&T::FACTS).1
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.sim.reset(|qpos, qvel| self.loaded.task.start(qpos, qvel, rng));
        self.position = self.loaded.task.position(&self.sim);
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let action = action.continuous;
        self.sim.set_ctrl(action);
        let finite = action.iter().all(|a| a.is_finite());
        let stable = self.sim.step(T::FACTS.frame_skip).is_ok();
        let before = std::mem::replace(&mut self.position, self.loaded.task.position(&self.sim));
        self.observe(obs);
        let velocity = (self.position - before) / self.dt();
        let (reward, over) = self.loaded.task.judge(&self.sim, action, velocity);
        let reward = if finite && stable { reward } else { f64::NAN };
        Step { reward, end: if over { End::Terminated } else { End::Continue } }
    }

    /// The release of MuJoCo, the position, and the simulation's state.
    fn snapshot(&self) -> Option<Vec<u8>> {
        let mut numbers = vec![f64::from(self.version()), self.position];
        numbers.extend_from_slice(self.sim.state());
        Some(snapshot::encode(&numbers))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), EnvError> {
        let numbers = snapshot::decode_all(bytes, 2 + self.sim.state().len())?;
        let [version, position, state @ ..] = &numbers[..] else {
            unreachable!("at least two numbers")
        };
        if *version != f64::from(self.version()) {
            let (theirs, own) = (version_text(*version as i32), self.loaded.library().version());
            return Err(EnvError(format!(
                "a state of MuJoCo {theirs}, but MuJoCo {own} is in use: go on with the release \
                 that the run began with"
            )));
        }
        self.sim.set_state(state);
        self.position = *position;
        Ok(())
    }
}
