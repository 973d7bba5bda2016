//! State-dependent exploration: its moments, what it leaves out of the gradient, and its noise from
//! step to step, in the trainer and in evaluation.

use gradwerk::algo::AlgoConfig;
use gradwerk::config::Config;
use gradwerk::dist::{ActionRow, ActionRowMut, DistConfig, Distribution, Gsde, GsdeConfig, Widths};
use gradwerk::{EvalOptions, Pool, Runtime, Trainer, evaluate};
use gradwerk_env::{Action, End, Env, EnvFactory, Space, Step, custom};
use gradwerk_math::{Kernel, Purpose, Stream};
use gradwerk_nn::{MemoryConfig, MlpConfig, NetworkConfig};
use std::sync::{Arc, Mutex};

const FEATURES: usize = 3;
const DIM: usize = 2;

fn gsde(learn_features: bool) -> Gsde {
    let config = GsdeConfig { learn_features, ..GsdeConfig::default() };
    let space = Space::uniform_box(DIM, -1.0, 1.0);
    Gsde { features: FEATURES, ..config.build(&space).unwrap() }
}

/// `mean | log_std [features, actions] | features`.
const Y: [f64; DIM + FEATURES * DIM + FEATURES] =
    [0.3, -0.7, -0.5, 0.1, -1.2, 0.4, 0.2, -0.3, 0.9, -0.6, 1.4];

fn normals(len: usize, step: u64) -> Vec<f64> {
    let mut stream = Stream::new(7, Purpose::Test, 1, step);
    (0..len).map(|_| stream.normal_pair::<f64>()[0]).collect()
}

/// `1e-6 + sum_j h_j^2 sigma_ji^2`.
fn variance(y: &[f64], i: usize) -> f64 {
    let term = |j: usize| {
        let deviation = y[DIM + FEATURES * DIM + j] * libm::exp(y[DIM + j * DIM + i]);
        deviation * deviation
    };
    1e-6 + (0..FEATURES).map(term).sum::<f64>()
}

fn sample(dist: &Gsde, y: &[f64], mut rng: Stream) -> [f64; DIM] {
    let mut a = [0.0; DIM];
    dist.sample(y, &mut rng, ActionRowMut { discrete: &mut [], continuous: &mut a });
    a
}

/// Within five standard errors, also where the features are so small that little but the constant is
/// left; and components do not depend on each other.
#[test]
fn samples_have_the_variance_of_the_formula() {
    let mut still = Y;
    still[DIM + FEATURES * DIM..].iter_mut().for_each(|h| *h *= 1e-4);
    for y in [Y, still] {
        let draws = 200_000_u32;
        let (mut squares, mut product, mut sum) = ([0.0; DIM], 0.0, [0.0; DIM]);
        let deviations = [0, 1].map(|i| libm::sqrt(variance(&y, i)));
        for k in 0..draws {
            let a = sample(&gsde(false), &y, Stream::new(1, Purpose::Test, 2, u64::from(k)));
            let z = [0, 1].map(|i| (a[i] - y[i]) / deviations[i]);
            for i in 0..DIM {
                squares[i] += z[i] * z[i];
                sum[i] += z[i];
            }
            product += z[0] * z[1];
        }
        let (n, error) = (f64::from(draws), 5.0 / libm::sqrt(f64::from(draws)));
        for i in 0..DIM {
            assert!((squares[i] / n - 1.0).abs() < error * libm::sqrt(2.0), "{}", squares[i] / n);
            assert!((sum[i] / n).abs() < error, "{}", sum[i] / n);
        }
        assert!((product / n).abs() < error, "{}", product / n);
    }
}

/// The density is that of a normal distribution with this variance.
#[test]
fn the_density_is_the_formula() {
    let a = [0.8, -0.1];
    let of = |i: usize| {
        let v = variance(&Y, i);
        -0.5 * ((a[i] - Y[i]) * (a[i] - Y[i]) / v + libm::log(2.0 * std::f64::consts::PI * v))
    };
    let row = ActionRow { discrete: &[], continuous: &a };
    let got = gsde(false).log_prob(&Y, row);
    assert!((got - of(0) - of(1)).abs() < 1e-12, "{got}");
}

/// The same noise is a linear function of the features: with features of twice the size, the sample
/// is twice as far from the mean.
#[test]
fn the_noise_is_linear_in_the_features() {
    let rng = || Stream::new(5, Purpose::Test, 0, 0);
    let at = |factor: f64| {
        let mut y = Y;
        y[DIM + FEATURES * DIM..].iter_mut().for_each(|h| *h *= factor);
        let a = sample(&gsde(false), &y, rng());
        [0, 1].map(|i| a[i] - y[i])
    };
    let (none, once, twice) = (at(0.0), at(1.0), at(2.0));
    for i in 0..DIM {
        // What is left without features is the constant's share.
        assert!(none[i].abs() < 5e-3 && once[i].abs() > 1e-2);
        assert!((twice[i] - none[i] - 2.0 * (once[i] - none[i])).abs() < 1e-12);
    }
}

/// By default derivatives by the features are exactly 0, and those by the others do not change.
#[test]
fn features_learn_from_the_mean_alone_by_default() {
    let (plain, whole) = (gsde(false), gsde(true));
    let (a, other) = ([0.5, 0.2], normals(Y.len(), 1));
    let v = normals(Y.len(), 2);
    let a = ActionRow { discrete: &[], continuous: &a };
    type Derivative<'a> = &'a dyn Fn(&Gsde, &mut [f64]);
    let derivatives: [Derivative<'_>; 4] = [
        &|d, dy| d.add_log_prob_grad(&Y, a, 1.5, dy),
        &|d, dy| d.add_entropy_grad(&Y, 1.5, dy),
        &|d, dy| d.add_kl_grad(&Y, &other, 1.5, dy),
        &|d, dy| {
            let evaluated = d.evaluate_one(&Y, a, dy);
            d.turn_into_grad(&Y, a, evaluated, 1.5, 0.3, dy);
        },
    ];
    let first = DIM + FEATURES * DIM;
    for derivative in derivatives {
        let (mut without, mut with) = (Y.map(|_| 0.0), Y.map(|_| 0.0));
        derivative(&plain, &mut without);
        derivative(&whole, &mut with);
        assert_eq!(without[..first], with[..first]);
        assert_eq!(without[first..], [0.0; FEATURES]);
        assert!(with[first..].iter().all(|d| *d != 0.0));
    }
    // The Fisher matrix has lost the rows and the columns of the features.
    let (mut without, mut with) = (Y.map(|_| 0.0), Y.map(|_| 0.0));
    plain.add_fisher_product(&Y, &v, 1.0, &mut without);
    let mut still = v;
    still[first..].fill(0.0);
    whole.add_fisher_product(&Y, &still, 1.0, &mut with);
    assert_eq!(without[..first], with[..first]);
    assert_eq!(without[first..], [0.0; FEATURES]);
}

#[test]
fn noise_is_keyed_by_the_first_step_of_its_block() {
    let dist = gsde(false);
    assert_eq!((dist.redraw_every(), dist.noise_step(7), dist.noise_step(8)), (4, 4, 8));
    let error = toml::from_str::<DistConfig>("kind = \"gsde\"\nredraw_every = 0").unwrap_err();
    assert!(error.to_string().contains("nonzero"), "{error}");
}

/// What each copy of an environment received, in the order in which they were made.
type Received = Arc<Mutex<Vec<Vec<[f32; DIM]>>>>;

/// Always the same observation, episodes of five steps. Cannot save itself.
struct Still {
    time: u32,
    copy: usize,
    received: Received,
}

impl Env for Still {
    fn observation_space(&self) -> Space {
        Space::uniform_box(2, -1.0, 1.0)
    }
    fn action_space(&self) -> Space {
        Space::uniform_box(DIM, -100.0, 100.0)
    }
    fn reset(&mut self, _: &mut Stream, obs: &mut [f32]) {
        self.time = 0;
        obs.copy_from_slice(&[0.5, -0.25]);
    }
    fn step(&mut self, action: Action<'_>, _: &mut Stream, obs: &mut [f32]) -> Step {
        let action = [action.continuous[0], action.continuous[1]];
        self.received.lock().unwrap()[self.copy].push(action);
        self.time += 1;
        obs.copy_from_slice(&[0.5, -0.25]);
        let end = if self.time == 5 { End::Terminated } else { End::Continue };
        Step { reward: f64::from(action[0]), end }
    }
}

fn still() -> (Box<dyn EnvFactory>, Received) {
    let received = Received::default();
    let shared = received.clone();
    let make = move || {
        let mut all = shared.lock().unwrap();
        all.push(Vec::new());
        Still { time: 0, copy: all.len() - 1, received: shared.clone() }
    };
    (custom("still", Some(5), make), received)
}

/// 14 steps of three environments per update: blocks of 4 go on from one rollout to the next.
fn config(memory: &str) -> Config {
    let policy = DistConfig::Gsde(GsdeConfig::default());
    let network = NetworkConfig::Mlp(MlpConfig { hidden: vec![6], ..MlpConfig::default() });
    let mut memory = MemoryConfig::named(memory).unwrap();
    if let MemoryConfig::Gru(layers) | MemoryConfig::Lstm(layers) = &mut memory {
        layers.segment = 7;
    }
    let mut config =
        Config { steps: 10_000, seed: 3, policy, network, memory, ..Config::default() };
    (config.env.id, config.env.num_envs, config.rollout.steps) = ("still".into(), 3, 14);
    if let AlgoConfig::Ppo(ppo) = &mut config.algo {
        ppo.minibatch = 21;
    }
    config
}

fn trainer(config: &Config, env: &dyn EnvFactory, threads: usize) -> Trainer {
    Trainer::with_env(config, env, Runtime { threads, kernel: Kernel::detect() }).unwrap()
}

/// The copies that were stepped.
fn stepped(received: &Received) -> Vec<Vec<[f32; DIM]>> {
    received.lock().unwrap().iter().filter(|actions| !actions.is_empty()).cloned().collect()
}

/// Whether the action changes with each of the steps after the first.
fn changes(actions: &[[f32; DIM]]) -> Vec<bool> {
    actions.windows(2).map(|pair| pair[0] != pair[1]).collect()
}

/// In one state the actions are the same for four steps, whatever ends in them; then both numbers
/// change. Environments do not share their noise.
#[test]
fn training_keeps_the_noise_for_blocks_of_steps() {
    let (env, received) = still();
    trainer(&config("none"), &*env, 2).update().unwrap();
    let actions = stepped(&received);
    assert_eq!(actions.len(), 3);
    for own in &actions {
        assert_eq!(own.len(), 14);
        let expected: Vec<bool> = (1..14).map(|step| step % 4 == 0).collect();
        assert_eq!(changes(own), expected);
        assert!((0..DIM).all(|i| own[3][i] != own[4][i]));
    }
    assert_ne!(actions[0][0], actions[1][0]);
}

#[test]
fn evaluation_keeps_the_noise_for_blocks_of_steps() {
    let (env, received) = still();
    let policy = trainer(&config("none"), &*env, 1).policy();
    received.lock().unwrap().clear();
    let options = EvalOptions { episodes: 3, stochastic: true, ..EvalOptions::default() };
    let evaluation = evaluate(&policy, &*env, options, &Pool::new(1)).unwrap();
    let actions = stepped(&received);
    assert_eq!(actions.len(), 3);
    for own in &actions {
        assert_eq!(changes(own), [false, false, false, true]);
    }
    let again = evaluate(&policy, &*env, options, &Pool::new(3)).unwrap();
    assert_eq!(again.returns, evaluation.returns);
    assert_ne!(evaluation.returns[0], evaluation.returns[1]);
}

/// A checkpoint lies in the middle of a block (after 14, 28 and 42 steps), and the number of threads
/// changes.
#[test]
fn runs_resume_in_the_middle_of_a_block() {
    for memory in ["none", "gru"] {
        let (config, (env, _)) = (config(memory), still());
        let run = |trainer: &mut Trainer, updates: usize| {
            for _ in 0..updates {
                trainer.update().unwrap();
            }
        };
        let mut whole = trainer(&config, &*env, 2);
        run(&mut whole, 4);
        for before in [1, 3] {
            let mut first = trainer(&config, &*env, 1);
            run(&mut first, before);
            let mut second = trainer(&config, &*env, 3);
            second.restore(&first.state().unwrap()).unwrap();
            run(&mut second, 4 - before);
            let (resumed, whole) = (second.state_sha256().unwrap(), whole.state_sha256().unwrap());
            assert_eq!(resumed, whole, "{memory}, {before}");
        }
    }
}
