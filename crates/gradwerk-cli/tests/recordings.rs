//! `record`, behaviour cloning and `eval --on` from the command line.

mod common;

use common::{Bench, hashes, metrics};

const SHORT: &str = "--set preset=none --set estimator.kind=reward-to-go \
    --set estimator.baseline=none --json --quiet";

#[test]
fn a_policy_is_recorded_cloned_judged_and_tuned_on() {
    let bench = Bench::new();
    bench.json("train CartPole-v1 --steps 20000 --run-dir expert --quiet");
    let made = bench.json("record expert -o a.safetensors --episodes 9 --seed 3 --threads 1");
    let eval = bench.json("eval expert --episodes 9 --seed 3");
    assert_eq!(made["mean_return"], eval["mean_return"]);
    assert_eq!(
        (made["episodes"].as_u64(), made["behaviour"].as_str()),
        (Some(9), Some("deterministic"))
    );
    bench.json("record expert -o b.safetensors --episodes 9 --seed 3 --threads 2");
    let bytes = |name: &str| std::fs::read(bench.path(name)).unwrap();
    assert!(bytes("a.safetensors") == bytes("b.safetensors"), "threads do not matter");

    let line = "train CartPole-v1 --algo bc --set algo.data=a.safetensors --steps 20000";
    let cloned = bench.json(&format!("{line} --run-dir clone --quiet"));
    assert!(cloned["mean_return_100"].is_null() && cloned["episodes"] == 0, "{cloned}");
    let rows = metrics(&bench.path("clone"));
    let held_out = |i: usize| rows[i]["held_out_log_likelihood"].as_f64().unwrap();
    assert!(held_out(rows.len() - 1) > held_out(0));
    assert!(rows[0].get("approx_kl").is_none() && rows[0].get("log_likelihood").is_some());
    // The value function of the fine-tuned run begins afresh.
    bench.json("train CartPole-v1 --init clone --steps 1100 --run-dir tuned --quiet");

    bench.json("record expert -o drawn.safetensors --episodes 9 --stochastic");
    let own = bench.json("eval expert --on drawn.safetensors");
    assert!((own["ess_share"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{own}");
    for line in own["estimates"].as_array().unwrap() {
        let off = line["mean_return"].as_f64().unwrap() - own["behaviour_return"].as_f64().unwrap();
        assert!(off.abs() < 1e-3 * own["behaviour_return"].as_f64().unwrap(), "{line}");
    }
    let ran = bench.run("eval expert --on a.safetensors");
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("a.safetensors: log_mu: absent"), "{}", ran.err);
    let ran = bench.run("eval expert --on expert/policy.safetensors");
    assert!(ran.code == 2 && ran.err.contains("not a recording"), "{}", ran.err);
    let ran = bench.run("train CartPole-v1 --algo bc --set algo.data=a.safetensors --until 9");
    assert!(ran.code == 2 && ran.err.contains("no episode is played"), "{}", ran.err);
}

#[test]
fn a_cloned_run_goes_on_exactly_from_any_folder() {
    let bench = Bench::new();
    bench.json("record CartPole-v1 --uniform -o a.safetensors --episodes 30");
    let line =
        format!("train CartPole-v1 --algo bc --set algo.data=a.safetensors --steps 9000 {SHORT}");
    let line = format!("{line} --set normalize.observations=true --set lr.end=1e-5");
    let whole = bench.run(&format!("{line} --run-dir whole")).json();
    bench.run(&format!("{line} --run-dir part --stop-at 4000 --threads 1"));
    let part = bench.path("part").display().to_string();
    let mut elsewhere = bench.command(&format!("resume {part} --json --quiet"));
    std::fs::create_dir(bench.path("else")).unwrap();
    let done = common::Ran::of(elsewhere.current_dir(bench.path("else")).output().unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(hashes(&done.json()), hashes(&whole));
    assert_eq!(metrics(&bench.path("part")), metrics(&bench.path("whole")));
    bench.json("record CartPole-v1 --uniform -o a.safetensors --episodes 31");
    let ran = bench.run("resume part --steps 90000");
    assert!(ran.code == 1 && ran.err.contains("not the recording"), "{}", ran.err);
}

/// A policy that is far from uniform leaves little of uniform episodes.
#[test]
fn estimates_that_cannot_be_trusted_come_with_a_warning() {
    let bench = Bench::new();
    bench.json("train CartPole-v1 --steps 20000 --run-dir expert --quiet");
    bench.json("record CartPole-v1 --uniform -o a.safetensors --episodes 40");
    let ran = bench.run("eval expert --on a.safetensors --json --gamma 0.9");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("warning: the weights leave"), "{}", ran.err);
    assert_eq!(ran.json()["gamma"].as_f64(), Some(0.9));
}
