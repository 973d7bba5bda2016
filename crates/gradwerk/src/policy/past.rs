//! The frames before, as a policy remembers them.

use crate::frame::Frame;

/// Part of what a policy remembers of each row: its last frames, encoded, the oldest first, and 1
/// if there are any. All zeros are the beginning of an episode.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// Frames that the networks see at once.
    frames: usize,
    /// Where the entries of a frame lie among them.
    frame: Frame,
}

impl Past {
    pub fn new(frames: usize, frame: Frame) -> Self {
        Self { frames, frame }
    }

    /// Numbers that are remembered; none if networks see one frame.
    pub fn len(&self) -> usize {
        if self.frames == 1 { 0 } else { (self.frames - 1) * self.frame.width() + 1 }
    }

    /// Write `frame` and those before it, or itself instead if it is the first one.
    pub fn stack(&self, past: &[f32], frame: &[f32], stack: &mut [f32]) {
        let last = self.frames - 1;
        match past {
            [frames @ .., seen] if *seen > 0.0 => {
                let frames = frames.chunks_exact(self.frame.width()).enumerate();
                frames.for_each(|(slot, frame)| self.frame.put((self.frames, slot), frame, stack));
            }
            _ => (0..last).for_each(|slot| self.frame.put((self.frames, slot), frame, stack)),
        }
        self.frame.put((self.frames, last), frame, stack);
    }

    /// Remember what was seen.
    pub fn advance(&self, stack: &[f32], past: &mut [f32]) {
        if let [frames @ .., seen] = past {
            let frames = frames.chunks_exact_mut(self.frame.width()).enumerate();
            frames.for_each(|(slot, frame)| self.frame.take((self.frames, slot + 1), stack, frame));
            *seen = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_move_on_and_the_first_one_is_repeated() {
        let past = Past::new(3, Frame::new(2, &[]));
        let (mut remembered, mut stack) = ([0.0; 5], [9.0; 6]);
        assert_eq!(past.len(), remembered.len());
        let mut see = |frame: [f32; 2]| {
            past.stack(&remembered, &frame, &mut stack);
            past.advance(&stack, &mut remembered);
            stack
        };
        assert_eq!(see([1.0, 2.0]), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        assert_eq!(see([0.0, 0.0]), [1.0, 2.0, 1.0, 2.0, 0.0, 0.0]);
        assert_eq!(see([3.0, 4.0]), [1.0, 2.0, 0.0, 0.0, 3.0, 4.0]);
        assert_eq!(see([5.0, 6.0]), [0.0, 0.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn one_frame_needs_no_past() {
        let (past, mut stack) = (Past::new(1, Frame::new(2, &[])), [0.0; 2]);
        past.stack(&[], &[1.0, 2.0], &mut stack);
        past.advance(&stack, &mut []);
        assert_eq!((past.len(), stack), (0, [1.0, 2.0]));
    }
}
