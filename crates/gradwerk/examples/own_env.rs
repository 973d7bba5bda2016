//! An environment of your own, trained and evaluated: bring a point mass to rest at the origin.
use gradwerk::env::{Action, End, Env, Space, Step, Stream, check_env, custom};
use gradwerk::{Config, Error, EvalOptions, Pool, Runtime, Trainer, evaluate};

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
    /// The time limit is not our business: `custom` below sets one.
    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        self.velocity += 0.1 * f64::from(action.continuous[0]);
        self.position += 0.1 * self.velocity;
        self.observe(obs);
        let lost = self.position.abs() > 3.0;
        let end = if lost { End::Terminated } else { End::Continue };
        Step { reward: if lost { -100.0 } else { -self.position.abs() }, end }
    }
}

fn main() -> Result<(), Error> {
    let env = custom("PointMass", Some(100), PointMass::default);
    let report = check_env(&*env, &env.default_settings(), 1);
    print!("{report}");
    assert!(report.passed(), "an environment that breaks its promises is not worth training on");

    let config = Config { steps: 80_000, ..Config::preset(env.id(), "ppo")? };
    let mut trainer = Trainer::with_env(&config, &*env, Runtime::default())?;
    let score = |t: &Trainer| evaluate(&t.policy(), &*env, EvalOptions::default(), &Pool::new(2));
    println!("before: mean return {:.1}", score(&trainer)?.mean_return);
    while !trainer.finished() {
        trainer.update()?;
    }
    println!("after:  mean return {:.1}", score(&trainer)?.mean_return);
    Ok(())
}
