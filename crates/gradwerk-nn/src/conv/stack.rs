//! Layers over images in a row, as a network.

use gradwerk_math::Kernel;

use super::frame::{Frame, Window};
use super::layer::{Conv, Places};
use super::plan::{ImageLayer, Op, Plan};
use super::pool::Pool;
use crate::kernels::{self, PANEL};
use crate::{Activation, Engine, ImageSize, Init, Layout, Memory, Network, Params, Rows};

/// What a [`ConvStack`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvSpec {
    /// The input, channel by channel: `[channels, height, width]`.
    pub image: ImageSize,
    /// From the first to the last.
    pub layers: Vec<ImageLayer>,
    /// The nonlinearity; all of them map 0 to 0.
    pub activation: Activation,
    /// First weights.
    pub init: Init,
}

/// Convolutions and what belongs between them.
///
/// A row of x is an image `[channels, height, width]`, a row of y the last image with its channels
/// together: `[height, width, channels]`. Convolution `i` has the parameters `i.weight`
/// `[channels * kernel height * kernel width, outputs]` and `i.bias`. Images pass one after the
/// other through all layers, so that their activations stay in the second-level cache.
#[derive(Clone, Debug)]
pub(crate) struct ConvStack {
    layout: Layout,
    activation: Activation,
    steps: Vec<Step>,
    images: Vec<Image>,
    inputs: usize,
    /// Numbers per row of the cache.
    cache: usize,
    /// Numbers for the gradients of the images of one row.
    gradients: usize,
    packed: usize,
}

/// Where an image lies in a row of the cache, and its gradient in the scratch memory.
#[derive(Clone, Copy, Debug)]
struct Image {
    value: Frame,
    offset: usize,
    gradient: Frame,
    gradient_offset: usize,
}

impl Image {
    /// The image alone, out of a row of the cache or of tangents.
    fn of<'a, E>(&self, row: &'a [E]) -> &'a [E] {
        &row[self.offset..self.offset + self.value.len()]
    }

    /// Rows of the image in its frame, and the same ones of its gradient.
    fn rows(&self) -> impl Iterator<Item = (std::ops::Range<usize>, std::ops::Range<usize>)> {
        self.value.rows().zip(self.gradient.rows())
    }
}

/// One step; numbers name images.
#[derive(Clone, Debug)]
enum Step {
    Conv { conv: Box<Conv>, from: usize, to: usize, activate: bool, add: Option<usize> },
    Pool { pool: Pool, from: usize, to: usize },
    Activate { from: usize, to: usize, accumulate: bool },
}

/// Images start on a cache line.
const LINE: usize = 16;

impl ConvStack {
    /// Lay out parameters and images.
    ///
    /// # Errors
    /// If a window is larger than its input; layer and sizes are named.
    pub fn new(spec: &ConvSpec) -> Result<Self, String> {
        let plan = Plan::new(spec.image, &spec.layers, spec.activation)?;
        let mut stack = Self {
            layout: Layout::default(),
            activation: spec.activation,
            steps: Vec::new(),
            images: Vec::new(),
            inputs: spec.image.len(),
            cache: 0,
            gradients: 0,
            packed: 0,
        };
        for (&value, &gradient) in plan.values.iter().zip(&plan.gradients) {
            stack.place(value, gradient);
        }
        for (index, op) in plan.ops.iter().enumerate() {
            let step = stack.step(&plan, index, *op, spec.init);
            stack.steps.push(step);
        }
        Ok(stack)
    }

    fn place(&mut self, value: Frame, gradient: Frame) {
        let (offset, gradient_offset) = (self.cache, self.gradients);
        self.images.push(Image { value, offset, gradient, gradient_offset });
        // An input without a frame is read where the caller has it.
        let is_copied = self.images.len() > 1 || value.before > 0;
        self.cache += if is_copied { value.len().next_multiple_of(LINE) } else { 0 };
        self.gradients += gradient.len().next_multiple_of(LINE);
    }

    fn step(&mut self, plan: &Plan, index: usize, op: Op, init: Init) -> Step {
        let image = |i: usize| self.images[i];
        match op {
            Op::Conv { from, to, window, activate, add } => {
                let (input, output) = (image(from), image(to));
                let conv = Box::new(self.conv(window, input, output, init));
                Step::Conv { conv, from, to, activate, add }
            }
            Op::Pool { from, to, window } => {
                let (input, output) = (image(from), image(to));
                let (d_input, d_output) = (input.gradient, output.gradient);
                let (input, output) = (input.value, output.value);
                Step::Pool { pool: Pool { window, input, output, d_input, d_output }, from, to }
            }
            Op::Activate { from, to } => {
                Step::Activate { from, to, accumulate: plan.is_read_after(index, from) }
            }
        }
    }

    fn conv(&mut self, window: Window, input: Image, output: Image, init: Init) -> Conv {
        let (index, [kh, kw]) = (self.layout.entries().len() / 2, window.kernel);
        let (channels, outputs) = (input.value.size.channels, output.value.size.channels);
        let shape = [channels * kh * kw, outputs];
        let weight = self.layout.push(format!("{index}.weight"), &shape, init);
        let bias = self.layout.push(format!("{index}.bias"), &[outputs], Init::Constant(0.0));
        let conv = Conv::new(Places {
            window,
            input: input.value,
            output: output.value,
            d_input: input.gradient,
            d_output: output.gradient,
            weight,
            bias,
            packed: self.packed,
        });
        self.packed += conv.packed_len();
        conv
    }

    fn last(&self) -> Image {
        self.images[self.images.len() - 1]
    }

    /// The value of an image: the network's input itself, or what the forward pass kept.
    fn value<'a, E>(&self, image: usize, x: &'a [E], kept: &'a [E]) -> &'a [E] {
        let place = self.images[image];
        if image == 0 && place.value.before == 0 { x } else { place.of(kept) }
    }

    /// What is kept before image `to`, and the image itself.
    fn split<'a, E>(&self, to: usize, row: &'a mut [E]) -> (&'a [E], &'a mut [E]) {
        let place = self.images[to];
        let (before, rest) = row.split_at_mut(place.offset);
        (before, &mut rest[..place.value.len()])
    }

    /// Copy x into its frame of zeros, if it needs one.
    fn frame_input<E: Engine>(&self, x: &[E], row: &mut [E]) {
        let frame = self.images[0].value;
        if frame.before == 0 {
            return;
        }
        let ImageSize { channels, height, width } = frame.size;
        row[..frame.len()].fill(E::ZERO);
        for (line, source) in x[..channels * height * width].chunks_exact(width).enumerate() {
            let start = line / height * frame.channel() + frame.at(line % height, 0);
            row[start..start + width].copy_from_slice(source);
        }
    }

    fn forward_row<E: Engine>(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        row: &mut [E],
    ) {
        self.frame_input(x, row);
        for step in &self.steps {
            match step {
                Step::Conv { conv, from, to, activate, add } => {
                    let (before, z) = self.split(*to, row);
                    self.zero_frame(*to, z);
                    conv.forward(kernel, params, self.value(*from, x, before), z);
                    self.add_rows(kernel, *add, *to, before, z);
                    if *activate {
                        kernels::activate_in_place(kernel, self.activation, z);
                    }
                }
                Step::Pool { pool, from, to } => {
                    let (before, y) = self.split(*to, row);
                    self.zero_frame(*to, y);
                    pool.forward(self.value(*from, x, before), y);
                }
                Step::Activate { from, to, .. } => {
                    let (before, y) = self.split(*to, row);
                    self.zero_frame(*to, y);
                    let (source, z) = (self.images[*from].value, self.value(*from, x, before));
                    for (from, to) in source.rows().zip(self.images[*to].value.rows()) {
                        kernels::activate(kernel, self.activation, &z[from], &mut y[to]);
                    }
                }
            }
        }
    }

    fn zero_frame<E: Engine>(&self, image: usize, row: &mut [E]) {
        if self.images[image].value.before > 0 {
            row.fill(E::ZERO);
        }
    }

    /// `z += ` the image `add`, place by place.
    fn add_rows<E: Engine>(
        &self,
        kernel: Kernel,
        add: Option<usize>,
        to: usize,
        before: &[E],
        z: &mut [E],
    ) {
        let Some(add) = add else { return };
        let (source, target) = (self.images[add], self.images[to].value);
        let x = source.of(before);
        for (from, to) in source.value.rows().zip(target.rows()) {
            kernels::add(kernel, &x[from], &mut z[to]);
        }
    }

    /// What the derivative of the activation into image `to` reads.
    fn kept<'a, E>(&self, from: usize, to: usize, kept: &'a [E]) -> (Frame, &'a [E]) {
        let image = self.images[if self.activation.needs_input() { from } else { to }];
        (image.value, image.of(kept))
    }

    /// All gradients of one row, from that of the last image in `gradients` on.
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    fn vjp_row<E: Engine>(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        kept: &[E],
        dtheta: &mut [E],
        gradients: &mut [E],
        to_input: bool,
    ) {
        for step in self.steps.iter().rev() {
            match step {
                Step::Conv { conv, from, to, activate, add } => {
                    if *activate {
                        self.multiply_derivative(kernel, *to, kept, gradients);
                    }
                    self.copy_gradient(*add, *to, gradients);
                    let (before, dz) = self.split_gradient(*to, gradients);
                    conv.add_gradient(kernel, self.value(*from, x, kept), dz, dtheta);
                    if *from > 0 || to_input {
                        let dx = &mut before[self.images[*from].gradient_offset..];
                        conv.input_gradient(kernel, params.packed, dz, dx);
                    }
                }
                Step::Pool { pool, from, to } => {
                    let (x, y) = (self.value(*from, x, kept), self.value(*to, x, kept));
                    let (before, dy) = self.split_gradient(*to, gradients);
                    let dx = &mut before[self.images[*from].gradient_offset..];
                    pool.backward(x, y, dy, dx);
                }
                Step::Activate { from, to, accumulate } => {
                    self.activation_gradient(kernel, *from, *to, *accumulate, kept, gradients);
                }
            }
        }
    }

    /// `dz = dh act'` in the gradient of image `to`, from the output that was kept.
    fn multiply_derivative<E: Engine>(
        &self,
        kernel: Kernel,
        to: usize,
        kept: &[E],
        gradients: &mut [E],
    ) {
        let image = self.images[to];
        let (h, d) = (image.of(kept), &mut gradients[image.gradient_offset..]);
        for (value, gradient) in image.rows() {
            kernels::multiply_derivative(kernel, self.activation, &h[value], &mut d[gradient]);
        }
    }

    /// The gradient of an image that was added: that of the sum. It is the first part of it.
    fn copy_gradient<E: Engine>(&self, add: Option<usize>, to: usize, gradients: &mut [E]) {
        let Some(add) = add else { return };
        let (before, d) = self.split_gradient(to, gradients);
        let source = self.images[add];
        let target = &mut before[source.gradient_offset..];
        for (from, to) in self.images[to].gradient.rows().zip(source.gradient.rows()) {
            target[to].copy_from_slice(&d[from]);
        }
    }

    /// `dz (+)= dh act'` of a step that only activates.
    fn activation_gradient<E: Engine>(
        &self,
        kernel: Kernel,
        from: usize,
        to: usize,
        accumulate: bool,
        kept: &[E],
        gradients: &mut [E],
    ) {
        let (frame, h) = self.kept(from, to, kept);
        let (before, dh) = self.split_gradient(to, gradients);
        let dz = &mut before[self.images[from].gradient_offset..];
        let rows = frame.rows().zip(self.images[to].gradient.rows());
        for ((kept, dh_row), dz_row) in rows.zip(self.images[from].gradient.rows()) {
            kernels::multiply_derivative(
                kernel,
                self.activation,
                &h[kept],
                &mut dh[dh_row.clone()],
            );
            if accumulate {
                kernels::add(kernel, &dh[dh_row], &mut dz[dz_row]);
            } else {
                dz[dz_row].copy_from_slice(&dh[dh_row]);
            }
        }
    }

    /// The gradients before that of image `to`, and from there on.
    fn split_gradient<'a, E>(
        &self,
        to: usize,
        gradients: &'a mut [E],
    ) -> (&'a mut [E], &'a mut [E]) {
        gradients.split_at_mut(self.images[to].gradient_offset)
    }

    /// Tangents of all images of one row, into `tangents` (as the cache, zeros in the frames).
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    fn jvp_row<E: Engine>(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        along: Params<'_, E>,
        x: &[E],
        dx: Option<&[E]>,
        kept: &[E],
        tangents: &mut [E],
    ) {
        if let Some(dx) = dx {
            self.frame_input(dx, tangents);
        }
        for step in &self.steps {
            match step {
                Step::Conv { conv, from, to, activate, add } => {
                    let (before, dz) = self.split(*to, tangents);
                    conv.forward(kernel, along, self.value(*from, x, kept), dz);
                    if *from > 0 || dx.is_some() {
                        let d = self.value(*from, dx.unwrap_or_default(), before);
                        conv.add_along_input(kernel, params.packed, d, dz);
                    }
                    self.add_rows(kernel, *add, *to, before, dz);
                    if *activate {
                        let h = self.images[*to].of(kept);
                        kernels::multiply_derivative(kernel, self.activation, h, dz);
                    }
                }
                Step::Pool { pool, from, to } => {
                    let (x, y) = (self.value(*from, x, kept), self.value(*to, x, kept));
                    let (before, dy) = self.split(*to, tangents);
                    pool.forward_mode(x, y, self.images[*from].of(before), dy);
                }
                Step::Activate { from, to, .. } => {
                    let (frame, h) = self.kept(*from, *to, kept);
                    let (before, dh) = self.split(*to, tangents);
                    let (source, dz) = (self.images[*from], self.images[*from].of(before));
                    let rows = frame.rows().zip(source.value.rows());
                    for ((kept, from), to) in rows.zip(self.images[*to].value.rows()) {
                        dh[to.clone()].copy_from_slice(&dz[from]);
                        let d = &mut dh[to];
                        kernels::multiply_derivative(kernel, self.activation, &h[kept], d);
                    }
                }
            }
        }
    }

    fn pack_all<E: Engine>(&self, theta: &[E], packed: &mut [E]) {
        for step in &self.steps {
            if let Step::Conv { conv, .. } = step {
                conv.pack(theta, packed);
            }
        }
    }
}

impl<E: Engine> Network<E> for ConvStack {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.last().value.len()
    }
    fn packed_len(&self) -> usize {
        self.packed
    }
    fn pack(&self, _: Kernel, theta: &[E], packed: &mut [E]) {
        self.pack_all(theta, packed);
    }
    fn cache_len(&self, rows: usize) -> usize {
        rows * self.cache
    }
    /// The gradients of one row (a panel may be read beyond the last), or its tangents and the
    /// packed direction.
    fn scratch_len(&self, _: usize) -> usize {
        (self.gradients + PANEL).max(self.cache.next_multiple_of(LINE) + self.packed)
    }

    fn forward(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        _: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
    ) {
        let outputs = Network::<E>::outputs(self);
        let images = x.chunks_exact(self.inputs).zip(cache.chunks_exact_mut(self.cache));
        for ((x, kept), y) in images.zip(y.chunks_exact_mut(outputs)).take(rows) {
            self.forward_row(kernel, params, x, kept);
            y.copy_from_slice(self.last().of(kept));
        }
    }

    fn vjp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        cache: &[E],
        dy: &[E],
        dtheta: &mut [E],
        mut dx: Option<&mut [E]>,
        scratch: &mut [E],
    ) {
        let outputs = Network::<E>::outputs(self);
        let gradients = &mut scratch[..self.gradients + PANEL];
        gradients.fill(E::ZERO);
        let images = x.chunks_exact(self.inputs).zip(cache.chunks_exact(self.cache));
        for (i, ((x, kept), dy)) in images.zip(dy.chunks_exact(outputs)).take(rows).enumerate() {
            let last = self.last();
            let target = &mut gradients[last.gradient_offset..];
            for (value, gradient) in last.rows() {
                target[gradient].copy_from_slice(&dy[value]);
            }
            self.vjp_row(kernel, params, x, kept, dtheta, gradients, dx.is_some());
            if let Some(dx) = &mut dx {
                self.planes(gradients, &mut dx[i * self.inputs..(i + 1) * self.inputs]);
            }
        }
    }

    fn jvp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        cache: &[E],
        u: &[E],
        dx: Option<&[E]>,
        dy: &mut [E],
        scratch: &mut [E],
    ) {
        let outputs = Network::<E>::outputs(self);
        let (tangents, packed) = scratch.split_at_mut(self.cache.next_multiple_of(LINE));
        let packed = &mut packed[..self.packed];
        self.pack_all(u, packed);
        let along = Params { theta: u, packed };
        tangents.fill(E::ZERO);
        let images = x.chunks_exact(self.inputs).zip(cache.chunks_exact(self.cache));
        for (i, ((x, kept), dy)) in images.zip(dy.chunks_exact_mut(outputs)).take(rows).enumerate()
        {
            let dx = dx.map(|dx| &dx[i * self.inputs..(i + 1) * self.inputs]);
            self.jvp_row(kernel, params, along, x, dx, kept, tangents);
            dy.copy_from_slice(self.last().of(tangents));
        }
    }
}

impl ConvStack {
    /// The gradient of the input, from channels together to channel by channel.
    fn planes<E: Engine>(&self, gradients: &[E], dx: &mut [E]) {
        let (frame, size) = (self.images[0].gradient, self.images[0].gradient.size);
        for (place, dx) in dx.iter_mut().enumerate() {
            let plane = size.height * size.width;
            let (channel, place) = (place / plane, place % plane);
            *dx = gradients[frame.at(place / size.width, place % size.width) + channel];
        }
    }
}
