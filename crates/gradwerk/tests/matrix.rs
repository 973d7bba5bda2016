//! Any network goes with any distribution that acts on the space, any algorithm with both, with masks or
//! without: every combination trains on a tiny task, and a resumed run is the whole run.

use gradwerk::algo::{ALGORITHMS, AlgoConfig};
use gradwerk::config::Config;
use gradwerk::dist::{DISTRIBUTIONS, DistConfig, Widths};
use gradwerk::estimate::{Baseline, Kind};
use gradwerk::play::Game;
use gradwerk::recording::{Behaviour, Uniform, record_with};
use gradwerk::{Pool, Runtime, Trainer};
use gradwerk_env::{Action, End, Env, EnvFactory, EnvSettings, Space, Step, Stream, custom, mask};
use gradwerk_math::Kernel;
use gradwerk_nn::{
    ImpalaConfig, MlpConfig, NETWORKS, NatureCnnConfig, NetworkConfig, SmallCnnConfig,
};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Steps of an episode.
const LONGEST: u32 = 4;

/// Four steps in which nothing is to be learned. Cannot save itself.
#[derive(Clone)]
struct Tiny {
    observation: Space,
    action: Space,
    masked: bool,
    time: u32,
}

impl Tiny {
    fn observe(&self, rng: &mut Stream, obs: &mut [f32]) {
        match &self.observation {
            Space::Discrete { n } => obs[0] = rng.below(*n as u32) as f32,
            Space::Image { .. } => obs.iter_mut().for_each(|x| *x = rng.below(256) as f32),
            _ => obs.iter_mut().for_each(|x| *x = 2.0 * rng.uniform() - 1.0),
        }
    }
}

impl Env for Tiny {
    fn observation_space(&self) -> Space {
        self.observation.clone()
    }
    fn action_space(&self) -> Space {
        self.action.clone()
    }
    /// Of each component another value is invalid at each time, and at some times none.
    fn action_mask(&self, mask: &mut [bool]) -> bool {
        let (mut start, time) = (0, self.time as usize);
        for (component, n) in self.action.choices().into_iter().enumerate() {
            let invalid = (time + component) % (n + 1);
            (0..n).for_each(|value| mask[start + value] = value != invalid);
            start += n;
        }
        self.masked
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.time = 0;
        self.observe(rng, obs);
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let choices = self.action.choices();
        let mut valid = vec![true; choices.iter().sum()];
        let masked = self.action_mask(&mut valid);
        assert!(!masked || mask::allows(&choices, &valid, action.discrete), "an invalid action");
        let discrete: u32 = action.discrete.iter().sum();
        let reward =
            f64::from(discrete) - action.continuous.iter().map(|x| f64::from(x * x)).sum::<f64>();
        self.time += 1;
        self.observe(rng, obs);
        let end = if self.time == LONGEST { End::Terminated } else { End::Continue };
        Step { reward, end }
    }
}

/// Every network, small, with an observation that it reads.
fn networks() -> Vec<(NetworkConfig, Space)> {
    let shared = MlpConfig { hidden: vec![4], shared: true, ..MlpConfig::default() };
    let listed = NETWORKS.iter().map(|name| small(NetworkConfig::named(name).unwrap()));
    let all = listed.chain([NetworkConfig::Mlp(shared)]);
    all.map(|network| {
        let observation = observation(&network);
        (network, observation)
    })
    .collect()
}

fn small(network: NetworkConfig) -> NetworkConfig {
    let (hidden, shared) = (vec![4], false);
    match network {
        NetworkConfig::Mlp(own) => NetworkConfig::Mlp(MlpConfig { hidden, ..own }),
        NetworkConfig::NatureCnn(own) => {
            NetworkConfig::NatureCnn(NatureCnnConfig { hidden, shared, ..own })
        }
        NetworkConfig::Impala(own) => {
            let (channels, blocks) = (vec![2, 2], 1);
            NetworkConfig::Impala(ImpalaConfig { channels, blocks, hidden, shared, ..own })
        }
        NetworkConfig::SmallCnn(own) => {
            let channels = vec![2];
            NetworkConfig::SmallCnn(SmallCnnConfig { channels, hidden, shared, ..own })
        }
        other => other,
    }
}

fn observation(network: &NetworkConfig) -> Space {
    let image = |side| Space::Image { channels: 1, height: side, width: side };
    match network {
        NetworkConfig::NatureCnn(_) => image(36),
        NetworkConfig::Impala(_) | NetworkConfig::SmallCnn(_) => image(6),
        NetworkConfig::Tabular(_) => Space::Discrete { n: 3 },
        _ => Space::uniform_box(2, -1.0, 1.0),
    }
}

/// Every distribution with a space that it acts on; composites with all that they may contain.
fn policies() -> Vec<(DistConfig, Space)> {
    let (choice, bits, push) =
        (Space::Discrete { n: 3 }, Space::MultiBinary { n: 2 }, Space::uniform_box(2, -1.0, 1.0));
    let several = Space::MultiDiscrete { n: vec![2, 3] };
    let mixed = Space::Tuple(vec![push.clone(), choice.clone(), bits.clone()]);
    let spaces = [choice, push, several, bits, mixed.clone()];
    let listed = DISTRIBUTIONS.iter().map(|entry| (entry.config)()).map(|dist| {
        let fits = |space: &&Space| dist.build(space).is_ok();
        spaces.iter().find(fits).cloned().map(|space| (dist.clone(), space))
    });
    // A probability of its own is no distribution for training.
    let listed = listed.flatten().filter(|(dist, _)| dist.name() != "bernoulli");
    let inner = ["full-gaussian", "squashed-gaussian", "beta", "truncated-normal"].map(|inner| {
        let text = format!("kind = \"composite\"\ncontinuous = \"{inner}\"");
        (toml::from_str(&text).unwrap(), mixed.clone())
    });
    listed.chain(inner).collect()
}

/// One update's worth of two environments.
fn config(algo: &str, network: &NetworkConfig, policy: &DistConfig) -> Config {
    let mut config = Config { steps: 1_000, seed: 3, ..Config::default() };
    (config.env.id, config.env.num_envs) = ("tiny".into(), 2);
    (config.network, config.policy) = (network.clone(), policy.clone());
    config.algo = AlgoConfig::by_name(algo).expect("a listed algorithm");
    let by_episodes = ["reinforce", "off_policy_pg"].contains(&algo);
    (config.rollout.steps, config.rollout.episodes) = (6, if by_episodes { 2 } else { 0 });
    match &mut config.algo {
        AlgoConfig::Ppo(ppo) => (ppo.epochs, ppo.minibatch) = (1, 12),
        AlgoConfig::Npg(npg) => {
            (npg.cg_iterations, npg.value_epochs, npg.value_minibatch) = (2, 1, 12)
        }
        AlgoConfig::Trpo(trpo) => {
            (trpo.cg_iterations, trpo.value_epochs, trpo.value_minibatch) = (2, 1, 12)
        }
        AlgoConfig::OffPolicyPg(off) => off.gradient_steps = 1,
        _ => {}
    }
    if ["reinforce", "bc", "off_policy_pg"].contains(&algo) {
        (config.estimator.kind, config.estimator.baseline) = (Kind::RewardToGo, Baseline::None);
    }
    config
}

/// What a clone learns from.
fn recorded(env: &dyn EnvFactory, file: &Path) -> String {
    let settings = EnvSettings { time_limit: Some(LONGEST), frame_skip: 1 };
    let game = Game { env, settings, episodes: 4, seed: 1, keep: true };
    let uniform = Uniform::new(&env.action_space()).unwrap();
    let (pool, never) = (Pool::new(1), AtomicBool::new(false));
    let made = record_with(&uniform, &game, Behaviour::Stochastic, "a test", &pool, &never);
    made.unwrap().unwrap().save(file).unwrap();
    file.display().to_string()
}

/// What an error says of a combination that is refused.
fn refusal(config: &Config, action: &Space) -> Option<&'static str> {
    let shares = serde_json::to_value(&config.network).unwrap()["shared"] == true;
    if config.policy.name() == "gsde" && !config.network.has_features() {
        return Some("has no hidden features");
    }
    match config.algo.name() {
        "npg" | "trpo" if shares => Some("shared"),
        "bc" if !config.policy.build(action).unwrap().samples_are_actions() => {
            Some("its samples are not actions")
        }
        _ => None,
    }
}

/// One combination: two updates at once and after a restart.
fn train(config: &Config, env: &dyn EnvFactory) {
    let (network, policy) = (config.network.name(), config.policy.name());
    let place =
        format!("{} with {network} and {policy} on {}", config.algo.name(), env.action_space());
    let trainer =
        |threads| Trainer::with_env(config, env, Runtime { threads, kernel: Kernel::detect() });
    if let Some(why) = refusal(config, &env.action_space()) {
        let error = trainer(1).err().unwrap_or_else(|| panic!("{place} is not refused"));
        assert!(error.to_string().contains(why), "{place}: {error}");
        return;
    }
    let built = |threads| trainer(threads).unwrap_or_else(|e| panic!("{place}: {e}"));
    let update = |trainer: &mut Trainer| {
        trainer.update().unwrap_or_else(|e| panic!("{place}: {e}"));
    };
    let (mut whole, mut second) = (built(2), built(1));
    update(&mut whole);
    second.restore(&whole.state().unwrap()).unwrap_or_else(|e| panic!("{place}: {e}"));
    let start = second.params_sha256();
    update(&mut whole);
    update(&mut second);
    assert_eq!(second.state_sha256().unwrap(), whole.state_sha256().unwrap(), "{place}");
    assert_ne!(second.params_sha256(), start, "{place} moves nothing");
}

/// Every policy with one network and its observation, under every algorithm; returns how many.
fn train_all(network: &NetworkConfig, observation: &Space, folder: &Path) -> usize {
    let file = folder.join("recording.safetensors");
    let mut tried = 0;
    for (policy, action) in policies() {
        for masked in [false, true].into_iter().filter(|m| !m || !action.choices().is_empty()) {
            let (observation, action) = (observation.clone(), action.clone());
            let tiny = Tiny { observation, action, masked, time: 0 };
            let env = custom("tiny", Some(LONGEST), move || tiny.clone());
            for algo in ALGORITHMS {
                let mut config = config(algo.name, network, &policy);
                if algo.name == "bc" {
                    config.algo.settings_mut().set_data(recorded(&*env, &file));
                }
                train(&config, &*env);
                tried += 1;
            }
        }
    }
    tried
}

#[test]
fn every_combination_trains_and_resumes() {
    let mut slots: Vec<_> = networks().into_iter().map(|network| (network, 0)).collect();
    Pool::new(2).for_each(&mut slots, |_, ((network, observation), tried)| {
        let folder = tempfile::tempdir().unwrap();
        *tried = train_all(network, observation, folder.path());
    });
    // A policy whose actions have choices is tried with masks and without.
    let masks = |(_, action): &(DistConfig, Space)| 1 + usize::from(!action.choices().is_empty());
    let variants: usize = policies().iter().map(masks).sum();
    assert!(variants > DISTRIBUTIONS.len() && slots.len() == NETWORKS.len() + 1);
    assert!(slots.iter().all(|(_, tried)| *tried == variants * ALGORITHMS.len()));
}
