//! The default set: which cases there are.

use super::{Case, Critic, MeanOver, Method, POLICIES, PROBLEMS, Problem, Source};
use crate::estimate::{
    BASELINES, Baseline, Discounting, ESTIMATORS, EstimatorConfig, Form, ImportanceConfig, Kind,
    Normalize, Weighting,
};

/// Every case, in the order of the table.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for problem in PROBLEMS {
        for &gamma in problem.gammas {
            if let Source::Gaussian(_) = problem.source {
                cases.extend(gaussian(problem, gamma));
            } else if problem.enumerable {
                estimators(problem, gamma, &mut cases);
                cases.extend(normalized(problem, gamma));
            } else {
                cases.extend(sampled(problem, gamma));
            }
        }
        if problem.enumerable {
            cases.extend(checks(problem));
        }
    }
    policy_classes(&mut cases);
    exact_critics(&mut cases);
    off_policy(&mut cases);
    cases
}

/// Every estimator with every baseline and discounting that goes with it.
fn estimators(problem: &'static Problem, gamma: f64, cases: &mut Vec<Case>) {
    for kind in ESTIMATORS.iter().map(|e| e.kind) {
        for baseline in BASELINES.iter().map(|b| b.baseline) {
            for estimator in variants(kind, baseline) {
                if estimator.check(true, estimator.needs_value()).is_err() {
                    continue;
                }
                for discounting in discountings(kind, gamma) {
                    let estimator = EstimatorConfig { discounting, ..estimator.clone() };
                    cases.push(Case::exact(problem, gamma, estimator));
                }
            }
        }
    }
}

/// Without a discount there is nothing to count, and total returns always count from the start.
fn discountings(kind: Kind, gamma: f64) -> Vec<Discounting> {
    match gamma < 1.0 && kind != Kind::TotalReturn {
        true => vec![Discounting::FromNow, Discounting::FromStart],
        false => vec![Discounting::FromStart],
    }
}

/// The settings of an estimator that change what it declares.
fn variants(kind: Kind, baseline: Baseline) -> Vec<EstimatorConfig> {
    let base = estimator(kind, baseline);
    match kind {
        Kind::Gae | Kind::VTrace => {
            [0.7, 1.0].map(|lambda| EstimatorConfig { lambda, ..base.clone() }).to_vec()
        }
        _ => vec![base],
    }
}

/// An estimator of whole episodes; the constant is of the size of returns, and no round number.
fn estimator(kind: Kind, baseline: Baseline) -> EstimatorConfig {
    EstimatorConfig {
        kind,
        baseline,
        baseline_constant: 0.37,
        lambda: 1.0,
        n: 1,
        discounting: Discounting::FromStart,
        normalize: Normalize::None,
        ..EstimatorConfig::default()
    }
}

/// Normalised advantages, and the mean over rows: biased, so that their size is reported.
fn normalized(problem: &'static Problem, gamma: f64) -> Vec<Case> {
    let base = estimator(Kind::RewardToGo, Baseline::None);
    let with = |normalize| EstimatorConfig { normalize, ..base.clone() };
    let case = |estimator| Case::exact(problem, gamma, estimator);
    vec![
        case(with(Normalize::Batch)),
        case(with(Normalize::Minibatch)),
        Case { mean_over: MeanOver::Rows, ..case(base.clone()) },
    ]
}

/// The engine's precision, and the sampler.
fn checks(problem: &'static Problem) -> [Case; 2] {
    let base = Case::exact(problem, problem.gammas[0], estimator(Kind::Gae, Baseline::Value));
    [Case { method: Method::Precision, ..base.clone() }, Case { method: Method::Sampler, ..base }]
}

/// Estimators on problems that are too large to enumerate.
fn sampled(problem: &'static Problem, gamma: f64) -> Vec<Case> {
    let pairs = [
        (Kind::TotalReturn, Baseline::None),
        (Kind::TotalReturn, Baseline::LeaveOneOut),
        (Kind::TotalReturn, Baseline::BatchMean),
        (Kind::RewardToGo, Baseline::None),
        (Kind::RewardToGo, Baseline::TimeStep),
        (Kind::RewardToGo, Baseline::Value),
        (Kind::Gae, Baseline::Value),
    ];
    pairs.map(|pair| sampled_case(problem, gamma, pair)).to_vec()
}

fn sampled_case(problem: &'static Problem, gamma: f64, (kind, baseline): (Kind, Baseline)) -> Case {
    let base = Case::exact(problem, gamma, estimator(kind, baseline));
    Case { method: Method::Sampled, ..base }
}

/// Gaussian policies: the formulas are about the sum of the rewards, so that nothing bootstraps.
fn gaussian(problem: &'static Problem, gamma: f64) -> Vec<Case> {
    let pairs = [
        (Kind::TotalReturn, Baseline::None),
        (Kind::TotalReturn, Baseline::LeaveOneOut),
        (Kind::TotalReturn, Baseline::BatchMean),
        (Kind::RewardToGo, Baseline::None),
        (Kind::RewardToGo, Baseline::TimeStep),
    ];
    pairs.map(|pair| sampled_case(problem, gamma, pair)).to_vec()
}

/// Every policy class where its distribution fits.
fn policy_classes(cases: &mut Vec<Case>) {
    let pairs = [
        (Kind::TotalReturn, Baseline::LeaveOneOut),
        (Kind::RewardToGo, Baseline::None),
        (Kind::Gae, Baseline::Value),
    ];
    for problem in ["fork", "chain-3", "tiger-3"].map(Problem::named) {
        let others = POLICIES.iter().filter(|p| p.name != problem.policy);
        for policy in others.filter(|p| p.dist == "categorical") {
            for (kind, baseline) in pairs {
                let base = Case::exact(problem, problem.gammas[0], estimator(kind, baseline));
                cases.push(Case { policy, ..base.clone() });
            }
        }
    }
}

/// Trajectories of another policy, in every form and with all weights that go together.
fn off_policy(cases: &mut Vec<Case>) {
    let pairs = [
        (Kind::TotalReturn, Baseline::None),
        (Kind::TotalReturn, Baseline::LeaveOneOut),
        (Kind::RewardToGo, Baseline::None),
        (Kind::RewardToGo, Baseline::Value),
        (Kind::Gae, Baseline::Value),
        (Kind::VTrace, Baseline::Value),
    ];
    for problem in ["fork", "tiger-3"].map(Problem::named) {
        let gamma = problem.gammas[problem.gammas.len() - 1];
        for (kind, baseline) in pairs {
            let base = Case::exact(problem, gamma, estimator(kind, baseline));
            let fits = importances().filter(|i| i.obstacle(&base.estimator).is_none());
            cases.extend(fits.map(|i| Case { importance: Some(i), ..base.clone() }));
        }
    }
}

fn importances() -> impl Iterator<Item = ImportanceConfig> {
    let forms = [Form::Trajectory, Form::PerDecision, Form::FirstOrder];
    let weightings = [Weighting::Ordinary, Weighting::SelfNormalised, Weighting::Clipped];
    forms.into_iter().flat_map(move |form| {
        weightings.map(move |weighting| ImportanceConfig { form, weighting, clip: 1.2 })
    })
}

/// Estimators that trust a value function, with one that deserves it.
fn exact_critics(cases: &mut Vec<Case>) {
    let problem = Problem::named("fork");
    for &gamma in problem.gammas {
        for (kind, lambda) in [(Kind::Gae, 0.0), (Kind::Gae, 0.7), (Kind::NStep, 1.0)] {
            let estimator = EstimatorConfig { lambda, ..estimator(kind, Baseline::Value) };
            let base = Case::exact(problem, gamma, estimator);
            cases.push(Case { critic: Critic::Exact, ..base });
        }
    }
}
