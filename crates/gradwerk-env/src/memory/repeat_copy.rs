//! `memory/repeat-copy`: say a sequence that was shown, again and again.
//!
//! Two to five symbols of four kinds are shown, one a step, whatever the action. Then the signal
//! asks for them: in the same order, one a step, one to three times over. Each right answer is
//! worth the same and all together 1, so that the return is the share of right answers.

use crate::picture::{Color, Scene};
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::Stream;
use serde::{Deserialize, Serialize};

const SYMBOLS: u32 = 4;
const SHORTEST: u32 = 2;
const LONGEST: u32 = 5;
const MOST_REPEATS: u32 = 3;
const COLORS: [Color; SYMBOLS as usize] =
    [Color(86, 180, 233), Color(213, 94, 0), Color(0, 158, 115), Color(240, 228, 66)];

/// The sequence and the place in it.
///
/// Observation: the symbol shown, one-hot, and 1 while answers are asked for. Action: a symbol.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RepeatCopy {
    symbols: Vec<u32>,
    repeats: u32,
    time: usize,
}

impl RepeatCopy {
    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        let asked = SYMBOLS as usize;
        obs[self.symbols.get(self.time).map_or(asked, |symbol| *symbol as usize)] = 1.0;
    }

    fn answers(&self) -> usize {
        self.symbols.len() * self.repeats as usize
    }

    fn is_valid(&self) -> bool {
        let length = (SHORTEST..=LONGEST).contains(&(self.symbols.len() as u32));
        let repeats = (1..=MOST_REPEATS).contains(&self.repeats);
        let known = self.symbols.iter().all(|symbol| *symbol < SYMBOLS);
        length && repeats && known && self.time < self.symbols.len() + self.answers()
    }
}

impl BuiltIn for RepeatCopy {
    const SPEC: EnvSpec = EnvSpec {
        id: "memory/repeat-copy",
        summary: "repeat a sequence of symbols from memory; the return is the share that is right",
        time_limit: None,
        solved_at: Some(0.95),
    };
    fn new() -> Self {
        Self::default()
    }
}

impl Env for RepeatCopy {
    fn observation_space(&self) -> Space {
        Space::uniform_box(SYMBOLS as usize + 1, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: SYMBOLS as usize }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        let length = SHORTEST + rng.below(LONGEST - SHORTEST + 1);
        self.symbols.clear();
        self.symbols.extend((0..length).map(|_| rng.below(SYMBOLS)));
        (self.repeats, self.time) = (1 + rng.below(MOST_REPEATS), 0);
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let length = self.symbols.len();
        let right = match self.time.checked_sub(length) {
            Some(answer) => action.discrete[0] == self.symbols[answer % length],
            None => false,
        };
        self.time += 1;
        self.observe(obs);
        let over = self.time == length + self.answers();
        Step {
            reward: if right { 1.0 / self.answers() as f64 } else { 0.0 },
            end: if over { End::Terminated } else { End::Continue },
        }
    }

    /// The sequence, and a dot below the symbol that is shown or asked for; white while asked for.
    fn render(&self) -> Option<Scene> {
        let mut scene = Scene::new(f64::from(LONGEST), 2.0, Color(18, 20, 30));
        for (x, symbol) in self.symbols.iter().enumerate() {
            scene.block((x as f64 + 0.05, 0.05), (0.9, 0.9), COLORS[*symbol as usize]);
        }
        let length = self.symbols.len();
        let color = if self.time < length { Color(110, 114, 130) } else { Color(255, 255, 255) };
        scene.dot(((self.time % length) as f64 + 0.5, 1.5), 0.3, color);
        Some(scene)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode_json(self))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        *self = snapshot::decode_json(snapshot, Self::is_valid)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    /// Symbols 3 and 1, asked for twice: four answers of 1/4 each, one of them wrong here.
    #[test]
    fn answers_are_compared_in_order() {
        let mut env = RepeatCopy { symbols: vec![3, 1], repeats: 2, time: 0 };
        let rng = &mut Stream::new(0, Purpose::Test, 0, 0);
        let mut obs = [0.0; 5];
        let mut step = |action: u32| {
            let step = env.step(Action { discrete: &[action], continuous: &[] }, rng, &mut obs);
            (step.reward, step.end.is_end(), obs)
        };
        assert_eq!(step(3), (0.0, false, [0.0, 1.0, 0.0, 0.0, 0.0]), "the second symbol is shown");
        let asked = [0.0, 0.0, 0.0, 0.0, 1.0];
        assert_eq!(step(1), (0.0, false, asked));
        assert_eq!(step(3), (0.25, false, asked));
        assert_eq!(step(0), (0.0, false, asked));
        assert_eq!(step(3), (0.25, false, asked));
        assert_eq!(step(1), (0.25, true, asked));
    }

    #[test]
    fn every_length_occurs() {
        let mut seen = [false; 6];
        for seed in 0..50 {
            let mut env = RepeatCopy::new();
            env.reset(&mut Stream::new(seed, Purpose::Test, 0, 0), &mut [0.0; 5]);
            assert!(env.is_valid());
            seen[env.symbols.len()] = true;
        }
        assert_eq!(seen, [false, false, true, true, true, true]);
    }
}
