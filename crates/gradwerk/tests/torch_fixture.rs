//! Whole updates in double precision against PyTorch's automatic differentiation.
//!
//! Each file of conformance/torch holds a rollout, first parameters, and what two successive
//! updates make of them: estimator, normalisation, losses, minibatch order, gradients, clipping
//! and optimizer, computed by tests/python/make_torch_fixture.py from the definitions. Here the
//! production code does the same at `f64`.

use gradwerk::algo::{Tick, UpdateStats};
use gradwerk::config::Config;
use gradwerk::dist::Widths;
use gradwerk::estimate::{Normalize, Scratch, Steps, estimate};
use gradwerk::learner::{Batch, Learner, LossSums};
use gradwerk::model::Model;
use gradwerk::rollout::Rollout;
use gradwerk_env::{End, Space};
use gradwerk_math::{Kernel, Pool};
use serde::Deserialize;
use std::path::Path;

/// Agreement asked for, relative to the larger of the two numbers and to 1e-3.
///
/// Measured: 1e-13; what is left is the order of sums.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    #[serde(rename = "made_by")]
    _made_by: String,
    config: Config,
    t: usize,
    n: usize,
    obs_width: usize,
    layout: Vec<(String, Vec<usize>)>,
    theta: Vec<f64>,
    rollout: Columns,
    advantage: Vec<f64>,
    target: Vec<f64>,
    updates: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    obs: Vec<f64>,
    discrete: Vec<u32>,
    continuous: Vec<f64>,
    log_prob: Vec<f64>,
    reward: Vec<f64>,
    end: Vec<String>,
    valid: Vec<bool>,
    time: Vec<u32>,
    value: Vec<f64>,
    next_value: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    progress: f64,
    sums: Sums,
    grad_norm: f64,
    theta: Vec<f64>,
}

/// Sums over the rows of the last epoch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    policy_loss: f64,
    value_loss: f64,
    entropy: f64,
    approx_kl: f64,
    ratio: f64,
    clipped: u64,
    value_clipped: u64,
    rows: u64,
}

fn read(path: &Path) -> Fixture {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn fixtures() -> Vec<(String, Fixture)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/torch");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.collect();
    paths.sort();
    paths.iter().map(|path| (path.file_stem().unwrap().display().to_string(), read(path))).collect()
}

/// The larger of the relative errors, 0 of nothing; infinite for other lengths or NaN.
fn worst(got: &[f64], want: &[f64]) -> f64 {
    if got.len() != want.len() {
        return f64::INFINITY;
    }
    let error = |(a, b): (&f64, &f64)| (a - b).abs() / a.abs().max(b.abs()).max(1e-3);
    got.iter().zip(want).map(error).fold(0.0, |max, e| if e <= max { max } else { e })
}

#[track_caller]
fn assert_close(what: &str, got: &[f64], want: &[f64]) {
    let error = worst(got, want);
    assert!(error < TOLERANCE, "{what}: relative error {error:e}");
}

impl Fixture {
    fn model(&self) -> Model<f64> {
        let observation = Space::uniform_box(self.obs_width, -100.0, 100.0);
        let action = if self.rollout.discrete.is_empty() {
            Space::uniform_box(2, -1.0, 1.0)
        } else {
            Space::Discrete { n: 3 }
        };
        Model::build(&self.config, &observation, &action).unwrap()
    }

    fn learner(&self) -> Learner<f64> {
        let (optimizer, kernel) = (&self.config.optimizer, Kernel::Portable);
        let mut learner = Learner::new(self.model(), optimizer, 0, kernel).unwrap();
        let entries = learner.model.layout().entries();
        let layout: Vec<_> = entries.iter().map(|e| (e.name.clone(), e.shape.clone())).collect();
        assert_eq!(layout, self.layout);
        learner.weights.theta.copy_from_slice(&self.theta);
        learner.weights.pack(&learner.model, kernel);
        learner
    }

    fn rollout(&self, model: &Model<f64>) -> Rollout<f64> {
        let (wd, wc) = (model.dist.discrete(), model.dist.continuous());
        let columns = &self.rollout;
        let mut r = Rollout::new(self.t, self.n, self.obs_width, wd, wc);
        r.obs.copy_from_slice(&columns.obs);
        r.discrete.copy_from_slice(&columns.discrete);
        r.continuous.copy_from_slice(&columns.continuous);
        r.log_prob.copy_from_slice(&columns.log_prob);
        r.reward.copy_from_slice(&columns.reward);
        r.end = columns.end.iter().map(|end| parse_end(end)).collect();
        r.valid.copy_from_slice(&columns.valid);
        r.time.copy_from_slice(&columns.time);
        r.value.copy_from_slice(&columns.value);
        r.next_value.copy_from_slice(&columns.next_value);
        r
    }

    /// Advantages and targets from the production estimator.
    fn estimate(&self, r: &Rollout<f64>) -> (Vec<f64>, Vec<f64>) {
        let (mut discount, mut carry) = (Vec::new(), Vec::new());
        r.end_factors(self.config.gamma, &mut discount, &mut carry);
        let steps = Steps {
            t: r.t,
            n: r.n,
            reward: &r.reward,
            discount: &discount,
            carry: &carry,
            value: &r.value,
            next_value: &r.next_value,
            score_square: &[],
            valid: &r.valid,
            time: &r.time,
            gamma: self.config.gamma,
        };
        let (mut advantage, mut target) = (vec![f64::NAN; r.rows()], vec![f64::NAN; r.rows()]);
        let mut scratch = Scratch::default();
        estimate(&self.config.estimator, &steps, &mut advantage, &mut target, &mut scratch);
        (advantage, target)
    }
}

fn parse_end(end: &str) -> End {
    match end {
        "continue" => End::Continue,
        "terminated" => End::Terminated,
        "truncated" => End::Truncated,
        _ => panic!("end `{end}`, expected one of continue, terminated, truncated"),
    }
}

impl Expected {
    fn compare(&self, what: &str, stats: &UpdateStats, theta: &[f64]) {
        let LossSums { policy, value } = stats.sums;
        let got = [policy.loss, value.loss, policy.entropy, policy.approx_kl, policy.ratio];
        let s = &self.sums;
        let want = [s.policy_loss, s.value_loss, s.entropy, s.approx_kl, s.ratio];
        assert_close(&format!("{what}: sums"), &got, &want);
        let counts = (policy.clipped, value.clipped, policy.rows, value.rows);
        assert_eq!(counts, (s.clipped, s.value_clipped, s.rows, s.rows), "{what}: counts");
        assert_close(&format!("{what}: grad_norm"), &[stats.grad_norm], &[self.grad_norm]);
        assert_close(&format!("{what}: theta"), theta, &self.theta);
    }
}

#[test]
fn advantages_and_targets_are_those_of_the_definition() {
    for (name, fixture) in fixtures() {
        let (advantage, target) = fixture.estimate(&fixture.rollout(&fixture.model()));
        assert_close(&format!("{name}: advantage"), &advantage, &fixture.advantage);
        assert_close(&format!("{name}: target"), &target, &fixture.target);
    }
}

#[test]
fn updates_are_those_of_pytorch() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 6, "conformance/torch is not complete");
    for (name, fixture) in fixtures {
        let mut learner = fixture.learner();
        let rollout = fixture.rollout(&learner.model);
        let (advantage, target) = fixture.estimate(&rollout);
        let rows: Vec<u32> =
            (0..rollout.rows() as u32).filter(|&row| rollout.valid[row as usize]).collect();
        let batch = Batch {
            rollout: &rollout,
            advantage: &advantage,
            target: &target,
            rows: &rows,
            episodes: 0,
            normalize_advantage: fixture.config.estimator.normalize == Normalize::Minibatch,
            per_parameter: None,
        };
        let mut algorithm = fixture.config.algo.build::<f64>();
        let pool = Pool::new(1);
        for (update, expected) in (0..).zip(&fixture.updates) {
            let tick = Tick {
                seed: fixture.config.seed,
                update,
                progress: expected.progress,
                lr: fixture.config.lr.at(expected.progress),
                max_grad_norm: fixture.config.max_grad_norm,
            };
            let stats = algorithm.update(&mut learner, &pool, &batch, &tick).unwrap();
            expected.compare(&format!("{name}, update {update}"), &stats, &learner.weights.theta);
        }
    }
}

/// The comparison is sharp: a fixture with one number a millionth off fails.
#[test]
fn a_changed_setting_is_noticed() {
    for (name, mut fixture) in fixtures() {
        fixture.config.gamma *= 1.0 + 1e-6;
        let (advantage, _) = fixture.estimate(&fixture.rollout(&fixture.model()));
        assert!(worst(&advantage, &fixture.advantage) > TOLERANCE, "{name}");
    }
}
