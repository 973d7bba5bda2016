//! Time to solve: the shipped preset from its start to its threshold, seeds 1 to 10.

use super::Work;
use super::measure::Measured;
use gradwerk::config::Config;
use gradwerk::{Error, Runtime, Trainer};
use std::time::Instant;

/// Environment and the mean return of the last 100 training episodes that counts as solved.
const WORKS: &[(&str, f64)] = &[
    ("CartPole-v1", 475.0),
    ("Pendulum-v1", -200.0),
    ("Acrobot-v1", -85.0),
    ("MountainCarContinuous-v0", 90.0),
    ("MountainCar-v0", -110.0),
];

/// One work per environment, with its ppo preset.
pub fn works() -> Vec<Work> {
    let work = |&(env, threshold): &(&'static str, f64)| Work {
        name: format!("solve/{env}"),
        summary: format!("the ppo preset to a training return of {threshold}, seeds 1 to 10"),
        run: Box::new(move |_, runtime| solve(env, threshold, runtime)),
    };
    WORKS.iter().map(work).collect()
}

fn solve(env: &str, threshold: f64, runtime: Runtime) -> Result<Vec<Measured>, Error> {
    let (mut seconds, mut steps) = (Vec::new(), Vec::new());
    const SEEDS: u64 = 10;
    for seed in 1..=SEEDS {
        let config = Config { seed, ..Config::preset(env, "ppo")? };
        if let Some((s, n)) = time_to(threshold, &config, runtime)? {
            seconds.push(s);
            steps.push(n as f64);
        }
    }
    let solved = seconds.len() as f64;
    if seconds.is_empty() {
        return Err(Error::Usage(format!("{env}: no seed of {SEEDS} reached {threshold}")));
    }
    let median_steps = Measured::new("", "steps", steps).median;
    let times = Measured::new(format!("solve/{env}"), "s", seconds);
    Ok(vec![times.with("seeds_solved", solved).with("median_steps", median_steps)])
}

/// Seconds from building the trainer, and steps.
fn time_to(threshold: f64, config: &Config, runtime: Runtime) -> Result<Option<(f64, u64)>, Error> {
    let start = Instant::now();
    let mut trainer = Trainer::new(config, runtime)?;
    while !trainer.finished() {
        let report = trainer.update()?;
        if report.window_full && report.mean_return.is_some_and(|mean| mean >= threshold) {
            return Ok(Some((start.elapsed().as_secs_f64(), report.counters.steps)));
        }
    }
    Ok(None)
}
