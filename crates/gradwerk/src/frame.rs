//! Frames: encoded observations as rollouts keep them, and their places in what a network reads.
//!
//! An encoded observation is cut into stretches: each image is one, and so are the numbers between
//! two images. Rollouts keep numbers as numbers and pixels as bytes. A network that reads `k`
//! frames at once reads each stretch `k` times, the oldest first, before the next stretch: images
//! are stacked along their channels, and an observation without images is simply followed by the
//! next one.

use crate::encode::brightness;
use gradwerk_math::Real;
use gradwerk_nn::{ImageSize, PlacedImage};
use std::ops::Range;

/// How a stretch of a frame is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Numbers,
    /// A byte per pixel, shown from 0 to 1.
    Pixels(ImageSize),
}

/// Neighbours in a frame that are kept in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    kept: Kept,
    width: usize,
    /// Its first entry in the frame.
    at: usize,
    /// Its first entry among those that are kept in the same way.
    from: usize,
}

impl Stretch {
    /// Where it lies in the frame.
    fn in_frame(&self) -> Range<usize> {
        self.at..self.at + self.width
    }

    /// Where it lies among what is kept in the same way.
    fn in_kept(&self) -> Range<usize> {
        self.from..self.from + self.width
    }

    /// Where that of frame `slot` of `frames` lies in what a network reads.
    fn in_stack(&self, frames: usize, slot: usize) -> Range<usize> {
        let at = frames * self.at + slot * self.width;
        at..at + self.width
    }
}

/// The stretches of a frame, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    stretches: Vec<Stretch>,
    numbers: usize,
    pixels: usize,
}

impl Frame {
    /// A frame of `width` entries with images at these places, in order.
    #[must_use]
    pub fn new(width: usize, images: &[PlacedImage]) -> Self {
        let mut frame = Self::default();
        for image in images {
            frame.push_numbers(image.at);
            frame.push(Kept::Pixels(image.size), image.size.len());
        }
        frame.push_numbers(width);
        frame
    }

    /// The numbers up to entry `end`, if there are any.
    fn push_numbers(&mut self, end: usize) {
        if end > self.width() {
            self.push(Kept::Numbers, end - self.width());
        }
    }

    fn push(&mut self, kept: Kept, width: usize) {
        let at = self.width();
        let count = match kept {
            Kept::Numbers => &mut self.numbers,
            Kept::Pixels(_) => &mut self.pixels,
        };
        let from = *count;
        *count += width;
        self.stretches.push(Stretch { kept, width, at, from });
    }

    /// How many numbers are kept.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// How many pixels are kept, a byte each.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// Entries of a frame as a network reads it.
    #[must_use]
    pub fn width(&self) -> usize {
        self.numbers + self.pixels
    }

    /// The images in a stack of so many frames.
    #[must_use]
    pub fn images(&self, frames: usize) -> Vec<PlacedImage> {
        let image = |stretch: &Stretch| match stretch.kept {
            Kept::Numbers => None,
            Kept::Pixels(size) => Some(PlacedImage {
                at: frames * stretch.at,
                size: ImageSize { channels: frames * size.channels, ..size },
            }),
        };
        self.stretches.iter().filter_map(image).collect()
    }

    /// Bring numbers per entry of a frame, such as bounds, to their places in a stack of so many.
    #[must_use]
    pub fn repeat<T: Copy>(&self, frames: usize, entries: &[T]) -> Vec<T> {
        self.stretches.iter().flat_map(|s| entries[s.in_frame()].repeat(frames)).collect()
    }

    /// Write frame `slot` of `frames`, given as it is kept, to its places in a stack.
    pub fn show<E: Real>(
        &self,
        (frames, slot): (usize, usize),
        numbers: &[E],
        pixels: &[u8],
        stack: &mut [E],
    ) {
        for stretch in &self.stretches {
            let out = &mut stack[stretch.in_stack(frames, slot)];
            match stretch.kept {
                Kept::Numbers => out.copy_from_slice(&numbers[stretch.in_kept()]),
                Kept::Pixels(_) => {
                    let pixels = &pixels[stretch.in_kept()];
                    out.iter_mut().zip(pixels).for_each(|(out, &pixel)| *out = brightness(pixel));
                }
            }
        }
    }

    /// Write frame `slot` of `frames`, given as a network reads it, to its places in a stack.
    pub fn put(&self, (frames, slot): (usize, usize), frame: &[f32], stack: &mut [f32]) {
        for stretch in &self.stretches {
            stack[stretch.in_stack(frames, slot)].copy_from_slice(&frame[stretch.in_frame()]);
        }
    }

    /// Read frame `slot` of `frames` from a stack: the inverse of [`Frame::put`].
    pub fn take(&self, (frames, slot): (usize, usize), stack: &[f32], frame: &mut [f32]) {
        for stretch in &self.stretches {
            frame[stretch.in_frame()].copy_from_slice(&stack[stretch.in_stack(frames, slot)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number, an image of 2 x 1 x 2, an image of 1 x 1 x 1, two numbers.
    fn frame() -> Frame {
        let size = |channels, width| ImageSize { channels, height: 1, width };
        let images =
            [PlacedImage { at: 1, size: size(2, 2) }, PlacedImage { at: 5, size: size(1, 1) }];
        Frame::new(8, &images)
    }

    #[test]
    fn images_are_stacked_along_their_channels_and_numbers_between_them() {
        let frame = frame();
        assert_eq!((frame.numbers(), frame.pixels(), frame.width()), (3, 5, 8));
        let mut stack = [9.0; 16];
        frame.show((2, 0), &[0.5, 1.5, 2.5], &[0, 255, 0, 255, 51], &mut stack);
        frame.show((2, 1), &[10.5, 11.5, 12.5], &[255, 0, 0, 0, 255], &mut stack);
        let fifth = brightness::<f32>(51);
        let images = [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, fifth, 1.0];
        assert_eq!((&stack[..2], &stack[2..12]), (&[0.5, 10.5][..], &images[..]));
        assert_eq!(stack[12..], [1.5, 2.5, 11.5, 12.5]);
        let placed: Vec<_> = frame.images(2).iter().map(|i| (i.at, i.size.channels)).collect();
        assert_eq!(placed, [(2, 4), (10, 2)]);
        let entries: Vec<usize> = (0..8).collect();
        assert_eq!(frame.repeat(2, &entries), [0, 0, 1, 2, 3, 4, 1, 2, 3, 4, 5, 5, 6, 7, 6, 7]);
    }

    #[test]
    fn frames_are_taken_out_as_they_were_put_in() {
        let frame = frame();
        let mut stack = [9.0; 24];
        let rows = [0.0, 1.0, 2.0].map(|k| [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7].map(|x| k + x));
        (0..3).for_each(|slot| frame.put((3, slot), &rows[slot], &mut stack));
        let mut out = [9.0; 8];
        for (slot, row) in rows.iter().enumerate() {
            frame.take((3, slot), &stack, &mut out);
            assert_eq!(out, *row);
        }
        assert_eq!(stack[..3], [0.0, 1.0, 2.0]);
    }

    #[test]
    fn frames_of_numbers_follow_one_another() {
        let frame = Frame::new(3, &[]);
        assert_eq!((frame.numbers(), frame.pixels()), (3, 0));
        assert_eq!(frame.repeat(2, &[1, 2, 3]), [1, 2, 3, 1, 2, 3]);
    }
}
