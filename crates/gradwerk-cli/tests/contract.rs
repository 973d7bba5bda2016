//! What scripts rely on: JSON keys, files of a run, lists, configurations.

mod common;

use common::Bench;
use serde_json::Value;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn train_and_eval_print_one_object_with_the_documented_keys() {
    let bench = Bench::new();
    let result = bench.json("train CartPole-v1 --steps 5000 --seed 3 --threads 2");
    let mut expected = vec![
        "env",
        "algo",
        "seed",
        "threads",
        "steps",
        "updates",
        "episodes",
        "wall_s",
        "steps_per_s",
        "mean_return_100",
        "best_mean_return_100",
        "solved_at_steps",
        "solved_at_s",
        "params_sha256",
        "state_sha256",
        "exact_resume",
        "run_dir",
    ];
    expected.sort_unstable();
    assert_eq!(keys(&result), expected);
    assert_eq!((&result["env"], &result["algo"]), (&"CartPole-v1".into(), &"ppo".into()));
    assert_eq!((&result["seed"], &result["threads"]), (&3.into(), &2.into()));
    assert!(result["steps"].as_u64().unwrap() >= 5000);
    assert_eq!(result["run_dir"], "runs/CartPole-v1-ppo-s3-1");
    assert_eq!((&result["solved_at_s"], &result["solved_at_steps"]), (&Value::Null, &Value::Null));
    assert_eq!(result["params_sha256"].as_str().unwrap().len(), 64);

    let eval = bench.json("eval runs/CartPole-v1-ppo-s3-1 --episodes 7 --seed 5");
    let mut expected = vec![
        "env",
        "episodes",
        "mean_return",
        "std_return",
        "ci95",
        "min",
        "max",
        "mean_length",
        "cut",
    ];
    expected.sort_unstable();
    assert_eq!(keys(&eval), expected);
    assert_eq!(eval["episodes"], 7);
    let again = bench.json("eval runs/CartPole-v1-ppo-s3-1 --episodes 7 --seed 5 --threads 1");
    assert_eq!(eval, again, "an evaluation depends on threads");
}

#[test]
fn a_run_leaves_its_files() {
    let bench = Bench::new();
    bench.run(
        "train CartPole-v1 --steps 5000 --run-dir run --set eval.every=2000 --set eval.episodes=3",
    );
    for file in [
        "config.toml",
        "manifest.json",
        "metrics.jsonl",
        "policy.safetensors",
        "best.safetensors",
        "curve.svg",
    ] {
        assert!(bench.path("run").join(file).is_file(), "{file}");
    }
    let manifest = std::fs::read_to_string(bench.path("run/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!((&manifest["seed"], &manifest["exact_resume"]), (&1.into(), &true.into()));
    let rows = common::metrics(&bench.path("run"));
    assert!(rows.iter().any(|row| row["eval_mean_return"].is_number()));
    assert!(rows.iter().all(|row| row["entropy"].is_number() && row["approx_kl"].is_number()));
    let eval = bench.json("eval run --best --episodes 3");
    assert!(eval["mean_return"].is_number());
}

#[test]
fn human_words_and_json_do_not_mix() {
    let bench = Bench::new();
    let ran = bench.run("train CartPole-v1 --steps 2000 --run-dir a");
    assert!(ran.out.contains("gradwerk eval a") && ran.out.contains("policy"), "{}", ran.out);
    let ran = bench.run("train CartPole-v1 --steps 2000 --run-dir b --json");
    assert!(ran.err.contains("gradwerk eval b"), "{}", ran.err);
    ran.json();
    let ran = bench.run("train CartPole-v1 --steps 2000 --run-dir c --quiet");
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[test]
fn until_stops_where_it_is_reached_and_resume_goes_on() {
    let bench = Bench::new();
    // Random CartPole episodes already bring about 20.
    let solved = bench.json("train CartPole-v1 --steps 30000 --until 15 --run-dir run --quiet");
    let steps = solved["steps"].as_u64().unwrap();
    assert_eq!(solved["solved_at_steps"].as_u64(), Some(steps));
    assert!(solved["episodes"].as_u64().unwrap() >= 100 && steps < 30_000);
    assert!(solved["solved_at_s"].as_f64().unwrap() > 0.0);
    let done = bench.json("resume run --quiet");
    assert!(done["steps"].as_u64().unwrap() >= 30_000);
    assert_eq!(done["solved_at_steps"], solved["solved_at_steps"]);
    let plain = bench.json("train CartPole-v1 --steps 30000 --run-dir plain --quiet");
    assert_eq!(common::hashes(&done), common::hashes(&plain));
}

#[test]
fn several_seeds_give_their_runs_and_an_aggregate() {
    let bench = Bench::new();
    let result = bench.json("train CartPole-v1 --steps 5000 --seeds 3..5 --run-dir many --quiet");
    let runs = result["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|r| r["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4, 5]);
    let means: Vec<f64> = runs.iter().map(|r| r["mean_return_100"].as_f64().unwrap()).collect();
    let aggregate = &result["aggregate"];
    let mean = means.iter().sum::<f64>() / 3.0;
    assert!((aggregate["mean"].as_f64().unwrap() - mean).abs() < 1e-9);
    for key in ["iqm", "std"] {
        assert!(aggregate[key].is_number(), "{key}");
    }
    let interval = aggregate["mean_ci95"].as_array().unwrap();
    assert!(interval[0].as_f64().unwrap() <= mean && mean <= interval[1].as_f64().unwrap());
    // A seed of several is the same run as that seed alone.
    let alone = bench.json("train CartPole-v1 --steps 5000 --seed 4 --run-dir alone --quiet");
    assert_eq!(common::hashes(&alone), common::hashes(&runs[1]));
    assert!(bench.path("many/s5/policy.safetensors").is_file());
    assert_eq!(bench.run("plot many/s3 many/s4 many/s5 -o c.png").code, 0);
    assert_eq!(std::fs::read(bench.path("c.png")).unwrap()[..4], *b"\x89PNG");
}

#[test]
fn lists_name_and_explain_every_entry() {
    let bench = Bench::new();
    for what in
        ["envs", "algos", "networks", "dists", "estimators", "optimizers", "metrics", "presets"]
    {
        let list = bench.json(&format!("list {what}"));
        assert_eq!(keys(&list), [what]);
        let entries = list[what].as_array().unwrap();
        assert!(!entries.is_empty(), "{what}");
        for entry in entries {
            let text = |key: &str| entry[key].as_str().unwrap_or_default();
            assert!(!text("name").is_empty() && !text("summary").is_empty(), "{entry}");
            assert!(bench.run(&format!("list {what}")).out.contains(text("name")));
        }
    }
}

/// What `config default` prints, and what a run writes, loads to the same settings again.
#[test]
fn printed_configurations_load_to_the_same() {
    let bench = Bench::new();
    for algo in ["reinforce", "a2c", "ppo"] {
        let options = format!("CartPole-v1 --algo {algo} --set lr.end=1e-5 --steps 3000");
        let text = bench.run(&format!("config default {options}"));
        assert_eq!(text.code, 0, "{}", text.err);
        bench.write("default.toml", &text.out);
        let settings = |text: &str| -> Vec<String> {
            let plain = text.lines().map(|line| line.split(" # ").next().unwrap().trim());
            plain.filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect()
        };
        let direct = bench.run(&format!("config show {options}")).out;
        let loaded = bench.run("config show default.toml").out;
        assert_eq!(settings(&loaded), settings(&direct));
        assert_eq!(settings(&text.out), settings(&direct));
        assert!(direct.contains("--set lr.end=1e-5") && loaded.contains("default.toml:"));
    }
    let run = bench.json("train CartPole-v1 --steps 3000 --set gamma=0.97 --run-dir a --quiet");
    let again = bench.json("train a/config.toml --run-dir b --quiet");
    assert_eq!(common::hashes(&run), common::hashes(&again));
    let same = |dir: &str| std::fs::read_to_string(bench.path(dir).join("config.toml")).unwrap();
    assert_eq!(same("a"), same("b"));
}

#[test]
fn files_sets_and_flags_override_each_other_in_this_order() {
    let bench = Bench::new();
    bench.write(
        "a.toml",
        "preset = \"none\"\nsteps = 1000\ngamma = 0.5\n[env]\nid = \"CartPole-v1\"\nnum_envs = 4\n",
    );
    let text = bench.run("config show a.toml --set gamma=0.6 --steps 2e3").out;
    for part in [
        "gamma = 0.6",
        "steps = 2000",
        "num_envs = 4",
        "a.toml:6",
        "--set gamma=0.6",
        "--steps 2000",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn every_preset_is_valid_for_its_environment() {
    gradwerk_mujoco::install();
    for preset in gradwerk::layers::PRESETS {
        let mut sources = gradwerk::layers::Sources::new();
        sources.flag("preset", preset.name, "test").unwrap();
        let resolved = sources.resolve().unwrap_or_else(|e| panic!("{}: {e}", preset.name));
        // Where MuJoCo is missing, the rest of its presets is checked all the same.
        match gradwerk_env::find(&resolved.config.env.id) {
            Err(gradwerk_env::FindError::NotReady(_)) => {}
            // Atari's emulator is Python's: the tests of the package train with its preset.
            Err(_) if resolved.config.env.id.starts_with("ALE/") => {}
            _ => resolved.check().unwrap_or_else(|e| panic!("{}: {e}", preset.name)),
        }
        let (env, algo) = (&resolved.config.env.id, resolved.config.algo.name());
        let automatic = format!("{}-{algo}", env.replace('/', "-"));
        // One that is not chosen by itself is named after what is special in it.
        let config = &resolved.config;
        let stack = (config.env.frame_stack > 1).then_some("stack");
        let special = [Some(config.network.name()), Some(config.policy.name()), stack];
        let special = special.into_iter().flatten().map(|what| format!("{automatic}-{what}"));
        let named: Vec<String> = [automatic.clone()].into_iter().chain(special).collect();
        assert!(named.iter().any(|n| n == preset.name), "{}: expected {named:?}", preset.name);
        assert!(!preset.summary().is_empty(), "{}: no first comment line", preset.name);
    }
}

#[test]
fn check_and_completions_and_help() {
    let bench = Bench::new();
    let report = bench.json("check CartPole-v1");
    assert_eq!(report["passed"], true);
    for shell in ["bash", "zsh", "fish"] {
        assert!(bench.run(&format!("completions {shell}")).out.contains("resume"), "{shell}");
    }
    let help = bench.run("train --help").out;
    assert!(help.contains("both included") && help.contains("--stop-at"), "{help}");
}

#[test]
fn the_page_about_the_command_line_is_complete() {
    let page = include_str!("../../../docs/cli.md");
    for key in gradwerk::run::metrics::KEYS {
        let line = format!("| `{}` | {} | ", key.name, key.unit);
        assert!(page.contains(&line), "docs/cli.md lacks the metric {}", key.name);
    }
    let bench = Bench::new();
    let help = bench.run("train --help").out;
    let flags = help.split_whitespace().filter(|word| word.starts_with("--"));
    for flag in flags.map(|flag| flag.trim_end_matches([',', '.'])) {
        assert!(flag == "--help" || page.contains(flag), "docs/cli.md lacks {flag}");
    }
}

#[test]
fn play_films_and_reports() {
    let bench = Bench::new();
    let played = bench.json("play games/bricks -o a.gif --seed 2 --episodes 2 --max-frames 9");
    let expected = ["env", "file", "frames", "lengths", "player", "returns", "seed"];
    assert_eq!(keys(&played), expected);
    assert_eq!((&played["player"], &played["frames"]), (&"random actions".into(), &9.into()));
    assert_eq!(played["returns"].as_array().unwrap().len(), 2);
    assert_eq!(std::fs::read(bench.path("a.gif")).unwrap()[..6], *b"GIF89a");

    bench.run("train CartPole-v1 --steps 3000 --run-dir run --quiet");
    let played = bench.json("play run -o a.png --seed 5 --episodes 3");
    assert_eq!((&played["player"], &played["frames"]), (&"policy".into(), &6.into()));
    assert_eq!(std::fs::read(bench.path("a.png")).unwrap()[..4], *b"\x89PNG");
    // The same keyed episodes as an evaluation.
    let eval = bench.json("eval run --seed 5 --episodes 3");
    let returns = played["returns"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap());
    assert_eq!(returns.sum::<f64>() / 3.0, eval["mean_return"].as_f64().unwrap());
}

#[test]
fn play_says_what_it_cannot_do() {
    let bench = Bench::new();
    for (line, words) in [
        ("play nosuch", "nor is it the directory of a run"),
        ("play CartPole-v1 -o a.jpg", "a.jpg: unknown file ending, expected .gif or .png"),
        ("play FrozenLake-v1 -o a.gif", "FrozenLake-v1 has no picture to film"),
        ("play CartPole-v1 --human", "--human needs a terminal"),
        ("play Taxi-v4 --stochastic", "`Taxi-v4` is an environment: name a run"),
        ("play CartPole-v1 --fps 99", "expected 0.1 to 50"),
    ] {
        let ran = bench.run(line);
        assert_eq!(ran.code, 2, "{line}: {}", ran.err);
        assert!(ran.err.contains(words), "{line}: {}", ran.err);
    }
}

#[test]
fn verify_prints_its_rows() {
    let bench = Bench::new();
    let result = bench.json("verify --filter bandit --samples 50 --quiet");
    let expected = ["comparisons", "failed", "ok", "passed", "reported", "rows", "wall_s"];
    assert_eq!(keys(&result), expected);
    assert_eq!((&result["passed"], &result["failed"]), (&true.into(), &0.into()));
    // The first row, GAE with lambda below 1, is declared biased; the second, lambda 1, is not.
    assert_eq!(result["rows"][0]["verdict"], "reported");
    let row = &result["rows"][1];
    assert_eq!((&row["problem"], &row["verdict"]), (&"bandit".into(), &"ok".into()));
    assert!(row["batches"][1]["bias"].as_f64().unwrap() < 1e-10);
    let table = bench.run("verify --filter bandit --samples 50");
    assert!(table.out.contains("bandit softmax-table gamma=1 total-return none"), "{}", table.out);
}
