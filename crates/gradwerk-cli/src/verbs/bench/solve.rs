//! Time to solve: the shipped preset from the start of its process to its threshold, seeds 1 to 10.

use super::Work;
use super::measure::Measured;
use gradwerk::{Error, Runtime};
use serde_json::Value;
use std::process::{Command, Stdio};

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

const SEEDS: u64 = 10;

fn solve(env: &str, threshold: f64, runtime: Runtime) -> Result<Vec<Measured>, Error> {
    let (mut seconds, mut steps) = (Vec::new(), Vec::new());
    for seed in 1..=SEEDS {
        let result = train(env, threshold, seed, runtime)?;
        if let (Some(s), Some(n)) =
            (result["solved_at_s"].as_f64(), result["solved_at_steps"].as_f64())
        {
            seconds.push(s);
            steps.push(n);
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

/// The JSON object of `gradwerk train --until`, in a process of its own: its time counts from the
/// start of that process, and includes the files that a run writes.
fn train(env: &str, threshold: f64, seed: u64, runtime: Runtime) -> Result<Value, Error> {
    let dir = std::env::temp_dir().join(format!("gradwerk-solve-{}-{seed}", std::process::id()));
    let program = std::env::current_exe().map_err(Error::io("find", "this program"))?;
    let run = Command::new(&program)
        .args(["train", env, "--algo", "ppo", "--json", "--quiet"])
        .args(["--until", &threshold.to_string(), "--seed", &seed.to_string()])
        .args(["--threads", &runtime.threads.to_string(), "--kernel", runtime.kernel.name()])
        .arg("--run-dir")
        .arg(&dir)
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::io("run", program))?;
    let result = serde_json::from_slice(&run.stdout)
        .map_err(|_| Error::Usage(format!("gradwerk train {env} --seed {seed} failed")))?;
    std::fs::remove_dir_all(&dir).map_err(Error::io("remove", dir))?;
    Ok(result)
}
