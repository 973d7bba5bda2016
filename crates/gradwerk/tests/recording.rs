//! Recordings: what comes back from the disk, what is refused, and that they are what evaluation
//! would have played.

use gradwerk::algo::AlgoConfig;
use gradwerk::dist::DistConfig;
use gradwerk::env::{End, EnvSettings, Space};
use gradwerk::estimate::{Baseline, Kind};
use gradwerk::play::{Game, Player};
use gradwerk::policy::ActionBatch;
use gradwerk::recording::{About, Behaviour, Trajectory, Uniform, record, record_with};
use gradwerk::run::file;
use gradwerk::run::state::State;
use gradwerk::{
    Config, Error, EvalOptions, Policy, Pool, Recording, Runtime, Trainer, env, evaluate,
};
use gradwerk_math::Stream;
use std::sync::atomic::AtomicBool;

fn policy(id: &str) -> Policy {
    let config = Config::preset(id, "ppo").unwrap();
    Trainer::new(&config, Runtime { threads: 1, ..Runtime::default() }).unwrap().policy()
}

fn recorded(id: &str, options: EvalOptions, threads: usize) -> Recording {
    let env = env::find(id).unwrap();
    let never = AtomicBool::new(false);
    record(&policy(id), env, options, &Pool::new(threads), &never).unwrap().unwrap()
}

fn options(stochastic: bool) -> EvalOptions {
    EvalOptions { episodes: 70, seed: 5, stochastic }
}

#[test]
fn a_recording_is_what_evaluation_plays_on_any_number_of_threads() {
    for id in ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1"] {
        for stochastic in [false, true] {
            let options = options(stochastic);
            let one = recorded(id, options, 1);
            assert_eq!(one, recorded(id, options, 3), "{id}");
            let env = env::find(id).unwrap();
            let played = evaluate(&policy(id), env, options, &Pool::new(2)).unwrap();
            assert_eq!(one.returns(), played.returns, "{id}");
            assert_eq!(one.has_log_mu(), stochastic);
        }
    }
}

/// The recorded probabilities are those of the policy, and the actions are not clipped.
#[test]
fn log_mu_belongs_to_the_actions_as_they_were_drawn() {
    let recording = recorded("Pendulum-v1", options(true), 1);
    let mut policy = policy("Pendulum-v1");
    let mut outside = 0;
    for i in 0..3 {
        let t = recording.trajectory(i);
        let actions = ActionBatch { discrete: vec![], continuous: t.continuous.clone() };
        assert_eq!(policy.log_probs(&t.obs, &t.mask, &actions).unwrap(), t.log_mu);
        outside += t.continuous.iter().filter(|a| a.abs() > 2.0).count();
        assert_eq!((t.end, t.final_obs.len()), (End::Truncated, 3));
    }
    assert!(outside > 0, "a deviation of 1 leaves [-2, 2] in 600 draws");
}

#[test]
fn a_file_gives_the_recording_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    for id in ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1"] {
        for stochastic in [false, true] {
            let recording = recorded(id, options(stochastic), 2);
            recording.save(&path).unwrap();
            let back = Recording::load(&path).unwrap();
            assert_eq!(back.about(), recording.about());
            assert_eq!((back.episodes(), back.rows()), (70, recording.rows()));
            for i in 0..70 {
                assert_eq!(back.trajectory(i), recording.trajectory(i), "{id}, episode {i}");
            }
        }
    }
}

#[test]
fn every_changed_byte_of_a_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let mut small = Recording::new(about(Behaviour::Stochastic)).unwrap();
    small.push(&trajectory()).unwrap();
    small.save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        let text = Recording::load(&path).unwrap_err().to_string();
        assert!(text.contains("a.safetensors"), "byte {at}: {text}");
    }
    for length in 0..good.len() {
        std::fs::write(&path, &good[..length]).unwrap();
        assert!(Recording::load(&path).is_err(), "{length} bytes");
    }
}

fn about(behaviour: Behaviour) -> About {
    About {
        observation_space: Space::Discrete { n: 3 },
        action_space: Space::uniform_box(1, -1.0, 1.0),
        ..About::new("mine", behaviour, "a test")
    }
}

fn trajectory() -> Trajectory {
    Trajectory {
        obs: vec![0.0, 2.0],
        discrete: vec![],
        mask: vec![],
        continuous: vec![0.5, 3.0],
        reward: vec![1.0, -1.0],
        log_mu: vec![-0.5, 0.25],
        end: End::Truncated,
        final_obs: vec![1.0],
    }
}

#[test]
fn trajectories_that_cannot_be_are_refused_by_field_and_row() {
    type Spoil = fn(&mut Trajectory);
    let cases: [(&str, Spoil); 11] = [
        ("obs: 1 numbers, expected 2", |t| t.obs.truncate(1)),
        ("obs, row 3 (episode 1): observation 3, expected a whole", |t| t.obs[1] = 3.0),
        ("obs, row 2 (episode 1): NaN", |t| t.obs[0] = f32::NAN),
        ("continuous, row 3 (episode 1): inf", |t| t.continuous[1] = f32::INFINITY),
        ("discrete: 1 numbers, expected 0", |t| t.discrete.push(0)),
        ("reward, row 3 (episode 1): NaN", |t| t.reward[1] = f64::NAN),
        ("reward: an episode has at least one step", |t| t.reward.clear()),
        ("log_mu: 0 numbers, expected 2", |t| t.log_mu.clear()),
        ("log_mu, row 2 (episode 1): -inf", |t| t.log_mu[0] = f32::NEG_INFINITY),
        ("end: the last step ends the episode", |t| t.end = End::Continue),
        ("final_obs: 1 numbers, expected 0", |t| t.end = End::Terminated),
    ];
    for (words, spoil) in cases {
        let mut recording = Recording::new(about(Behaviour::Stochastic)).unwrap();
        recording.push(&trajectory()).unwrap();
        let mut bad = trajectory();
        spoil(&mut bad);
        let error = recording.push(&bad).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the recording: {words}")), "{words}: {error}");
        assert_eq!(recording.rows(), 2, "nothing was appended");
    }
    let mut recording = Recording::new(about(Behaviour::Unknown)).unwrap();
    let error = recording.push(&trajectory()).unwrap_err().to_string();
    assert!(error.contains("log_mu: 2 numbers, expected 0"), "{error}");
}

/// A file whose digest fits, but not its content.
#[test]
fn whole_files_with_wrong_content_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let mut recording = Recording::new(about(Behaviour::Stochastic)).unwrap();
    recording.push(&trajectory()).unwrap();
    recording.save(&path).unwrap();
    let good = file::read(&path).unwrap();
    type Spoil = fn(&mut State);
    let cases: [(&str, Spoil); 6] = [
        ("version 2", |s| s.put_meta("version", &2).unwrap()),
        ("not a recording", |s| s.put_meta("kind", "gradwerk policy").unwrap()),
        ("end, row 0: 7", |s| s.put_vector("end", vec![7_u8, 2]).unwrap()),
        ("end, row 1: the last step", |s| s.put_vector("end", vec![2_u8, 0]).unwrap()),
        ("log_mu, row 1 (episode 0): NaN", |s| {
            s.put_vector("log_mu", vec![0.0, f32::NAN]).unwrap();
        }),
        ("final_obs: more rows", |s| s.put("final_obs", &[2, 1], vec![1.0_f32, 1.0]).unwrap()),
    ];
    for (words, spoil) in cases {
        let mut bad = good.clone();
        spoil(&mut bad);
        file::write(&path, &bad).unwrap();
        let error = Recording::load(&path).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("a.safetensors"), "{words}: {error}");
    }
}

/// A player of one's own: no policy, no probabilities.
#[derive(Clone)]
struct Always(u32);

impl Player for Always {
    fn act(
        &mut self,
        _: &[f32],
        _: &[bool],
        streams: &[Stream],
    ) -> Result<(ActionBatch, Vec<f32>), Error> {
        let discrete = vec![self.0; streams.len()];
        Ok((ActionBatch { discrete, continuous: vec![] }, vec![]))
    }
}

#[test]
fn anything_that_plays_can_be_recorded() {
    let env = env::find("CartPole-v1").unwrap();
    let game = Game { env, settings: env.default_settings(), episodes: 4, seed: 1, keep: true };
    let (pool, never) = (Pool::new(1), AtomicBool::new(false));
    let unknown = Behaviour::Unknown;
    let own = record_with(&Always(1), &game, unknown, "right", &pool, &never).unwrap().unwrap();
    assert!((0..4).all(|i| own.trajectory(i).discrete.iter().all(|&a| a == 1)));
    assert!(own.returns().iter().all(|r| *r < 15.0), "pushing one way falls soon");
    let uniform = Uniform::new(&env.action_space()).unwrap();
    let behaviour = Behaviour::Stochastic;
    let drawn = record_with(&uniform, &game, behaviour, "any", &pool, &never).unwrap().unwrap();
    // ln(1/2)
    assert!(drawn.trajectory(0).log_mu.iter().all(|x| (x + std::f32::consts::LN_2).abs() < 1e-6));
    let claimed = record_with(&Always(1), &game, behaviour, "right", &pool, &never);
    assert!(claimed.unwrap_err().to_string().contains("log_mu: 0 numbers"));
    let error = Uniform::new(&Space::uniform_box(1, 0.0, f32::INFINITY)).unwrap_err().to_string();
    assert!(error.contains("component 0 lies in [0, inf]"), "{error}");
}

/// What was valid is recorded with the actions, and an action that was not is refused.
#[test]
fn masks_are_recorded_and_bind_the_actions() {
    let env = env::find("probe/masked").unwrap();
    let settings = EnvSettings { time_limit: Some(8), ..env.default_settings() };
    let game = Game { env, settings, episodes: 6, seed: 1, keep: true };
    let (pool, never) = (Pool::new(1), AtomicBool::new(false));
    let uniform = Uniform::new(&env.action_space()).unwrap();
    let made = record_with(&uniform, &game, Behaviour::Stochastic, "any", &pool, &never);
    let mut made = made.unwrap().unwrap();
    for t in (0..6).map(|i| made.trajectory(i)) {
        for ((sign, mask), log_mu) in
            t.obs.iter().step_by(2).zip(t.mask.chunks_exact(5)).zip(&t.log_mu)
        {
            assert_eq!(mask, [*sign > 0.0, true, true, true, true]);
            // 3 * 2 or 2 * 2 valid actions.
            let count: f32 = if mask[0] { 6.0 } else { 4.0 };
            assert!((log_mu + libm::logf(count)).abs() < 1e-6, "{log_mu}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("masked.safetensors");
    made.save(&path).unwrap();
    let read = Recording::load(&path).unwrap();
    assert_eq!((read.trajectory(5), read.about()), (made.trajectory(5), made.about()));
    let mut bad = made.trajectory(0);
    bad.mask[bad.discrete[0] as usize] = false;
    let error = made.push(&bad).unwrap_err().to_string();
    let row = format!("mask, row {} (episode 6): the action is not a valid one", made.rows());
    assert_eq!(error, format!("the recording: {row}"));
}

/// What a squashed Gaussian draws is no action yet, so that other policies could not read it.
#[test]
fn samples_that_are_no_actions_are_not_mixed_with_actions() {
    let mut config = Config::preset("Pendulum-v1", "ppo").unwrap();
    config.policy = DistConfig::from_name("squashed-gaussian").unwrap();
    let policy = Trainer::new(&config, Runtime::default()).unwrap().policy();
    let env = env::find("Pendulum-v1").unwrap();
    let (pool, never) = (Pool::new(1), AtomicBool::new(false));
    let record = |stochastic| {
        let options = EvalOptions { episodes: 2, stochastic, ..EvalOptions::default() };
        record(&policy, env, options, &pool, &never)
    };
    let error = record(true).unwrap_err().to_string();
    assert!(error.starts_with("squashed-gaussian policy, stochastic: its samples are"), "{error}");
    let modes = record(false).unwrap().unwrap();
    let inside = |a: &f32| (-2.0..=2.0).contains(a);
    assert!(modes.trajectory(0).continuous.iter().all(inside));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("modes.safetensors");
    modes.save(&path).unwrap();
    config.algo = AlgoConfig::by_name("bc").unwrap();
    (config.normalize.rewards, config.normalize.value_targets) = (false, false);
    config.algo.settings_mut().set_data(path.display().to_string());
    (config.estimator.kind, config.estimator.baseline) = (Kind::RewardToGo, Baseline::None);
    let error = Trainer::new(&config, Runtime::default()).err().unwrap().to_string();
    assert!(error.contains("continuous: squashed-gaussian policy: its samples"), "{error}");
}
