//! Finite problems from files: TOML (`.mdp.toml`) and JSON (`.mdp.json`).
//!
//! Both are read into the same [`tree`] of values with lines, from which one reader builds the
//! table. Unknown keys, wrong types and unknown states are errors with file and line, and so
//! is what [`Mdp::validate`] finds. The format is described in `docs/mdp-files.md`.

mod read;

use super::Mdp;
use crate::tree::{self, FileError};
use std::path::Path;

/// Endings of the names of such files.
pub const ENDINGS: [&str; 2] = [".mdp.toml", ".mdp.json"];

/// Whether the name of an environment is that of a file with a finite problem.
#[must_use]
pub fn is_mdp_file(id: &str) -> bool {
    ENDINGS.iter().any(|ending| id.ends_with(ending))
}

/// Read and check the problem in a file; its name is the format.
///
/// # Errors
/// If the file cannot be read, or is not a valid problem.
pub fn load(path: &Path) -> Result<Mdp, FileError> {
    let file = path.display().to_string();
    parse(&tree::read(&file)?, &file)
}

/// Build and check the problem of a text that errors call `file`: JSON if that ends so, else
/// TOML.
///
/// # Errors
/// If the text is not a valid problem.
pub fn parse(text: &str, file: &str) -> Result<Mdp, FileError> {
    let problem = tree::parse(text, file).and_then(|root| read::problem(&root, file));
    problem.map_err(|fault| FileError::at(file, fault))
}
