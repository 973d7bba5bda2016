//! The loops over numbers, written once over vectors ([`gradwerk_math::simd`]).
//!
//! Every function takes slices, checks their lengths once and dispatches on the kernel; `unsafe`
//! lives below those checks.

mod elementwise;
mod flat;
mod gates;
mod gathered;
mod gemm;
mod narrow;
mod transpose;

pub use elementwise::{activate, activate_in_place, add, cos, exp, multiply_derivative, sum_rows};
pub(crate) use flat::{Update, update};
pub use flat::{norm, scale};
pub(crate) use gates::{GatesForward, GatesJvp, GatesVjp};
pub use gathered::{Gathered, PANEL, RowAt, TermAt};
pub use gemm::{Gemm, Start};
pub use narrow::{NARROW, NarrowGradient, NarrowProduct};
pub use transpose::transpose;
