//! `memory/t-maze-N`: remember a sign along a corridor of N cells (Bakker, "Reinforcement
//! learning with long short-term memory", 2001).
//!
//! The first observation shows which way to turn at the far end of the corridor; later ones only
//! tell corridor from junction. The right turn is worth 1, the wrong one 0, so that the mean
//! return is the share of right turns.

use crate::picture::{Color, Scene};
use crate::registry::{EnvFactory, Facts, made};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;

const FORWARD: u32 = 0;
const UP: u32 = 1;
/// Steps that a cell of the corridor is worth before time is up.
const PATIENCE: u32 = 4;

/// The corridor and the sign.
///
/// Observation: the sign (1 up, -1 down, 0 after the first observation), and 1 at the junction.
/// Actions: 0 forward, 1 up, 2 down. Turning in the corridor or walking on at the junction
/// changes nothing.
#[derive(Clone, Debug)]
pub struct TMaze {
    length: u32,
    at: u32,
    up: bool,
}

impl TMaze {
    /// A corridor of `length` cells before the junction.
    #[must_use]
    pub fn new(length: u32) -> Self {
        Self { length, at: 0, up: false }
    }

    fn sign(&self) -> f32 {
        if self.up { 1.0 } else { -1.0 }
    }

    fn at_junction(&self) -> bool {
        self.at == self.length
    }
}

/// N of `memory/t-maze-N`, from 1 to 1000.
pub(crate) fn family(id: &str) -> Option<Box<dyn EnvFactory>> {
    let digits = id.strip_prefix("memory/t-maze-")?;
    let length: u32 = digits.parse().ok()?;
    let named = (1..=1000).contains(&length) && length.to_string() == digits;
    let facts = || Facts {
        id: id.into(),
        summary: format!("remember a sign along a corridor of {length}; 1 for the right turn"),
        time_limit: Some(PATIENCE * length),
        solved_at: Some(0.95),
    };
    named.then(|| made(facts(), move || TMaze::new(length)))
}

impl Env for TMaze {
    fn observation_space(&self) -> Space {
        Space::Box { low: vec![-1.0, 0.0], high: vec![1.0, 1.0] }
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 3 }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        (self.at, self.up) = (0, rng.below(2) == 1);
        obs.copy_from_slice(&[self.sign(), 0.0]);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let action = action.discrete[0];
        let turns = self.at_junction() && action != FORWARD;
        if action == FORWARD && !self.at_junction() {
            self.at += 1;
        }
        obs.copy_from_slice(&[0.0, f32::from(u8::from(self.at_junction()))]);
        match turns {
            true => {
                let right = (action == UP) == self.up;
                Step { reward: f64::from(u8::from(right)), end: End::Terminated }
            }
            false => Step { reward: 0.0, end: End::Continue },
        }
    }

    fn render(&self) -> Option<Scene> {
        let (width, floor) = (f64::from(self.length) + 1.0, Color(70, 74, 90));
        let mut scene = Scene::new(width, 3.0, Color(18, 20, 30));
        scene.block((0.0, 1.0), (width, 1.0), floor);
        scene.block((width - 1.0, 0.0), (1.0, 3.0), floor);
        let treasure = if self.up { 0.0 } else { 2.0 };
        scene.block((width - 1.0, treasure), (1.0, 1.0), Color(0, 158, 115));
        scene.dot((f64::from(self.at) + 0.5, 1.5), 0.45, Color(86, 180, 233));
        Some(scene)
    }

    fn action_names(&self) -> &'static [&'static str] {
        &["forward", "up", "down"]
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[f64::from(self.at), f64::from(u8::from(self.up))]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let [at, up] = snapshot::decode(snapshot)?;
        match (0..=self.length).find(|cell| f64::from(*cell) == at) {
            Some(cell) => (self.at, self.up) = (cell, up != 0.0),
            None => {
                let last = self.length;
                return Err(EnvError(format!("cell {at}, expected one of 0 to {last}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    /// What actions lead to: observations, and the last step.
    fn play(seed: u64, actions: &[u32]) -> (f32, Vec<[f32; 2]>, Step) {
        let rng = &mut Stream::new(seed, Purpose::Test, 0, 0);
        let (mut env, mut obs) = (TMaze::new(2), [9.0; 2]);
        env.reset(rng, &mut obs);
        let (sign, mut seen, mut last) = (obs[0], vec![], None);
        for action in actions {
            let action = Action { discrete: &[*action], continuous: &[] };
            last = Some(env.step(action, rng, &mut obs));
            seen.push(obs);
        }
        (sign, seen, last.expect("an action"))
    }

    /// Two cells lead to the junction; turning on the way and walking on there change nothing.
    #[test]
    fn the_sign_is_seen_once_and_decides() {
        let mut signs = [0, 0];
        for seed in 0..20 {
            let (sign, seen, last) = play(seed, &[0, 1, 0, 0, 1]);
            assert_eq!(seen, [[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]);
            let reward = if sign > 0.0 { 1.0 } else { 0.0 };
            assert_eq!(last, Step { reward, end: End::Terminated });
            assert_eq!(play(seed, &[0, 0, 2]).2.reward, 1.0 - reward);
            signs[usize::from(sign > 0.0)] += 1;
        }
        assert!(signs[0] > 0 && signs[1] > 0, "{signs:?}");
    }

    #[test]
    fn names_say_the_length() {
        let env = family("memory/t-maze-7").expect("one of the family");
        assert_eq!(env.default_time_limit(), Some(28));
        for other in ["memory/t-maze-0", "memory/t-maze-07", "memory/t-maze-", "memory/t-maze-x"] {
            assert!(family(other).is_none(), "{other}");
        }
    }
}
