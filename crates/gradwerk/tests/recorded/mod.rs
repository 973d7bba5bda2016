//! Recordings for tests of algorithms that learn from one.
#![allow(dead_code, reason = "every test file uses a part")]

use gradwerk::config::Config;
use gradwerk::estimate::{Baseline, Kind};
use gradwerk::play::Game;
use gradwerk::recording::{Behaviour, Uniform, record_with};
use gradwerk::{Pool, env};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// A file with eight uniformly random episodes of at most 40 steps. It lives as long as the
/// process.
pub fn file(id: &str, seed: u64) -> String {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path();
    let path = folder.join(format!("{}-{seed}.safetensors", id.replace('/', "-")));
    let env = env::find(id).unwrap();
    let mut settings = env.default_settings();
    settings.time_limit = Some(40);
    let game = Game { env, settings, episodes: 8, seed, keep: true };
    let uniform = Uniform::new(&env.action_space()).unwrap();
    let (pool, never) = (Pool::new(1), AtomicBool::new(false));
    let made = record_with(&uniform, &game, Behaviour::Stochastic, "a test", &pool, &never);
    made.unwrap().unwrap().save(&path).unwrap();
    path.display().to_string()
}

/// Settings that learn from such a file instead of playing.
pub fn learn_from_data(config: &mut Config, id: &str) {
    config.algo.settings_mut().set_data(file(id, 1));
    config.normalize.rewards = false;
    config.normalize.value_targets = false;
    (config.estimator.kind, config.estimator.baseline) = (Kind::RewardToGo, Baseline::None);
}
