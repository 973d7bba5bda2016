//! Settings in layers: defaults < algorithm defaults < preset < file < `--set` < flags.
//!
//! Every leaf remembers the layer it came from, so that an error can say which line or flag to
//! change. When a layer selects another `kind` in a section whose fields depend on the kind
//! (`[algo]`, `[network]`, ...), what lower layers said about that section is dropped: numbers
//! tuned for one kind mean nothing for another.

mod check;
pub mod differ;
pub mod document;
pub mod origin;
pub mod presets;
mod print;
pub mod resolve;
pub mod schema;
pub mod suggest;

pub use document::Leaf;
pub use origin::Origin;
pub use presets::{PRESETS, Preset};
pub use resolve::{Resolved, Sources};
pub use schema::Schema;

use schema::Form;
use toml::{Table, Value};

/// A configuration that cannot be used: the message names the value, its origin and the valid
/// choices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LayerError {
    message: String,
}

impl LayerError {
    /// An error with this message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Layers merged so far, each leaf with its origin.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    leaves: Vec<Leaf>,
}

impl Merged {
    /// Put a layer on top.
    ///
    /// # Errors
    /// If the layer says something twice on the command line.
    pub fn push(&mut self, layer: Vec<Leaf>, schema: &Schema) -> Result<(), LayerError> {
        layer.iter().try_for_each(|leaf| self.refuse_twice(leaf))?;
        let (kinds, fields): (Vec<_>, Vec<_>) =
            layer.into_iter().partition(|leaf| tag_of(schema, &leaf.path));
        for kind in kinds {
            let section = &kind.path[..kind.path.len() - 1];
            if self.value(&kind.path).is_some_and(|old| *old != kind.value) {
                // What the user typed stays, so that a field of the wrong kind is reported.
                self.leaves.retain(|old| !old.path.starts_with(section) || old.origin.is_given());
            }
            self.set(kind);
        }
        fields.into_iter().for_each(|leaf| self.set(leaf));
        Ok(())
    }

    /// Nobody means to say two things about one setting on a command line.
    fn refuse_twice(&self, leaf: &Leaf) -> Result<(), LayerError> {
        let twice = |old: &&Leaf| old.origin.is_given() && overlap(old, leaf);
        match self.leaves.iter().find(twice) {
            Some(old) if leaf.origin.is_given() => {
                let key = leaf.path.join(".");
                let message = format!("{key} is given twice: {} and {}", old.origin, leaf.origin);
                Err(LayerError::new(message))
            }
            _ => Ok(()),
        }
    }

    /// Set one leaf in place of whatever stood at, above or below its path.
    fn set(&mut self, leaf: Leaf) {
        self.open_number(&leaf.path);
        match self.leaves.iter_mut().find(|old| old.path == leaf.path) {
            Some(old) => *old = leaf,
            None => {
                self.leaves.retain(|old| !overlap(old, &leaf));
                self.leaves.push(leaf);
            }
        }
    }

    /// A number of which a layer sets a part becomes the start of a schedule, so that
    /// `--set lr.end=0` anneals whatever learning rate lies below.
    fn open_number(&mut self, path: &[String]) {
        let number = |old: &&mut Leaf| {
            old.path.len() < path.len()
                && path.starts_with(&old.path)
                && (old.value.is_float() || old.value.is_integer())
        };
        if let Some(old) = self.leaves.iter_mut().find(number) {
            old.path.push("start".into());
        }
    }

    /// The value at a path, if a layer set it.
    #[must_use]
    pub fn value<S: AsRef<str>>(&self, path: &[S]) -> Option<&Value> {
        let same =
            |leaf: &&Leaf| leaf.path.iter().map(String::as_str).eq(path.iter().map(AsRef::as_ref));
        self.leaves.iter().find(same).map(|leaf| &leaf.value)
    }

    /// Where the value at a path (or the first below it) came from; `None` for defaults.
    #[must_use]
    pub fn origin(&self, path: &[String]) -> Option<&Origin> {
        let at = |leaf: &&Leaf| leaf.path.starts_with(path) || path.starts_with(&leaf.path);
        let found = self.leaves.iter().filter(at).map(|leaf| &leaf.origin);
        found.filter(|origin| **origin != Origin::Default).max_by_key(|o| rank(o))
    }

    /// All leaves in the order in which they were first set.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The merged table, checked against the schema.
    ///
    /// # Errors
    /// The first unknown key or unfit value, with its origin and what is valid there.
    pub fn table(&self, schema: &Schema) -> Result<Table, LayerError> {
        let mut table = Table::new();
        self.leaves.iter().for_each(|leaf| insert(&mut table, &leaf.path, leaf.value.clone()));
        check::check(&mut table, schema.root(), self)?;
        Ok(table)
    }
}

fn overlap(a: &Leaf, b: &Leaf) -> bool {
    a.path.starts_with(&b.path) || b.path.starts_with(&a.path)
}

/// The later layer explains more.
fn rank(origin: &Origin) -> usize {
    match origin {
        Origin::Default => 0,
        Origin::Algorithm(_) => 1,
        Origin::Preset(..) => 2,
        Origin::File(..) => 3,
        Origin::Given(_) => 4,
    }
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            table.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = table.entry(name.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Whether the path is the tag of a section whose fields depend on it.
fn tag_of(schema: &Schema, path: &[String]) -> bool {
    let [section, name] = path else { return false };
    let fields = schema.root().properties();
    let node = fields.into_iter().find(|(key, _)| key == section);
    node.is_some_and(|(_, node)| {
        node.forms().iter().any(|form| matches!(form, Form::Tagged(tag, _) if tag == name))
    })
}

/// A value as TOML writes it.
#[must_use]
pub fn show(value: &Value) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests;
