//! Whole training: the same work as the peers do, with the share of each phase.

use super::Work;
use super::measure::{Clock, Measured};
use gradwerk::layers::Sources;
use gradwerk::trainer::Phases;
use gradwerk::{Config, Error, Trainer};
use gradwerk_env::{Action, End, Env, Space, Step, custom};
use gradwerk_math::Stream;

/// A name, what it is, and the settings that differ from the defaults (64-64 tanh, separate).
const WORKS: &[(&str, &str, &str)] = &[
    (
        "cartpole-8x128",
        "CartPole ppo, 8 x 128, minibatch 256, 4 epochs",
        "env = { id = 'CartPole-v1', num_envs = 8 }\nrollout.steps = 128\n\
         algo = { kind = 'ppo', minibatch = 256, epochs = 4 }",
    ),
    (
        "cartpole-1024x32",
        "CartPole ppo, 1024 x 32, minibatch 4096, 4 epochs",
        "env = { id = 'CartPole-v1', num_envs = 1024 }\nrollout.steps = 32\n\
         algo = { kind = 'ppo', minibatch = 4096, epochs = 4 }",
    ),
    (
        "cartpole-256x32",
        "CartPole ppo, 256 x 32, minibatch 2048, 4 epochs",
        "env = { id = 'CartPole-v1', num_envs = 256 }\nrollout.steps = 32\n\
         algo = { kind = 'ppo', minibatch = 2048, epochs = 4 }",
    ),
    (
        "cartpole-a2c-8x5",
        "CartPole a2c, 8 x 5, rmsprop",
        "env = { id = 'CartPole-v1', num_envs = 8 }\nrollout.steps = 5\n\
         optimizer.kind = 'rmsprop'\nalgo.kind = 'a2c'",
    ),
    (
        "pendulum-1x2048",
        "Pendulum ppo, 1 x 2048, minibatch 64, 10 epochs",
        "env = { id = 'Pendulum-v1', num_envs = 1 }\nrollout.steps = 2048\n\
         algo = { kind = 'ppo', minibatch = 64, epochs = 10 }",
    ),
    (
        "pendulum-256x64",
        "Pendulum ppo, 256 x 64, minibatch 4096, 4 epochs",
        "env = { id = 'Pendulum-v1', num_envs = 256 }\nrollout.steps = 64\n\
         algo = { kind = 'ppo', minibatch = 4096, epochs = 4 }",
    ),
    (
        "pendulum-4x1024",
        "Pendulum ppo, 4 x 1024, minibatch 256, 2 epochs, relu",
        "env = { id = 'Pendulum-v1', num_envs = 4 }\nrollout.steps = 1024\n\
         network = { kind = 'mlp', activation = 'relu' }\n\
         algo = { kind = 'ppo', minibatch = 256, epochs = 2 }",
    ),
    (
        "cartpole-gru-64x128",
        "CartPole ppo, one shared GRU of 64, 64 x 128, segments of 16, minibatch 2048, 4 epochs",
        "env = { id = 'CartPole-v1', num_envs = 64 }\nrollout.steps = 128\n\
         network = { kind = 'mlp', hidden = [], shared = true }\n\
         memory = { kind = 'gru', units = 64, segment = 16 }\n\
         algo = { kind = 'ppo', minibatch = 2048, epochs = 4 }",
    ),
    (
        "nature-4x84x84",
        "games/bricks-pixels ppo, stacks of 4 frames, nature-cnn, 8 x 128, minibatch 256, 4 epochs",
        "env = { id = 'games/bricks-pixels', num_envs = 8, frame_stack = 4 }\n\
         rollout.steps = 128\nnetwork.kind = 'nature-cnn'\n\
         algo = { kind = 'ppo', minibatch = 256, epochs = 4 }",
    ),
];

/// Name, channels, side of the images, and the settings that differ from the defaults: training on
/// images, without the cost of a game.
const IMAGE_WORKS: &[(&str, usize, usize, &str)] = &[
    (
        "images-84x84x4",
        4,
        84,
        "network.kind = 'nature-cnn'\nenv.num_envs = 8\nrollout.steps = 128\n\
         algo = { kind = 'ppo', minibatch = 256, epochs = 4 }",
    ),
    (
        "grids-10x10x4",
        4,
        10,
        "network.kind = 'small-cnn'\nenv.num_envs = 64\nrollout.steps = 64\n\
         algo = { kind = 'ppo', minibatch = 512, epochs = 4 }",
    ),
    (
        "grids-10x10x10",
        10,
        10,
        "network.kind = 'small-cnn'\nenv.num_envs = 64\nrollout.steps = 64\n\
         algo = { kind = 'ppo', minibatch = 512, epochs = 4 }",
    ),
];

/// What all works share: advantages normalised per minibatch, as the peers do, and no end.
const COMMON: &str = "preset = 'none'\nsteps = 1_000_000_000_000\nlr = 2.5e-4\n\
                      estimator.normalize = 'minibatch'\n";

/// One work per line of the tables, with `set` over its settings.
pub fn works(set: &[String]) -> Vec<Work> {
    let work = |&(name, summary, settings): &(&'static str, &str, &'static str)| {
        let set = set.to_vec();
        Work {
            name: format!("train/{name}"),
            summary: summary.into(),
            run: Box::new(move |clock, runtime| {
                train(name, Trainer::new(&config(settings, &set)?, runtime)?, clock)
            }),
        }
    };
    let images =
        |&(name, channels, side, settings): &(&'static str, usize, usize, &'static str)| {
            let set = set.to_vec();
            Work {
                name: format!("train/{name}"),
                summary: format!(
                    "ppo on bars moving over images of {side}x{side}x{channels}, 4 epochs"
                ),
                run: Box::new(move |clock, runtime| {
                    let env = custom(name, Some(100), move || Bars { channels, side, time: 0 });
                    train(name, Trainer::with_env(&config(settings, &set)?, &*env, runtime)?, clock)
                }),
            }
        };
    WORKS.iter().map(work).chain(IMAGE_WORKS.iter().map(images)).collect()
}

fn config(settings: &str, set: &[String]) -> Result<Config, Error> {
    let mut sources = Sources::new();
    sources.text(&format!("{COMMON}{settings}"), "bench")?;
    set.iter().try_for_each(|assignment| sources.set(assignment))?;
    Ok(sources.resolve()?.config)
}

/// A bright row that moves down and another one up, in turn from channel to channel.
struct Bars {
    channels: usize,
    side: usize,
    time: usize,
}

impl Bars {
    fn draw(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        for channel in 0..self.channels {
            let row = (self.time + channel) % self.side;
            let row = [row, self.side - 1 - row][channel % 2];
            obs[(channel * self.side + row) * self.side..][..self.side].fill(255.0);
        }
    }
}

impl Env for Bars {
    fn observation_space(&self) -> Space {
        let (height, width) = (self.side, self.side);
        Space::Image { channels: self.channels, height, width }
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 6 }
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.time = rng.below(self.side as u32) as usize;
        self.draw(obs);
    }
    fn step(&mut self, action: Action<'_>, _: &mut Stream, obs: &mut [f32]) -> Step {
        let right = action.discrete[0] as usize == self.time % 6;
        self.time += 1;
        self.draw(obs);
        Step { reward: f64::from(u8::from(right)), end: End::Continue }
    }
}

fn train(name: &str, mut trainer: Trainer, clock: &Clock) -> Result<Vec<Measured>, Error> {
    let mut phases = Phases::default();
    let mut steps = 0;
    let rates = clock.rates(|| {
        let before = trainer.counters().steps;
        let report = trainer.update()?;
        phases.sample += report.phases.sample;
        phases.estimate += report.phases.estimate;
        phases.ascend += report.phases.ascend;
        steps = report.counters.steps;
        Ok((steps - before) as f64)
    })?;
    let total = (phases.sample + phases.estimate + phases.ascend).as_secs_f64();
    let rate = |phase: std::time::Duration| steps as f64 / phase.as_secs_f64();
    Ok(vec![
        Measured::new(format!("train/{name}"), "steps/s", rates)
            .with("share_sample", phases.sample.as_secs_f64() / total)
            .with("share_estimate", phases.estimate.as_secs_f64() / total)
            .with("share_update", phases.ascend.as_secs_f64() / total)
            .with("rollout_steps_per_s", rate(phases.sample))
            .with("update_steps_per_s", rate(phases.ascend)),
    ])
}
