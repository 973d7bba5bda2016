//! Observations and actions of several parts with masks, through training, files and evaluation.

use gradwerk::algo::AlgoConfig;
use gradwerk::config::Config;
use gradwerk::dist::DistConfig;
use gradwerk::evaluate::{EvalOptions, evaluate};
use gradwerk::{Policy, Runtime, Trainer};
use gradwerk_env::{Action, End, Env, EnvFactory, Space, Step, check_env, custom};
use gradwerk_math::{Kernel, Pool, Stream};

/// Three rooms: go to another one (the present one is masked), press switches, push a box.
/// Cannot save itself.
#[derive(Clone, Default)]
struct Rooms {
    room: u32,
    keys: [u32; 2],
    place: f32,
    time: u32,
    /// After so many steps no room is valid any more.
    dead_end: Option<u32>,
}

impl Rooms {
    fn observe(&self, obs: &mut [f32]) {
        let keys = self.keys.map(|k| k as f32);
        obs.copy_from_slice(&[self.place, 7.0, self.room as f32, keys[0], keys[1]]);
    }
}

impl Env for Rooms {
    fn observation_space(&self) -> Space {
        Space::dict([
            ("place", Space::uniform_box(2, f32::NEG_INFINITY, f32::INFINITY)),
            ("room", Space::Discrete { n: 3 }),
            ("keys", Space::MultiBinary { n: 2 }),
        ])
    }

    fn action_space(&self) -> Space {
        let (push, go) = (Space::uniform_box(1, -2.0, 1.0), Space::Discrete { n: 3 });
        Space::Tuple(vec![push, go, Space::MultiBinary { n: 2 }])
    }

    /// The present room is invalid, and a pressed switch stays pressed.
    fn action_mask(&self, mask: &mut [bool]) -> bool {
        mask.fill(self.dead_end.is_none_or(|end| self.time < end));
        mask[self.room as usize] = false;
        mask[3..].fill(true);
        mask[3] = self.keys[0] == 0;
        true
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        let dead_end = self.dead_end;
        *self = Self { room: rng.below(3), dead_end, ..Self::default() };
        self.observe(obs);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let [room, first, second] = [0, 1, 2].map(|k| action.discrete[k]);
        assert!(room != self.room, "the mask forbids to stay");
        assert!(first >= self.keys[0], "the mask forbids to release");
        let push = action.continuous[0];
        assert!(push.is_nan() || (-2.0..=1.0).contains(&push), "{push} is outside the space");
        (self.room, self.keys) = (room, [first, second]);
        self.place += push + 0.1 * rng.uniform();
        self.time += 1;
        self.observe(obs);
        let end = if self.time == 9 { End::Terminated } else { End::Continue };
        Step { reward: f64::from(room) - f64::from(self.place * self.place), end }
    }
}

fn rooms(dead_end: Option<u32>) -> Box<dyn EnvFactory> {
    custom("rooms", Some(20), move || Rooms { dead_end, ..Rooms::default() })
}

fn config(algo: &str) -> Config {
    let mut config = Config { steps: 4_000, seed: 3, ..Config::default() };
    (config.env.id, config.env.num_envs) = ("rooms".into(), 5);
    config.rollout.steps = 60;
    config.rollout.episodes = if algo == "reinforce" { 10 } else { 0 };
    config.normalize.observations = algo != "off_policy_pg"; // it refuses them
    config.algo = AlgoConfig::by_name(algo).unwrap();
    config
}

fn trainer(config: &Config, threads: usize) -> Trainer {
    let runtime = Runtime { threads, kernel: Kernel::detect() };
    Trainer::with_env(config, &*rooms(None), runtime).unwrap()
}

fn run(trainer: &mut Trainer, updates: usize) {
    for _ in 0..updates {
        trainer.update().unwrap();
    }
}

#[test]
fn the_environment_keeps_its_promises() {
    let env = rooms(None);
    let report = check_env(&*env, &env.default_settings(), 1);
    assert!(report.passed(), "{report}");
}

/// Masks of half an episode are recomputed by the replay; every continuous family goes along.
#[test]
fn runs_resume_bit_for_bit() {
    let families = ["gaussian", "full-gaussian", "squashed-gaussian", "beta", "truncated-normal"];
    for (k, algo) in ["ppo", "a2c", "reinforce", "npg", "trpo", "off_policy_pg"].iter().enumerate()
    {
        let mut config = config(algo);
        let text = format!("kind = \"composite\"\ncontinuous = \"{}\"", families[k % 5]);
        config.policy = toml::from_str(&text).unwrap();
        let mut whole = trainer(&config, 2);
        run(&mut whole, 4);
        let mut first = trainer(&config, 1);
        run(&mut first, 2);
        let mut second = trainer(&config, 3);
        second.restore(&first.state().unwrap()).unwrap();
        run(&mut second, 2);
        assert_eq!(second.state_sha256().unwrap(), whole.state_sha256().unwrap(), "{algo}");
    }
}

#[test]
fn only_vectors_are_normalised() {
    let mut trainer = trainer(&config("ppo"), 1);
    run(&mut trainer, 3);
    let policy = trainer.policy();
    let moments = policy.normalizers().observations.clone().unwrap();
    // 2 numbers, 3 of the one-hot room, 2 bits; the second number is always 7.
    assert_eq!(moments.mean.len(), 7);
    assert!(moments.mean[0] != 0.0 && moments.mean[1] == 7.0);
    assert_eq!((&moments.mean[2..], &moments.m2[2..]), (&[0.0; 5][..], &[0.0; 5][..]));
}

#[test]
fn a_policy_file_holds_the_spaces_and_acts_with_masks() {
    let mut trainer = trainer(&config("ppo"), 1);
    run(&mut trainer, 2);
    let mut policy = trainer.policy();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.safetensors");
    policy.save(&path).unwrap();
    let mut loaded = Policy::load(&path).unwrap();
    assert_eq!(loaded.observation_space(), &Rooms::default().observation_space());
    assert_eq!(loaded.action_space(), &Rooms::default().action_space());
    let obs = [0.3, 7.0, 1.0, 1.0, 0.0, -0.3, 7.0, 2.0, 0.0, 1.0];
    for room in 0..3 {
        // Only this room is valid, and both switches are fixed.
        let mut mask = [false; 14];
        for row in mask.chunks_exact_mut(7) {
            (row[room], row[3], row[6]) = (true, true, true);
        }
        let action = policy.predict_masked(&obs, &mask).unwrap();
        let want = [room as u32, 0, 1, room as u32, 0, 1];
        assert_eq!(action.discrete, want);
        assert_eq!(loaded.predict_masked(&obs, &mask).unwrap(), action);
    }
    let message = |policy: &mut Policy, mask: &[bool]| {
        policy.predict_masked(&obs, mask).unwrap_err().to_string()
    };
    let want = "action mask: 13 entries, 2 rows of 7 expected for Tuple(Box(1), Discrete(3), \
                MultiBinary(2))";
    assert_eq!(message(&mut policy, &[true; 13]), want);
    let mut blocked = [true; 14];
    blocked[7..10].fill(false);
    let want = "action mask: row 1 allows no value of component 0";
    assert_eq!(message(&mut policy, &blocked), want);
}

#[test]
fn evaluation_uses_masks() {
    let mut trainer = trainer(&config("ppo"), 1);
    run(&mut trainer, 1);
    for stochastic in [false, true] {
        let options = EvalOptions { episodes: 7, stochastic, ..EvalOptions::default() };
        let evaluation =
            evaluate(&trainer.policy(), &*rooms(None), options, &Pool::new(2)).unwrap();
        // An invalid action would have panicked.
        assert_eq!((evaluation.episodes, evaluation.mean_length), (7, 9.0));
    }
    let dead = rooms(Some(4));
    let error = evaluate(&trainer.policy(), &*dead, EvalOptions::default(), &Pool::new(1));
    let want = "evaluation episode 0, step 4: no valid action: component 0, none of 0..3";
    assert_eq!(error.unwrap_err().to_string(), want);
}

#[test]
fn no_valid_action_names_environment_and_step() {
    let runtime = Runtime { threads: 1, kernel: Kernel::detect() };
    let mut trainer = Trainer::with_env(&config("ppo"), &*rooms(Some(4)), runtime).unwrap();
    let error = trainer.update().unwrap_err().to_string();
    let want = "environment 0, its step 4: no valid action: component 0, none of 0..3";
    assert_eq!(error, want);
}

/// A mask on two choices whose policy is parametrised by the probability itself.
#[test]
fn a_policy_without_masks_refuses_masked_environments() {
    #[derive(Clone)]
    struct Two;
    impl Env for Two {
        fn observation_space(&self) -> Space {
            Space::uniform_box(1, 0.0, 1.0)
        }
        fn action_space(&self) -> Space {
            Space::Discrete { n: 2 }
        }
        fn action_mask(&self, mask: &mut [bool]) -> bool {
            mask.copy_from_slice(&[true, false]);
            true
        }
        fn reset(&mut self, _rng: &mut Stream, obs: &mut [f32]) {
            obs[0] = 0.0;
        }
        fn step(&mut self, _action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
            obs[0] = 0.0;
            Step { reward: 0.0, end: End::Terminated }
        }
    }
    let policy = DistConfig::from_name("bernoulli").unwrap();
    let config = Config { policy, ..Config::default() };
    let runtime = Runtime { threads: 1, kernel: Kernel::detect() };
    let error = Trainer::with_env(&config, &*custom("two", None, || Two), runtime).err().unwrap();
    let want = "policy.kind = bernoulli: the environment masks actions, which this policy cannot: \
                must be one that can";
    assert_eq!(error.to_string(), want);
}
