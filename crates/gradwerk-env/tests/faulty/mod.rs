//! An environment and a batch with a choice of faults.

use gradwerk_env::{
    Action, Actions, End, Env, EnvError, EnvFactory, EnvSettings, EpisodeKeys, SlotState, Space,
    Step, StepRows, VecEnv, custom, snapshot,
};
use gradwerk_math::{Real, Stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What is wrong with an environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EnvFault {
    None,
    NoSnapshot,
    BoundsSwapped,
    Unwritten,
    Panics,
    NanReward,
    OutOfBounds,
    SharedState,
    LeakyReset,
    HidesNan,
    PartialSnapshot,
    AnySnapshot,
}

/// A noisy walk of at most 30 steps: observation (position, time / 30), reward = position.
pub struct Faulty {
    fault: EnvFault,
    position: f64,
    time: u32,
    /// Survives resets, which it must not.
    leak: f64,
    shared: Arc<AtomicU32>,
}

impl Faulty {
    pub fn new(fault: EnvFault, shared: Arc<AtomicU32>) -> Self {
        Self { fault, position: 0.0, time: 0, leak: 0.0, shared }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs[0] = self.position as f32;
        if self.fault != EnvFault::Unwritten || self.time == 0 {
            obs[1] = self.time as f32 / 30.0;
        }
        if self.fault == EnvFault::OutOfBounds && self.time == 3 {
            obs[1] = 7.0;
        }
    }

    /// What the fault adds to the reward.
    fn extra(&mut self) -> f64 {
        match self.fault {
            EnvFault::Panics if self.time == 3 => panic!("the pole broke"),
            EnvFault::NanReward if self.time == 3 => f64::NAN,
            EnvFault::SharedState => f64::from(self.shared.fetch_add(1, Ordering::Relaxed)),
            EnvFault::LeakyReset => {
                self.leak += 1.0;
                self.leak
            }
            _ => 0.0,
        }
    }
}

impl Env for Faulty {
    fn observation_space(&self) -> Space {
        let x = if self.fault == EnvFault::BoundsSwapped { -1.0 } else { 1.0 };
        Space::Box { low: vec![-x, 0.0], high: vec![x, 1.0] }
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.position = rng.uniform_in(-0.1, 0.1);
        self.time = 0;
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let a = f64::from(action.continuous[0]);
        let a = if self.fault == EnvFault::HidesNan { a.clamp(-1.0, 1.0).max(-1.0) } else { a };
        let noise = 0.1 * rng.uniform_in(-1.0, 1.0);
        self.position = Real::clip(self.position + 0.1 * a + noise, -1.0, 1.0);
        self.time += 1;
        self.observe(obs);
        let end = if self.time == 30 { End::Terminated } else { End::Continue };
        Step { reward: self.position + self.extra(), end }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        match self.fault {
            EnvFault::NoSnapshot => None,
            _ => Some(snapshot::encode(&[self.position, f64::from(self.time)])),
        }
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), EnvError> {
        let bytes = if self.fault == EnvFault::AnySnapshot { &bytes[..16] } else { bytes };
        let [position, time] = snapshot::decode(bytes)?;
        self.position = position;
        self.time = if self.fault == EnvFault::PartialSnapshot { 0 } else { time as u32 };
        Ok(())
    }
}

/// What is wrong with a batch or its factory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum VecFault {
    StepsInactive,
    NoTimeLimit,
    LimitBeatsTermination,
    NoReset,
    FinalIsReset,
    KeysBySlotOnly,
    NotResumable,
}

/// The factory of a sound environment whose batches are meddled with.
pub struct Meddling {
    sound: Box<dyn EnvFactory>,
    fault: VecFault,
}

impl Meddling {
    pub fn new(fault: VecFault) -> Self {
        let maker = || Faulty::new(EnvFault::None, Arc::default());
        Self { sound: custom("meddling", Some(40), maker), fault }
    }

    pub fn settings(&self) -> EnvSettings {
        self.sound.default_settings()
    }
}

impl EnvFactory for Meddling {
    fn id(&self) -> &str {
        self.sound.id()
    }
    fn default_time_limit(&self) -> Option<u32> {
        self.sound.default_time_limit()
    }
    fn observation_space(&self) -> Space {
        self.sound.observation_space()
    }
    fn action_space(&self) -> Space {
        self.sound.action_space()
    }
    fn exact_resume(&self) -> bool {
        self.fault != VecFault::NotResumable
    }
    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv> {
        let keys = match (self.fault, keys) {
            (VecFault::KeysBySlotOnly, EpisodeKeys::Training { .. }) => {
                EpisodeKeys::Training { first: 0 }
            }
            _ => keys,
        };
        let limit = settings.time_limit;
        let own = if self.fault == VecFault::NoTimeLimit { None } else { limit };
        let settings = EnvSettings { time_limit: own, ..*settings };
        let inner = self.sound.make(seed, keys, num_envs, &settings);
        Box::new(Meddler { inner, fault: self.fault, limit, time: vec![0; num_envs] })
    }
}

struct Meddler {
    inner: Box<dyn VecEnv>,
    fault: VecFault,
    limit: Option<u32>,
    time: Vec<u32>,
}

impl VecEnv for Meddler {
    gradwerk_env::forward_batch!();

    fn observation_space(&self) -> &Space {
        self.inner.observation_space()
    }
    fn reset(&mut self, obs: &mut [f32]) {
        self.inner.reset(obs);
    }
    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        let everyone = vec![true; active.len()];
        let all = self.fault == VecFault::StepsInactive;
        self.inner.step(actions, if all { &everyone } else { active }, rows);
        for i in (0..active.len()).filter(|&i| active[i]) {
            self.time[i] += 1;
            if rows.end[i].is_end() {
                self.meddle_with_end(i, rows);
                self.time[i] = 0;
            }
        }
    }
    fn load(&mut self, slots: &[SlotState], obs: &[f32]) -> Result<(), EnvError> {
        self.inner.load(slots, obs)
    }
}

impl Meddler {
    fn meddle_with_end(&self, i: usize, rows: &mut StepRows<'_>) {
        let d = rows.obs.len() / rows.end.len();
        let row = i * d..(i + 1) * d;
        match self.fault {
            VecFault::NoReset => rows.obs[row.clone()].copy_from_slice(&rows.final_obs[row]),
            VecFault::FinalIsReset => rows.final_obs[row.clone()].copy_from_slice(&rows.obs[row]),
            VecFault::LimitBeatsTermination if self.limit == Some(self.time[i]) => {
                rows.end[i] = End::Truncated;
            }
            _ => {}
        }
    }
}
