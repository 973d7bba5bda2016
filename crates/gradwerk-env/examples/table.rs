//! Print the table of a finite problem as JSON, for comparison with other implementations:
//! `table ID`.
//!
//! The object has `env`, `states`, `actions`, `horizon`, `start`, `transitions`: per state and
//! action a list of `[probability, next, reward, terminated]`, and `shown`: the observation of
//! each state (`null` where it is drawn).

use gradwerk_env::{Mdp, find};
use serde_json::{Value, json};

fn outcomes(mdp: &Mdp, state: usize, action: usize) -> Value {
    let rows = mdp.row(state, action).iter();
    rows.map(|t| json!([t.probability, t.next, t.reward, t.terminated])).collect()
}

fn main() {
    let id = std::env::args().nth(1).expect("usage: table ID");
    let env = find(&id).unwrap_or_else(|error| panic!("{error}"));
    let mdp = env.mdp().unwrap_or_else(|| panic!("{id} is not a finite problem"));
    let of_state = |s: usize| -> Value { (0..mdp.actions).map(|a| outcomes(mdp, s, a)).collect() };
    let table = json!({
        "env": id,
        "states": mdp.states,
        "actions": mdp.actions,
        "horizon": env.default_time_limit(),
        "start": mdp.start,
        "transitions": (0..mdp.states).map(of_state).collect::<Value>(),
        "shown": (0..mdp.states).map(|s| mdp.shown(s)).collect::<Vec<_>>(),
    });
    println!("{table}");
}
