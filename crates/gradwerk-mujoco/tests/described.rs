//! Users' own models, described in files. Needs MuJoCo's library, as `with_library.rs`.

use gradwerk_env::{
    Actions, End, EnvFactory, EnvSettings, EpisodeKeys, StepRows, VecEnv, check_env, find,
};
use gradwerk_math::{Purpose, Stream};
use std::path::PathBuf;

const HALF_CHEETAH: &str = r#"
model = "gymnasium:half_cheetah.xml"
frame_skip = 5
time_limit = 1000
start = { qpos = { uniform = 0.1 }, qvel = { normal = 0.1 } }
observe = [{ part = "qpos", from = 1 }, { part = "qvel" }]
reward = [
  { term = "velocity", part = "qpos", of = "rootx" },
  { term = "control_cost", weight = 0.1 },
]
"#;

const HOPPER: &str = r#"
model = "gymnasium:hopper.xml"
frame_skip = 4
time_limit = 1000
solved_at = 3800
start = { qpos = { uniform = 5e-3 }, qvel = { uniform = 5e-3 } }
observe = [{ part = "qpos", from = 1 }, { part = "qvel", clip = 10 }]
reward = [
  { term = "velocity", part = "qpos", of = "rootx" },
  { term = "healthy" },
  { term = "control_cost", weight = 1e-3 },
]
healthy = [
  { part = "qpos", from = 2, low = -100, high = 100 },
  { part = "qvel", low = -100, high = 100 },
  { part = "qpos", of = "rootz", low = 0.7 },
  { part = "qpos", of = "rooty", low = -0.2, high = 0.2 },
]
"#;

const ANT: &str = r#"
model = "gymnasium:ant.xml"
frame_skip = 5
time_limit = 1000
start = { qpos = { uniform = 0.1 }, qvel = { normal = 0.1 } }
observe = [
  { part = "qpos", from = 2 },
  { part = "qvel" },
  { part = "cfrc_ext", from = 6, clip = 1 },
]
reward = [
  { term = "velocity", part = "xpos", of = "torso", axis = "x" },
  { term = "healthy" },
  { term = "control_cost", weight = 0.5 },
  { term = "square_cost", part = "cfrc_ext", clip = 1, weight = 5e-4 },
]
healthy = [{ part = "qpos", from = 2, to = 3, low = 0.2, high = 1 }]
"#;

const REACHER: &str = r#"
model = "gymnasium:reacher.xml"
frame_skip = 2
time_limit = 50
start = { qpos = { uniform = 0.1 } }
observe = [
  { part = "qpos", from = 0, to = 2, apply = "cos" },
  { part = "qpos", from = 0, to = 2, apply = "sin" },
  { part = "xpos", of = "target", to = 2 },
]
reward = [
  { term = "distance_cost", between = [
    { part = "xpos", of = "fingertip" },
    { part = "xpos", of = "target" },
  ] },
  { term = "control_cost" },
]
"#;

/// A folder with a description in it.
struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let file = Self { folder: tempfile::tempdir().unwrap() };
        file.write(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("own.mjcf.toml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    fn find(&self) -> Result<&'static dyn EnvFactory, String> {
        gradwerk_mujoco::install();
        find(self.path().to_str().unwrap()).map_err(|error| error.to_string())
    }
}

/// What copies of an environment show and give under random actions.
struct Played {
    obs: Vec<f32>,
    rewards: Vec<f64>,
    ends: Vec<End>,
}

fn batch(factory: &dyn EnvFactory) -> Box<dyn VecEnv> {
    let keys = EpisodeKeys::Training { first: 0 };
    factory.make(7, keys, 3, &factory.default_settings())
}

fn play(factory: &dyn EnvFactory, steps: usize) -> Played {
    let mut env = batch(factory);
    let (width, n) = (env.observation_space().width(), 3);
    let (_, high) = env.action_space().action_bounds();
    let mut played = Played { obs: vec![], rewards: vec![], ends: vec![] };
    let (mut obs, mut last) = (vec![0.0; n * width], vec![0.0; n * width]);
    env.reset(&mut obs);
    let mut rng = Stream::new(1, Purpose::Test, 0, 0);
    for _ in 0..steps {
        played.obs.extend_from_slice(&obs);
        let draw = |k: usize| high[k % high.len()] * (2.0 * rng.uniform() - 1.0);
        let action: Vec<f32> = (0..n * high.len()).map(draw).collect();
        let (mut reward, mut end) = (vec![0.0; n], vec![End::Continue; n]);
        let mut rows =
            StepRows { obs: &mut obs, reward: &mut reward, end: &mut end, final_obs: &mut last };
        env.step(Actions { discrete: &[], continuous: &action }, &vec![true; n], &mut rows);
        played.rewards.extend_from_slice(&reward);
        played.ends.extend_from_slice(&end);
    }
    played
}

#[test]
#[ignore = "needs MuJoCo"]
fn described_tasks_are_the_built_in_ones_bit_for_bit() {
    for (id, text) in [("HalfCheetah-v5", HALF_CHEETAH), ("Hopper-v5", HOPPER)] {
        let file = File::new(text);
        let (own, built_in) = (file.find().unwrap(), find(id).unwrap());
        assert_eq!(own.observation_space(), built_in.observation_space(), "{id}");
        assert_eq!(own.action_space(), built_in.action_space(), "{id}");
        assert_eq!(own.default_time_limit(), built_in.default_time_limit(), "{id}");
        let (own, built_in) = (play(own, 200), play(built_in, 200));
        assert_eq!(own.obs, built_in.obs, "{id}");
        assert_eq!(own.rewards, built_in.rewards, "{id}");
        assert_eq!(own.ends, built_in.ends, "{id}");
        let falls = own.ends.iter().filter(|end| **end == End::Terminated).count();
        assert_eq!(falls > 3, id == "Hopper-v5", "{id}: {falls} falls");
    }
}

/// The ant's costs are added in another order: rewards differ in their last bits.
#[test]
#[ignore = "needs MuJoCo"]
fn places_and_contacts_are_those_of_the_ant() {
    let file = File::new(ANT);
    let (own, built_in) = (play(file.find().unwrap(), 100), play(find("Ant-v5").unwrap(), 100));
    assert_eq!(own.obs, built_in.obs);
    assert_eq!(own.ends, built_in.ends);
    for (a, b) in own.rewards.iter().zip(&built_in.rewards) {
        assert!((a - b).abs() < 1e-13, "{a} {b}");
    }
}

/// What is seen of the arm and its target bounds the reward.
#[test]
#[ignore = "needs MuJoCo"]
fn distances_and_angles_are_those_of_the_arm() {
    let file = File::new(REACHER);
    let played = play(file.find().unwrap(), 20);
    for obs in played.obs.chunks(6) {
        let [c0, c1, s0, s1, x, y] = obs else { panic!("6 numbers") };
        assert!((c0 * c0 + s0 * s0 - 1.0).abs() < 1e-6 && (c1 * c1 + s1 * s1 - 1.0).abs() < 1e-6);
        // The model has it at (0.1, -0.1), and the start adds up to 0.1 to each.
        assert!((0.0..0.2).contains(x) && (-0.2..0.0).contains(y), "{x} {y}");
    }
    // At most the arm's length and the target's distance, and two controls of at most 1.
    assert!(played.rewards.iter().all(|reward| (-0.5 - 2.0..0.0).contains(reward)));
}

#[test]
#[ignore = "needs MuJoCo"]
fn the_checker_finds_nothing() {
    for text in [HOPPER, ANT, REACHER] {
        let file = File::new(text);
        let settings = EnvSettings { time_limit: Some(100), frame_skip: 1 };
        let report = check_env(file.find().unwrap(), &settings, 1);
        assert!(report.passed() && report.skipped.is_empty(), "{report}");
    }
}

#[test]
#[ignore = "needs MuJoCo"]
fn a_changed_description_does_not_go_on_with_an_old_state() {
    let file = File::new(HOPPER);
    let before = batch(file.find().unwrap());
    file.write(&HOPPER.replace("1e-3", "2e-3"));
    let mut after = batch(file.find().unwrap());
    let obs = vec![0.0; 3 * before.observation_space().width()];
    let error = after.load(&before.save(), &obs).unwrap_err().to_string();
    assert!(error.contains("another model or description than that of"), "{error}");
    file.write(HOPPER);
    assert!(batch(file.find().unwrap()).load(&before.save(), &obs).is_ok());
}

/// A model beside its description, with what descriptions must refuse.
#[test]
#[ignore = "needs MuJoCo"]
fn faults_name_the_file_the_key_and_the_choices() {
    const MODEL: &str = r#"<mujoco><worldbody><body name="box">
        <joint name="slide" type="slide"/><geom size="1"/></body></worldbody>
        <actuator><motor name="push" joint="slide" RANGE/></actuator></mujoco>"#;
    let text = r#"model = "own.xml"
observe = [{ part = "qpos", of = "slide" }]
reward = [{ term = "velocity", part = "xpos", of = "box", axis = "x" }]
"#;
    let file = File::new(text);
    let error = || file.find().err().unwrap_or_default();
    assert!(error().contains("own.xml: cannot be read"), "{}", error());
    let model = file.folder.path().join("own.xml");
    std::fs::write(&model, MODEL.replace("RANGE", "")).unwrap();
    assert!(error().contains("actuator 0 `push` has no ctrlrange"), "{}", error());
    std::fs::write(&model, MODEL.replace("RANGE", r#"ctrlrange="-2 3""#)).unwrap();
    let space = file.find().unwrap().action_space();
    assert_eq!(space.action_bounds(), (vec![-2.0], vec![3.0]));
    file.write(&text.replace("\"box\"", "\"bax\""));
    let expected = "own.mjcf.toml:3: of = \"bax\", expected one of world, box, or";
    assert!(error().contains(expected), "{}", error());
    file.write(&text.replace("velocity", "speed"));
    assert!(error().contains("own.mjcf.toml:3: term = \"speed\", expected one of"), "{}", error());
    file.write(&text.replace("own.xml", "gymnasium:own.xml"));
    assert!(error().contains("own.xml: cannot be read"), "{}", error());
}
