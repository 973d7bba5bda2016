//! Stopped, interrupted and killed runs end with the same bits as uninterrupted ones.

mod common;

use common::{Bench, Ran, hashes, metrics};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Everything on that a resumed run could forget: annealing, normalisers, evaluation.
const SETTINGS: &str = "--set preset=none --set lr.end=1e-5 --set normalize.observations=true \
    --set normalize.rewards=true --set env.num_envs=4 --set checkpoint.every_s=0.01";

fn train(env: &str, algo: &str, steps: u32, dir: &str) -> String {
    format!("train {env} --algo {algo} --steps {steps} --run-dir {dir} --json --quiet {SETTINGS}")
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let bench = Bench::new();
    for algo in ["reinforce", "a2c", "ppo"] {
        let result = |threads: u32| {
            let line = train("CartPole-v1", algo, 3000, &format!("{algo}{threads}"));
            hashes(&bench.run(&format!("{line} --threads {threads}")).json())
        };
        let one = result(1);
        assert_eq!([result(2), result(4)], [one.clone(), one], "{algo}");
    }
}

#[test]
fn a_stopped_run_goes_on_exactly() {
    let bench = Bench::new();
    for (env, algo) in [
        ("CartPole-v1", "reinforce"),
        ("CartPole-v1", "a2c"),
        ("CartPole-v1", "ppo"),
        ("Pendulum-v1", "ppo"),
    ] {
        let name = |kind: &str| format!("{env}-{algo}-{kind}");
        let line = train(env, algo, 6000, &name("whole"));
        let whole = bench.run(&line).json();
        let line = train(env, algo, 6000, &name("parts"));
        let part = bench.run(&format!("{line} --stop-at 2000 --threads 1")).json();
        assert!((2000..6000).contains(&part["steps"].as_u64().unwrap()), "{part}");
        let parts = name("parts");
        bench.json(&format!("resume {parts} --stop-at 4000 --quiet --threads 2"));
        let done = bench.json(&format!("resume {parts} --quiet"));
        assert_eq!(hashes(&done), hashes(&whole), "{env} {algo}");
        assert_eq!(done["best_mean_return_100"], whole["best_mean_return_100"]);
        assert_eq!(metrics(&bench.path(&parts)), metrics(&bench.path(&name("whole"))));
        // A finished run prints its result.
        let again = bench.json(&format!("resume {parts} --quiet"));
        for key in ["steps", "wall_s", "mean_return_100", "params_sha256", "state_sha256"] {
            assert_eq!(again[key], done[key], "{key}");
        }
    }
}

/// The preset with everything at once: masks, a memory, choices and numbers.
#[test]
fn a_masked_hybrid_policy_with_a_memory_goes_on_exactly() {
    let bench = Bench::new();
    let line = |dir: &str| {
        let env = "hybrid/platform-no-velocity";
        format!("train {env} --steps 20000 --run-dir {dir} --json --quiet --set algo.epochs=2")
    };
    let whole = bench.run(&line("whole")).json();
    bench.run(&format!("{} --stop-at 5000 --threads 1", line("parts"))).json();
    bench.json("resume parts --stop-at 10000 --quiet --threads 2");
    let done = bench.json("resume parts --quiet");
    assert_eq!(hashes(&done), hashes(&whole));
    assert_eq!(metrics(&bench.path("parts")), metrics(&bench.path("whole")));
}

#[test]
fn more_steps_extend_a_finished_run() {
    let bench = Bench::new();
    let short = bench.run(&train("CartPole-v1", "ppo", 3000, "run")).json();
    let long = bench.json("resume run --steps 6000 --quiet");
    assert!(short["steps"].as_u64().unwrap() < 6000 && long["steps"].as_u64().unwrap() >= 6000);
    let rows = metrics(&bench.path("run"));
    // The schedule ended with the first run: 1e-5 from then on.
    let lr = rows.last().unwrap()["lr"].as_f64().unwrap();
    assert!((lr - 1e-5).abs() < 1e-15, "{lr}");
    let back = bench.run("resume run --steps 10");
    assert_eq!(back.code, 2);
    assert!(back.err.contains("steps = 10") && back.err.contains("already made"), "{}", back.err);
}

/// A running program; a failed test kills it.
struct Running(Option<Child>);

impl Running {
    fn start(bench: &Bench, line: &str) -> Self {
        let mut command = bench.command(line);
        Self(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    fn done(mut self) -> Ran {
        Ran::of(self.0.take().unwrap().wait_with_output().unwrap())
    }

    /// Whether the kill met it alive.
    fn kill(mut self) -> bool {
        self.child().kill().unwrap();
        self.child().wait().unwrap().code().is_none()
    }

    /// Until the file is there and has something in it.
    fn wait_for(&mut self, path: &Path) {
        let start = Instant::now();
        while std::fs::metadata(path).map_or(0, |file| file.len()) == 0 {
            assert!(start.elapsed() < Duration::from_secs(30), "no {}", path.display());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

const STEPS: u32 = 40_000;

#[test]
fn a_killed_run_goes_on_exactly() {
    let bench = Bench::new();
    let started = Instant::now();
    let whole = bench.run(&train("CartPole-v1", "ppo", STEPS, "whole")).json();
    let span = started.elapsed();
    // Instants spread over the run by the golden ratio, the earliest before any checkpoint.
    let fractions = [0.0_f64, 0.02, 0.618, 0.236, 0.854, 0.472, 0.09, 0.708];
    let line = train("CartPole-v1", "ppo", STEPS, "killed");
    let mut kills = 0;
    let mut run = Running::start(&bench, &line);
    for fraction in fractions {
        run.wait_for(&bench.path("killed/config.toml"));
        std::thread::sleep(span.mul_f64(fraction * 0.4));
        kills += u32::from(run.kill());
        run = Running::start(&bench, "resume killed --json --quiet");
    }
    let done = run.done();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(hashes(&done.json()), hashes(&whole));
    assert_eq!(metrics(&bench.path("killed")), metrics(&bench.path("whole")));
    assert!(kills >= 3, "only {kills} of the kills met a living process");
}

#[cfg(unix)]
#[test]
fn signals_stop_a_run_with_a_checkpoint() {
    let bench = Bench::new();
    let whole = bench.run(&train("CartPole-v1", "ppo", STEPS, "whole")).json();
    for signal in ["INT", "TERM"] {
        let line = train("CartPole-v1", "ppo", STEPS, signal);
        let mut run = Running::start(&bench, &line);
        // Rows of metrics mean that the handler is in place.
        run.wait_for(&bench.path(signal).join("metrics.jsonl"));
        let pid = run.child().id().to_string();
        let sent = std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        assert!(sent.success());
        let stopped = run.done();
        assert_eq!(stopped.code, 130, "{signal}: {}", stopped.err);
        let part: Value = stopped.json();
        assert!(part["steps"].as_u64().unwrap() < u64::from(STEPS));
        let done = bench.json(&format!("resume {signal} --quiet"));
        assert_eq!(hashes(&done), hashes(&whole), "{signal}");
    }
}

#[test]
fn one_process_per_run() {
    let bench = Bench::new();
    let mut run = Running::start(&bench, &train("CartPole-v1", "ppo", 10_000_000, "run"));
    run.wait_for(&bench.path("run/metrics.jsonl"));
    let second = bench.run("resume run");
    assert_eq!(second.code, 2, "{}", second.err);
    assert!(second.err.contains("another process"), "{}", second.err);
}

#[test]
fn a_warm_start_changes_the_run_and_survives_a_resume() {
    let bench = Bench::new();
    bench.run(&train("CartPole-v1", "ppo", 4000, "first"));
    let warm = |dir: &str| format!("{} --init first", train("CartPole-v1", "ppo", 4000, dir));
    let whole = bench.run(&warm("whole")).json();
    let cold = bench.run(&train("CartPole-v1", "ppo", 4000, "cold")).json();
    assert_ne!(hashes(&whole), hashes(&cold));
    bench.run(&format!("{} --stop-at 0", warm("parts")));
    let done = bench.json("resume parts --quiet");
    assert_eq!(hashes(&done), hashes(&whole));
}

#[test]
fn a_resumed_run_keeps_its_kernel() {
    let bench = Bench::new();
    let line = |dir: &str| format!("{} --kernel portable", train("CartPole-v1", "ppo", 3000, dir));
    let whole = bench.run(&line("whole")).json();
    bench.run(&format!("{} --stop-at 1000", line("parts")));
    let done = bench.json("resume parts --quiet");
    assert_eq!(hashes(&done), hashes(&whole));
}

#[test]
fn a_warm_start_refuses_a_policy_that_would_be_another_function() {
    let bench = Bench::new();
    let line = |rest: &str| {
        format!("train CartPole-v1 --set preset=none --steps 1100 --json --quiet {rest}")
    };
    let done = bench.run(&line("--set normalize.observations=true --run-dir first"));
    assert_eq!(done.code, 0, "{}", done.err);
    let normal = "--set normalize.observations=true";
    for (rest, parts) in [
        // (what the second run says, what the message must contain)
        (
            String::new(),
            [
                "normalize.observations = false",
                "trained with true",
                "set normalize.observations=true",
            ],
        ),
        (
            format!("{normal} --set network.activation=relu"),
            ["network.activation = \"relu\"", "from --set", "set network.activation=\"tanh\""],
        ),
        (
            format!("{normal} --set network.hidden=[32]"),
            ["network.hidden = [32]", "[64, 64]", "set network.hidden=[64, 64]"],
        ),
        (
            format!("{normal} --set normalize.clip=5"),
            ["normalize.clip = 5", "trained with 10", "set normalize.clip=10"],
        ),
        (
            format!("{normal} --set normalize.rewards=true"),
            ["normalize.rewards = true", "trained with false", "set normalize.rewards=false"],
        ),
    ] {
        let ran = bench.run(&line(&format!("{rest} --init first --run-dir second")));
        assert_eq!(ran.code, 2, "{rest}: {}", ran.err);
        for part in parts {
            assert!(ran.err.contains(part), "{rest}: {part:?} is not in {:?}", ran.err);
        }
        assert!(!bench.path("second").exists());
    }
    // How parameters begin does not matter to a policy that has some.
    let ran = bench.run(&line(&format!(
        "{normal} --set network.policy_gain=1 --set policy.kind=categorical --init first --run-dir third"
    )));
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn a_damaged_manifest_does_not_change_the_kernel() {
    let bench = Bench::new();
    let line = |dir: &str| format!("{} --kernel portable", train("CartPole-v1", "ppo", 3000, dir));
    let whole = bench.run(&line("whole")).json();
    bench.run(&format!("{} --stop-at 1000", line("parts")));
    bench.write("parts/manifest.json", "{");
    let ran = bench.run("resume parts --json --quiet");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("warning") && ran.err.contains("manifest.json"), "{}", ran.err);
    assert_eq!(hashes(&ran.json()), hashes(&whole));
}

#[test]
fn settings_edited_between_sessions_are_refused() {
    let bench = Bench::new();
    bench.run(&format!("{} --stop-at 1000", train("CartPole-v1", "ppo", 3000, "run")));
    let edit = |from: &str, to: &str| {
        let path = bench.path("run/config.toml");
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{text}");
        bench.write("run/config.toml", &text.replace(from, to));
    };
    edit("gamma = 0.99", "gamma = 0.5");
    edit("num_envs = 4", "num_envs = 8");
    let ran = bench.run("resume run");
    assert_eq!(ran.code, 2, "{}", ran.err);
    for part in ["gamma = 0.5 (was 0.99)", "env.num_envs = 8 (was 4)", "config.toml"] {
        assert!(ran.err.contains(part), "{part:?} is not in {}", ran.err);
    }
    edit("gamma = 0.5", "gamma = 0.99");
    edit("num_envs = 8", "num_envs = 4");
    // How often something is written may change.
    edit("every_s = 0.01", "every_s = 5.0");
    assert_eq!(bench.run("resume run --quiet").code, 0);
}

#[test]
fn lost_metrics_do_not_stop_a_run() {
    let bench = Bench::new();
    let whole = bench.run(&train("CartPole-v1", "ppo", 3000, "whole")).json();
    for (dir, left) in [("gone", None), ("short", Some("{\"steps\":1}\n{\"ste"))] {
        bench.run(&format!("{} --stop-at 1000", train("CartPole-v1", "ppo", 3000, dir)));
        match left {
            None => std::fs::remove_file(bench.path(&format!("{dir}/metrics.jsonl"))).unwrap(),
            Some(text) => drop(bench.write(&format!("{dir}/metrics.jsonl"), text)),
        }
        let ran = bench.run(&format!("resume {dir} --json --quiet"));
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("metrics.jsonl") && ran.err.contains("lost"), "{}", ran.err);
        assert_eq!(hashes(&ran.json()), hashes(&whole), "{dir}");
        assert!(metrics(&bench.path(dir)).len() > 1);
    }
}

#[test]
fn one_failed_seed_does_not_discard_the_others() {
    let bench = Bench::new();
    let line = "train CartPole-v1 --steps 500 --seeds 1..2 --run-dir all --json --quiet";
    bench.write("file", "");
    std::fs::create_dir_all(bench.path("all/s2/x")).unwrap();
    let ran = bench.run(line);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("s2") && !bench.path("all/s1").exists(), "{}", ran.err);
}

/// The directory of seed 2 is a link that leads nowhere: it looks free, and cannot be created.
#[cfg(unix)]
#[test]
fn the_other_seeds_of_a_failed_one_are_kept() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("all")).unwrap();
    std::os::unix::fs::symlink("nowhere/at/all", bench.path("all/s2")).unwrap();
    let ran = bench.run("train CartPole-v1 --steps 500 --seeds 1..3 --run-dir all --json --quiet");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("error: seed 2: cannot create"), "{}", ran.err);
    let result = ran.json();
    let seeds = |key: &str| -> Vec<u64> {
        result[key].as_array().unwrap().iter().map(|r| r["seed"].as_u64().unwrap()).collect()
    };
    assert_eq!((seeds("runs"), seeds("failed")), (vec![1, 3], vec![2]));
    assert!(bench.path("all/s3/policy.safetensors").exists());
}

/// Whether the process has a handler for the signal SIGINT (number 2).
#[cfg(target_os = "linux")]
fn catches_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|m| u64::from_str_radix(m.trim(), 16).ok()).is_some_and(|m| m & 0b10 != 0)
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_an_evaluation_and_a_recording_without_a_result() {
    let bench = Bench::new();
    bench.run(&train("CartPole-v1", "ppo", 1000, "run"));
    for line in ["eval run --episodes 1e8 --json", "record run --episodes 1e8 -o a.st --json"] {
        let mut playing = Running::start(&bench, line);
        let (pid, start) = (playing.child().id(), Instant::now());
        while !catches_interrupts(pid) {
            assert!(start.elapsed() < Duration::from_secs(30), "{line}: no handler");
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args(["-s", "INT", &pid.to_string()]).status().unwrap().success());
        let stopped = playing.done();
        assert_eq!((stopped.code, stopped.out.as_str()), (130, ""), "{line}: {}", stopped.err);
    }
    assert!(!bench.path("a.st").exists());
}

#[test]
fn a_longer_end_is_remembered_before_the_next_checkpoint() {
    let bench = Bench::new();
    let line = train("CartPole-v1", "ppo", 2000, "run");
    bench.run(&format!("{line} --stop-at 1000"));
    // Stopped at once: nothing but the new end can have been written.
    bench.json("resume run --steps 4000 --stop-at 0 --quiet");
    let done = bench.json("resume run --quiet");
    assert!(done["steps"].as_u64().unwrap() >= 4000, "{done}");
}

#[test]
fn going_on_beyond_a_learning_rate_of_0_is_said_aloud() {
    let bench = Bench::new();
    let line = "train CartPole-v1 --set preset=none --steps 1100 --quiet --run-dir";
    bench.run(&format!("{line} zero --set lr.end=0"));
    bench.run(&format!("{line} some --set lr.end=1e-4"));
    let warned = bench.run("resume zero --steps 2200 --quiet").err;
    assert!(
        warned.contains("warning: nothing will be learned after 1100 steps: lr = 0.0003 to 0"),
        "{warned}"
    );
    assert_eq!(bench.run("resume some --steps 2200 --quiet").err, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let bench = Bench::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = bench.command("list envs --json").stdout(full).output().unwrap();
    let words = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{words}");
    assert!(words.contains("standard output"), "{words}");
}

#[test]
fn a_checkpoint_is_no_policy() {
    let bench = Bench::new();
    bench.run(&train("CartPole-v1", "ppo", 1000, "run"));
    let file = std::fs::read_dir(bench.path("run/checkpoints")).unwrap().next().unwrap().unwrap();
    let file = file.path().display().to_string();
    for line in [format!("eval {file}"), format!("train CartPole-v1 --steps 500 --init {file}")] {
        let ran = bench.run(&line);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(&file) && ran.err.contains("policy.safetensors"), "{}", ran.err);
    }
    let ran = bench.run("eval run --best");
    assert!(ran.err.contains("eval.every") && ran.err.lines().count() == 1, "{}", ran.err);
    let ran = bench.run("resume run/config.toml");
    assert!(ran.code == 2 && ran.err.contains("not a run directory"), "{}", ran.err);
}
