//! The vectors of x86-64: AVX2 with FMA, and AVX-512.

use std::arch::x86_64::*;

use super::{Bits, Job, Simd};

/// Eight `f32` in an AVX2 register.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Avx2(__m256);

/// Sixteen `f32` in an AVX-512 register.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Avx512(__m512);

/// Run a job with AVX2 vectors.
///
/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run_avx2<J: Job<f32>>(job: J) -> J::Out {
    job.run(Avx2(_mm256_setzero_ps()))
}

/// Run a job with AVX-512 vectors.
///
/// # Safety
/// The processor must have AVX-512 F and DQ (and with them AVX2 and FMA).
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) unsafe fn run_avx512<J: Job<f32>>(job: J) -> J::Out {
    job.run(Avx512(_mm512_setzero_ps()))
}

/// `Self(intrinsic(arguments))` for intrinsics that read and write registers only.
macro_rules! op {
    ($f:ident($($x:expr),*)) => {
        // SAFETY: the vector at hand proves that the processor has the instruction.
        unsafe { $f($($x),*) }
    };
}

/// Lanes below `count` have the sign bit set: what masked loads and stores look at.
#[inline(always)]
unsafe fn first8(count: usize) -> __m256i {
    // SAFETY: the caller promises AVX2.
    unsafe {
        let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lane)
    }
}

#[inline(always)]
fn first16(count: usize) -> __mmask16 {
    ((1_u32 << count) - 1) as __mmask16
}

/// Eight rows of eight numbers, transposed in registers: pairs, quadruples, halves.
#[inline(always)]
unsafe fn transpose_8x8(
    source: *const f32,
    source_stride: usize,
    target: *mut f32,
    target_stride: usize,
) {
    // SAFETY: the caller promises AVX2 and both blocks.
    unsafe {
        let mut r = [_mm256_setzero_ps(); 8];
        for (i, row) in r.iter_mut().enumerate() {
            *row = _mm256_loadu_ps(source.add(i * source_stride));
        }
        let mut pairs = r;
        for i in (0..8).step_by(2) {
            pairs[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
            pairs[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
        }
        // fours[4 h + c] has columns c and c + 4 of the rows 4 h to 4 h + 3.
        let mut fours = r;
        for i in [0, 4] {
            fours[i] = _mm256_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
            fours[i + 1] = _mm256_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
            fours[i + 2] = _mm256_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
            fours[i + 3] = _mm256_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
        }
        for j in 0..4 {
            let low = _mm256_permute2f128_ps::<0x20>(fours[j], fours[j + 4]);
            let high = _mm256_permute2f128_ps::<0x31>(fours[j], fours[j + 4]);
            _mm256_storeu_ps(target.add(j * target_stride), low);
            _mm256_storeu_ps(target.add((j + 4) * target_stride), high);
        }
    }
}

impl Simd for Avx2 {
    type E = f32;
    type Mask = __m256;
    const LANES: usize = 8;
    // 6 x 2 accumulators, 2 vectors of B and 1 of A: 15 of the 16 registers.
    const BLOCK_ROWS: usize = 6;
    const BLOCK_VECTORS: usize = 2;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller promises AVX2.
        Self(unsafe { _mm256_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller promises AVX2 and 8 readable numbers.
        Self(unsafe { _mm256_loadu_ps(source) })
    }
    #[inline(always)]
    unsafe fn load_part(source: *const f32, count: usize) -> Self {
        // SAFETY: the caller promises AVX2 and `count` readable numbers; masked lanes are not read.
        Self(unsafe { _mm256_maskload_ps(source, first8(count)) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: the caller promises 8 writable numbers.
        unsafe { _mm256_storeu_ps(target, self.0) }
    }
    #[inline(always)]
    unsafe fn store_part(self, target: *mut f32, count: usize) {
        // SAFETY: the caller promises `count` writable numbers; masked lanes are not written.
        unsafe { _mm256_maskstore_ps(target, first8(count), self.0) }
    }
    #[inline(always)]
    fn lift(self, x: f32) -> Self {
        Self(op!(_mm256_set1_ps(x)))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(op!(_mm256_add_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Self(op!(_mm256_sub_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self(op!(_mm256_mul_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        Self(op!(_mm256_div_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn neg(self) -> Self {
        self.xor(self.lift(-0.0))
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(op!(_mm256_fmadd_ps(self.0, b.0, c.0)))
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        Self(op!(_mm256_min_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        Self(op!(_mm256_max_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.and(self.lift_bits(0x7fff_ffff))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(op!(_mm256_sqrt_ps(self.0)))
    }
    #[inline(always)]
    unsafe fn transpose_8x8(
        source: *const f32,
        source_stride: usize,
        target: *mut f32,
        target_stride: usize,
    ) {
        // SAFETY: the caller's promise, which includes AVX2.
        unsafe { transpose_8x8(source, source_stride, target, target_stride) }
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: the vector at hand proves that the processor has the instructions.
        unsafe {
            let four =
                _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn lt(self, b: Self) -> __m256 {
        // SAFETY: the vector at hand proves that the processor has the instruction.
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, b.0) }
    }
    #[inline(always)]
    fn le(self, b: Self) -> __m256 {
        // SAFETY: the vector at hand proves that the processor has the instruction.
        unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, b.0) }
    }
    #[inline(always)]
    fn select(mask: __m256, yes: Self, no: Self) -> Self {
        Self(op!(_mm256_blendv_ps(no.0, yes.0, mask)))
    }
}

impl Bits for Avx2 {
    #[inline(always)]
    fn lift_bits(self, bits: u32) -> Self {
        self.lift(f32::from_bits(bits))
    }
    #[inline(always)]
    fn and(self, b: Self) -> Self {
        Self(op!(_mm256_and_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        Self(op!(_mm256_or_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        Self(op!(_mm256_xor_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn shift_left<const N: i32>(self) -> Self {
        // SAFETY: the vector at hand proves that the processor has the instruction.
        Self(unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<N>(_mm256_castps_si256(self.0))) })
    }
    #[inline(always)]
    fn shift_right<const N: i32>(self) -> Self {
        // SAFETY: the vector at hand proves that the processor has the instruction.
        Self(unsafe { _mm256_castsi256_ps(_mm256_srli_epi32::<N>(_mm256_castps_si256(self.0))) })
    }
}

impl Simd for Avx512 {
    type E = f32;
    type Mask = __mmask16;
    const LANES: usize = 16;
    // 6 x 4 accumulators, 4 vectors of B and 1 of A: 29 of the 32 registers.
    const BLOCK_ROWS: usize = 6;
    const BLOCK_VECTORS: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller promises AVX-512.
        Self(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller promises AVX-512 and 16 readable numbers.
        Self(unsafe { _mm512_loadu_ps(source) })
    }
    #[inline(always)]
    unsafe fn load_part(source: *const f32, count: usize) -> Self {
        // SAFETY: the caller promises AVX-512 and `count` readable numbers; others are not read.
        Self(unsafe { _mm512_maskz_loadu_ps(first16(count), source) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: the caller promises 16 writable numbers.
        unsafe { _mm512_storeu_ps(target, self.0) }
    }
    #[inline(always)]
    unsafe fn store_part(self, target: *mut f32, count: usize) {
        // SAFETY: the caller promises `count` writable numbers; the others are not written.
        unsafe { _mm512_mask_storeu_ps(target, first16(count), self.0) }
    }
    #[inline(always)]
    fn lift(self, x: f32) -> Self {
        Self(op!(_mm512_set1_ps(x)))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(op!(_mm512_add_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Self(op!(_mm512_sub_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self(op!(_mm512_mul_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        Self(op!(_mm512_div_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn neg(self) -> Self {
        self.xor(self.lift(-0.0))
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(op!(_mm512_fmadd_ps(self.0, b.0, c.0)))
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        Self(op!(_mm512_min_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        Self(op!(_mm512_max_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.and(self.lift_bits(0x7fff_ffff))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(op!(_mm512_sqrt_ps(self.0)))
    }
    #[inline(always)]
    unsafe fn transpose_8x8(
        source: *const f32,
        source_stride: usize,
        target: *mut f32,
        target_stride: usize,
    ) {
        // SAFETY: the caller's promise, which includes AVX2.
        unsafe { transpose_8x8(source, source_stride, target, target_stride) }
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: the vector at hand proves that the processor has the instructions.
        let halves = unsafe {
            let high = _mm512_extractf32x8_ps::<1>(self.0);
            _mm256_add_ps(_mm512_castps512_ps256(self.0), high)
        };
        Avx2(halves).sum()
    }
    #[inline(always)]
    fn lt(self, b: Self) -> __mmask16 {
        // SAFETY: the vector at hand proves that the processor has the instruction.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, b.0) }
    }
    #[inline(always)]
    fn le(self, b: Self) -> __mmask16 {
        // SAFETY: the vector at hand proves that the processor has the instruction.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, b.0) }
    }
    #[inline(always)]
    fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
        Self(op!(_mm512_mask_blend_ps(mask, no.0, yes.0)))
    }
}

impl Bits for Avx512 {
    #[inline(always)]
    fn lift_bits(self, bits: u32) -> Self {
        self.lift(f32::from_bits(bits))
    }
    #[inline(always)]
    fn and(self, b: Self) -> Self {
        Self(op!(_mm512_and_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        Self(op!(_mm512_or_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        Self(op!(_mm512_xor_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn shift_left<const N: i32>(self) -> Self {
        // SAFETY: the vector at hand proves that the processor has the instruction.
        Self(unsafe { _mm512_castsi512_ps(shift_left::<N>(_mm512_castps_si512(self.0))) })
    }
    #[inline(always)]
    fn shift_right<const N: i32>(self) -> Self {
        // SAFETY: the vector at hand proves that the processor has the instruction.
        Self(unsafe { _mm512_castsi512_ps(shift_right::<N>(_mm512_castps_si512(self.0))) })
    }
}

// The AVX-512 intrinsics take the shift as u32; a count vector avoids a second const parameter.
#[inline(always)]
unsafe fn shift_left<const N: i32>(x: __m512i) -> __m512i {
    // SAFETY: the caller promises AVX-512.
    unsafe { _mm512_sllv_epi32(x, _mm512_set1_epi32(N)) }
}

#[inline(always)]
unsafe fn shift_right<const N: i32>(x: __m512i) -> __m512i {
    // SAFETY: the caller promises AVX-512.
    unsafe { _mm512_srlv_epi32(x, _mm512_set1_epi32(N)) }
}
