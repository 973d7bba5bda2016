//! Natural gradients in double precision against the exact Fisher matrix, and the bound of TRPO.

use gradwerk::algo::npg::{Npg, NpgSettings};
use gradwerk::algo::trpo::{Trpo, TrpoSettings};
use gradwerk::algo::{AlgoConfig, Algorithm, Tick, UpdateStats};
use gradwerk::config::Config;
use gradwerk::dist::{ActionRow, DistConfig, Distribution, GaussianConfig, Widths};
use gradwerk::estimate::{Baseline, Kind};
use gradwerk::learner::{Batch, Learner, Objective, Terms};
use gradwerk::loss::Surrogate;
use gradwerk::model::{Inference, Model};
use gradwerk::natural::{NaturalDirection, NaturalGradient, Stop};
use gradwerk::rollout::Rollout;
use gradwerk::schedule::Schedule;
use gradwerk::{Error, Runtime, Trainer};
use gradwerk_env::Space;
use gradwerk_math::{Kernel, Pool, Purpose, Stream};
use gradwerk_nn::{Memory, MlpConfig, NetworkConfig};

/// Agreement asked for, relative to the largest number involved.
const TOLERANCE: f64 = 1e-10;
const OBS: usize = 3;
/// More than two tiles of valid rows, so that there are several chunks.
const ROWS: usize = 190;

/// A learner with a random batch collected by its own policy.
struct Problem {
    name: &'static str,
    learner: Learner<f64>,
    rollout: Rollout<f64>,
    advantage: Vec<f64>,
    target: Vec<f64>,
    rows: Vec<u32>,
    pool: Pool,
}

/// Categorical and both Gaussian heads; with and without a trunk in common with the value.
fn problems() -> Vec<Problem> {
    let gaussian = |state_dependent_std| {
        DistConfig::Gaussian(GaussianConfig { log_std_init: -0.3, state_dependent_std })
    };
    let (discrete, continuous) = (Space::Discrete { n: 3 }, Space::uniform_box(2, -1.0, 1.0));
    vec![
        Problem::new("categorical", &discrete, DistConfig::Auto {}, false),
        Problem::new("gaussian", &continuous, gaussian(false), false),
        Problem::new("gaussian of the state", &continuous, gaussian(true), false),
        Problem::new("categorical on a trunk", &discrete, DistConfig::Auto {}, true),
    ]
}

impl Problem {
    fn new(name: &'static str, action: &Space, policy: DistConfig, shared: bool) -> Self {
        let mlp = MlpConfig { hidden: vec![4], shared, policy_gain: 1.0, ..MlpConfig::default() };
        let network = NetworkConfig::Mlp(mlp);
        let config = Config { network, policy, ..Config::default() };
        let model = Model::build(&config, &Space::uniform_box(OBS, -9.0, 9.0), action).unwrap();
        let learner = Learner::new(model, &config.optimizer, 5, Kernel::Portable).unwrap();
        let mut problem = Self {
            name,
            rollout: Rollout::new(
                ROWS,
                1,
                OBS,
                learner.model.dist.discrete(),
                action_width(action),
            ),
            learner,
            advantage: vec![0.0; ROWS],
            target: vec![0.0; ROWS],
            // Every 19th row is not a transition.
            rows: (0..ROWS as u32).filter(|row| row % 19 != 7).collect(),
            pool: Pool::new(2),
        };
        problem.collect(0);
        problem
    }

    /// Other observations, actions of the present policy, advantages and targets.
    fn collect(&mut self, batch: u64) {
        let mut rng = Stream::new(23, Purpose::Test, batch, 0);
        let mut normal = || rng.normal_pair::<f64>()[0];
        self.rollout.obs.iter_mut().for_each(|x| *x = normal());
        self.advantage.iter_mut().for_each(|x| *x = normal());
        self.target.iter_mut().for_each(|x| *x = normal());
        let y = self.heads();
        let (dist, width) = (self.learner.model.dist.clone(), self.learner.model.head_width());
        for row in 0..ROWS {
            let y = &y[row * width..(row + 1) * width];
            dist.sample(y, &mut rng, self.rollout.action_mut(row));
            self.rollout.log_prob[row] = dist.log_prob(y, self.rollout.action(row));
        }
    }

    fn heads(&self) -> Vec<f64> {
        let model = &self.learner.model;
        let mut y = vec![f64::NAN; ROWS * model.head_width()];
        let mut inference = Inference::new(model, Kernel::Portable);
        inference.policy(model, &self.learner.weights, &self.rollout.obs, &mut [], &mut y);
        y
    }

    /// The learner apart from a batch over the rest.
    fn split(&mut self) -> (&mut Learner<f64>, &Pool, Batch<'_, f64>) {
        let batch = Batch {
            rollout: &self.rollout,
            advantage: &self.advantage,
            target: &self.target,
            rows: &self.rows,
            episodes: 0,
            normalize_advantage: true,
            per_parameter: None,
        };
        (&mut self.learner, &self.pool, batch)
    }

    fn product(&mut self, damping: f64, u: &[f64]) -> Vec<f64> {
        let mut out = vec![f64::NAN; u.len()];
        let (learner, pool, batch) = self.split();
        learner.fisher_product(pool, &batch, damping, u, &mut out);
        out
    }

    fn random_vector(&self, index: u64) -> Vec<f64> {
        let mut rng = Stream::new(29, Purpose::Test, index, 0);
        (0..self.learner.policy_len()).map(|_| rng.normal_pair::<f64>()[0]).collect()
    }

    fn update(&mut self, algorithm: &mut impl Algorithm<f64>) -> UpdateStats {
        let (learner, pool, batch) = self.split();
        algorithm.update(learner, pool, &batch, &TICK).unwrap()
    }

    /// Mean over the rows of the exact `KL(old || present)`.
    fn kl_from(&self, old: &[f64]) -> f64 {
        let (new, width) = (self.heads(), self.learner.model.head_width());
        let at = |y: &[f64], row: u32| y[row as usize * width..][..width].to_vec();
        let kl = |&row: &u32| self.learner.model.dist.kl(&at(old, row), &at(&new, row));
        self.rows.iter().map(kl).sum::<f64>() / self.rows.len() as f64
    }

    /// The exact Fisher matrix `[P, P]` of the batch: the mean of `J^T F_y J`, with the Jacobian
    /// `J` of each row by one vjp per head output, and `F_y` from its definition.
    fn fisher(&self) -> Vec<f64> {
        let (len, width) = (self.learner.policy_len(), self.learner.model.head_width());
        let heads = self.heads();
        let mut fisher = vec![0.0; len * len];
        for &row in &self.rows {
            let y = &heads[row as usize * width..][..width];
            let (jacobian, head) = (self.jacobian(row as usize), self.head_fisher(y));
            for (k, l) in (0..width * width).map(|k| (k / width, k % width)) {
                let weight = head[k * width + l] / self.rows.len() as f64;
                for i in (0..len).filter(|_| weight != 0.0) {
                    let left = weight * jacobian[k][i];
                    (0..len).for_each(|j| fisher[i * len + j] += left * jacobian[l][j]);
                }
            }
        }
        fisher
    }

    /// `dy_k / dtheta` of one row for every head output k.
    fn jacobian(&self, row: usize) -> Vec<Vec<f64>> {
        let Learner { model, weights, .. } = &self.learner;
        let (net, width, kernel) = (&model.net, model.head_width(), Kernel::Portable);
        let mut cache = vec![0.0; net.cache_len(1)];
        let mut scratch = vec![0.0; net.scratch_len(1)];
        let (x, params) = (&self.rollout.obs[row * OBS..(row + 1) * OBS], weights.params());
        let mut y = vec![0.0; width];
        net.forward_policy(kernel, params, x, 1.into(), Memory::none(), &mut cache, &mut y);
        let unit = |k| (0..width).map(move |l| f64::from(u8::from(k == l))).collect::<Vec<_>>();
        (0..width)
            .map(|k| {
                let mut grad = vec![0.0; model.layout().len()];
                net.vjp(
                    kernel,
                    params,
                    x,
                    1.into(),
                    &cache,
                    &unit(k),
                    &[],
                    &mut grad,
                    &mut scratch,
                );
                grad.truncate(self.learner.policy_len());
                grad
            })
            .collect()
    }

    /// `E_a[grad log pi grad log pi^T]` of the head outputs: the sum over the actions, or for
    /// means and log-deviations of a diagonal Gaussian `diag(1/sigma^2, 2)`.
    fn head_fisher(&self, y: &[f64]) -> Vec<f64> {
        let (dist, n) = (&self.learner.model.dist, y.len());
        let mut fisher = vec![0.0; n * n];
        if dist.discrete() == 0 {
            for k in 0..n / 2 {
                fisher[k * n + k] = libm::exp(-2.0 * y[n / 2 + k]);
                fisher[(n / 2 + k) * (n + 1)] = 2.0;
            }
            return fisher;
        }
        for action in 0..n as u32 {
            let a = ActionRow { discrete: &[action], continuous: &[] };
            let mut score = vec![0.0; n];
            dist.add_log_prob_grad(y, a, 1.0, &mut score);
            let probability = libm::exp(dist.log_prob(y, a));
            for k in 0..n * n {
                fisher[k] += probability * score[k / n] * score[k % n];
            }
        }
        fisher
    }
}

fn action_width(space: &Space) -> usize {
    if matches!(space, Space::Discrete { .. }) { 0 } else { space.width() }
}

const TICK: Tick = Tick { seed: 3, update: 0, progress: 0.0, lr: 1e-3, max_grad_norm: 0.5 };
/// As many iterations as it takes.
const EXACT: Stop = Stop { iterations: 500, tolerance: 1e-13 };

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// `A x` for a row-major square matrix.
fn multiply(a: &[f64], x: &[f64]) -> Vec<f64> {
    a.chunks(x.len()).map(|row| dot(row, x)).collect()
}

#[track_caller]
fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (got - want).abs() / scale;
        assert!(error < tolerance, "{what}, entry {i}: {got} instead of {want}");
    }
}

/// Solve `A x = b` for a positive definite A by Gauss elimination.
fn direct_solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        for i in k + 1..n {
            let factor = a[i * n + k] / a[k * n + k];
            (k..n).for_each(|j| a[i * n + j] -= factor * a[k * n + j]);
            b[i] -= factor * b[k];
        }
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| a[i * n + j] * b[j]).sum();
        b[i] = (b[i] - known) / a[i * n + i];
    }
    b
}

#[test]
fn products_are_those_of_the_exact_fisher_matrix() {
    for mut problem in problems() {
        let fisher = problem.fisher();
        for (index, damping) in [(1, 0.0), (2, 0.3)] {
            let u = problem.random_vector(index);
            let mut want = multiply(&fisher, &u);
            want.iter_mut().zip(&u).for_each(|(w, u)| *w += damping * u);
            let got = problem.product(damping, &u);
            assert_close(&format!("{}, damping {damping}", problem.name), &got, &want, TOLERANCE);
        }
    }
}

#[test]
fn the_operator_is_symmetric_and_positive() {
    for mut problem in problems() {
        let (u, v) = (problem.random_vector(3), problem.random_vector(4));
        let (fu, fv) = (problem.product(0.0, &u), problem.product(0.0, &v));
        let (left, right) = (dot(&v, &fu), dot(&u, &fv));
        assert!((left - right).abs() < TOLERANCE * dot(&u, &fu), "{}", problem.name);
        assert!(dot(&u, &fu) > 0.0 && dot(&v, &fv) > 0.0, "{}", problem.name);
        let damped = problem.product(0.5, &u);
        let want = dot(&u, &fu) + 0.5 * dot(&u, &u);
        assert!((dot(&u, &damped) - want).abs() < TOLERANCE * want, "{}", problem.name);
    }
}

/// `x = (F + damping I)^-1 g`, with g from the learner and the inverse by elimination.
#[test]
fn the_direction_is_that_of_a_direct_solve() {
    for mut problem in problems().into_iter().filter(|p| !p.learner.shares_trunk()) {
        let (len, damping) = (problem.learner.policy_len(), 0.05);
        let mut matrix = problem.fisher();
        (0..len).for_each(|i| matrix[i * (len + 1)] += damping);
        let gradient = policy_gradient(&mut problem);
        let want = direct_solve(matrix, gradient.clone());
        let start = problem.learner.weights.theta.to_vec();
        let (learner, pool, batch) = problem.split();
        let mut direction = NaturalDirection::new(len);
        direction.solve(learner, pool, &batch, NaturalGradient { damping, stop: EXACT }).unwrap();
        direction.step(learner, pool, &batch, 1.0);
        let theta = &learner.weights.theta;
        let got: Vec<f64> = (0..len).map(|i| theta[i] - start[i]).collect();
        assert_eq!(theta[len..], start[len..], "the value function stays");
        assert_close(problem.name, &got, &want, 1e-9);
        let square = dot(&gradient, &want);
        assert!((direction.square - square).abs() < 1e-9 * square, "{}", problem.name);
        let norm = dot(&gradient, &gradient).sqrt();
        assert!((direction.grad_norm - norm).abs() < TOLERANCE * norm, "{}", problem.name);
    }
}

/// Gradient of the surrogate, to be ascended.
fn policy_gradient(problem: &mut Problem) -> Vec<f64> {
    let (learner, pool, batch) = problem.split();
    let objective = Objective { entropy_coef: 0.0, ..OBJECTIVE };
    learner.gradient_of(Terms::Policy, pool, &batch, batch.rows, &objective).unwrap();
    learner.last_gradient()[..learner.policy_len()].iter().map(|g| -g).collect()
}

const OBJECTIVE: Objective<f64> = Objective {
    surrogate: Surrogate::Ratio,
    entropy_coef: 0.2,
    value_coef: 0.7,
    value_clip: None,
    divisor: None,
};

#[test]
fn the_terms_of_a_gradient_add_up() {
    for mut problem in problems() {
        let (learner, pool, batch) = problem.split();
        let mut gradient = |terms| {
            let sums = learner.gradient_of(terms, pool, &batch, batch.rows, &OBJECTIVE).unwrap();
            (sums, learner.last_gradient().to_vec())
        };
        let (all, policy, value) =
            (gradient(Terms::All), gradient(Terms::Policy), gradient(Terms::Value));
        let sum: Vec<f64> = policy.1.iter().zip(&value.1).map(|(p, v)| p + v).collect();
        assert_close(problem.name, &sum, &all.1, 1e-12);
        assert_eq!((policy.0.policy, value.0.value), (all.0.policy, all.0.value));
        assert_eq!((policy.0.value.rows, value.0.policy.rows), (0, 0));
    }
}

/// `KL = h^2/2 x^T F x + O(h^3)` along the direction, and `g^T F^-1 g = x^T F x` without damping.
/// The surrogate grows by `h g^T x`, to first order.
#[test]
fn a_small_step_has_the_predicted_divergence_and_improvement() {
    for mut problem in problems().into_iter().filter(|p| !p.learner.shares_trunk()) {
        let old = problem.heads();
        let (learner, pool, batch) = problem.split();
        // Enough damping to stay clear of the null space, little enough not to be seen.
        let settings = NaturalGradient { damping: 1e-7, stop: EXACT };
        let mut direction = NaturalDirection::new(learner.policy_len());
        direction.solve(learner, pool, &batch, settings).unwrap();
        let kl = 1e-8;
        let size = direction.size_for(kl);
        let after = direction.step(learner, pool, &batch, size);
        let gain = (after.surrogate() - direction.surrogate) / (size * direction.square);
        let name = problem.name;
        assert!((after.kl / kl - 1.0).abs() < 1e-2, "{name}: {} for {kl}", after.kl);
        assert!((gain - 1.0).abs() < 1e-2, "{name}: {gain}");
        assert!((problem.kl_from(&old) - after.kl).abs() < 1e-6 * kl, "{name}");
    }
}

/// Large bounds too, where the quadratic model is far off and the line search has to work. The
/// divergence is measured from the networks' outputs before and after the whole update, the fit
/// of the value function included.
#[test]
fn trpo_never_exceeds_its_bound() {
    let mut backtracks = 0;
    for mut problem in problems().into_iter().filter(|p| !p.learner.shares_trunk()) {
        for (batch, bound) in (1..).zip([1e-4, 0.01, 0.3, 3.0, 0.01, 30.0, 0.05, 300.0]) {
            problem.collect(batch);
            let (old, before) = (problem.heads(), surrogate(&problem));
            let max_kl = Schedule::constant(bound);
            let mut trpo = Trpo::new(TrpoSettings { max_kl, ..TrpoSettings::default() });
            let natural = problem.update(&mut trpo).natural.unwrap();
            let (kl, name) = (problem.kl_from(&old), problem.name);
            assert!(kl <= bound, "{name}: {kl} exceeds {bound}");
            assert!((kl - natural.kl).abs() <= 1e-12 * bound, "{name}: {kl}, {natural:?}");
            let improved = surrogate(&problem) > before;
            assert_eq!(improved, natural.step_size > 0.0, "{name}: {natural:?}");
            backtracks += natural.backtracks;
        }
    }
    assert!(backtracks > 0, "no bound was ever close to being exceeded");
}

/// `mean(ratio A)` with normalised advantages, from the definition.
fn surrogate(problem: &Problem) -> f64 {
    let (y, width) = (problem.heads(), problem.learner.model.head_width());
    let count = problem.rows.len() as f64;
    let advantage = |&row: &u32| problem.advantage[row as usize];
    let mean = problem.rows.iter().map(advantage).sum::<f64>() / count;
    let term = |row: &u32| {
        let at = *row as usize;
        let a = problem.rollout.action(at);
        let log_prob = problem.learner.model.dist.log_prob(&y[at * width..][..width], a);
        libm::exp(log_prob - problem.rollout.log_prob[at]) * (advantage(row) - mean)
    };
    problem.rows.iter().map(term).sum::<f64>() / count
}

#[test]
fn a_policy_without_an_acceptable_step_stays() {
    let [_, mut problem, ..] = <[Problem; 4]>::try_from(problems()).ok().unwrap();
    let (len, before) = (problem.learner.policy_len(), problem.learner.weights.theta.to_vec());
    // So large a step moves the log-deviations by hundreds, the divergence grows exponentially
    // with them, and there is no second try.
    let max_kl = Schedule::constant(1e6);
    let settings = TrpoSettings { max_kl, backtracks: 0, ..TrpoSettings::default() };
    let refused = problem.update(&mut Trpo::new(settings));
    let natural = refused.natural.unwrap();
    assert_eq!((natural.step_size, natural.kl), (0.0, 0.0));
    assert_eq!(problem.learner.weights.theta[..len], before[..len], "the policy stays");
    assert_ne!(problem.learner.weights.theta[len..], before[len..], "the value function is fitted");
    // Without an advantage there is no direction at all.
    problem.advantage.fill(0.0);
    let natural = problem.update(&mut Trpo::new(TrpoSettings::default())).natural.unwrap();
    assert_eq!((natural.step_size, natural.cg_iterations), (0.0, 0));
    assert_eq!(problem.learner.weights.theta[..len], before[..len], "the policy stays");
}

#[test]
fn npg_makes_the_step_it_is_told() {
    let sizes = |step_size, target_kl| {
        let [mut problem, ..] = <[Problem; 4]>::try_from(problems()).ok().unwrap();
        let step_size = Schedule::constant(step_size);
        let settings = NpgSettings { step_size, target_kl, ..NpgSettings::default() };
        problem.update(&mut Npg::new(settings)).natural.unwrap()
    };
    let (one, half) = (sizes(0.02, 0.0), sizes(0.01, 0.0));
    assert_eq!((one.step_size, half.step_size), (0.02, 0.01));
    // Half the step has a quarter of the divergence, to leading order.
    assert!((one.kl / half.kl - 4.0).abs() < 0.1, "{one:?} {half:?}");
    let normalised = sizes(0.02, 1e-5);
    // The damping makes the step a little shorter than the bound allows.
    assert!(normalised.kl < 1.01e-5 && normalised.kl > 0.5e-5, "{normalised:?}");
}

/// The bound holds in every update of real runs in single precision, and most steps are taken.
#[test]
fn trpo_keeps_the_bound_over_real_runs() {
    for env in ["CartPole-v1", "Pendulum-v1"] {
        let mut config = Config::preset(env, "trpo").unwrap();
        config.steps = 60_000;
        let max_kl = Schedule::linear(0.02, 0.001);
        let settings = TrpoSettings { max_kl, ..TrpoSettings::default() };
        config.algo = AlgoConfig::Trpo(settings);
        (config.env.num_envs, config.rollout.steps) = (8, 64);
        let mut trainer = Trainer::new(&config, Runtime::default()).unwrap();
        let (mut updates, mut taken) = (0, 0);
        while !trainer.finished() {
            let progress = trainer.counters().steps as f64 / config.steps as f64;
            let natural = trainer.update().unwrap().stats.natural.unwrap();
            assert!(natural.kl <= max_kl.at(progress), "{env}, update {updates}: {natural:?}");
            updates += 1;
            taken += u32::from(natural.step_size > 0.0);
        }
        assert!(updates > 100 && taken * 10 > updates * 9, "{env}: {taken} of {updates}");
    }
}

#[test]
fn impossible_settings_are_refused_by_name_and_value() {
    let shared = NetworkConfig::Mlp(MlpConfig { shared: true, ..MlpConfig::default() });
    for (named, json) in [
        ("algo.step_size = -1", r#"{"kind": "npg", "step_size": -1.0}"#),
        ("algo.target_kl = -1", r#"{"kind": "npg", "target_kl": -1.0}"#),
        ("algo.damping = -0.1", r#"{"kind": "npg", "damping": -0.1}"#),
        ("algo.max_kl = 0", r#"{"kind": "trpo", "max_kl": 0.0}"#),
        ("algo.backtrack_factor = 1", r#"{"kind": "trpo", "backtrack_factor": 1.0}"#),
        ("algo.cg_iterations = 0", r#"{"kind": "trpo", "cg_iterations": 0}"#),
        ("algo.cg_tolerance = 1", r#"{"kind": "trpo", "cg_tolerance": 1.0}"#),
        ("algo.value_epochs = 0", r#"{"kind": "trpo", "value_epochs": 0}"#),
        ("algo.value_minibatch = 0", r#"{"kind": "npg", "value_minibatch": 0}"#),
    ] {
        let config = Config { algo: serde_json::from_str(json).unwrap(), ..Config::default() };
        let error = config.validate().unwrap_err();
        assert!(error.to_string().starts_with(named), "{named}: {error}");
    }
    let mut config = Config { network: shared, ..Config::default() };
    for algo in ["npg", "trpo"] {
        config.algo = AlgoConfig::by_name(algo).unwrap();
        let error = config.validate().unwrap_err();
        assert!(error.to_string().starts_with("network.shared = true"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
    // Nothing is shared where there is no value function.
    (config.estimator.kind, config.estimator.baseline) = (Kind::RewardToGo, Baseline::BatchMean);
    config.rollout.episodes = config.env.num_envs;
    config.validate().unwrap();
}

/// Whatever built the network: a direction for shared parameters is refused where it is made.
#[test]
fn a_shared_trunk_is_refused_by_the_direction_too() {
    let mut problem = problems().pop().unwrap();
    let (learner, pool, batch) = problem.split();
    assert!(learner.shares_trunk());
    let mut direction = NaturalDirection::new(learner.policy_len());
    let settings = NaturalGradient { damping: 0.1, stop: EXACT };
    let error = direction.solve(learner, pool, &batch, settings).unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error}");
}
