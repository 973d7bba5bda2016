//! A file with a finite problem is an environment for every verb.

mod common;

use common::Bench;

const ROOMS: &str = r#"
states = ["left", "right", "out"]
actions = ["stay", "go"]
start = "left"
horizon = 20
transitions = [
  { state = "left", action = "stay", next = "left" },
  { state = "left", action = "go", next = "right" },
  { state = "right", action = "stay", next = "right" },
  { state = "right", action = "go", next = "out", reward = 1.5, terminated = true },
]
"#;

#[test]
fn train_resume_eval_and_check_take_a_file() {
    let bench = Bench::new();
    bench.write("rooms.mdp.toml", ROOMS);
    let checked = bench.json("check rooms.mdp.toml");
    assert_eq!(checked["passed"], true);
    let whole = bench.json("train rooms.mdp.toml --steps 4096 --set lr=0.01 --run-dir whole");
    assert_eq!(whole["env"], "rooms.mdp.toml");
    bench.json("train rooms.mdp.toml --steps 4096 --set lr=0.01 --stop-at 1024 --run-dir parts");
    let resumed = bench.json("resume parts");
    assert_eq!(resumed["state_sha256"], whole["state_sha256"]);
    let score = bench.json("eval whole --episodes 10");
    assert_eq!(score["mean_return"], 1.5);
}

#[test]
fn a_changed_table_does_not_continue_a_run() {
    let bench = Bench::new();
    bench.write("rooms.mdp.toml", ROOMS);
    bench.json("train rooms.mdp.toml --steps 4096 --stop-at 1024 --run-dir run");
    bench.write("rooms.mdp.toml", &ROOMS.replace("1.5", "2.5"));
    let ran = bench.run("resume run");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("belongs to another table than `rooms.mdp.toml` now"), "{}", ran.err);
}

#[test]
fn a_faulty_file_is_a_usage_error_with_its_line() {
    let bench = Bench::new();
    bench.write("rooms.mdp.toml", &ROOMS.replace("next = \"out\"", "next = \"exit\""));
    for verb in ["train", "check", "config validate"] {
        let ran = bench.run(&format!("{verb} rooms.mdp.toml"));
        assert_eq!(ran.code, 2, "{verb}: {}", ran.err);
        let expected = "rooms.mdp.toml:10: next = \"exit\", expected one of left, right, out";
        assert!(ran.err.contains(expected), "{verb}: {}", ran.err);
    }
    let missing = bench.run("train nothing.mdp.toml");
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("nothing.mdp.toml: cannot read"), "{}", missing.err);
}
