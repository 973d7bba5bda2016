//! The f32 engine against the f64 reference: the same rollout, on every kernel. Measured: gradients
//! agree to 3e-7, the changes of four updates to 1e-5.

use gradwerk::algo::{ALGORITHMS, AlgoConfig, Tick};
use gradwerk::config::Config;
use gradwerk::dist::{Distribution, Widths};
use gradwerk::learner::{Batch, Learner, Objective};
use gradwerk::loss::Surrogate;
use gradwerk::model::{Inference, Model};
use gradwerk::rollout::Rollout;
use gradwerk_env::Space;
use gradwerk_math::{Kernel, Pool, Purpose, Stream};
use gradwerk_nn::{Activation, Engine, MlpConfig, NetworkConfig};

/// Steps and environments: 1000 rows, so that the last tile and the last chunk are not full.
const T: usize = 40;
const N: usize = 25;
const SEED: u64 = 5;

/// A rollout and what an estimator would have made of it, in one precision.
struct Data<E> {
    rollout: Rollout<E>,
    advantage: Vec<E>,
    target: Vec<E>,
    rows: Vec<u32>,
}

impl<E: Engine> Data<E> {
    fn batch(&self) -> Batch<'_, E> {
        Batch {
            rollout: &self.rollout,
            advantage: &self.advantage,
            target: &self.target,
            rows: &self.rows,
            episodes: 0,
            normalize_advantage: true,
            per_parameter: None,
        }
    }
}

fn normals(purpose: u64, count: usize) -> Vec<f32> {
    let mut stream = Stream::new(SEED, Purpose::Test, 0, purpose);
    let pairs = (0..count.div_ceil(2)).flat_map(|_| stream.normal_pair::<f32>());
    pairs.take(count).collect()
}

/// Observations, actions sampled from the policy itself, its log-probabilities moved a little.
fn data(learner: &Learner<f32>) -> Data<f32> {
    let model = &learner.model;
    let (d, width) = (model.obs_width(), model.head_width());
    let mut r = Rollout::new(T, N, d, model.dist.discrete(), model.dist.continuous());
    r.obs = normals(0, T * N * d);
    r.valid.fill(true);
    let mut y = vec![0.0; T * N * width];
    let mut inference = Inference::new(model, Kernel::Portable);
    inference.policy(model, &learner.weights, &r.obs, &mut [], &mut y);
    let moved = normals(1, T * N);
    for row in 0..T * N {
        let y = &y[row * width..(row + 1) * width];
        let mut stream = Stream::new(SEED, Purpose::Action, 0, row as u64);
        model.dist.sample(y, &mut stream, r.action_mut(row));
        r.log_prob[row] = model.dist.log_prob(y, r.action(row)) + 0.2 * moved[row];
    }
    r.value = normals(2, T * N);
    let (advantage, target) = (normals(3, T * N), normals(4, T * N));
    Data { rollout: r, advantage, target, rows: (0..(T * N) as u32).collect() }
}

fn widened(data: &Data<f32>) -> Data<f64> {
    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| f64::from(x)).collect() };
    let r = &data.rollout;
    let mut rollout = Rollout::new(T, N, r.obs_width, r.discrete_width, r.continuous_width);
    rollout.obs = wide(&r.obs);
    rollout.discrete.clone_from(&r.discrete);
    rollout.continuous = wide(&r.continuous);
    rollout.log_prob = wide(&r.log_prob);
    rollout.value = wide(&r.value);
    rollout.valid.fill(true);
    let (advantage, target) = (wide(&data.advantage), wide(&data.target));
    Data { rollout, advantage, target, rows: data.rows.clone() }
}

fn objective<E: Engine>(surrogate: Surrogate<E>) -> Objective<E> {
    Objective {
        surrogate,
        entropy_coef: E::from_f64(0.01),
        value_coef: E::from_f64(0.5),
        value_clip: Some(E::from_f64(0.3)),
        divisor: None,
    }
}

fn clip<E: Engine>() -> Surrogate<E> {
    Surrogate::Clip { low: E::from_f64(0.2), high: E::from_f64(0.2) }
}

fn config(activation: Activation, shared: bool) -> Config {
    // A policy head of full size: log-probabilities and gradients of ordinary magnitude.
    let mlp = MlpConfig {
        activation,
        shared,
        policy_gain: 1.0,
        hidden: vec![40, 24],
        ..MlpConfig::default()
    };
    Config { network: NetworkConfig::Mlp(mlp), ..Config::default() }
}

fn cases() -> impl Iterator<Item = (Config, Space)> {
    let spaces = [Space::Discrete { n: 4 }, Space::uniform_box(3, -1.0, 1.0)];
    spaces.into_iter().flat_map(|space| {
        let both = [false, true].into_iter();
        both.flat_map(|shared| Activation::ALL.map(|a| config(a, shared)))
            .map(move |config| (config, space.clone()))
    })
}

fn learner<E: Engine>(config: &Config, action: &Space, kernel: Kernel) -> Learner<E> {
    let observation = Space::uniform_box(6, -10.0, 10.0);
    let model = Model::build(config, &observation, action).unwrap();
    Learner::new(model, &config.optimizer, SEED, kernel).unwrap()
}

/// The same function in double precision: the parameters are those of `single`, widened.
fn reference(config: &Config, action: &Space, single: &Learner<f32>) -> Learner<f64> {
    let mut double = learner::<f64>(config, action, Kernel::Portable);
    for (wide, &narrow) in double.weights.theta.iter_mut().zip(single.weights.theta.iter()) {
        *wide = f64::from(narrow);
    }
    double.weights.pack(&double.model, Kernel::Portable);
    double
}

/// `|got - want| / |want|`, Euclidean.
fn relative(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let difference: f64 =
        got.iter().zip(want).map(|(&g, w)| (f64::from(g) - w) * (f64::from(g) - w)).sum();
    let length: f64 = want.iter().map(|w| w * w).sum();
    (difference / length).sqrt()
}

#[test]
fn gradients_of_every_kernel_are_those_of_the_reference() {
    let pool = Pool::new(2);
    for (config, action) in cases() {
        let mut portable = learner::<f32>(&config, &action, Kernel::Portable);
        let data = data(&portable);
        let mut double = reference(&config, &action, &portable);
        let wide = widened(&data);
        for clipped in [true, false] {
            let of = |s, l| if clipped { s } else { l };
            let exact = objective(of(clip(), Surrogate::LogProb));
            let exact = double.gradient(&pool, &wide.batch(), &wide.rows, &exact).unwrap();
            for kernel in Kernel::available() {
                portable = learner::<f32>(&config, &action, kernel);
                let objective = objective(if clipped { clip() } else { Surrogate::LogProb });
                let sums = portable.gradient(&pool, &data.batch(), &data.rows, &objective).unwrap();
                let error = relative(portable.last_gradient(), double.last_gradient());
                let place = format!("{:?} on {action}, {kernel}, clip {clipped}", config.network);
                assert!(error < 1e-5, "{place}: relative error {error:e}");
                let loss = (sums.policy.loss - exact.policy.loss).abs();
                assert!(loss < 1e-5 * T as f64 * N as f64, "{place}: loss off by {loss:e}");
            }
        }
    }
}

/// Relative errors of a solution `x` of `A x = g` in units of the condition number of A and of
/// f32's epsilon: with `A` and `g` known to relative errors `a` and `b`, x is known to
/// `kappa (a + b)` to first order (Golub and Van Loan 2013, section 2.6). Products and gradients
/// of the engine agree with the reference to 3e-7, that is 2.5 epsilon each: 5. Every step of a way
/// has this error, and so has their sum. Measured: at most 2.3, at kappa = 717.
const SOLVE: f64 = 5.0;

/// How far the parameters are apart after several updates, relative to the way they went. The
/// bound is loose because a ratio at the edge of its interval, or a unit at the corner of relu,
/// may fall on either side.
#[test]
fn several_updates_stay_close_to_the_reference() {
    let pool = Pool::new(2);
    for (k, (config, action)) in cases().enumerate() {
        // Every network with one algorithm that can use it, every algorithm with some networks.
        let mut possible = ALGORITHMS.iter().cycle().skip(k).map(|a| a.name).filter(|name| {
            let algo = AlgoConfig::by_name(name).unwrap();
            let with = Config { algo: algo.clone(), ..config.clone() };
            algo.settings().check(&with).is_ok()
        });
        let name = possible.next().unwrap();
        drop(possible);
        let mut config = Config { algo: AlgoConfig::by_name(name).unwrap(), ..config };
        config.env.num_envs = N;
        let start = learner::<f32>(&config, &action, Kernel::Portable);
        let data = data(&start);
        let wide = widened(&data);
        let mut double = reference(&config, &action, &start);
        let mut worst = condition(&config, &mut double, &pool, &wide);
        run(&config, &mut double, &pool, &wide);
        worst = worst.max(condition(&config, &mut double, &pool, &wide));
        let bound = (SOLVE * f64::from(f32::EPSILON) * worst).max(1e-4);
        let way = |to: f64, from: f32| to - f64::from(from);
        let want: Vec<f64> = double
            .weights
            .theta
            .iter()
            .zip(start.weights.theta.iter())
            .map(|(&a, &b)| way(a, b))
            .collect();
        for kernel in Kernel::available() {
            let mut single = learner::<f32>(&config, &action, kernel);
            run(&config, &mut single, &pool, &data);
            let got: Vec<f32> = single
                .weights
                .theta
                .iter()
                .zip(start.weights.theta.iter())
                .map(|(a, b)| a - b)
                .collect();
            let error = relative(&got, &want);
            let place = format!("{name}, {:?} on {action}, {kernel}", config.network);
            assert!(error < bound, "{place}: relative error {error:e}");
        }
    }
}

/// Condition number of the matrix that the algorithm solves with, 1 if it solves with none:
/// `F + damping I` of the batch, whose largest eigenvalue is found by iterating the learner's
/// products in double precision (from below; 30 of them get within percents), and whose smallest
/// is at least the damping, for `F` has no negative one.
fn condition(config: &Config, learner: &mut Learner<f64>, pool: &Pool, data: &Data<f64>) -> f64 {
    let damping = match &config.algo {
        AlgoConfig::Npg(settings) => settings.damping,
        AlgoConfig::Trpo(settings) => settings.damping,
        _ => return 1.0,
    };
    let len = learner.policy_len();
    let mut u: Vec<f64> = normals(5, len).into_iter().map(f64::from).collect();
    let (mut product, mut largest) = (vec![0.0; len], 0.0);
    for _ in 0..30 {
        learner.fisher_product(pool, &data.batch(), damping, &u, &mut product);
        let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        largest = length(&product) / length(&u);
        u.iter_mut().zip(&product).for_each(|(u, p)| *u = p / largest);
    }
    largest / damping
}

fn run<E: Engine>(config: &Config, learner: &mut Learner<E>, pool: &Pool, data: &Data<E>) {
    let mut algorithm = config.algo.build::<E>();
    algorithm.configure(config);
    algorithm.reserve(learner, T, N);
    for update in 0..4 {
        let tick = Tick { seed: SEED, update, progress: 0.0, lr: 3e-4, max_grad_norm: 0.5 };
        algorithm.update(learner, pool, &data.batch(), &tick).unwrap();
    }
}
