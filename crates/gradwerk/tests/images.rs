//! Learning from images: a walker finds its goal on a grid that it sees; and what is said about
//! pixels and sizes that do not fit.

use gradwerk::config::Config;
use gradwerk::estimate::Normalize;
use gradwerk::schedule::Schedule;
use gradwerk::{EvalOptions, Policy, Pool, Runtime, Trainer, evaluate};
use gradwerk_env::{Action, End, Env, EnvFactory, Space, Step, custom};
use gradwerk_math::Stream;
use gradwerk_nn::NetworkConfig;

const SIDE: usize = 5;

/// Channel 0 shows the walker, channel 1 the goal; actions move left, right, up, down. Reward 1 at
/// the goal, where the episode ends.
#[derive(Default)]
struct Walk {
    walker: [usize; 2],
    goal: [usize; 2],
    /// What a bright pixel is.
    bright: f32,
}

impl Walk {
    fn draw(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        for (channel, [y, x]) in [self.walker, self.goal].into_iter().enumerate() {
            obs[(channel * SIDE + y) * SIDE + x] = self.bright;
        }
    }
}

impl Env for Walk {
    fn observation_space(&self) -> Space {
        Space::Image { channels: 2, height: SIDE, width: SIDE }
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 4 }
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        let mut place = || [0; 2].map(|_: usize| rng.below(SIDE as u32) as usize);
        (self.walker, self.goal) = (place(), place());
        self.draw(obs);
    }
    fn step(&mut self, action: Action<'_>, _: &mut Stream, obs: &mut [f32]) -> Step {
        let [y, x] = self.walker;
        self.walker = match action.discrete[0] {
            0 => [y, x.saturating_sub(1)],
            1 => [y, (x + 1).min(SIDE - 1)],
            2 => [y.saturating_sub(1), x],
            _ => [(y + 1).min(SIDE - 1), x],
        };
        self.draw(obs);
        let there = self.walker == self.goal;
        let end = if there { End::Terminated } else { End::Continue };
        Step { reward: f64::from(u8::from(there)), end }
    }
}

/// The farthest goal is 8 steps away, so that whoever sees it arrives within the limit of 12.
fn walk(bright: f32) -> Box<dyn EnvFactory> {
    custom("walk", Some(12), move || Walk { bright, ..Walk::default() })
}

fn config(network: &str) -> Config {
    let mut config = Config { gamma: 0.9, seed: 1, steps: 60_000, ..Config::default() };
    config.network = NetworkConfig::named(network).unwrap();
    config.lr = Schedule::linear(1e-3, 0.0);
    config.env.num_envs = 16;
    config.rollout.steps = 64;
    config.estimator.normalize = Normalize::Minibatch;
    config
}

fn runtime() -> Runtime {
    Runtime { threads: 2, ..Runtime::default() }
}

/// Who walks at random arrives within 12 steps less than half of the time.
#[test]
fn a_walker_learns_to_see_its_goal() {
    let env = walk(255.0);
    let mut trainer = Trainer::with_env(&config("small-cnn"), &*env, runtime()).unwrap();
    let options = EvalOptions { episodes: 300, ..EvalOptions::default() };
    let score = |policy: &Policy, stochastic| {
        let options = EvalOptions { stochastic, ..options };
        evaluate(policy, &*env, options, &Pool::new(2)).unwrap().mean_return
    };
    assert!(score(&trainer.policy(), true) < 0.5);
    while !trainer.finished() {
        trainer.update().unwrap();
    }
    let file = std::env::temp_dir().join(format!("gradwerk-walk-{}", std::process::id()));
    trainer.policy().save(&file).unwrap();
    let policy = Policy::load(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(policy.observation_space(), &env.observation_space());
    assert!(score(&policy, false) > 0.95);
}

#[test]
fn a_pixel_out_of_range_is_located() {
    for (bright, what) in [(256.0, "pixel 256, expected"), (0.5, "pixel 0.5, expected")] {
        let env = walk(bright);
        let mut trainer = Trainer::with_env(&config("small-cnn"), &*env, runtime()).unwrap();
        let text = trainer.update().unwrap_err().to_string();
        let place = "environment 0, its step 0: observation entry";
        assert!(text.contains(what) && text.contains(place), "{text}");
    }
    let mut trainer = Trainer::with_env(&config("mlp"), &*walk(f32::NAN), runtime()).unwrap();
    let text = trainer.update().unwrap_err().to_string();
    assert!(text.contains("is NaN at environment 0, its step 0"), "{text}");
}

#[test]
fn networks_and_normalisers_that_do_not_fit_are_refused() {
    let refused = |config: &Config| {
        Trainer::with_env(config, &*walk(255.0), runtime()).err().unwrap().to_string()
    };
    let text = refused(&config("nature-cnn"));
    let expected = "network.kind = nature-cnn: layer 0 has windows of 8x8, larger than its input \
                    2x5x5 (5x5 with the padding)";
    assert!(text.starts_with(expected), "{text}");
    let mut normalised = config("small-cnn");
    normalised.normalize.observations = true;
    let text = refused(&normalised);
    assert!(text.starts_with("normalize.observations = true: the observation is an image"));
    let mut vectors = config("small-cnn");
    vectors.env.id = "CartPole-v1".into();
    let text = Trainer::new(&vectors, runtime()).err().unwrap().to_string();
    assert!(text.starts_with("network.kind = small-cnn: needs an image"), "{text}");
    assert!(Trainer::with_env(&config("mlp"), &*walk(255.0), runtime()).is_ok());
}
