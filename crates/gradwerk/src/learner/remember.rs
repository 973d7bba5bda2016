//! Memories of the present parameters in a rollout of earlier ones (`memory.rebuild`).

use super::Learner;
use super::cutting::Cutting;
use crate::rollout::Rollout;
use gradwerk_nn::{Engine, Memory, TILE};

impl<E: Engine> Learner<E> {
    /// Forget what [`Learner::rebuild`] found: gradients begin from the rollout's own memories.
    pub fn end_passes(&mut self) {
        self.remembered.clear();
    }

    /// Live through `rollout` with the present parameters, from the memories before its first
    /// step: gradients begin from these memories until [`Learner::end_passes`]. Costs one forward
    /// pass on the calling thread; nothing happens unless the settings ask for it.
    pub fn rebuild(&mut self, rollout: &Rollout<E>) {
        if !self.model.rebuilds_memory() {
            return;
        }
        self.reserve(1);
        self.remembered.resize(rollout.memory.len(), E::ZERO);
        let most = Cutting::tile_rows(self.model.segment()).min(TILE);
        for first in (0..rollout.n).step_by(most) {
            self.rebuild_envs(rollout, first, most.min(rollout.n - first));
        }
    }

    fn rebuild_envs(&mut self, rollout: &Rollout<E>, first: usize, count: usize) {
        let width = rollout.memory_width;
        let before = &rollout.memory[first * width..(first + count) * width];
        self.chunks[0].memory[..count * width].copy_from_slice(before);
        for t in 0..rollout.t {
            let start = t * rollout.n + first;
            let chunk = &mut self.chunks[0];
            for (memory, row) in chunk.memory.chunks_exact_mut(width).zip(start..start + count) {
                if rollout.time[row] == 0 {
                    memory.fill(E::ZERO);
                }
            }
            self.remembered[start * width..(start + count) * width]
                .copy_from_slice(&chunk.memory[..count * width]);
            self.step_memory(rollout, start, count);
        }
    }

    /// Bring the memories of rows `start..start + count` one step further.
    fn step_memory(&mut self, rollout: &Rollout<E>, start: usize, count: usize) {
        let (model, params, chunk) = (&self.model, self.weights.params(), &mut self.chunks[0]);
        let x = &mut chunk.obs[..count * model.obs_width()];
        rollout.inputs(start..start + count).fill(x);
        let memory = Memory { data: &mut chunk.memory, stride: rollout.memory_width };
        let values = count.min(chunk.v.len());
        let (y, v) = (&mut chunk.y[..count * model.head_width()], &mut chunk.v[..values]);
        let (kernel, cache) = (self.kernel, &mut chunk.cache);
        model.net.forward(kernel, params, x, count.into(), memory, cache, y, v);
    }
}
