//! Finite problems from files: what can be written, and how mistakes are reported.

use gradwerk_env::finite::file;
use gradwerk_env::finite::problems::chain;
use gradwerk_env::{Mdp, Observation, check_env, find};

const TOML: &str = r#"
name = "two rooms"
states = ["left", "right", "out"]
actions = ["stay", "go"]
start = { left = 0.5, right = 0.5 }
discount = 0.9
horizon = 20

[[transitions]]
state = "left"
action = "stay"
next = "left"

[[transitions]]
state = "left"
action = "go"
next = "right"
probability = 0.75

[[transitions]]
state = "left"
action = "go"
next = "left"
probability = 0.25
reward = -1

[[transitions]]
state = "right"
action = "stay"
next = "right"

[[transitions]]
state = "right"
action = "go"
next = "out"
reward = 1.5
terminated = true
"#;

const JSON: &str = r#"{
  "name": "two rooms", "states": ["left", "right", "out"], "actions": ["stay", "go"],
  "start": [0.5, 0.5, 0], "discount": 0.9, "horizon": 20,
  "transitions": [
    {"state": 0, "action": 0, "next": 0},
    {"state": 0, "action": "go", "next": "right", "probability": 0.75},
    {"state": 0, "action": "go", "next": "left", "probability": 0.25, "reward": -1},
    {"state": "right", "action": 0, "next": 1},
    {"state": "right", "action": 1, "next": 2, "reward": 1.5, "terminated": true}
  ]
}"#;

fn expected() -> Mdp {
    let mut mdp = Mdp::new("two rooms", 3, 2);
    mdp.start = vec![0.5, 0.5, 0.0];
    (mdp.discount, mdp.horizon) = (Some(0.9), Some(20));
    mdp.goes((0, 0), 1.0, 0, 0.0);
    mdp.goes((0, 1), 0.75, 1, 0.0);
    mdp.goes((0, 1), 0.25, 0, -1.0);
    mdp.goes((1, 0), 1.0, 1, 0.0);
    mdp.ends((1, 1), 1.0, 2, 1.5);
    mdp
}

#[test]
fn both_formats_say_the_same() {
    assert_eq!(file::parse(TOML, "a.mdp.toml").unwrap(), expected());
    assert_eq!(file::parse(JSON, "a.mdp.json").unwrap(), expected());
}

/// The error of `TOML` after a replacement.
fn fault(old: &str, new: &str) -> String {
    assert!(TOML.contains(old), "{old}");
    file::parse(&TOML.replacen(old, new, 1), "a.mdp.toml").unwrap_err().to_string()
}

#[test]
fn mistakes_are_reported_with_their_line() {
    assert_eq!(
        fault("0.75", "0.5"),
        "a.mdp.toml:14: state 0, action 1: the probabilities of the outcomes sum to 0.75, \
         expected 1 (state \"left\", action \"go\")"
    );
    assert_eq!(
        fault("0.25", "-0.25"),
        "a.mdp.toml:20: state 0, action 1, outcome 1: probability = -0.25, expected a number \
         from 0 to 1 (state \"left\", action \"go\")"
    );
    assert_eq!(
        fault("next = \"out\"", "next = \"exit\""),
        "a.mdp.toml:35: next = \"exit\", expected one of left, right, out, or a whole number \
         below 3"
    );
    assert_eq!(
        fault("reward = 1.5", "rewrad = 1.5"),
        "a.mdp.toml:36: unknown key `rewrad` in a transition, expected one of state, action, \
         next, probability, reward, terminated"
    );
    assert!(fault("horizon = 20", "horizn = 20").contains(":7: unknown key `horizn`"));
    assert!(fault("horizon = 20", "horizon = 0").contains(":7: horizon = 0, expected"));
    assert!(fault("discount = 0.9", "discount = 2").contains("discount = 2, expected"));
    assert!(fault("terminated = true", "terminated = 1").contains(":37: terminated = 1"));
    assert!(fault("right = 0.5", "right = 0.25").contains(":5: the probabilities of start"));
    assert!(fault("name = ", "name = = ").contains("a.mdp.toml:2: not valid TOML"));
    assert!(fault("next = \"out\"", "next = \"left\"").contains("state 2: no episode reaches it"));
    assert!(fault("next = \"right\"\n\n", "probability = 1\n").contains("lacks `next`"));
}

#[test]
fn an_endless_problem_without_discount_is_refused() {
    let endless = TOML.replace("horizon = 20", "").replace("discount = 0.9", "");
    assert!(file::parse(&endless, "a.mdp.toml").is_ok(), "\"go\" gets out with certainty");
    let trap = endless
        .replace("next = \"out\"", "next = \"right\"")
        .replace("terminated = true", "")
        .replace("states = [\"left\", \"right\", \"out\"]", "states = [\"left\", \"right\"]");
    let error = file::parse(&trap, "a.mdp.toml").unwrap_err().to_string();
    assert!(error.contains("state 0: no action sequence ends the episode"), "{error}");
}

#[test]
fn mistakes_in_json_are_reported_with_their_line() {
    let fault = |old: &str, new: &str| {
        assert!(JSON.contains(old), "{old}");
        file::parse(&JSON.replacen(old, new, 1), "a.mdp.json").unwrap_err().to_string()
    };
    assert!(fault("0.75", "0.5").starts_with("a.mdp.json:6: state 0, action 1: the probabilities"));
    assert!(fault("\"reward\": -1", "\"reward\": null").starts_with("a.mdp.json:7: reward = null"));
    let twice = fault("\"reward\": -1", "\"reward\": -1, \"reward\": -2");
    assert_eq!(twice, "a.mdp.json:7: a transition says `reward` twice");
    assert!(fault("true", "tru").starts_with("a.mdp.json:9: not valid JSON"));
}

#[test]
fn a_partially_observed_problem() {
    let text = r#"
states = 2
actions = 1
start = [0.5, 0.5]
horizon = 3
observations = ["dark", "light"]
transitions = [
  { state = 0, action = 0, next = 1 },
  { state = 1, action = 0, next = 0, reward = 1 },
]
first_observations = [{ state = 0, observation = "dark" }, { state = 1, observation = "dark" }]
later_observations = [
  { action = 0, state = 0, observation = "light" },
  { action = 0, state = 1, observation = "light", probability = 0.25 },
  { action = 0, state = 1, observation = "dark", probability = 0.75 },
]
"#;
    let mdp = file::parse(text, "a.mdp.toml").unwrap();
    assert!(matches!(mdp.observation, Observation::Emitted(_)));
    assert_eq!(mdp.emitted_after(0, 1), Some(&[0.75, 0.25][..]));
    assert_eq!(mdp.emitted_first(1), Some(&[1.0, 0.0][..]));
    let error = file::parse(&text.replace("0.25", "0.5"), "a.mdp.toml").unwrap_err().to_string();
    assert!(error.contains("state 1, action 0: the probabilities of observation"), "{error}");
    let orphan = text.replace("observations = [\"dark\", \"light\"]\n", "");
    let error = file::parse(&orphan, "a.mdp.toml").unwrap_err().to_string();
    assert!(error.contains("first_observations needs `observations`"), "{error}");
}

#[test]
fn a_file_is_found_by_its_name_and_keeps_its_promises() {
    let folder = std::env::temp_dir().join(format!("gradwerk-mdp-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("rooms.mdp.toml");
    std::fs::write(&path, TOML).unwrap();
    let id = path.to_str().unwrap();
    let env = find(id).unwrap();
    assert_eq!((env.id(), env.default_time_limit()), (id, Some(20)));
    assert!(std::ptr::eq(env, find(id).unwrap()), "the same table is the same factory");
    let report = check_env(env, &env.default_settings(), 3);
    assert!(report.passed(), "{report}");
    std::fs::write(&path, TOML.replace("1.5", "2.5")).unwrap();
    assert_eq!(find(id).unwrap().mdp().unwrap().row(1, 1)[0].reward, 2.5);
    std::fs::remove_dir_all(&folder).unwrap();
    let error = find(id).err().expect("no file").to_string();
    assert!(error.starts_with(&format!("{id}: cannot read: ")), "{error}");
}

#[test]
fn chains_of_any_length_are_found() {
    assert_eq!(**find("mdp/chain-9").unwrap().mdp().unwrap(), chain(9));
    for wrong in ["mdp/chain-1", "mdp/chain-x", "mdp/chain-05", "mdp/chain-5000"] {
        assert!(find(wrong).is_err(), "{wrong}");
    }
}
