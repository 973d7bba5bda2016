//! The frames before, as a policy remembers them.

/// Part of what a policy remembers of each row: its last frames, encoded, the oldest first, and 1
/// if there are any. All zeros are the beginning of an episode.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// Frames that the networks see at once.
    frames: usize,
    /// Entries of a frame.
    width: usize,
}

impl Past {
    pub fn new(frames: usize, width: usize) -> Self {
        Self { frames, width }
    }

    /// Numbers that are remembered; none if networks see one frame.
    pub fn len(&self) -> usize {
        if self.frames == 1 { 0 } else { (self.frames - 1) * self.width + 1 }
    }

    /// Write `frame` and those before it, or itself instead if it is the first one.
    pub fn stack(&self, past: &[f32], frame: &[f32], stack: &mut [f32]) {
        let (before, last) = stack.split_at_mut(stack.len() - self.width);
        last.copy_from_slice(frame);
        match past {
            [frames @ .., seen] if *seen > 0.0 => before.copy_from_slice(frames),
            _ => before.chunks_exact_mut(self.width).for_each(|slot| slot.copy_from_slice(frame)),
        }
    }

    /// Remember what was seen.
    pub fn advance(&self, stack: &[f32], past: &mut [f32]) {
        if let [frames @ .., seen] = past {
            frames.copy_from_slice(&stack[self.width..]);
            *seen = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_move_on_and_the_first_one_is_repeated() {
        let past = Past::new(3, 2);
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
        let (past, mut stack) = (Past::new(1, 2), [0.0; 2]);
        past.stack(&[], &[1.0, 2.0], &mut stack);
        past.advance(&stack, &mut []);
        assert_eq!((past.len(), stack), (0, [1.0, 2.0]));
    }
}
