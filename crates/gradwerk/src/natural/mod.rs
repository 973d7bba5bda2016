//! Natural gradients: the direction `F^-1 g` of steepest ascent per unit of KL divergence
//! (Amari 1998; Kakade 2001), by conjugate gradients over products with the Fisher matrix.

mod conjugate_gradient;
mod direction;
mod value_fit;

pub use conjugate_gradient::{ConjugateGradient, Solution, Stop};
pub use direction::{NaturalDirection, NaturalGradient, NaturalStats};
pub use value_fit::ValueFit;
