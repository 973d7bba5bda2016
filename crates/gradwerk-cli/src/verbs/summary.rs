//! The last words of a run: what was learned, where it lies, what to type next.

use crate::number::{duration, grouped, short};
use gradwerk::run::dir::RunDir;
use gradwerk::run::seeds::Seeds;
use gradwerk::run::summary::{Outcome, Summary};
use std::fmt::Write;
use std::path::Path;

/// Of one run.
pub fn one(run: &Summary) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", learned(run));
    if let Some(line) = solved(run) {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(
        out,
        "{} in {} ({} steps/s, {} threads){}",
        amount(run),
        duration(run.wall_s),
        short(run.steps_per_s),
        run.threads,
        ended(run)
    );
    if let Some(line) = quality(run) {
        let _ = writeln!(out, "{line}");
    }
    files(&mut out, &run.run_dir);
    let _ = write!(out, "  next    {}", next(run));
    out
}

fn amount(run: &Summary) -> String {
    match run.data {
        Some(_) => format!("{} recorded steps read", grouped(run.steps)),
        None => format!("{} steps, {} episodes", grouped(run.steps), grouped(run.episodes)),
    }
}

fn learned(run: &Summary) -> String {
    let (env, algo) = (&run.env, &run.algo);
    if let Some(data) = &run.data {
        let best = run.best_evaluation;
        let best = best.map_or_else(String::new, |x| format!(", best evaluation {x:.1}"));
        return format!("{env} with {algo}: learned from {data}{best}");
    }
    match (run.mean_return_100, run.best_mean_return_100) {
        (None, _) => format!("{env} with {algo}: no episode has finished yet"),
        (Some(mean), None) => {
            let episodes = run.episodes;
            format!("{env} with {algo}: mean return {mean:.1} over the first {episodes} episodes")
        }
        (Some(mean), Some(best)) => format!(
            "{env} with {algo}: mean return {mean:.1} over the last 100 episodes (best {best:.1})"
        ),
    }
}

/// By `--until` if it was reached, else by the environment's own threshold if it has one.
fn solved(run: &Summary) -> Option<String> {
    if let (Some(steps), Some(seconds)) = (run.solved_at_steps, run.solved_at_s) {
        return Some(format!("reached after {} steps, {}", grouped(steps), duration(seconds)));
    }
    if run.data.is_some() {
        return None;
    }
    let threshold = gradwerk_env::find(&run.env).ok()?.solved_at()?;
    let full = run.best_mean_return_100.is_some();
    Some(match run.mean_return_100 {
        Some(mean) if full && mean >= threshold => format!("solved: at least {threshold}"),
        _ => format!("not solved: that takes a mean return of {threshold} over 100 episodes"),
    })
}

/// How good the last gradients were (`docs/diagnostics.md`); nothing if it was not measured.
fn quality(run: &Summary) -> Option<String> {
    let get = |key: &str| run.quality.iter().find(|(name, _)| *name == key).map(|(_, x)| *x);
    let mut parts = Vec::new();
    if let Some(snr) = get("gradient_snr") {
        let scale = get("gradient_noise_scale");
        let scale = scale.map_or_else(String::new, |n| format!(", noise scale {}", short(n)));
        parts.push(format!("signal to noise {snr:.2}{scale}"));
    }
    if let Some(cosine) = get("gradient_half_cosine") {
        parts.push(format!("halves agree {cosine:.2}"));
    }
    if let (Some(used), Some(best)) = (get("baseline_removed"), get("baseline_removed_constant")) {
        let (used, best) = (100.0 * used, 100.0 * best);
        parts.push(format!("baseline removes {used:.0} % (best constant {best:.0} %)"));
    }
    if let Some(likelihood) = get("log_likelihood") {
        let held_out = get("held_out_log_likelihood");
        let held_out = held_out.map_or_else(String::new, |x| format!(" (held out {x:.3})"));
        parts.push(format!("log-likelihood {likelihood:.3}{held_out}"));
    }
    if let Some(explained) = get("explained_variance") {
        parts.push(format!("value explains {:.0} %", 100.0 * explained));
    }
    if let Some(ess) = get("ess").filter(|ess| *ess < 0.995) {
        parts.push(format!("effective sample {:.0} %", 100.0 * ess));
    }
    (!parts.is_empty()).then(|| format!("gradient: {}", parts.join(", ")))
}

fn ended(run: &Summary) -> String {
    let limit = grouped(run.limit);
    match run.outcome {
        Outcome::Finished | Outcome::Solved => String::new(),
        Outcome::Stopped => format!(", stopped on the way to {limit}"),
        Outcome::Interrupted => format!(", interrupted on the way to {limit}"),
    }
}

/// The files that exist.
fn files(out: &mut String, root: &Path) {
    let _ = writeln!(out, "  run     {}", root.display());
    let Ok(dir) = RunDir::open(root) else { return };
    let named = [("policy", dir.policy()), ("best", dir.best()), ("curve", dir.curve())];
    for (name, path) in named.into_iter().filter(|(_, path)| path.exists()) {
        let _ = writeln!(out, "  {name:<7} {}", path.display());
    }
}

fn next(run: &Summary) -> String {
    let dir = quoted(&run.run_dir);
    match run.outcome {
        Outcome::Finished | Outcome::Solved => format!("gradwerk eval {dir}"),
        Outcome::Stopped | Outcome::Interrupted => format!("gradwerk resume {dir}"),
    }
}

/// A path that can be pasted into a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Of several seeds.
pub fn several(seeds: &Seeds) -> String {
    let mut out = String::new();
    for run in &seeds.runs {
        let mean = number(run.mean_return_100);
        let (steps, time) = (grouped(run.steps), duration(run.wall_s));
        let dir = run.run_dir.display();
        let _ = writeln!(out, "  seed {:<4} {mean:>9}  {steps} steps in {time}  {dir}", run.seed);
    }
    let s = &seeds.aggregate.statistics;
    let interval = s.mean_ci95.map_or_else(String::new, |[a, b]| format!(" [{a:.1}, {b:.1}]"));
    let _ = writeln!(
        out,
        "{} with {}: mean return {}{interval} (95 % bootstrap), interquartile mean {}, {} seeds in {}",
        seeds.env,
        seeds.algo,
        number(s.mean),
        number(s.iqm),
        seeds.runs.len(),
        duration(seeds.wall_s)
    );
    if let Some(solved) = seeds.aggregate.solved {
        let time = seeds.aggregate.median_solved_at_s;
        let time = time.map_or_else(String::new, |s| format!(", median time {}", duration(s)));
        let _ = writeln!(out, "reached by {solved} of {}{time}", seeds.runs.len());
    }
    let dirs: Vec<String> = seeds.runs.iter().map(|run| quoted(&run.run_dir)).collect();
    let _ = write!(out, "  next    gradwerk plot {} -o curves.svg", dirs.join(" "));
    out
}

fn number(x: Option<f64>) -> String {
    x.map_or_else(|| "-".to_owned(), |x| format!("{x:.1}"))
}
