//! `gradwerk verify` finds every estimator to be what it declares, and finds seeded faults.

use gradwerk::columns::Columns;
use gradwerk::env::End;
use gradwerk::estimate::{EstimatorConfig, Steps, WeightedTotal};
use gradwerk::rollout::Rollout;
use gradwerk::verify::{
    self, Case, Method, Options, Pipeline, Row, Sizes, Verdict, cases, exact_row,
    verify as run_verify,
};

/// Production, as a starting point for faults.
fn derive(config: &EstimatorConfig, gamma: f64, rollout: &Rollout<f64>, c: &mut Columns<f64>) {
    c.select(rollout);
    c.estimate(config, gamma, rollout);
}

/// The columns of trajectories of another policy, with a fault in the ratios.
fn assert_ratio_fault_caught(
    words: &str,
    fault: impl Fn(&Rollout<f64>, &[f64]) -> Vec<f64> + Sync,
) {
    let faulty =
        |case: &Case, r: &Rollout<f64>, log_ratio: Option<&[f64]>, c: &mut Columns<f64>| {
            verify::derive(case, r, Some(&fault(r, log_ratio.unwrap())), c)
        };
    assert_pipeline_caught(words, &Pipeline { derive: &faulty });
}

fn exact_cases(words: &str) -> Vec<Case> {
    let matches = |c: &Case| words.split(' ').all(|w| c.name().split(' ').any(|own| own == w));
    let on = |c: &Case| c.importance.is_some() == words.contains("off-policy");
    let judged = |c: &Case| on(c) && c.method == Method::Exact && c.declared(1).factor().is_some();
    let found: Vec<Case> = cases().into_iter().filter(|c| judged(c) && matches(c)).collect();
    assert!(!found.is_empty(), "no row has the words {words}");
    found
}

/// The rows of these words pass with production code and fail with the fault.
fn assert_caught(
    words: &str,
    fault: impl Fn(&EstimatorConfig, f64, &Rollout<f64>, &mut Columns<f64>) + Sync,
) {
    let faulty = |case: &Case, r: &Rollout<f64>, _: Option<&[f64]>, c: &mut Columns<f64>| {
        fault(&case.estimator, case.gamma, r, c);
        Ok(())
    };
    assert_pipeline_caught(words, &Pipeline { derive: &faulty });
}

fn assert_pipeline_caught(words: &str, faulty: &Pipeline<'_>) {
    for case in exact_cases(words) {
        let row = |pipeline: &Pipeline<'_>| -> Row {
            exact_row(&case, pipeline, &Sizes::default()).unwrap()
        };
        let sound = row(&Pipeline::default());
        assert_eq!(sound.verdict, Verdict::Ok, "{}: {:?}", sound.name, sound.failure);
        let faulty = row(faulty);
        assert_eq!(faulty.verdict, Verdict::Failed, "{} let the fault pass", faulty.name);
        assert!(faulty.failure.is_some());
    }
}

const DISCOUNTED: [&str; 4] = [
    "fork gamma=0.8 reward-to-go none from-start",
    "fork gamma=0.8 total-return leave-one-out from-start",
    "chain-2 reward-to-go value from-start",
    "tiger-3 softmax-table gae(1) value from-start",
];

#[test]
fn a_dropped_discount_is_caught() {
    for words in DISCOUNTED {
        assert_caught(words, |config, _, rollout, c| derive(config, 1.0, rollout, c));
    }
}

/// The factor `gamma^t` alone is dropped: the customary estimator, sold as the true gradient.
#[test]
fn discounting_from_now_instead_of_from_start_is_caught() {
    assert_caught("fork gamma=0.8 reward-to-go none from-start", |config, gamma, rollout, c| {
        let discounting = gradwerk::estimate::Discounting::FromNow;
        derive(&EstimatorConfig { discounting, ..config.clone() }, gamma, rollout, c);
    });
}

/// Row t gets the return from t + 1 on: the reward of the action itself is missing.
#[test]
fn an_off_by_one_in_reward_to_go_is_caught() {
    for words in ["one-state gamma=1 reward-to-go none", "fork gamma=1 reward-to-go time-step"] {
        assert_caught(words, |config, gamma, rollout, c| {
            derive(config, gamma, rollout, c);
            let end = c.advantage.len();
            c.advantage.copy_within(rollout.n..end, 0);
            let last = end - rollout.n;
            c.advantage[last..].fill(0.0);
        });
    }
}

/// The return of an episode counts the rewards of the next one in the same environment.
#[test]
fn a_leak_across_episodes_is_caught() {
    let images = "fork softmax-small-cnn gae(1) value";
    for words in ["fork gamma=1 gae(1) value", "chain-2 gae(1) value from-start", images] {
        assert_caught(words, |config, gamma, rollout, c| {
            let mut leaking = rollout.clone();
            // Only an end with an episode behind it can leak.
            for row in 0..rollout.rows() - rollout.n {
                leaking.end[row] = End::Continue;
            }
            derive(config, gamma, &leaking, c);
        });
    }
}

/// Reward-to-go through a leak: nothing is subtracted that could hide it.
#[test]
fn a_leak_of_returns_is_caught() {
    assert_caught("chain-2 reward-to-go value from-start", |config, gamma, rollout, c| {
        derive(config, gamma, rollout, c);
        let extra = |row: usize| {
            let next = row + rollout.n;
            if rollout.end[row].is_end() && next < rollout.rows() && rollout.valid[next] {
                c.target[next]
            } else {
                0.0
            }
        };
        let leaks: Vec<f64> = (0..rollout.rows()).map(extra).collect();
        c.advantage.iter_mut().zip(leaks).for_each(|(a, leak)| *a += gamma * leak);
    });
}

/// The baseline knows which action was taken.
#[test]
fn a_baseline_that_sees_the_action_is_caught() {
    for words in ["bandit reward-to-go none", "tiger-3 softmax-table reward-to-go none from-start"]
    {
        assert_caught(words, |config, gamma, rollout, c| {
            derive(config, gamma, rollout, c);
            for (a, action) in c.advantage.iter_mut().zip(&rollout.discrete) {
                *a -= 0.1 * f64::from(*action);
            }
        });
    }
}

/// A truncated step taken for a termination, and one that bootstraps with the wrong state.
#[test]
fn wrong_ends_are_caught() {
    let words = "chain-2 reward-to-go value from-start";
    assert_caught(words, |config, gamma, rollout, c| {
        let mut wrong = rollout.clone();
        for end in wrong.end.iter_mut().filter(|end| **end == End::Truncated) {
            *end = End::Terminated;
        }
        derive(config, gamma, &wrong, c);
    });
    assert_caught(words, |config, gamma, rollout, c| {
        let mut wrong = rollout.clone();
        wrong.next_value.clone_from(&rollout.value);
        derive(config, gamma, &wrong, c);
    });
}

/// Every ratio 1: trajectories of another policy pass for one's own.
#[test]
fn a_missing_importance_ratio_is_caught() {
    for words in [
        "fork total-return none off-policy=trajectory ordinary",
        "fork reward-to-go value off-policy=per-decision ordinary",
        "tiger-3 reward-to-go none off-policy=per-decision ordinary",
    ] {
        assert_ratio_fault_caught(words, |_, log_ratio| vec![0.0; log_ratio.len()]);
        // Only the ratio of an episode's first step is missing.
        assert_ratio_fault_caught(words, |r, log_ratio| {
            let first = |(x, time): (&f64, &u32)| if *time == 0 { 0.0 } else { *x };
            log_ratio.iter().zip(&r.time).map(first).collect()
        });
        // Upside down: mu / pi.
        assert_ratio_fault_caught(words, |_, log_ratio| log_ratio.iter().map(|x| -x).collect());
    }
}

/// A baseline from the batch that forgets to leave the sample itself out.
#[test]
fn a_batch_mean_that_passes_for_leave_one_out_is_caught() {
    assert_caught("fork gamma=1 total-return leave-one-out", |config, gamma, rollout, c| {
        let baseline = gradwerk::estimate::Baseline::BatchMean;
        derive(&EstimatorConfig { baseline, ..config.clone() }, gamma, rollout, c);
    });
}

/// A prediction is judged as well: leave-one-out does not shrink the gradient by 1 - 1/N.
#[test]
fn a_wrong_prediction_is_caught() {
    assert_caught("fork gamma=1 total-return batch-mean", |config, gamma, rollout, c| {
        let baseline = gradwerk::estimate::Baseline::LeaveOneOut;
        derive(&EstimatorConfig { baseline, ..config.clone() }, gamma, rollout, c);
    });
}

/// Every row of the default set, with fewer samples than the command takes.
#[test]
fn everything_behaves_as_declared() {
    let report = run_verify(&Options { samples: 400, ..Options::default() }).unwrap();
    assert!(report.passed, "{}", report.table());
    assert_eq!(report.rows.len(), cases().len());
    assert!(report.ok > 100 && report.comparisons > 100, "{} rows judged", report.ok);
    // Every batch of a judged row has its number, and N > 1 occurs.
    for row in report.rows.iter().filter(|r| r.method == "exact" && r.verdict == Verdict::Ok) {
        assert!(row.batches.iter().all(|b| b.deviation.is_some()), "{}", row.name);
        // How bias and variance change with the batch is part of what a row shows.
        assert!(row.batches.len() > 1, "{} has batches of one size only", row.name);
    }
}

/// Another network or distribution that no row covers would be believed without proof.
#[test]
fn every_network_and_distribution_is_covered() {
    let cases = cases();
    let networks = gradwerk_nn::NETWORKS.iter().copied();
    let dists = gradwerk::dist::DISTRIBUTIONS.iter().map(|d| d.name);
    for name in networks.chain(dists) {
        let of = |c: &Case| [(c.policy.network)().name(), (c.policy.dist)().name()].contains(&name);
        assert!(cases.iter().any(of), "{name} has no row");
    }
}

#[test]
fn rows_have_names_of_their_own() {
    let mut names: Vec<String> = cases().iter().map(Case::name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_filter_without_rows_is_an_error() {
    let options = Options { filter: "frok".into(), ..Options::default() };
    let error = run_verify(&options).unwrap_err().to_string();
    assert!(error.contains("`frok`") && error.contains("fork"), "{error}");
}

/// The same numbers for every number of threads.
#[test]
fn threads_change_nothing() {
    let run = |threads| {
        let options =
            Options { filter: "bandit".into(), samples: 50, threads, ..Options::default() };
        run_verify(&options).unwrap().rows
    };
    assert_eq!(run(1), run(3));
}

/// Averages of independent trajectories vary as 1/N, whatever the size that is asked for, exactly
/// and in samples; and a batch needs a trajectory.
#[test]
fn any_size_of_batch_may_be_asked_for() {
    let at = |filter: &str, sizes: &[usize]| {
        let sizes = Sizes::asked(sizes);
        run_verify(&Options { filter: filter.into(), samples: 2000, sizes, ..Options::default() })
    };
    // Of the first row, the one that is named.
    let variances = |filter: &str, sizes: &[usize]| -> Vec<f64> {
        let report = at(filter, sizes).unwrap();
        assert!(report.passed, "{}", report.table());
        let batches = report.rows[0].batches.iter();
        batches.map(|b| b.n as f64 * b.variance.unwrap()).collect()
    };
    let exact = variances("bandit softmax-table gamma=1 reward-to-go none", &[1, 3, 8]);
    assert!(exact.iter().all(|v| (v / exact[0] - 1.0).abs() < 1e-12), "{exact:?}");
    // The variance of 2000 samples is off by some 5 %.
    let sampled = variances("gaussian-bandit reward-to-go none", &[1, 3, 8]);
    assert!(sampled.iter().all(|v| (v / sampled[0] - 1.0).abs() < 0.3), "{sampled:?}");
    assert!(at("bandit", &[0]).unwrap_err().to_string().contains("at least 1 trajectory"));
}

/// The optimal baseline from the same batch: it knows the action that it is subtracted from.
#[test]
fn an_optimal_baseline_of_the_same_batch_is_caught() {
    let words = ["fork gamma=1 total-return optimal", "chain-2 reward-to-go optimal from-start"];
    for (words, per_trajectory) in words.into_iter().zip([true, false]) {
        assert_caught(words, |config, gamma, rollout, c| {
            let baseline = gradwerk::estimate::Baseline::None;
            derive(&EstimatorConfig { baseline, ..config.clone() }, gamma, rollout, c);
            let mut first = vec![true; rollout.n];
            let mut total = WeightedTotal::default();
            for row in c.rows.iter().map(|&row| row as usize) {
                // A trajectory counts once, at its first row.
                if !per_trajectory || std::mem::replace(&mut first[row % rollout.n], false) {
                    total.add(c.score_square[row], c.advantage[row]);
                }
                first[row % rollout.n] |= rollout.end[row].is_end();
            }
            let b = total.without(0.0, 0.0);
            c.rows.iter().for_each(|&row| c.advantage[row as usize] -= b);
        });
    }
}

/// A baseline per parameter that leaves out its own step, but not the rest of its trajectory. (In
/// a table, the rest has no score by a step's own parameters, so that it makes no difference.)
#[test]
fn a_baseline_of_its_own_trajectory_is_caught() {
    let words = "fork softmax-mlp gamma=1 total-return optimal-per-parameter";
    assert_caught(words, |config, gamma, rollout, c| {
        derive(config, gamma, rollout, c);
        let alone = vec![0.0; rollout.rows()];
        let steps = Steps { carry: &alone, ..c.ends.steps(rollout, gamma) };
        c.samples.set_trajectories(&steps);
    });
}
