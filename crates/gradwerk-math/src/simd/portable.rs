//! Plain arrays: works everywhere, never fuses a multiplication with an addition.

use super::{Bits, Simd};

/// `N` numbers in an array; `N` is a power of two.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct Portable<E, const N: usize>(pub [E; N]);

impl<E: Copy, const N: usize> Portable<E, N> {
    /// `f` of every lane.
    #[inline(always)]
    #[must_use]
    pub fn map<T>(self, f: impl Fn(E) -> T) -> Portable<T, N> {
        Portable(self.0.map(f))
    }

    #[inline(always)]
    fn zip<T>(self, b: Self, f: impl Fn(E, E) -> T) -> [T; N] {
        std::array::from_fn(|i| f(self.0[i], b.0[i]))
    }
}

macro_rules! portable {
    ($e:ty) => {
        impl<const N: usize> Simd for Portable<$e, N> {
            type E = $e;
            type Mask = [bool; N];
            const LANES: usize = N;
            const BLOCK_ROWS: usize = 4;
            const BLOCK_VECTORS: usize = 2;

            #[inline(always)]
            unsafe fn splat(x: $e) -> Self {
                Self([x; N])
            }
            #[inline(always)]
            unsafe fn load(source: *const $e) -> Self {
                // SAFETY: the caller promises N readable numbers; arrays need no more alignment.
                Self(unsafe { source.cast::<[$e; N]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn load_part(source: *const $e, count: usize) -> Self {
                let mut lanes = [0.0; N];
                // SAFETY: the caller promises `count <= N` readable numbers.
                unsafe { std::ptr::copy_nonoverlapping(source, lanes.as_mut_ptr(), count) };
                Self(lanes)
            }
            #[inline(always)]
            unsafe fn store(self, target: *mut $e) {
                // SAFETY: the caller promises N writable numbers.
                unsafe { target.cast::<[$e; N]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn store_part(self, target: *mut $e, count: usize) {
                // SAFETY: the caller promises `count <= N` writable numbers.
                unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), target, count) };
            }
            #[inline(always)]
            fn lift(self, x: $e) -> Self {
                Self([x; N])
            }
            #[inline(always)]
            fn add(self, b: Self) -> Self {
                Self(self.zip(b, |x, y| x + y))
            }
            #[inline(always)]
            fn sub(self, b: Self) -> Self {
                Self(self.zip(b, |x, y| x - y))
            }
            #[inline(always)]
            fn mul(self, b: Self) -> Self {
                Self(self.zip(b, |x, y| x * y))
            }
            #[inline(always)]
            fn div(self, b: Self) -> Self {
                Self(self.zip(b, |x, y| x / y))
            }
            #[inline(always)]
            fn neg(self) -> Self {
                self.map(|x| -x)
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                self.mul(b).add(c)
            }
            #[inline(always)]
            fn min(self, b: Self) -> Self {
                Self(self.zip(b, |x, y| if x < y { x } else { y }))
            }
            #[inline(always)]
            fn max(self, b: Self) -> Self {
                Self(self.zip(b, |x, y| if x > y { x } else { y }))
            }
            #[inline(always)]
            fn abs(self) -> Self {
                self.map(<$e>::abs)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.map(<$e>::sqrt)
            }
            #[inline(always)]
            fn sum(self) -> $e {
                let (mut lanes, mut len) = (self.0, N);
                while len > 1 {
                    len /= 2;
                    for i in 0..len {
                        lanes[i] += lanes[i + len];
                    }
                }
                lanes[0]
            }
            #[inline(always)]
            fn lt(self, b: Self) -> [bool; N] {
                self.zip(b, |x, y| x < y)
            }
            #[inline(always)]
            fn le(self, b: Self) -> [bool; N] {
                self.zip(b, |x, y| x <= y)
            }
            #[inline(always)]
            fn select(mask: [bool; N], yes: Self, no: Self) -> Self {
                Self(std::array::from_fn(|i| if mask[i] { yes.0[i] } else { no.0[i] }))
            }
        }
    };
}

portable!(f32);
portable!(f64);

impl<const N: usize> Bits for Portable<f32, N> {
    #[inline(always)]
    fn lift_bits(self, bits: u32) -> Self {
        Self([f32::from_bits(bits); N])
    }
    #[inline(always)]
    fn and(self, b: Self) -> Self {
        Self(self.zip(b, |x, y| f32::from_bits(x.to_bits() & y.to_bits())))
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        Self(self.zip(b, |x, y| f32::from_bits(x.to_bits() | y.to_bits())))
    }
    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        Self(self.zip(b, |x, y| f32::from_bits(x.to_bits() ^ y.to_bits())))
    }
    #[inline(always)]
    fn shift_left<const S: i32>(self) -> Self {
        self.map(|x| f32::from_bits(x.to_bits() << S))
    }
    #[inline(always)]
    fn shift_right<const S: i32>(self) -> Self {
        self.map(|x| f32::from_bits(x.to_bits() >> S))
    }
}
