//! Rows in random order: one by one, or, with memory, sequence by sequence.

use super::cutting::Cutting;
use gradwerk_math::Stream;
use std::slice::Chunks;

/// The rows of a batch in the order of a pass over it.
#[derive(Clone, Debug, Default)]
pub struct Shuffled {
    order: Vec<u32>,
    /// First place and length of the sequences, in the order of the pass; empty without memory.
    sequences: Vec<(u32, u32)>,
}

impl Shuffled {
    /// Get memory for `rows` rows now.
    pub fn reserve(&mut self, rows: usize) {
        self.order.reserve(rows);
        self.sequences.reserve(rows);
    }

    /// Begin with `rows` as they are, cut as [`Learner::cutting`](super::Learner) says.
    pub(super) fn begin_with(&mut self, cutting: Cutting, rows: &[u32]) {
        self.order.clear();
        self.order.extend_from_slice(rows);
        self.sequences.clear();
        if cutting.segment.is_none() {
            return;
        }
        let mut start = 0;
        for sequence in cutting.sequences(rows) {
            let len = sequence.len() as u32;
            self.sequences.push((start, len));
            start += len;
        }
    }

    /// Draw the next order of the `rows` that were begun with.
    pub fn draw(&mut self, rows: &[u32], rng: &mut Stream) {
        if self.sequences.is_empty() {
            shuffle(&mut self.order, rng);
            return;
        }
        shuffle(&mut self.sequences, rng);
        self.order.clear();
        for &(start, len) in &self.sequences {
            self.order.extend_from_slice(&rows[start as usize..(start + len) as usize]);
        }
    }

    /// The rows in pieces of `size`, the last one may be shorter. A sequence that a piece's end
    /// cuts goes on in the next from what was remembered there.
    pub fn minibatches(&self, size: usize) -> Chunks<'_, u32> {
        self.order.chunks(size)
    }
}

/// Fisher and Yates' shuffle.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut Stream) {
    for last in (1..items.len()).rev() {
        items.swap(last, rng.below(last as u32 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    #[test]
    fn sequences_stay_whole_and_every_row_comes_once() {
        let rows: Vec<u32> = (0..7).flat_map(|i| (0..10).map(move |t| t * 7 + i)).collect();
        let mut order = Shuffled::default();
        let mut rng = Stream::new(1, Purpose::Shuffle, 0, 0);
        let cutting = Cutting { n: 7, segment: Some(4) };
        order.begin_with(cutting, &rows);
        let mut passes = Vec::new();
        for _ in 0..2 {
            order.draw(&rows, &mut rng);
            let pass: Vec<u32> = order.minibatches(16).flatten().copied().collect();
            let starts: Vec<&[u32]> = cutting.sequences(&rows).collect();
            for sequence in starts {
                assert!(pass.windows(sequence.len()).any(|w| w == sequence), "{sequence:?}");
            }
            let mut sorted = pass.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..70).collect::<Vec<u32>>());
            passes.push(pass);
        }
        assert_ne!(passes[0], passes[1]);
    }
}
