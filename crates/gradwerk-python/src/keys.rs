//! All settings with their types and help, for the typed keywords of the Python package.

use gradwerk::Config;
use gradwerk::layers::Schema;
use gradwerk::layers::schema::{Form, Node};
use pyo3::prelude::*;
use std::collections::BTreeSet;

/// Key (dots as two underscores), type as Python writes it, help.
type Key = (String, String, String);

/// Every setting: the sections as dictionaries, and each field of a section, of whichever kind.
#[pyfunction]
pub fn setting_keys() -> Vec<Key> {
    let schema = Schema::of::<Config>();
    let mut keys: Vec<Key> = Vec::new();
    for (name, node) in schema.root().properties() {
        keys.push((name.to_owned(), type_of(node), help(node)));
        for (field, node) in fields(node) {
            let key = format!("{name}__{field}");
            match keys.iter_mut().find(|known| known.0 == key) {
                // Kinds may have fields of one name and of several types.
                Some(known) => known.1 = union([known.1.clone(), type_of(node)]),
                None => keys.push((key, type_of(node), help(node))),
            }
        }
    }
    keys
}

fn help(node: Node<'_>) -> String {
    node.description().unwrap_or_default().to_owned()
}

/// The fields of a section, those of all its kinds if it has any.
fn fields(node: Node<'_>) -> Vec<(&str, Node<'_>)> {
    let mut all = Vec::new();
    for form in node.forms() {
        match form {
            Form::Table(fields) => all.extend(fields),
            Form::Tagged(_, kinds) => {
                kinds.into_iter().for_each(|(_, kind)| all.extend(kind.properties()));
            }
            _ => {}
        }
    }
    all
}

fn type_of(node: Node<'_>) -> String {
    union(node.forms().into_iter().map(|form| match form {
        Form::Bool => "bool".into(),
        Form::Integer(_) => "int".into(),
        Form::Number => "float".into(),
        Form::Text => "str".into(),
        Form::Choice(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            format!("Literal[{}]", words.join(", "))
        }
        Form::Array(item) => format!("Sequence[{}]", type_of(item)),
        Form::Table(_) | Form::Open | Form::Tagged(..) => "dict[str, Any]".into(),
    }))
}

/// Several types as one; texts that are chosen from are merged.
fn union(types: impl IntoIterator<Item = String>) -> String {
    let (mut words, mut others) = (BTreeSet::new(), BTreeSet::new());
    for part in types.into_iter().flat_map(|t| split(&t)) {
        match part.strip_prefix("Literal[").and_then(|list| list.strip_suffix(']')) {
            Some(list) => words.extend(list.split(", ").map(str::to_owned)),
            None => {
                others.insert(part);
            }
        }
    }
    if !words.is_empty() {
        let words: Vec<String> = words.into_iter().collect();
        others.insert(format!("Literal[{}]", words.join(", ")));
    }
    let others: Vec<String> = others.into_iter().collect();
    if others.is_empty() { "Any".into() } else { others.join(" | ") }
}

fn split(union: &str) -> Vec<String> {
    union.split(" | ").map(str::to_owned).collect()
}
