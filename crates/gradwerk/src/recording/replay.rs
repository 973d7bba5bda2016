//! A recording as the rollout of every update: the seam at which learning from data replaces
//! collecting it.

use super::{Recording, file};
use crate::Error;
use crate::encode::Encoder;
use crate::model::{Inference, Model, Weights};
use crate::normalize::{Moments, ObsMap};
use crate::rollout::{Inputs, Rollout};
use gradwerk_env::End;
use gradwerk_math::Kernel;

/// A recording that is learned from: episode `i` is environment `i` of a rollout `[T, N]`, as
/// long as the longest one; the rest of the shorter ones is not valid.
pub(crate) struct Replay {
    recording: Recording,
    digest: String,
    inference: Inference<f32>,
    /// Encoded final observations of the truncated episodes, stacked frame by frame, without their
    /// images.
    final_obs: Vec<f32>,
    /// The images.
    final_pixels: Vec<u8>,
    /// The rows that they follow.
    final_row: Vec<usize>,
    final_value: Vec<f32>,
    /// What is remembered before them.
    final_memory: Vec<f32>,
    lived: Lived,
}

/// Where the networks' memories stand while a recording is lived through again.
#[derive(Default)]
struct Lived {
    /// `[N, memory_width]`.
    memory: Vec<f32>,
    heads: Vec<f32>,
    value: Vec<f32>,
}

impl Replay {
    /// Learn from `recording`.
    ///
    /// # Errors
    /// None in practice: the digest is taken over a checked state.
    pub fn new(recording: Recording, model: &Model<f32>, kernel: Kernel) -> Result<Self, Error> {
        let digest = file::state(&recording)?.sha256();
        let inference = Inference::new(model, kernel);
        Ok(Self {
            recording,
            digest,
            inference,
            final_obs: Vec::new(),
            final_pixels: Vec::new(),
            final_row: Vec::new(),
            final_value: Vec::new(),
            final_memory: Vec::new(),
            lived: Lived::default(),
        })
    }

    /// SHA-256 of what is recorded.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What messages call the recording.
    pub fn name(&self) -> String {
        self.recording.name()
    }

    /// Number of episodes.
    pub fn episodes(&self) -> usize {
        self.recording.episodes()
    }

    /// T and N of the rollout.
    pub fn shape(&self) -> (usize, usize) {
        let longest = self.recording.episodes.iter().map(ExactSizeIterator::len).max();
        (longest.unwrap_or(0), self.episodes())
    }

    /// Moments of the numbers that are kept of all observations; of indices and bits 0.
    pub fn moments(&self, encoder: &Encoder) -> Moments {
        let (r, raw, d) = (&self.recording, encoder.raw_width(), encoder.columns().0);
        let (mut shift, mut sum, mut square) = (vec![0.0; d], vec![0.0; d], vec![0.0; d]);
        encoder.for_vectors(&mut |from, first, width| {
            for (shift, &x) in shift[first..].iter_mut().zip(&r.obs[from..from + width]) {
                *shift = f64::from(x);
            }
            for row in r.obs.chunks_exact(raw) {
                for (k, &x) in row[from..from + width].iter().enumerate() {
                    let deviation = f64::from(x) - shift[first + k];
                    sum[first + k] += deviation;
                    square[first + k] += deviation * deviation;
                }
            }
        });
        let mut moments = Moments::new(d);
        moments.merge_shifted(r.rows() as f64, &shift, &sum, &square);
        moments
    }

    /// Write all columns but the values.
    pub fn fill(&mut self, encoder: &Encoder, map: &ObsMap, rollout: &mut Rollout<f32>) {
        let (t, n) = self.shape();
        rollout.set_len(t);
        rollout.valid.fill(false);
        self.final_row.clear();
        for i in 0..n {
            for (time, from) in self.recording.episodes[i].clone().enumerate() {
                self.copy_row(from, time * n + i, time, encoder, map, rollout);
            }
        }
        self.stack_finals(encoder, map, rollout);
        let finals = self.final_row.len();
        self.final_value.resize(finals, 0.0);
        self.final_memory.resize(finals * rollout.memory_width, 0.0);
    }

    /// Encode the final observations, with the frames before them.
    fn stack_finals(&mut self, encoder: &Encoder, map: &ObsMap, rollout: &Rollout<f32>) {
        let (numbers, pixels) = (rollout.obs_width, rollout.pixel_width);
        let (before, n) = (rollout.earlier, rollout.n);
        let frames = self.final_row.len() * (before + 1);
        self.final_obs.resize(frames * numbers, 0.0);
        self.final_pixels.resize(frames * pixels, 0);
        let raw = self.recording.final_obs.chunks_exact(encoder.raw_width());
        for (k, (raw, row)) in raw.zip(&self.final_row).enumerate() {
            let cut = |width: usize| k * (before + 1) * width..(k + 1) * (before + 1) * width;
            let obs = &mut self.final_obs[cut(numbers)];
            let bytes = &mut self.final_pixels[cut(pixels)];
            let last = (&mut obs[before * numbers..], &mut bytes[before * pixels..]);
            encoder.store(map, raw, last.0, last.1);
            rollout.complete_stack((row + n, rollout.time[*row] + 1), obs, bytes);
        }
    }

    fn copy_row(
        &mut self,
        from: usize,
        to: usize,
        time: usize,
        encoder: &Encoder,
        map: &ObsMap,
        rollout: &mut Rollout<f32>,
    ) {
        let r = &self.recording;
        let (raw, (wd, wc)) = r.widths();
        let (numbers, pixels) = rollout.frames_mut(to..to + 1);
        encoder.store(map, &r.obs[from * raw..(from + 1) * raw], numbers, pixels);
        let action = rollout.action_mut(to);
        action.discrete.copy_from_slice(&r.discrete[from * wd..(from + 1) * wd]);
        action.continuous.copy_from_slice(&r.continuous[from * wc..(from + 1) * wc]);
        let wm = r.mask_width();
        rollout.mask[to * wm..(to + 1) * wm].copy_from_slice(&r.mask[from * wm..(from + 1) * wm]);
        rollout.log_prob[to] = r.log_mu.get(from).copied().unwrap_or(0.0);
        rollout.reward[to] = r.reward[from] as f32;
        rollout.end[to] = r.end[from];
        rollout.valid[to] = true;
        rollout.time[to] = time as u32;
        if r.end[from] == End::Truncated {
            self.final_row.push(to);
        }
    }

    /// Values of the present value function (0 without one), and memories of the present networks.
    pub fn evaluate(
        &mut self,
        model: &Model<f32>,
        weights: &Weights<f32>,
        rollout: &mut Rollout<f32>,
    ) {
        if rollout.memory_width > 0 {
            self.live_through(model, weights, rollout);
        }
        if !model.has_critic() {
            return;
        }
        if rollout.memory_width == 0 {
            let mut value = std::mem::take(&mut rollout.value);
            let seen = rollout.inputs(0..rollout.rows());
            self.inference.value(model, weights, seen, &mut [], &mut value);
            rollout.value = value;
        }
        let (frames, numbers) = (1 + rollout.earlier, &self.final_obs);
        let finals = Inputs::kept(&rollout.frame, frames, numbers, &self.final_pixels);
        let memory = &mut self.final_memory;
        self.inference.value(model, weights, finals, memory, &mut self.final_value);
        let last = rollout.rows() - rollout.n;
        rollout.next_value[..last].copy_from_slice(&rollout.value[rollout.n..]);
        rollout.next_value[last..].fill(0.0);
        for (&row, &value) in self.final_row.iter().zip(&self.final_value) {
            rollout.next_value[row] = value;
        }
    }

    /// Step by step through all episodes, as the present policy would remember them.
    fn live_through(
        &mut self,
        model: &Model<f32>,
        weights: &Weights<f32>,
        rollout: &mut Rollout<f32>,
    ) {
        let (n, width) = (rollout.n, rollout.memory_width);
        let Lived { memory, heads, value } = &mut self.lived;
        memory.clear();
        memory.resize(n * width, 0.0);
        heads.resize(n * model.head_width(), 0.0);
        value.resize(n, 0.0);
        for rows in (0..rollout.t).map(|t| t * n..(t + 1) * n) {
            rollout.memory[rows.start * width..rows.end * width].copy_from_slice(memory);
            let seen = rollout.inputs(rows.clone());
            self.inference.ask(model, weights, seen, memory, (heads, value));
            rollout.value[rows.clone()].copy_from_slice(value);
            let finals = self.final_row.iter().zip(self.final_memory.chunks_exact_mut(width));
            for (&row, after) in finals.filter(|(row, _)| rows.contains(row)) {
                let i = row - rows.start;
                after.copy_from_slice(&memory[i * width..(i + 1) * width]);
            }
        }
    }
}
