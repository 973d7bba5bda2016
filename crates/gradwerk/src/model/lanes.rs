//! Forward passes on several threads.

use super::{Inference, Model, Weights};
use crate::rollout::Inputs;
use gradwerk_math::pool::shares;
use gradwerk_math::{Kernel, Pool};
use gradwerk_nn::Engine;
use std::ops::Range;

/// Products of a parameter and a row below which waking another thread costs more than it saves.
const WORTH_SHARING: usize = 1 << 20;

/// Inference whose rows are divided over threads. Rows do not depend on each other, so that the
/// outputs are the same for any number of lanes.
#[derive(Debug)]
pub struct Lanes<E> {
    lanes: Vec<Lane<E>>,
}

/// What one thread works with.
#[derive(Debug)]
struct Lane<E> {
    inference: Inference<E>,
    rows: Range<usize>,
    memory: Vec<E>,
    y: Vec<E>,
    v: Vec<E>,
}

impl<E: Engine> Lanes<E> {
    /// Memory for so many threads.
    #[must_use]
    pub fn new(model: &Model<E>, kernel: Kernel, threads: usize) -> Self {
        let lane = |_| Lane {
            inference: Inference::new(model, kernel),
            rows: 0..0,
            memory: Vec::new(),
            y: Vec::new(),
            v: Vec::new(),
        };
        Self { lanes: (0..threads).map(lane).collect() }
    }

    /// Whether other threads help.
    #[must_use]
    pub fn are_several(&self) -> bool {
        self.lanes.len() > 1
    }

    /// Policy outputs `y`, `[rows, head_width]`, and values `v`, `[rows]`, of observations; one
    /// that is empty is not asked for. `memory` as in [`Inference::policy`].
    pub fn run(
        &mut self,
        pool: &Pool,
        (model, weights): (&Model<E>, &Weights<E>),
        obs: Inputs<'_, E>,
        memory: &mut [E],
        (y, v): (&mut [E], &mut [E]),
    ) {
        let rows = obs.len() / model.obs_width();
        let shared = self.lanes.len().min(rows);
        if shared < 2 || rows * model.layout().len() < WORTH_SHARING {
            self.lanes[0].inference.ask(model, weights, obs, memory, (y, v));
            return;
        }
        let widths = [memory.len(), y.len(), v.len()].map(|len| len / rows);
        let lanes = &mut self.lanes[..shared];
        for (lane, share) in lanes.iter_mut().zip(shares(rows, shared)) {
            lane.take(share, memory, widths);
        }
        pool.for_each(lanes, |_, lane| {
            let obs = obs.part(part(model.obs_width(), &lane.rows));
            let Lane { inference, memory, y, v, .. } = lane;
            inference.ask(model, weights, obs, memory, (y, v));
        });
        for lane in lanes {
            lane.give([memory, y, v], widths);
        }
    }
}

impl<E: Engine> Lane<E> {
    /// Begin with these rows, that have so many numbers of memory, policy output and value.
    fn take(&mut self, rows: Range<usize>, memory: &[E], widths: [usize; 3]) {
        self.memory.clear();
        self.memory.extend_from_slice(&memory[part(widths[0], &rows)]);
        self.y.resize(rows.len() * widths[1], E::ZERO);
        self.v.resize(rows.len() * widths[2], E::ZERO);
        self.rows = rows;
    }

    /// Write its rows where they belong.
    fn give(&self, to: [&mut [E]; 3], widths: [usize; 3]) {
        let from = [&self.memory, &self.y, &self.v];
        for ((to, from), width) in to.into_iter().zip(from).zip(widths) {
            to[part(width, &self.rows)].copy_from_slice(from);
        }
    }
}

/// Where rows of so many numbers lie.
fn part(width: usize, rows: &Range<usize>) -> Range<usize> {
    rows.start * width..rows.end * width
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use gradwerk_env::Space;

    const ROWS: usize = 301;

    /// Memories, policy outputs and values of some rows with so many threads.
    fn outputs(settings: &str, threads: usize) -> [Vec<f32>; 3] {
        let config: Config = toml::from_str(settings).unwrap();
        let (seen, acts) = (Space::uniform_box(5, -1.0, 1.0), Space::Discrete { n: 3 });
        let model: Model<f32> = Model::build(&config, &seen, &acts).unwrap();
        let kernel = Kernel::detect();
        let weights = Weights::new(&model, model.init(1), kernel);
        let obs: Vec<f32> = (0..ROWS * 5).map(|i| (i % 37) as f32 / 37.0 - 0.5).collect();
        let mut memory = vec![0.25; ROWS * model.memory_width()];
        let (mut y, mut v) = (vec![f32::NAN; ROWS * 3], vec![f32::NAN; ROWS]);
        let (pool, mut lanes) = (Pool::new(threads), Lanes::new(&model, kernel, threads));
        let mut ask = |y: &mut [f32], v: &mut [f32]| {
            lanes.run(&pool, (&model, &weights), Inputs::Numbers(&obs), &mut memory, (y, v));
        };
        ask(&mut y, &mut v);
        // Half of it, after more was asked for.
        ask(&mut y, &mut []);
        ask(&mut [], &mut v);
        assert!(ROWS * model.layout().len() > WORTH_SHARING, "{settings}: too small to divide");
        [memory, y, v]
    }

    #[test]
    fn the_number_of_lanes_changes_no_bit() {
        let settings = [
            "",
            "network = { kind = \"mlp\", shared = true }",
            "memory = { kind = \"gru\", units = 24, segment = 8 }",
        ];
        for settings in settings {
            let alone = outputs(settings, 1);
            assert!(alone.iter().flatten().all(|x| x.is_finite()));
            for threads in [2, 3] {
                assert_eq!(outputs(settings, threads), alone, "{settings:?}, {threads} threads");
            }
        }
    }
}
