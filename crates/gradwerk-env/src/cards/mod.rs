//! Card games with hundreds of actions, few of which are possible at a time.

mod pyramid;

pub use pyramid::Pyramid;
