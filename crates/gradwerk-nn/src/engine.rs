//! The scalar type that a network computes in.

use gradwerk_math::simd::{Job, Portable};
use gradwerk_math::{Kernel, Real};

/// A scalar with vectors: `f32` runs on the kernel asked for, `f64` is the reference that runs the
/// same generic code on plain arrays, whatever the kernel.
pub trait Engine: Real {
    /// Run `job` with the vectors of `kernel`.
    fn run<J: Job<Self>>(kernel: Kernel, job: J) -> J::Out;
}

impl Engine for f32 {
    #[inline]
    fn run<J: Job<Self>>(kernel: Kernel, job: J) -> J::Out {
        kernel.run(job)
    }
}

impl Engine for f64 {
    #[inline]
    fn run<J: Job<Self>>(_: Kernel, job: J) -> J::Out {
        job.run(Portable([0.0_f64; 4]))
    }
}
