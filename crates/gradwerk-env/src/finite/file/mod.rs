//! Finite problems from files: TOML (`.mdp.toml`) and JSON (`.mdp.json`).
//!
//! Both are read into the same tree of values with lines (`node.rs`), from which one reader builds
//! the table. Unknown keys, wrong types and unknown states are errors with file and line, and so
//! is what [`Mdp::validate`] finds. The format is described in `docs/mdp-files.md`.

mod json;
mod node;
mod read;
mod toml;

use super::Mdp;
use std::path::Path;

/// Endings of the names of such files.
pub const ENDINGS: [&str; 2] = [".mdp.toml", ".mdp.json"];

/// Whether the name of an environment is that of a file with a finite problem.
#[must_use]
pub fn is_mdp_file(id: &str) -> bool {
    ENDINGS.iter().any(|ending| id.ends_with(ending))
}

/// A file that is not a finite problem: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {what}", .line.map_or_else(String::new, |line| format!(":{line}")))]
pub struct MdpFileError {
    /// The file.
    pub file: String,
    /// The line, from 1; `None` if the file could not be read.
    pub line: Option<usize>,
    /// What is wrong, with the value and what is expected.
    pub what: String,
}

/// Read and check the problem in a file; its name is the format.
///
/// # Errors
/// If the file cannot be read, or is not a valid problem.
pub fn load(path: &Path) -> Result<Mdp, MdpFileError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, &file),
        Err(error) => Err(MdpFileError { file, line: None, what: format!("cannot read: {error}") }),
    }
}

/// Build and check the problem of a text that errors call `file`: JSON if that ends so, else
/// TOML.
///
/// # Errors
/// If the text is not a valid problem.
pub fn parse(text: &str, file: &str) -> Result<Mdp, MdpFileError> {
    let root = if file.ends_with(".json") { json::parse(text) } else { toml::parse(text) };
    root.and_then(|root| read::problem(&root, file)).map_err(|(line, what)| MdpFileError {
        file: file.into(),
        line: Some(line),
        what,
    })
}

/// The line (from 1) in which a byte stands.
fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte.min(text.len())].iter().filter(|b| **b == b'\n').count()
}
