//! One rollout of a shard, as training collects it, for tests of what environments of others do.

use gradwerk::Config;
use gradwerk::collect::{Context, Plan, Shard};
use gradwerk::model::{Model, Weights};
use gradwerk::normalize::{Moments, ObsMap};
use gradwerk_env::{EnvFactory, EnvSettings, EpisodeKeys};
use gradwerk_math::{Kernel, Pool};

/// A policy that acts on what it sees, and one that remembers.
pub fn configs() -> [Config; 2] {
    let plain = Config { seed: 3, ..Config::default() };
    let memory = serde_json::from_str(r#"{"kind":"gru","units":5,"segment":8}"#).unwrap();
    [plain.clone(), Config { memory, ..plain }]
}

/// The rollout of `n` copies, and the model that acted.
pub fn collect(
    config: &Config,
    env: &dyn EnvFactory,
    n: usize,
    settings: &EnvSettings,
    plan: Plan,
) -> (Model<f32>, Shard) {
    let model: Model<f32> =
        Model::build(config, &env.observation_space(), &env.action_space()).unwrap();
    let weights = Weights::new(&model, model.init(3), Kernel::Portable);
    let batch = env.make(3, EpisodeKeys::Training { first: 0 }, n, settings);
    let mut shard = Shard::new(0, batch, &model, plan, (Kernel::Portable, 1));
    let width = model.frame.numbers();
    let obs_map = ObsMap::new(width, Some(&Moments::new(width)), 10.0);
    shard.collect(&Context {
        model: &model,
        weights: &weights,
        obs_map: &obs_map,
        value_map: (0.0, 1.0),
        seed: 3,
        plan,
        pool: &Pool::new(1),
    });
    assert!(shard.error.is_none(), "{:?}", shard.error);
    (model, shard)
}
