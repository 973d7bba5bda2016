//! From a list of layers to steps over numbered images.

use super::frame::{Frame, Window, d_frame_of};
use crate::{Activation, ImageSize};

/// A layer as a network's description names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ImageLayer {
    /// A convolution, with the activation behind it if so.
    Conv {
        /// Channels of the result.
        outputs: usize,
        /// What slides over the image.
        window: Window,
        /// Whether the activation follows.
        activate: bool,
    },
    /// The largest number of each window.
    MaxPool(Window),
    /// `x + conv(act(conv(act(x))))` with windows of 3 by 3 (He et al. 2016).
    Residual,
    /// The activation alone.
    Activate,
}

/// One step of the forward pass; numbers name images, 0 the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Conv { from: usize, to: usize, window: Window, activate: bool, add: Option<usize> },
    Pool { from: usize, to: usize, window: Window },
    Activate { from: usize, to: usize },
}

/// Most numbers of an image or of the weights of one convolution.
const MOST_NUMBERS: usize = 1 << 28;

/// The steps, and the sizes and frames of the images.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub ops: Vec<Op>,
    pub values: Vec<Frame>,
    pub gradients: Vec<Frame>,
    activation: Activation,
}

impl Plan {
    /// Follow the layers.
    ///
    /// # Errors
    /// If a window is larger than its input, or an image or a convolution is enormous.
    pub fn new(
        image: ImageSize,
        layers: &[ImageLayer],
        activation: Activation,
    ) -> Result<Self, String> {
        let input = Frame { planar: true, ..Frame::new(image, 0, 0) };
        let gradient = Frame::new(image, 0, 0);
        let (values, gradients) = (vec![input], vec![gradient]);
        let mut plan = Self { ops: Vec::new(), values, gradients, activation };
        for (number, layer) in layers.iter().enumerate() {
            plan.layer(number, *layer)?;
        }
        Ok(plan)
    }

    pub fn last(&self) -> usize {
        self.values.len() - 1
    }

    fn layer(&mut self, number: usize, layer: ImageLayer) -> Result<(), String> {
        match layer {
            ImageLayer::Conv { outputs, window, activate } => {
                self.conv(number, outputs, window, activate, None)
            }
            ImageLayer::MaxPool(window) => {
                let (from, size) = (self.last(), self.size());
                let [height, width] = window.places(number, size)?;
                let to = self.image(ImageSize { height, width, ..size });
                self.ops.push(Op::Pool { from, to, window });
                Ok(())
            }
            ImageLayer::Residual => {
                let (x, channels) = (self.last(), self.size().channels);
                let window = Window::square(3, 1, 1);
                self.activate();
                self.conv(number, channels, window, true, None)?;
                self.conv(number, channels, window, false, Some(x))
            }
            ImageLayer::Activate => {
                self.activate();
                Ok(())
            }
        }
    }

    /// Of the last image.
    fn size(&self) -> ImageSize {
        self.values[self.last()].size
    }

    fn image(&mut self, size: ImageSize) -> usize {
        self.values.push(Frame::new(size, 0, 0));
        self.gradients.push(Frame::new(size, 0, 0));
        self.last()
    }

    fn conv(
        &mut self,
        number: usize,
        outputs: usize,
        window: Window,
        activate: bool,
        add: Option<usize>,
    ) -> Result<(), String> {
        let (from, size) = (self.last(), self.size());
        let places = window.places(number, size)?;
        let [kh, kw] = window.kernel;
        let to = self.image(ImageSize { channels: outputs, height: places[0], width: places[1] });
        let largest = [size.channels * kh * kw * outputs, self.size().len(), size.len()];
        if largest.into_iter().any(|len| len > MOST_NUMBERS) {
            return Err(format!(
                "layer {number} makes {} of {size} with windows of {kh}x{kw}: more than \
                 {MOST_NUMBERS} numbers in one place",
                self.size()
            ));
        }
        let pad = window.padding;
        (self.values[from].before, self.values[from].after) = (pad, pad);
        let (before, after) = d_frame_of(window, size, places);
        (self.gradients[to].before, self.gradients[to].after) = (before, after);
        // An activation whose derivative reads its input needs an image of its own.
        let in_place = activate && !self.activation.needs_input();
        self.ops.push(Op::Conv { from, to, window, activate: in_place, add });
        if activate && !in_place {
            self.activate();
        }
        Ok(())
    }

    fn activate(&mut self) {
        let (from, size) = (self.last(), self.size());
        let to = self.image(size);
        self.ops.push(Op::Activate { from, to });
    }

    /// Whether a later step reads image `from` too, so that its gradient has begun already when
    /// the one of step `index` is added.
    pub fn is_read_after(&self, index: usize, from: usize) -> bool {
        self.ops[index + 1..]
            .iter()
            .any(|op| matches!(op, Op::Conv { add, .. } if *add == Some(from)))
    }
}
