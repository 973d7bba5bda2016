//! The default set: which cases there are.

use super::{Case, Critic, MeanOver, Method, POLICIES, PROBLEMS, PolicyClass, Problem, Source};
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
            if let Source::Gaussian(_) | Source::Quadratic(_) = problem.source {
                cases.extend(continuous(problem, PolicyClass::named(problem.policy), gamma));
            } else if problem.enumerable {
                cases.extend(estimators(gamma).map(|e| Case::exact(problem, gamma, e)));
                cases.extend(normalized(problem, gamma));
            } else {
                let method = Method::Sampled;
                cases.extend(judged(problem, gamma).map(|case| Case { method, ..case }));
            }
        }
        if problem.enumerable {
            cases.extend(checks(problem));
        }
    }
    policy_classes(&mut cases);
    images(&mut cases);
    exact_critics(&mut cases);
    off_policy(&mut cases);
    cases
}

/// Every estimator with every baseline and discounting that goes with it.
fn estimators(gamma: f64) -> impl Iterator<Item = EstimatorConfig> {
    let kinds = ESTIMATORS.iter().map(|e| e.kind);
    let pairs = kinds.flat_map(|kind| BASELINES.iter().map(move |b| (kind, b.baseline)));
    let all = pairs.flat_map(|(kind, baseline)| variants(kind, baseline));
    let possible = all.filter(|e| e.check(true, e.needs_value()).is_ok());
    possible.flat_map(move |e| {
        let discountings = discountings(e.kind, gamma).into_iter();
        discountings.map(move |discounting| EstimatorConfig { discounting, ..e.clone() })
    })
}

/// Those of them that declare what their mean is: for rows that cost more than they show of an
/// estimator that does not.
fn judged(problem: &'static Problem, gamma: f64) -> impl Iterator<Item = Case> {
    let all = estimators(gamma).map(move |e| Case::exact(problem, gamma, e));
    all.filter(|case| case.declared(2).factor().is_some())
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

/// The engine's precision, baselines that weigh by scores included, and the sampler.
fn checks(problem: &'static Problem) -> Vec<Case> {
    let pairs = [
        (Kind::Gae, Baseline::Value),
        (Kind::RewardToGo, Baseline::Optimal),
        (Kind::TotalReturn, Baseline::OptimalPerParameter),
    ];
    let of = |(kind, baseline), method| {
        let base = Case::exact(problem, problem.gammas[0], estimator(kind, baseline));
        Case { method, ..base }
    };
    let precision = pairs.map(|pair| of(pair, Method::Precision));
    precision.into_iter().chain([of(pairs[0], Method::Sampler)]).collect()
}

/// Continuous actions: the formulas are about the sum of the rewards, so that nothing bootstraps.
fn continuous(
    problem: &'static Problem,
    policy: &'static PolicyClass,
    gamma: f64,
) -> impl Iterator<Item = Case> {
    let cases = judged(problem, gamma).filter(|case| !case.estimator.needs_value());
    cases.map(move |case| Case { policy, method: Method::Sampled, ..case })
}

/// Every policy class where its distribution fits: on the smallest problem with steps with every
/// estimator and baseline, on truncated and on partially observed ones with some.
fn policy_classes(cases: &mut Vec<Case>) {
    let pairs = [
        (Kind::TotalReturn, Baseline::LeaveOneOut),
        (Kind::RewardToGo, Baseline::None),
        (Kind::RewardToGo, Baseline::OptimalPerParameter),
        (Kind::Gae, Baseline::Value),
    ];
    let fork = Problem::named("fork");
    let softmax = || POLICIES.iter().filter(|p| p.is_softmax() && !p.sees_images());
    for policy in softmax().filter(|p| p.name != fork.policy) {
        let own = judged(fork, fork.gammas[0]).map(|case| Case { policy, ..case });
        cases.extend(own);
        let base = Case::exact(fork, fork.gammas[0], estimator(Kind::Gae, Baseline::Value));
        cases.push(Case { policy, method: Method::Precision, ..base });
    }
    for problem in ["chain-3", "tiger-3"].map(Problem::named) {
        for policy in softmax().filter(|p| p.name != problem.policy) {
            let gamma = problem.gammas[0];
            let case = |(kind, baseline)| Case {
                policy,
                ..Case::exact(problem, gamma, estimator(kind, baseline))
            };
            cases.extend(pairs.map(case));
        }
    }
    let switches = Problem::named("switches");
    for policy in POLICIES.iter().filter(|p| p.is_factored() && p.name != switches.policy) {
        let gamma = switches.gammas[0];
        cases.extend(judged(switches, gamma).map(|case| Case { policy, ..case }));
        cases.extend(checks(switches).into_iter().map(|case| Case { policy, ..case }));
    }
    let masked = PolicyClass::named("softmax-masked");
    cases.extend(
        checks(fork)
            .into_iter()
            .filter(|c| c.method == Method::Sampler)
            .map(|case| Case { policy: masked, ..case }),
    );
    // In one state a deviation of the state is as good as a free one, and as well known.
    for (problem, class) in [
        ("gaussian-bandit", "gaussian-linear-std"),
        ("quadratic-box", "beta"),
        ("quadratic-box", "truncated-normal"),
    ] {
        let problem = Problem::named(problem);
        cases.extend(continuous(problem, PolicyClass::named(class), problem.gammas[0]));
    }
}

/// Networks that see images, on the smallest problem with steps: what they add to the others is a
/// gradient, which two estimators show as well as many.
fn images(cases: &mut Vec<Case>) {
    let fork = Problem::named("fork");
    let pairs = [(Kind::RewardToGo, Baseline::None), (Kind::Gae, Baseline::Value)];
    for policy in POLICIES.iter().filter(|p| p.sees_images()) {
        let exact = pairs
            .map(|(kind, baseline)| Case::exact(fork, fork.gammas[0], estimator(kind, baseline)));
        let own = exact.into_iter().chain(checks(fork));
        cases.extend(own.map(|case| Case { policy, ..case }));
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
