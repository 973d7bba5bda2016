//! In which order a network reads the rows of a tile.

use super::cutting::Cutting;
use gradwerk_nn::{Rows, Sequences};
use std::cmp::Reverse;

/// The rows of a tile as a network reads them: as given, or, with memory, step by step of all its
/// sequences, longest first, so that no row is padding.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// Rows of the rollout.
    pub rows: Vec<u32>,
    /// Where each of them stood in the tile.
    pub place: Vec<u32>,
    /// How many rows each step has; empty without memory.
    steps: Vec<u32>,
    /// Whether an episode begins with the row.
    fresh: Vec<bool>,
    /// Length and first place of each sequence.
    sequences: Vec<(u32, u32)>,
}

impl Order {
    /// Room for tiles of up to `rows` rows.
    pub fn with_rows(rows: usize) -> Self {
        let column = || Vec::with_capacity(rows);
        let (steps, sequences) = (column(), Vec::with_capacity(rows));
        Self { rows: column(), place: column(), steps, fresh: Vec::with_capacity(rows), sequences }
    }

    /// Order a tile; `time` is that of all rows of its rollout, in steps since the episode began.
    pub fn set(&mut self, cutting: Cutting, time: &[u32], tile: &[u32]) {
        self.place.clear();
        self.rows.clear();
        if cutting.segment.is_none() {
            self.place.extend(0..tile.len() as u32);
            self.rows.extend_from_slice(tile);
            return;
        }
        self.find_sequences(cutting, tile);
        self.lay_out();
        self.rows.extend(self.place.iter().map(|&place| tile[place as usize]));
        self.fresh.clear();
        self.fresh.extend(self.rows.iter().map(|&row| time[row as usize] == 0));
    }

    /// Bring what the sequences remember before their first rows together, a row of `width`
    /// numbers each; `all` is of all rows of the rollout.
    pub fn remember<E: Copy>(&self, all: &[E], width: usize, memory: &mut [E]) {
        let firsts = self.rows.iter().take(self.sequences.len());
        for (memory, &row) in memory.chunks_exact_mut(width.max(1)).zip(firsts) {
            memory.copy_from_slice(&all[row as usize * width..(row as usize + 1) * width]);
        }
    }

    /// The sequences of a tile, longest first.
    fn find_sequences(&mut self, cutting: Cutting, tile: &[u32]) {
        self.sequences.clear();
        let mut start = 0;
        for sequence in cutting.sequences(tile) {
            let len = sequence.len() as u32;
            self.sequences.push((len, start));
            start += len;
        }
        self.sequences.sort_unstable_by_key(|&(len, start)| (Reverse(len), start));
    }

    /// First rows of all sequences, then the second rows of those that have one, and so on.
    fn lay_out(&mut self) {
        self.steps.clear();
        let longest = self.sequences.first().map_or(0, |sequence| sequence.0);
        for k in 0..longest {
            let at_step = self.sequences.iter().take_while(|(len, _)| *len > k);
            let before = self.place.len();
            self.place.extend(at_step.map(|(_, start)| start + k));
            self.steps.push((self.place.len() - before) as u32);
        }
    }

    /// How the network is told.
    pub fn as_rows(&self) -> Rows<'_> {
        let (steps, fresh) = (&*self.steps, &*self.fresh);
        let sequences = (!steps.is_empty()).then_some(Sequences { steps, fresh });
        Rows { count: self.rows.len(), sequences }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_lie_step_by_step_longest_first() {
        let time = [0, 5, 9, 1, 6, 0, 2, 0, 1, 3, 1, 2];
        let all: Vec<f64> = (0..12).flat_map(|row| [f64::from(row), 0.0]).collect();
        // Environment 1 from step 1 to 2, environment 0 whole, environment 2 its last step.
        let tile = [4, 7, 0, 3, 6, 9, 11];
        let mut order = Order::with_rows(16);
        let mut memory = [0.0; 8];
        order.set(Cutting { n: 3, segment: Some(4) }, &time, &tile);
        order.remember(&all, 2, &mut memory);
        assert_eq!(order.rows, [0, 4, 11, 3, 7, 6, 9]);
        assert_eq!(order.place, [2, 0, 6, 3, 1, 4, 5]);
        assert_eq!(order.steps, [3, 2, 1, 1]);
        assert_eq!(order.fresh, [true, false, false, false, true, false, false]);
        assert_eq!(memory, [0.0, 0.0, 4.0, 0.0, 11.0, 0.0, 0.0, 0.0]);
    }
}
