//! The columns of one rollout, time-major: index `t * n + i` for step `t` of environment `i`.

use crate::dist::{ActionRow, ActionRowMut, ActionRowsMut};
use crate::frame::Frame;
use gradwerk_env::End;
use gradwerk_math::Real;
use std::ops::Range;

mod inputs;

pub use inputs::Inputs;

/// Experience of `n` environments over `t` steps, in the shapes `[T, N]` and `[T, N, d]`.
///
/// A row with `valid == false` is not a transition: it enters no loss, normaliser or count.
#[derive(Clone, Debug, Default)]
pub struct Rollout<E> {
    /// Steps per environment, T.
    pub t: usize,
    /// Environments, N.
    pub n: usize,
    /// Frames of each environment that are kept from before the rollout: one less than networks
    /// see at once.
    pub earlier: usize,
    /// What is kept of an encoded observation, and how networks see it.
    pub frame: Frame,
    /// Numbers of an encoded observation in `obs`; 0 of an image.
    pub obs_width: usize,
    /// Bytes of its images in `pixels`; 0 without one.
    pub pixel_width: usize,
    /// Discrete components of an action.
    pub discrete_width: usize,
    /// Continuous components of an action.
    pub continuous_width: usize,
    /// Entries of an action mask; 0 where the environment has none.
    pub mask_width: usize,
    /// Numbers that the networks remember; 0 without memory.
    pub memory_width: usize,
    /// Encoded observations (normalised, or one-hot) without their images, `[earlier + T, N, d]`.
    /// Every frame lies here once, whatever the number of them that a network sees.
    pub obs: Vec<E>,
    /// Their images one after the other, `[earlier + T, N, pixel_width]`.
    pub pixels: Vec<u8>,
    /// Discrete action components as sampled.
    pub discrete: Vec<u32>,
    /// Which values of the discrete components were valid, `[T, N, mask_width]`.
    pub mask: Vec<bool>,
    /// What the networks remembered before each step, `[T, N, memory_width]`: any row can begin a
    /// sequence.
    pub memory: Vec<E>,
    /// Continuous action components as sampled, before they are taken to the action space.
    pub continuous: Vec<E>,
    /// `log mu(a_t|s_t)` of the policy that acted.
    pub log_prob: Vec<E>,
    /// Rewards, after scaling.
    pub reward: Vec<E>,
    /// What followed each step.
    pub end: Vec<End>,
    /// Whether the row is a transition.
    pub valid: Vec<bool>,
    /// Steps since the episode began.
    pub time: Vec<u32>,
    /// `V(s_t)`.
    pub value: Vec<E>,
    /// `V(s_{t+1})`; of the final observation where the episode was truncated.
    pub next_value: Vec<E>,
}

impl<E: Real> Rollout<E> {
    /// Memory for up to `t` steps of `n` environments.
    #[must_use]
    pub fn new(t: usize, n: usize, obs: usize, discrete: usize, continuous: usize) -> Self {
        let mut rollout = Self {
            n,
            frame: Frame::new(obs, &[]),
            obs_width: obs,
            discrete_width: discrete,
            continuous_width: continuous,
            ..Self::default()
        };
        rollout.set_len(t);
        rollout
    }

    /// With room for observations that are kept like this.
    #[must_use]
    pub fn with_frame(mut self, frame: Frame) -> Self {
        (self.obs_width, self.pixel_width) = (frame.numbers(), frame.pixels());
        self.frame = frame;
        self.set_len(self.t);
        self
    }

    /// With a column of action masks of so many entries each.
    #[must_use]
    pub fn with_masks(mut self, mask_width: usize) -> Self {
        self.mask_width = mask_width;
        self.set_len(self.t);
        self
    }

    /// With a column of memories of so many numbers each.
    #[must_use]
    pub fn with_memory(mut self, memory_width: usize) -> Self {
        self.memory_width = memory_width;
        self.set_len(self.t);
        self
    }

    /// With room for so many frames of each environment from before the rollout.
    #[must_use]
    pub fn with_earlier(mut self, frames: usize) -> Self {
        self.earlier = frames;
        self.set_len(self.t);
        self
    }

    /// Make the columns `t` steps long; allocates only when longer than ever before.
    pub fn set_len(&mut self, t: usize) {
        let (rows, frames) = (t * self.n, (self.earlier + t) * self.n);
        self.t = t;
        self.obs.resize(frames * self.obs_width, E::ZERO);
        self.pixels.resize(frames * self.pixel_width, 0);
        self.discrete.resize(rows * self.discrete_width, 0);
        self.continuous.resize(rows * self.continuous_width, E::ZERO);
        self.mask.resize(rows * self.mask_width, true);
        self.memory.resize(rows * self.memory_width, E::ZERO);
        for column in [&mut self.log_prob, &mut self.reward, &mut self.value, &mut self.next_value]
        {
            column.resize(rows, E::ZERO);
        }
        self.end.resize(rows, End::Continue);
        self.valid.resize(rows, false);
        self.time.resize(rows, 0);
    }

    /// Number of rows, valid or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.t * self.n
    }

    /// List the rows that are transitions: in the order of time, or environment by environment if
    /// there are memories, since a sequence is what one of them lived through.
    pub fn list_valid(&self, rows: &mut Vec<u32>) {
        let (t, n) = (self.t as u32, self.n as u32);
        let is_valid = |row: &u32| self.valid[*row as usize];
        rows.clear();
        if self.memory_width == 0 {
            rows.extend((0..t * n).filter(is_valid));
        } else {
            let of_env = |i: u32| (0..t).map(move |t| t * n + i);
            rows.extend((0..n).flat_map(of_env).filter(is_valid));
        }
    }

    /// The two factors that say how an episode ended, `[T, N]` each, overwriting the vectors:
    /// `discount` is `gamma`, but 0 where the episode terminated; `carry` is 1, but 0 where it
    /// ended at all (see [`crate::estimate::Steps`]).
    pub fn end_factors(&self, gamma: E, discount: &mut Vec<E>, carry: &mut Vec<E>) {
        let factor = |zero: bool, otherwise: E| if zero { E::ZERO } else { otherwise };
        discount.clear();
        discount.extend(self.end.iter().map(|&end| factor(end == End::Terminated, gamma)));
        carry.clear();
        carry.extend(self.end.iter().map(|end| factor(end.is_end(), E::ONE)));
    }

    /// The action of one row.
    #[must_use]
    pub fn action(&self, row: usize) -> ActionRow<'_, E> {
        let (d, c) = (self.discrete_width, self.continuous_width);
        ActionRow {
            discrete: &self.discrete[row * d..(row + 1) * d],
            continuous: &self.continuous[row * c..(row + 1) * c],
        }
    }

    /// The action mask of one row; empty without masks.
    #[must_use]
    pub fn mask_of(&self, row: usize) -> &[bool] {
        &self.mask[row * self.mask_width..(row + 1) * self.mask_width]
    }

    /// The memory before one row; empty without memory.
    #[must_use]
    pub fn memory_of(&self, row: usize) -> &[E] {
        &self.memory[row * self.memory_width..(row + 1) * self.memory_width]
    }

    /// The action of one row, to be written.
    pub fn action_mut(&mut self, row: usize) -> ActionRowMut<'_, E> {
        let (d, c) = (self.discrete_width, self.continuous_width);
        ActionRowMut {
            discrete: &mut self.discrete[row * d..(row + 1) * d],
            continuous: &mut self.continuous[row * c..(row + 1) * c],
        }
    }

    /// Actions and log-probabilities of some rows, to be written.
    pub(crate) fn sampled_mut(&mut self, rows: Range<usize>) -> (ActionRowsMut<'_, E>, &mut [E]) {
        let (d, c) = (self.discrete_width, self.continuous_width);
        let actions = ActionRowsMut {
            discrete: &mut self.discrete[rows.start * d..rows.end * d],
            continuous: &mut self.continuous[rows.start * c..rows.end * c],
        };
        (actions, &mut self.log_prob[rows])
    }

    /// Copy the rollout of environments `first..first + part.n` into its columns of this one.
    pub fn copy_columns(&mut self, first: usize, part: &Self) {
        let (to, from) = (self.n, part.n);
        let copy = move |t: usize, w: usize| {
            let to = t * to + first;
            (to * w..(to + from) * w, t * from * w..(t + 1) * from * w)
        };
        for t in 0..part.earlier + part.t {
            let (a, b) = copy(t, self.obs_width);
            self.obs[a].copy_from_slice(&part.obs[b]);
            let (a, b) = copy(t, self.pixel_width);
            self.pixels[a].copy_from_slice(&part.pixels[b]);
        }
        for t in 0..part.t {
            let copy = |w: usize| copy(t, w);
            let (a, b) = copy(self.discrete_width);
            self.discrete[a].copy_from_slice(&part.discrete[b]);
            let (a, b) = copy(self.continuous_width);
            self.continuous[a].copy_from_slice(&part.continuous[b]);
            let (a, b) = copy(self.mask_width);
            self.mask[a].copy_from_slice(&part.mask[b]);
            let (a, b) = copy(self.memory_width);
            self.memory[a].copy_from_slice(&part.memory[b]);
            let (a, b) = copy(1);
            self.log_prob[a.clone()].copy_from_slice(&part.log_prob[b.clone()]);
            self.reward[a.clone()].copy_from_slice(&part.reward[b.clone()]);
            self.value[a.clone()].copy_from_slice(&part.value[b.clone()]);
            self.next_value[a.clone()].copy_from_slice(&part.next_value[b.clone()]);
            self.end[a.clone()].copy_from_slice(&part.end[b.clone()]);
            self.valid[a.clone()].copy_from_slice(&part.valid[b.clone()]);
            self.time[a].copy_from_slice(&part.time[b]);
        }
        for t in part.t..self.t {
            let rows = t * self.n + first..t * self.n + first + part.n;
            self.valid[rows].fill(false);
        }
    }
}
