//! What needs MuJoCo's library; `./check.sh` runs it with that of its Python environment:
//! `cargo nextest run -p gradwerk-mujoco --run-ignored all`.

use gradwerk::algo::AlgoConfig;
use gradwerk::config::Config;
use gradwerk::{Runtime, Trainer};
use gradwerk_env::{
    Actions, End, EnvFactory, EnvSettings, EpisodeKeys, SlotState, StepRows, VecEnv, check_env,
    snapshot,
};
use gradwerk_math::{Purpose, Stream};
use gradwerk_mujoco::engine::Engine;
use gradwerk_mujoco::library::places;
use gradwerk_mujoco::model::Model;
use gradwerk_mujoco::simulation::{Simulation, Unstable};
use gradwerk_mujoco::{Library, all};
use std::sync::Arc;

fn task(id: &str) -> &'static dyn EnvFactory {
    all().into_iter().find(|task| task.id() == id).expect("a task")
}

fn load(file: &str) -> Arc<Model> {
    let folder = &places().unwrap().models.as_ref().unwrap().path;
    Model::load(Library::get().unwrap(), &folder.join(file)).unwrap()
}

/// One copy of a task in its first episode, and what it shows.
struct Player {
    env: Box<dyn VecEnv>,
    obs: Vec<f32>,
}

impl Player {
    fn new(id: &str) -> Self {
        let factory = task(id);
        let keys = EpisodeKeys::Training { first: 0 };
        let mut env = factory.make(1, keys, 1, &factory.default_settings());
        let mut obs = vec![0.0; env.observation_space().width()];
        env.reset(&mut obs);
        Self { env, obs }
    }

    /// The reward of a step.
    fn step(&mut self, action: &[f32]) -> f64 {
        let (mut reward, mut end) = ([0.0], [End::Continue]);
        let mut last = self.obs.clone();
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut reward,
            end: &mut end,
            final_obs: &mut last,
        };
        self.env.step(Actions { discrete: &[], continuous: action }, &[true], &mut rows);
        reward[0]
    }

    /// The numbers of the snapshot: release, fingerprint, position, then the simulator's state.
    fn numbers(&self) -> Vec<f64> {
        let bytes = self.env.save().remove(0).snapshot.unwrap();
        snapshot::decode_all(&bytes, bytes.len() / 8).unwrap()
    }

    fn load(&mut self, numbers: &[f64]) -> Result<(), String> {
        let snapshot = Some(snapshot::encode(numbers));
        let state = SlotState { snapshot, ..self.env.save().remove(0) };
        self.env.load(&[state], &self.obs).map_err(|error| error.to_string())
    }
}

#[test]
#[ignore = "needs MuJoCo"]
fn every_task_keeps_its_promises() {
    for task in all() {
        // A short limit, so that all of them are played to their ends in seconds.
        let settings = EnvSettings { time_limit: Some(100), frame_skip: 1 };
        let report = check_env(task, &settings, 1);
        assert!(report.passed(), "{report}");
        assert!(report.skipped.is_empty(), "{report}");
        assert!(task.simulator().unwrap().starts_with("MuJoCo "));
    }
}

fn config(id: &str) -> Config {
    let mut config = Config { steps: 4_000, seed: 3, ..Config::default() };
    config.env.id = id.into();
    config.env.num_envs = 6;
    config.rollout.steps = 64;
    config.normalize.observations = true;
    config.normalize.rewards = true;
    config.algo = AlgoConfig::by_name("ppo").expect("a listed algorithm");
    config
}

fn trainer(id: &str, threads: usize) -> Trainer {
    let runtime = Runtime { threads, ..Runtime::default() };
    Trainer::with_env(&config(id), task(id), runtime).unwrap()
}

fn updates(trainer: &mut Trainer, n: usize) {
    for _ in 0..n {
        trainer.update().unwrap();
    }
}

/// Also for the tasks whose reward looks back at a field of the step before.
#[test]
#[ignore = "needs MuJoCo"]
fn threads_and_interruptions_change_nothing() {
    for id in ["HalfCheetah-v5", "Hopper-v5", "Ant-v5", "Humanoid-v5", "Pusher-v5"] {
        let mut whole = trainer(id, 2);
        updates(&mut whole, 4);
        let mut first = trainer(id, 1);
        updates(&mut first, 2);
        let mut second = trainer(id, 3);
        second.restore(&first.state().unwrap()).unwrap();
        updates(&mut second, 2);
        assert_eq!(second.state_sha256().unwrap(), whole.state_sha256().unwrap(), "{id}");
    }
}

#[test]
#[ignore = "needs MuJoCo"]
fn a_state_of_another_release_or_model_is_refused() {
    let mut player = Player::new("Swimmer-v5");
    let mut numbers = player.numbers();
    numbers[0] = 3_016_002.0;
    let error = player.load(&numbers).unwrap_err();
    assert!(error.contains("a state of MuJoCo 3.16.2, but MuJoCo "), "{error}");
    let error = player.load(&numbers[1..]).unwrap_err();
    assert!(error.contains("expected"), "{error}");
    let mut numbers = player.numbers();
    numbers[1] += 1.0;
    let error = player.load(&numbers).unwrap_err();
    assert!(error.contains("another model or description than that of"), "{error}");
    assert!(error.contains("swimmer.xml"), "{error}");
}

/// MuJoCo replaces what it cannot simulate and goes on; a run must not.
#[test]
#[ignore = "needs MuJoCo"]
fn what_mujoco_replaces_becomes_a_reward_of_nan() {
    let mut player = Player::new("InvertedPendulum-v5");
    assert_eq!(player.step(&[0.5]), 1.0);
    let good = player.numbers();
    assert!(player.step(&[f32::NAN]).is_nan());
    player.load(&good).unwrap();
    assert_eq!(player.step(&[0.5]), 1.0);
    let mut wild = good;
    wild[4] = 1e12; // the cart, behind release, fingerprint, position and clock
    player.load(&wild).unwrap();
    assert!(player.step(&[0.5]).is_nan());
}

#[test]
#[ignore = "needs MuJoCo"]
fn models_and_simulations_say_what_is_wrong() {
    let model = load("hopper.xml");
    assert_eq!(model.timestep(), 0.002);
    assert_eq!(model.start().0, [0.0, 1.25, 0.0, 0.0, 0.0, 0.0]);
    let error = model.body("wing").unwrap_err().to_string();
    assert!(error.contains("hopper.xml: the model has no body `wing`"), "{error}");
    let error = Engine::new(&model, &["qpoz"]).err().unwrap().to_string();
    assert!(error.contains("no field `qpoz`"), "{error}");
    let mass = model.body_mass().unwrap();
    assert!(mass[0] == 0.0 && mass[1..].iter().all(|m| *m > 0.0), "{mass:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.xml");
    std::fs::write(&file, "<mujoco><wing/></mujoco>").unwrap();
    let error = Model::load(Library::get().unwrap(), &file).err().unwrap().to_string();
    assert!(error.contains("broken.xml: ") && error.contains("wing"), "{error}");
}

#[test]
#[ignore = "needs MuJoCo"]
fn a_simulation_reports_that_it_started_over() {
    let mut sim = Simulation::on(&Engine::new(&load("swimmer.xml"), &[]).unwrap());
    sim.reset(|_, _| {});
    assert_eq!(sim.step(3), Ok(()));
    let mut state = sim.state().to_vec();
    state[1] = f64::INFINITY;
    sim.set_state(&state);
    assert_eq!(sim.step(3), Err(Unstable::StartedOver));
}

/// Copies that take turns on one engine do, bit for bit, what each does on an engine of its own.
#[test]
#[ignore = "needs MuJoCo"]
fn simulations_on_one_engine_do_not_see_each_other() {
    const COPIES: usize = 3;
    for (file, fields) in
        [("ant.xml", &["xpos", "cfrc_ext"][..]), ("humanoid.xml", &["cinert", "cfrc_ext"])]
    {
        let model = load(file);
        let engine = Engine::new(&model, fields).unwrap();
        let alone = || Simulation::on(&Engine::new(&model, fields).unwrap());
        let mut together: Vec<Simulation> = (0..COPIES).map(|_| Simulation::on(&engine)).collect();
        let mut apart: Vec<Simulation> = (0..COPIES).map(|_| alone()).collect();
        let mut touched = false;
        for copies in [&mut together, &mut apart] {
            let mut rng = Stream::new(1, Purpose::Test, 0, 0);
            let mut ctrl = vec![0.0; copies[0].ctrl().len()];
            copies
                .iter_mut()
                .for_each(|sim| sim.reset(|_, qvel| qvel[0] = f64::from(rng.uniform())));
            for _ in 0..200 {
                for sim in copies.iter_mut() {
                    ctrl.fill_with(|| 0.8 * rng.uniform() - 0.4);
                    sim.set_ctrl(&ctrl);
                    sim.step(5).unwrap();
                    touched |= sim.field(1).iter().any(|force| *force != 0.0);
                }
            }
        }
        for (one, other) in together.iter().zip(&apart) {
            assert_eq!(one.state(), other.state(), "{file}");
            (0..fields.len()).for_each(|k| assert_eq!(one.field(k), other.field(k), "{file} {k}"));
        }
        assert_ne!(together[0].state(), together[1].state(), "{file}: other controls");
        assert!(touched, "{file}: contacts are part of it");
    }
}
