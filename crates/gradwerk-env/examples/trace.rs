//! Print what an environment does as JSON, for comparison with other implementations:
//! `trace ID SEED STEPS`.
//!
//! The object has `env`, `seed` and `episodes`; an episode has `initial_state` (the numbers of
//! the snapshot), `initial_obs`, and per step `actions`, `obs` (the observation the step led to),
//! `rewards`, `terminated` and `truncated`. Numbers are printed so that they read back exactly.
//! Even episodes act at random (continuous actions up to twice beyond their bounds); odd ones
//! follow a simple rule that reaches the ends which random actions do not.

use gradwerk_env::{
    Actions, End, EnvFactory, EpisodeKeys, Space, StepRows, VecEnv, registry, snapshot,
};
use gradwerk_math::{Purpose, Stream};
use serde_json::{Value, json};

/// One slot of an environment, with its rows.
struct Player {
    env: Box<dyn VecEnv>,
    id: String,
    obs: Vec<f32>,
    final_obs: Vec<f32>,
    rng: Stream,
}

/// The steps of one episode, as the JSON has them.
#[derive(Default)]
struct Columns {
    actions: Vec<Value>,
    obs: Vec<Value>,
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
}

impl Player {
    fn new(factory: &dyn EnvFactory, seed: u64) -> Self {
        let keys = EpisodeKeys::Training { first: 0 };
        let mut env = factory.make(seed, keys, 1, &factory.default_settings());
        let mut obs = vec![0.0; env.observation_space().width()];
        env.reset(&mut obs);
        let rng = Stream::new(seed, Purpose::Test, 0, 0);
        Self { env, id: factory.id().into(), final_obs: obs.clone(), obs, rng }
    }

    /// Which way the rule of the odd episodes pushes: it balances the pole and swings the rest.
    fn direction(&self) -> f32 {
        let o = &self.obs;
        match self.id.as_str() {
            "CartPole-v1" => (o[2] + 0.5 * o[3] + 0.05 * o[0] + 0.1 * o[1]).signum(),
            "MountainCar-v0" | "MountainCarContinuous-v0" => o[1].signum(),
            "Acrobot-v1" => -o[4].signum(),
            "Pendulum-v1" => o[2].signum(),
            _ => 1.0,
        }
    }

    fn choose(&mut self, random: bool) -> (Vec<u32>, Vec<f32>) {
        let direction = self.direction();
        match self.env.action_space() {
            Space::Discrete { n } if random => (vec![self.rng.below(*n as u32)], vec![]),
            Space::Discrete { n } => {
                (vec![if direction < 0.0 { 0 } else { *n as u32 - 1 }], vec![])
            }
            Space::Box { high, .. } => {
                let scale =
                    |h: &f32| h * if random { 4.0 * self.rng.uniform() - 2.0 } else { direction };
                (vec![], high.iter().map(scale).collect())
            }
            other => panic!("no trace of {other}: one Discrete or Box action expected"),
        }
    }

    fn step(&mut self, random: bool, columns: &mut Columns) -> bool {
        let (discrete, continuous) = self.choose(random);
        let (mut reward, mut end) = ([0.0], [End::Continue]);
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut reward,
            end: &mut end,
            final_obs: &mut self.final_obs,
        };
        let actions = Actions { discrete: &discrete, continuous: &continuous };
        self.env.step(actions, &[true], &mut rows);
        let ended = end[0].is_end();
        columns.obs.push(json!(if ended { &self.final_obs } else { &self.obs }));
        columns.actions.push(match discrete.first() {
            Some(a) => json!(a),
            None => json!(continuous),
        });
        columns.rewards.push(reward[0]);
        columns.terminated.push(end[0] == End::Terminated);
        columns.truncated.push(end[0] == End::Truncated);
        ended
    }

    /// Play one episode, or `most` steps of it.
    fn episode(&mut self, random: bool, most: usize) -> Value {
        let bytes = self.env.save().remove(0).snapshot.unwrap_or_default();
        let state: Vec<f64> = (bytes.chunks_exact(8))
            .map(|number| snapshot::decode::<1>(number).expect("a finite number")[0])
            .collect();
        let initial_obs = self.obs.clone();
        let mut c = Columns::default();
        while c.rewards.len() < most && !self.step(random, &mut c) {}
        json!({
            "initial_state": state, "initial_obs": initial_obs, "actions": c.actions,
            "obs": c.obs, "rewards": c.rewards, "terminated": c.terminated,
            "truncated": c.truncated,
        })
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [id, seed, steps] = args.as_slice() else {
        eprintln!("usage: trace ID SEED STEPS");
        std::process::exit(2);
    };
    let factory = registry::find(id).unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(2);
    });
    let seed = seed.parse().expect("SEED is a whole number");
    let mut left: usize = steps.parse().expect("STEPS is a whole number");
    let (mut player, mut episodes) = (Player::new(factory, seed), Vec::new());
    while left > 0 {
        let episode = player.episode(episodes.len() % 2 == 0, left);
        left -= episode["rewards"].as_array().map_or(0, Vec::len);
        episodes.push(episode);
    }
    println!("{}", json!({ "env": id, "seed": seed, "episodes": episodes }));
}
