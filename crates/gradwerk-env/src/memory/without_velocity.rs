//! `CartPoleNoVel-v1`, `PendulumNoVel-v1`, `hybrid/platform-no-velocity`: the same problems with the
//! velocities hidden, which must be told from several observations.

use crate::classic::{CartPole, Pendulum};
use crate::hybrid::Platform;
use crate::picture::Scene;
use crate::registry::{BuiltIn, EnvSpec};
use crate::{Action, Env, EnvError, Space, Step};
use gradwerk_math::Stream;

/// An environment some of whose observations are velocities.
pub trait HasVelocity: BuiltIn {
    /// The entries of the observation that are none, in order.
    const KEPT: &'static [usize];
    /// The facts about the problem without the others.
    const WITHOUT: EnvSpec;
}

impl HasVelocity for CartPole {
    const KEPT: &'static [usize] = &[0, 2];
    const WITHOUT: EnvSpec = EnvSpec {
        id: "CartPoleNoVel-v1",
        summary: "balance a pole on a cart; position and angle are seen, their velocities are not",
        ..Self::SPEC
    };
}

impl HasVelocity for Pendulum {
    const KEPT: &'static [usize] = &[0, 1];
    const WITHOUT: EnvSpec = EnvSpec {
        id: "PendulumNoVel-v1",
        summary: "swing a pendulum up and hold it; the angle is seen, its velocity is not",
        ..Self::SPEC
    };
}

impl HasVelocity for Platform {
    /// Without the last run (metres of a second) and the speeds of the guards.
    const KEPT: &'static [usize] = &[0, 1, 3, 4, 5, 6, 8];
    const WITHOUT: EnvSpec = EnvSpec {
        id: "hybrid/platform-no-velocity",
        summary: "hybrid/platform, but neither the run-up nor the guards' speeds are seen",
        ..Self::SPEC
    };
}

/// An environment with its velocities hidden.
#[derive(Clone, Debug)]
pub struct WithoutVelocity<E> {
    env: E,
    /// The whole observation.
    all: Vec<f32>,
}

impl<E: HasVelocity> WithoutVelocity<E> {
    fn show(&self, obs: &mut [f32]) {
        obs.iter_mut().zip(E::KEPT).for_each(|(entry, k)| *entry = self.all[*k]);
    }
}

impl<E: HasVelocity> BuiltIn for WithoutVelocity<E> {
    const SPEC: EnvSpec = E::WITHOUT;
    fn new() -> Self {
        let env = E::new();
        let all = vec![0.0; env.observation_space().width()];
        Self { env, all }
    }
}

impl<E: HasVelocity> Env for WithoutVelocity<E> {
    fn observation_space(&self) -> Space {
        let Space::Box { low, high } = self.env.observation_space() else {
            panic!("an observation with velocities is a vector")
        };
        let kept = |bounds: &[f32]| E::KEPT.iter().map(|k| bounds[*k]).collect();
        Space::Box { low: kept(&low), high: kept(&high) }
    }

    fn action_space(&self) -> Space {
        self.env.action_space()
    }

    fn action_mask(&self, mask: &mut [bool]) -> bool {
        self.env.action_mask(mask)
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.env.reset(rng, &mut self.all);
        self.show(obs);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let step = self.env.step(action, rng, &mut self.all);
        self.show(obs);
        step
    }

    fn render(&self) -> Option<Scene> {
        self.env.render()
    }

    fn action_names(&self) -> &'static [&'static str] {
        self.env.action_names()
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        self.env.snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        self.env.restore(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    /// The same episode: the entries that are kept are those of the whole observation, and the masks
    /// those of the whole problem.
    fn compare<E: HasVelocity>(kept: &[usize], masked: usize, action: Action<'_>) {
        let rng = || Stream::new(5, Purpose::Test, 0, 0);
        let (mut a, mut b) = (E::new(), WithoutVelocity::<E>::new());
        let mut all = vec![0.0; a.observation_space().width()];
        let (mut seen, mut rng_a, mut rng_b) = (vec![0.0; kept.len()], rng(), rng());
        a.reset(&mut rng_a, &mut all);
        b.reset(&mut rng_b, &mut seen);
        for _ in 0..5 {
            assert_eq!(seen, kept.iter().map(|&k| all[k]).collect::<Vec<f32>>());
            let mut masks = [vec![false; masked], vec![false; masked]];
            assert_eq!(a.action_mask(&mut masks[0]), masked > 0);
            assert_eq!(b.action_mask(&mut masks[1]), masked > 0);
            assert_eq!(masks[0], masks[1]);
            let steps =
                (a.step(action, &mut rng_a, &mut all), b.step(action, &mut rng_b, &mut seen));
            assert_eq!(steps.0, steps.1);
        }
    }

    /// Position and angle are entries 0 and 2 of CartPole; cosine and sine 0 and 1 of Pendulum. Of the
    /// platforms the last run is entry 2, and speeds are 7 and 9.
    #[test]
    fn positions_are_shown_and_nothing_else_changes() {
        compare::<CartPole>(&[0, 2], 0, Action { discrete: &[1], continuous: &[] });
        compare::<Pendulum>(&[0, 1], 0, Action { discrete: &[], continuous: &[0.7] });
        let run = Action { discrete: &[0], continuous: &[0.4, 0.0, 0.0] };
        compare::<Platform>(&[0, 1, 3, 4, 5, 6, 8], 3, run);
    }
}
