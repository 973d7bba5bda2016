//! Training on finite problems: indices as observations, tables as policies, files as problems.

use gradwerk::config::Config;
use gradwerk::schedule::Schedule;
use gradwerk::{Error, EvalOptions, Pool, Runtime, Trainer, evaluate};
use gradwerk_env::{Action, End, Env, Space, Step, custom, find};
use gradwerk_math::Stream;
use gradwerk_nn::NetworkConfig;

fn trained(config: &Config) -> Trainer {
    let mut trainer = Trainer::new(config, Runtime { threads: 2, ..Runtime::default() }).unwrap();
    while !trainer.finished() {
        trainer.update().unwrap();
    }
    trainer
}

/// Mean return of 1000 episodes of the most probable actions.
fn score(trainer: &Trainer) -> f64 {
    let env = find(&trainer.config().env.id).unwrap();
    let options = EvalOptions { episodes: 1000, ..EvalOptions::default() };
    evaluate(&trainer.policy(), env, options, &Pool::new(2)).unwrap().mean_return
}

/// The best policy reaches the goal within 100 steps in 73 % of episodes.
#[test]
fn tables_learn_the_frozen_lake() {
    for algo in ["ppo", "reinforce"] {
        for seed in 1..=3 {
            let config = Config { seed, ..Config::preset("FrozenLake-v1", algo).unwrap() };
            let score = score(&trained(&config));
            assert!(score >= 0.7, "{algo}, seed {seed}: {score}");
        }
    }
}

/// 13 steps along the edge of the cliff are the shortest way.
#[test]
fn tables_learn_the_shortest_way_along_the_cliff() {
    let trainer = trained(&Config::preset("CliffWalking-v1", "ppo").unwrap());
    assert_eq!(score(&trainer), -13.0);
}

/// What is best for a policy without memory: listen, then open the door away from the noise. It is
/// worth -1 + 0.85 * 10 - 0.15 * 100 = -7.5; listening until the end costs 10.
#[test]
fn a_partially_observed_problem_is_trained_on_what_is_shown() {
    let mut config = Config::preset("mdp/tiger", "ppo").unwrap();
    (config.steps, config.lr) = (40_000, Schedule::constant(1e-2));
    config.network = NetworkConfig::named("linear").unwrap();
    config.normalize.rewards = true;
    let mut policy = trained(&config).policy();
    assert_eq!(policy.observation_space(), &Space::Discrete { n: 3 });
    // Silence: listen. Noise on the left: open right. Noise on the right: open left.
    assert_eq!(policy.predict(&[0.0, 1.0, 2.0]).discrete, [0, 2, 1]);
}

#[test]
fn a_problem_from_a_file_is_trained_and_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lever.mdp.toml");
    let text = "states = 1\nactions = 3\nhorizon = 1\ntransitions = [\n\
        { state = 0, action = 0, next = 0, terminated = true },\n\
        { state = 0, action = 1, next = 0, terminated = true, reward = 1 },\n\
        { state = 0, action = 2, next = 0, terminated = true, reward = -1 },\n]\n";
    std::fs::write(&path, text).unwrap();
    let mut config = Config::preset(path.to_str().unwrap(), "ppo").unwrap();
    (config.steps, config.lr) = (4_000, Schedule::constant(1e-2));
    assert_eq!(score(&trained(&config)), 1.0);
}

#[test]
fn moments_of_indices_are_refused() {
    let mut config = Config::preset("FrozenLake-v1", "ppo").unwrap();
    config.normalize.observations = true;
    let error = Trainer::new(&config, Runtime::default()).err().expect("refused");
    assert_eq!(error.exit_code(), 2);
    let text = error.to_string();
    assert!(
        text.starts_with("normalize.observations = true: the observation is an index"),
        "{text}"
    );
}

/// Says that it has three states and shows a fourth, `wrong`, at a step (0: at the reset).
struct Liar {
    steps: u32,
    lies_at: u32,
    wrong: f32,
}

impl Liar {
    fn show(&self, obs: &mut [f32]) {
        obs[0] = if self.steps == self.lies_at { self.wrong } else { 0.0 };
    }
}

impl Env for Liar {
    fn observation_space(&self) -> Space {
        Space::Discrete { n: 3 }
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, _rng: &mut Stream, obs: &mut [f32]) {
        self.steps = 0;
        self.show(obs);
    }
    fn step(&mut self, _action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        self.steps += 1;
        self.show(obs);
        Step { reward: 0.0, end: End::Continue }
    }
}

#[test]
fn an_index_outside_its_space_stops_the_run_and_is_located() {
    for (lies_at, wrong, place) in [(4, 3.0, 3), (0, 3.0, 0), (2, 0.5, 1)] {
        let env = custom("liar", Some(10), move || Liar { steps: 0, lies_at, wrong });
        let mut config = Config::default();
        config.env.num_envs = 2;
        let mut trainer = Trainer::with_env(&config, &*env, Runtime::default()).unwrap();
        let error = trainer.update().unwrap_err();
        assert!(matches!(error, Error::Env(_)));
        let text = error.to_string();
        let shown = format!("environment 0, its step {place}: observation {wrong}, ");
        assert_eq!(text, shown + "expected a whole number in 0..3");
    }
}
