//! The command line of gradwerk.
fn main() {}
