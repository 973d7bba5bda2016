//! An environment whose resets take a step of their own (NEXT_STEP auto-reset) must be learned
//! from as the same environment that is reset at once: the rows of its resets are no transitions.

mod shards;

use gradwerk::collect::Plan;
use gradwerk::config::Config;
use gradwerk::dist::ActionRow;
use gradwerk::{EvalOptions, Pool, Runtime, Trainer, evaluate};
use gradwerk_env::{
    Actions, Batching, End, EnvError, EnvFactory, EnvSettings, EpisodeKeys, SlotState, Space,
    StepRows, VecEnv, WithPrevious, find,
};
use shards::configs;

/// Hides the first observation of an episode until the next step.
struct NextStep {
    inner: Box<dyn VecEnv>,
    resetting: Vec<bool>,
    first: Vec<f32>,
}

impl VecEnv for NextStep {
    fn num_envs(&self) -> usize {
        self.inner.num_envs()
    }
    fn observation_space(&self) -> &Space {
        self.inner.observation_space()
    }
    fn action_space(&self) -> &Space {
        self.inner.action_space()
    }
    fn reset(&mut self, obs: &mut [f32]) {
        self.inner.reset(obs);
    }
    fn resetting(&self) -> &[bool] {
        &self.resetting
    }
    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        let d = self.inner.observation_space().width();
        let plays = |i: usize| active[i] && !self.resetting[i];
        let inner: Vec<bool> = (0..active.len()).map(plays).collect();
        self.inner.step(actions, &inner, rows);
        for i in (0..active.len()).filter(|&i| active[i]) {
            let row = i * d..(i + 1) * d;
            if self.resetting[i] {
                rows.obs[row.clone()].copy_from_slice(&self.first[row]);
                // What stands in the other columns means nothing.
                (rows.reward[i], rows.end[i]) = (f64::NAN, End::Terminated);
                self.resetting[i] = false;
            } else if rows.end[i].is_end() {
                self.first[row.clone()].copy_from_slice(&rows.obs[row.clone()]);
                rows.obs[row.clone()].copy_from_slice(&rows.final_obs[row]);
                self.resetting[i] = true;
            }
        }
    }
    fn save(&self) -> Vec<SlotState> {
        self.inner.save()
    }
    fn load(&mut self, slots: &[SlotState], obs: &[f32]) -> Result<(), EnvError> {
        self.inner.load(slots, obs)
    }
}

/// CartPole with such resets.
struct Factory;

impl Factory {
    fn inner(&self) -> &'static dyn EnvFactory {
        find("CartPole-v1").unwrap()
    }
}

impl EnvFactory for Factory {
    fn id(&self) -> &str {
        "next-step"
    }
    fn default_time_limit(&self) -> Option<u32> {
        // Truncation must be seen, too.
        Some(30)
    }
    fn observation_space(&self) -> Space {
        self.inner().observation_space()
    }
    fn action_space(&self) -> Space {
        self.inner().action_space()
    }
    fn batching(&self) -> Batching {
        Batching::Whole { evaluation: 3 }
    }
    fn has_reset_rows(&self) -> bool {
        true
    }
    fn make(&self, seed: u64, keys: EpisodeKeys, n: usize, s: &EnvSettings) -> Box<dyn VecEnv> {
        let inner = self.inner().make(seed, keys, n, s);
        let width = n * inner.observation_space().width();
        Box::new(NextStep { inner, resetting: vec![false; n], first: vec![0.0; width] })
    }
}

const N: usize = 4;
const SETTINGS: EnvSettings = EnvSettings { time_limit: Some(30), frame_skip: 1 };

/// A transition, as bits.
#[derive(Debug, PartialEq)]
struct Row {
    obs: Vec<u32>,
    action: u32,
    reward: u32,
    end: End,
    time: u32,
    value: u32,
    next_value: u32,
}

struct Rolled {
    /// Transitions of each environment.
    rows: [Vec<Row>; N],
    sums: Vec<u64>,
    finished: usize,
    invalid: usize,
}

fn roll(config: &Config, env: &dyn EnvFactory, plan: Plan) -> Rolled {
    let (model, shard) = shards::collect(config, env, N, &SETTINGS, plan);
    let r = &shard.rollout;
    let mut rows: [Vec<Row>; N] = Default::default();
    for k in (0..r.rows()).filter(|&k| r.valid[k]) {
        let ActionRow { discrete, .. } = r.action(k);
        let mut obs = vec![0.0; model.obs_width()];
        r.inputs(k..k + 1).fill(&mut obs);
        rows[k % N].push(Row {
            obs: obs.iter().map(|x| x.to_bits()).collect(),
            action: discrete[0],
            reward: r.reward[k].to_bits(),
            end: r.end[k],
            time: r.time[k],
            value: r.value[k].to_bits(),
            // What follows a terminal step is never read.
            next_value: match r.end[k] {
                End::Terminated => 0,
                _ => r.next_value[k].to_bits(),
            },
        });
    }
    Rolled {
        rows,
        sums: shard.obs_square.iter().map(|x| x.to_bits()).collect(),
        finished: shard.episodes.len(),
        invalid: r.valid.iter().filter(|valid| !**valid).count(),
    }
}

#[test]
fn the_transitions_are_those_of_the_same_environment_without_such_rows() {
    configs().iter().for_each(same_transitions);
}

fn same_transitions(config: &Config) {
    let at_once = roll(config, Factory.inner(), Plan::Steps(200));
    let own_row = roll(config, &Factory, Plan::Steps(200));
    assert!(own_row.invalid > 10, "{} rows of resets", own_row.invalid);
    let ends = |end| own_row.rows.iter().flatten().filter(|row| row.end == end).count();
    assert!(ends(End::Terminated) > 3 && ends(End::Truncated) > 3);
    for (own, other) in own_row.rows.iter().zip(&at_once.rows) {
        // The last row bootstraps from what follows the rollout, which is the same state only if
        // it follows at once.
        let n = own.len();
        assert_eq!(own[..n - 1], other[..n - 1]);
        assert!(n < other.len());
    }
}

#[test]
fn whole_episodes_are_the_same_bit_for_bit() {
    let plan = Plan::Episodes { quota: 3, longest: 30 };
    for config in &configs() {
        let at_once = roll(config, Factory.inner(), plan);
        let own_row = roll(config, &Factory, plan.with_resets(true));
        assert_eq!((own_row.finished, at_once.finished), (3 * N, 3 * N));
        assert_eq!(own_row.rows, at_once.rows);
        assert_eq!(own_row.sums, at_once.sums);
    }
}

/// Parameters differ in their last bits, for a sum over rows runs in another order.
#[test]
fn stacks_and_previous_actions_begin_anew_behind_them() {
    let plan = Plan::Episodes { quota: 3, longest: 30 };
    let told = |env| WithPrevious::new(env, true, true);
    for mut config in configs() {
        config.env.frame_stack = 3;
        let at_once = roll(&config, &told(Factory.inner()), plan);
        let own_row = roll(&config, &told(&Factory), plan.with_resets(true));
        // Three frames of four numbers, two choices and a reward.
        assert_eq!(own_row.rows[0][0].obs.len(), 3 * (4 + 2 + 1));
        assert_eq!(own_row.rows, at_once.rows);
        assert_eq!(own_row.sums, at_once.sums);
    }
}

#[test]
fn training_and_evaluation_leave_them_out() {
    let mut config = Config::preset("next-step", "reinforce").unwrap();
    config.memory = configs()[1].memory.clone();
    (config.env.num_envs, config.env.time_limit) = (N, Some(30));
    config.rollout.episodes = 2 * N;
    let train = |env: &dyn EnvFactory| {
        let mut trainer = Trainer::with_env(&config, env, Runtime::default()).unwrap();
        trainer.update().unwrap();
        trainer
    };
    let (own, other) = (train(&Factory), train(Factory.inner()));
    assert_eq!(own.counters(), other.counters());
    let (policy, pool) = (own.policy(), Pool::new(1));
    let options = EvalOptions { episodes: 10, ..EvalOptions::default() };
    let played = |env| evaluate(&policy, env, options, &pool).unwrap().returns;
    assert_eq!(played(&Factory), played(Factory.inner()));
}
