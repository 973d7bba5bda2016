//! `gradwerk verify`: every estimator against exact numbers.
//!
//! A [`Case`] is a problem, a policy class, a discount and an estimator with its baseline. It runs
//! the code of training (collector, columns, estimator, head gradient, vjp) and is judged by what
//! the estimator declares of itself ([`EstimatorConfig::bias`](crate::estimate::EstimatorConfig::bias)):
//!
//! - *exact*: all batches of enumerated trajectories, in double precision; the mean must be the
//!   gradient, or the prediction, to a relative [`EXACT_TOLERANCE`];
//! - *sampled*: batches from the production collector, in the engine's precision; the mean must
//!   be within what chance allows ([`FALSE_ALARM`]);
//! - *precision*: the engine's gradients against those in double precision;
//! - *sampler*: the collector's trajectories against their probabilities, by a chi-square test.
//!
//! A biased estimator is reported, not judged.

mod case;
mod exact;
mod gaussian;
mod policy;
mod problem;
mod quadratic;
mod registry;
mod report;
mod sampled;
mod setup;
mod stats;

pub use case::{Case, Critic, Declared, MeanOver, Method};
pub use exact::{
    Derive, EXACT_TOLERANCE, MAX_ASKED_BATCHES, MAX_BATCHES, PRECISION_TOLERANCE, Pipeline, derive,
    exact_row,
};
pub use policy::{POLICIES, PolicyClass};
pub use problem::{GaussianProblem, PROBLEMS, Problem, Source};
pub use quadratic::QuadraticProblem;
pub use registry::cases;
pub use report::{BatchRow, Report, Row, Verdict};
pub use setup::Setup;
pub use stats::{chi_square_tail, two_sided_p};

use crate::Error;
use gradwerk_math::Pool;
use std::time::Instant;

/// Sampled rows fail where a deviation has a smaller two-sided probability than this, divided by
/// the number of comparisons in the run.
pub const FALSE_ALARM: f64 = 1e-6;

/// What to verify.
#[derive(Clone, Debug)]
pub struct Options {
    /// Words that the name of a row must contain, all of them; empty for every row.
    pub filter: String,
    /// Batches per sampled row (and episodes of the sampler's test).
    pub samples: usize,
    /// How large batches are.
    pub sizes: Sizes,
    /// Threads that share the rows. The numbers do not depend on it.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { filter: String::new(), samples: 4000, sizes: Sizes::default(), threads: 2 }
    }
}

/// Trajectories per batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// In exact rows, as far as there are at most so many batches:
    pub exact: Vec<usize>,
    /// this many.
    pub most: u64,
    /// In sampled rows.
    pub sampled: Vec<usize>,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { exact: vec![1, 2, 4], most: MAX_BATCHES, sampled: vec![8] }
    }
}

impl Sizes {
    /// The same sizes in every row, also where that takes longer.
    #[must_use]
    pub fn asked(sizes: &[usize]) -> Self {
        Self { exact: sizes.to_vec(), most: MAX_ASKED_BATCHES, sampled: sizes.to_vec() }
    }
}

/// Run every case that the filter lets through.
///
/// # Errors
/// If a batch is to have no trajectory, no row has the words of the filter, or a case cannot be
/// computed.
pub fn verify(options: &Options) -> Result<Report, Error> {
    let started = Instant::now();
    let Sizes { exact, sampled, .. } = &options.sizes;
    if exact.is_empty() || sampled.is_empty() || exact.iter().chain(sampled).any(|&n| n == 0) {
        return Err(Error::Usage("verify: a batch needs at least 1 trajectory".into()));
    }
    let words: Vec<&str> = options.filter.split_whitespace().collect();
    let chosen = cases().into_iter().filter(|c| words.iter().all(|w| c.name().contains(w)));
    let mut slots: Vec<(Case, Option<Result<Row, Error>>)> = chosen.map(|c| (c, None)).collect();
    if slots.is_empty() {
        let names: Vec<&str> = PROBLEMS.iter().map(|p| p.name).collect();
        let filter = &options.filter;
        let problems = names.join(", ");
        return Err(Error::Usage(format!(
            "no row matches `{filter}`; a row's name begins with one of {problems}"
        )));
    }
    Pool::new(options.threads.max(1)).for_each(&mut slots, |_, (case, row)| {
        *row = Some(run(case, options));
    });
    let rows = slots.into_iter().filter_map(|(_, row)| row).collect::<Result<Vec<_>, _>>()?;
    Ok(Report::new(rows, started.elapsed()))
}

/// Measure one case.
fn run(case: &Case, options: &Options) -> Result<Row, Error> {
    let Options { samples, ref sizes, .. } = *options;
    match case.method {
        Method::Exact => exact_row(case, &Pipeline::default(), sizes),
        Method::Precision => exact::precision_row(case),
        Method::Sampled => sampled::sampled_row(case, samples, &sizes.sampled),
        Method::Sampler => sampled::sampler_row(case, samples),
    }
}
