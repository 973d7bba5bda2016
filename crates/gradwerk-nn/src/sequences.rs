//! How the rows of a batch follow each other, and what is remembered between them.

use std::ops::Range;

/// The rows of a batch and how they follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// How many.
    pub count: usize,
    /// Which belong together; `None` makes every row a sequence of one step that begins no episode.
    pub sequences: Option<Sequences<'a>>,
}

/// Sequences of different lengths, packed without padding.
///
/// The rows lie step by step: first rows of all sequences, the longest sequence first, then the
/// second rows of those that have one, in the same order, and so on.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a> {
    /// How many rows each step has, never growing; the sum is [`Rows::count`].
    pub steps: &'a [u32],
    /// Per row: an episode begins with it, so what came before is forgotten: the memory before it
    /// counts as 0, and no gradient flows across.
    pub fresh: &'a [bool],
}

impl From<usize> for Rows<'_> {
    fn from(count: usize) -> Self {
        Self { count, sequences: None }
    }
}

impl<'a> Rows<'a> {
    /// How many sequences there are: as many as rows in the first step.
    #[must_use]
    pub fn sequence_count(&self) -> usize {
        self.steps().next().map_or(0, |step| step.len())
    }

    /// The rows of each step, first to last.
    #[must_use]
    pub fn steps(&self) -> Steps<'a> {
        let (counts, whole) = match self.sequences {
            Some(Sequences { steps, .. }) => {
                (&steps[..steps.partition_point(|&count| count > 0)], 0)
            }
            None => (&[][..], self.count),
        };
        Steps { counts, whole, start: 0, end: self.count }
    }

    /// Whether the memory before `row` counts as 0.
    #[must_use]
    pub fn is_fresh(&self, row: usize) -> bool {
        self.sequences.is_some_and(|sequences| sequences.fresh[row])
    }

    /// # Panics
    /// If the parts contradict each other.
    pub(crate) fn check(&self) {
        let Some(Sequences { steps, fresh }) = self.sequences else { return };
        assert!(steps.is_sorted_by(|a, b| a >= b), "a step has more rows than the one before");
        let sum: usize = steps.iter().map(|&step| step as usize).sum();
        assert_eq!(sum, self.count, "the steps have all rows");
        assert!(fresh.len() >= self.count, "every row is fresh or not");
    }
}

/// The rows of each step of a batch; see [`Rows::steps`].
#[derive(Clone, Debug)]
pub struct Steps<'a> {
    counts: &'a [u32],
    /// Rows of the one step of a batch without sequences.
    whole: usize,
    start: usize,
    end: usize,
}

impl Iterator for Steps<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let count = match self.counts.split_first() {
            Some((&count, rest)) => {
                self.counts = rest;
                count as usize
            }
            None => std::mem::take(&mut self.whole),
        };
        self.start += count;
        (count > 0).then(|| self.start - count..self.start)
    }
}

impl DoubleEndedIterator for Steps<'_> {
    fn next_back(&mut self) -> Option<Range<usize>> {
        let count = match self.counts.split_last() {
            Some((&count, rest)) => {
                self.counts = rest;
                count as usize
            }
            None => std::mem::take(&mut self.whole),
        };
        self.end -= count;
        (count > 0).then(|| self.end..self.end + count)
    }
}

/// The memories of the sequences of a batch: that of sequence s is
/// `data[s * stride..][..memory_len]`.
///
/// A forward pass reads the state before the first row of each sequence and overwrites it with the
/// state after the last.
#[derive(Debug)]
pub struct Memory<'a, E> {
    /// All of them.
    pub data: &'a mut [E],
    /// Distance between the memories of two sequences.
    pub stride: usize,
}

impl<E> Memory<'_, E> {
    /// Of networks that remember nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { data: &mut [], stride: 0 }
    }

    /// The memories without their first `offset` numbers each.
    #[must_use]
    pub fn part(&mut self, offset: usize) -> Memory<'_, E> {
        let offset = offset.min(self.data.len());
        Memory { data: &mut self.data[offset..], stride: self.stride }
    }

    /// # Panics
    /// If not all of some sequences have `len` numbers.
    pub(crate) fn check(&self, sequences: usize, len: usize) {
        let needed = sequences.saturating_sub(1) * self.stride + len;
        assert!(len <= self.stride && needed <= self.data.len(), "every sequence has a memory");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(rows: &Rows<'_>) -> Vec<Range<usize>> {
        let steps: Vec<_> = rows.steps().collect();
        let mut backwards: Vec<_> = rows.steps().rev().collect();
        backwards.reverse();
        assert_eq!(steps, backwards);
        steps
    }

    #[test]
    fn steps_follow_each_other() {
        let fresh = [false, true, false, false, true, false];
        let sequences = Sequences { steps: &[3, 2, 1], fresh: &fresh };
        let rows = Rows { count: 6, sequences: Some(sequences) };
        rows.check();
        assert_eq!(steps(&rows), [0..3, 3..5, 5..6]);
        assert_eq!(rows.sequence_count(), 3);
        assert!(rows.is_fresh(4) && !rows.is_fresh(5));
    }

    #[test]
    fn rows_alone_are_one_step() {
        let rows = Rows::from(5);
        assert_eq!((steps(&rows), rows.sequence_count()), (std::iter::once(0..5).collect(), 5));
        assert!(!rows.is_fresh(2));
        let fresh = [false; 2];
        let sequences = Some(Sequences { steps: &[2, 0], fresh: &fresh });
        assert_eq!(steps(&Rows { count: 2, sequences }), steps(&Rows::from(2)));
        assert_eq!((steps(&Rows::from(0)), Rows::from(0).sequence_count()), (vec![], 0));
    }

    #[test]
    fn contradictions_are_found() {
        let panics = |count, steps: &[u32], fresh: &[bool]| {
            let rows = Rows { count, sequences: Some(Sequences { steps, fresh }) };
            std::panic::catch_unwind(|| rows.check()).is_err()
        };
        assert!(panics(3, &[1, 2], &[false; 3]), "growing");
        assert!(panics(4, &[2, 1], &[false; 4]), "too few");
        assert!(panics(3, &[2, 1], &[false; 2]), "not all known");
        assert!(!panics(3, &[2, 1], &[false; 3]));
        assert!(!panics(3, &[2, 1, 0], &[false; 3]), "steps without rows change nothing");
    }

    #[test]
    fn parts_of_memories_start_later() {
        let mut data = [0, 1, 2, 3, 4, 5];
        let mut memory = Memory { data: &mut data, stride: 3 };
        let part = memory.part(2);
        assert_eq!((&*part.data, part.stride), (&[2, 3, 4, 5][..], 3));
        assert!(Memory::<f32>::none().part(7).data.is_empty());
    }
}
