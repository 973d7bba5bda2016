//! From observations as a rollout keeps them to what a network reads.

use super::Rollout;
use crate::frame::Frame;
use gradwerk_math::Real;
use std::ops::Range;

/// Rows of encoded observations as they are kept; what a network reads of a tile is written when
/// the tile is needed.
#[derive(Clone, Copy, Debug)]
pub enum Inputs<'a, E> {
    /// Numbers, as the network reads them.
    Numbers(&'a [E]),
    /// Stacks of so many frames, one frame after the other as they are kept.
    Kept {
        /// How a frame is kept.
        frame: &'a Frame,
        /// How many a stack has.
        frames: usize,
        /// `[rows, frames, frame.numbers()]`.
        numbers: &'a [E],
        /// `[rows, frames, frame.pixels()]`, to be shown from 0 to 1.
        pixels: &'a [u8],
    },
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

impl<'a, E: Real> Inputs<'a, E> {
    /// Stacks of so many frames, one frame after the other as they are kept.
    #[must_use]
    pub fn kept(frame: &'a Frame, frames: usize, numbers: &'a [E], pixels: &'a [u8]) -> Self {
        match frame.pixels() {
            0 => Self::Numbers(numbers),
            _ => Self::Kept { frame, frames, numbers, pixels },
        }
    }

    /// How many entries a network reads.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // nobody asks
    pub fn len(self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Kept { numbers, pixels, .. } => numbers.len() + pixels.len(),
            Self::Stacks { rollout, first, end } => (end - first) * rollout.stack_width(),
        }
    }

    /// The entries of a range; whole rows, unless they are numbers as the network reads them.
    #[must_use]
    pub fn part(self, entries: Range<usize>) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(&numbers[entries]),
            Self::Kept { frame, frames, numbers, pixels } => {
                let row = frames * frame.width();
                let cut = |width: usize| {
                    let width = frames * width;
                    entries.start / row * width..entries.end / row * width
                };
                let numbers = &numbers[cut(frame.numbers())];
                Self::Kept { frame, frames, numbers, pixels: &pixels[cut(frame.pixels())] }
            }
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
            Self::Kept { frame, frames, numbers, pixels } => {
                assert_eq!(out.len(), self.len(), "out: whole rows");
                let (n, p) = (frame.numbers(), frame.pixels());
                for (row, out) in out.chunks_exact_mut(frames * frame.width()).enumerate() {
                    for slot in 0..frames {
                        let at = row * frames + slot;
                        let (numbers, pixels) =
                            (&numbers[at * n..(at + 1) * n], &pixels[at * p..(at + 1) * p]);
                        frame.show((frames, slot), numbers, pixels, out);
                    }
                }
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
        let (numbers, pixels) = self.frames(rows);
        Inputs::kept(&self.frame, 1, numbers, pixels)
    }

    /// Frames by their places in `obs` and `pixels`.
    fn frames(&self, places: Range<usize>) -> (&[E], &[u8]) {
        let cut = |width: usize| places.start * width..places.end * width;
        (&self.obs[cut(self.obs_width)], &self.pixels[cut(self.pixel_width)])
    }

    /// Entries of a row as a network reads it.
    fn stack_width(&self) -> usize {
        (1 + self.earlier) * self.frame.width()
    }

    /// Write the frames of a row, the oldest first.
    fn fill_stack(&self, row: usize, out: &mut [E]) {
        for slot in 0..=self.earlier {
            let place = self.place_before(row, self.time[row], self.earlier - slot);
            let (numbers, pixels) = self.frames(place..place + 1);
            self.frame.show((1 + self.earlier, slot), numbers, pixels, out);
        }
    }

    /// Where the frame lies that was seen `age` steps before `row`, which is step `time` of its
    /// episode: before an episode's first frame there is nothing but that.
    fn place_before(&self, row: usize, time: u32, age: usize) -> usize {
        row + (self.earlier - age.min(time as usize)) * self.n
    }

    /// Complete a stack whose last frame stands there, and follows what the rollout keeps: it is
    /// step `time` of its episode and would be `row`. Write the others, as they are kept, into
    /// `numbers` and `pixels`.
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
    use gradwerk_nn::{ImageSize, PlacedImage};

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

    /// One environment, two steps of one episode, one earlier frame: a number and an image of two
    /// pixels.
    #[test]
    fn images_and_numbers_of_a_frame_are_shown_together() {
        let size = ImageSize { channels: 1, height: 1, width: 2 };
        let frame = Frame::new(3, &[PlacedImage { at: 1, size }]);
        let mut rollout = Rollout::<f64>::new(2, 1, 0, 1, 0).with_frame(frame).with_earlier(1);
        rollout.obs = vec![-1.0, 0.5, 1.5];
        rollout.pixels = vec![0, 255, 255, 0, 255, 255];
        rollout.time = vec![4, 5];
        let mut out = [9.0; 12];
        rollout.inputs(0..2).fill(&mut out);
        assert_eq!(out[..6], [-1.0, 0.5, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(out[6..], [0.5, 1.5, 1.0, 0.0, 1.0, 1.0]);
        let (mut numbers, mut pixels) = ([9.0, 2.5], [9, 9, 0, 0]);
        rollout.complete_stack((2, 6), &mut numbers, &mut pixels);
        assert_eq!((numbers, pixels), ([1.5, 2.5], [255, 255, 0, 0]));
        let all = ([numbers, numbers].concat(), [[0; 4], pixels].concat());
        let kept = Inputs::kept(&rollout.frame, 2, &all.0, &all.1);
        assert_eq!((kept.len(), kept.part(6..12).len()), (12, 6));
        kept.part(6..12).fill(&mut out[..6]);
        assert_eq!(out[..6], [1.5, 2.5, 1.0, 1.0, 0.0, 0.0]);
    }
}
