//! `gradwerk list`: the things there are to choose from.

use crate::output;
use gradwerk::layers::Schema;
use gradwerk::{Config, Error};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// Arguments of `list`.
#[derive(clap::Args)]
pub struct List {
    /// Which list
    what: What,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The lists.
#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// Environments
    Envs,
    /// Algorithms
    Algos,
    /// Networks
    Networks,
    /// Memories behind networks
    Memories,
    /// Distributions of actions
    Dists,
    /// Estimators of returns and advantages
    Estimators,
    /// Optimizers
    Optimizers,
    /// Keys of metrics.jsonl
    Metrics,
    /// Tuned settings that ship with the program
    Presets,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Envs => "envs",
            Self::Algos => "algos",
            Self::Networks => "networks",
            Self::Memories => "memories",
            Self::Dists => "dists",
            Self::Estimators => "estimators",
            Self::Optimizers => "optimizers",
            Self::Metrics => "metrics",
            Self::Presets => "presets",
        }
    }

    /// One object per entry; each has `name` and `summary`.
    fn entries(self) -> Vec<Value> {
        match self {
            Self::Envs => envs(),
            Self::Algos => named(gradwerk::algo::ALGORITHMS.iter().map(|a| (a.name, a.summary))),
            Self::Networks => kinds("network"),
            Self::Memories => kinds("memory"),
            Self::Dists => kinds("policy"),
            Self::Estimators => {
                named(gradwerk::estimate::ESTIMATORS.iter().map(|e| (e.name, e.summary)))
            }
            Self::Optimizers => kinds("optimizer"),
            Self::Metrics => metrics(),
            Self::Presets => named(gradwerk::layers::PRESETS.iter().map(|p| (p.name, p.summary()))),
        }
    }
}

impl List {
    /// Print.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn run(self) -> Result<ExitCode, Error> {
        let entries = self.what.entries();
        if self.json {
            let list = Map::from_iter([(self.what.name().to_owned(), Value::Array(entries))]);
            output::json(&list)?;
        } else {
            output::result(&table(&entries))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn named<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Value> {
    entries.map(|(name, summary)| json!({"name": name, "summary": summary})).collect()
}

/// The kinds of a section of the configuration, with their help.
fn kinds(section: &str) -> Vec<Value> {
    named(Schema::of::<Config>().kinds(section).into_iter())
}

fn envs() -> Vec<Value> {
    let entry = |env: &&dyn gradwerk_env::EnvFactory| {
        json!({
            "name": env.id(),
            "summary": env.summary(),
            "observation_space": env.observation_space().to_string(),
            "action_space": env.action_space().to_string(),
            "time_limit": env.default_time_limit(),
            "solved_at": env.solved_at(),
        })
    };
    gradwerk_env::registry::all().iter().map(entry).collect()
}

fn metrics() -> Vec<Value> {
    let keys = gradwerk::run::metrics::KEYS.iter();
    keys.map(|k| json!({"name": k.name, "summary": k.meaning, "unit": k.unit})).collect()
}

/// Names in one column, the rest behind them.
fn table(entries: &[Value]) -> String {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let width = entries.iter().map(|e| text(e, "name").len()).max().unwrap_or(0);
    let line = |entry: &Value| {
        let (name, summary) = (text(entry, "name"), text(entry, "summary"));
        let spaces = match (text(entry, "observation_space"), text(entry, "action_space")) {
            (o, _) if o.is_empty() => String::new(),
            (o, a) => format!(" ({o} -> {a})"),
        };
        let unit = match text(entry, "unit") {
            unit if unit.is_empty() => String::new(),
            unit => format!(" [{unit}]"),
        };
        format!("{name:<width$}  {summary}{spaces}{unit}")
    };
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}
