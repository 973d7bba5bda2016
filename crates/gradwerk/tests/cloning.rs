//! Learning from recordings: maximum likelihood against closed forms, off-policy learning, and
//! what is refused.

use gradwerk::algo::AlgoConfig;
use gradwerk::algo::bc::BcSettings;
use gradwerk::algo::off_policy_pg::{LowEss, OffPolicySettings};
use gradwerk::env::{End, EnvFactory, Space};
use gradwerk::estimate::{Form, Weighting};
use gradwerk::play::{Game, Player};
use gradwerk::policy::ActionBatch;
use gradwerk::recording::{About, Behaviour, Trajectory, Uniform, judge, record_with};
use gradwerk::schedule::Schedule;
use gradwerk::{Config, Error, EvalOptions, Pool, Recording, Runtime, Trainer, env, evaluate};
use gradwerk_env::{Action, Env, Step, custom};
use gradwerk_math::Stream;
use gradwerk_nn::NetworkConfig;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// One state, one step; actions of the given space.
struct OneStep(Space);

impl Env for OneStep {
    fn observation_space(&self) -> Space {
        Space::Discrete { n: 1 }
    }
    fn action_space(&self) -> Space {
        self.0.clone()
    }
    fn reset(&mut self, _: &mut Stream, obs: &mut [f32]) {
        obs[0] = 0.0;
    }
    fn step(&mut self, _: Action<'_>, _: &mut Stream, obs: &mut [f32]) -> Step {
        obs[0] = 0.0;
        Step { reward: 0.0, end: End::Terminated }
    }
}

fn one_step(space: &Space) -> Box<dyn EnvFactory> {
    let space = space.clone();
    custom("one-step", Some(1), move || OneStep(space.clone()))
}

fn save(folder: &Path, space: &Space, actions: &[ActionBatch]) -> PathBuf {
    let mut recording = Recording::new(About {
        observation_space: Space::Discrete { n: 1 },
        action_space: space.clone(),
        ..About::new("one-step", Behaviour::Unknown, "a test")
    })
    .unwrap();
    for action in actions {
        let trajectory = Trajectory {
            obs: vec![0.0],
            discrete: action.discrete.clone(),
            continuous: action.continuous.clone(),
            reward: vec![0.0],
            end: End::Terminated,
            ..Trajectory::default()
        };
        recording.push(&trajectory).unwrap();
    }
    let path = folder.join("one-step.safetensors");
    recording.save(&path).unwrap();
    path
}

/// Full-batch maximum likelihood of a table.
fn fit(path: &Path, rows: usize) -> Config {
    let mut config = Config::preset("one-step", "bc").unwrap();
    config.network = NetworkConfig::named("linear").unwrap();
    config.lr = Schedule::linear(0.1, 0.0);
    config.max_grad_norm = 0.0;
    config.steps = 600 * rows as u64;
    let data = Some(path.display().to_string());
    let bc = BcSettings { data, minibatch: rows, held_out: 0.0, ..BcSettings::default() };
    config.algo = AlgoConfig::Bc(bc);
    config
}

fn trained(config: &Config, env: &dyn EnvFactory) -> Trainer {
    let runtime = Runtime { threads: 1, ..Runtime::default() };
    let mut trainer = Trainer::with_env(config, env, runtime).unwrap();
    while !trainer.finished() {
        trainer.update().unwrap();
    }
    trainer
}

/// The likeliest categorical distribution has the relative frequencies: 6, 3 and 1 of 10.
#[test]
fn a_cloned_categorical_policy_has_the_recorded_frequencies() {
    let folder = tempfile::tempdir().unwrap();
    let space = Space::Discrete { n: 3 };
    let drawn = [0, 0, 1, 0, 2, 0, 1, 0, 1, 0];
    let actions = drawn.map(|a| ActionBatch { discrete: vec![a], continuous: vec![] });
    let path = save(folder.path(), &space, &actions);
    let trainer = trained(&fit(&path, 10), &*one_step(&space));
    let all = ActionBatch { discrete: vec![0, 1, 2], continuous: vec![] };
    let log_pi = trainer.policy().log_probs(&[0.0; 3], &[], &all).unwrap();
    for (found, frequency) in log_pi.iter().zip([0.6_f32, 0.3, 0.1]) {
        assert!((libm::expf(*found) - frequency).abs() < 1e-3, "{log_pi:?}");
    }
}

/// The likeliest normal distribution has the mean and the (population) deviation of the data:
/// of -1, 0, 0, 3 that is 0.5 and sqrt((2.25 + 0.25 + 0.25 + 6.25) / 4) = 1.5. None was clipped.
#[test]
fn a_cloned_gaussian_policy_has_the_moments_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let space = Space::uniform_box(1, -1.0, 1.0);
    let drawn = [-1.0, 0.0, 0.0, 3.0];
    let actions = drawn.map(|a| ActionBatch { discrete: vec![], continuous: vec![a] });
    let path = save(folder.path(), &space, &actions);
    let trainer = trained(&fit(&path, 4), &*one_step(&space));
    let at = ActionBatch { discrete: vec![], continuous: vec![0.5, 2.0] };
    let log_pi = trainer.policy().log_probs(&[0.0; 2], &[], &at).unwrap();
    // At the mean -ln(1.5 sqrt(2 pi)) = -1.3244037; one deviation off, 1/2 less.
    assert!((log_pi[0] + 1.324_403_7).abs() < 1e-3, "{log_pi:?}");
    assert!((log_pi[0] - log_pi[1] - 0.5).abs() < 2e-3, "{log_pi:?}");
}

/// Leans against the fall: balances the pole for the whole 500 steps.
#[derive(Clone)]
struct Controller;

impl Player for Controller {
    fn act(
        &mut self,
        obs: &[f32],
        _: &[bool],
        _: &[Stream],
    ) -> Result<(ActionBatch, Vec<f32>), Error> {
        let lean = |s: &[f32]| u32::from(0.1 * s[0] + 0.3 * s[1] + 3.0 * s[2] + s[3] > 0.0);
        let discrete = obs.chunks(4).map(lean).collect();
        Ok((ActionBatch { discrete, continuous: vec![] }, vec![]))
    }
}

fn recorded(
    env: &dyn EnvFactory,
    player: &impl Player,
    behaviour: Behaviour,
    episodes: usize,
    path: &Path,
) {
    let game = Game { env, settings: env.default_settings(), episodes, seed: 1, keep: true };
    let never = AtomicBool::new(false);
    let made = record_with(player, &game, behaviour, "a test", &Pool::new(2), &never);
    made.unwrap().unwrap().save(path).unwrap();
}

#[test]
fn a_hand_written_controller_is_cloned_and_its_held_out_episodes_are_likely() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("controller.safetensors");
    let cart_pole = env::find("CartPole-v1").unwrap();
    recorded(cart_pole, &Controller, Behaviour::Unknown, 10, &path);
    let mut config = Config::preset("CartPole-v1", "bc").unwrap();
    config.steps = 100_000;
    config.normalize.observations = true;
    config.algo.settings_mut().set_data(path.display().to_string());
    let mut trainer = Trainer::new(&config, Runtime::default()).unwrap();
    let report = trainer.update().unwrap();
    // 10 episodes of 500 steps; one episode in ten is held out.
    assert_eq!((report.counters.steps, report.stats.sums.policy.rows), (5000, 4500));
    assert_eq!((report.counters.episodes, report.mean_return), (0, None));
    let first = report.stats.held_out_log_likelihood.unwrap();
    let mut last = first;
    while !trainer.finished() {
        last = trainer.update().unwrap().stats.held_out_log_likelihood.unwrap();
    }
    assert!(last > first && last > -0.1, "{first} to {last}");
    let played = evaluate(&trainer.policy(), cart_pole, EvalOptions::default(), &Pool::new(2));
    let mean = played.unwrap().mean_return;
    assert!(mean > 490.0, "{mean}");
}

fn off_policy(path: &Path, low_ess: LowEss, min_ess: f64) -> Config {
    let mut config = Config::preset("mdp/one-state-sparse", "off_policy_pg").unwrap();
    config.network = NetworkConfig::named("linear").unwrap();
    config.lr = Schedule::constant(0.05);
    config.algo = AlgoConfig::OffPolicyPg(OffPolicySettings {
        data: Some(path.display().to_string()),
        form: Form::Trajectory,
        weights: Weighting::SelfNormalised,
        low_ess,
        min_ess,
        ..OffPolicySettings::default()
    });
    config
}

/// Uniform episodes of the sparse problem succeed with 1/16. What is learned from them moves.
#[test]
fn a_policy_is_improved_by_episodes_that_another_one_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.safetensors");
    let sparse = env::find("mdp/one-state-sparse").unwrap();
    let uniform = Uniform::new(&sparse.action_space()).unwrap();
    recorded(sparse, &uniform, Behaviour::Stochastic, 400, &path);
    let rows = Recording::load(&path).unwrap().rows() as u64;
    let config = Config { steps: 80 * rows, ..off_policy(&path, LowEss::Refuse, 0.02) };
    let policy = trained(&config, sparse).policy();
    let judged = judge(&policy, sparse, &Recording::load(&path).unwrap(), 1.0).unwrap();
    let move_on = ActionBatch { discrete: vec![0], continuous: vec![] };
    let theta = f64::from(libm::expf(policy.clone().log_probs(&[0.0], &[], &move_on).unwrap()[0]));
    assert!(theta > 0.85, "{theta}");
    // J = theta^4, estimated within four standard errors.
    let expected = libm::pow(theta, 4.0);
    for line in judged.estimates.iter().filter(|line| line.weights == "ordinary") {
        let error = line.std_error.unwrap();
        let off = (line.mean_return - expected).abs();
        assert!(off < 4.0 * error, "{line:?}, expected {expected}");
    }
}

/// A share of 1 is demanded: too much as soon as the policy has moved away from uniform.
#[test]
fn a_recording_with_too_little_left_is_refused_or_used_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.safetensors");
    let sparse = env::find("mdp/one-state-sparse").unwrap();
    let uniform = Uniform::new(&sparse.action_space()).unwrap();
    recorded(sparse, &uniform, Behaviour::Stochastic, 50, &path);
    let runtime = Runtime { threads: 1, ..Runtime::default() };
    let after_two = |low_ess| {
        let config = off_policy(&path, low_ess, 1.0);
        let mut trainer = Trainer::with_env(&config, sparse, runtime).unwrap();
        trainer.update().and_then(|_| trainer.update())
    };
    for low_ess in [LowEss::Refuse, LowEss::Drop] {
        let error = after_two(low_ess).unwrap_err().to_string();
        let words = format!("the effective sample size of the recording {}", path.display());
        assert!(error.starts_with(&words) && error.contains("low_ess = \"warn\""), "{error}");
    }
    let ess = after_two(LowEss::Warn).unwrap().stats.low_ess.expect("a warning");
    assert_eq!(ess.samples, 50);
}

#[test]
fn recordings_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let cart_pole = env::find("CartPole-v1").unwrap();
    recorded(cart_pole, &Controller, Behaviour::Unknown, 2, &path);
    let refused = |env: &dyn EnvFactory, algo: &str, change: &dyn Fn(&mut Config)| {
        let mut config = Config::preset(env.id(), algo).unwrap();
        config.algo.settings_mut().set_data(path.display().to_string());
        change(&mut config);
        let runtime = Runtime { threads: 1, ..Runtime::default() };
        let error = Trainer::with_env(&config, env, runtime).err().expect("a refusal");
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    };
    let file = path.display();
    let text = refused(cart_pole, "off_policy_pg", &|_| {});
    assert!(text.starts_with(&format!("{file}: log_mu: absent")), "{text}");
    let text = refused(env::find("Acrobot-v1").unwrap(), "bc", &|_| {});
    assert!(text.contains("env: recorded with CartPole-v1, expected Acrobot-v1"), "{text}");
    let space = Space::Discrete { n: 2 };
    let other = custom("CartPole-v1", Some(9), move || OneStep(space.clone()));
    let text = refused(&*other, "bc", &|_| {});
    assert!(text.contains("observation_space: recorded with Box"), "{text}");
    let text = refused(cart_pole, "bc", &|c| c.env.frame_skip = 2);
    assert!(text.contains("frame_skip: recorded with 1, expected 2"), "{text}");
    let text = refused(cart_pole, "bc", &|c| c.normalize.rewards = true);
    assert!(text.starts_with("normalize.rewards = true: must be false with algo.data"), "{text}");
    let text = refused(cart_pole, "bc", &|c| c.estimator = Default::default());
    assert!(text.contains("learns no value function"), "{text}");
    let text = refused(cart_pole, "bc", &|c| c.algo = AlgoConfig::by_name("bc").unwrap());
    assert!(text.starts_with("algo.data = \"\": a recording must be named"), "{text}");
}
