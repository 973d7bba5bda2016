//! Where the numbers of one image lie.

use std::ops::Range;

use crate::ImageSize;

/// A window that slides over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Distance between two places.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
}

impl Window {
    /// A square window.
    #[must_use]
    pub fn square(side: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: [side, side], stride, padding }
    }

    /// How many places there are over an image, or an error that names layer and sizes.
    pub(super) fn places(&self, layer: usize, image: ImageSize) -> Result<[usize; 2], String> {
        let framed = [image.height + 2 * self.padding, image.width + 2 * self.padding];
        let [kh, kw] = self.kernel;
        if kh > framed[0] || kw > framed[1] {
            return Err(format!(
                "layer {layer} has windows of {kh}x{kw}, larger than its input {image} ({}x{} with \
                 the padding): the image is too small for this network",
                framed[0], framed[1]
            ));
        }
        Ok([(framed[0] - kh) / self.stride + 1, (framed[1] - kw) / self.stride + 1])
    }
}

/// An image of `size` inside a frame of zeros. The channels of a place lie together
/// (`[height, width, channels]`), or each channel is a plane of its own
/// (`[channels, height, width]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub size: ImageSize,
    /// Zeros above and on the left.
    pub before: usize,
    /// Zeros below and on the right.
    pub after: usize,
    pub planar: bool,
}

impl Frame {
    pub fn new(size: ImageSize, before: usize, after: usize) -> Self {
        Self { size, before, after, planar: false }
    }

    fn framed(&self, side: usize) -> usize {
        side + self.before + self.after
    }

    /// Distance between channels.
    pub fn channel(&self) -> usize {
        if self.planar { self.framed(self.size.height) * self.row() } else { 1 }
    }

    /// Distance between neighbours in a row.
    pub fn pixel(&self) -> usize {
        if self.planar { 1 } else { self.size.channels }
    }

    /// Distance between rows.
    pub fn row(&self) -> usize {
        self.framed(self.size.width) * self.pixel()
    }

    pub fn len(&self) -> usize {
        let plane = self.framed(self.size.height) * self.row();
        if self.planar { self.size.channels * plane } else { plane }
    }

    /// Index of channel 0 at a place of the image.
    pub fn at(&self, y: usize, x: usize) -> usize {
        (y + self.before) * self.row() + (x + self.before) * self.pixel()
    }

    /// Index of channel 0 at a place counted from the corner of the frame.
    pub fn at_corner(&self, y: usize, x: usize) -> usize {
        y * self.row() + x * self.pixel()
    }

    /// The rows of the image without the frame, channels together.
    pub fn rows(&self) -> impl Iterator<Item = Range<usize>> {
        let (frame, len) = (*self, self.size.width * self.size.channels);
        (0..self.size.height).map(move |y| frame.at(y, 0)..frame.at(y, 0) + len)
    }
}

/// Zeros that `dL/dz` needs before and after it, so that no product asks whether a place exists.
pub(super) fn d_frame_of(window: Window, size: ImageSize, places: [usize; 2]) -> (usize, usize) {
    let taps = |k: usize| k.div_ceil(window.stride);
    let before = taps(window.kernel[0]).max(taps(window.kernel[1])) - 1;
    let last = |side: usize| (side + window.padding - 1) / window.stride + 1;
    let after = |side: usize, places: usize| last(side).saturating_sub(places);
    (before, after(size.height, places[0]).max(after(size.width, places[1])))
}
