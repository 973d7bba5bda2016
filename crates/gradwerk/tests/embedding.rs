//! Embeddings of choices: what is learned, kept in files and shared by frames, and what is refused.

use gradwerk::config::Config;
use gradwerk::schedule::Schedule;
use gradwerk::{EvalOptions, Policy, Pool, Runtime, Trainer, evaluate};
use gradwerk_env::{Action, End, Env, EnvFactory, Space, Step, custom};
use gradwerk_math::{Kernel, Stream};
use gradwerk_nn::{MlpConfig, NetworkConfig, SmallCnnConfig};

/// Three signs of 7, 5 and 2 kinds and a number. Whether the first two are even together says what
/// is right; the others say nothing.
#[derive(Clone, Default)]
struct Signs {
    shown: [u32; 3],
    image: bool,
}

impl Signs {
    fn draw(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.shown = [7, 5, 2].map(|n| rng.below(n));
        for (x, &sign) in obs.iter_mut().zip(&self.shown) {
            *x = sign as f32;
        }
        obs[3] = rng.uniform();
        obs[4..].fill(255.0);
    }
}

impl Env for Signs {
    fn observation_space(&self) -> Space {
        let mut entries = vec![
            ("pair".to_owned(), Space::MultiDiscrete { n: vec![7, 5] }),
            ("kind".to_owned(), Space::Discrete { n: 2 }),
            ("number".to_owned(), Space::uniform_box(1, 0.0, 1.0)),
        ];
        if self.image {
            let image = Space::Image { channels: 1, height: 3, width: 3 };
            entries.push(("camera".to_owned(), image));
        }
        Space::Dict(entries)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.draw(rng, obs);
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let right = (self.shown[0] + self.shown[1]) % 2 == action.discrete[0];
        self.draw(rng, obs);
        Step { reward: f64::from(u8::from(right)), end: End::Continue }
    }
}

fn signs(image: bool) -> Box<dyn EnvFactory> {
    custom("signs", Some(10), move || Signs { image, ..Signs::default() })
}

fn config(embedding: usize) -> Config {
    let mut config = Config { steps: 40_000, seed: 1, gamma: 0.5, ..Config::default() };
    config.env.id = "signs".into();
    (config.env.num_envs, config.rollout.steps) = (16, 32);
    config.lr = Schedule::linear(3e-3, 0.0);
    config.network = NetworkConfig::Mlp(MlpConfig { embedding, ..MlpConfig::default() });
    config
}

fn trainer(config: &Config, env: &dyn EnvFactory) -> Trainer {
    let runtime = Runtime { threads: 2, kernel: Kernel::detect() };
    Trainer::with_env(config, env, runtime).unwrap()
}

/// Names and shapes of the entries of a policy's file that are tables.
fn tables(policy: &Policy) -> Vec<(String, Vec<usize>)> {
    let file = tempfile::NamedTempFile::new().unwrap();
    policy.save(file.path()).unwrap();
    let bytes = std::fs::read(file.path()).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let entries = header.as_object().unwrap().iter();
    let tables = entries.filter(|(name, _)| name.contains("embedding"));
    let shape = |value: &serde_json::Value| {
        serde_json::from_value::<Vec<usize>>(value["shape"].clone()).unwrap()
    };
    let mut tables: Vec<_> = tables.map(|(name, e)| (name.clone(), shape(e))).collect();
    tables.sort();
    tables
}

/// Who does not tell the signs apart is right half of the time.
#[test]
fn signs_are_learned_and_kept_in_the_file() {
    let env = signs(false);
    let mut trainer = trainer(&config(4), &*env);
    while !trainer.finished() {
        trainer.update().unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    trainer.policy().save(file.path()).unwrap();
    let policy = Policy::load(file.path()).unwrap();
    let score = evaluate(&policy, &*env, EvalOptions::default(), &Pool::new(2)).unwrap();
    assert!(score.mean_return > 9.9, "{}", score.mean_return);
    let named =
        |branch: &str, k: usize, n: usize| (format!("{branch}.embedding.{k}.weight"), vec![n, 4]);
    let expected = ["policy", "value"].map(|b| [named(b, 0, 7), named(b, 1, 5), named(b, 2, 2)]);
    assert_eq!(tables(&policy), expected.concat());
}

#[test]
fn frames_share_their_tables() {
    let mut stacked = config(3);
    stacked.env.frame_stack = 4;
    let (env, image) = (signs(false), signs(true));
    assert_eq!(
        tables(&trainer(&stacked, &*env).policy()),
        tables(&trainer(&config(3), &*env).policy())
    );
    let small = SmallCnnConfig { embedding: 5, ..SmallCnnConfig::default() };
    stacked.network = NetworkConfig::SmallCnn(small);
    let names = [7, 5, 2].into_iter().enumerate();
    let expected: Vec<_> =
        names.map(|(k, n)| (format!("trunk.conv.embedding.{k}.weight"), vec![n, 5])).collect();
    assert_eq!(tables(&trainer(&stacked, &*image).policy()), expected);
}

#[test]
fn wrong_settings_name_value_and_rule() {
    let message = |config: &Config, id: &str| {
        let config = Config {
            env: gradwerk::config::EnvConfig { id: id.into(), ..config.env.clone() },
            ..config.clone()
        };
        Trainer::new(&config, Runtime::default()).err().expect("refused").to_string()
    };
    let expected = "network.embedding = 8: must be 0, for the observation has no Discrete or \
                    MultiDiscrete entry to embed";
    assert_eq!(message(&config(8), "CartPole-v1"), expected);
    let expected = "network.embedding = 4097: must be from 0 (one-hot) to 4096";
    assert_eq!(message(&config(4097), "FrozenLake-v1"), expected);
}
