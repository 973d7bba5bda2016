//! The documented solutions of the probes are those of the probes themselves.

use gradwerk_env::{
    Actions, BestAction, End, EnvFactory, EpisodeKeys, ProbeSolution, StepRows, registry,
};

const DISCOUNT: f64 = 0.9;

fn best(action: BestAction, discrete: bool) -> (Vec<u32>, Vec<f32>) {
    let any = if discrete { (vec![1], vec![]) } else { (vec![], vec![0.3]) };
    action.components().unwrap_or(any)
}

/// Under the best policy every step satisfies Bellman's equation with the documented values,
/// `V(s) = r + discount V(s')`, with 0 for what follows a termination and the value of the final
/// observation at a truncation.
fn bellman(factory: &dyn EnvFactory, solution: &ProbeSolution) {
    let keys = EpisodeKeys::Training { first: 0 };
    let mut env = factory.make(3, keys, 1, &factory.default_settings());
    let d = env.observation_space().width();
    let discrete = env.action_space().action_widths().0 > 0;
    let (mut obs, mut final_obs) = (vec![0.0; d], vec![0.0; d]);
    let (mut reward, mut end) = ([0.0], [End::Continue]);
    env.reset(&mut obs);
    let mut seen = vec![false; solution.states.len()];
    for _ in 0..200 {
        let state = solution.state(&obs).expect("a documented state");
        seen[solution.states.iter().position(|s| s == state).unwrap()] = true;
        let mut mask = vec![true; env.mask_width()];
        env.masks(&mut mask);
        assert_eq!(mask, state.mask, "{} at {:?}", factory.id(), state.obs);
        let (a, x) = best(state.action, discrete);
        let mut rows = StepRows {
            obs: &mut obs,
            reward: &mut reward,
            end: &mut end,
            final_obs: &mut final_obs,
        };
        env.step(Actions { discrete: &a, continuous: &x }, &[true], &mut rows);
        let value = |obs: &[f32]| solution.state(obs).expect("a documented state").value;
        let next = match end[0] {
            End::Continue => DISCOUNT * value(&obs),
            End::Terminated => 0.0,
            End::Truncated => DISCOUNT * value(&final_obs),
        };
        let error = state.value - (reward[0] + next);
        assert!(error.abs() < 1e-12, "{} at {:?}: off by {error}", factory.id(), state.obs);
    }
    assert!(seen.iter().all(|s| *s), "{}: a documented state never occurs", factory.id());
}

#[test]
fn every_probe_has_the_solution_it_documents() {
    let mut probes = 0;
    for factory in registry::all() {
        let solution = factory.solution(DISCOUNT);
        assert_eq!(solution.is_some(), factory.id().starts_with("probe/"), "{}", factory.id());
        if let Some(solution) = solution {
            bellman(*factory, &solution);
            probes += 1;
        }
    }
    assert_eq!(probes, 11);
}

#[test]
fn known_values() {
    let values = |id: &str| -> Vec<f64> {
        let solution = registry::find(id).unwrap().solution(DISCOUNT).expect("a probe");
        solution.states.iter().map(|s| s.value).collect()
    };
    let close = |got: Vec<f64>, want: &[f64]| {
        assert_eq!(got.len(), want.len());
        assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?} not {want:?}");
    };
    // 1 / (1 - 0.9) = 10 in the last state, 0.9 times as much one state earlier.
    close(values("probe/truncation-chain"), &[7.29, 8.1, 9.0, 10.0]);
    close(values("probe/two-step-discount"), &[0.9, 1.0]);
    // Signs -1, then 1: first step (1 + c/2) + 0.9 (1 - c/2), second 1 + c/2:
    // 0.5 + 0.9 * 1.5 = 1.85, 0.5; 1.5 + 0.9 * 0.5 = 1.95, 1.5.
    close(values("probe/all"), &[1.85, 0.5, 1.95, 1.5]);
    // 1 + y/4 for the rows 0 to 3, four places each.
    let rows = [1.0, 1.25, 1.5, 1.75];
    close(values("probe/pixel"), &rows.map(|value| [value; 4]).concat());
    // The same two numbers as above from a choice and a number at once.
    close(values("probe/hybrid"), &[1.85, 0.5, 1.95, 1.5]);
    // e(-1) = 1, e(1) = 3: 1 + 0.9 * 3 = 3.7, 1; 3 + 0.9 * 1 = 3.9, 3.
    close(values("probe/masked"), &[3.7, 1.0, 3.9, 3.0]);
    // (1 - 0.9) c/2 = -0.05, c/2 = -0.5; 0.05, 0.5.
    close(values("probe/all-continuous"), &[-0.05, -0.5, 0.05, 0.5]);
}

/// The other action, or a little more or less of a continuous one, earns less.
#[test]
fn the_best_actions_are_best() {
    for id in ["probe/action-reward", "probe/action-reward-continuous"] {
        let factory = registry::find(id).unwrap();
        let keys = EpisodeKeys::Training { first: 0 };
        let earn = |discrete: &[u32], continuous: &[f32]| {
            let mut env = factory.make(1, keys, 1, &factory.default_settings());
            let (mut obs, mut final_obs) = ([0.0], [0.0]);
            let (mut reward, mut end) = ([0.0], [End::Continue]);
            env.reset(&mut obs);
            let mut rows = StepRows {
                obs: &mut obs,
                reward: &mut reward,
                end: &mut end,
                final_obs: &mut final_obs,
            };
            env.step(Actions { discrete, continuous }, &[true], &mut rows);
            reward[0]
        };
        match factory.solution(1.0).unwrap().states[0].action {
            BestAction::Discrete(a) => assert!(earn(&[a], &[]) > earn(&[1 - a], &[])),
            BestAction::Continuous(x) => {
                assert!(earn(&[], &[x]) > earn(&[], &[x + 0.1]));
                assert!(earn(&[], &[x]) > earn(&[], &[x - 0.1]));
            }
            other => panic!("{id}: one action matters, not {other:?}"),
        }
    }
}
