//! Steps that are lost with the process that took them are no transitions: what was played before
//! is cut where it stood, and goes on being worth the value of that state.

mod shards;

use gradwerk::collect::{Plan, Shard};
use gradwerk::config::Config;
use gradwerk::{EvalOptions, Pool, Runtime, Trainer, evaluate};
use gradwerk_env::{
    Actions, End, EnvError, EnvFactory, EnvSettings, EpisodeKeys, SlotState, Space, StepRows,
    VecEnv, WithPrevious,
};
use shards::configs;

/// Slots.
const N: usize = 3;
/// Steps of an episode.
const LENGTH: u32 = 10;
/// Every so manieth step of slot 1 is lost in training, and only the first one in an evaluation.
const EVERY: usize = 7;

/// Shows time and number of the episode; every step is worth 1.
struct Fragile {
    keys: EpisodeKeys,
    spaces: (Space, Space),
    time: Vec<u32>,
    episode: Vec<u64>,
    lost: Vec<bool>,
    steps: usize,
}

impl Fragile {
    fn show(&self, i: usize, obs: &mut [f32]) {
        obs[2 * i..2 * i + 2].copy_from_slice(&[self.time[i] as f32, self.episode[i] as f32]);
    }

    fn begin(&mut self, i: usize, after: u64, obs: &mut [f32]) {
        (self.time[i], self.episode[i]) = (0, self.episode[i] + after);
        self.show(i, obs);
    }
}

impl VecEnv for Fragile {
    fn num_envs(&self) -> usize {
        self.time.len()
    }
    fn observation_space(&self) -> &Space {
        &self.spaces.0
    }
    fn action_space(&self) -> &Space {
        &self.spaces.1
    }
    fn reset(&mut self, obs: &mut [f32]) {
        (0..self.time.len()).for_each(|i| self.begin(i, 0, obs));
    }
    fn lost(&self) -> &[bool] {
        &self.lost
    }
    fn step(&mut self, _: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        self.steps += 1;
        self.lost.fill(false);
        let training = matches!(self.keys, EpisodeKeys::Training { .. });
        let loses = self.steps.is_multiple_of(EVERY) && (training || self.steps == EVERY);
        for i in (0..active.len()).filter(|&i| active[i]) {
            if i == 1 && loses {
                self.lost[i] = true;
                // What stands in the other columns means nothing.
                (rows.reward[i], rows.end[i]) = (f64::NAN, End::Terminated);
                self.begin(i, u64::from(training), rows.obs);
                continue;
            }
            self.time[i] += 1;
            (rows.reward[i], rows.end[i]) = (1.0, End::Continue);
            self.show(i, rows.obs);
            if self.time[i] == LENGTH {
                rows.end[i] = End::Truncated;
                self.show(i, rows.final_obs);
                self.begin(i, 1, rows.obs);
            }
        }
    }
    fn save(&self) -> Vec<SlotState> {
        let slot = |&episode: &u64| SlotState { episode, ..SlotState::default() };
        self.episode.iter().map(slot).collect()
    }
    fn load(&mut self, _: &[SlotState], _: &[f32]) -> Result<(), EnvError> {
        Err(EnvError("the processes are gone".into()))
    }
}

struct Factory;

impl EnvFactory for Factory {
    fn id(&self) -> &str {
        "fragile"
    }
    fn default_time_limit(&self) -> Option<u32> {
        Some(LENGTH)
    }
    fn observation_space(&self) -> Space {
        Space::uniform_box(2, 0.0, 1000.0)
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn make(&self, _: u64, keys: EpisodeKeys, n: usize, _: &EnvSettings) -> Box<dyn VecEnv> {
        let spaces = (self.observation_space(), self.action_space());
        let (time, episode, lost) = (vec![0; n], vec![0; n], vec![false; n]);
        Box::new(Fragile { keys, spaces, time, episode, lost, steps: 0 })
    }
}

fn roll(config: &Config, env: &dyn EnvFactory, plan: Plan) -> Shard {
    shards::collect(config, env, N, &env.default_settings(), plan).1
}

#[test]
fn the_episode_is_cut_before_the_lost_step() {
    for config in &configs() {
        let shard = roll(config, &Factory, Plan::Steps(40));
        let r = &shard.rollout;
        let row = |t: usize| t * N + 1;
        for t in 0..40 {
            let lost = (t + 1) % EVERY == 0;
            assert_eq!(r.valid[row(t)], !lost, "step {t}");
            if !lost {
                continue;
            }
            // Six steps before it, of an episode that was not over.
            assert_eq!((r.end[row(t - 1)], r.time[row(t)]), (End::Truncated, 6));
            assert_eq!(r.next_value[row(t - 1)].to_bits(), r.value[row(t)].to_bits());
            assert_eq!(r.time[row(t + 1)], 0);
        }
        // The others know nothing of it.
        assert!((0..40).all(|t| r.valid[t * N] && r.valid[t * N + 2]));
        assert_eq!(shard.episodes.iter().filter(|episode| episode.env == 1).count(), 0);
        assert_eq!(shard.episodes.len(), 2 * 4);
        // What the lost steps acted on was seen.
        assert_eq!(shard.obs_count, [40; N]);
    }
}

#[test]
fn a_lost_episode_takes_the_place_of_a_whole_one() {
    let plan = Plan::Episodes { quota: 4, longest: LENGTH as usize };
    let shard = roll(&configs()[0], &Factory, plan);
    let of = |env| shard.episodes.iter().filter(|episode| episode.env == env).count();
    assert_eq!((of(0), of(1), of(2)), (4, 0, 4));
}

#[test]
fn previous_actions_begin_anew() {
    let told = WithPrevious::new(&Factory, true, true);
    let shard = roll(&configs()[0], &told, Plan::Steps(20));
    let r = &shard.rollout;
    // Time, episode, two choices, reward: of the row after the loss.
    let mut obs = [1.0; 5];
    r.inputs(EVERY * N + 1..EVERY * N + 2).fill(&mut obs);
    assert_eq!(obs[2..], [0.0; 3]);
}

#[test]
fn a_run_counts_transitions_and_an_evaluation_plays_the_episode_again() {
    let mut config = Config::preset("fragile", "a2c").unwrap();
    (config.env.num_envs, config.rollout.steps, config.steps) = (N, 14, 1000);
    let mut trainer = Trainer::with_env(&config, &Factory, Runtime::default()).unwrap();
    let report = trainer.update().unwrap();
    assert_eq!(report.counters.steps, 14 * 3 - 2);
    assert_eq!(report.counters.episodes, 2);
    let options = EvalOptions { episodes: 9, ..EvalOptions::default() };
    let played = evaluate(&trainer.policy(), &Factory, options, &Pool::new(1)).unwrap();
    assert_eq!(played.returns, [f64::from(LENGTH); 9]);
    assert_eq!(played.mean_length, f64::from(LENGTH));
}
