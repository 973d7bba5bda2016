//! Which instruction set computes.

use std::fmt;
use std::str::FromStr;

use super::{Job, Portable};

/// An instruction set that this processor has.
///
/// A value is the proof: other crates get the fast ones only from [`Kernel::detect`],
/// [`Kernel::available`] and parsing, which ask the processor first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Plain Rust without fused multiplication: the same bits on every machine.
    Portable,
    /// AVX2 and FMA: 8 numbers of 32 bits.
    #[non_exhaustive]
    Avx2,
    /// AVX-512 F and DQ: 16 numbers of 32 bits.
    #[non_exhaustive]
    Avx512,
}

/// A kernel name that is unknown or whose instructions this processor lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKernel(String);

impl fmt::Display for UnknownKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Kernel::available().map(Kernel::name).collect();
        let (name, names) = (&self.0, names.join(", "));
        write!(f, "unknown or unavailable kernel `{name}`, expected one of auto, {names}")
    }
}

impl std::error::Error for UnknownKernel {}

impl Kernel {
    const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The fastest kernel of this processor.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::Portable)
    }

    /// All kernels of this processor, the slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|k| k.supported())
    }

    /// Its name on the command line and in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn supported(self) -> bool {
        match self {
            Self::Portable => true,
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq")
            }
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn supported(self) -> bool {
        self == Self::Portable
    }

    /// Run a job with the vectors of this kernel.
    #[inline]
    pub fn run<J: Job<f32>>(self, job: J) -> J::Out {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a fast kernel only exists where the processor was asked (see the type).
            Self::Avx2 => unsafe { super::x86::run_avx2(job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Self::Avx512 => unsafe { super::x86::run_avx512(job) },
            _ => job.run(Portable([0.0_f32; 8])),
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kernel {
    type Err = UnknownKernel;

    fn from_str(name: &str) -> Result<Self, UnknownKernel> {
        if name == "auto" {
            return Ok(Self::detect());
        }
        Self::available().find(|k| k.name() == name).ok_or_else(|| UnknownKernel(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_errors_list_the_choices() {
        for kernel in Kernel::available() {
            assert_eq!(kernel.name().parse(), Ok(kernel));
        }
        assert_eq!("auto".parse(), Ok(Kernel::detect()));
        let error = "sse9".parse::<Kernel>().unwrap_err().to_string();
        assert!(error.contains("`sse9`") && error.contains("auto, portable"), "{error}");
    }
}
