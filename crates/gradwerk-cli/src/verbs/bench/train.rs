//! Whole training: the same work as the peers do, with the share of each phase.

use super::Work;
use super::measure::{Clock, Measured};
use gradwerk::layers::Sources;
use gradwerk::trainer::Phases;
use gradwerk::{Error, Runtime, Trainer};

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
];

/// What all works share: advantages normalised per minibatch, as the peers do, and no end.
const COMMON: &str = "preset = 'none'\nsteps = 1_000_000_000_000\nlr = 2.5e-4\n\
                      estimator.normalize = 'minibatch'\n";

/// One work per line of the table, with `set` over its settings.
pub fn works(set: &[String]) -> Vec<Work> {
    let work = |&(name, summary, settings): &(&'static str, &str, &'static str)| {
        let set = set.to_vec();
        Work {
            name: format!("train/{name}"),
            summary: summary.into(),
            run: Box::new(move |clock, runtime| train(name, settings, &set, clock, runtime)),
        }
    };
    WORKS.iter().map(work).collect()
}

fn train(
    name: &str,
    settings: &str,
    set: &[String],
    clock: &Clock,
    runtime: Runtime,
) -> Result<Vec<Measured>, Error> {
    let mut sources = Sources::new();
    sources.text(&format!("{COMMON}{settings}"), "bench")?;
    set.iter().try_for_each(|assignment| sources.set(assignment))?;
    let mut trainer = Trainer::new(&sources.resolve()?.config, runtime)?;
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
