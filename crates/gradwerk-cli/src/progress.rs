//! What a person sees while a run goes on: a bar on a terminal, a line now and then elsewhere.

use crate::{number, output};
use gradwerk::Evaluation;
use gradwerk::run::observe::{Begun, Observer, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Makes the observers of one or more runs that share a screen.
pub struct Screen {
    bars: MultiProgress,
    terminal: bool,
    quiet: bool,
}

impl Screen {
    /// The standard error of this process.
    pub fn new(quiet: bool) -> Self {
        let terminal = !quiet && std::io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), terminal, quiet }
    }

    /// The observer of a run that lines call `name` (empty for a single run).
    pub fn observer(&self, name: &str) -> Box<dyn Observer> {
        if self.quiet {
            return Box::new(Quiet);
        }
        if !self.terminal {
            return Box::new(Lines { name: name.to_owned(), last: Instant::now() });
        }
        Box::new(Bar { screen: self.bars.clone(), bar: None, name: name.to_owned() })
    }
}

/// Warnings only.
struct Quiet;

impl Observer for Quiet {
    fn warning(&mut self, text: &str) {
        output::human(&format!("warning: {text}"));
    }
}

/// A line now and then.
struct Lines {
    name: String,
    last: Instant,
}

impl Lines {
    fn say(&self, text: &str) {
        output::human(&format!("{}{text}", prefix(&self.name)));
    }
}

impl Observer for Lines {
    fn begun(&mut self, run: &Begun<'_>) {
        self.say(&headline(run));
    }
    fn updated(&mut self, progress: &Progress<'_>) {
        if self.last.elapsed() < BETWEEN_LINES {
            return;
        }
        self.last = Instant::now();
        let steps = number::grouped(progress.report.counters.steps);
        self.say(&format!("{steps} steps, {}", vitals(progress)));
    }
    fn evaluated(&mut self, steps: u64, evaluation: &Evaluation, best: bool) {
        self.say(&evaluation_line(steps, evaluation, best));
    }
    fn warning(&mut self, text: &str) {
        self.say(&format!("warning: {text}"));
    }
}

/// A bar that is redrawn in place.
struct Bar {
    screen: MultiProgress,
    bar: Option<ProgressBar>,
    name: String,
}

impl Bar {
    fn say(&self, text: &str) {
        // Above the bars, not through them. A screen that is gone is no reason to stop.
        let _ = self.screen.println(format!("{}{text}", prefix(&self.name)));
    }
}

impl Observer for Bar {
    fn begun(&mut self, run: &Begun<'_>) {
        self.say(&headline(run));
        let template = "{prefix}{bar:24} {percent:>3}%  {msg}  {eta} left";
        let style = ProgressStyle::with_template(template).expect("a constant template");
        let bar = self.screen.add(ProgressBar::new(run.limit)).with_style(style);
        bar.set_prefix(prefix(&self.name));
        // Time left is estimated from this session alone.
        bar.set_position(run.steps);
        bar.reset_eta();
        self.bar = Some(bar);
    }
    fn updated(&mut self, progress: &Progress<'_>) {
        if let Some(bar) = &self.bar {
            bar.set_message(vitals(progress));
            bar.set_position(progress.report.counters.steps.min(progress.limit));
        }
    }
    fn evaluated(&mut self, steps: u64, evaluation: &Evaluation, best: bool) {
        self.say(&evaluation_line(steps, evaluation, best));
    }
    fn warning(&mut self, text: &str) {
        self.say(&format!("warning: {text}"));
    }
    fn ended(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn prefix(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("{name}: ") }
}

fn headline(run: &Begun<'_>) -> String {
    let config = run.config;
    let (env, algo, seed) = (&config.env.id, config.algo.name(), config.seed);
    let from = match run.steps {
        0 => String::new(),
        steps => format!("from {} ", number::grouped(steps)),
    };
    let (limit, dir) = (number::grouped(run.limit), run.run_dir.display());
    format!("{env}, {algo}, seed {seed}: {from}to {limit} steps in {dir}")
}

fn vitals(progress: &Progress<'_>) -> String {
    let report = progress.report;
    if let Some(likelihood) = report.stats.log_likelihood {
        let held_out = report.stats.held_out_log_likelihood;
        let held_out = held_out.map_or_else(String::new, |x| format!(" (held out {x:.3})"));
        let rate = number::short(progress.steps_per_s);
        return format!("{rate} rows/s, log-likelihood {likelihood:.3}{held_out}");
    }
    let mean = report.mean_return.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.1}"));
    format!(
        "{} steps/s, return {mean}, entropy {:.3}, KL {:.4}",
        number::short(progress.steps_per_s),
        progress.entropy(),
        progress.approx_kl()
    )
}

fn evaluation_line(steps: u64, evaluation: &Evaluation, best: bool) -> String {
    format!(
        "evaluation after {} steps: {:.1} +- {:.1}{}",
        number::grouped(steps),
        evaluation.mean_return,
        evaluation.ci95,
        if best { ", the best so far" } else { "" }
    )
}
