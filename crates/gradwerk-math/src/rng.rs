//! Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011).
//!
//! A random number is a function of (seed, purpose, index, step), not of how many numbers were
//! drawn before it. That is why results cannot depend on the number of threads.

use crate::Real;

/// What a stream of random numbers is for. Streams of different purposes never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Initial parameters; index = layout entry.
    Init = 1,
    /// One episode of one training environment; index = environment, step = episode.
    Episode = 2,
    /// The action of one environment at one step; index = environment, step = its step count.
    Action = 3,
    /// Order of the rows in one epoch; index = epoch, step = update.
    Shuffle = 4,
    /// One evaluation episode; step = episode.
    EvalEpisode = 5,
    /// The stochastic actions of one evaluation episode; index = episode, step = time.
    EvalAction = 6,
    /// Bootstrap intervals and other statistics of finished runs.
    Statistics = 7,
    /// Everything that only tests and checkers draw.
    Test = 8,
}

/// The ten rounds of Philox4x32: a bijection of the counter under the key.
#[must_use]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    philox_all([counter], key)[0]
}

/// [`philox`] of several counters, none of which waits for another.
fn philox_all<const N: usize>(mut counters: [[u32; 4]; N], mut key: [u32; 2]) -> [[u32; 4]; N] {
    const M0: u64 = 0xD251_1F53;
    const M1: u64 = 0xCD9E_8D57;
    const W0: u32 = 0x9E37_79B9;
    const W1: u32 = 0xBB67_AE85;
    for _ in 0..10 {
        for counter in &mut counters {
            let p0 = M0 * u64::from(counter[0]);
            let p1 = M1 * u64::from(counter[2]);
            *counter = [
                (p1 >> 32) as u32 ^ counter[1] ^ key[0],
                p1 as u32,
                (p0 >> 32) as u32 ^ counter[3] ^ key[1],
                p0 as u32,
            ];
        }
        key = [key[0].wrapping_add(W0), key[1].wrapping_add(W1)];
    }
    counters
}

/// A keyed stream of random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    drawn: u32,
}

impl Stream {
    /// The stream of `(seed, purpose, index, step)`. `index` uses 32 bits, `step` 56.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, index: u64, step: u64) -> Self {
        debug_assert!(index >> 32 == 0 && step >> 56 == 0);
        let high = ((purpose as u32) << 24) | (step >> 32) as u32;
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [0, step as u32, index as u32, high],
            block: [0; 4],
            drawn: 0,
        }
    }

    /// How many 32-bit words were drawn so far.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.drawn
    }

    /// Go to the place where `position` words have been drawn.
    pub fn seek(&mut self, position: u32) {
        self.drawn = position;
        if !position.is_multiple_of(4) {
            self.fill(position / 4);
        }
    }

    fn fill(&mut self, block: u32) {
        self.counter[0] = block;
        self.block = philox(self.counter, self.key);
    }

    /// 32 uniform bits.
    pub fn bits(&mut self) -> u32 {
        if self.drawn.is_multiple_of(4) {
            self.fill(self.drawn / 4);
        }
        let word = self.block[(self.drawn % 4) as usize];
        self.drawn += 1;
        word
    }

    /// The next words, as [`Stream::bits`] draws them, but several blocks at once.
    fn words(&mut self, out: &mut [u32]) {
        let left = (self.drawn.wrapping_neg() % 4) as usize;
        let (begun, rest) = out.split_at_mut(left.min(out.len()));
        begun.fill_with(|| self.bits());
        let (blocks, rest) = rest.as_chunks_mut();
        blocks.chunks_mut(BLOCKS).for_each(|some| self.blocks(some));
        rest.fill_with(|| self.bits());
    }

    /// Up to [`BLOCKS`] whole blocks.
    fn blocks(&mut self, out: &mut [[u32; 4]]) {
        let mut counters = [self.counter; BLOCKS];
        counters.iter_mut().zip(self.drawn / 4..).for_each(|(counter, block)| counter[0] = block);
        out.copy_from_slice(&philox_all(counters, self.key)[..out.len()]);
        for block in out {
            self.counter[0] = self.drawn / 4;
            self.drawn += 4;
            self.block = *block;
        }
    }

    /// Uniform on `[0, 1)` with 24 random bits.
    pub fn uniform(&mut self) -> f32 {
        uniform(self.bits())
    }

    /// Uniform on `[0, 1)` with 53 random bits (two words).
    pub fn uniform_f64(&mut self) -> f64 {
        let high = u64::from(self.bits() >> 5);
        let low = u64::from(self.bits() >> 6);
        ((high << 26) | low) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform on `[low, high)` in double precision.
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform_f64()
    }

    /// A uniform integer below `n > 0` (multiply-shift, bias below n / 2^32).
    pub fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(n)) >> 32) as u32
    }

    /// Two independent standard normals (Box and Muller 1958), from two words.
    pub fn normal_pair<R: Real>(&mut self) -> [R; 2] {
        // 1 - u lies in (0, 1], so that the logarithm is finite.
        let u = R::from_f32(1.0 - self.uniform());
        let angle = R::from_f32(self.uniform()) * R::from_f64(std::f64::consts::TAU);
        let radius = (R::from_f64(-2.0) * u.ln()).sqrt();
        [radius * angle.cos(), radius * angle.sin()]
    }

    /// Independent standard normals in all places: the bits of one [`Stream::normal_pair`] for every
    /// two of them, but many at once. The second of an odd last pair is thrown away.
    pub fn normals<R: Real>(&mut self, out: &mut [R]) {
        out.chunks_mut(2 * PAIRS).for_each(|some| self.some_normals(some));
    }

    fn some_normals<R: Real>(&mut self, out: &mut [R]) {
        let pairs = out.len().div_ceil(2);
        let (mut log, mut sin, mut cos) = ([R::ONE; PAIRS], [R::ZERO; PAIRS], [R::ZERO; PAIRS]);
        let mut words = [0; 2 * PAIRS];
        self.words(&mut words[..2 * pairs]);
        for (k, [u, angle]) in words.as_chunks().0.iter().enumerate() {
            log[k] = R::from_f32(1.0 - uniform(*u));
            sin[k] = R::from_f32(uniform(*angle)) * R::from_f64(std::f64::consts::TAU);
        }
        R::ln_all(&mut log[..pairs]);
        R::sin_cos_all(&mut sin[..pairs], &mut cos);
        for (k, pair) in out.chunks_mut(2).enumerate() {
            let radius = (R::from_f64(-2.0) * log[k]).sqrt();
            pair[0] = radius * cos[k];
            if let Some(second) = pair.get_mut(1) {
                *second = radius * sin[k];
            }
        }
    }
}

/// A word as a number on `[0, 1)`, by its upper 24 bits.
fn uniform(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Pairs of normals that are computed at once.
const PAIRS: usize = 32;
/// Blocks of four words that are computed at once.
const BLOCKS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Known-answer vectors published with Random123 (philox4x32, 10 rounds).
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn seek_continues_the_same_stream() {
        let mut a = Stream::new(3, Purpose::Test, 1, 2);
        let words: Vec<u32> = (0..13).map(|_| a.bits()).collect();
        for start in 0..13 {
            let mut b = Stream::new(3, Purpose::Test, 1, 2);
            b.seek(start);
            assert_eq!(b.bits(), words[start as usize]);
        }
    }

    #[test]
    fn many_words_are_those_of_one_by_one() {
        let mut one = Stream::new(3, Purpose::Test, 1, 2);
        let mut many = one.clone();
        for count in [0, 3, 1, 16, 5, 2, 33, 64, 1] {
            let mut words = vec![0; count];
            many.words(&mut words);
            assert_eq!(words, (0..count).map(|_| one.bits()).collect::<Vec<u32>>());
            assert_eq!(many, one, "{count}");
        }
    }

    #[test]
    fn many_normals_are_pairs() {
        fn check<R: Real>(count: usize) {
            let mut one = Stream::new(5, Purpose::Test, 0, 0);
            let mut many = one.clone();
            let pairs: Vec<R> =
                (0..count.div_ceil(2)).flat_map(|_| one.normal_pair::<R>()).collect();
            let mut normals = vec![R::ZERO; count];
            many.normals(&mut normals);
            assert_eq!(normals, pairs[..count]);
            assert_eq!(one, many);
        }
        for count in [0, 1, 2, 7, 2 * PAIRS, 2 * PAIRS + 1, 5 * PAIRS] {
            check::<f32>(count);
            check::<f64>(count);
        }
    }

    #[test]
    fn normal_moments() {
        let mut s = Stream::new(7, Purpose::Test, 0, 0);
        let n = 200_000;
        let x: Vec<f64> = (0..n / 2).flat_map(|_| s.normal_pair::<f64>()).collect();
        let mean = x.iter().sum::<f64>() / f64::from(n);
        let var = x.iter().map(|v| v * v).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 5.0 / f64::from(n).sqrt());
        assert!((var - 1.0).abs() < 5.0 * (2.0 / f64::from(n)).sqrt());
    }
}
