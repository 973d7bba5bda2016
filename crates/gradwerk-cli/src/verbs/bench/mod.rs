//! `gradwerk bench`: how fast this machine computes, in named works that others measure too.

mod env;
mod kernels;
mod measure;
mod solve;
mod train;

use super::train::Machine;
use crate::number;
use crate::output::Verbosity;
use gradwerk::{Error, Runtime};
use measure::{Clock, Measured};
use serde::Serialize;
use std::process::ExitCode;

/// Arguments of `bench`.
#[derive(clap::Args)]
pub struct Bench {
    /// Named works, or families of them: kernels, env, train, solve (gradwerk bench --list)
    #[arg(default_value = "train/cartpole-8x128")]
    works: Vec<String>,
    /// List the works and leave
    #[arg(long)]
    list: bool,
    /// Measurements of each work; the median counts
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Seconds per measurement (works of solve/ take as long as they take)
    #[arg(long, value_name = "S", default_value = "1", value_parser = number::finite)]
    seconds: f64,
    /// Any setting of the works of train/, e.g. --set env.num_envs=64
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// Measures a work.
type Run = dyn Fn(&Clock, Runtime) -> Result<Vec<Measured>, Error>;

/// A work: its name, what it is, and how to measure it.
struct Work {
    name: String,
    summary: String,
    run: Box<Run>,
}

/// The JSON object.
#[derive(Serialize)]
struct Results {
    threads: usize,
    kernel: String,
    cpu: String,
    works: Vec<Measured>,
    peak_memory_mb: Option<f64>,
}

/// Every work, family by family; `set` are settings of those of train/.
fn works(set: &[String]) -> Vec<Work> {
    let mut works = kernels::works();
    works.extend(env::works());
    works.extend(train::works(set));
    works.extend(solve::works());
    works
}

/// The works that the names stand for: a whole name, or a family before the slash, of which
/// those that can be done here.
///
/// # Errors
/// If a name is unknown, or if there are settings for a work that takes none.
fn choose(names: &[String], set: &[String]) -> Result<Vec<Work>, Error> {
    let family = |work: &Work, name: &str| work.name.split('/').next() == Some(name);
    let fits = |work: &Work, name: &String| work.name == *name || family(work, name);
    let works = works(set);
    for name in names {
        if !works.iter().any(|work| fits(work, name)) {
            let known: Vec<String> = works.into_iter().map(|work| work.name).collect();
            return Err(Error::Usage(format!(
                "unknown work `{name}`, expected one of kernels, env, train, solve, {}",
                known.join(", ")
            )));
        }
    }
    let chosen = |work: &Work| {
        let named = names.contains(&work.name);
        named || (names.iter().any(|name| family(work, name)) && env::is_ready(work))
    };
    let chosen: Vec<Work> = works.into_iter().filter(chosen).collect();
    match (set.first(), chosen.iter().find(|work| !family(work, "train"))) {
        (Some(set), Some(work)) => Err(Error::Usage(format!(
            "--set {set}: `{}` takes no settings, only the works of train/ do",
            work.name
        ))),
        _ => Ok(chosen),
    }
}

impl Bench {
    /// Measure.
    ///
    /// # Errors
    /// If a work is unknown, or a run fails.
    pub fn run(self) -> Result<ExitCode, Error> {
        if self.list {
            let ready = works(&[]).into_iter().filter(env::is_ready);
            let lines = ready.map(|w| format!("{:32} {}\n", w.name, w.summary));
            crate::output::result(&lines.collect::<String>())?;
            return Ok(ExitCode::SUCCESS);
        }
        let chosen = choose(&self.works, &self.set)?;
        let clock = Clock::new(self.repeats, self.seconds)?;
        let runtime = self.machine.runtime();
        let mut measured = Vec::new();
        for work in chosen {
            for result in (work.run)(&clock, runtime)? {
                if !self.verbosity.quiet {
                    crate::output::human(&result.to_string());
                }
                measured.push(result);
            }
        }
        let results = Results {
            threads: runtime.threads,
            kernel: runtime.kernel.to_string(),
            cpu: gradwerk::run::dir::Machine::detect().cpu,
            works: measured,
            peak_memory_mb: measure::peak_memory_mb(),
        };
        let memory = results.peak_memory_mb.map_or_else(String::new, |mb| format!(", {mb:.0} MB"));
        let text = format!("{} threads, {}{memory}", results.threads, results.kernel);
        self.verbosity.finish(&text, &results)?;
        Ok(ExitCode::SUCCESS)
    }
}
