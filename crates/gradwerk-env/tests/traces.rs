//! The native environments replay what Gymnasium did (`conformance/traces`, recorded by
//! `tests/python/record_traces.py`).

use gradwerk_env::{
    Actions, End, EnvFactory, EpisodeKeys, SlotState, StepRows, VecEnv, registry, snapshot,
};
use serde_json::Value;

/// An environment and the largest allowed difference of its observations: none, except where the
/// dynamics amplify the last bit of a sine.
const TRACES: [(&str, f32); 5] = [
    ("CartPole-v1", 0.0),
    ("MountainCar-v0", 0.0),
    ("MountainCarContinuous-v0", 0.0),
    ("Acrobot-v1", 1e-6),
    ("Pendulum-v1", 1e-6),
];

fn read(id: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/traces");
    let text = std::fs::read_to_string(format!("{folder}/{id}.json")).expect("a recorded trace");
    serde_json::from_str(&text).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// A batch of one slot in this state.
fn start(factory: &dyn EnvFactory, state: &[f64]) -> Box<dyn VecEnv> {
    let keys = EpisodeKeys::Training { first: 0 };
    let mut env = factory.make(0, keys, 1, &factory.default_settings());
    let slot = SlotState { snapshot: Some(snapshot::encode(state)), ..SlotState::default() };
    let obs = vec![0.0; env.observation_space().width()];
    env.load(&[slot], &obs).expect("a state of this environment");
    env
}

/// The observation that the step led to, its reward and end.
fn step(env: &mut dyn VecEnv, action: &Value) -> (Vec<f32>, f64, End) {
    let d = env.observation_space().width();
    let (mut obs, mut final_obs) = (vec![0.0; d], vec![0.0; d]);
    let (mut reward, mut end) = ([0.0], [End::Continue]);
    let discrete: Vec<u32> = action.as_u64().map(|a| a as u32).into_iter().collect();
    let continuous: Vec<f32> = match action.as_array() {
        Some(_) => numbers(action).iter().map(|x| *x as f32).collect(),
        None => vec![],
    };
    let actions = Actions { discrete: &discrete, continuous: &continuous };
    let mut rows =
        StepRows { obs: &mut obs, reward: &mut reward, end: &mut end, final_obs: &mut final_obs };
    env.step(actions, &[true], &mut rows);
    (if end[0].is_end() { final_obs } else { obs }, reward[0], end[0])
}

/// Gymnasium's two flags, of which termination wins.
fn recorded_end(episode: &Value, t: usize) -> End {
    match (&episode["terminated"][t], &episode["truncated"][t]) {
        (Value::Bool(true), _) => End::Terminated,
        (_, Value::Bool(true)) => End::Truncated,
        _ => End::Continue,
    }
}

/// Replay an episode; its last end.
fn replay(factory: &dyn EnvFactory, episode: &Value, tolerance: f32, place: &str) -> End {
    let mut env = start(factory, &numbers(&episode["initial_state"]));
    let actions = episode["actions"].as_array().expect("actions");
    let mut last = End::Continue;
    for (t, action) in actions.iter().enumerate() {
        let (obs, reward, end) = step(&mut *env, action);
        for (k, want) in numbers(&episode["obs"][t]).into_iter().enumerate() {
            let difference = (obs[k] - want as f32).abs();
            assert!(difference <= tolerance, "{place} step {t}: obs[{k}] {} not {want}", obs[k]);
        }
        let want = episode["rewards"][t].as_f64().expect("a reward");
        assert!((reward - want).abs() <= 1e-6, "{place} step {t}: reward {reward} not {want}");
        assert_eq!(end, recorded_end(episode, t), "{place} step {t}");
        last = end;
    }
    if last == End::Continue {
        check_state(&*env, &numbers(&episode["final_state"]), place);
    }
    last
}

/// The state itself, which shows what observations hide (a wrapped angle).
fn check_state(env: &dyn VecEnv, want: &[f64], place: &str) {
    let bytes = env.save().remove(0).snapshot.expect("a snapshot");
    let got = bytes.chunks_exact(8).map(|x| snapshot::decode::<1>(x).expect("a number")[0]);
    for (k, (got, want)) in got.zip(want).enumerate() {
        assert!((got - want).abs() <= 1e-6, "{place}: state[{k}] is {got}, not {want}");
    }
}

#[test]
fn native_environments_replay_gymnasium() {
    for (id, tolerance) in TRACES {
        let (trace, factory) = (read(id), registry::find(id).expect("a built-in environment"));
        let episodes = trace["episodes"].as_array().expect("episodes");
        let mut ends = 0;
        for (k, episode) in episodes.iter().enumerate() {
            let end = replay(factory, episode, tolerance, &format!("{id} episode {k}"));
            ends += usize::from(end.is_end());
        }
        // At least one long episode and the four that start near the bounds.
        assert!(episodes.len() >= 5 && ends >= 1, "{id}: {ends} of {} end", episodes.len());
    }
}
