//! The previous action and reward as inputs: what cannot be learned without them, and that runs,
//! files and evaluations know of them.

use gradwerk::algo::AlgoConfig;
use gradwerk::config::Config;
use gradwerk::recording::record;
use gradwerk::schedule::Schedule;
use gradwerk::{EvalOptions, Policy, Pool, Runtime, Trainer, evaluate};
use gradwerk_env::{Action, End, Env, EnvFactory, Space, Step, custom, find};
use gradwerk_math::{Kernel, Stream};
use gradwerk_nn::{NetworkConfig, SmallCnnConfig};
use std::sync::atomic::AtomicBool;

/// Two arms, of which one pays in this episode; nothing is seen. Who stays with an arm that paid
/// and leaves one that did not gets 9.5 of 10 on average, and who does not know 5.
#[derive(Default)]
struct Arms {
    pays: u32,
}

impl Env for Arms {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, 0.0, 1.0)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.pays = rng.below(2);
        obs[0] = 1.0;
    }
    fn step(&mut self, action: Action<'_>, _: &mut Stream, obs: &mut [f32]) -> Step {
        obs[0] = 1.0;
        let paid = action.discrete[0] == self.pays;
        Step { reward: f64::from(u8::from(paid)), end: End::Continue }
    }
}

fn arms() -> Box<dyn EnvFactory> {
    custom("arms", Some(10), Arms::default)
}

fn config(action: bool, reward: bool) -> Config {
    let mut config = Config { steps: 40_000, seed: 1, ..Config::default() };
    config.env.id = "arms".into();
    (config.env.num_envs, config.rollout.steps) = (16, 32);
    (config.env.previous_action, config.env.previous_reward) = (action, reward);
    config.lr = Schedule::linear(3e-3, 0.0);
    // What the next step earns is all that matters.
    config.gamma = 0.5;
    // The best policy is no linear function: it takes a while, in which nothing may be certain.
    if let AlgoConfig::Ppo(ppo) = &mut config.algo {
        ppo.entropy_coef = Schedule::linear(0.1, 0.0);
    }
    config
}

fn small_cnn(channels: Vec<usize>, hidden: Vec<usize>) -> NetworkConfig {
    NetworkConfig::SmallCnn(SmallCnnConfig { channels, hidden, ..SmallCnnConfig::default() })
}

fn trainer(config: &Config, env: &dyn EnvFactory, threads: usize) -> Trainer {
    Trainer::with_env(config, env, Runtime { threads, kernel: Kernel::detect() }).unwrap()
}

fn run(trainer: &mut Trainer, updates: usize) {
    for _ in 0..updates {
        trainer.update().unwrap();
    }
}

fn score(policy: &Policy, env: &dyn EnvFactory) -> f64 {
    evaluate(policy, env, EvalOptions::default(), &Pool::new(2)).unwrap().mean_return
}

#[test]
fn who_knows_action_and_reward_finds_the_arm() {
    let env = arms();
    for (action, reward) in [(true, true), (true, false), (false, true)] {
        let mut trainer = trainer(&config(action, reward), &*env, 2);
        while !trainer.finished() {
            trainer.update().unwrap();
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        trainer.policy().save(file.path()).unwrap();
        let score = score(&Policy::load(file.path()).unwrap(), &*env);
        let both = action && reward;
        assert_eq!(score > 9.0, both, "action {action}, reward {reward}: {score}");
    }
}

#[test]
fn runs_resume_and_threads_change_nothing() {
    for id in [
        "CartPole-v1",
        "Pendulum-v1",
        "FrozenLake-v1",
        "probe/masked",
        "probe/hybrid",
        "probe/pixel",
    ] {
        let mut config = config(true, true);
        (config.env.id, config.env.num_envs) = (id.into(), 5);
        config.env.time_limit = Some(11);
        config.rollout.steps = 60;
        config.env.frame_stack = 3;
        config.normalize.observations = true;
        if id == "probe/pixel" {
            config.network = small_cnn(vec![4], vec![16]);
        }
        let env = find(id).unwrap();
        let mut whole = trainer(&config, env, 1);
        run(&mut whole, 4);
        let mut first = trainer(&config, env, 3);
        run(&mut first, 2);
        let mut second = trainer(&config, env, 2);
        second.restore(&first.state().unwrap()).unwrap();
        run(&mut second, 2);
        assert_eq!(second.state_sha256().unwrap(), whole.state_sha256().unwrap(), "{id}");
    }
}

#[test]
fn recordings_hold_what_the_policy_saw() {
    let (env, never) = (arms(), AtomicBool::new(false));
    let policy = trainer(&config(true, true), &*env, 1).policy();
    let made = record(&policy, &*env, EvalOptions::default(), &Pool::new(1), &never);
    let episode = made.unwrap().unwrap().trajectory(0);
    // Observation, one-hot action, reward.
    for (t, row) in episode.obs.chunks(4).enumerate().skip(1) {
        assert_eq!(row[1 + episode.discrete[t - 1] as usize], 1.0, "step {t}");
        assert_eq!(f64::from(row[3]), episode.reward[t - 1], "step {t}");
    }
    assert_eq!((&episode.obs[..4], episode.obs.len()), (&[1.0, 0.0, 0.0, 0.0][..], 40));
}

/// Two doors as an image, of which the bright one changes places at every step; the right one is
/// the one that was taken before, the first time any: who sees the image alone is right half of
/// the time.
#[derive(Default)]
struct Doors {
    first: bool,
    last: u32,
    bright: u32,
}

impl Doors {
    fn show(&self, obs: &mut [f32]) {
        let bright = |k: usize| k % 4 / 2 == self.bright as usize;
        (0..16).for_each(|k| obs[k] = if bright(k) { 255.0 } else { 0.0 });
    }
}

impl Env for Doors {
    fn observation_space(&self) -> Space {
        Space::Image { channels: 1, height: 4, width: 4 }
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        (self.first, self.bright) = (true, rng.below(2));
        self.show(obs);
    }
    /// The door that was bright when it was taken, by its number, or the other one.
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let taken = action.discrete[0];
        let right = self.first || taken == (self.last ^ self.bright);
        (self.first, self.last, self.bright) = (false, taken, rng.below(2));
        self.show(obs);
        Step { reward: f64::from(u8::from(right)), end: End::Continue }
    }
}

/// The sum of what was done and what is seen decides: neither the image nor the action is enough.
#[test]
fn an_image_and_the_previous_action_are_seen_together() {
    let env = custom("doors", Some(10), Doors::default);
    for (action, frames) in [(true, 1), (true, 2), (false, 1)] {
        let mut config = config(action, false);
        config.env.frame_stack = frames;
        config.network = small_cnn(vec![8], vec![32]);
        config.steps = 60_000;
        let mut trainer = trainer(&config, &*env, 2);
        while !trainer.finished() {
            trainer.update().unwrap();
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        trainer.policy().save(file.path()).unwrap();
        let score = score(&Policy::load(file.path()).unwrap(), &*env);
        assert_eq!(score > 9.5, action, "action {action}, {frames} frames: {score}");
    }
}
