//! Runs every case of `conformance/*.toml` whose subject this crate implements, in both
//! precisions.

use gradwerk::dist::{ActionRow, DistConfig, Distribution, GsdeConfig};
use gradwerk::estimate::{EstimatorConfig, Scratch, Steps, estimate};
use gradwerk_env::Space;
use gradwerk_math::Real;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn every_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut cases = BTreeMap::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let subject: Subject = toml::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let run = match subject.subject.as_str() {
            "estimator" => estimators(&text),
            "distribution" => distributions(&text),
            // Other crates' files, run by their own tests.
            _ => continue,
        };
        *cases.entry(subject.subject).or_insert(0) += run;
    }
    assert!(cases["estimator"] >= 22 && cases["distribution"] >= 9, "{cases:?}");
}

#[derive(Deserialize)]
struct Subject {
    subject: String,
}

fn assert_rows<R: Real>(what: &str, got: &[R], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    // A few units in the last place of intermediate results of about this size.
    let scale = want.iter().fold(1.0, |scale: f64, w| scale.max(w.abs()));
    for (k, (got, want)) in got.iter().zip(want).enumerate() {
        let tolerance = 16.0 * R::EPSILON.to_f64() * scale;
        let close = (got.to_f64() - want).abs() <= tolerance;
        assert!(close, "{what}, row {k}: {got} instead of {want}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EstimatorFile {
    #[serde(rename = "subject")]
    _subject: String,
    rollout: BTreeMap<String, Rollout>,
    case: Vec<EstimatorCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollout {
    gamma: f64,
    reward: Vec<Vec<f64>>,
    end: Vec<String>,
    value: Vec<Vec<f64>>,
    next_value: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EstimatorCase {
    name: String,
    rollout: String,
    estimator: EstimatorConfig,
    advantage: Vec<Vec<f64>>,
    target: Vec<Vec<f64>>,
}

fn estimators(text: &str) -> usize {
    let file: EstimatorFile = toml::from_str(text).unwrap_or_else(|e| panic!("{e}"));
    for case in &file.case {
        let rollout = &file.rollout[&case.rollout];
        run_estimator::<f64>(case, rollout);
        run_estimator::<f32>(case, rollout);
    }
    file.case.len()
}

/// Steps since the last end or row that is not a transition.
fn times(end: &[String]) -> Vec<u32> {
    let mut clock = vec![0; end[0].len()];
    let mut times = vec![];
    for row in end {
        for (clock, end) in clock.iter_mut().zip(row.bytes()) {
            times.push(*clock);
            *clock = if end == b'.' { *clock + 1 } else { 0 };
        }
    }
    times
}

fn run_estimator<R: Real>(case: &EstimatorCase, rollout: &Rollout) {
    let flat = |table: &[Vec<f64>]| -> Vec<R> {
        table.iter().flatten().map(|&x| R::from_f64(x)).collect()
    };
    let ends: Vec<u8> = rollout.end.iter().flat_map(|row| row.bytes()).collect();
    assert!(ends.iter().all(|end| b".TX-".contains(end)), "{}: {:?}", case.name, rollout.end);
    let gamma = R::from_f64(rollout.gamma);
    let discount: Vec<R> =
        ends.iter().map(|&end| if end == b'T' { R::ZERO } else { gamma }).collect();
    let carry: Vec<R> =
        ends.iter().map(|&end| if b"TX".contains(&end) { R::ZERO } else { R::ONE }).collect();
    let valid: Vec<bool> = ends.iter().map(|&end| end != b'-').collect();
    let steps = Steps {
        t: rollout.reward.len(),
        n: rollout.reward[0].len(),
        reward: &flat(&rollout.reward),
        discount: &discount,
        carry: &carry,
        value: &flat(&rollout.value),
        next_value: &flat(&rollout.next_value),
        score_square: &[],
        valid: &valid,
        time: &times(&rollout.end),
        gamma,
    };
    let nan = R::from_f64(f64::NAN);
    let (mut advantage, mut target) = (vec![nan; ends.len()], vec![nan; ends.len()]);
    estimate(&case.estimator, &steps, &mut advantage, &mut target, &mut Scratch::default());
    let want = |table: &[Vec<f64>]| -> Vec<f64> { table.iter().flatten().copied().collect() };
    assert_rows(&format!("{}: advantage", case.name), &advantage, &want(&case.advantage));
    assert_rows(&format!("{}: target", case.name), &target, &want(&case.target));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DistributionFile {
    #[serde(rename = "subject")]
    _subject: String,
    case: Vec<DistributionCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DistributionCase {
    kind: String,
    #[serde(default)]
    sizes: Vec<usize>,
    #[serde(default = "unit")]
    bounds: [f32; 2],
    y: Vec<f64>,
    #[serde(default)]
    discrete: Vec<u32>,
    #[serde(default)]
    continuous: Vec<f64>,
    other: Vec<f64>,
    log_prob: f64,
    d_log_prob: Vec<f64>,
    entropy: f64,
    d_entropy: Vec<f64>,
    kl: f64,
    d_kl: Vec<f64>,
}

fn unit() -> [f32; 2] {
    [-1.0, 1.0]
}

fn distributions(text: &str) -> usize {
    let file: DistributionFile = toml::from_str(text).unwrap_or_else(|e| panic!("{e}"));
    for case in &file.case {
        run_distribution::<f64>(case);
        run_distribution::<f32>(case);
    }
    file.case.len()
}

fn run_distribution<R: Real>(case: &DistributionCase) {
    let real = |xs: &[f64]| -> Vec<R> { xs.iter().map(|&x| R::from_f64(x)).collect() };
    let space = match (case.kind.as_str(), case.continuous.len()) {
        ("multi-categorical", _) => Space::MultiDiscrete { n: case.sizes.clone() },
        ("multi-bernoulli", _) => Space::MultiBinary { n: case.y.len() },
        (_, 0) => Space::Discrete { n: case.y.len() },
        (_, dim) => Space::uniform_box(dim, case.bounds[0], case.bounds[1]),
    };
    let config = match DistConfig::from_name(&case.kind).unwrap() {
        DistConfig::Gsde(gsde) => DistConfig::Gsde(GsdeConfig { learn_features: true, ..gsde }),
        other => other,
    };
    // A row of gSDE has d means, f times d deviations and f features.
    let dim = case.continuous.len();
    let dist = config.build(&space).unwrap().with_features((case.y.len() - dim) / (dim + 1));
    let (y, other, continuous) = (real(&case.y), real(&case.other), real(&case.continuous));
    let a = ActionRow { discrete: &case.discrete, continuous: &continuous };
    // Differences such as y - max or a - mean cancel: scale the tolerance by their operands.
    let what = |name: &str| format!("{} {:?}: {name}", case.kind, case.y);
    let size = case.y.iter().chain(&case.continuous).fold(1.0, |s: f64, x| s.max(x.abs()));
    let check = |name: &str, got: &[R], want: &[f64]| {
        let shrink = |x: f64| x / size;
        let got: Vec<R> = got.iter().map(|x| R::from_f64(shrink(x.to_f64()))).collect();
        let want: Vec<f64> = want.iter().map(|&x| shrink(x)).collect();
        assert_rows(&what(name), &got, &want);
    };
    let gradient = |f: &dyn Fn(&mut [R])| {
        let mut d = vec![R::ZERO; y.len()];
        f(&mut d);
        d
    };
    check("log_prob", &[dist.log_prob(&y, a)], &[case.log_prob]);
    check("entropy", &[dist.entropy(&y)], &[case.entropy]);
    check("kl", &[dist.kl(&y, &other)], &[case.kl]);
    let d = gradient(&|d| dist.add_log_prob_grad(&y, a, R::ONE, d));
    check("d_log_prob", &d, &case.d_log_prob);
    let d = gradient(&|d| dist.add_entropy_grad(&y, R::ONE, d));
    check("d_entropy", &d, &case.d_entropy);
    let d = gradient(&|d| dist.add_kl_grad(&y, &other, R::ONE, d));
    check("d_kl", &d, &case.d_kl);
}
