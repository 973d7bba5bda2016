//! Files of users as trees of values with lines, whatever their format (TOML, or JSON where the
//! name ends so): what is wrong in a file is said with its line, the value and what is expected.

mod json;
mod node;
mod toml;

pub use node::{Fault, Fields, Node, Value};

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {what}", .line.map_or_else(String::new, |line| format!(":{line}")))]
pub struct FileError {
    /// The file.
    pub file: String,
    /// The line, from 1; `None` if the file could not be read.
    pub line: Option<usize>,
    /// What is wrong, with the value and what is expected.
    pub what: String,
}

impl FileError {
    /// What is wrong in a line of a file.
    #[must_use]
    pub fn at(file: &str, (line, what): Fault) -> Self {
        Self { file: file.into(), line: Some(line), what }
    }
}

/// The text of a file.
///
/// # Errors
/// If it cannot be read.
pub fn read(file: &str) -> Result<String, FileError> {
    std::fs::read_to_string(file).map_err(|error| {
        let what = format!("cannot read: {error}");
        FileError { file: file.into(), line: None, what }
    })
}

/// The tree of a text that errors call `file`: JSON if that ends so, else TOML.
///
/// # Errors
/// If the text is not valid in that format.
pub fn parse(text: &str, file: &str) -> Result<Node, Fault> {
    if file.ends_with(".json") { json::parse(text) } else { toml::parse(text) }
}

/// The line (from 1) in which a byte stands.
fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte.min(text.len())].iter().filter(|b| **b == b'\n').count()
}
