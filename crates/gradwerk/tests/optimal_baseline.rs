//! The optimal baselines: the numbers behind them, from the code of training, against sums over
//! enumerated trajectories and closed forms.

use gradwerk::columns::Columns;
use gradwerk::estimate::{
    Baseline, Discounting, EstimatorConfig, Kind, Samples, Steps, subtract_optimal,
};
use gradwerk::exact::{Agent, PolicyTable, Trajectory, moments};
use gradwerk::verify::{Case, Options, Problem, Setup, verify};

fn config(kind: Kind, baseline: Baseline) -> EstimatorConfig {
    let discounting = Discounting::FromStart;
    EstimatorConfig { kind, baseline, discounting, ..EstimatorConfig::default() }
}

fn constant(b: f64) -> EstimatorConfig {
    let base = config(Kind::TotalReturn, Baseline::Constant);
    EstimatorConfig { baseline_constant: b, ..base }
}

/// A problem of `gradwerk verify` and its agent under its first discount.
struct Subject {
    setup: Setup,
    all: Vec<Trajectory>,
    gamma: f64,
}

impl Subject {
    fn of(name: &str) -> Self {
        let problem = Problem::named(name);
        let base = config(Kind::TotalReturn, Baseline::None);
        let setup = Setup::of(&Case::exact(problem, problem.gammas[0], base)).unwrap();
        Self { all: setup.trajectories().unwrap(), setup, gamma: problem.gammas[0] }
    }

    fn learning(&mut self) -> Learning<'_> {
        Learning { agent: &mut self.setup.agent, gamma: self.gamma }
    }

    /// `|g|^2` and the return of one trajectory, from the production code.
    fn weighed(&mut self, trajectory: &Trajectory) -> (f64, f64) {
        let columns =
            self.learning().columns(&config(Kind::TotalReturn, Baseline::Optimal), &[trajectory]);
        // Without another trajectory nothing is subtracted.
        (columns.score_square[0], columns.advantage[0])
    }

    /// `sum_t grad log pi(a_t|o_t)` from the table of the policy.
    fn score(&self, trajectory: &Trajectory) -> Vec<f64> {
        let mut score = vec![0.0; self.setup.policy.params];
        for visit in &trajectory.visits {
            let own = self.setup.policy.score(visit.obs as usize, visit.action as usize);
            score.iter_mut().zip(own).for_each(|(sum, g)| *sum += g);
        }
        score
    }

    /// `E[w R] / E[w]` with a weight of each trajectory's score.
    fn best(&mut self, weight: impl Fn(&[f64]) -> f64) -> f64 {
        let (mut above, mut below) = (0.0, 0.0);
        for trajectory in self.all.clone() {
            let w = trajectory.probability * weight(&self.score(&trajectory));
            above += w * self.weighed(&trajectory).1;
            below += w;
        }
        if below == 0.0 { 0.0 } else { above / below }
    }

    /// Exact variance of every parameter's estimate from one trajectory.
    fn variances(&mut self, config: &EstimatorConfig) -> Vec<f64> {
        let mut learning = Learning { agent: &mut self.setup.agent, gamma: self.gamma };
        let m = moments(&self.all, 1, &self.setup.solution.grad, |batch| {
            Ok::<_, ()>(learning.gradient(config, batch))
        });
        m.unwrap().variance
    }
}

/// The part of training that turns a batch into a gradient.
struct Learning<'a> {
    agent: &'a mut Agent<f64>,
    gamma: f64,
}

impl Learning<'_> {
    fn columns(&mut self, config: &EstimatorConfig, batch: &[&Trajectory]) -> Columns<f64> {
        let rollout = self.agent.rollout(batch);
        let mut columns = Columns::default();
        columns.select(&rollout);
        self.agent.score(config, self.gamma, &rollout, &mut columns);
        columns.estimate(config, self.gamma, &rollout);
        columns
    }

    fn gradient(&mut self, config: &EstimatorConfig, batch: &[&Trajectory]) -> Vec<f64> {
        let columns = self.columns(config, batch);
        let rollout = self.agent.rollout(batch);
        self.agent.gradient(&rollout, &columns, false, batch.len()).unwrap()
    }
}

fn square(g: &[f64]) -> f64 {
    g.iter().map(|g| g * g).sum()
}

#[track_caller]
fn assert_close(what: &str, got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * want.abs(), "{what}: {got} instead of {want}");
}

/// The numbers of the closed form: `b* = (1 + 2 theta) / (1 - theta)` of the one-state problem is
/// the quotient of the expectations of what production weighs by; so is its variance,
/// `4 / (1 - theta)^4`.
#[test]
fn one_state_problem_in_closed_form() {
    for theta in [0.1, 0.3, 0.5, 0.7, 0.9] {
        let mut subject = Subject::of("one-state");
        // The state is observed as 0: the bias, the second parameter, is the probability.
        subject.setup.agent.set_theta(&[0.0, theta]);
        subject.setup.policy = PolicyTable::of(&subject.setup.agent);
        subject.all = subject.setup.trajectories().unwrap();
        let stop = 1.0 - theta;
        subject.setup.solution.grad = vec![0.0, 1.0 / (stop * stop)];
        let best = (1.0 + 2.0 * theta) / stop;
        let (mut above, mut below) = (0.0, 0.0);
        for trajectory in subject.all.clone() {
            let (w, r) = subject.weighed(&trajectory);
            above += trajectory.probability * w * r;
            below += trajectory.probability * w;
        }
        assert_close("b*", above / below, best, 1e-10);
        let variance = subject.variances(&constant(above / below))[1];
        assert_close("variance at b*", variance, 4.0 / (stop * stop * stop * stop), 1e-10);
    }
}

/// Squares of scores from the learner's vjp are those of the exact policy table: of whole
/// trajectories for total returns, of single steps for reward-to-go.
#[test]
fn squares_are_those_of_the_exact_scores() {
    for name in ["fork", "chain-2", "chain-3", "tiger-3", "one-state"] {
        let mut subject = Subject::of(name);
        // Not the first ones alone, which are alike.
        let picked: Vec<Trajectory> = subject.all.iter().step_by(3).take(4).cloned().collect();
        let batch: Vec<&Trajectory> = picked.iter().collect();
        let n = batch.len().div_ceil(2);
        for kind in [Kind::TotalReturn, Kind::RewardToGo] {
            let columns = subject.learning().columns(&config(kind, Baseline::Optimal), &batch);
            for (i, pair) in batch.chunks(2).enumerate() {
                let mut t = 0;
                for trajectory in pair {
                    let whole = square(&subject.score(trajectory));
                    for visit in &trajectory.visits {
                        let (obs, action) = (visit.obs as usize, visit.action as usize);
                        let step = square(subject.setup.policy.score(obs, action));
                        let want = if kind == Kind::TotalReturn { whole } else { step };
                        let got = columns.score_square[t * n + i];
                        assert!((got - want).abs() < 1e-12 * (1.0 + want), "{name}: {got} {want}");
                        t += 1;
                    }
                }
            }
        }
    }
}

/// The baselines of episodes of one step in one environment.
fn baselines(weights: &[f64], x: &[f64], time: &[u32], per_trajectory: bool) -> Vec<f64> {
    let zeros = vec![0.0; x.len()];
    let steps = Steps {
        t: x.len(),
        n: 1,
        reward: &zeros,
        discount: &zeros,
        carry: &zeros,
        value: &zeros,
        next_value: &zeros,
        score_square: weights,
        valid: &vec![true; x.len()],
        time,
        gamma: 1.0,
    };
    let mut out = x.to_vec();
    subtract_optimal(&steps, per_trajectory, &mut Samples::default(), &mut out);
    x.iter().zip(out).map(|(x, out)| x - out).collect()
}

/// Three episodes of one step with `w = 1, 3, 2` and `R = 4, 0, 6`. Less the first,
/// `(0 3 + 6 2) / 5 = 2.4`; less the second, `(4 + 12) / 3 = 16/3`; less the third, `4 / 4 = 1`.
/// A second step is alone at its time: 0. Where the others have no score: 0.
#[test]
fn weighted_means_of_the_others() {
    for (per_trajectory, times) in [(true, [0, 1, 2]), (false, [5, 5, 5])] {
        let b = baselines(&[1.0, 3.0, 2.0], &[4.0, 0.0, 6.0], &times, per_trajectory);
        for (got, want) in b.iter().zip([2.4, 16.0 / 3.0, 1.0]) {
            assert_close("b", *got, want, 1e-15);
        }
    }
    assert_eq!(baselines(&[1.0, 3.0, 2.0], &[4.0, 0.0, 6.0], &[0, 1, 0], false), [6.0, 0.0, 4.0]);
    assert_eq!(baselines(&[1.0, 0.0], &[4.0, 6.0], &[0, 0], true), [0.0, 4.0]);
    assert_eq!(baselines(&[1.0], &[4.0], &[0], true), [0.0]);
    // So little weight beside the one left out that rounding leaves noise of it: the baseline
    // stays among the numbers that it is a mean of.
    let b = baselines(&[1.0, 3e-16, 1e-16], &[7.0, 1.0, 2.0], &[0, 0, 0], true);
    assert!((1.0..=7.0).contains(&b[0]), "{b:?}");
    // A NaN is not hidden.
    assert!(baselines(&[1.0, f64::NAN], &[4.0, 6.0], &[0, 0], true)[0].is_nan());
}

/// The gradient with a baseline per parameter is the sum that defines it, from one score per
/// sample, `1/N sum_i g_i (R_i - b_i)`, `b_i = sum_j g_j^2 R_j / sum_j g_j^2` over j other than i:
/// trajectories for total returns; for reward-to-go steps, j at the same time.
#[test]
fn baselines_per_parameter_are_those_of_the_definition() {
    for (name, kind) in [
        ("fork", Kind::TotalReturn),
        ("tiger-3", Kind::TotalReturn),
        ("chain-2", Kind::RewardToGo),
        ("tiger-3", Kind::RewardToGo),
    ] {
        let mut subject = Subject::of(name);
        let picked: Vec<Trajectory> = subject.all.iter().step_by(5).take(5).cloned().collect();
        let batch: Vec<&Trajectory> = picked.iter().collect();
        let got = subject.learning().gradient(&config(kind, Baseline::OptimalPerParameter), &batch);
        // Score, weight and group of every sample.
        let mut samples: Vec<(Vec<f64>, f64, usize)> = Vec::new();
        for trajectory in &batch {
            let weight =
                subject.learning().columns(&config(kind, Baseline::None), &[trajectory]).advantage;
            if kind == Kind::TotalReturn {
                samples.push((subject.score(trajectory), weight[0], 0));
            } else {
                for (t, visit) in trajectory.visits.iter().enumerate() {
                    let (obs, action) = (visit.obs as usize, visit.action as usize);
                    let score = subject.setup.policy.score(obs, action).to_vec();
                    samples.push((score, weight[t], t));
                }
            }
        }
        for (p, got) in got.iter().enumerate() {
            let mut want = 0.0;
            for (i, (g, r, group)) in samples.iter().enumerate() {
                let (mut above, mut below) = (0.0, 0.0);
                for (_, (g, r, _)) in
                    samples.iter().enumerate().filter(|(j, s)| *j != i && s.2 == *group)
                {
                    above += g[p] * g[p] * r;
                    below += g[p] * g[p];
                }
                let b = if below == 0.0 { 0.0 } else { above / below };
                want += g[p] * (r - b) / batch.len() as f64;
            }
            assert!((got - want).abs() < 1e-12 * (1.0 + want.abs()), "{name}, {p}: {got} {want}");
        }
    }
}

/// What is optimal about them: `E[|g|^2 R] / E[|g|^2]` leaves less variance in total than no
/// baseline, the mean return and its neighbours, and the number of each parameter less of that
/// parameter's variance than the number of all.
#[test]
fn the_optimal_constant_leaves_the_least_variance() {
    for name in ["bandit", "sparse", "fork", "chain-2", "tiger-3"] {
        let mut subject = Subject::of(name);
        let best = subject.best(square);
        let at_best = subject.variances(&constant(best));
        let total: f64 = at_best.iter().sum();
        for b in [0.0, subject.best(|_| 1.0), best + 0.1, best - 0.1] {
            let other: f64 = subject.variances(&constant(b)).iter().sum();
            assert!(total <= other * (1.0 + 1e-12), "{name}: {total} at b*, {other} at {b}");
        }
        let plain = subject.variances(&constant(0.0));
        for (p, pair) in at_best.iter().zip(&plain).enumerate() {
            let own = subject.best(|g| g[p] * g[p]);
            for (b, other) in [(best, *pair.0), (0.0, *pair.1)] {
                let at_own = subject.variances(&constant(own))[p];
                assert!(at_own <= other * (1.0 + 1e-12), "{name}, {p}: {at_own}, {other} at {b}");
            }
        }
    }
}

/// Estimated from more trajectories, the baseline comes closer to the best constant: of batches of
/// 2 and 4 the variance times N falls towards that of one trajectory with b*.
#[test]
fn estimates_of_the_baseline_converge() {
    for (name, gamma) in [("bandit", 1), ("fork", 1)] {
        let mut subject = Subject::of(name);
        let best = subject.best(square);
        let limit: f64 = subject.variances(&constant(best)).iter().sum();
        for baseline in ["optimal", "optimal-per-parameter"] {
            let filter = format!("{name} softmax-table gamma={gamma} total-return {baseline}");
            let report = verify(&Options { filter, ..Options::default() }).unwrap();
            let row = report.rows.iter().find(|r| r.name.ends_with(baseline)).unwrap();
            let scaled = |n| {
                let batch = row.batches.iter().find(|b| b.n == n).unwrap();
                batch.variance.unwrap() * n as f64
            };
            assert!(scaled(4) < scaled(2), "{}: {} and {}", row.name, scaled(2), scaled(4));
            assert!(scaled(4) > 0.9 * limit, "{}: {} below {limit}", row.name, scaled(4));
        }
    }
}

/// A column of the wrong length is named.
#[test]
#[should_panic(expected = "column score_square: expected T * N rows")]
fn missing_scores_are_named() {
    baselines(&[], &[4.0, 6.0], &[0, 0], true);
}
