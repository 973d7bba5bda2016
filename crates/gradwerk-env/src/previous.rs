//! The previous action and reward as part of the observation: all that a policy without memory
//! needs to know of what it did.

use crate::probe::ProbeSolution;
use crate::{
    Actions, Batching, EnvError, EnvFactory, EnvSettings, EpisodeKeys, Mdp, SlotState, Space,
    StepRows, VecEnv,
};
use std::ops::Range;
use std::sync::Arc;

/// An environment whose observations tell what was done last and what it brought.
///
/// An observation is a `Dict`: `observation`, that of the environment itself; `choices`, the
/// discrete components of the previous action, one-hot; `values`, its continuous ones as the
/// environment received them; `reward`, raw and summed over skipped frames. All but the first are 0
/// at the start of an episode, and what the space or the switches do not ask for is left out.
#[derive(Clone, Copy)]
pub struct WithPrevious<'a> {
    env: &'a dyn EnvFactory,
    action: bool,
    reward: bool,
}

impl<'a> WithPrevious<'a> {
    /// `env` with the previous `action`, the previous `reward`, or both; with neither it is as it
    /// was.
    #[must_use]
    pub fn new(env: &'a dyn EnvFactory, action: bool, reward: bool) -> Self {
        Self { env, action, reward }
    }

    /// Whether anything is added.
    fn adds(&self) -> bool {
        self.action || self.reward
    }

    fn space(&self, observation: Space, action: &Space) -> Space {
        let choices: usize = if self.action { action.choices().iter().sum() } else { 0 };
        let (mut low, mut high) = action.action_bounds();
        low.iter_mut().for_each(|bound| *bound = bound.min(0.0));
        high.iter_mut().for_each(|bound| *bound = bound.max(0.0));
        let unbounded = Space::uniform_box(1, f32::NEG_INFINITY, f32::INFINITY);
        let entries = [
            (true, "observation", observation),
            (choices > 0, "choices", Space::MultiBinary { n: choices }),
            (self.action && !low.is_empty(), "values", Space::Box { low, high }),
            (self.reward, "reward", unbounded),
        ];
        let wanted = entries.into_iter().filter(|(wanted, _, _)| *wanted);
        Space::Dict(wanted.map(|(_, name, space)| (name.into(), space)).collect())
    }
}

impl EnvFactory for WithPrevious<'_> {
    crate::forward_factory!();

    fn solved_at(&self) -> Option<f64> {
        self.env.solved_at()
    }
    fn observation_space(&self) -> Space {
        let own = self.env.observation_space();
        if self.adds() { self.space(own, &self.env.action_space()) } else { own }
    }
    fn batching(&self) -> Batching {
        self.env.batching()
    }
    fn takes_options(&self) -> bool {
        self.env.takes_options()
    }
    /// None where something is added: the words are about other observations.
    fn interface(&self) -> Option<String> {
        if self.adds() { None } else { self.env.interface() }
    }
    /// None where something is added: the solution is about other observations.
    fn solution(&self, discount: f64) -> Option<ProbeSolution> {
        if self.adds() { None } else { self.env.solution(discount) }
    }
    /// As [`EnvFactory::solution`].
    fn mdp(&self) -> Option<&Arc<Mdp>> {
        if self.adds() { None } else { self.env.mdp() }
    }
    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv> {
        let inner = self.env.make(seed, keys, num_envs, settings);
        if !self.adds() {
            return inner;
        }
        let space = self.space(inner.observation_space().clone(), inner.action_space());
        Box::new(PreviousBatch::new(inner, space, (self.action, self.reward)))
    }
}

/// A batch of such an environment. Its state is that of the batch inside: what is added lies in
/// the observation itself.
struct PreviousBatch {
    inner: Box<dyn VecEnv>,
    space: Space,
    /// Number of values of each discrete component.
    choices: Vec<usize>,
    action: bool,
    reward: bool,
    /// Entries of an observation of the environment itself, and of one here.
    widths: (usize, usize),
    /// Lengths of the discrete and the continuous part of an action row.
    action_widths: (usize, usize),
    /// Slots whose step is only a reset, or was lost.
    reset_rows: Vec<bool>,
    /// Observations without what is added.
    obs: Vec<f32>,
    final_obs: Vec<f32>,
}

impl PreviousBatch {
    fn new(inner: Box<dyn VecEnv>, space: Space, (action, reward): (bool, bool)) -> Self {
        let own = inner.observation_space().width();
        let entries = inner.num_envs() * own;
        Self {
            choices: inner.action_space().choices(),
            widths: (own, space.width()),
            action_widths: inner.action_space().action_widths(),
            space,
            action,
            reward,
            reset_rows: Vec::with_capacity(inner.num_envs()),
            obs: vec![0.0; entries],
            final_obs: vec![0.0; entries],
            inner,
        }
    }

    /// Where the observation of slot `i` lies inside, and its row.
    fn ranges(&self, i: usize) -> (Range<usize>, Range<usize>) {
        let (own, width) = self.widths;
        (i * own..(i + 1) * own, i * width..(i + 1) * width)
    }

    /// Show a slot that begins an episode.
    fn begin(&self, i: usize, obs: &mut [f32]) {
        let (own, row) = self.ranges(i);
        obs[row.clone()].fill(0.0);
        obs[row][..own.len()].copy_from_slice(&self.obs[own]);
    }

    /// Show what followed the action of a slot.
    fn show(&self, i: usize, actions: Actions<'_>, rows: &mut StepRows<'_>) {
        let (own, row) = self.ranges(i);
        let (seen, after) = if rows.end[i].is_end() {
            self.begin(i, rows.obs);
            (&self.final_obs[own], &mut rows.final_obs[row])
        } else {
            (&self.obs[own], &mut rows.obs[row])
        };
        let (observation, added) = after.split_at_mut(seen.len());
        observation.copy_from_slice(seen);
        let action = actions.row(i, self.action_widths);
        self.tell(action.discrete, action.continuous, rows.reward[i], added);
    }

    /// Write what was done and what it brought.
    fn tell(&self, discrete: &[u32], continuous: &[f32], reward: f64, mut out: &mut [f32]) {
        out.fill(0.0);
        if self.action {
            for (&choice, &n) in discrete.iter().zip(&self.choices) {
                out[choice as usize] = 1.0;
                out = &mut out[n..];
            }
            out[..continuous.len()].copy_from_slice(continuous);
        }
        if let (true, Some(last)) = (self.reward, out.last_mut()) {
            *last = reward as f32;
        }
    }
}

impl VecEnv for PreviousBatch {
    crate::forward_batch!();

    fn observation_space(&self) -> &Space {
        &self.space
    }
    fn reset(&mut self, obs: &mut [f32]) {
        self.inner.reset(&mut self.obs);
        (0..self.num_envs()).for_each(|i| self.begin(i, obs));
    }
    fn begin_round(&mut self, obs: &mut [f32]) {
        self.inner.begin_round(&mut self.obs);
        (0..self.num_envs()).for_each(|i| self.begin(i, obs));
    }

    fn step(&mut self, actions: Actions<'_>, active: &[bool], rows: &mut StepRows<'_>) {
        self.reset_rows.clear();
        self.reset_rows.extend_from_slice(self.inner.resetting());
        let mut inner = StepRows {
            obs: &mut self.obs,
            reward: &mut *rows.reward,
            end: &mut *rows.end,
            final_obs: &mut self.final_obs,
        };
        self.inner.step(actions, active, &mut inner);
        self.reset_rows.resize(active.len(), false);
        let lost = self.inner.lost().iter();
        self.reset_rows.iter_mut().zip(lost).for_each(|(reset, lost)| *reset |= lost);
        for i in (0..active.len()).filter(|&i| active[i]) {
            if self.reset_rows[i] {
                self.begin(i, rows.obs);
            } else {
                self.show(i, actions, rows);
            }
        }
    }

    fn take_failure(&mut self) -> Option<EnvError> {
        self.inner.take_failure()
    }
    fn load(&mut self, slots: &[SlotState], obs: &[f32]) -> Result<(), EnvError> {
        let (own, width) = self.widths;
        let rows = obs.chunks(width).flat_map(|row| &row[..own.min(row.len())]);
        let inner: Vec<f32> = rows.copied().collect();
        self.inner.load(slots, &inner)?;
        self.obs = inner;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{End, check_env, find};

    fn added(id: &str, action: bool, reward: bool) -> WithPrevious<'static> {
        WithPrevious::new(find(id).unwrap(), action, reward)
    }

    #[test]
    fn the_checker_finds_nothing() {
        for id in [
            "CartPole-v1",
            "Pendulum-v1",
            "FrozenLake-v1",
            "probe/masked",
            "probe/hybrid",
            "probe/pixel",
        ] {
            for (action, reward) in [(true, false), (false, true), (true, true), (false, false)] {
                let env = added(id, action, reward);
                let report = check_env(&env, &env.default_settings(), 1);
                assert!(report.passed(), "{id}: {report}");
            }
        }
    }

    /// An environment that stands on a simulator which is not there.
    struct Outside;

    impl EnvFactory for Outside {
        fn id(&self) -> &'static str {
            "outside"
        }
        fn default_time_limit(&self) -> Option<u32> {
            None
        }
        fn observation_space(&self) -> Space {
            Space::uniform_box(1, -1.0, 1.0)
        }
        fn action_space(&self) -> Space {
            Space::Discrete { n: 2 }
        }
        fn ready(&self) -> Result<(), EnvError> {
            Err(EnvError("the simulator is missing".into()))
        }
        fn simulator(&self) -> Option<String> {
            Some("Simulator 1".into())
        }
        fn make(&self, _: u64, _: EpisodeKeys, _: usize, _: &EnvSettings) -> Box<dyn VecEnv> {
            unreachable!("it is not ready")
        }
    }

    #[test]
    fn what_stands_outside_is_passed_on() {
        for adds in [false, true] {
            let env = WithPrevious::new(&Outside, adds, adds);
            assert_eq!(env.ready().unwrap_err().to_string(), "the simulator is missing");
            assert_eq!(env.simulator().as_deref(), Some("Simulator 1"));
        }
    }

    #[test]
    fn spaces_have_an_entry_for_everything() {
        let text = |id, action, reward| added(id, action, reward).observation_space().to_string();
        assert_eq!(
            text("CartPole-v1", true, true),
            "Dict(observation: Box(4), choices: MultiBinary(2), reward: Box(1))"
        );
        assert_eq!(text("Pendulum-v1", true, false), "Dict(observation: Box(3), values: Box(1))");
        assert_eq!(
            text("FrozenLake-v1", false, true),
            "Dict(observation: Discrete(16), reward: Box(1))"
        );
        assert_eq!(
            text("probe/pixel", true, true),
            "Dict(observation: Image(1x4x4), choices: MultiBinary(2), reward: Box(1))"
        );
        assert_eq!(text("Pendulum-v1", false, false), "Box(3)");
    }

    /// In CartPole every step is worth 1; pushing left for ever makes the pole fall.
    #[test]
    fn what_was_done_is_seen_and_forgotten_with_the_episode() {
        let env = added("CartPole-v1", true, true);
        let keys = EpisodeKeys::Training { first: 0 };
        let mut batch = env.make(1, keys, 2, &env.default_settings());
        let (mut obs, mut final_obs) = (vec![9.0; 14], vec![9.0; 14]);
        let (mut reward, mut end) = ([0.0; 2], [End::Continue; 2]);
        batch.reset(&mut obs);
        assert_eq!((&obs[4..7], &obs[11..]), (&[0.0; 3][..], &[0.0; 3][..]));
        let mut steps = 0;
        while !end[1].is_end() {
            let mut rows = StepRows {
                obs: &mut obs,
                reward: &mut reward,
                end: &mut end,
                final_obs: &mut final_obs,
            };
            let actions = Actions { discrete: &[1, 0], continuous: &[] };
            batch.step(actions, &[steps == 0, true], &mut rows);
            steps += 1;
            assert_eq!(obs[4..7], [0.0, 1.0, 1.0], "right, once");
            let expected = if end[1].is_end() { [0.0; 3] } else { [1.0, 0.0, 1.0] };
            assert_eq!(obs[11..], expected, "left, again and again");
        }
        assert_eq!(final_obs[11..], [1.0, 0.0, 1.0]);
        assert!(final_obs[9].abs() > 0.2, "the pole's angle at the end");
        assert_eq!(final_obs[..7], [9.0; 7], "nothing of the other slot");
    }
}
