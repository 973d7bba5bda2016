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

#[test]
fn a_setting_beats_the_variable_and_is_named() {
    let bench = Bench::new();
    bench.write("run.toml", "mujoco.library = \"/else/mujoco.so\"\nenv.id = \"Ant-v5\"\n");
    for line in ["train HalfCheetah-v5 --set mujoco.library=/else/mujoco.so", "train run.toml"] {
        let ran = without_mujoco(&bench, line);
        assert_eq!(ran.code, 2, "{line}: {}", ran.err);
        let expected = "-v5: mujoco.library = /else/mujoco.so: neither the library of MuJoCo";
        assert!(ran.err.contains(expected), "{line}: {}", ran.err);
    }
    let places = "--set mujoco.library=/else/mujoco.so --set mujoco.models=/else/models";
    let ran = without_mujoco(&bench, &format!("check mujoco {places}"));
    assert_eq!(ran.code, 1, "{}", ran.err);
    for part in ["mujoco.library = /else/mujoco.so: ", "mujoco.models = /else/models: not a folder"]
    {
        assert!(ran.out.contains(part), "{}", ran.out);
    }
    let ran = without_mujoco(&bench, "check mujoco --set lr=1");
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("--set lr=1: expected mujoco.library=PATH or"), "{}", ran.err);
}

/// Who says where something is stands behind it.
#[test]
fn check_mujoco_says_who_named_a_place() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("models")).unwrap();
    let report = without_mujoco(&bench, "check mujoco --set mujoco.models=models --json").json();
    assert_eq!(report["models"], "models");
    assert_eq!(report["models_by"], "mujoco.models");
    let ran = without_mujoco(&bench, "check mujoco --set mujoco.models=models");
    assert!(ran.out.contains("  models   models (mujoco.models)"), "{}", ran.out);
}

#[test]
fn a_description_is_a_file_whose_faults_are_told() {
    let bench = Bench::new();
    let ran = without_mujoco(&bench, "train own.mjcf.toml");
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("own.mjcf.toml: cannot read: "), "{}", ran.err);
    bench.write("own.mjcf.toml", "model = \"own.xml\"\nframe_skip = 0\n");
    let ran = without_mujoco(&bench, "train own.mjcf.toml");
    assert_eq!(ran.code, 2, "{}", ran.err);
    let expected = "own.mjcf.toml:2: frame_skip = 0, expected a whole number from 1 to";
    assert!(ran.err.contains(expected), "{}", ran.err);
    bench.write("own.mjcf.toml", "model = \"own.xml\"\n");
    let ran = without_mujoco(&bench, "check own.mjcf.toml");
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("own.mjcf.toml: GRADWERK_MUJOCO = /nowhere/"), "{}", ran.err);
}
