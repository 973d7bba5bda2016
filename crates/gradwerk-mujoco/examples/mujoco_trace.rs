//! Print what a task does under random actions as JSON, for comparison with Gymnasium:
//! `mujoco_trace ID SEED STEPS`.
//!
//! An episode has `initial_state` and `final_state` (the simulator's state, from its snapshot:
//! clock, positions, velocities, ...), `initial_obs`, and per step `actions` (up to a quarter
//! beyond their bounds), `obs` (what the step led to), `rewards`, `terminated` and `truncated`.

use gradwerk_env::{Actions, End, EpisodeKeys, StepRows, VecEnv, registry, snapshot};
use gradwerk_math::{Purpose, Stream};
use serde_json::{Value, json};

/// The simulator's state, behind the three numbers that come first in a task's snapshot.
fn state(env: &dyn VecEnv) -> Vec<f64> {
    let bytes = env.save().remove(0).snapshot.expect("tasks can be saved");
    snapshot::decode_all(&bytes, bytes.len() / 8).expect("finite numbers").split_off(3)
}

/// Step until the episode ends, or `most` times.
fn episode(env: &mut dyn VecEnv, obs: &mut [f32], rng: &mut Stream, most: usize) -> Value {
    let (_, high) = env.action_space().action_bounds();
    let (initial_state, initial_obs) = (state(env), obs.to_vec());
    let (mut actions, mut seen, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
    let (mut end, mut last, mut final_state) = (End::Continue, obs.to_vec(), Vec::new());
    while rewards.len() < most && !end.is_end() {
        let action: Vec<f32> =
            high.iter().map(|h| 1.25 * h * (2.0 * rng.uniform() - 1.0)).collect();
        let (mut reward, mut ends) = ([0.0], [End::Continue]);
        let mut rows = StepRows { obs, reward: &mut reward, end: &mut ends, final_obs: &mut last };
        env.step(Actions { discrete: &[], continuous: &action }, &[true], &mut rows);
        end = ends[0];
        seen.push(if end.is_end() { last.clone() } else { obs.to_vec() });
        rewards.push(reward[0]);
        actions.push(action);
        if !end.is_end() {
            final_state = state(env);
        }
    }
    json!({
        "initial_state": initial_state, "initial_obs": initial_obs, "actions": actions,
        "obs": seen, "rewards": rewards, "terminated": end == End::Terminated,
        "truncated": end == End::Truncated, "final_state": final_state,
    })
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [id, seed, steps] = args.as_slice() else {
        eprintln!("usage: mujoco_trace ID SEED STEPS");
        std::process::exit(2);
    };
    gradwerk_mujoco::install();
    let factory = registry::find(id).unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(2);
    });
    let seed = seed.parse().expect("SEED is a whole number");
    let mut left: usize = steps.parse().expect("STEPS is a whole number");
    let keys = EpisodeKeys::Training { first: 0 };
    let mut env = factory.make(seed, keys, 1, &factory.default_settings());
    let mut obs = vec![0.0; env.observation_space().width()];
    env.reset(&mut obs);
    let (mut rng, mut episodes) = (Stream::new(seed, Purpose::Test, 0, 0), Vec::new());
    while left > 0 {
        let episode = episode(&mut *env, &mut obs, &mut rng, left);
        left -= episode["rewards"].as_array().map_or(0, Vec::len);
        episodes.push(episode);
    }
    println!("{}", json!({ "env": id, "simulator": factory.simulator(), "episodes": episodes }));
}
