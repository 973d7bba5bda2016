//! What the program says where MuJoCo is missing, which these tests pretend.

mod common;

use common::{Bench, Ran};
use serde_json::Value;

/// Run a command line that finds no MuJoCo.
fn without_mujoco(bench: &Bench, line: &str) -> Ran {
    let mut command = bench.command(line);
    command.env("GRADWERK_MUJOCO", "/nowhere/libmujoco.so");
    Ran::of(command.output().unwrap())
}

#[test]
fn a_missing_library_is_named_and_explained() {
    let bench = Bench::new();
    for line in ["train HalfCheetah-v5", "check Ant-v5", "config show Hopper-v5"] {
        let ran = without_mujoco(&bench, line);
        assert_eq!(ran.code, 2, "{line}: {}", ran.err);
        for part in ["-v5: GRADWERK_MUJOCO = /nowhere/libmujoco.so: neither the library", ".so"] {
            assert!(ran.err.contains(part), "{line}: {}", ran.err);
        }
    }
}

#[test]
fn check_mujoco_says_what_is_missing_and_how_to_get_it() {
    let bench = Bench::new();
    let ran = without_mujoco(&bench, "check mujoco");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("MISSING") && ran.out.contains("pip install mujoco gymnasium"));
    let report: Value = without_mujoco(&bench, "check mujoco --json").json();
    assert_eq!((&report["passed"], &report["version"]), (&Value::Bool(false), &Value::Null));
    assert!(!report["missing"].as_array().unwrap().is_empty());
}

#[test]
fn tasks_are_listed_without_mujoco() {
    let bench = Bench::new();
    let envs = without_mujoco(&bench, "list envs --json").json();
    let tasks: Vec<&Value> = envs["envs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|env| env["summary"].as_str().unwrap().ends_with("needs MuJoCo"))
        .collect();
    assert_eq!(tasks.len(), 10);
    assert_eq!(tasks[0]["name"], "HalfCheetah-v5");
    assert_eq!(tasks[0]["observation_space"], "Box(17)");
}
