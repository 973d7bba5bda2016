//! What a batch promises: ends, limits, frame skip, keys, saving, replay.

use gradwerk_env::{
    Action, Actions, End, Env, EnvError, EnvFactory, EnvSettings, EpisodeKeys, SlotState, Space,
    Step, StepRows, VecEnv, custom, registry, snapshot,
};
use gradwerk_math::{Purpose, Stream};

const TRAINING: EpisodeKeys = EpisodeKeys::Training { first: 0 };

/// Counts its steps: observation and reward are the number of the step, plus the first random
/// word of the episode as a fraction. Terminates after `length` steps. Draws on every step.
#[derive(Clone)]
struct Counter {
    length: u32,
    saves: bool,
    mark: f32,
    time: u32,
}

impl Counter {
    fn factory(length: u32, saves: bool) -> Box<dyn EnvFactory> {
        custom("counter", None, move || Self { length, saves, mark: 0.0, time: 0 })
    }
    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&[self.time as f32, self.mark]);
    }
}

impl Env for Counter {
    fn observation_space(&self) -> Space {
        Space::uniform_box(2, 0.0, f32::INFINITY)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 3 }
    }
    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        (self.time, self.mark) = (0, rng.uniform());
        self.observe(obs);
    }
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        self.time += 1;
        self.mark = rng.uniform() + action.discrete[0] as f32;
        self.observe(obs);
        let end = if self.time == self.length { End::Terminated } else { End::Continue };
        Step { reward: f64::from(self.time), end }
    }
    fn snapshot(&self) -> Option<Vec<u8>> {
        let state = [f64::from(self.length), f64::from(self.mark), f64::from(self.time)];
        self.saves.then(|| snapshot::encode(&state))
    }
    fn restore(&mut self, bytes: &[u8]) -> Result<(), EnvError> {
        let [length, mark, time] = snapshot::decode(bytes)?;
        (self.length, self.mark, self.time) = (length as u32, mark as f32, time as u32);
        Ok(())
    }
}

/// A batch and its rows.
struct Player {
    env: Box<dyn VecEnv>,
    obs: Vec<f32>,
    final_obs: Vec<f32>,
    reward: Vec<f64>,
    end: Vec<End>,
}

impl Player {
    fn new(env: Box<dyn VecEnv>) -> Self {
        let (n, d) = (env.num_envs(), env.observation_space().width());
        let mut player = Self {
            env,
            obs: vec![0.0; n * d],
            final_obs: vec![-1.0; n * d],
            reward: vec![0.0; n],
            end: vec![End::Continue; n],
        };
        player.env.reset(&mut player.obs);
        player
    }

    fn step(&mut self, discrete: &[u32]) {
        let active = vec![true; self.env.num_envs()];
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut self.reward,
            end: &mut self.end,
            final_obs: &mut self.final_obs,
        };
        self.env.step(Actions { discrete, continuous: &[] }, &active, &mut rows);
    }
}

fn settings(time_limit: Option<u32>, frame_skip: u32) -> EnvSettings {
    EnvSettings { time_limit, frame_skip }
}

fn counter(length: u32, settings: EnvSettings) -> Player {
    Player::new(Counter::factory(length, true).make(5, TRAINING, 1, &settings))
}

#[test]
fn an_end_shows_the_final_observation_and_starts_the_next_episode() {
    let mut player = counter(2, settings(None, 1));
    player.step(&[0]);
    assert_eq!((player.reward[0], player.end[0], player.obs[0]), (1.0, End::Continue, 1.0));
    assert_eq!(player.final_obs, [-1.0, -1.0], "written although the episode goes on");
    player.step(&[0]);
    assert_eq!((player.reward[0], player.end[0]), (2.0, End::Terminated));
    assert_eq!(player.final_obs[0], 2.0);
    // The next episode is number 1 of environment 0: its mark is that stream's first word.
    let mark = Stream::new(5, Purpose::Episode, 0, 1).uniform();
    assert_eq!(player.obs, [0.0, mark]);
    player.step(&[0]);
    assert_eq!((player.reward[0], player.end[0], player.obs[0]), (1.0, End::Continue, 1.0));
}

#[test]
fn the_time_limit_truncates_and_termination_wins() {
    for (length, limit, expected) in
        [(9, 3, End::Truncated), (3, 3, End::Terminated), (2, 3, End::Terminated)]
    {
        let mut player = counter(length, settings(Some(limit), 1));
        let steps = (1..10).find(|_| {
            player.step(&[0]);
            player.end[0].is_end()
        });
        assert_eq!((steps, player.end[0]), (Some(length.min(limit)), expected));
    }
}

#[test]
fn frame_skip_sums_rewards_and_stops_at_the_end() {
    let mut player = counter(6, settings(None, 4));
    player.step(&[0]);
    assert_eq!((player.reward[0], player.end[0]), (10.0, End::Continue)); // 1 + 2 + 3 + 4
    player.step(&[0]);
    assert_eq!((player.reward[0], player.end[0]), (11.0, End::Terminated)); // 5 + 6
    assert_eq!(player.final_obs[0], 6.0);
    assert_eq!(player.env.save()[0].time, 0);
}

#[test]
fn the_time_limit_counts_inner_steps() {
    let mut player = counter(100, settings(Some(6), 4));
    player.step(&[0]);
    assert_eq!((player.end[0], player.env.save()[0].time), (End::Continue, 4));
    player.step(&[0]);
    assert_eq!((player.reward[0], player.end[0]), (11.0, End::Truncated)); // 5 + 6

    let car = registry::find("MountainCar-v0").unwrap();
    let mut player = Player::new(car.make(1, TRAINING, 1, &settings(Some(200), 4)));
    let actions = (1..=200).find(|_| {
        player.step(&[1]);
        player.end[0].is_end()
    });
    assert_eq!((actions, player.end[0]), (Some(50), End::Truncated)); // 200 / 4
}

#[test]
fn evaluation_episodes_are_keyed_by_their_number() {
    // Episode 7 in a batch of 3 is the third of slot 1 (7 = 1 + 2 * 3); alone it is the first.
    let factory = Counter::factory(2, true);
    let keys = |first, stride| EpisodeKeys::Evaluation { first, stride };
    let mut three = Player::new(factory.make(5, keys(0, 3), 3, &settings(None, 1)));
    (0..4).for_each(|_| three.step(&[1, 1, 1])); // two episodes of two steps
    let alone = Player::new(factory.make(5, keys(7, 1), 1, &settings(None, 1)));
    assert_eq!(three.obs[2..4], alone.obs);
    assert_eq!(alone.obs[1], Stream::new(5, Purpose::EvalEpisode, 0, 7).uniform());
}

#[test]
fn reset_starts_the_current_episode_again() {
    let mut player = counter(2, settings(None, 1));
    (0..3).for_each(|_| player.step(&[0]));
    player.env.reset(&mut player.obs);
    assert_eq!(player.obs, [0.0, Stream::new(5, Purpose::Episode, 0, 1).uniform()]);
    assert_eq!(player.env.save()[0].episode, 1);
}

/// What follows a load: the observations of some more steps.
fn tail(player: &mut Player) -> Vec<u32> {
    let mut bits = Vec::new();
    for t in 0..12 {
        player.step(&[t % 3, (t + 1) % 3]);
        bits.extend(player.obs.iter().chain(&player.final_obs).map(|x| x.to_bits()));
    }
    bits
}

/// Two slots in the middle of their second episode.
fn under_way(saves: bool, frame_skip: u32) -> (Player, Box<dyn EnvFactory>) {
    let factory = Counter::factory(7, saves);
    let mut player = Player::new(factory.make(5, TRAINING, 2, &settings(Some(6), frame_skip)));
    (0..8).for_each(|t| player.step(&[t % 3, 2]));
    (player, factory)
}

#[test]
fn loading_goes_on_from_the_middle_of_an_episode() {
    for (saves, frame_skip) in [(true, 1), (true, 4), (false, 1), (false, 4)] {
        let (mut saved, factory) = under_way(saves, frame_skip);
        let state = saved.env.save();
        assert_eq!(state[0].snapshot.is_some(), saves);
        assert_eq!(state[0].actions.discrete.is_empty(), saves || state[0].time == 0);
        let rules = settings(Some(6), frame_skip);
        let mut loaded = Player::new(factory.make(5, TRAINING, 2, &rules));
        loaded.env.load(&state, &saved.obs).unwrap();
        loaded.obs.clone_from(&saved.obs);
        loaded.final_obs.clone_from(&saved.final_obs);
        assert_eq!(loaded.env.save(), state);
        assert_eq!(tail(&mut loaded), tail(&mut saved), "snapshot {saves}, skip {frame_skip}");
    }
}

/// The message of a load that must fail, changing nothing.
fn refused(player: &mut Player, slots: &[SlotState], obs: &[f32]) -> String {
    let before = player.env.save();
    let error = player.env.load(slots, obs).expect_err("must be refused").to_string();
    assert_eq!(player.env.save(), before, "{error}");
    error
}

#[test]
fn a_replay_that_leads_elsewhere_is_refused() {
    let (mut player, _) = under_way(false, 1);
    let (state, obs) = (player.env.save(), player.obs.clone());
    let mut other = obs.clone();
    other[2] += 1.0;
    let error = refused(&mut player, &state, &other);
    assert_eq!(error, "slot 1, episode 1: the replay led to observation[0] = 2, expected 3");

    let mut action = state.clone();
    action[1].actions.discrete[1] = 0; // The last of two; the mark shows it.
    let error = refused(&mut player, &action, &obs);
    assert!(error.starts_with("slot 1, episode 1: the replay led to observation[1]"), "{error}");

    let mut time = state.clone();
    time[0].time = 3;
    let error = refused(&mut player, &time, &obs);
    assert!(error.contains("took 2 steps and 3 random words, expected 3 and 3"), "{error}");

    let mut long = state.clone();
    long[0].actions.discrete = vec![0; 9];
    let error = refused(&mut player, &long, &obs);
    assert!(error.contains("the replay ended after 6 of 9 actions"), "{error}");

    let mut foreign = state;
    foreign[0].actions.continuous.push(0.5);
    let error = refused(&mut player, &foreign, &obs);
    assert!(error.contains("not rows of 1 and 0 components"), "{error}");
}

#[test]
fn states_of_another_shape_are_refused() {
    let (mut player, _) = under_way(true, 1);
    let (mut state, obs) = (player.env.save(), player.obs.clone());
    let error = refused(&mut player, &state[..1], &obs);
    assert_eq!(error, "the state has 1 slots and 4 observation entries, expected 2 and 4");
    state[1].snapshot = Some(vec![0; 5]);
    let error = refused(&mut player, &state, &obs);
    assert_eq!(error, "slot 1, episode 1: a snapshot of 5 bytes, expected 24");
}

#[test]
fn settings_of_zero_are_refused() {
    let message = |s: EnvSettings| s.validate().unwrap_err().to_string();
    assert!(message(settings(Some(0), 1)).starts_with("`time_limit` is 0"));
    assert!(message(settings(None, 0)).starts_with("`frame_skip` is 0"));
    assert!(settings(None, 1).validate().is_ok());
}

#[test]
#[should_panic(expected = "slot 0: action 3, expected one of 0..3")]
fn an_action_outside_its_space_is_refused() {
    counter(2, settings(None, 1)).step(&[3]);
}
