//! Every finite problem of the list is a valid table, and playing it follows the table.

use gradwerk_env::finite::problems;
use gradwerk_env::{
    Action, End, Env, EnvFactory, Mdp, MdpEnv, Observation, Stream, find, registry, snapshot,
};
use gradwerk_math::Purpose;
use std::sync::Arc;

fn tables() -> Vec<(&'static dyn EnvFactory, &'static Arc<Mdp>)> {
    let all = registry::all().iter();
    let tables: Vec<_> = all.filter_map(|env| Some((*env, env.mdp()?))).collect();
    assert_eq!(tables.len(), 14);
    tables
}

#[test]
fn every_table_is_valid() {
    for (env, mdp) in tables() {
        mdp.validate().unwrap_or_else(|error| panic!("{}: {error}", env.id()));
        assert_eq!(mdp.name, env.id());
    }
}

/// Frequencies of outcomes against their probabilities: Pearson's chi-square per (s, a), seeds
/// fixed. With k outcomes the statistic has k - 1 degrees of freedom; 60 is beyond 1e-8 for up
/// to 12 of them.
#[test]
fn outcomes_have_the_probabilities_of_the_table() {
    const DRAWS: usize = 3000;
    for id in ["FrozenLake-v1", "mdp/chain-5", "mdp/gridworld", "mdp/bandit", "Blackjack-v1"] {
        let mdp = find(id).unwrap().mdp().unwrap();
        let mut env = MdpEnv::new(mdp.clone());
        let (mut tested, fingerprint) = (0, mdp.fingerprint() as f64);
        for (state, action) in
            (0..mdp.states).flat_map(|s| (0..mdp.actions).map(move |a| (s, a))).step_by(3)
        {
            let row = mdp.row(state, action);
            let mut counts = vec![0.0; row.len()];
            let mut rng = Stream::new(5, Purpose::Test, state as u64, action as u64);
            for _ in 0..if row.len() > 1 { DRAWS } else { 0 } {
                let at = [fingerprint, state as f64];
                env.restore(&snapshot::encode(&at)).unwrap();
                let choice = [action as u32];
                let action = Action { discrete: &choice, continuous: &[] };
                let step = env.step(action, &mut rng, &mut [0.0]);
                let [_, next] = snapshot::decode(&env.snapshot().unwrap()).unwrap();
                let ended = step.end == End::Terminated;
                let same = |t: &&gradwerk_env::Transition| {
                    t.next as f64 == next && t.reward == step.reward && t.terminated == ended
                };
                // Outcomes that look the same share the count by their probabilities.
                let total: f64 = row.iter().filter(same).map(|t| t.probability).sum();
                assert!(total > 0.0, "{id}: state {state} action {action:?} led to {next}");
                for (k, t) in row.iter().enumerate().filter(|(_, t)| same(t)) {
                    counts[k] += t.probability / total;
                }
            }
            if row.len() > 1 {
                let term = |(n, t): (&f64, &gradwerk_env::Transition)| {
                    let expected = DRAWS as f64 * t.probability;
                    (n - expected) * (n - expected) / expected
                };
                let chi: f64 = counts.iter().zip(row).map(term).sum();
                assert!(chi < 60.0, "{id}: state {state}, action {action}: chi-square {chi}");
                tested += 1;
            }
        }
        assert!(tested > 0, "{id}: nothing tested");
    }
}

/// Tiger: a noise is heard on the right side 85 times in 100, and nothing before listening.
#[test]
fn observations_are_drawn_as_declared() {
    let mdp = find("mdp/tiger").unwrap().mdp().unwrap();
    assert!(matches!(mdp.observation, Observation::Emitted(_)));
    let mut env = MdpEnv::new(mdp.clone());
    let (mut obs, mut correct) = ([9.0], 0);
    for episode in 0..4000 {
        let mut rng = Stream::new(1, Purpose::Test, 0, episode);
        env.reset(&mut rng, &mut obs);
        assert_eq!(obs, [0.0]);
        let [_, side] = snapshot::decode(&env.snapshot().unwrap()).unwrap();
        let step = env.step(Action { discrete: &[0], continuous: &[] }, &mut rng, &mut obs);
        assert_eq!((step.reward, step.end), (-1.0, End::Continue));
        correct += i32::from(f64::from(obs[0]) == side + 1.0);
    }
    // Standard deviation sqrt(4000 * 0.85 * 0.15) = 22.6; five of them.
    assert!((correct - 3400).abs() < 113, "{correct} of 4000");
}

#[test]
fn a_snapshot_of_another_table_is_refused() {
    let (small, large) = (problems::chain(3), problems::chain(4));
    let mut env = MdpEnv::new(Arc::new(small));
    env.reset(&mut Stream::new(1, Purpose::Test, 0, 0), &mut [0.0]);
    let saved = env.snapshot().unwrap();
    env.restore(&saved).unwrap();
    let error = MdpEnv::new(Arc::new(large)).restore(&saved).unwrap_err().to_string();
    assert_eq!(error, "the state belongs to another table than `mdp/chain-4` now");
}

#[test]
fn limits_of_the_one_state_problem() {
    let env = find("mdp/one-state").unwrap();
    assert_eq!((env.mdp().unwrap().horizon, env.default_time_limit()), (None, Some(200)));
}
