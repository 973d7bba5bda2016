//! Networks over one flat parameter vector.
#![warn(missing_docs)]
