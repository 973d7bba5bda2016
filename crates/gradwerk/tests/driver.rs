//! The run driver from Rust: observers, users' own environments, faults on the way.

use gradwerk::run::checkpoint;
use gradwerk::run::dir::RunDir;
use gradwerk::run::driver::{RunOptions, Watch, resume_env, train_env};
use gradwerk::run::observe::{Begun, Observer, Progress};
use gradwerk::run::summary::{Outcome, Summary};
use gradwerk::{Config, Error, Evaluation, Runtime};
use gradwerk_env::{Action, End, Env, EnvFactory, Space, Step, custom};
use gradwerk_math::Stream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Ten steps of reward 1; the reward of step `fault` of all steps taken is NaN.
struct Faulty {
    time: u32,
    steps: Arc<AtomicU32>,
    fault: u32,
}

impl Env for Faulty {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, 0.0, 10.0)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, _: &mut Stream, obs: &mut [f32]) {
        self.time = 0;
        obs[0] = 0.0;
    }
    fn step(&mut self, _: Action<'_>, _: &mut Stream, obs: &mut [f32]) -> Step {
        self.time += 1;
        obs[0] = self.time as f32;
        let taken = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let reward = if taken == self.fault { f64::NAN } else { 1.0 };
        Step { reward, end: if self.time == 10 { End::Terminated } else { End::Continue } }
    }
}

fn faulty(fault: u32) -> Box<dyn EnvFactory> {
    let steps = Arc::new(AtomicU32::new(0));
    custom("user/faulty", None, move || Faulty { time: 0, steps: steps.clone(), fault })
}

/// 2 environments x 8 steps per update, a checkpoint after each.
fn config() -> Config {
    let mut config = Config::default();
    config.env.id = "user/faulty".into();
    (config.env.num_envs, config.rollout.steps, config.steps) = (2, 8, 160);
    let gradwerk::algo::AlgoConfig::Ppo(ppo) = &mut config.algo else { panic!("ppo by default") };
    ppo.minibatch = 16;
    config.checkpoint.every_s = 0.0;
    config
}

fn options(dir: &Path) -> RunOptions {
    RunOptions {
        run_dir: Some(dir.to_owned()),
        runtime: Runtime { threads: 1, ..Runtime::default() },
        ..RunOptions::default()
    }
}

fn run(
    env: &dyn EnvFactory,
    config: &Config,
    dir: &Path,
    observer: &mut dyn Observer,
    interrupt: &AtomicBool,
) -> Result<Summary, Error> {
    train_env(config, env, &options(dir), Watch { observer, interrupt })
}

/// Counts what it is told, and asks to stop after some updates.
#[derive(Default)]
struct Counter<'a> {
    begun: u32,
    updates: u32,
    evaluations: u32,
    ended: u32,
    stop: Option<(u32, &'a AtomicBool)>,
}

impl Observer for Counter<'_> {
    fn begun(&mut self, run: &Begun<'_>) {
        assert_eq!((run.config.env.id.as_str(), run.limit), ("user/faulty", 160));
        self.begun += 1;
    }
    fn updated(&mut self, progress: &Progress<'_>) {
        self.updates += 1;
        assert_eq!(progress.report.counters.updates, u64::from(self.updates));
        assert!(progress.entropy() > 0.0 && progress.wall_s > 0.0);
        if let Some((after, flag)) = self.stop {
            flag.store(self.updates >= after, Ordering::Relaxed);
        }
    }
    fn evaluated(&mut self, _: u64, evaluation: &Evaluation, _: bool) {
        assert_eq!(evaluation.mean_return, 10.0);
        self.evaluations += 1;
    }
    fn ended(&mut self) {
        self.ended += 1;
    }
}

#[test]
fn an_observer_sees_every_update_and_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    (config.eval.every, config.eval.episodes) = (48, 3);
    let (mut counter, flag) = (Counter::default(), AtomicBool::new(false));
    let result =
        run(&*faulty(0), &config, &folder.path().join("run"), &mut counter, &flag).unwrap();
    // 160 steps of 16 per update; evaluations at the boundaries 48, 96 and 144.
    assert_eq!((counter.begun, counter.updates, counter.evaluations, counter.ended), (1, 10, 3, 1));
    assert_eq!((result.outcome, result.steps, result.updates), (Outcome::Finished, 160, 10));
    assert_eq!(result.mean_return_100, Some(10.0));
    // 160 steps are 16 episodes of 10: fewer than 100.
    assert_eq!(result.best_mean_return_100, None);
}

#[test]
fn an_interrupted_run_of_a_users_environment_goes_on_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let flag = AtomicBool::new(false);
    let whole = run(&*faulty(0), &config(), &folder.path().join("a"), &mut (), &flag).unwrap();
    let mut counter = Counter { stop: Some((3, &flag)), ..Counter::default() };
    let dir = folder.path().join("b");
    let part = run(&*faulty(0), &config(), &dir, &mut counter, &flag).unwrap();
    assert_eq!((part.outcome, part.updates), (Outcome::Interrupted, 3));
    flag.store(false, Ordering::Relaxed);
    let watch = Watch { observer: &mut (), interrupt: &flag };
    let done = resume_env(&dir, &*faulty(0), None, &options(&dir), watch).unwrap();
    assert_eq!(done.state_sha256, whole.state_sha256);
    assert_eq!(done.params_sha256, whole.params_sha256);
}

#[test]
fn a_nan_ends_the_run_and_the_last_checkpoint_stays() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let flag = AtomicBool::new(false);
    // The 70th step lies in the fifth update (steps 65 to 80).
    let error = run(&*faulty(70), &config(), &dir, &mut (), &flag).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    let text = error.to_string();
    assert!(text.contains("reward") && text.contains("NaN"), "{text}");
    let latest = checkpoint::latest(&RunDir::open(&dir).unwrap().checkpoints()).unwrap();
    assert_eq!(latest.found.map(|found| found.0), Some(64));
    // Without the fault, the run goes on from there as if nothing had been.
    let whole = run(&*faulty(0), &config(), &folder.path().join("a"), &mut (), &flag).unwrap();
    let watch = Watch { observer: &mut (), interrupt: &flag };
    let done = resume_env(&dir, &*faulty(0), None, &options(&dir), watch).unwrap();
    assert_eq!(done.state_sha256, whole.state_sha256);
}

#[test]
fn a_wrong_configuration_leaves_no_directory() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut config = config();
    config.gamma = 0.0;
    let error = run(&*faulty(0), &config, &dir, &mut (), &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(!dir.exists());
}

/// Asks to stop after a number of steps; an episode takes ten.
struct Stopping {
    inner: Faulty,
    after: u32,
    flag: Arc<AtomicBool>,
}

impl Env for Stopping {
    fn observation_space(&self) -> Space {
        self.inner.observation_space()
    }
    fn action_space(&self) -> Space {
        self.inner.action_space()
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        self.inner.reset(rng, obs);
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        if self.inner.steps.load(Ordering::Relaxed) == self.after {
            self.flag.store(true, Ordering::Relaxed);
        }
        self.inner.step(action, rng, obs)
    }
}

fn evaluations(dir: &Path) -> Vec<(Option<f64>, Option<f64>)> {
    let rows = gradwerk::run::metrics::read(&dir.join("metrics.jsonl")).unwrap();
    rows.iter().map(|row| (row.get("steps"), row.get("eval_mean_return"))).collect()
}

#[test]
fn an_interrupted_evaluation_is_made_up_on_resume() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    (config.eval.every, config.eval.episodes) = (80, 3);
    let whole_dir = folder.path().join("whole");
    let never = AtomicBool::new(false);
    let whole = run(&*faulty(0), &config, &whole_dir, &mut (), &never).unwrap();
    // Evaluations after 80 and 160 steps, of 3 x 10 steps each: step 85 lies in the first, step
    // 160 + 30 + 5 in the second, when all training is done.
    for (after, updates) in [(85, 5), (195, 10)] {
        let dir = folder.path().join(format!("{after}"));
        let flag = Arc::new(AtomicBool::new(false));
        let (steps, shared) = (Arc::new(AtomicU32::new(0)), flag.clone());
        let env = custom("user/faulty", None, move || {
            let inner = Faulty { time: 0, steps: steps.clone(), fault: 0 };
            Stopping { inner, after, flag: shared.clone() }
        });
        let part = run(&*env, &config, &dir, &mut (), &flag).unwrap();
        assert_eq!((part.outcome, part.updates), (Outcome::Interrupted, updates), "{after}");
        assert_eq!(evaluations(&dir).len() as u64, updates - 1, "the row waits for its evaluation");
        let watch = Watch { observer: &mut (), interrupt: &never };
        let done = resume_env(&dir, &*faulty(0), None, &options(&dir), watch).unwrap();
        assert_eq!((done.outcome, &done.state_sha256), (Outcome::Finished, &whole.state_sha256));
        assert_eq!(evaluations(&dir), evaluations(&whole_dir));
        assert!(dir.join("best.safetensors").exists());
    }
}

#[test]
fn cut_episodes_are_counted_and_a_nan_names_its_entry() {
    let trainer = |env: &dyn EnvFactory, config: &Config| {
        gradwerk::Trainer::with_env(config, env, Runtime { threads: 1, ..Runtime::default() })
    };
    let options = gradwerk::EvalOptions { episodes: 4, ..gradwerk::EvalOptions::default() };
    let pool = gradwerk::Pool::new(1);
    let mut config = config();
    for (longest, cut) in [(7, 4), (10, 0), (11, 0)] {
        config.eval.longest = longest;
        let env = faulty(0);
        let policy = trainer(&*env, &config).unwrap().policy();
        // Episodes end by themselves at their tenth step.
        let result = gradwerk::evaluate(&policy, &*env, options, &pool).unwrap();
        assert_eq!((result.cut, result.max), (cut, f64::from(longest.min(10))), "{longest}");
    }
    let env = faulty(6);
    let policy = trainer(&*env, &config).unwrap().policy();
    // Four episodes side by side: the sixth step taken is the second of the second episode.
    let error = gradwerk::evaluate(&policy, &*env, options, &pool).unwrap_err().to_string();
    assert_eq!(error, "reward is NaN at evaluation episode 1, step 1");
}
