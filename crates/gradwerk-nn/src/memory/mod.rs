//! Networks that remember: recurrent layers.
//!
//! A layer of `u` units reads `x_t` and what it put out before, `h_{t-1}`, both as rows; `*` is
//! the product element by element, `s` the logistic function.
//!
//! **Gated recurrent unit** (Cho et al. 2014, "Learning phrase representations using RNN
//! encoder-decoder"), in the variant of cuDNN and most libraries that resets behind the recurrent
//! product, so that one product serves all gates:
//!
//! ```text
//! m_t = h_{t-1} U_m + b_m                   recurrent part of the new value
//! r_t = s(x_t W_r + h_{t-1} U_r + b_r)      reset
//! z_t = s(x_t W_z + h_{t-1} U_z + b_z)      update
//! n_t = tanh(x_t W_n + b_n + r_t * m_t)     new value
//! h_t = (1 - z_t) * n_t + z_t * h_{t-1}
//! ```
//!
//! Parameters: `input.weight` `[inputs, 3u]` is `W_r | W_z | W_n`, `recurrent.weight` `[u, 3u]` is
//! `U_m | U_r | U_z`, `input.bias` `[3u]` is `b_r | b_z | b_n`, `recurrent.bias` `[u]` is `b_m`. The
//! memory is `h`.
//!
//! **Long short-term memory** (Hochreiter and Schmidhuber 1997; forget gate of Gers, Schmidhuber
//! and Cummins 2000, whose bias starts at 1, so that at first much is kept):
//!
//! ```text
//! i_t = s(x_t W_i + h_{t-1} U_i + b_i)      input gate
//! f_t = s(x_t W_f + h_{t-1} U_f + b_f)      forget gate
//! g_t = tanh(x_t W_g + h_{t-1} U_g + b_g)   cell input
//! o_t = s(x_t W_o + h_{t-1} U_o + b_o)      output gate
//! c_t = f_t * c_{t-1} + i_t * g_t           cell
//! h_t = o_t * tanh(c_t)
//! ```
//!
//! Parameters: `input.weight` `[inputs, 4u]` and `recurrent.weight` `[u, 4u]` with the columns
//! `i | f | g | o`; `bias.input`, `bias.forget`, `bias.cell`, `bias.output` `[u]` each. The memory
//! is `h | c`.
//!
//! Recurrent weights start orthogonal gate by gate, so that what is remembered neither grows nor
//! fades at first.

mod config;
mod recurrent;
#[cfg(test)]
mod tests;

pub use config::{MEMORIES, MemoryConfig, NoMemory, RecurrentConfig};
pub(crate) use recurrent::{Cell, Recurrent};
