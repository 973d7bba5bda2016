//! An environment of your own: push a point mass to the origin. Then let the checker judge it.

use gradwerk_env::{Action, End, Env, EnvError, Space, Step, check_env, custom, snapshot};
use gradwerk_math::Stream;

/// A point of mass 1 on a line. Observation: position, velocity. Action: a force in [-1, 1].
#[derive(Default)]
struct PointMass {
    position: f64,
    velocity: f64,
}

impl PointMass {
    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&[self.position as f32, self.velocity as f32]);
    }
}

impl Env for PointMass {
    fn observation_space(&self) -> Space {
        Space::uniform_box(2, f32::NEG_INFINITY, f32::INFINITY)
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }

    /// All randomness comes from `rng`, so that an episode can be repeated.
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        *self = Self { position: rng.uniform_in(-1.0, 1.0), velocity: 0.0 };
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        self.velocity += 0.1 * f64::from(action.continuous[0]);
        self.position += 0.1 * self.velocity;
        self.observe(obs);
        let lost = self.position.abs() > 3.0;
        let end = if lost { End::Terminated } else { End::Continue };
        Step { reward: if lost { -100.0 } else { -self.position.abs() }, end }
    }

    // Optional: without these two, a resumed run replays the episode.
    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(snapshot::encode(&[self.position, self.velocity]))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), EnvError> {
        [self.position, self.velocity] = snapshot::decode(bytes)?;
        Ok(())
    }
}

fn main() {
    let factory = custom("PointMass", Some(100), PointMass::default);
    let report = check_env(&*factory, &factory.default_settings(), 1);
    print!("{report}");
    std::process::exit(i32::from(!report.passed()));
}
