//! Columns of copies do, bit for bit, what copies stepped one after another do.

use gradwerk_env::classic::{Acrobot, CartPole};
use gradwerk_env::columns::{ColumnBatch, Columnar, LANES};
use gradwerk_env::{Actions, End, EnvBatch, EnvSettings, EpisodeKeys, Space, StepRows, VecEnv};
use gradwerk_math::{Purpose, Stream};
use std::sync::Arc;

const TRAINING: EpisodeKeys = EpisodeKeys::Training { first: 3 };

/// A batch and its rows, which begin as NaN so that an untouched row shows.
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
            obs: vec![f32::NAN; n * d],
            final_obs: vec![f32::NAN; n * d],
            reward: vec![f64::NAN; n],
            end: vec![End::Continue; n],
        };
        player.env.reset(&mut player.obs);
        player
    }

    fn step(&mut self, actions: Actions<'_>, active: &[bool]) {
        let mut rows = StepRows {
            obs: &mut self.obs,
            reward: &mut self.reward,
            end: &mut self.end,
            final_obs: &mut self.final_obs,
        };
        self.env.step(actions, active, &mut rows);
    }

    /// All bits that it shows.
    fn bits(&self) -> Vec<u64> {
        let obs = self.obs.iter().chain(&self.final_obs).map(|x| u64::from(x.to_bits()));
        let rewards = self.reward.iter().map(|x| x.to_bits());
        obs.chain(rewards).chain(self.end.iter().map(|&end| end as u64)).collect()
    }
}

/// Random actions for `n` slots.
fn actions(space: &Space, n: usize, rng: &mut Stream) -> (Vec<u32>, Vec<f32>) {
    match space {
        Space::Discrete { n: choices } => {
            ((0..n).map(|_| rng.below(*choices as u32)).collect(), vec![])
        }
        // Beyond the bounds, which the environment clips.
        Space::Box { .. } => (vec![], (0..n).map(|_| 6.0 * rng.uniform() - 3.0).collect()),
        other => unreachable!("no environment in columns takes {other}"),
    }
}

fn scalar<E: Columnar<N>, const N: usize>(n: usize, settings: &EnvSettings) -> Player {
    Player::new(Box::new(EnvBatch::new(Arc::new(E::default), 9, TRAINING, n, settings)))
}

fn columns<E: Columnar<N>, const N: usize>(n: usize, settings: &EnvSettings) -> Player {
    Player::new(Box::new(ColumnBatch::<E, N>::new(9, TRAINING, n, settings)))
}

/// `steps` random steps of both; `rest` in 8 slots sit each one out. How many episodes ended how.
fn compare(one: &mut Player, other: &mut Player, steps: u64, rest: u32) -> (usize, usize) {
    let n = one.env.num_envs();
    let space = one.env.action_space().clone();
    let (mut terminated, mut truncated) = (0, 0);
    assert_eq!(one.bits(), other.bits(), "first observations of {n} slots");
    for t in 0..steps {
        let mut rng = Stream::new(2, Purpose::Test, n as u64, t);
        let (discrete, continuous) = actions(&space, n, &mut rng);
        let active: Vec<bool> = (0..n).map(|_| rng.below(8) >= rest).collect();
        for player in [&mut *one, &mut *other] {
            player.step(Actions { discrete: &discrete, continuous: &continuous }, &active);
        }
        assert_eq!(one.bits(), other.bits(), "{n} slots, step {t}");
        let ends = |end| (0..n).filter(|&i| active[i] && one.end[i] == end).count();
        terminated += ends(End::Terminated);
        truncated += ends(End::Truncated);
    }
    assert_eq!(one.env.save(), other.env.save(), "{n} slots");
    (terminated, truncated)
}

/// Whole and partly filled blocks, resting slots, time limits, frame skip.
fn agree<E: Columnar<N>, const N: usize>(terminates: bool) {
    let limits = [Some(17), None];
    for n in [1, LANES - 1, LANES, LANES + 1, 2 * LANES + 5] {
        for (frame_skip, limit, rest) in [(1, limits[0], 0), (1, limits[1], 3), (4, limits[0], 2)] {
            let settings = EnvSettings { time_limit: limit, frame_skip };
            let (mut one, mut other) =
                (scalar::<E, N>(n, &settings), columns::<E, N>(n, &settings));
            let (terminated, truncated) = compare(&mut one, &mut other, 400, rest);
            assert!(truncated > 0 || limit.is_none(), "{n} slots: no time limit met");
            assert!(terminated > 0 || limit.is_some() || !terminates, "{n} slots: no termination");
        }
    }
}

#[test]
fn cart_pole_in_columns_has_the_bits_of_its_scalar_twin() {
    agree::<CartPole, 4>(true);
}

#[test]
fn acrobot_in_columns_has_the_bits_of_its_scalar_twin() {
    agree::<Acrobot, 4>(false);
}

/// The columns go on from where the scalar twin was saved, and the other way round.
fn change_places<E: Columnar<N>, const N: usize>() {
    let settings = EnvSettings { time_limit: Some(60), frame_skip: 1 };
    let n = LANES + 3;
    let (mut one, mut other) = (scalar::<E, N>(n, &settings), columns::<E, N>(n, &settings));
    compare(&mut one, &mut other, 100, 1);
    let (state, obs) = (other.env.save(), other.obs.clone());
    one.env.load(&state, &obs).unwrap();
    other.env.load(&state, &obs).unwrap();
    compare(&mut one, &mut other, 100, 1);
}

#[test]
fn states_are_interchangeable() {
    change_places::<CartPole, 4>();
    change_places::<Acrobot, 4>();
}

#[test]
fn foreign_states_change_nothing() {
    let settings = EnvSettings { time_limit: None, frame_skip: 1 };
    let mut player = columns::<CartPole, 4>(3, &settings);
    let before = player.env.save();
    let mut refused = |change: &dyn Fn(&mut Vec<gradwerk_env::SlotState>)| {
        let mut state = before.clone();
        change(&mut state);
        let error = player.env.load(&state, &player.obs).unwrap_err().to_string();
        assert_eq!(player.env.save(), before, "{error}");
        error
    };
    let error = refused(&|s| s.truncate(2));
    assert_eq!(error, "the state has 2 slots and 12 observation entries, expected 3 and 12");
    let error = refused(&|s| s[1].snapshot = Some(vec![0; 5]));
    assert_eq!(error, "slot 1, episode 0: a snapshot of 5 bytes, expected 32");
    let error = refused(&|s| s[2].snapshot = None);
    assert_eq!(error, "slot 2, episode 0: the state has no snapshot");
}

#[test]
#[should_panic(expected = "slot 1: action 2, expected one of 0..2")]
fn an_action_outside_its_space_is_refused() {
    let settings = EnvSettings { time_limit: None, frame_skip: 1 };
    let mut player = columns::<CartPole, 4>(2, &settings);
    player.step(Actions { discrete: &[0, 2], continuous: &[] }, &[true; 2]);
}
