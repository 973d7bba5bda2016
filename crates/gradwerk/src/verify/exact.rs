//! Rows over enumerated trajectories.

use super::report::relative;
use super::{BatchRow, Case, Declared, MeanOver, Method, Row, Setup, Sizes, Verdict};
use crate::Error;
use crate::columns::Columns;
use crate::estimate::{ImportanceScratch, Normalize, estimate_off_policy};
use crate::exact::{Agent, Trajectory, batches, fisher, moments};
use crate::rollout::Rollout;
use gradwerk_nn::Engine;

/// Largest relative deviation of an exact mean from what is declared.
pub const EXACT_TOLERANCE: f64 = 1e-10;

/// Largest relative difference between the engine's gradients and those in double precision.
pub const PRECISION_TOLERANCE: f64 = 1e-5;

/// Most batches that are visited for one batch size, unless sizes were asked for.
pub const MAX_BATCHES: u64 = 60_000;

/// Most batches that are visited for a size that was asked for.
pub const MAX_ASKED_BATCHES: u64 = 1_000_000;

/// Most numbers of gradients that are computed for one batch size: a large network visits fewer batches.
pub const MAX_NUMBERS: u64 = 100_000_000;

/// From a rollout to the columns that the learner reads, given the estimator of a case and, off
/// policy, `log pi - log mu` `[T, N]`. Tests put faults in its place.
pub type Derive<'a> = dyn Fn(&Case, &Rollout<f64>, Option<&[f64]>, &mut Columns<f64>) -> Result<(), Error>
    + Sync
    + 'a;

/// The part of training under test.
pub struct Pipeline<'a> {
    /// Derives the columns.
    pub derive: &'a Derive<'a>,
}

impl Default for Pipeline<'_> {
    /// That of training.
    fn default() -> Self {
        Self { derive: &derive }
    }
}

/// What training does between sampling and ascending, scores of the baseline apart: on policy the trainer, off policy the
/// algorithm that stores batches.
///
/// # Errors
/// If a log-ratio is not finite.
pub fn derive<E: Engine>(
    case: &Case,
    rollout: &Rollout<E>,
    log_ratio: Option<&[E]>,
    columns: &mut Columns<E>,
) -> Result<(), Error> {
    let gamma = E::from_f64(case.gamma);
    columns.select(rollout);
    let (Some(importance), Some(log_ratio)) = (&case.importance, log_ratio) else {
        columns.estimate(&case.estimator, gamma, rollout);
        return Ok(());
    };
    columns.prepare(gamma, rollout);
    let Columns { ends, advantage, target, .. } = columns;
    let steps = ends.steps(rollout, gamma);
    let mut scratch = ImportanceScratch::default();
    let estimator = &case.estimator;
    estimate_off_policy(estimator, importance, &steps, log_ratio, advantage, target, &mut scratch)
        .map_err(Error::usage)?;
    Ok(())
}

/// The estimate of one batch, `[P]`.
pub(super) fn estimate<E: Engine>(
    case: &Case,
    agent: &mut Agent<E>,
    rollout: &Rollout<E>,
    columns: &Columns<E>,
    n: usize,
) -> Result<Vec<f64>, Error> {
    let minibatch = case.estimator.normalize == Normalize::Minibatch;
    let episodes = if case.mean_over == MeanOver::Rows { 0 } else { n };
    agent.gradient(rollout, columns, minibatch, episodes)
}

/// Exact mean and variance for batches of the given sizes, as far as they are few enough, judged.
///
/// # Errors
/// If the case cannot be computed.
pub fn exact_row(case: &Case, pipeline: &Pipeline<'_>, sizes: &Sizes) -> Result<Row, Error> {
    let mut setup = Setup::of(case)?;
    let trajectories = setup.trajectories()?;
    let mut row = Row::new(case, case.declared(1));
    let most = sizes.most.min(MAX_NUMBERS / setup.policy.params as u64);
    for &n in &sizes.exact {
        if batches(trajectories.len(), n).is_some_and(|count| count <= most) {
            let batch = exact_batch(case, pipeline, &mut setup, &trajectories, n)?;
            if let Some(error) = batch.deviation.filter(|e| !matches!(e, x if *x < EXACT_TOLERANCE))
            {
                row.fail(format!("off by a relative {error:.1e} at N = {n}"));
            }
            row.batches.push(batch);
        }
    }
    if row.batches.is_empty() {
        let count = trajectories.len();
        row.fail(format!("{count} trajectories are more than {most} batches"));
    }
    if row.verdict != Verdict::Failed {
        let judged = !matches!(case.declared(1), Declared::Biased(_));
        row.verdict = if judged { Verdict::Ok } else { Verdict::Reported };
    }
    Ok(row)
}

fn exact_batch(
    case: &Case,
    pipeline: &Pipeline<'_>,
    setup: &mut Setup,
    trajectories: &[Trajectory],
    n: usize,
) -> Result<BatchRow, Error> {
    let length = match case.mean_over {
        MeanOver::Rows => Some(fisher(&setup.world, &setup.policy)?.length),
        MeanOver::Trajectories => None,
    };
    let (agent, behaviour) = (&mut setup.agent, &setup.behaviour);
    let grad = &setup.solution.grad;
    let mut columns = Columns::default();
    let m = moments(trajectories, n, grad, |batch| {
        let mut rollout = agent.rollout(batch);
        let log_ratio = behaviour.as_ref().map(|mu| swap_behaviour(mu, batch, &mut rollout));
        agent.score(&case.estimator, case.gamma, &rollout, &mut columns);
        (pipeline.derive)(case, &rollout, log_ratio.as_deref(), &mut columns)?;
        let mut g = estimate(case, agent, &rollout, &columns, n)?;
        if let Some(length) = length {
            g.iter_mut().for_each(|g| *g *= length);
        }
        Ok::<_, Error>(g)
    })?;
    let declared = case.declared(n);
    Ok(BatchRow {
        n,
        bias: relative(&m.mean, 1.0, grad),
        deviation: declared.factor().map(|factor| relative(&m.mean, factor, grad)),
        variance: Some(trace(&m.variance)),
        ..BatchRow::default()
    })
}

/// Let the rollout be one of the behaviour policy; returns `log pi - log mu`, `[T, N]`.
fn swap_behaviour(mu: &Agent<f64>, batch: &[&Trajectory], rollout: &mut Rollout<f64>) -> Vec<f64> {
    let acted = mu.rollout(batch).log_prob;
    let log_ratio = rollout.log_prob.iter().zip(&acted).map(|(pi, mu)| pi - mu).collect();
    rollout.log_prob = acted;
    log_ratio
}

/// The trace of the covariance.
fn trace(variance: &[f64]) -> f64 {
    // Rounding may leave a variance of 0 slightly below.
    let trace: f64 = variance.iter().sum();
    if trace < 0.0 && trace > -1e-15 { 0.0 } else { trace }
}

/// The gradients of every trajectory with another one in both precisions: the root of the mean
/// squared difference relative to that of the gradients.
pub(super) fn precision_row(case: &Case) -> Result<Row, Error> {
    debug_assert_eq!(case.method, Method::Precision);
    let mut setup = Setup::of(case)?;
    let trajectories = setup.trajectories()?;
    let mut engine = Setup::engine(case, &setup.config, &setup.world)?;
    let (mut difference, mut size) = (0.0, 0.0);
    let (mut wide, mut narrow) = (Columns::default(), Columns::default());
    for (i, trajectory) in trajectories.iter().enumerate() {
        let batch = [trajectory, &trajectories[(i + 1) % trajectories.len()]];
        let rollout = setup.agent.rollout(&batch);
        setup.agent.score(&case.estimator, case.gamma, &rollout, &mut wide);
        derive(case, &rollout, None, &mut wide)?;
        let want = estimate(case, &mut setup.agent, &rollout, &wide, batch.len())?;
        let rollout = engine.rollout(&batch);
        engine.score(&case.estimator, case.gamma, &rollout, &mut narrow);
        derive(case, &rollout, None, &mut narrow)?;
        let got = estimate(case, &mut engine, &rollout, &narrow, batch.len())?;
        for (got, want) in got.iter().zip(&want) {
            difference += trajectory.probability * (got - want) * (got - want);
            size += trajectory.probability * want * want;
        }
    }
    let error = (difference / size).sqrt();
    let mut row = Row::new(case, Declared::Unbiased);
    row.batches.push(BatchRow { n: 2, bias: error, deviation: Some(error), ..BatchRow::default() });
    if error < PRECISION_TOLERANCE {
        row.verdict = Verdict::Ok;
    } else {
        row.fail(format!("single precision is off by a relative {error:.1e}"));
    }
    Ok(row)
}
