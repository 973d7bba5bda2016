//! The size of an image.

use std::fmt;

/// Channels, height and width, the order in which observations have their numbers
/// (`[channels, height, width]`, row-major).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// Numbers per place.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// An image in a row of an observation that has other entries too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedImage {
    /// Its first number.
    pub at: usize,
    /// Its size.
    pub size: ImageSize,
}

impl ImageSize {
    /// How many numbers the image has.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // no image is empty
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}
