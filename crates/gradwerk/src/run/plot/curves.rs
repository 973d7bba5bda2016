//! Runs as curves, and several runs as one curve with a band.

use std::path::Path;

use super::PlotError;
use crate::config::Config;
use crate::layers::differ::{Difference, differences};
use crate::layers::resolve;
use crate::run::dir::{Manifest, RunDir};
use crate::run::metrics;
use crate::run::stats;

/// Points of a drawn line: more than a picture can show. Longer curves are resampled.
const MAX_POINTS: usize = 600;

/// Settings that do not touch what is learned.
const FREE: &[&str] = &["eval.", "checkpoint.", "diagnose.", "mujoco."];

/// Settings that a legend tells apart before it only counts them.
const NAMED: usize = 2;

/// Numbers beyond this are drawn as gaps, like those that are not finite: an axis for them would
/// show nothing else.
const LARGEST: f64 = 1e100;

/// Resamples of the bootstrap at every point (fewer than in a table: it is a picture).
const RESAMPLES: u32 = 500;

/// One run: a metric against the steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Environment id.
    pub env: String,
    /// Algorithm.
    pub algo: String,
    /// The settings that were asked for as its name, if any were.
    pub named: Option<String>,
    /// Seed.
    pub seed: u64,
    /// All settings, if its `config.toml` can be read.
    pub config: Option<Config>,
    /// (steps, value), steps rising; a value that is not finite is a gap in the line.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// The curve of a metric from a run directory. Rows without the metric are left out. The
    /// settings `by` are its name; without any it has none.
    ///
    /// # Errors
    /// [`PlotError::Dir`], [`PlotError::Metrics`], [`PlotError::Config`], [`PlotError::NoSetting`].
    pub fn load(run: &Path, metric: &str, by: &[String]) -> Result<Self, PlotError> {
        let run = RunDir::open(run)?;
        let manifest = Manifest::read(&run)?;
        let rows = metrics::read(&run.metrics())?;
        let point = |row: &metrics::Row| Some((row.get("steps")?, row.get(metric)?));
        let mut points: Vec<_> = rows.iter().filter_map(point).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let named = if by.is_empty() { None } else { Some(settings(&run.config(), by)?) };
        let config = resolve::load(&run.config()).ok();
        let Manifest { env, algo, seed, .. } = manifest;
        Ok(Self { env, algo, named, seed, config, points })
    }

    /// The settings in which it differs from another run of the same environment and algorithm,
    /// but for the seed and what does not touch the learning.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let (Some(own), Some(theirs)) = (&self.config, &other.config) else { return Vec::new() };
        let free = |key: &str| key == "seed" || FREE.iter().any(|start| key.starts_with(start));
        differences(own, theirs).into_iter().filter(|found| !free(&found.key)).collect()
    }

    fn is_like(&self, other: &Self) -> bool {
        if self.named.is_some() {
            return self.env == other.env && self.named == other.named;
        }
        self.env == other.env && self.algo == other.algo && self.differences(other).is_empty()
    }

    /// The value at `x`, linear between neighbours; none outside the curve and in its gaps.
    #[must_use]
    pub fn at(&self, x: f64) -> Option<f64> {
        let right = self.points.partition_point(|p| p.0 < x);
        let &(x1, y1) = self.points.get(right)?;
        let y = if x1 == x {
            y1
        } else {
            let (x0, y0) = self.points[right.checked_sub(1)?];
            y0 + (y1 - y0) * ((x - x0) / (x1 - x0))
        };
        (y.abs() < LARGEST).then_some(y)
    }
}

/// The values of settings in a run's configuration, as a label: the name of a `kind`, and
/// `setting=value` of any other.
fn settings(config: &Path, by: &[String]) -> Result<String, PlotError> {
    let unread = |why: String| PlotError::Config { path: config.to_owned(), why };
    let text = std::fs::read_to_string(config).map_err(|e| unread(e.to_string()))?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| unread(e.to_string()))?;
    let root = toml::Value::Table(table);
    let words = by.iter().map(|key| {
        let found = key.split('.').try_fold(&root, |node, part| node.get(part));
        let value = found
            .ok_or_else(|| PlotError::NoSetting { key: key.clone(), path: config.to_owned() })?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = key.rsplit('.').next().unwrap_or(key);
        Ok(if name == "kind" { value } else { format!("{name}={value}") })
    });
    Ok(words.collect::<Result<Vec<_>, PlotError>>()?.join(", "))
}

/// What the band around the mean shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// From the smallest to the largest run.
    Range,
    /// The 95 % percentile-bootstrap interval of the mean, see [`stats::bootstrap95`].
    Interval95,
}

/// Runs that share environment, algorithm and settings (only their seeds differ), or environment and
/// name.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Environment id.
    pub env: String,
    /// Their name; or the algorithm, and what sets the runs apart from others of the same algorithm.
    pub label: String,
    /// Seeds in the order given.
    pub seeds: Vec<u64>,
    /// The line: stretches without a gap.
    pub stretches: Vec<Vec<Sample>>,
}

/// One point of the line of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Steps.
    pub x: f64,
    /// Mean over the runs that have a value here.
    pub mean: f64,
    /// Lower end of the band.
    pub low: f64,
    /// Upper end of the band.
    pub high: f64,
    /// Whether every run of the group has a value here.
    pub complete: bool,
}

impl Group {
    /// The groups of `curves`, in the order of their first runs.
    #[must_use]
    pub fn all(curves: &[Curve], band: Band) -> Vec<Self> {
        let mut members: Vec<Vec<&Curve>> = Vec::new();
        for curve in curves {
            let same = |g: &&mut Vec<&Curve>| g[0].is_like(curve);
            match members.iter_mut().find(same) {
                Some(group) => group.push(curve),
                None => members.push(vec![curve]),
            }
        }
        let first: Vec<&Curve> = members.iter().map(|group| group[0]).collect();
        members.iter().map(|group| Self::of(group, label(group[0], &first), band)).collect()
    }

    fn of(curves: &[&Curve], label: String, band: Band) -> Self {
        let samples: Vec<_> = grid(curves).into_iter().map(|x| sample(curves, x, band)).collect();
        let stretches = samples.split(Option::is_none).filter(|s| !s.is_empty());
        Self {
            env: curves[0].env.clone(),
            label,
            seeds: curves.iter().map(|c| c.seed).collect(),
            stretches: stretches.map(|s| s.iter().flatten().copied().collect()).collect(),
        }
    }

    /// All points of the line.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.stretches.iter().flatten()
    }
}

/// Its name; or the algorithm, and the settings in which a run differs from those of the other groups that
/// share its environment and algorithm.
fn label(curve: &Curve, groups: &[&Curve]) -> String {
    if let Some(named) = &curve.named {
        return named.clone();
    }
    let siblings = groups.iter().filter(|g| g.env == curve.env && g.algo == curve.algo);
    let mut found: Vec<Difference> = Vec::new();
    for sibling in siblings {
        for difference in curve.differences(sibling) {
            if found.iter().all(|known| known.key != difference.key) {
                found.push(difference);
            }
        }
    }
    let named = found.iter().take(NAMED).map(|d| format!(", {}={}", d.key, d.left));
    let rest = match found.len().saturating_sub(NAMED) {
        0 => String::new(),
        n => format!(", {n} more"),
    };
    format!("{}{}{rest}", curve.algo, named.collect::<String>())
}

/// Where a group is evaluated: at every point of every run, or evenly if those are too many.
fn grid(curves: &[&Curve]) -> Vec<f64> {
    let mut grid: Vec<f64> = curves.iter().flat_map(|c| c.points.iter().map(|p| p.0)).collect();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    if grid.len() <= MAX_POINTS {
        return grid;
    }
    let (first, last) = (grid[0], grid[grid.len() - 1]);
    let at = |i| first + (last - first) * (i as f64 / (MAX_POINTS - 1) as f64);
    (0..MAX_POINTS).map(at).collect()
}

fn sample(curves: &[&Curve], x: f64, band: Band) -> Option<Sample> {
    let values: Vec<f64> = curves.iter().filter_map(|c| c.at(x)).collect();
    let mean = stats::mean(&values)?;
    let [low, high] = match band {
        Band::Range => [stats::quantile(&values, 0.0)?, stats::quantile(&values, 1.0)?],
        Band::Interval95 => stats::bootstrap95(&values, stats::mean, RESAMPLES, 0)?,
    };
    Some(Sample { x, mean, low, high, complete: values.len() == curves.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(algo: &str, seed: u64, points: &[(f64, f64)]) -> Curve {
        let config = Some(Config { seed, ..Config::default() });
        let (env, algo, points) = ("E".into(), algo.into(), points.to_vec());
        Curve { env, algo, named: None, seed, config, points }
    }

    #[test]
    fn a_curve_is_linear_between_points_and_absent_elsewhere() {
        let c = curve("a", 1, &[(10.0, 1.0), (20.0, 3.0), (30.0, f64::NAN), (40.0, 5.0)]);
        assert_eq!((c.at(10.0), c.at(15.0), c.at(20.0)), (Some(1.0), Some(2.0), Some(3.0)));
        assert_eq!((c.at(9.0), c.at(41.0)), (None, None), "outside");
        assert_eq!((c.at(25.0), c.at(30.0), c.at(35.0)), (None, None, None), "gap");
        assert_eq!(c.at(40.0), Some(5.0));
    }

    #[test]
    fn runs_of_one_label_become_one_group() {
        let curves = [
            curve("a", 1, &[(1.0, 1.0), (3.0, 3.0)]),
            curve("b", 1, &[(1.0, 9.0)]),
            curve("a", 2, &[(1.0, 3.0), (2.0, 7.0)]),
        ];
        let groups = Group::all(&curves, Band::Range);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].label.as_str(), &groups[0].seeds[..]), ("a", &[1, 2][..]));
        // x = 2: run 1 is half way between 1 and 3, run 2 is 7; x = 3: run 1 alone
        let sample = |x, mean, low, high, complete| Sample { x, mean, low, high, complete };
        assert_eq!(
            groups[0].stretches,
            [vec![
                sample(1.0, 2.0, 1.0, 3.0, true),
                sample(2.0, 4.5, 2.0, 7.0, true),
                sample(3.0, 3.0, 3.0, 3.0, false),
            ]]
        );
    }

    #[test]
    fn other_settings_make_another_group_and_are_named() {
        let mut curves = [1, 2, 3].map(|seed| curve("a", seed, &[(1.0, 1.0)]));
        let changed = curves[2].config.as_mut().unwrap();
        changed.gamma = 0.5;
        changed.eval.every = 7;
        let groups = Group::all(&curves, Band::Range);
        let found: Vec<_> = groups.iter().map(|g| (g.label.as_str(), &g.seeds[..])).collect();
        assert_eq!(found, [("a, gamma=0.99", &[1, 2][..]), ("a, gamma=0.5", &[3][..])]);
        let changed = curves[2].config.as_mut().unwrap();
        (changed.steps, changed.max_grad_norm, changed.env.num_envs) = (7, 0.25, 3);
        let label = &Group::all(&curves, Band::Range)[1].label;
        assert_eq!(label, "a, steps=7, gamma=0.5, 2 more");
    }

    #[test]
    fn runs_of_one_name_become_one_group_whatever_else_differs() {
        let mut curves = ["a", "b", "c"].map(|algo| curve(algo, 1, &[(1.0, 1.0)]));
        for (curve, name) in curves.iter_mut().zip(["x", "y", "x"]) {
            curve.named = Some(name.into());
        }
        let groups = Group::all(&curves, Band::Range);
        let found: Vec<_> = groups.iter().map(|g| (g.label.as_str(), g.seeds.len())).collect();
        assert_eq!(found, [("x", 2), ("y", 1)]);
    }

    #[test]
    fn gaps_cut_the_line() {
        let c = curve("a", 1, &[(1.0, 1.0), (2.0, f64::NAN), (3.0, 1e300), (4.0, 2.0), (5.0, 2.0)]);
        let groups = Group::all(&[c], Band::Interval95);
        let lengths: Vec<usize> = groups[0].stretches.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 2]);
    }

    #[test]
    fn long_curves_are_resampled_between_the_same_ends() {
        let points: Vec<_> = (0..5000).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        let groups = Group::all(&[curve("a", 1, &points)], Band::Range);
        let samples: Vec<_> = groups[0].samples().collect();
        assert_eq!(samples.len(), MAX_POINTS);
        assert_eq!((samples[0].x, samples[MAX_POINTS - 1].x), (0.0, 4999.0));
        assert!(samples.iter().all(|s| (s.mean - 2.0 * s.x).abs() < 1e-9));
    }
}
