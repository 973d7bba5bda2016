//! Learning with memory: the gradient goes through every segment and no further, whatever the
//! order of its rows; what was remembered in a rollout is what the networks would remember.

use gradwerk::algo::AlgoConfig;
use gradwerk::config::Config;
use gradwerk::dist::{Distribution, Widths};
use gradwerk::learner::{Batch, Learner, Objective, Shuffled};
use gradwerk::loss::Surrogate;
use gradwerk::model::{Inference, Model, Weights};
use gradwerk::rollout::Rollout;
use gradwerk::{EvalOptions, Policy, Pool, Runtime, Trainer, env, evaluate};
use gradwerk_env::Space;
use gradwerk_math::{Kernel, Purpose, Stream};
use gradwerk_nn::{MEMORIES, MemoryConfig, MlpConfig, NetworkConfig};

const T: usize = 9;
const N: usize = 3;
/// Rows at which an episode begins, and the one that is no transition.
const FRESH: [usize; 5] = [0, 1, 10, 14, 16];
const GAP: usize = 12;

fn memory(name: &str, segment: usize) -> MemoryConfig {
    let text = format!(r#"{{"kind":"{name}","units":3,"layers":2,"segment":{segment}}}"#);
    serde_json::from_str(&text).unwrap()
}

fn named() -> impl Iterator<Item = &'static str> {
    MEMORIES.iter().copied().filter(|name| *name != "none")
}

fn config(name: &str, segment: usize, shared: bool) -> Config {
    let hidden = vec![4];
    let mlp = MlpConfig { hidden, shared, policy_gain: 1.0, ..MlpConfig::default() };
    let network = NetworkConfig::Mlp(mlp);
    Config { network, memory: memory(name, segment), ..Config::default() }
}

fn learner(config: &Config) -> Learner<f64> {
    let model =
        Model::build(config, &Space::uniform_box(2, -1.0, 1.0), &Space::Discrete { n: 3 }).unwrap();
    Learner::new(model, &config.optimizer, 5, Kernel::Portable).unwrap()
}

/// Step by step through a rollout, from the memory before its first step.
struct Walk<'a> {
    model: &'a Model<f64>,
    weights: &'a Weights<f64>,
    inference: Inference<f64>,
    memory: Vec<f64>,
}

impl<'a> Walk<'a> {
    fn new(model: &'a Model<f64>, weights: &'a Weights<f64>) -> Self {
        let memory = vec![0.0; N * model.memory_width()];
        Self { model, weights, inference: Inference::new(model, Kernel::Portable), memory }
    }

    /// Head outputs and value of one row; the environment's memory goes on.
    fn row(&mut self, rollout: &Rollout<f64>, row: usize) -> (Vec<f64>, f64) {
        let (i, width) = (row % N, self.model.memory_width());
        let memory = &mut self.memory[i * width..(i + 1) * width];
        if rollout.time[row] == 0 {
            memory.fill(0.0);
        }
        let (mut y, mut v) = (vec![0.0; self.model.head_width()], [0.0]);
        let (seen, out) = (rollout.inputs(row..row + 1), (&mut y[..], &mut v[..]));
        self.inference.ask(self.model, self.weights, seen, memory, out);
        (y, v[0])
    }

    fn set(&mut self, row: usize, memory: &[f64]) {
        let width = memory.len();
        self.memory[row % N * width..(row % N + 1) * width].copy_from_slice(memory);
    }
}

fn normals(purpose: u64, count: usize) -> Vec<f64> {
    let mut stream = Stream::new(3, Purpose::Test, 0, purpose);
    (0..count.div_ceil(2)).flat_map(|_| stream.normal_pair::<f64>()).take(count).collect()
}

/// Episodes of several lengths, memories as the present networks have them.
fn rollout(learner: &Learner<f64>) -> Rollout<f64> {
    let (model, width) = (&learner.model, learner.model.memory_width());
    let (wd, wc) = (model.dist.discrete(), model.dist.continuous());
    let mut r = Rollout::new(T, N, 2, wd, wc).with_memory(width);
    r.obs = normals(0, T * N * 2);
    r.valid.fill(true);
    r.valid[GAP] = false;
    let mut walk = Walk::new(model, &learner.weights);
    // The third environment is in the middle of an episode.
    walk.set(2, &normals(1, width));
    for row in 0..T * N {
        let before = if row < N { 3 } else { r.time[row - N] };
        r.time[row] = if FRESH.contains(&row) { 0 } else { before + 1 };
        if r.time[row] == 0 {
            walk.set(row, &vec![0.0; width]);
        }
        r.memory[row * width..(row + 1) * width]
            .copy_from_slice(&walk.memory[row % N * width..(row % N + 1) * width]);
        let (y, _) = walk.row(&r, row);
        let mut stream = Stream::new(3, Purpose::Action, 0, row as u64);
        model.dist.sample(&y, &mut stream, r.action_mut(row));
        r.log_prob[row] = model.dist.log_prob(&y, r.action(row));
    }
    r
}

/// A rollout and what an estimator might have made of it.
struct Data<'a> {
    rollout: &'a Rollout<f64>,
    advantage: Vec<f64>,
    target: Vec<f64>,
    rows: Vec<u32>,
}

impl<'a> Data<'a> {
    fn of(rollout: &'a Rollout<f64>) -> Self {
        let mut rows = Vec::new();
        rollout.list_valid(&mut rows);
        Self { rollout, advantage: normals(2, T * N), target: normals(3, T * N), rows }
    }

    fn batch(&self) -> Batch<'_, f64> {
        Batch {
            rollout: self.rollout,
            advantage: &self.advantage,
            target: &self.target,
            rows: &self.rows,
            episodes: 0,
            normalize_advantage: false,
            per_parameter: None,
        }
    }
}

const VALUE_COEF: f64 = 0.7;

fn objective() -> Objective<f64> {
    Objective {
        surrogate: Surrogate::LogProb,
        entropy_coef: 0.0,
        value_coef: VALUE_COEF,
        value_clip: None,
        divisor: None,
    }
}

/// The loss by definition: every sequence of at most `segment` rows starts from what the rollout
/// remembers, and goes on by itself.
fn loss(learner: &Learner<f64>, theta: &[f64], batch: &Batch<'_, f64>, segment: usize) -> f64 {
    let mut weights = learner.weights.clone();
    weights.theta.copy_from_slice(theta);
    weights.pack(&learner.model, Kernel::Portable);
    let mut walk = Walk::new(&learner.model, &weights);
    let (mut sum, mut length) = (0.0, 0);
    for (k, &row) in batch.rows.iter().enumerate() {
        let goes_on = k > 0 && row == batch.rows[k - 1] + N as u32 && length < segment;
        length = if goes_on { length + 1 } else { 1 };
        let row = row as usize;
        if !goes_on {
            walk.set(row, batch.rollout.memory_of(row));
        }
        let (y, v) = walk.row(batch.rollout, row);
        let log_prob = learner.model.dist.log_prob(&y, batch.rollout.action(row));
        sum -= log_prob * batch.advantage[row];
        let error = v - batch.target[row];
        sum += VALUE_COEF * 0.5 * error * error;
    }
    sum / batch.rows.len() as f64
}

fn check_gradient(config: &Config, segment: usize, name: &str) {
    let mut learner = learner(config);
    let rollout = rollout(&learner);
    let data = Data::of(&rollout);
    let (batch, rows) = (data.batch(), &data.rows);
    learner.gradient(&Pool::new(1), &batch, rows, &objective()).unwrap();
    let gradient = learner.last_gradient().to_vec();
    let theta = learner.weights.theta.to_vec();
    for (p, &found) in gradient.iter().enumerate() {
        let at = |step: f64| {
            let mut moved = theta.clone();
            moved[p] += step;
            loss(&learner, &moved, &batch, segment)
        };
        let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
        let error = (found - expected).abs();
        assert!(error < 1e-8, "{name}, segment {segment}, parameter {p}: {found} {expected}");
    }
    // Sequences in another order, cut into other minibatches, sum up to the same.
    let mut order = Shuffled::default();
    learner.begin_passes(N, rows, &mut order);
    order.draw(rows, &mut Stream::new(1, Purpose::Shuffle, 0, 0));
    let shuffled: Vec<u32> = order.minibatches(rows.len()).flatten().copied().collect();
    assert_ne!(shuffled, *rows);
    learner.gradient(&Pool::new(1), &batch, &shuffled, &objective()).unwrap();
    for (a, b) in learner.last_gradient().iter().zip(&gradient) {
        assert!((a - b).abs() < 1e-12, "{name}, segment {segment}: {a} {b}");
    }
}

#[test]
fn gradients_go_through_a_segment_and_no_further() {
    for name in named() {
        for segment in [1, 2, 4, T] {
            for shared in [false, true] {
                check_gradient(&config(name, segment, shared), segment, name);
            }
        }
    }
}

/// With other parameters the memories are those that acting with them would have left; the
/// gradient begins from them until the passes end.
#[test]
fn memories_are_rebuilt_when_asked() {
    for (name, rebuild) in named().flat_map(|name| [(name, true), (name, false)]) {
        let mut config = config(name, 2, true);
        if let MemoryConfig::Gru(layers) | MemoryConfig::Lstm(layers) = &mut config.memory {
            layers.rebuild = rebuild;
        }
        let mut learner = learner(&config);
        let acted = rollout(&learner);
        learner.weights.theta.iter_mut().for_each(|x| *x *= 1.1);
        learner.weights.pack(&learner.model, Kernel::Portable);
        let mut present = acted.clone();
        live_through(&learner, &mut present);
        assert_ne!(present.memory, acted.memory);
        let of_acted = gradient(&mut learner, &acted);
        learner.rebuild(&acted);
        let rebuilt = gradient(&mut learner, &acted);
        learner.end_passes();
        assert_eq!(gradient(&mut learner, &acted), of_acted, "{name}");
        let expected = if rebuild { gradient(&mut learner, &present) } else { of_acted };
        assert_eq!(rebuilt, expected, "{name}, rebuild {rebuild}");
    }
}

/// Set the memories of a rollout by stepping through it.
fn live_through(learner: &Learner<f64>, rollout: &mut Rollout<f64>) {
    let width = rollout.memory_width;
    let mut walk = Walk::new(&learner.model, &learner.weights);
    walk.memory.copy_from_slice(&rollout.memory[..N * width]);
    for row in 0..T * N {
        if rollout.time[row] == 0 {
            walk.set(row, &vec![0.0; width]);
        }
        let before = walk.memory[row % N * width..(row % N + 1) * width].to_vec();
        rollout.memory[row * width..(row + 1) * width].copy_from_slice(&before);
        walk.row(rollout, row);
    }
}

fn gradient(learner: &mut Learner<f64>, rollout: &Rollout<f64>) -> Vec<f64> {
    let data = Data::of(rollout);
    learner.gradient(&Pool::new(1), &data.batch(), &data.rows, &objective()).unwrap();
    learner.last_gradient().to_vec()
}

#[test]
fn log_probabilities_come_in_the_order_of_the_rows() {
    for name in named() {
        let mut learner = learner(&config(name, 4, true));
        let rollout = rollout(&learner);
        let mut rows = Vec::new();
        rollout.list_valid(&mut rows);
        let mut found = vec![0.0; rows.len()];
        learner.log_probs(&rollout, &rows, &mut found);
        for (&row, found) in rows.iter().zip(found) {
            let expected = rollout.log_prob[row as usize];
            assert!((found - expected).abs() < 1e-12, "{name}, row {row}: {found} {expected}");
        }
    }
}

/// A small run on an environment that hides velocities.
fn small(name: &str) -> Config {
    let mut config = Config { steps: 4_000, ..config(name, 8, true) };
    config.env.id = "CartPoleNoVel-v1".into();
    config.env.num_envs = 6;
    config.rollout.steps = 40;
    config.algo = AlgoConfig::by_name("ppo").unwrap();
    if let AlgoConfig::Ppo(ppo) = &mut config.algo {
        ppo.minibatch = 64;
    }
    config
}

#[test]
fn a_saved_policy_remembers_as_the_trained_one_does() {
    for name in named() {
        let mut trainer = Trainer::new(&small(name), Runtime::default()).unwrap();
        trainer.update().unwrap();
        let mut policy = trainer.policy();
        let file = tempfile::NamedTempFile::new().unwrap();
        policy.save(file.path()).unwrap();
        let mut loaded = Policy::load(file.path()).unwrap();
        let obs: Vec<f32> = normals(4, 2 * 2 * 5).iter().map(|&x| x as f32).collect();
        let batches: Vec<&[f32]> = obs.chunks(4).collect();
        for batch in &batches {
            let value = loaded.values(batch);
            assert_eq!(policy.predict(batch), loaded.predict(batch), "{name}");
            assert_ne!(value, loaded.values(batch), "{name}: the memory goes on");
            assert_eq!(policy.memory(), loaded.memory());
        }
        // From a memory that was put away, and from none.
        let (end, kept) = (batches[0], policy.memory().to_vec());
        let after = policy.values(end);
        policy.forget();
        assert_ne!(policy.values(end), after, "{name}");
        policy.set_memory(&kept).unwrap();
        assert_eq!(policy.values(end), after, "{name}");
        policy.forget_row(1);
        let half = policy.values(end).unwrap();
        assert_eq!(half[0], after.as_ref().unwrap()[0]);
        assert_ne!(half[1], after.unwrap()[1]);
        let error = policy.set_memory(&kept[1..]).unwrap_err().to_string();
        assert!(error.contains("numbers, rows of"), "{error}");
    }
}

#[test]
fn evaluation_does_not_depend_on_what_the_policy_saw_before() {
    let mut trainer = Trainer::new(&small("gru"), Runtime::default()).unwrap();
    trainer.update().unwrap();
    let (mut policy, options) = (trainer.policy(), EvalOptions::default());
    let cart_pole = env::find("CartPoleNoVel-v1").unwrap();
    let result = |policy: &Policy, threads| {
        evaluate(policy, cart_pole, options, &Pool::new(threads)).unwrap().returns
    };
    let before = result(&policy, 1);
    policy.predict(&[0.1, 0.2]);
    assert_eq!(result(&policy, 2), before);
}

#[test]
fn wrong_settings_name_value_and_rule() {
    let message = |change: fn(&mut Config)| {
        let mut config = small("gru");
        change(&mut config);
        Trainer::new(&config, Runtime::default()).err().expect("refused").to_string()
    };
    let long = message(|c| c.memory = memory("gru", 41));
    assert_eq!(
        long,
        "memory.segment = 41: must be at most the 40 steps of a rollout (rollout.steps)"
    );
    let table = message(|c| {
        c.env.id = "FrozenLake-v1".into();
        c.network = NetworkConfig::named("tabular").unwrap();
    });
    assert!(table.contains("memory") && table.contains("tabular"), "{table}");
    assert!(table.starts_with("memory.kind = gru: "), "{table}");
}
