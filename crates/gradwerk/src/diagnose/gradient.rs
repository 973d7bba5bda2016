//! Signal and noise of a gradient, from the chunks that it is the sum of.

use gradwerk_math::Kernel;
use gradwerk_nn::{Buffer, Engine, optim};

/// How much of a gradient is signal (McCandlish et al. 2018, appendix A.1). Rows count as
/// independent samples; those of one trajectory are not, so that the noise is understated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientQuality {
    /// `|E g|^2 / (tr Cov(g) / B)`: the squared length of the true gradient over the expected
    /// squared error of the one that was used. An unbiased estimate of the numerator, so it may
    /// be below 0 where noise hides the gradient.
    pub snr: f64,
    /// `tr Cov(g) / |E g|^2`, rows: the batch at which signal and noise are equal. Smaller
    /// batches waste steps, much larger ones waste experience. None where noise hides the
    /// gradient: the advice then is "more than you have".
    pub noise_scale: Option<f64>,
    /// Cosine of the angle between the gradients of the two halves of the rows.
    pub half_cosine: f64,
}

/// Sums over the gradients of an update; numerators and denominators apart, for a mean of
/// quotients would be biased.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NoiseSums {
    noise: f64,
    noise_of_mean: f64,
    signal: f64,
    cosine: f64,
    count: u32,
}

impl NoiseSums {
    /// Add one gradient `G = sum_i c_i` over `B` rows in at least two chunks:
    /// `parts` is the number of rows `n_i` and `|c_i|^2` of each, where `c_i` is the chunk's
    /// contribution `1/B sum_rows g`; `square = |G|^2`; `cosine` between the halves.
    ///
    /// With `g_i = B/n_i c_i` the mean over a chunk, `tr Cov(g)` is estimated without bias by
    /// `sum_i n_i |g_i - G|^2 / (chunks - 1)`, and `|E g|^2` by `|G|^2 - tr Cov(g) / B`.
    pub fn add(
        &mut self,
        parts: impl Iterator<Item = (usize, f64)> + Clone,
        square: f64,
        cosine: f64,
    ) {
        let rows: usize = parts.clone().map(|(rows, _)| rows).sum();
        let b = rows as f64;
        let chunks = parts.clone().count();
        if chunks < 2 {
            return;
        }
        // sum_i n_i |g_i - G|^2 = sum_i n_i |g_i|^2 - B |G|^2.
        let weighted: f64 = parts.map(|(rows, square)| b * b / rows as f64 * square).sum();
        let noise = (weighted - b * square) / (chunks - 1) as f64;
        self.noise += noise;
        self.noise_of_mean += noise / b;
        self.signal += square - noise / b;
        self.cosine += cosine;
        self.count += 1;
    }

    /// Quotients of the sums; none before the first gradient with two chunks.
    #[must_use]
    pub fn quality(&self) -> Option<GradientQuality> {
        (self.count > 0).then(|| GradientQuality {
            snr: self.signal / self.noise_of_mean,
            noise_scale: (self.signal > 0.0).then(|| self.noise / self.signal),
            half_cosine: self.cosine / f64::from(self.count),
        })
    }
}

/// Looks at the gradients of the learner that owns it while it is switched on.
#[derive(Debug)]
pub struct GradientProbe<E> {
    on: bool,
    sums: NoiseSums,
    /// Rows and squared length of each chunk.
    parts: Vec<(usize, f64)>,
    /// The sum of the first half of the chunks.
    half: Buffer<E>,
}

impl<E: Engine> GradientProbe<E> {
    /// A probe of the first `len` parameters (those of the policy), for up to `chunks` chunks.
    #[must_use]
    pub fn new(len: usize, chunks: usize) -> Self {
        Self {
            on: false,
            sums: NoiseSums::default(),
            parts: Vec::with_capacity(chunks),
            half: Buffer::zeros(len),
        }
    }

    /// Look at the gradients from now on.
    pub fn begin(&mut self) {
        (self.on, self.sums) = (true, NoiseSums::default());
    }

    /// Look away, and say what was seen.
    pub fn end(&mut self) -> Option<GradientQuality> {
        self.on = false;
        self.sums.quality()
    }

    /// Whether it is looking.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// A chunk's share of the gradient, before the shares are added; one of no rows has no part.
    pub fn chunk(&mut self, kernel: Kernel, rows: usize, grad: &[E]) {
        if rows == 0 {
            return;
        }
        let length = optim::norm(kernel, &grad[..self.half.len()]);
        self.parts.push((rows, length * length));
    }

    /// The sum of the first `added` chunks: kept if they are half of all.
    pub fn partial(&mut self, added: usize, sum: &[E]) {
        if added == self.parts.len() / 2 {
            let len = self.half.len();
            self.half.copy_from_slice(&sum[..len]);
        }
    }

    /// The whole gradient.
    pub fn whole(&mut self, kernel: Kernel, grad: &[E]) {
        let grad = &grad[..self.half.len()];
        let length = optim::norm(kernel, grad);
        let cosine = halves_cosine(&self.half, grad);
        self.sums.add(self.parts.iter().copied(), length * length, cosine);
        self.parts.clear();
    }
}

/// Cosine between `half` and `whole - half`; 0 if one of them is 0.
fn halves_cosine<E: Engine>(half: &[E], whole: &[E]) -> f64 {
    // Eight sums side by side: a fixed order, and no addition waits for the one before.
    let (mut dot, mut first, mut second) = ([0.0; 8], [0.0; 8], [0.0; 8]);
    for (half, whole) in half.chunks(8).zip(whole.chunks(8)) {
        for (i, (a, whole)) in half.iter().zip(whole).enumerate() {
            let (a, b) = (a.to_f64(), (*whole - *a).to_f64());
            dot[i] += a * b;
            first[i] += a * a;
            second[i] += b * b;
        }
    }
    let [dot, first, second] = [dot, first, second].map(|x| x.iter().sum::<f64>());
    if first * second == 0.0 { 0.0 } else { dot / (first * second).sqrt() }
}
