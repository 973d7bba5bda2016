//! The training loop allocates nothing: after a warm-up, updates of every algorithm leave the
//! allocator alone, on every thread.
//!
//! One test in this file, for the allocator counts for the whole process.

mod recorded;

use gradwerk::algo::{ALGORITHMS, AlgoConfig};
use gradwerk::config::Config;
use gradwerk::estimate::{BASELINES, Baseline, Kind, Normalize};
use gradwerk::{Runtime, Trainer};
use gradwerk_env::{Action, End, Env, EnvFactory, Space, Step, custom, find};
use gradwerk_math::Stream;
use gradwerk_nn::{MEMORIES, MemoryConfig, MlpConfig, NETWORKS, NetworkConfig, SmallCnnConfig};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator with a counter of the calls that ask for memory.
struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator with the same arguments; counting touches
// only an atomic number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above; `block` came from the system's allocator.
        unsafe { System.realloc(block, layout, size) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Every normaliser on; batches of 1024 transitions, or of 16 whole episodes.
fn config(algo: &str, env: &str, episodes: bool) -> Config {
    let mut config = Config { seed: 7, steps: 1 << 30, ..Config::default() };
    config.env.id = env.into();
    config.env.time_limit = env.starts_with("probe/").then_some(8); // they have none
    config.algo = AlgoConfig::by_name(algo).unwrap();
    config.normalize.observations = true;
    config.normalize.rewards = true;
    config.normalize.value_targets = true;
    if algo == "off_policy_pg" {
        config.normalize.observations = false;
        config.normalize.value_targets = false;
    }
    config.estimator.normalize = Normalize::Minibatch;
    if episodes {
        config.rollout.episodes = 16;
        config.estimator.kind = Kind::RewardToGo;
        config.estimator.baseline = Baseline::TimeStep;
    }
    if algo == "a2c" && episodes {
        config.estimator.baseline = Baseline::Value;
    }
    if algo == "bc" || (algo == "off_policy_pg" && episodes) {
        recorded::learn_from_data(&mut config, env);
    }
    config
}

/// Images of one brightness, just large enough for every network.
struct Flicker;

impl Env for Flicker {
    fn observation_space(&self) -> Space {
        Space::Image { channels: 1, height: 36, width: 36 }
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        obs.fill(rng.below(256) as f32);
    }
    fn step(&mut self, _: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        obs.fill(rng.below(256) as f32);
        Step { reward: 1.0, end: End::Continue }
    }
    // Who can save itself needs no growing list of actions to be replayed.
    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

fn calls(config: &Config, threads: usize, warm_up: u32, updates: u32) -> u64 {
    calls_in(find(&config.env.id).unwrap(), config, threads, warm_up, updates)
}

/// Calls to the allocator during `updates` updates after `warm_up` of them. Those of a run are
/// always the same; those of the test's harness, which reports a test of more than 60 s, are not
/// there the second time.
fn calls_in(
    env: &dyn EnvFactory,
    config: &Config,
    threads: usize,
    warm_up: u32,
    updates: u32,
) -> u64 {
    let measured = || calls_of_a_run(env, config, threads, warm_up, updates);
    match measured() {
        0 => 0,
        calls => calls.min(measured()),
    }
}

fn calls_of_a_run(
    env: &dyn EnvFactory,
    config: &Config,
    threads: usize,
    warm_up: u32,
    updates: u32,
) -> u64 {
    let runtime = Runtime { threads, ..Runtime::default() };
    let mut trainer = Trainer::with_env(config, env, runtime).unwrap();
    for _ in 0..warm_up {
        trainer.update().unwrap();
    }
    // A thread allocates when it starts, which may be late on a busy machine.
    std::thread::sleep(std::time::Duration::from_millis(20));
    let before = CALLS.load(Ordering::Relaxed);
    for _ in 0..updates {
        trainer.update().unwrap();
    }
    CALLS.load(Ordering::Relaxed) - before
}

#[test]
fn updates_do_not_allocate() {
    let before = CALLS.load(Ordering::Relaxed);
    drop(std::hint::black_box(Box::new(1_u8)));
    assert!(CALLS.load(Ordering::Relaxed) > before, "the counter counts");
    let mut failures = Vec::new();
    for algo in ALGORITHMS {
        for env in ["CartPole-v1", "Pendulum-v1", "probe/hybrid"] {
            for (episodes, threads) in [(false, 1), (false, 2), (true, 1), (true, 2)] {
                let config = config(algo.name, env, episodes);
                let calls = calls(&config, threads, 1, 6);
                if calls > 0 {
                    let place = format!("{} on {env}, {threads} threads", algo.name);
                    failures.push(format!("{place}, whole episodes {episodes}: {calls} calls"));
                }
            }
        }
    }
    for baseline in BASELINES.iter().filter(|b| b.needs_score) {
        for (kind, threads) in
            [(Kind::TotalReturn, 1), (Kind::TotalReturn, 2), (Kind::RewardToGo, 2)]
        {
            let mut config = config("reinforce", "CartPole-v1", true);
            (config.estimator.kind, config.estimator.baseline) = (kind, baseline.baseline);
            let calls = calls(&config, threads, 1, 6);
            if calls > 0 {
                failures.push(format!("{} of {kind:?}: {calls} calls", baseline.name));
            }
        }
    }
    for (algo, episodes) in [("ppo", false), ("off_policy_pg", false), ("reinforce", true)] {
        let mut config = config(algo, "Pendulum-v1", episodes);
        (config.env.frame_stack, config.env.previous_action) = (4, true);
        config.env.previous_reward = true;
        let calls = calls(&config, 2, 1, 6);
        if calls > 0 {
            failures.push(format!("{algo} on stacks: {calls} calls"));
        }
    }
    for (algo, episodes) in [("ppo", false), ("off_policy_pg", false), ("reinforce", true)] {
        let mut config = config(algo, "Pendulum-v1", episodes);
        let (channels, stride, hidden) = (vec![4], 4, vec![16]);
        config.network = NetworkConfig::SmallCnn(SmallCnnConfig {
            channels,
            stride,
            hidden,
            ..SmallCnnConfig::default()
        });
        (config.env.frame_stack, config.env.previous_action) = (2, true);
        // As many cuts in every rollout as in the first one.
        (config.env.previous_reward, config.env.time_limit) = (true, Some(16));
        let calls = calls_in(&*custom("flicker", None, || Flicker), &config, 2, 1, 6);
        if calls > 0 {
            failures.push(format!("{algo} on images, actions and rewards: {calls} calls"));
        }
    }
    let network = NetworkConfig::Mlp(MlpConfig { embedding: 3, ..MlpConfig::default() });
    let mut embedded = Config { network, ..config("ppo", "FrozenLake-v1", false) };
    embedded.normalize.observations = false;
    match calls(&embedded, 2, 1, 6) {
        0 => {}
        calls => failures.push(format!("embedding: {calls} calls")),
    }
    for name in NETWORKS.iter().filter(|name| **name != "tabular") {
        let network = NetworkConfig::named(name).unwrap();
        let mut config = Config { network, ..config("a2c", "CartPole-v1", false) };
        let calls = if ["nature-cnn", "impala", "small-cnn"].contains(name) {
            config.normalize.observations = false;
            config.env.frame_stack = 2;
            // 192 rows, so that two chunks share them: convolutions take their time.
            (config.env.num_envs, config.rollout.steps) = (8, 24);
            calls_in(&*custom("flicker", Some(500), || Flicker), &config, 2, 1, 6)
        } else {
            calls(&config, 2, 1, 6)
        };
        if calls > 0 {
            failures.push(format!("network {name}: {calls} calls"));
        }
    }
    for env in ["LunarLander-v3", "BipedalWalker-v3", "BipedalWalkerHardcore-v3"] {
        let calls = calls(&config("ppo", env, false), 2, 2, 12);
        if calls > 0 {
            failures.push(format!("{env}: {calls} calls"));
        }
    }
    for memory in MEMORIES {
        for algo in ALGORITHMS {
            let memory = MemoryConfig::named(memory).unwrap();
            let config = Config { memory, ..config(algo.name, "probe/hybrid", false) };
            let calls = calls(&config, 2, 1, 6);
            if calls > 0 {
                failures.push(format!(
                    "{}, memory {}: {calls} calls",
                    algo.name,
                    config.memory.name()
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
