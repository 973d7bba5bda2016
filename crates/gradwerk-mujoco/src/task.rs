//! What a task adds to a simulation, and the environment of both.

use crate::engine::Engine;
use crate::find::Missing;
use crate::library::{Library, places, version_text};
use crate::model::Model;
use crate::simulation::Simulation;
use gradwerk_env::{
    Action, End, Env, EnvBatch, EnvError, EnvSettings, EpisodeKeys, Fact, Space, Step, Stream,
    VecEnv, snapshot,
};
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

/// The rules about one model. They are shared by all copies and have no state.
pub trait Rules: Send + Sync + 'static {
    /// Draw the start: what is added to the model's own positions and velocities.
    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream);
    /// Write the observation.
    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>);
    /// How many coordinates there are whose velocities the reward asks for.
    fn coordinates(&self) -> usize;
    /// Those coordinates.
    fn locate(&self, sim: &Simulation, at: &mut [f64]);
    /// Reward of a step and whether it terminated, for an action and the velocities of
    /// [`Rules::locate`] over the step.
    fn judge(&self, sim: &Simulation, action: &[f32], velocity: &[f64]) -> (f64, bool);
    /// What [`Rules::tell`] tells.
    fn facts(&self) -> &[Fact] {
        &[]
    }
    /// Write the facts ([`Env::facts`]).
    fn tell(&self, sim: &Simulation, facts: &mut [f64]) {
        let (_, _) = (sim, facts);
    }
}

/// A task of the list: rules about one known model.
pub trait Task: Send + Sync + Sized + 'static {
    /// The facts.
    const FACTS: Facts;
    /// Look up in the model what the rules need.
    ///
    /// # Errors
    /// If the model lacks it.
    fn new(model: &Arc<Model>) -> Result<Self, Missing>;
    /// As [`Rules::start`].
    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream);
    /// As [`Rules::observe`].
    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>);
    /// What is to move forward: its coordinate.
    fn position(&self, sim: &Simulation) -> f64 {
        let _ = sim;
        0.0
    }
    /// As [`Rules::judge`], for the velocity of [`Task::position`].
    fn judge(&self, sim: &Simulation, action: &[f32], velocity: f64) -> (f64, bool);
}

impl<T: Task> Rules for T {
    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        Task::start(self, qpos, qvel, rng);
    }
    fn observe(&self, sim: &Simulation, obs: &mut Row<'_>) {
        Task::observe(self, sim, obs);
    }
    fn coordinates(&self) -> usize {
        1
    }
    fn locate(&self, sim: &Simulation, at: &mut [f64]) {
        at[0] = self.position(sim);
    }
    fn judge(&self, sim: &Simulation, action: &[f32], velocity: &[f64]) -> (f64, bool) {
        Task::judge(self, sim, action, velocity[0])
    }
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

/// Rules with their model, ready to be copied.
pub(crate) struct Loaded<R> {
    pub rules: R,
    pub model: Arc<Model>,
    /// Steps of the simulator per action.
    pub frame_skip: u32,
    pub observation: Space,
    pub action: Space,
    /// Fields of the simulation that the rules read.
    pub fields: Vec<&'static str>,
    /// Tells model and rules from others.
    pub fingerprint: u64,
}

impl<T: Task> Loaded<T> {
    /// Open the library, compile the model and check that it is the one that the task means.
    pub fn new() -> Result<Arc<Self>, Missing> {
        let library = Library::get()?;
        let folder = places()?.models.as_ref().map_err(Clone::clone)?;
        let model = Model::load(library, &folder.path.join(T::FACTS.model))?;
        let (observation, action) = spaces(&T::FACTS);
        let loaded = Self {
            rules: T::new(&model)?,
            frame_skip: T::FACTS.frame_skip,
            observation,
            action,
            fields: T::FACTS.fields.to_vec(),
            fingerprint: model.fingerprint().finish(),
            model,
        };
        loaded.check()?;
        Ok(Arc::new(loaded))
    }

    fn check(&self) -> Result<(), Missing> {
        let got = (self.observed()?, self.model.controls());
        let expected = (T::FACTS.observation, T::FACTS.controls);
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
}

impl<R: Rules> Loaded<R> {
    /// Numbers in an observation.
    pub fn observed(&self) -> Result<usize, Missing> {
        let mut sim = Simulation::on(&self.engine()?);
        sim.reset(|_, _| {});
        let mut row = Row::new(&mut []);
        self.rules.observe(&sim, &mut row);
        Ok(row.filled)
    }

    /// An engine for any number of copies: the same bits as one for each, in less memory.
    pub fn engine(&self) -> Result<Arc<Engine>, Missing> {
        Engine::new(&self.model, &self.fields)
    }

    /// A batch of copies, which take turns on one engine.
    pub fn batch(
        self: &Arc<Self>,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Result<Box<dyn VecEnv>, Missing> {
        let (loaded, engine) = (self.clone(), self.engine()?);
        let copy = move || MujocoEnv::new(&loaded, &engine);
        Ok(Box::new(EnvBatch::new(Arc::new(copy), seed, keys, num_envs, settings)))
    }
}

/// The environment of rules.
///
/// Where the simulator gives up (positions that are no numbers, a control that is none), the
/// reward is NaN, so that nothing goes on from a state that MuJoCo silently replaced.
pub struct MujocoEnv<R> {
    loaded: Arc<Loaded<R>>,
    sim: Simulation,
    /// [`Rules::locate`] after the last step.
    coordinates: Vec<f64>,
    /// Scratch: the coordinates before the step, then their velocities.
    velocities: Vec<f64>,
    /// [`Rules::tell`] after the last reset or step.
    facts: Vec<f64>,
}

impl<R: Rules> MujocoEnv<R> {
    fn new(loaded: &Arc<Loaded<R>>, engine: &Arc<Engine>) -> Self {
        let zeros = vec![0.0; loaded.rules.coordinates()];
        let facts = vec![0.0; Fact::width(loaded.rules.facts())];
        let (loaded, sim) = (loaded.clone(), Simulation::on(engine));
        Self { loaded, sim, coordinates: zeros.clone(), velocities: zeros, facts }
    }

    /// Seconds that an action lasts.
    fn dt(&self) -> f64 {
        self.loaded.model.timestep() * f64::from(self.loaded.frame_skip)
    }

    /// Write the observation and gather the facts.
    fn observe(&mut self, obs: &mut [f32]) {
        self.loaded.rules.observe(&self.sim, &mut Row::new(obs));
        self.loaded.rules.tell(&self.sim, &mut self.facts);
    }

    fn locate(&mut self) {
        self.loaded.rules.locate(&self.sim, &mut self.coordinates);
    }

    /// Find out how fast the coordinates moved.
    fn measure(&mut self) {
        std::mem::swap(&mut self.velocities, &mut self.coordinates);
        self.locate();
        let dt = self.dt();
        let moved = self.velocities.iter_mut().zip(&self.coordinates);
        moved.for_each(|(before, now)| *before = (now - *before) / dt);
    }

    /// What a state must come from to be gone on with: the release of MuJoCo, and the model and
    /// rules.
    fn origin(&self) -> [f64; 2] {
        let version = self.loaded.model.library().version_number();
        [f64::from(version), self.loaded.fingerprint as f64]
    }

    fn check_origin(&self, [version, fingerprint]: [f64; 2]) -> Result<(), EnvError> {
        let own = self.origin();
        if version != own[0] {
            let (theirs, own) =
                (version_text(version as i32), self.loaded.model.library().version());
            return Err(EnvError(format!(
                "a state of MuJoCo {theirs}, but MuJoCo {own} is in use: go on with the release \
                 that the run began with"
            )));
        }
        if fingerprint != own[1] {
            let name = self.loaded.model.name();
            return Err(EnvError(format!(
                "the state belongs to another model or description than that of {name} now"
            )));
        }
        Ok(())
    }
}

/// The spaces of a task.
pub(crate) fn spaces(facts: &Facts) -> (Space, Space) {
    let action = Space::uniform_box(facts.controls, -facts.bound, facts.bound);
    (anything(facts.observation), action)
}

/// Observations of any numbers.
pub(crate) fn anything(width: usize) -> Space {
    Space::uniform_box(width, f32::NEG_INFINITY, f32::INFINITY)
}

impl<R: Rules> Env for MujocoEnv<R> {
    fn observation_space(&self) -> Space {
        self.loaded.observation.clone()
    }

    fn action_space(&self) -> Space {
        self.loaded.action.clone()
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.sim.reset(|qpos, qvel| self.loaded.rules.start(qpos, qvel, rng));
        self.locate();
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let action = action.continuous;
        self.sim.set_ctrl(action);
        let finite = action.iter().all(|a| a.is_finite());
        let stable = self.sim.step(self.loaded.frame_skip).is_ok();
        self.measure();
        self.observe(obs);
        let (reward, over) = self.loaded.rules.judge(&self.sim, action, &self.velocities);
        let reward = if finite && stable { reward } else { f64::NAN };
        Step { reward, end: if over { End::Terminated } else { End::Continue } }
    }

    fn facts(&self) -> &[Fact] {
        self.loaded.rules.facts()
    }

    fn tell(&self, facts: &mut [f64]) {
        facts.copy_from_slice(&self.facts);
    }

    /// Where it comes from (the release and the model file), the coordinates, the facts, and the
    /// simulation's state.
    fn snapshot(&self) -> Option<Vec<u8>> {
        let origin = self.origin();
        let numbers = [&origin[..], &self.coordinates, &self.facts, self.sim.state()].concat();
        Some(snapshot::encode(&numbers))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), EnvError> {
        let (coordinates, facts) = (self.coordinates.len(), self.facts.len());
        let n = 2 + coordinates + facts + self.sim.state().len();
        let numbers = snapshot::decode_all(bytes, n)?;
        self.check_origin([numbers[0], numbers[1]])?;
        let (at, rest) = numbers[2..].split_at(coordinates);
        let (told, state) = rest.split_at(facts);
        self.coordinates.copy_from_slice(at);
        self.facts.copy_from_slice(told);
        self.sim.set_state(state);
        Ok(())
    }
}
