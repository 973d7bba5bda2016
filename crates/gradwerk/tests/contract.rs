//! What every algorithm must hold, looped over the lists.

mod recorded;

use gradwerk::algo::{ALGORITHMS, AlgoConfig, AlgoSpec};
use gradwerk::config::Config;
use gradwerk::estimate::{BASELINES, Baseline, Kind, Normalize};
use gradwerk::schedule::Schedule;
use gradwerk::{Error, Runtime, Trainer};
use gradwerk_env::{Action, End, Env, Space, Step, custom};
use gradwerk_math::{Kernel, Stream};
use gradwerk_nn::{Activation, MEMORIES, MlpConfig, NetworkConfig, SmallCnnConfig};

/// A small run with annealing and every normaliser on.
fn small(algo: &str, env: &str) -> Config {
    let mut config = Config { steps: 4_000, seed: 3, ..Config::default() };
    config.env.id = env.into();
    config.env.num_envs = 6;
    config.env.time_limit = env.starts_with("probe/").then_some(8); // they have none
    config.rollout.steps = 40;
    config.lr = Schedule::linear(3e-3, 0.0);
    config.network = if env == "probe/pixel" { small_cnn(algo) } else { small_mlp() };
    config.algo = AlgoConfig::by_name(algo).expect("a listed algorithm");
    // An index and an image have no moments.
    config.normalize.observations = !["FrozenLake-v1", "probe/pixel"].contains(&env);
    config.normalize.rewards = true;
    config.normalize.value_targets = true;
    if let AlgoConfig::Ppo(ppo) = &mut config.algo {
        ppo.minibatch = 70;
        ppo.clip = Schedule::linear(0.3, 0.1);
        ppo.adaptive_kl = 0.01;
        ppo.max_kl = 0.2;
        config.estimator.normalize = Normalize::Minibatch;
    }
    if algo == "bc" {
        recorded::learn_from_data(&mut config, env);
    }
    if algo == "off_policy_pg" {
        // Stored batches keep the moments of their time.
        config.normalize.observations = false;
        config.normalize.value_targets = false;
    }
    if algo == "reinforce" {
        config.rollout.episodes = 12;
        config.estimator.kind = Kind::RewardToGo;
        config.estimator.baseline = Baseline::Value;
    }
    config
}

fn small_mlp() -> NetworkConfig {
    NetworkConfig::Mlp(MlpConfig { hidden: vec![16, 16], ..MlpConfig::default() })
}

/// For images; npg and trpo refuse a shared trunk.
fn small_cnn(algo: &str) -> NetworkConfig {
    let shared = !["npg", "trpo"].contains(&algo);
    let (channels, padding, hidden) = (vec![8], 1, vec![32]);
    let activation = Activation::Tanh;
    NetworkConfig::SmallCnn(SmallCnnConfig {
        channels,
        padding,
        hidden,
        activation,
        shared,
        ..SmallCnnConfig::default()
    })
}

/// Every algorithm, and off_policy_pg a second time with a recording as its one batch.
fn variants(env: &str) -> Vec<(String, Config)> {
    let listed = ALGORITHMS.iter().map(|a| (format!("{} on {env}", a.name), small(a.name, env)));
    let mut replayed = small("off_policy_pg", env);
    recorded::learn_from_data(&mut replayed, env);
    replayed.normalize.observations = false;
    listed.chain([(format!("off_policy_pg on recorded {env}"), replayed)]).collect()
}

/// Every algorithm with every memory, each on another kind of environment; and every memory where
/// masked choices and numbers come together.
fn remembering() -> impl Iterator<Item = (String, Config)> {
    let named = || MEMORIES.iter().filter(|name| **name != "none");
    let pairs = named().flat_map(|memory| ALGORITHMS.iter().map(move |algo| (memory, algo.name)));
    let hybrid = named().map(|memory| ((memory, "ppo"), &"hybrid/platform-no-velocity"));
    pairs.zip(ENVS.iter().cycle()).chain(hybrid).map(|((memory, algo), env)| {
        let text = format!(r#"{{"kind":"{memory}","units":8,"segment":4}}"#);
        let memory = serde_json::from_str(&text).unwrap();
        (format!("{algo} on {env}, {text}"), Config { memory, ..small(algo, env) })
    })
}

/// Every algorithm that plays, on images beside the previous action and reward, in stacks.
fn told() -> impl Iterator<Item = (String, Config)> {
    ALGORITHMS.iter().filter(|algo| algo.name != "bc").map(|algo| {
        let mut config = small(algo.name, "probe/pixel");
        config.env.frame_stack = 3;
        (config.env.previous_action, config.env.previous_reward) = (true, true);
        config.normalize.observations = algo.name != "off_policy_pg";
        (format!("{} on images, actions and rewards", algo.name), config)
    })
}

/// Every algorithm on an index that is embedded.
fn embedded() -> impl Iterator<Item = (String, Config)> {
    ALGORITHMS.iter().map(|algo| {
        let network = MlpConfig { hidden: vec![16], embedding: 3, ..MlpConfig::default() };
        let network = NetworkConfig::Mlp(network);
        let config = Config { network, ..small(algo.name, "FrozenLake-v1") };
        (format!("{} on an embedded index", algo.name), config)
    })
}

/// All variants on every kind of environment, with memories, embeddings, images among other entries, and
/// REINFORCE with baselines that weigh by scores.
fn runs() -> Vec<(String, Config)> {
    let mut runs: Vec<_> = ENVS.iter().flat_map(|env| variants(env)).collect();
    runs.extend(remembering());
    runs.extend(told());
    runs.extend(embedded());
    for baseline in BASELINES.iter().filter(|b| b.needs_score) {
        for (kind, env) in [Kind::TotalReturn, Kind::RewardToGo].into_iter().zip(ENVS) {
            let mut config = small("reinforce", env);
            (config.estimator.kind, config.estimator.baseline) = (kind, baseline.baseline);
            runs.push((format!("{} on {env}", baseline.name), config));
        }
    }
    runs
}

fn runtime(threads: usize) -> Runtime {
    Runtime { threads, kernel: Kernel::detect() }
}

fn run(trainer: &mut Trainer, updates: usize) {
    for _ in 0..updates {
        trainer.update().expect("an update");
    }
}

/// A vector with either kind of actions, an index, masked actions of several parts, and an image.
const ENVS: [&str; 6] =
    ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1", "probe/masked", "probe/hybrid", "probe/pixel"];

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for (name, config) in runs() {
        let hashes = [1, 2, 3, 4].map(|threads| {
            let mut trainer = Trainer::new(&config, runtime(threads)).unwrap();
            run(&mut trainer, 4);
            (trainer.params_sha256(), trainer.state_sha256().unwrap())
        });
        assert!(hashes.iter().all(|h| *h == hashes[0]), "{name}: {hashes:?}");
    }
}

/// More threads than environments, than rows of a minibatch and than gradient chunks.
#[test]
fn more_threads_than_work_change_nothing() {
    for (algo, threads) in ALGORITHMS.iter().flat_map(|a| [2, 9, 33].map(|t| (a.name, t))) {
        let mut config = small(algo, "CartPole-v1");
        (config.env.num_envs, config.rollout.steps) = (1, 5);
        (config.rollout.episodes, config.normalize.value_targets) =
            (config.rollout.episodes.min(2), false);
        if let AlgoConfig::Ppo(ppo) = &mut config.algo {
            ppo.minibatch = 2;
        }
        let hash = |threads| {
            let mut trainer = Trainer::new(&config, runtime(threads)).unwrap();
            run(&mut trainer, 3);
            (trainer.params_sha256(), trainer.state_sha256().unwrap())
        };
        assert_eq!(hash(threads), hash(1), "{algo} on {threads} threads");
    }
}

#[test]
fn another_seed_gives_other_bits() {
    let hash = |seed| {
        let config = Config { seed, ..small("ppo", "CartPole-v1") };
        let mut trainer = Trainer::new(&config, runtime(1)).unwrap();
        run(&mut trainer, 1);
        trainer.params_sha256()
    };
    assert_eq!(hash(5), hash(5));
    assert_ne!(hash(5), hash(6));
}

#[test]
fn a_restored_trainer_goes_on_with_the_same_bits() {
    for (name, config) in runs() {
        let mut whole = Trainer::new(&config, runtime(2)).unwrap();
        run(&mut whole, 5);
        let mut first = Trainer::new(&config, runtime(1)).unwrap();
        run(&mut first, 2);
        let state = first.state().unwrap();
        let mut second = Trainer::new(&config, runtime(3)).unwrap();
        second.restore(&state).unwrap();
        assert_eq!(second.state_sha256().unwrap(), state.sha256(), "{name}");
        run(&mut second, 3);
        assert_eq!(second.params_sha256(), whole.params_sha256(), "{name}");
        assert_eq!(second.state_sha256().unwrap(), whole.state_sha256().unwrap(), "{name}");
    }
}

#[test]
fn an_environment_without_snapshots_is_resumed_by_replay() {
    let env = custom("walk", Some(17), || Walk { position: 0.0 });
    let config = small("ppo", "walk");
    let mut whole = Trainer::with_env(&config, &*env, runtime(2)).unwrap();
    run(&mut whole, 4);
    let mut first = Trainer::with_env(&config, &*env, runtime(2)).unwrap();
    run(&mut first, 2);
    let mut second = Trainer::with_env(&config, &*env, runtime(1)).unwrap();
    second.restore(&first.state().unwrap()).unwrap();
    run(&mut second, 2);
    assert_eq!(second.state_sha256().unwrap(), whole.state_sha256().unwrap());
}

#[test]
fn a_run_goes_on_with_its_own_recording_only() {
    let mut config = small("bc", "CartPole-v1");
    let mut first = Trainer::new(&config, runtime(1)).unwrap();
    run(&mut first, 1);
    let other = recorded::file("CartPole-v1", 2);
    config.algo.settings_mut().set_data(other.clone());
    let mut second = Trainer::new(&config, runtime(1)).unwrap();
    let error = second.restore(&first.state().unwrap()).unwrap_err().to_string();
    assert_eq!(error, format!("{other}: not the recording that the run began with"));
}

/// Every algorithm that plays finds the known values and the best actions of every probe.
#[test]
fn probes_are_solved() {
    let plays =
        |algo: &&AlgoSpec| AlgoConfig::by_name(algo.name).unwrap().settings().data().is_none();
    for algo in ALGORITHMS.iter().filter(plays) {
        for env in gradwerk_env::registry::all().iter().filter(|e| e.id().starts_with("probe/")) {
            solve_probe(algo.name, *env);
        }
    }
}

fn solve_probe(algo: &str, env: &dyn gradwerk_env::EnvFactory) {
    let mut config = Config { gamma: 0.9, seed: 11, ..small(algo, env.id()) };
    config.normalize = gradwerk::config::NormalizeConfig::default();
    config.env.num_envs = 16;
    config.env.time_limit = env.default_time_limit().or(Some(8));
    if let AlgoConfig::Ppo(ppo) = &mut config.algo {
        (ppo.adaptive_kl, ppo.max_kl) = (0.0, 0.0);
    }
    config.rollout.steps = 16;
    config.rollout.episodes *= 16;
    // Images have more parameters to move, by less.
    config.lr = Schedule::linear(if env.id() == "probe/pixel" { 1e-3 } else { 1e-2 }, 0.0);
    config.steps = if algo == "ppo" { 60_000 } else { 250_000 };
    let solution = env.solution(config.gamma).expect("probes have solutions");
    let mut trainer = Trainer::with_env(&config, env, runtime(2)).unwrap();
    while !trainer.finished() {
        trainer.update().unwrap();
    }
    let mut policy = trainer.policy();
    for state in &solution.states {
        let action = policy.predict_masked(&state.obs, &state.mask).unwrap();
        let value = f64::from(policy.values(&state.obs).expect("a critic")[0]);
        let place = format!("{algo} on {} at {:?}", env.id(), state.obs);
        if let Some((discrete, continuous)) = state.action.components() {
            assert_eq!(action.discrete, discrete, "{place}");
            let close = |(x, best): (&f32, &f32)| (x - best).abs() < 0.2;
            assert!(action.continuous.iter().zip(&continuous).all(close), "{place}: {action:?}");
        }
        let scale = state.value.abs().max(1.0);
        assert!((value - state.value).abs() < 0.1 * scale, "{place}: {value} for {}", state.value);
    }
}

/// A random walk whose observation or reward turns into NaN at a given step.
#[derive(Clone)]
struct Walk {
    position: f32,
}

impl Env for Walk {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, f32::NEG_INFINITY, f32::INFINITY)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.position = rng.uniform();
        obs[0] = self.position;
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        self.position += action.discrete[0] as f32 - 0.5 + 0.1 * rng.uniform();
        obs[0] = self.position;
        Step { reward: f64::from(self.position), end: End::Continue }
    }
}

struct Broken {
    walk: Walk,
    steps: u32,
    in_reward: bool,
}

impl Env for Broken {
    fn observation_space(&self) -> Space {
        self.walk.observation_space()
    }
    fn action_space(&self) -> Space {
        self.walk.action_space()
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.walk.reset(rng, obs);
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let mut step = self.walk.step(action, rng, obs);
        self.steps += 1;
        if self.steps == 7 && self.in_reward {
            step.reward = f64::NAN;
        } else if self.steps == 7 {
            obs[0] = f32::INFINITY;
        }
        step
    }
}

#[test]
fn a_nan_of_the_environment_stops_the_run_and_is_located() {
    for in_reward in [true, false] {
        let walk = Walk { position: 0.0 };
        let make = move || Broken { walk: walk.clone(), steps: 0, in_reward };
        let env = custom("broken", Some(100), make);
        let mut trainer = Trainer::with_env(&small("ppo", "broken"), &*env, runtime(2)).unwrap();
        let error = trainer.update().unwrap_err();
        let what = if in_reward { "reward is NaN" } else { "observation[0] is inf" };
        let text = error.to_string();
        assert!(text.contains(what) && text.contains("environment 0, its step 6"), "{text}");
        assert_eq!(error.exit_code(), 1);
    }
}

#[test]
fn a_nan_in_the_first_observation_is_the_environments_fault() {
    let env = custom("broken", Some(9), || Walk { position: f32::NAN });
    let nan = custom("nan", Some(9), || NanAtReset(Walk { position: 0.0 }));
    assert!(Trainer::with_env(&small("ppo", "broken"), &*env, runtime(1)).is_ok());
    let mut trainer = Trainer::with_env(&small("ppo", "nan"), &*nan, runtime(1)).unwrap();
    let text = trainer.update().unwrap_err().to_string();
    assert!(text.contains("observation[0] is NaN at environment 0, its step 0"), "{text}");
}

struct NanAtReset(Walk);

impl Env for NanAtReset {
    fn observation_space(&self) -> Space {
        self.0.observation_space()
    }
    fn action_space(&self) -> Space {
        self.0.action_space()
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.0.reset(rng, obs);
        obs[0] = f32::NAN;
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        self.0.step(action, rng, obs)
    }
}

struct Bounded(f32, f32);

impl Env for Bounded {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, -1.0, 1.0)
    }
    fn action_space(&self) -> Space {
        Space::uniform_box(1, self.0, self.1)
    }
    fn reset(&mut self, _: &mut Stream, obs: &mut [f32]) {
        obs[0] = 0.0;
    }
    fn step(&mut self, _: Action<'_>, _: &mut Stream, obs: &mut [f32]) -> Step {
        obs[0] = 0.0;
        Step { reward: 0.0, end: End::Continue }
    }
}

#[test]
fn spaces_without_values_are_refused() {
    for (low, high) in [(1.0, -1.0), (f32::NAN, 1.0)] {
        let env = custom("bounded", Some(9), move || Bounded(low, high));
        let error = Trainer::with_env(&small("ppo", "bounded"), &*env, runtime(1)).err().unwrap();
        assert!(error.to_string().contains("Box component 0: the bounds"), "{error}");
    }
}

#[test]
fn kl_guards_need_a_second_gradient_step() {
    let mut config = small("ppo", "CartPole-v1");
    ppo(&mut config).epochs = 1;
    ppo(&mut config).minibatch = 240;
    let error = Trainer::new(&config, runtime(1)).err().unwrap().to_string();
    assert!(error.contains("algo.max_kl") && error.contains("two gradient steps"), "{error}");
    ppo(&mut config).minibatch = 239;
    assert!(Trainer::new(&config, runtime(1)).is_ok());
}

#[test]
fn a_diverging_run_stops_and_names_the_layer_and_the_update() {
    // A clone's observations stay the same: only the largest steps take it out of range.
    for (algo, lr) in [("a2c", 1e37), ("bc", 3e38)] {
        let mut config = small(algo, "CartPole-v1");
        config.lr = Schedule::constant(lr);
        config.max_grad_norm = 0.0;
        let mut trainer = Trainer::new(&config, runtime(1)).unwrap();
        let failed = |_| trainer.update().err().map(|error| (error, trainer.counters().updates));
        let (error, done) = (0..50).find_map(failed).expect("a failure");
        assert!(matches!(error, Error::NonFinite { .. }), "{error}");
        let text = error.to_string();
        assert!(["policy.", "value."].iter().any(|part| text.contains(part)), "{text}");
        assert!(text.ends_with(&format!(", update {}", done + 1)), "{text}");
    }
}

#[test]
fn default_settings_round_trip() {
    for algo in ALGORITHMS {
        let config = small(algo.name, "CartPole-v1");
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
        assert_eq!(config.algo.name(), algo.name);
    }
}

#[test]
fn impossible_settings_are_refused_by_name_and_value() {
    type Spoil = fn(&mut Config);
    let cases: [(&str, Spoil); 14] = [
        ("normalize.clip = 1000", |c| c.normalize.clip = 1e39),
        ("normalize.clip = 0", |c| c.normalize.clip = 0.0),
        ("steps = 0", |c| c.steps = 0),
        ("gamma = 1.5", |c| c.gamma = 1.5),
        ("gamma = NaN", |c| c.gamma = f64::NAN),
        ("lr = -0.1", |c| c.lr = Schedule::constant(-0.1)),
        ("lr = inf", |c| c.lr = Schedule::constant(f64::INFINITY)),
        ("max_grad_norm = -1", |c| c.max_grad_norm = -1.0),
        ("env.num_envs = 0", |c| c.env.num_envs = 0),
        ("env.frame_skip = 0", |c| c.env.frame_skip = 0),
        ("rollout.steps = 0", |c| c.rollout.steps = 0),
        ("algo.minibatch = 241", |c| ppo(c).minibatch = 241),
        ("algo.epochs = 0", |c| ppo(c).epochs = 0),
        ("algo.clip = 2", |c| ppo(c).clip = Schedule::constant(2.0)),
    ];
    for (named, spoil) in cases {
        let mut config = small("ppo", "CartPole-v1");
        spoil(&mut config);
        let error = Trainer::new(&config, runtime(1)).err().expect(named);
        assert!(error.to_string().starts_with(named), "{named}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
}

fn ppo(config: &mut Config) -> &mut gradwerk::algo::ppo::PpoSettings {
    match &mut config.algo {
        AlgoConfig::Ppo(ppo) => ppo,
        _ => unreachable!("a ppo configuration"),
    }
}

#[test]
fn whole_episodes_need_a_time_limit() {
    let env = custom("endless", None, || Walk { position: 0.0 });
    let error = Trainer::with_env(&small("reinforce", "endless"), &*env, runtime(1)).err().unwrap();
    assert!(error.to_string().contains("env.time_limit"), "{error}");
    assert_eq!(error.exit_code(), 2);
}
