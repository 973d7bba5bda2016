//! Nanoseconds per row of the formulas in the training loop, single precision, one thread:
//! `cargo run --release -p gradwerk --example formula_speed`.

use gradwerk::dist::{ActionRowsMut, AnyDist, DistConfig, Distribution, GsdeConfig, Widths};
use gradwerk::estimate::{EstimatorConfig, Scratch, Steps, estimate};
use gradwerk::loss::{PolicyRows, Surrogate, ValueLoss, ValueRows, value_gradient};
use gradwerk_env::Space;
use gradwerk_math::{Purpose, Stream};
use std::hint::black_box;
use std::time::{Duration, Instant};

const TILE: usize = 64;

/// How long a repetition lasts.
const SPAN: Duration = Duration::from_millis(20);

/// Best of seven repetitions: the machine is shared, and noise only adds.
fn report(what: &str, rows: usize, mut f: impl FnMut()) {
    let mut rate = || {
        let (start, mut rounds) = (Instant::now(), 0);
        while start.elapsed() < SPAN {
            f();
            rounds += 1;
        }
        start.elapsed().as_secs_f64() / f64::from(rounds)
    };
    let best = (0..7).map(|_| rate()).fold(f64::INFINITY, f64::min);
    println!("{what:<44} {:6.1} ns/row", best * 1e9 / rows as f64);
}

/// Head outputs of a tile; those that are free parameters are the same in every row, as in training.
fn heads(dist: &AnyDist, rng: &mut Stream) -> Vec<f32> {
    let (width, head) = (dist.params(), dist.head());
    let mut y: Vec<f32> = (0..TILE * width).map(|_| rng.normal_pair::<f32>()[0]).collect();
    let (first, others) = y.split_at_mut(width);
    let free = head.network..head.network + head.free;
    others
        .chunks_exact_mut(width)
        .for_each(|y| y[free.clone()].copy_from_slice(&first[free.clone()]));
    y
}

fn policy(name: &str, dist: &AnyDist) {
    let mut rng = Stream::new(1, Purpose::Test, 0, 0);
    let y = heads(dist, &mut rng);
    let mut discrete = vec![0; TILE * dist.discrete()];
    let mut continuous = vec![0.0_f32; TILE * dist.continuous()];
    let (mut work, mut log_prob) = (y.clone(), vec![0.0_f32; TILE]);
    let mut rngs = vec![rng.clone(); TILE];
    report(&format!("{name}: sample and log-probability"), TILE, || {
        let a = ActionRowsMut { discrete: &mut discrete, continuous: &mut continuous };
        dist.sample_rows(black_box(&y), &mut rngs, a, &mut log_prob, &mut work);
        black_box(&mut log_prob);
    });
    let advantage: Vec<f32> = (0..TILE).map(|_| rng.normal_pair::<f32>()[0]).collect();
    let rows = PolicyRows {
        y: &y,
        discrete: &discrete,
        continuous: &continuous,
        log_prob_old: &log_prob,
        advantage: &advantage,
        weight: 1.0 / TILE as f32,
    };
    let clip = Surrogate::Clip { low: 0.2, high: 0.2 };
    report(&format!("{name}: PPO head gradient"), TILE, || {
        black_box(dist.head_gradient(clip, 0.01, black_box(&rows), &mut work));
    });
}

fn value() {
    let x = [0.5_f32; TILE];
    let rows = ValueRows { value: &x, value_old: &x, target: &x, weight: 1.0 / TILE as f32 };
    let mut dv = [0.0; TILE];
    for clip in [None, Some(0.2)] {
        report(&format!("value gradient, clip {clip:?}"), TILE, || {
            black_box(value_gradient(ValueLoss { coef: 0.5, clip }, black_box(&rows), &mut dv));
        });
    }
}

fn estimators() {
    let (t, n) = (128, 8);
    let mut rng = Stream::new(2, Purpose::Test, 0, 0);
    let mut column = || (0..t * n).map(|_| rng.uniform()).collect::<Vec<f32>>();
    let (reward, values, next_value) = (column(), column(), column());
    let steps = Steps {
        t,
        n,
        reward: &reward,
        discount: &vec![0.99; t * n],
        carry: &vec![1.0; t * n],
        value: &values,
        next_value: &next_value,
        score_square: &[],
        valid: &vec![true; t * n],
        time: &(0..t * n).map(|row| (row / n) as u32).collect::<Vec<_>>(),
        gamma: 0.99,
    };
    let (mut advantage, mut target) = (vec![0.0; t * n], vec![0.0; t * n]);
    let mut scratch = Scratch::with_rows(t * n);
    let config = EstimatorConfig::default();
    report("gae and value target, [128, 8]", t * n, || {
        estimate(&config, black_box(&steps), &mut advantage, &mut target, &mut scratch);
        black_box(&mut advantage);
    });
}

fn main() {
    for n in [2, 6] {
        let dist = DistConfig::default().build(&Space::Discrete { n });
        policy(&format!("categorical({n})"), &dist.expect("acts on discrete"));
    }
    for dim in [1, 6, 17] {
        let dist = DistConfig::default().build(&Space::uniform_box(dim, -1.0, 1.0));
        policy(&format!("gaussian({dim})"), &dist.expect("acts on boxes"));
    }
    for dim in [1, 6] {
        let config = DistConfig::Gsde(GsdeConfig::default());
        let dist = config.build(&Space::uniform_box(dim, -1.0, 1.0)).expect("acts on boxes");
        policy(&format!("gsde({dim}), 64 features"), &dist.with_features(64));
    }
    value();
    estimators();
}
