//! From observations as a rollout keeps them to what a network reads.

use super::Rollout;
use crate::encode::brightness;
use gradwerk_math::Real;
use std::ops::Range;

/// Rows of encoded observations as they are kept; what a network reads of a tile is written when
/// the tile is needed.
#[derive(Clone, Copy, Debug)]
pub enum Inputs<'a, E> {
    /// Numbers, as the network reads them.
    Numbers(&'a [E]),
    /// Images, a byte per pixel, to be shown from 0 to 1.
    Pixels(&'a [u8]),
    /// Rows `first..end` of a rollout, each shown with the frames before it.
    Stacks {
        /// Where every frame lies once.
        rollout: &'a Rollout<E>,
        /// The first row.
        first: usize,
        /// Behind the last row.
        end: usize,
    },
}

impl<E: Real> Inputs<'_, E> {
    /// How many entries a network reads.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // nobody asks
    pub fn len(self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Pixels(pixels) => pixels.len(),
            Self::Stacks { rollout, first, end } => (end - first) * rollout.stack_width(),
        }
    }

    /// The entries of a range; of stacks, whole rows.
    #[must_use]
    pub fn part(self, entries: Range<usize>) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(&numbers[entries]),
            Self::Pixels(pixels) => Self::Pixels(&pixels[entries]),
            Self::Stacks { rollout, first, .. } => {
                let width = rollout.stack_width();
                let end = first + entries.end / width;
                Self::Stacks { rollout, first: first + entries.start / width, end }
            }
        }
    }

    /// Write them as a network reads them.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn fill(self, out: &mut [E]) {
        match self {
            Self::Numbers(numbers) => out.copy_from_slice(numbers),
            Self::Pixels(pixels) => {
                assert_eq!(out.len(), pixels.len(), "out: one entry per pixel");
                out.iter_mut().zip(pixels).for_each(|(out, &pixel)| *out = brightness(pixel));
            }
            Self::Stacks { rollout, first, end } => {
                assert_eq!(out.len(), self.len(), "out: whole rows");
                let rows = out.chunks_exact_mut(rollout.stack_width());
                (first..end).zip(rows).for_each(|(row, out)| rollout.fill_stack(row, out));
            }
        }
    }
}

impl<'a, E> From<&'a [E]> for Inputs<'a, E> {
    fn from(numbers: &'a [E]) -> Self {
        Self::Numbers(numbers)
    }
}

impl<'a, E> From<&'a Vec<E>> for Inputs<'a, E> {
    fn from(numbers: &'a Vec<E>) -> Self {
        Self::Numbers(numbers)
    }
}

impl<E: Real> Rollout<E> {
    /// Encoded observations of a range of rows, with the frames before them.
    #[must_use]
    pub fn inputs(&self, rows: Range<usize>) -> Inputs<'_, E> {
        if self.earlier > 0 {
            return Inputs::Stacks { rollout: self, first: rows.start, end: rows.end };
        }
        self.frames(rows)
    }

    /// Frames by their places in `obs` or `pixels`.
    fn frames(&self, places: Range<usize>) -> Inputs<'_, E> {
        let cut = |width: usize| places.start * width..places.end * width;
        if self.pixel_width > 0 {
            Inputs::Pixels(&self.pixels[cut(self.pixel_width)])
        } else {
            Inputs::Numbers(&self.obs[cut(self.obs_width)])
        }
    }

    /// Entries of a row as a network reads it.
    fn stack_width(&self) -> usize {
        (1 + self.earlier) * (self.obs_width + self.pixel_width)
    }

    /// Write the frames of a row, the oldest first.
    fn fill_stack(&self, row: usize, out: &mut [E]) {
        let width = self.obs_width + self.pixel_width;
        for (age, out) in (0..=self.earlier).rev().zip(out.chunks_exact_mut(width)) {
            let place = self.place_before(row, self.time[row], age);
            self.frames(place..place + 1).fill(out);
        }
    }

    /// Where the frame lies that was seen `age` steps before `row`, which is step `time` of its
    /// episode: before an episode's first frame there is nothing but that.
    fn place_before(&self, row: usize, time: u32, age: usize) -> usize {
        row + (self.earlier - age.min(time as usize)) * self.n
    }

    /// Complete a stack whose last frame stands there, and follows what the rollout keeps: it is
    /// step `time` of its episode and would be `row`. Write the others, as they are kept, into
    /// `numbers` or `pixels`.
    pub(crate) fn complete_stack(
        &self,
        (row, time): (usize, u32),
        numbers: &mut [E],
        pixels: &mut [u8],
    ) {
        for slot in 0..self.earlier {
            let age = self.earlier - slot;
            let place = (time > 0).then(|| self.place_before(row, time, age));
            copy_frame(&self.obs, place, self.obs_width, numbers, slot);
            copy_frame(&self.pixels, place, self.pixel_width, pixels, slot);
        }
    }

    /// Where the frames of a range of rows are kept, to be written.
    pub(crate) fn frames_mut(&mut self, rows: Range<usize>) -> (&mut [E], &mut [u8]) {
        let before = self.earlier * self.n;
        self.places_mut(before + rows.start..before + rows.end)
    }

    /// Where the frames from before the rollout are kept, `[earlier, N, d]`, to be written: number
    /// `k` of environment `i`.
    pub(crate) fn earlier_mut(&mut self, i: usize, k: usize) -> (&mut [E], &mut [u8]) {
        let place = k * self.n + i;
        self.places_mut(place..place + 1)
    }

    fn places_mut(&mut self, places: Range<usize>) -> (&mut [E], &mut [u8]) {
        let cut = |width: usize| places.start * width..places.end * width;
        (&mut self.obs[cut(self.obs_width)], &mut self.pixels[cut(self.pixel_width)])
    }
}

/// Copy a frame into a slot of a stack; without a place, the stack's last one.
fn copy_frame<T: Copy>(
    kept: &[T],
    place: Option<usize>,
    width: usize,
    stack: &mut [T],
    slot: usize,
) {
    let (to, last) = (slot * width, stack.len() - width);
    match place {
        Some(place) => {
            stack[to..to + width].copy_from_slice(&kept[place * width..(place + 1) * width]);
        }
        None => stack.copy_within(last.., to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two environments, three steps, two earlier frames; frame of environment i at step t is
    /// 10 t + i, earlier ones negative. Environment 0 is at step 1 of its episode; environment 1
    /// begins one with step 1.
    fn rollout() -> Rollout<f64> {
        let mut rollout = Rollout::<f64>::new(3, 2, 1, 1, 0).with_earlier(2);
        rollout.obs = vec![-20.0, -21.0, -10.0, -11.0, 0.0, 1.0, 10.0, 11.0, 20.0, 21.0];
        rollout.time = vec![1, 7, 2, 0, 3, 1];
        rollout
    }

    fn stack(row: usize) -> [f64; 3] {
        let mut out = [9.0; 3];
        rollout().inputs(row..row + 1).fill(&mut out);
        out
    }

    #[test]
    fn a_row_is_shown_with_the_frames_of_its_episode() {
        assert_eq!(stack(0), [-10.0, -10.0, 0.0], "the first frame again");
        assert_eq!(stack(1), [-21.0, -11.0, 1.0], "from before the rollout");
        assert_eq!(stack(2), [-10.0, 0.0, 10.0]);
        assert_eq!(stack(3), [11.0, 11.0, 11.0], "an episode begins");
        assert_eq!(stack(4), [0.0, 10.0, 20.0]);
        assert_eq!(stack(5), [11.0, 11.0, 21.0]);
        let (mut all, rollout) = ([0.0; 18], rollout());
        let inputs = rollout.inputs(0..6);
        assert_eq!(inputs.len(), 18);
        inputs.part(6..12).fill(&mut all[6..12]);
        assert_eq!(all[6..12], [stack(2), stack(3)].concat());
    }

    #[test]
    fn a_frame_that_follows_gets_those_before_it() {
        let complete = |row, time| {
            let mut stack = [9.0, 9.0, 30.0];
            rollout().complete_stack((row, time), &mut stack, &mut []);
            stack
        };
        assert_eq!(complete(6, 4), [10.0, 20.0, 30.0], "behind the last step");
        assert_eq!(complete(7, 0), [30.0; 3], "an episode begins");
        assert_eq!(complete(7, 1), [21.0, 21.0, 30.0]);
        // The final frame of the episode that ended with step 0 of environment 1.
        assert_eq!(complete(3, 8), [-11.0, 1.0, 30.0]);
    }
}
