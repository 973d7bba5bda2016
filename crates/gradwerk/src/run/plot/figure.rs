//! Learning curves: a panel per environment.

use super::panel::{Line, Panel, Style, distinct, sheet};
use super::{Axis, Band, Curve, Group, Options, Scale, Scene};
use crate::run::metrics::KEYS;

/// The picture of learning curves: see [`super::plot`].
#[must_use]
pub fn figure(curves: &[Curve], options: &Options) -> Scene {
    let groups = Group::all(curves, options.band);
    let envs = distinct(groups.iter().map(|g| g.env.as_str()));
    let labels = distinct(groups.iter().map(|g| g.label.as_str()));
    let narrow = envs.len() > 1;
    let panel = |env: &&str| {
        let members: Vec<&Group> = groups.iter().filter(|g| g.env == *env).collect();
        panel(env, &members, &labels, options, narrow)
    };
    let panels: Vec<Panel> = envs.iter().map(panel).collect();
    sheet(&panels, note(&groups, options.band).as_deref())
}

/// What line and band mean, where there is more than one run.
fn note(groups: &[Group], band: Band) -> Option<String> {
    if groups.iter().all(|g| g.seeds.len() < 2) {
        return None;
    }
    let band = match band {
        Band::Range => "smallest to largest run",
        Band::Interval95 => "95 % bootstrap interval of the mean",
    };
    let mut text = format!("Line: mean over runs. Band: {band}.");
    let faded = |g: &Group| g.samples().any(|s| !s.complete);
    if groups.iter().any(faded) {
        text.push_str(" Faded: not every run has a value there.");
    }
    Some(text)
}

/// One environment.
fn panel(env: &str, groups: &[&Group], labels: &[&str], options: &Options, narrow: bool) -> Panel {
    let goal = goal(env, options);
    let line = |group: &&Group| Line {
        name: Some(name(group)),
        stretches: group.stretches.clone(),
        band: group.seeds.len() > 1,
        style: style(labels, &group.label),
    };
    let ticks = if narrow { 5 } else { 7 };
    Panel {
        title: env.to_owned(),
        axis_titles: ["environment steps".to_owned(), metric_title(&options.metric)],
        scales: scales(groups, goal, ticks),
        lines: groups.iter().map(line).collect(),
        goal: goal.map(|goal| (goal, format!("solved at {goal}").replace('-', "\u{2212}"))),
        empty: match options.metric.as_str() {
            "mean_return_100" => "no episode has finished yet".to_owned(),
            other => format!("no value of {other} yet"),
        },
    }
}

/// A label looks the same in every panel.
fn style(labels: &[&str], label: &str) -> Style {
    Style::nth(labels.iter().position(|l| *l == label).unwrap_or(0))
}

/// The threshold, where the vertical axis is a mean return.
fn goal(env: &str, options: &Options) -> Option<f64> {
    if !options.metric.contains("mean_return") {
        return None;
    }
    let threshold = options.threshold.or_else(|| options.thresholds.get(env).copied());
    threshold.filter(|t| t.is_finite())
}

/// Both axes; none without a single value.
fn scales(groups: &[&Group], goal: Option<f64>, ticks: usize) -> Option<[Scale; 2]> {
    let samples = || groups.iter().flat_map(|g| g.samples());
    samples().next()?;
    let last = samples().fold(0.0, |m: f64, s| m.max(s.x));
    let first = samples().fold(0.0, |m: f64, s| m.min(s.x));
    // All finite: samples are (see `Curve::at`), and so is the goal.
    let low = samples().map(|s| s.low).chain(goal).fold(f64::INFINITY, f64::min);
    let high = samples().map(|s| s.high).chain(goal).fold(f64::NEG_INFINITY, f64::max);
    Some([Axis::exact(first, last, ticks), Axis::rounded(low, high, 6)].map(Scale::Linear))
}

/// The legend's text for a group.
fn name(group: &Group) -> String {
    let runs = match &group.seeds[..] {
        [seed] => format!("{}, seed {seed}", group.label),
        seeds => format!("{} ({} runs)", group.label, seeds.len()),
    };
    if group.stretches.is_empty() { format!("{runs}, no value yet") } else { runs }
}

/// The vertical axis' text.
fn metric_title(metric: &str) -> String {
    let last = |what: &str| format!("mean {what}, last 100 episodes");
    match metric {
        "mean_return_100" => last("return"),
        "mean_length_100" => last("length"),
        _ => {
            let unit = KEYS.iter().find(|k| k.name == metric).map_or("1", |k| k.unit);
            let words = metric.replace('_', " ");
            if unit == "1" { words } else { format!("{words} ({unit})") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Item;
    use super::*;

    fn curve(env: &str, algo: &str, seed: u64, points: &[(f64, f64)]) -> Curve {
        let (env, algo, points) = (env.into(), algo.into(), points.to_vec());
        Curve { env, algo, named: None, seed, config: None, points }
    }

    fn texts<'a>(scene: &'a Scene) -> Vec<&'a str> {
        let text = |item: &'a Item| match item {
            Item::Text { text, .. } => Some(text.as_str()),
            _ => None,
        };
        scene.items.iter().filter_map(text).collect()
    }

    #[test]
    fn every_environment_has_a_panel_and_every_algorithm_its_colour() {
        let points = [(0.0, 1.0), (10.0, 2.0)];
        let curves = [
            curve("A-v1", "ppo", 1, &points),
            curve("B-v1", "a2c", 1, &points),
            curve("B-v1", "ppo", 1, &points),
            curve("B-v1", "ppo", 2, &points),
        ];
        let scene = figure(&curves, &Options::default());
        let texts = texts(&scene);
        for expected in ["A-v1", "B-v1", "ppo, seed 1", "a2c, seed 1", "ppo (2 runs)"] {
            assert!(texts.contains(&expected), "{expected} is not in {texts:?}");
        }
        assert_eq!(scene.width, 1000.0);
        let algos = ["ppo", "a2c"];
        assert_ne!(style(&algos, "ppo"), style(&algos, "a2c"));
    }

    #[test]
    fn a_run_without_values_says_so() {
        let scene = figure(&[curve("A", "ppo", 7, &[])], &Options::default());
        let texts = texts(&scene);
        assert!(texts.contains(&"ppo, seed 7, no value yet"), "{texts:?}");
        assert!(texts.contains(&"no episode has finished yet"), "{texts:?}");
    }

    #[test]
    fn the_threshold_is_within_the_axes_and_named() {
        let mut options = Options::default();
        options.thresholds.insert("A".into(), 475.0);
        let scene = figure(&[curve("A", "ppo", 1, &[(0.0, 10.0), (100.0, 20.0)])], &options);
        let texts = texts(&scene);
        assert!(texts.contains(&"solved at 475") && texts.contains(&"500"), "{texts:?}");
        options.metric = "entropy".into();
        let scene = figure(&[curve("A", "ppo", 1, &[(0.0, 0.7), (100.0, 0.1)])], &options);
        assert!(!self::texts(&scene).contains(&"solved at 475"), "475 is no entropy");
    }

    /// Whatever the data, everything stays on the paper.
    #[test]
    fn nothing_is_drawn_outside() {
        let long = "AVeryLongNamespace/".repeat(8);
        let wild = [(0.0, -1e9), (5.0, f64::NAN), (6.0, 3e12), (1e9, 0.0)];
        let curves: Vec<Curve> =
            (0..12).map(|i| curve(&long, &format!("algorithm-{i}"), i, &wild)).collect();
        let scene = figure(&curves, &Options::default());
        let inside = |(x, y): (f64, f64)| {
            (0.0..=scene.width).contains(&x) && (0.0..=scene.height).contains(&y)
        };
        for item in &scene.items {
            let points = match item {
                Item::Line { points, .. } | Item::Area { points, .. } => points.clone(),
                Item::Dot { at, .. } | Item::Text { at, .. } => vec![*at],
            };
            assert!(points.into_iter().all(inside), "{item:?}");
        }
    }
}
