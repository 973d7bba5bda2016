//! Stacks of frames: training on the last observations, each kept once, is training on an
//! environment that stacks them itself, bit for bit.

mod recorded;

use gradwerk::algo::AlgoConfig;
use gradwerk::config::Config;
use gradwerk::estimate::{Baseline, Kind};
use gradwerk::play::Game;
use gradwerk::recording::{Behaviour, Uniform, judge, record, record_with};
use gradwerk::{EvalOptions, Policy, Pool, Runtime, Trainer, evaluate};
use gradwerk_env::classic::{CartPole, Pendulum};
use gradwerk_env::probe::Hybrid;
use gradwerk_env::{Action, End, Env, EnvError, EnvFactory, MdpEnv, Space, Step, custom, find};
use gradwerk_math::{Kernel, Stream};
use gradwerk_nn::{MlpConfig, NetworkConfig, SmallCnnConfig};
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;

const FRAMES: usize = 4;

/// Shows the last frames of another environment at once, the first one again where there are not
/// so many: every image with those before it, and so whatever lies between two images.
struct Stacked<E> {
    env: E,
    groups: Vec<Space>,
    frames: VecDeque<Vec<f32>>,
    last: Vec<f32>,
}

/// The entries that are stacked together: an image, or what lies between two of them.
fn groups(space: &Space) -> Vec<Space> {
    let mut groups: Vec<Space> = Vec::new();
    for leaf in space.leaves() {
        match (leaf, groups.last_mut()) {
            (Space::Image { .. }, _) => groups.push(leaf.clone()),
            (_, Some(Space::Tuple(others))) => others.push(leaf.clone()),
            _ => groups.push(Space::Tuple(vec![leaf.clone()])),
        }
    }
    groups
}

impl<E: Env> Stacked<E> {
    fn new(env: E) -> Self {
        let space = env.observation_space();
        let last = vec![0.0; space.width()];
        Self { env, groups: groups(&space), frames: VecDeque::new(), last }
    }

    fn show(&self, obs: &mut [f32]) {
        let (mut from, mut rest) = (0, obs);
        for width in self.groups.iter().map(Space::width) {
            for frame in &self.frames {
                let (own, later) = rest.split_at_mut(width);
                own.copy_from_slice(&frame[from..from + width]);
                rest = later;
            }
            from += width;
        }
    }
}

impl<E: Env> Env for Stacked<E> {
    fn observation_space(&self) -> Space {
        let stacked = |group: &Space| match *group {
            Space::Image { channels, height, width } => {
                Space::Image { channels: FRAMES * channels, height, width }
            }
            ref other => Space::Tuple(vec![other.clone(); FRAMES]),
        };
        Space::Tuple(self.groups.iter().map(stacked).collect())
    }
    fn action_space(&self) -> Space {
        self.env.action_space()
    }
    fn action_mask(&self, mask: &mut [bool]) -> bool {
        self.env.action_mask(mask)
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.env.reset(rng, &mut self.last);
        self.frames = vec![self.last.clone(); FRAMES].into();
        self.show(obs);
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let step = self.env.step(action, rng, &mut self.last);
        self.frames.pop_front();
        self.frames.push_back(self.last.clone());
        self.show(obs);
        step
    }
}

/// A dot that is pushed over an image of 1 x 6 x 6 and drifts by itself.
#[derive(Clone, Default)]
struct Dot(u32);

impl Env for Dot {
    fn observation_space(&self) -> Space {
        Space::Image { channels: 1, height: 6, width: 6 }
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 3 }
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.0 = rng.below(36);
        obs.fill(0.0);
        obs[self.0 as usize] = 255.0;
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        self.0 = (self.0 + action.discrete[0] + 5 * rng.below(2)) % 36;
        obs.fill(0.0);
        obs[self.0 as usize] = 200.0;
        let end = if self.0 == 0 { End::Terminated } else { End::Continue };
        Step { reward: f64::from(self.0 % 6), end }
    }
    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.0.to_le_bytes().to_vec())
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let bytes = snapshot.try_into().map_err(|_| EnvError("not a dot".into()))?;
        self.0 = u32::from_le_bytes(bytes);
        Ok(())
    }
}

/// What [`Dot`] shows in a place of its own, seen by two cameras and told in numbers, an index and
/// bits.
#[derive(Clone, Default)]
struct Scene {
    dot: Dot,
    image: Vec<f32>,
}

impl Scene {
    fn show(&self, obs: &mut [f32]) {
        let place = (self.dot.0 / 6, self.dot.0 % 6);
        obs[..2].copy_from_slice(&[0.5 * place.0 as f32, -0.1 * place.1 as f32]);
        obs[2..38].copy_from_slice(&self.image);
        obs[38..41].copy_from_slice(&[(place.0 % 3) as f32, 1.0, (place.1 % 2) as f32]);
        (0..24).for_each(|k| obs[41 + k] = ((7 * k as u32 + 31 * self.dot.0) % 256) as f32);
        obs[65] = place.1 as f32;
    }
}

impl Env for Scene {
    fn observation_space(&self) -> Space {
        let bits = Space::MultiBinary { n: 2 };
        let right = Space::Image { channels: 2, height: 4, width: 3 };
        Space::dict([
            ("place", Space::uniform_box(2, -9.0, 9.0)),
            ("left", self.dot.observation_space()),
            ("kind", Space::Discrete { n: 3 }),
            ("more", Space::Tuple(vec![bits, right])),
            ("column", Space::uniform_box(1, -9.0, 9.0)),
        ])
    }
    fn action_space(&self) -> Space {
        self.dot.action_space()
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.image.resize(36, 0.0);
        self.dot.reset(rng, &mut self.image);
        self.show(obs);
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let step = self.dot.step(action, rng, &mut self.image);
        self.show(obs);
        step
    }
    fn snapshot(&self) -> Option<Vec<u8>> {
        self.dot.snapshot()
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        self.image.resize(36, 0.0);
        self.dot.restore(snapshot)
    }
}

/// Shows the pixels of another environment as the numbers that they stand for.
struct Bright<E>(E);

impl<E: Env> Bright<E> {
    fn brighten(&self, obs: &mut [f32]) {
        let mut rest = obs;
        for leaf in self.0.observation_space().leaves() {
            let (own, later) = rest.split_at_mut(leaf.width());
            if matches!(leaf, Space::Image { .. }) {
                own.iter_mut().for_each(|x| *x *= 1.0 / 255.0);
            }
            rest = later;
        }
    }
}

impl<E: Env> Env for Bright<E> {
    fn observation_space(&self) -> Space {
        let numbers = |leaf: &Space| match leaf {
            Space::Image { .. } => Space::uniform_box(leaf.width(), 0.0, 1.0),
            other => other.clone(),
        };
        Space::Tuple(self.0.observation_space().leaves().into_iter().map(numbers).collect())
    }
    fn action_space(&self) -> Space {
        self.0.action_space()
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.0.reset(rng, obs);
        self.brighten(obs);
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let step = self.0.step(action, rng, obs);
        self.brighten(obs);
        step
    }
}

/// The same environment plain and stacked by itself; a limit that cuts most episodes.
fn pair<E: Env + 'static>(
    id: &str,
    make: impl Fn() -> E + Clone + Send + Sync + 'static,
) -> [Box<dyn EnvFactory>; 2] {
    let again = make.clone();
    [custom(id, Some(13), make), custom(id, Some(13), move || Stacked::new(again()))]
}

/// Numbers with either kind of actions, an index, both kinds at once, an image, and images among
/// numbers, indices and bits.
const ENVS: [&str; 6] = ["pole", "pendulum", "lake", "hybrid", "dot", "scene"];

fn envs(id: &str) -> [Box<dyn EnvFactory>; 2] {
    let lake = find("FrozenLake-v1").unwrap().mdp().unwrap();
    match id {
        "pole" => pair(id, CartPole::default),
        "pendulum" => pair(id, Pendulum::default),
        "lake" => pair(id, || MdpEnv::new(lake.clone())),
        "hybrid" => pair(id, Hybrid::default),
        "scene" => pair(id, Scene::default),
        _ => pair(id, Dot::default),
    }
}

fn network(id: &str, algo: &str) -> NetworkConfig {
    let shared = !["npg", "trpo"].contains(&algo);
    if ["dot", "scene"].contains(&id) {
        let (channels, hidden) = (vec![4], vec![16]);
        return NetworkConfig::SmallCnn(SmallCnnConfig {
            channels,
            hidden,
            shared,
            ..SmallCnnConfig::default()
        });
    }
    let hidden = vec![8, 8];
    NetworkConfig::Mlp(MlpConfig { hidden, shared, ..MlpConfig::default() })
}

/// A small run on stacks.
fn config(algo: &str, id: &str) -> Config {
    let mut config = Config { steps: 4_000, seed: 3, ..Config::default() };
    config.env.id = id.into();
    (config.env.num_envs, config.rollout.steps) = (5, 30);
    config.env.frame_stack = FRAMES;
    config.network = network(id, algo);
    config.normalize.rewards = true;
    config.algo = AlgoConfig::by_name(algo).unwrap();
    if let AlgoConfig::Ppo(ppo) = &mut config.algo {
        ppo.minibatch = 70;
    }
    if algo == "reinforce" {
        config.rollout.episodes = 10;
        config.estimator.kind = Kind::RewardToGo;
        config.estimator.baseline = Baseline::Value;
    }
    config
}

/// The same run for an environment that stacks.
fn plain(config: &Config) -> Config {
    let mut config = config.clone();
    config.env.frame_stack = 1;
    config
}

fn remembering(config: Config) -> Config {
    let memory = r#"{"kind":"gru","units":6,"segment":7}"#;
    Config { memory: serde_json::from_str(memory).unwrap(), ..config }
}

fn trainer(config: &Config, env: &dyn EnvFactory, threads: usize) -> Trainer {
    let runtime = Runtime { threads, kernel: Kernel::detect() };
    Trainer::with_env(config, env, runtime).unwrap()
}

fn run(trainer: &mut Trainer, updates: usize) {
    for _ in 0..updates {
        trainer.update().expect("an update");
    }
}

const ALGOS: [&str; 6] = ["ppo", "a2c", "reinforce", "npg", "trpo", "off_policy_pg"];

/// All algorithms on numbers, one on everything, and one with memory.
fn runs() -> Vec<(String, Config)> {
    let mut runs = Vec::new();
    for algo in ALGOS {
        runs.push((format!("{algo} on pole"), config(algo, "pole")));
    }
    for id in ENVS {
        runs.push((format!("ppo on {id}"), config("ppo", id)));
        runs.push((format!("off_policy_pg on {id}"), config("off_policy_pg", id)));
    }
    for id in ["dot", "scene"] {
        runs.push((format!("reinforce on {id}"), config("reinforce", id)));
    }
    for id in ["pole", "scene"] {
        runs.push((format!("gru on {id}"), remembering(config("ppo", id))));
    }
    runs
}

#[test]
fn stacks_are_those_of_an_environment_that_stacks() {
    for (name, config) in runs() {
        let [env, stacking] = envs(&config.env.id);
        let (mut own, mut theirs) =
            (trainer(&config, &*env, 2), trainer(&plain(&config), &*stacking, 2));
        for update in 1..=5 {
            run(&mut own, 1);
            run(&mut theirs, 1);
            assert_eq!(own.params_sha256(), theirs.params_sha256(), "{name}, update {update}");
        }
        assert_eq!(own.counters(), theirs.counters(), "{name}");
        for stochastic in [false, true] {
            let options = EvalOptions { episodes: 9, stochastic, ..EvalOptions::default() };
            let returns = |policy: &Policy, env: &dyn EnvFactory, threads| {
                evaluate(policy, env, options, &Pool::new(threads)).unwrap().returns
            };
            let (a, b) =
                (returns(&own.policy(), &*env, 2), returns(&theirs.policy(), &*stacking, 1));
            assert_eq!(a, b, "{name}");
        }
    }
}

#[test]
fn recordings_are_learned_from_and_judged_in_stacks() {
    for id in ["pole", "lake", "dot", "scene"] {
        let (envs, folder) = (envs(id), tempfile::tempdir().unwrap());
        let files = [0, 1].map(|k| {
            let path = folder.path().join(format!("{k}.safetensors"));
            let settings = envs[k].default_settings();
            let game = Game { env: &*envs[k], settings, episodes: 8, seed: 5, keep: true };
            let uniform = Uniform::new(&envs[k].action_space()).unwrap();
            let (pool, never) = (Pool::new(1), AtomicBool::new(false));
            let made = record_with(&uniform, &game, Behaviour::Stochastic, "", &pool, &never);
            made.unwrap().unwrap().save(&path).unwrap();
            path.display().to_string()
        });
        for (algo, memory) in [("bc", false), ("off_policy_pg", false), ("bc", true)] {
            let mut config = config(algo, id);
            config.normalize.rewards = false;
            config.estimator.kind = Kind::RewardToGo;
            // The values of final observations enter here.
            config.estimator.baseline = Baseline::None;
            let config = if memory { remembering(config) } else { config };
            let hashes =
                [config.clone(), plain(&config)].into_iter().zip(0..2).map(|(mut c, k)| {
                    c.algo.settings_mut().set_data(files[k].clone());
                    let mut trainer = trainer(&c, &*envs[k], 2);
                    run(&mut trainer, 3);
                    (trainer.params_sha256(), trainer.policy())
                });
            let [own, theirs] = <[_; 2]>::try_from(hashes.collect::<Vec<_>>()).unwrap();
            assert_eq!(own.0, theirs.0, "{algo} on {id}, memory {memory}");
            let estimates = [own.1, theirs.1].into_iter().zip(0..2).map(|(policy, k)| {
                let options = EvalOptions { episodes: 4, stochastic: true, seed: 2 };
                let (pool, never) = (Pool::new(2), AtomicBool::new(false));
                let made = record(&policy, &*envs[k], options, &pool, &never);
                let judged = judge(&policy, &*envs[k], &made.unwrap().unwrap(), 0.9).unwrap();
                assert!((judged.ess_share - 1.0).abs() < 1e-4, "its own actions: {judged:?}");
                (judged.estimates, judged.log_likelihood)
            });
            let estimates: Vec<_> = estimates.collect();
            assert_eq!(estimates[0], estimates[1], "{algo} on {id}, memory {memory}");
        }
    }
}

/// Images are kept as bytes, whatever stands beside them; a network that takes them for numbers
/// learns the same.
#[test]
fn bytes_of_images_are_the_numbers_they_stand_for() {
    let env = custom("scene", Some(13), Scene::default);
    let bright = custom("scene", Some(13), || Bright(Scene::default()));
    for algo in ALGOS {
        let mut config = plain(&config(algo, "scene"));
        config.network = network("pole", algo);
        let hash = |env: &dyn EnvFactory| {
            let mut trainer = trainer(&config, env, 2);
            run(&mut trainer, 4);
            trainer.params_sha256()
        };
        assert_eq!(hash(&*env), hash(&*bright), "{algo}");
    }
}

/// Final observations of a recording with a value function, which bootstraps from them.
#[test]
fn values_bootstrap_from_stacks() {
    let [env, stacking] = envs("pole");
    let mut config = config("a2c", "pole");
    config.estimator.kind = Kind::Gae;
    let values = |config: &Config, env: &dyn EnvFactory| {
        let mut trainer = trainer(config, env, 1);
        run(&mut trainer, 6);
        let mut policy = trainer.policy();
        let width = env.observation_space().width();
        policy.values(&vec![0.05; width]).unwrap()
    };
    // The same frame again and again is what an episode begins with.
    assert_eq!(values(&config, &*env), values(&plain(&config), &*stacking));
}

#[test]
fn bits_do_not_depend_on_threads_and_runs_resume() {
    for (name, mut config) in runs() {
        // Moments of frames, where there are any.
        let vector = ["pole", "pendulum", "hybrid", "scene"].contains(&config.env.id.as_str());
        config.normalize.observations = vector && config.algo.name() != "off_policy_pg";
        let [env, _] = envs(&config.env.id);
        let whole = [1, 3, 4].map(|threads| {
            let mut trainer = trainer(&config, &*env, threads);
            run(&mut trainer, 5);
            (trainer.params_sha256(), trainer.state_sha256().unwrap())
        });
        assert!(whole.iter().all(|hash| *hash == whole[0]), "{name}: {whole:?}");
        let mut first = trainer(&config, &*env, 2);
        run(&mut first, 2);
        let mut second = trainer(&config, &*env, 3);
        second.restore(&first.state().unwrap()).unwrap();
        run(&mut second, 3);
        assert_eq!(second.state_sha256().unwrap(), whole[0].1, "{name}");
    }
}

#[test]
fn moments_are_those_of_a_frame() {
    let mut config = config("ppo", "pole");
    config.normalize.observations = true;
    let [env, _] = envs("pole");
    let moments = |config: &Config| {
        let mut trainer = trainer(config, &*env, 2);
        run(&mut trainer, 1);
        trainer.policy().normalizers().observations.clone().unwrap()
    };
    let (stacked, plain) = (moments(&config), moments(&plain(&config)));
    assert_eq!((stacked.mean.len(), stacked.count), (4, plain.count));
}

#[test]
fn a_policy_remembers_frames() {
    let [env, stacking] = envs("pole");
    let config = config("ppo", "pole");
    let (mut own, mut theirs) =
        (trainer(&config, &*env, 1).policy(), trainer(&plain(&config), &*stacking, 1).policy());
    let file = tempfile::NamedTempFile::new().unwrap();
    own.save(file.path()).unwrap();
    let mut loaded = Policy::load(file.path()).unwrap();
    // Three frames and whether there are any.
    assert_eq!((own.memory_width(), theirs.memory_width()), (3 * 4 + 1, 0));
    let frame = |k: usize| [0.1 * k as f32, -0.2, 0.03 * k as f32, 1.0];
    let shown = |frames: [usize; 4]| frames.map(frame).concat();
    // Two rows; the second begins anew with the frame 3.
    for (k, first, second) in [
        (1, [1, 1, 1, 1], [1, 1, 1, 1]),
        (2, [1, 1, 1, 2], [1, 1, 1, 2]),
        (3, [1, 1, 2, 3], [3; 4]),
    ] {
        if k == 3 {
            own.forget_row(1);
        }
        let (batch, stacks) =
            ([frame(k), frame(k)].concat(), [shown(first), shown(second)].concat());
        assert_eq!(own.values(&batch), theirs.values(&stacks), "frame {k}");
        assert_eq!(own.predict(&batch), theirs.predict(&stacks), "frame {k}");
    }
    let kept = own.memory().to_vec();
    loaded.set_memory(&kept).unwrap();
    let (batch, stacks) =
        ([frame(4), frame(4)].concat(), [shown([1, 2, 3, 4]), shown([3, 3, 3, 4])].concat());
    assert_eq!(loaded.values(&batch), theirs.values(&stacks));
    loaded.forget();
    assert_eq!(loaded.values(&frame(5)), theirs.values(&shown([5; 4])));
    let error = own.set_memory(&kept[1..]).unwrap_err().to_string();
    assert_eq!(error, "memory: 25 numbers, rows of 13 expected");
}

#[test]
fn wrong_settings_name_value_and_rule() {
    let message = |change: fn(&mut Config)| {
        let mut config = config("ppo", "FrozenLake-v1");
        change(&mut config);
        Trainer::new(&config, Runtime::default()).err().expect("refused").to_string()
    };
    for (wrong, expected) in [
        (message(|c| c.env.frame_stack = 0), "env.frame_stack = 0: must be from 1 (off) to 64"),
        (message(|c| c.env.frame_stack = 65), "env.frame_stack = 65: must be from 1 (off) to 64"),
        (
            message(|c| c.network = NetworkConfig::named("tabular").unwrap()),
            "env.frame_stack = 4: must be 1 with network tabular, which looks one state up",
        ),
    ] {
        assert_eq!(wrong, expected);
    }
    let [env, _] = envs("pole");
    let other = trainer(&plain(&config("ppo", "pole")), &*env, 1).policy();
    let mut stacked = trainer(&config("ppo", "pole"), &*env, 1);
    let error = stacked.warm_start(&other).unwrap_err().to_string();
    let expected = "env.frame_stack = 4: the policy to start from was trained with 1";
    assert!(error.starts_with(expected), "{error}");
}
