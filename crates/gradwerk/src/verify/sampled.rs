//! Rows over what the production collector samples.

use super::exact::{derive, estimate};
use super::quadratic::{QuadraticEnv, QuadraticProblem};
use super::report::relative;
use super::setup::SEED;
use super::{
    BatchRow, Case, Declared, GaussianProblem, Row, Setup, Source, chi_square_tail, gaussian,
    two_sided_p,
};
use crate::Error;
use crate::collect::{Context, Plan, Shard};
use crate::columns::Columns;
use crate::exact::{Agent, Choices, Encoding, Trajectory, Visit};
use crate::normalize::ObsMap;
use crate::rollout::Rollout;
use gradwerk_env::finite::MdpEnv;
use gradwerk_env::registry::custom;
use gradwerk_env::{Action, Env, EnvFactory, EnvSettings, EpisodeKeys, Space, Step};
use gradwerk_math::{Pool, Stream};
use std::sync::Arc;

/// Environments that are stepped side by side, where the size of the batch is a multiple.
const ENVS: usize = 4;
/// Episodes per rollout of the sampler's test.
const TESTED: usize = 8;
/// Where a problem has no horizon, episodes are cut here: too late to matter.
const LONGEST: u32 = 2000;

/// Plays a problem; says of its indices what they are to the network, and to the policy.
struct Shown {
    env: MdpEnv,
    encoding: Encoding,
    choices: Choices,
    seen: usize,
}

impl Shown {
    /// Show the observation whose index the problem has written.
    fn show(&mut self, obs: &mut [f32]) {
        self.seen = obs[0] as usize;
        self.encoding.show(self.seen, obs);
    }
}

impl Env for Shown {
    fn observation_space(&self) -> Space {
        self.encoding.space(self.env.mdp().observations())
    }
    fn action_space(&self) -> Space {
        self.choices.space().clone()
    }
    fn action_mask(&self, mask: &mut [bool]) -> bool {
        self.choices.mask(self.seen, mask);
        self.choices.has_masks()
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.env.reset(rng, obs);
        self.show(obs);
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let index = self.choices.index(action.discrete) as u32;
        let step = self.env.step(Action { discrete: &[index], continuous: &[] }, rng, obs);
        self.show(obs);
        step
    }
}

/// The collector on the problem of a case.
struct Sampler {
    shard: Shard,
    plan: Plan,
    obs_map: ObsMap,
}

impl Sampler {
    fn finite(
        case: &Case,
        setup: &Setup,
        engine: &Agent<f32>,
        episodes: usize,
    ) -> Result<Self, Error> {
        let (mdp, encoding) = (Arc::new(case.problem.source.table()?), case.policy.encoding);
        let limit = setup.world.horizon.unwrap_or(LONGEST);
        let choices = engine.choices().clone();
        let make = move || Shown {
            env: MdpEnv::new(mdp.clone()),
            encoding,
            choices: choices.clone(),
            seen: 0,
        };
        Ok(Self::new(&*custom(case.problem.name, Some(limit), make), limit, engine, episodes))
    }

    /// Rollouts of so many whole episodes.
    fn new(factory: &dyn EnvFactory, limit: u32, engine: &Agent<f32>, episodes: usize) -> Self {
        let envs = if episodes.is_multiple_of(ENVS) { ENVS } else { episodes };
        let settings = EnvSettings { time_limit: Some(limit), frame_skip: 1 };
        let env = factory.make(SEED, EpisodeKeys::Training { first: 0 }, envs, &settings);
        let plan = Plan::Episodes { quota: episodes / envs, longest: limit as usize };
        let learner = &engine.learner;
        let shard = Shard::new(0, env, &learner.model, plan, (learner.kernel(), 1));
        Self { shard, plan, obs_map: ObsMap::new(learner.model.frame.numbers(), None, 10.0) }
    }

    /// One rollout, left in the shard.
    fn collect(&mut self, engine: &Agent<f32>) -> Result<(), Error> {
        let ctx = Context {
            model: &engine.learner.model,
            weights: &engine.learner.weights,
            obs_map: &self.obs_map,
            value_map: (0.0, 1.0),
            seed: SEED,
            plan: self.plan,
            pool: &Pool::new(1),
        };
        self.shard.collect(&ctx);
        self.shard.error.take().map_or(Ok(()), Err)
    }
}

/// What is sampled, and what its mean should be.
struct Subject {
    engine: Agent<f32>,
    sampler: Sampler,
    grad: Vec<f64>,
}

impl Subject {
    fn of(case: &Case, episodes: usize) -> Result<Self, Error> {
        match &case.problem.source {
            Source::Finite(_) => Self::finite(case, episodes),
            Source::Gaussian(problem) => Self::gaussian(case, problem, episodes),
            Source::Quadratic(problem) => Self::quadratic(case, problem, episodes),
        }
    }

    fn finite(case: &Case, episodes: usize) -> Result<Self, Error> {
        let setup = Setup::of(case)?;
        let engine = Setup::engine(case, &setup.config, &setup.world)?;
        let sampler = Sampler::finite(case, &setup, &engine, episodes)?;
        Ok(Self { engine, sampler, grad: setup.solution.grad })
    }

    fn gaussian(case: &Case, problem: &GaussianProblem, episodes: usize) -> Result<Self, Error> {
        let env = gradwerk_env::find(problem.env)?;
        let (engine, grad) = gaussian::agent(case, problem, env)?;
        let limit = env.default_time_limit().unwrap_or(LONGEST);
        let sampler = Sampler::new(env, limit, &engine, episodes);
        Ok(Self { engine, sampler, grad })
    }

    fn quadratic(
        case: &Case,
        problem: &'static QuadraticProblem,
        episodes: usize,
    ) -> Result<Self, Error> {
        let (engine, grad) = problem.agent(case)?;
        let env = custom(case.problem.name, Some(1), move || QuadraticEnv(problem));
        let sampler = Sampler::new(&*env, 1, &engine, episodes);
        Ok(Self { engine, sampler, grad })
    }
}

/// The mean of `samples` estimates from batches of each of the sizes.
pub(super) fn sampled_row(case: &Case, samples: usize, sizes: &[usize]) -> Result<Row, Error> {
    let mut row = Row::new(case, case.declared(sizes[0]));
    for &n in sizes {
        let (batch, compared) = sampled_batch(case, samples, n)?;
        row.batches.push(batch);
        row.comparisons += compared;
    }
    if let Declared::Biased(_) = case.declared(sizes[0]) {
        row.comparisons = 0;
        row.batches.iter_mut().for_each(|b| b.p = None);
    }
    Ok(row)
}

/// The same for batches of `n` episodes, and how many parameters were looked at.
fn sampled_batch(case: &Case, samples: usize, n: usize) -> Result<(BatchRow, usize), Error> {
    let Subject { mut engine, mut sampler, ref grad } = Subject::of(case, n)?;
    let factor = case.declared(n).factor().unwrap_or(1.0);
    let expected: Vec<f64> = grad.iter().map(|g| factor * g).collect();
    let mut sums = Sums::new(grad.len());
    let mut columns = Columns::default();
    for _ in 0..samples {
        sampler.collect(&engine)?;
        let rollout = &sampler.shard.rollout;
        engine.score(&case.estimator, case.gamma, rollout, &mut columns);
        derive(case, rollout, None, &mut columns)?;
        let g = estimate(case, &mut engine, rollout, &columns, n)?;
        sums.add(&g, &expected, grad);
    }
    Ok((sums.batch(n, &expected, grad), sums.compared()))
}

/// Sums of deviations from what is expected, and of their squares.
struct Sums {
    count: f64,
    sum: Vec<f64>,
    square: Vec<f64>,
    along: [f64; 2],
}

impl Sums {
    fn new(params: usize) -> Self {
        Self { count: 0.0, sum: vec![0.0; params], square: vec![0.0; params], along: [0.0; 2] }
    }

    fn add(&mut self, g: &[f64], expected: &[f64], grad: &[f64]) {
        self.count += 1.0;
        let (mut along, mut size) = (0.0, 0.0);
        for p in 0..g.len() {
            let d = g[p] - expected[p];
            self.sum[p] += d;
            self.square[p] += d * d;
            along += d * grad[p];
            size += grad[p] * grad[p];
        }
        let along = along / size;
        self.along = [self.along[0] + along, self.along[1] + along * along];
    }

    /// Mean, variance of one and standard error of the mean.
    fn moments(&self, sum: f64, square: f64) -> (f64, f64, f64) {
        let mean = sum / self.count;
        let variance = (square - sum * mean) / (self.count - 1.0);
        (mean, variance, (variance / self.count).sqrt())
    }

    /// Parameters that vary: the others (those of the value function) are 0 in every sample.
    fn compared(&self) -> usize {
        self.square.iter().filter(|s| **s > 0.0).count()
    }

    fn batch(&self, n: usize, expected: &[f64], grad: &[f64]) -> BatchRow {
        let (mut z, mut variance, mut mean) = (0.0_f64, 0.0, expected.to_vec());
        for (mean, (sum, square)) in mean.iter_mut().zip(self.sum.iter().zip(&self.square)) {
            let (deviation, own, error) = self.moments(*sum, *square);
            *mean += deviation;
            variance += own;
            let score = if *square > 0.0 { deviation / error } else { 0.0 };
            // NaN compares as false: keep it where it appears.
            z = if score.abs() > z.abs() || score.is_nan() { score } else { z };
        }
        let (along, _, error) = self.moments(self.along[0], self.along[1]);
        BatchRow {
            n,
            bias: relative(&mean, 1.0, grad),
            deviation: None,
            variance: Some(variance),
            along: Some((along, 1.96 * error)),
            z: Some(z),
            p: Some(two_sided_p(z)),
        }
    }
}

/// Frequencies of whole trajectories against their probabilities, by Pearson's chi-square.
pub(super) fn sampler_row(case: &Case, samples: usize) -> Result<Row, Error> {
    let setup = Setup::of(case)?;
    let trajectories = setup.trajectories()?;
    let engine = Setup::engine(case, &setup.config, &setup.world)?;
    let mut sampler = Sampler::finite(case, &setup, &engine, TESTED)?;
    let mut bins = Bins::new(&trajectories);
    for _ in 0..samples.div_ceil(TESTED) {
        sampler.collect(&engine)?;
        for env in 0..sampler.shard.rollout.n {
            bins.count(&sampler.shard.rollout, env, case.policy.encoding, engine.choices());
        }
    }
    let (statistic, degrees) = bins.chi_square();
    let upper = chi_square_tail(statistic, degrees);
    // Frequencies that are too good to be true are a fault as well.
    let p = 2.0 * if upper < 0.5 { upper } else { 1.0 - upper };
    let mut row = Row::new(case, Declared::Unbiased);
    row.batches.push(BatchRow { n: 1, p: Some(p), ..BatchRow::default() });
    row.comparisons = 1;
    if bins.unknown > 0 {
        row.fail(format!("{} sampled trajectories have probability 0", bins.unknown));
    }
    Ok(row)
}

/// How a trajectory is recognised: all that the rollout shows of it.
type Key = Vec<(u32, u32, u32)>;

fn key(visits: &[Visit]) -> Key {
    visits.iter().map(|v| (v.obs, v.action, (v.reward as f32).to_bits())).collect()
}

struct Bins {
    /// Sorted by the key.
    bins: Vec<(Key, f64, u64)>,
    unknown: u64,
    total: u64,
}

impl Bins {
    fn new(trajectories: &[Trajectory]) -> Self {
        let mut bins: Vec<(Key, f64, u64)> =
            trajectories.iter().map(|t| (key(&t.visits), t.probability, 0)).collect();
        bins.sort_by(|a, b| a.0.cmp(&b.0));
        // Hidden states and final observations are not told apart.
        bins.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            kept.1 += if same { later.1 } else { 0.0 };
            same
        });
        Self { bins, unknown: 0, total: 0 }
    }

    /// Count the episodes of one environment.
    fn count(&mut self, r: &Rollout<f32>, env: usize, encoding: Encoding, choices: &Choices) {
        let (mut visits, mut seen) = (Key::new(), vec![0.0; r.frame.width()]);
        for row in (0..r.t).map(|t| t * r.n + env).filter(|&row| r.valid[row]) {
            r.inputs(row..row + 1).fill(&mut seen);
            let parts = &r.discrete[row * r.discrete_width..(row + 1) * r.discrete_width];
            let action = choices.index(parts) as u32;
            visits.push((encoding.read(&seen), action, r.reward[row].to_bits()));
            if r.end[row].is_end() {
                self.total += 1;
                match self.bins.binary_search_by(|bin| bin.0.cmp(&visits)) {
                    Ok(at) => self.bins[at].2 += 1,
                    Err(_) => self.unknown += 1,
                }
                visits.clear();
            }
        }
    }

    /// Pearson's statistic and its degrees of freedom. Bins that expect fewer than 5 are one; if
    /// that is still too few, it joins another.
    fn chi_square(&self) -> (f64, usize) {
        let mut cells: Vec<(f64, f64)> = Vec::new();
        let mut rare = (0.0, 0.0);
        for (_, probability, count) in &self.bins {
            let (expected, count) = (probability * self.total as f64, *count as f64);
            if expected < 5.0 {
                rare = (rare.0 + expected, rare.1 + count);
            } else {
                cells.push((expected, count));
            }
        }
        match cells.last_mut() {
            Some(last) if rare.0 < 5.0 => *last = (last.0 + rare.0, last.1 + rare.1),
            _ => cells.push(rare),
        }
        let term = |&(expected, count): &(f64, f64)| {
            let d: f64 = count - expected;
            d * d / expected
        };
        (cells.iter().map(term).sum(), cells.len().saturating_sub(1).max(1))
    }
}
