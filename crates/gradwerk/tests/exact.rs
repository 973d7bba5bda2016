//! Exact quantities against closed forms, finite differences and enumeration.

use gradwerk::columns::Columns;
use gradwerk::dist::DistConfig;
use gradwerk::encode::Encoder;
use gradwerk::estimate::{
    Baseline, EstimatorConfig, Form, ImportanceConfig, ImportanceScratch, Kind, Weighting,
    estimate_off_policy,
};
use gradwerk::exact::{
    Agent, Choices, Encoding, MAX_TRAJECTORIES, Objective, PolicyTable, Trajectory, World,
    enumerate, fisher, moments, solve, visits,
};
use gradwerk::normalize::ObsMap;
use gradwerk::{Config, Kernel};
use gradwerk_env::finite::{Mdp, problems};
use gradwerk_nn::{LinearConfig, MlpConfig, NetworkConfig};

const THETAS: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

fn assert_relative(what: &str, got: f64, want: f64, tolerance: f64) {
    let error = (got - want).abs() / want.abs();
    assert!(error < tolerance, "{what}: {got} instead of {want}, relative error {error:e}");
}

fn linear() -> NetworkConfig {
    NetworkConfig::Linear(LinearConfig { policy_gain: 1.0, ..LinearConfig::default() })
}

fn agent(world: &World, network: NetworkConfig, encoding: Encoding, dist: &str) -> Agent<f64> {
    let estimator = EstimatorConfig {
        kind: Kind::RewardToGo,
        baseline: Baseline::None,
        ..EstimatorConfig::default()
    };
    let policy = DistConfig::from_name(dist).unwrap();
    let config = Config { seed: 5, network, policy, estimator, ..Config::default() };
    let (observations, choices) = (world.observations, Choices::single(world.actions));
    Agent::new(&config, encoding, observations, choices, Kernel::detect()).unwrap()
}

/// The one-state problem with `pi(0) = theta`, the probability itself as the parameter: observed
/// as the number 0, the state leaves the bias (the second parameter) alone to decide.
fn one_state(theta: f64) -> (World, Agent<f64>) {
    let world = World::of(problems::ONE_STATE.table());
    let mut agent = agent(&world, linear(), Encoding::Index, "bernoulli");
    agent.set_theta(&[0.0, theta]);
    (world, agent)
}

fn gradient(
    agent: &mut Agent<f64>,
    config: &EstimatorConfig,
    gamma: f64,
    batch: &[&Trajectory],
) -> Vec<f64> {
    let rollout = agent.rollout(batch);
    let mut columns = Columns::default();
    columns.select(&rollout);
    columns.estimate(config, gamma, &rollout);
    agent.gradient(&rollout, &columns, false, batch.len()).unwrap()
}

/// Mean and variance of the bias's entry over single trajectories.
fn mean_and_variance(world: &World, agent: &mut Agent<f64>, config: &EstimatorConfig) -> [f64; 2] {
    let policy = PolicyTable::of(agent);
    let all = enumerate(world, &policy, MAX_TRAJECTORIES).unwrap();
    let grad = solve(world, &policy, Objective { gamma: 1.0, tail: None }).unwrap().grad;
    let m = moments(&all, 1, &grad, |batch| Ok::<_, ()>(gradient(agent, config, 1.0, batch)));
    let m = m.unwrap();
    assert!((m.mass - 1.0).abs() < 1e-13, "mass {}", m.mass);
    [m.mean[1], m.variance[1]]
}

fn constant(b: f64) -> EstimatorConfig {
    EstimatorConfig {
        kind: Kind::TotalReturn,
        baseline: Baseline::Constant,
        baseline_constant: b,
        ..EstimatorConfig::default()
    }
}

/// Every row of the table of closed forms, at five policies, to a relative 1e-10.
#[test]
fn one_state_problem_in_closed_form() {
    for theta in THETAS {
        let (world, mut agent) = one_state(theta);
        let stop = 1.0 - theta;
        let power4 = stop * stop * stop * stop;
        let policy = PolicyTable::of(&agent);
        let solution = solve(&world, &policy, Objective { gamma: 1.0, tail: None }).unwrap();
        let (j, slope) = (theta / stop, 1.0 / (stop * stop));
        assert_relative("J", solution.j, j, 1e-10);
        assert_relative("grad J", solution.grad[1], slope, 1e-10);
        let information = fisher(&world, &policy).unwrap();
        let want = 1.0 / (theta * stop * stop);
        assert_relative("Fisher", information.per_trajectory.at(1, 1), want, 1e-10);
        assert_relative("length", information.length, 1.0 / stop, 1e-10);
        assert_relative("per state", information.per_state().at(1, 1), want * stop, 1e-10);
        let natural = information.natural_gradient(&solution.grad);
        assert_relative("natural gradient", natural[1], theta, 1e-10);
        let best = (1.0 + 2.0 * theta) / stop;
        assert_relative("b*", optimal_baseline(&world, &mut agent), best, 1e-10);
        let to_go = EstimatorConfig {
            kind: Kind::RewardToGo,
            baseline: Baseline::None,
            ..EstimatorConfig::default()
        };
        let scale = 1.0 / (theta * power4);
        let square = theta * theta;
        let table = [
            ("full return", constant(0.0), scale * (1.0 + 8.0 * theta + 4.0 * square)),
            ("reward-to-go", to_go, scale * (1.0 + 3.0 * theta + square)),
            ("b = J", constant(j), scale * (1.0 + 6.0 * theta + square)),
            ("b = b*", constant(best), 4.0 / power4),
        ];
        for (what, config, variance) in table {
            let [mean, got] = mean_and_variance(&world, &mut agent, &config);
            assert_relative(&format!("mean, {what}"), mean, slope, 1e-10);
            assert_relative(&format!("variance, {what}, {theta}"), got, variance, 1e-10);
        }
    }
}

/// `E[g^2 r] / E[g^2]` with `g = grad log p(tau)`, which is the estimate of a return that is 1
/// everywhere: maximum likelihood.
fn optimal_baseline(world: &World, agent: &mut Agent<f64>) -> f64 {
    let policy = PolicyTable::of(agent);
    let all = enumerate(world, &policy, MAX_TRAJECTORIES).unwrap();
    let (mut above, mut below) = (0.0, 0.0);
    for trajectory in &all {
        let rollout = agent.rollout(&[trajectory]);
        let mut columns = Columns::default();
        columns.select(&rollout);
        columns.advantage = vec![1.0; rollout.rows()];
        columns.target = vec![0.0; rollout.rows()];
        let g = agent.gradient(&rollout, &columns, false, 1).unwrap()[1];
        let r: f64 = trajectory.visits.iter().map(|v| v.reward).sum();
        above += trajectory.probability * g * g * r;
        below += trajectory.probability * g * g;
    }
    above / below
}

/// Discounted, `J = theta / (1 - gamma theta)`; the estimator that counts from now has the mean
/// `1 / ((1 - theta)(1 - gamma theta))`: at .9 and .9, 52.63 instead of 27.70.
#[test]
fn discounted_one_state_problem() {
    let (world, mut agent) = one_state(0.9);
    let policy = PolicyTable::of(&agent);
    let solution = solve(&world, &policy, Objective { gamma: 0.9, tail: None }).unwrap();
    assert_relative("J", solution.j, 0.9 / 0.19, 1e-12);
    assert_relative("grad J", solution.grad[1], 1.0 / (0.19 * 0.19), 1e-12);
    let all = enumerate(&world, &policy, MAX_TRAJECTORIES).unwrap();
    let config = EstimatorConfig {
        kind: Kind::RewardToGo,
        baseline: Baseline::None,
        ..EstimatorConfig::default()
    };
    let m = moments(&all, 1, &solution.grad, |batch| {
        Ok::<_, ()>(gradient(&mut agent, &config, 0.9, batch))
    });
    assert_relative("from now", m.unwrap().mean[1], 1.0 / (0.1 * 0.19), 1e-11);
}

/// `J = theta^n`, `grad J = n theta^(n-1)`, n = 4.
#[test]
fn sparse_problem() {
    for theta in THETAS {
        let world = World::of(problems::ONE_STATE_SPARSE.table());
        let mut agent = agent(&world, linear(), Encoding::Index, "bernoulli");
        agent.set_theta(&[0.0, theta]);
        let policy = PolicyTable::of(&agent);
        let solution = solve(&world, &policy, Objective { gamma: 1.0, tail: None }).unwrap();
        let cube = theta * theta * theta;
        assert_relative("J", solution.j, cube * theta, 1e-12);
        assert_relative("grad J", solution.grad[1], 4.0 * cube, 1e-12);
    }
}

/// Central differences of `J(theta)`, h = 1e-5: error about h^2 = 1e-10 of the third derivative.
fn assert_gradient(world: &World, agent: &mut Agent<f64>, gamma: f64) {
    let solved = |agent: &Agent<f64>| {
        solve(world, &PolicyTable::of(agent), Objective { gamma, tail: None }).unwrap()
    };
    let (grad, theta) = (solved(agent).grad, agent.theta());
    let scale = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
    for (p, g) in grad.iter().enumerate() {
        let mut at = |d: f64| {
            let mut moved = theta.clone();
            moved[p] += d;
            agent.set_theta(&moved);
            solved(agent).j
        };
        let want = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((g - want).abs() < 1e-7 * scale, "parameter {p}: {g} instead of {want}");
    }
    agent.set_theta(&theta);
}

#[test]
fn gradients_agree_with_differences_of_j() {
    let mlp = MlpConfig { hidden: vec![3], policy_gain: 1.0, ..MlpConfig::default() };
    let tables: [(&Mdp, f64); 4] = [
        (problems::CHAIN_5.table(), 0.9),
        (problems::TIGER.table(), 0.95),
        (problems::GRID_WORLD.table(), 1.0),
        (problems::BANDIT.table(), 1.0),
    ];
    for (mdp, gamma) in tables {
        let world = World::of(mdp);
        for network in [linear(), NetworkConfig::Mlp(mlp.clone())] {
            let mut agent = agent(&world, network, Encoding::OneHot, "categorical");
            assert_gradient(&world, &mut agent, gamma);
        }
    }
}

/// Without a horizon the linear system replaces the recursion: both agree where the horizon is
/// long (0.9^400 = 5e-19).
#[test]
fn linear_system_and_recursion_agree() {
    let mut mdp = problems::chain(4);
    mdp.horizon = None;
    let endless = World::of(&mdp);
    mdp.horizon = Some(400);
    let long = World::of(&mdp);
    let agent = agent(&endless, linear(), Encoding::OneHot, "categorical");
    let policy = PolicyTable::of(&agent);
    let objective = Objective { gamma: 0.9, tail: None };
    let (a, b) = (solve(&endless, &policy, objective), solve(&long, &policy, objective));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_relative("J", a.j, b.j, 1e-12);
    a.grad.iter().zip(&b.grad).for_each(|(a, b)| assert!((a - b).abs() < 1e-12));
    let (a, b) = (visits(&endless, &policy, 0.9), visits(&long, &policy, 0.9));
    a.unwrap().iter().zip(b.unwrap()).for_each(|(a, b)| assert!((a - b).abs() < 1e-12));
}

/// The value of what follows the last step enters `J` with `gamma^H`: in the bandit cut after one
/// step nothing follows; in a chain that always goes on, `gamma^H V`.
#[test]
fn tail_of_truncated_episodes() {
    let mut mdp = Mdp::new("loop", 1, 2);
    mdp.goes((0, 0), 1.0, 0, 1.0);
    mdp.goes((0, 1), 1.0, 0, 1.0);
    mdp.horizon = Some(3);
    let world = World::of(&mdp);
    let agent = agent(&world, linear(), Encoding::OneHot, "categorical");
    let objective = Objective { gamma: 0.5, tail: Some(&[8.0]) };
    let solution = solve(&world, &PolicyTable::of(&agent), objective).unwrap();
    // 1 + 1/2 + 1/4 + 8/8 = 2.75.
    assert_relative("J", solution.j, 2.75, 1e-15);
}

/// A loop without an end: no value without a discount, and no trajectories.
#[test]
fn what_is_infinite_is_an_error() {
    let mut mdp = Mdp::new("loop", 1, 2);
    mdp.goes((0, 0), 1.0, 0, 1.0);
    mdp.goes((0, 1), 1.0, 0, 1.0);
    let world = World::of(&mdp);
    let agent = agent(&world, linear(), Encoding::OneHot, "categorical");
    let policy = PolicyTable::of(&agent);
    let error = solve(&world, &policy, Objective { gamma: 1.0, tail: None }).unwrap_err();
    assert!(error.to_string().contains("discount below 1"), "{error}");
    assert!(enumerate(&world, &policy, MAX_TRAJECTORIES).is_err());
    let chain = World::of(&problems::chain(4));
    let agent = self::agent(&chain, linear(), Encoding::OneHot, "categorical");
    let error = enumerate(&chain, &PolicyTable::of(&agent), 10).unwrap_err().to_string();
    assert_eq!(error, "more than 10 trajectories (the longest has 6 steps)");
}

/// `E[sum_t grad log pi r(tau)]` by enumeration equals the derivative of Bellman's equation, on a
/// partially observed problem and under truncation; and the information is the covariance of the
/// trajectory's score.
#[test]
fn enumeration_and_dynamic_programming_agree() {
    let mut tiger = problems::TIGER.table().as_ref().clone();
    tiger.horizon = Some(4);
    for mdp in [tiger, problems::chain(3)] {
        let world = World::of(&mdp);
        let mut agent = agent(&world, linear(), Encoding::OneHot, "categorical");
        let policy = PolicyTable::of(&agent);
        let all = enumerate(&world, &policy, MAX_TRAJECTORIES).unwrap();
        let total: f64 = all.iter().map(|t| t.probability).sum();
        assert!((total - 1.0).abs() < 1e-13, "{total}");
        let want = solve(&world, &policy, Objective { gamma: 0.95, tail: None }).unwrap().grad;
        let m = moments(&all, 1, &want, |batch| {
            Ok::<_, ()>(gradient(&mut agent, &constant(0.3), 0.95, batch))
        });
        let norm = want.iter().map(|g| g * g).sum::<f64>().sqrt();
        for (got, want) in m.unwrap().mean.iter().zip(&want) {
            assert!((got - want).abs() < 1e-11 * norm, "{got} instead of {want}");
        }
        let mut information = gradwerk::exact::Matrix::zeros(policy.params);
        for t in &all {
            let mut score = vec![0.0; policy.params];
            for v in &t.visits {
                let s = policy.score(v.obs as usize, v.action as usize);
                score.iter_mut().zip(s).for_each(|(sum, s)| *sum += s);
            }
            information.add_outer(t.probability, &score);
        }
        let want = fisher(&world, &policy).unwrap().per_trajectory;
        for (a, b) in information.data.iter().zip(&want.data) {
            assert!((a - b).abs() < 1e-11 * want.trace(), "{a} instead of {b}");
        }
    }
}

/// Importance sampling on the sparse problem, behaviour `mu(a1) = m`: the estimate is
/// `1[success] (theta/m)^n n/theta`, its mean `n theta^(n-1)`, its variance
/// `n^2 theta^(2n-2) (m^-n - 1)`, n = 4.
#[test]
fn sparse_problem_off_policy() {
    for (theta, m) in THETAS.into_iter().flat_map(|theta| [0.3, 0.6].map(|m| (theta, m))) {
        let world = World::of(problems::ONE_STATE_SPARSE.table());
        let mut pi = agent(&world, linear(), Encoding::Index, "bernoulli");
        let mut mu = agent(&world, linear(), Encoding::Index, "bernoulli");
        pi.set_theta(&[0.0, theta]);
        mu.set_theta(&[0.0, m]);
        let all = enumerate(&world, &PolicyTable::of(&mu), MAX_TRAJECTORIES).unwrap();
        let ordinary =
            ImportanceConfig { form: Form::Trajectory, weighting: Weighting::Ordinary, clip: 1.0 };
        let mean = 4.0 * theta * theta * theta;
        let moments = moments(&all, 1, &[0.0, mean], |batch| {
            let (rollout, acted) = (pi.rollout(batch), mu.rollout(batch));
            let pairs = rollout.log_prob.iter().zip(&acted.log_prob);
            let log_ratio: Vec<f64> = pairs.map(|(pi, mu)| pi - mu).collect();
            let mut c = Columns::default();
            c.select(&rollout);
            c.prepare(1.0, &rollout);
            let steps = c.ends.steps(&rollout, 1.0);
            let (a, t) = (&mut c.advantage, &mut c.target);
            let scratch = &mut ImportanceScratch::default();
            estimate_off_policy(&constant(0.0), &ordinary, &steps, &log_ratio, a, t, scratch)
                .unwrap();
            pi.gradient(&rollout, &c, false, 1)
        });
        let moments = moments.unwrap();
        assert_relative("mean", moments.mean[1], mean, 1e-10);
        let variance = mean * mean * (1.0 / (m * m * m * m) - 1.0);
        assert_relative("variance", moments.variance[1], variance, 1e-10);
    }
}

/// What is shown of an observation is read back from what networks see of it.
#[test]
fn encodings_can_be_read() {
    let image = Encoding::Image { channels: 2, side: 3 };
    for (encoding, count) in [(Encoding::Index, 5), (Encoding::OneHot, 5), (image, 256)] {
        let space = encoding.space(count);
        let encoder = Encoder::of(&space);
        let map = ObsMap::new(encoder.width(), None, 10.0);
        let (mut row, mut input) = (vec![0.0; space.width()], vec![0.0; encoder.width()]);
        for obs in 0..count {
            encoding.show(obs, &mut row);
            encoder.encode(&map, &row, &mut input);
            assert_eq!(encoding.read(&input), obs as u32, "{encoding:?}");
        }
    }
}
