//! The layout: a panel per environment, each with title, legend, axes and lines.

use super::font::Font;
use super::{Axis, Band, Curve, Group, Options, Sample};
use crate::run::metrics::KEYS;
use gradwerk_env::picture::{Anchor, Color, Item, Scene};

const WHITE: Color = Color(255, 255, 255);
const INK: Color = Color(0x22, 0x22, 0x22);
const SOFT: Color = Color(0x66, 0x66, 0x66);
const GRID: Color = Color(0xe4, 0xe4, 0xe4);

/// Okabe and Ito's colours, which also the colour-blind tell apart; without the yellow, which is
/// too pale for a line on white.
const PALETTE: [Color; 7] = [
    Color(0x00, 0x72, 0xb2),
    Color(0xd5, 0x5e, 0x00),
    Color(0x00, 0x9e, 0x73),
    Color(0xcc, 0x79, 0xa7),
    Color(0xe6, 0x9f, 0x00),
    Color(0x56, 0xb4, 0xe9),
    Color(0x22, 0x22, 0x22),
];
/// Once all colours are used, the next lines are dashed.
const DASHES: [Option<(f64, f64)>; 3] = [None, Some((7.0, 3.0)), Some((2.0, 2.0))];

const TITLE: f64 = 16.0;
const LABEL: f64 = 12.5;
const TICK: f64 = 11.5;
const NOTE: f64 = 10.5;
const LEGEND_ROW: f64 = 20.0;
/// Opacity of a line where some run of its group has no value.
const FADED: f64 = 0.4;

/// The picture of learning curves: see [`super::plot`].
#[must_use]
pub fn figure(curves: &[Curve], options: &Options) -> Scene {
    let groups = Group::all(curves, options.band);
    let envs = distinct(groups.iter().map(|g| g.env.as_str()));
    let algos = distinct(groups.iter().map(|g| g.algo.as_str()));
    let columns = match envs.len() {
        0 | 1 => 1,
        2..=4 => 2,
        _ => 3,
    };
    let (width, height) = if columns == 1 { (720.0, 440.0) } else { (500.0, 350.0) };
    let font = Font::load();
    let mut items = Vec::new();
    for (i, env) in envs.iter().enumerate() {
        let place = Place {
            left: (i % columns) as f64 * width,
            top: (i / columns) as f64 * height,
            width,
            height,
        };
        let members = groups.iter().filter(|g| g.env == *env);
        let lines = members.map(|g| (g, style(&algos, &g.algo))).collect();
        Panel { font: &font, options, env, lines, place }.draw(&mut items);
    }
    let rows = envs.len().div_ceil(columns);
    let (width, height) = (columns as f64 * width, rows as f64 * height);
    let mut scene = Scene { items, ..Scene::new(width, height, WHITE) };
    add_note(&mut scene, &groups, options.band);
    scene
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// Colour and dash of a line.
type Style = (Color, Option<(f64, f64)>);

/// An algorithm looks the same in every panel.
fn style(algos: &[&str], algo: &str) -> Style {
    let i = algos.iter().position(|a| *a == algo).unwrap_or(0);
    (PALETTE[i % PALETTE.len()], DASHES[i / PALETTE.len() % DASHES.len()])
}

/// Say below the panels what line and band mean, where there is more than one run.
fn add_note(scene: &mut Scene, groups: &[Group], band: Band) {
    if groups.iter().all(|g| g.seeds.len() < 2) {
        return;
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
    scene.height += 18.0;
    let at = (scene.width - 18.0, scene.height - 10.0);
    scene.items.push(words(at, &text, NOTE, Anchor::End, SOFT));
}

fn words(at: (f64, f64), text: &str, size: f64, anchor: Anchor, color: Color) -> Item {
    Item::Text { at, text: text.to_owned(), size, anchor, color, upwards: false }
}

fn rule(from: (f64, f64), to: (f64, f64), color: Color, dash: Option<(f64, f64)>) -> Item {
    Item::Line { points: vec![from, to], color, width: 1.0, opacity: 1.0, dash }
}

/// A rectangle of the picture.
#[derive(Clone, Copy)]
struct Place {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

/// One environment.
struct Panel<'a> {
    font: &'a Font,
    options: &'a Options,
    env: &'a str,
    lines: Vec<(&'a Group, Style)>,
    place: Place,
}

impl Panel<'_> {
    fn draw(&self, items: &mut Vec<Item>) {
        let axes = self.axes();
        let labels = axes.map(|(_, y)| y.labels()).unwrap_or_default();
        let widest = labels.iter().map(|l| self.font.width(l, TICK)).fold(0.0, f64::max);
        let left = self.place.left + 44.0 + widest;
        let right = self.place.left + self.place.width - 28.0;
        let title = self.font.fit(self.env, TITLE, right - left);
        items.push(words((left, self.place.top + 28.0), &title, TITLE, Anchor::Start, INK));
        let top = self.legend(items, left, right) + 12.0;
        let bottom = self.place.top + self.place.height - 52.0;
        let frame = Place { left, top, width: right - left, height: bottom - top };
        self.axis_titles(items, frame);
        let Some((x, y)) = axes else {
            return self.nothing_yet(items, frame);
        };
        let view = View { frame, x, y };
        view.grid(items);
        self.threshold(items, &view);
        for (group, (color, _)) in &self.lines {
            view.band(items, group, *color);
        }
        for (group, style) in &self.lines {
            view.line(items, group, *style);
        }
    }

    /// The threshold, where the vertical axis is a mean return.
    fn goal(&self) -> Option<f64> {
        if !self.options.metric.contains("mean_return") {
            return None;
        }
        self.options.thresholds.get(self.env).copied().filter(|t| t.is_finite())
    }

    /// Both axes; none without a single value.
    fn axes(&self) -> Option<(Axis, Axis)> {
        let samples = || self.lines.iter().flat_map(|(g, _)| g.samples());
        samples().next()?;
        let last = samples().fold(0.0, |m: f64, s| m.max(s.x));
        let first = samples().fold(0.0, |m: f64, s| m.min(s.x));
        // All finite: samples are (see `Curve::at`), and so is the goal.
        let goal = self.goal();
        let lows = samples().map(|s| s.low).chain(goal);
        let highs = samples().map(|s| s.high).chain(goal);
        let (low, high) =
            (lows.fold(f64::INFINITY, f64::min), highs.fold(f64::NEG_INFINITY, f64::max));
        let ticks = if self.place.width > 600.0 { 7 } else { 5 };
        Some((Axis::exact(first, last, ticks), Axis::rounded(low, high, 6)))
    }

    /// The legend in rows under the title; returns where it ends.
    fn legend(&self, items: &mut Vec<Item>, left: f64, right: f64) -> f64 {
        let (mut x, mut y) = (left, self.place.top + 49.0);
        for (group, (color, dash)) in &self.lines {
            let text = self.font.fit(&name(group), LABEL, right - left - 30.0);
            let width = 30.0 + self.font.width(&text, LABEL);
            if x > left && x + width > right {
                (x, y) = (left, y + LEGEND_ROW);
            }
            let (from, to) = ((x, y - 4.0), (x + 22.0, y - 4.0));
            let (color, dash) = (*color, *dash);
            items.push(Item::Line {
                points: vec![from, to],
                color,
                width: 2.5,
                opacity: 1.0,
                dash,
            });
            items.push(words((x + 28.0, y), &text, LABEL, Anchor::Start, INK));
            x += width + 18.0;
        }
        y
    }

    fn axis_titles(&self, items: &mut Vec<Item>, frame: Place) {
        let middle = (frame.left + frame.width / 2.0, frame.top + frame.height / 2.0);
        let below = self.place.top + self.place.height - 14.0;
        items.push(words((middle.0, below), "environment steps", LABEL, Anchor::Middle, INK));
        items.push(Item::Text {
            at: (self.place.left + 24.0, middle.1),
            text: metric_title(&self.options.metric),
            size: LABEL,
            anchor: Anchor::Middle,
            color: INK,
            upwards: true,
        });
    }

    fn nothing_yet(&self, items: &mut Vec<Item>, f: Place) {
        items.push(rule(
            (f.left, f.top + f.height),
            (f.left + f.width, f.top + f.height),
            SOFT,
            None,
        ));
        let text = match self.options.metric.as_str() {
            "mean_return_100" => "no episode has finished yet".to_owned(),
            other => format!("no value of {other} yet"),
        };
        let at = (f.left + f.width / 2.0, f.top + f.height / 2.0);
        items.push(words(at, &text, LABEL, Anchor::Middle, SOFT));
    }

    fn threshold(&self, items: &mut Vec<Item>, view: &View) {
        let Some(goal) = self.goal() else { return };
        let y = view.point(view.x.low, goal).1;
        let (left, right) = (view.frame.left, view.frame.left + view.frame.width);
        items.push(rule((left, y), (right, y), SOFT, Some((5.0, 4.0))));
        let text = format!("solved at {goal}").replace('-', "\u{2212}");
        // Above the line, unless a grid line would run through the letters there.
        let mut grid = view.y.ticks().into_iter().map(|tick| view.point(view.x.low, tick).1);
        let crowded = grid.any(|g| (1.0..NOTE + 7.0).contains(&(y - g)));
        let base = if crowded { y + NOTE + 3.0 } else { y - 5.0 };
        items.push(words((left + 6.0, base), &text, NOTE, Anchor::Start, SOFT));
    }
}

/// The legend's text for a group.
fn name(group: &Group) -> String {
    let runs = match &group.seeds[..] {
        [seed] => format!("{}, seed {seed}", group.algo),
        seeds => format!("{} ({} runs)", group.algo, seeds.len()),
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

/// The data's rectangle and its axes.
struct View {
    frame: Place,
    x: Axis,
    y: Axis,
}

impl View {
    fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let f = &self.frame;
        (f.left + f.width * self.x.place(x), f.top + f.height * (1.0 - self.y.place(y)))
    }

    fn grid(&self, items: &mut Vec<Item>) {
        let f = self.frame;
        let (right, bottom) = (f.left + f.width, f.top + f.height);
        for (tick, label) in self.y.ticks().into_iter().zip(self.y.labels()) {
            let y = self.point(self.x.low, tick).1;
            items.push(rule((f.left, y), (right, y), GRID, None));
            items.push(words((f.left - 8.0, y + 4.0), &label, TICK, Anchor::End, SOFT));
        }
        items.push(rule((f.left, bottom), (right, bottom), SOFT, None));
        for (tick, label) in self.x.ticks().into_iter().zip(self.x.labels()) {
            let x = self.point(tick, self.y.low).0;
            items.push(rule((x, bottom), (x, bottom + 5.0), SOFT, None));
            items.push(words((x, bottom + 18.0), &label, TICK, Anchor::Middle, SOFT));
        }
    }

    fn band(&self, items: &mut Vec<Item>, group: &Group, color: Color) {
        if group.seeds.len() < 2 {
            return;
        }
        for stretch in group.stretches.iter().filter(|s| s.len() > 1) {
            let upper = stretch.iter().map(|s| self.point(s.x, s.high));
            let lower = stretch.iter().rev().map(|s| self.point(s.x, s.low));
            items.push(Item::Area { points: upper.chain(lower).collect(), color, opacity: 0.18 });
        }
    }

    fn line(&self, items: &mut Vec<Item>, group: &Group, (color, dash): Style) {
        for stretch in &group.stretches {
            if let [s] = stretch[..] {
                self.lone(items, s, group.seeds.len() > 1, color);
                continue;
            }
            for (part, complete) in parts(stretch) {
                let points = part.iter().map(|s| self.point(s.x, s.mean)).collect();
                let opacity = if complete { 1.0 } else { FADED };
                items.push(Item::Line { points, color, width: 2.0, opacity, dash });
            }
        }
    }

    /// A point without neighbours: a dot, and the band as a bar.
    fn lone(&self, items: &mut Vec<Item>, s: Sample, bar: bool, color: Color) {
        if bar {
            let points = vec![self.point(s.x, s.low), self.point(s.x, s.high)];
            items.push(Item::Line { points, color, width: 6.0, opacity: 0.18, dash: None });
        }
        items.push(Item::Dot { at: self.point(s.x, s.mean), radius: 3.5, color });
    }
}

/// A stretch cut where it becomes complete or incomplete; neighbours share their end points.
fn parts(stretch: &[Sample]) -> Vec<(&[Sample], bool)> {
    let complete = |i: usize| stretch[i].complete && stretch[i + 1].complete;
    let mut parts = Vec::new();
    let mut start = 0;
    for i in 1..stretch.len() {
        if i + 1 == stretch.len() || complete(i) != complete(start) {
            parts.push((&stretch[start..=i], complete(start)));
            start = i;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(env: &str, algo: &str, seed: u64, points: &[(f64, f64)]) -> Curve {
        Curve { env: env.into(), algo: algo.into(), seed, points: points.to_vec() }
    }

    fn texts<'a>(scene: &'a Scene) -> Vec<&'a str> {
        let text = |item: &'a Item| match item {
            Item::Text { text, .. } => Some(text.as_str()),
            _ => None,
        };
        scene.items.iter().filter_map(text).collect()
    }

    fn sample(x: f64, complete: bool) -> Sample {
        Sample { x, mean: 0.0, low: 0.0, high: 0.0, complete }
    }

    #[test]
    fn parts_cover_the_stretch_once() {
        let flags = |f: &[bool]| -> Vec<(usize, bool)> {
            let stretch: Vec<_> = f.iter().enumerate().map(|(i, &c)| sample(i as f64, c)).collect();
            parts(&stretch).into_iter().map(|(p, c)| (p.len(), c)).collect()
        };
        assert_eq!(flags(&[true, true]), [(2, true)]);
        assert_eq!(flags(&[true, true, true, true]), [(4, true)]);
        // segments: faded 0-1, 1-2; solid 2-3; faded 3-4
        assert_eq!(flags(&[false, false, true, true, false]), [(3, false), (2, true), (2, false)]);
        assert_eq!(flags(&[true, true, false]), [(2, true), (2, false)]);
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
