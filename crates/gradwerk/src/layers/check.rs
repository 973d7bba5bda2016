//! Compare a merged configuration with the schema: names, types, choices.

use super::schema::{Form, Node};
use super::suggest;
use super::{LayerError, Merged, show};
use toml::{Table, Value};

/// Check `table` against the section `node`, turning whole floats (`1e6`) into integers where
/// an integer is expected.
///
/// # Errors
/// The first unknown key or unfit value, with its origin and what is valid there.
pub fn check(table: &mut Table, node: Node<'_>, merged: &Merged) -> Result<(), LayerError> {
    section(table, &node.properties(), &mut Vec::new(), merged)
}

fn section(
    table: &mut Table,
    fields: &[(&str, Node<'_>)],
    path: &mut Vec<String>,
    merged: &Merged,
) -> Result<(), LayerError> {
    for (key, value) in table.iter_mut() {
        path.push(key.clone());
        let Some((_, node)) = fields.iter().find(|(name, _)| name == key) else {
            let valid = suggest::expected(key, fields.iter().map(|f| f.0));
            let message = format!("unknown key {}{}: {valid}", path.join("."), merged.from(path));
            return Err(LayerError::new(message));
        };
        setting(value, *node, path, merged)?;
        path.pop();
    }
    Ok(())
}

fn setting(
    value: &mut Value,
    node: Node<'_>,
    path: &mut Vec<String>,
    merged: &Merged,
) -> Result<(), LayerError> {
    let forms = node.forms();
    let mut reason = None;
    for form in &forms {
        match fits(value, form) {
            Fit::Yes => return inside(value, form, path, merged),
            Fit::No => {}
            Fit::Almost(why) => reason = Some(why),
        }
    }
    if forms.is_empty() {
        // The schema says nothing: loading decides.
        return Ok(());
    }
    let reason = reason.unwrap_or_else(|| {
        format!("expected {}", forms.iter().map(name).collect::<Vec<_>>().join(" or "))
    });
    Err(merged.invalid(path, value, &reason))
}

enum Fit {
    Yes,
    No,
    /// The right type, an unfit value: says why.
    Almost(String),
}

fn fits(value: &mut Value, form: &Form<'_>) -> Fit {
    match (form, &*value) {
        (Form::Integer(_), Value::Float(x)) if x.fract() == 0.0 && x.abs() < 9e15 => {
            *value = Value::Integer(*x as i64);
            fits(value, form)
        }
        (Form::Integer(Some(low)), Value::Integer(i)) if i < low => {
            Fit::Almost(format!("expected a whole number, at least {low}"))
        }
        (Form::Number, Value::Float(x)) if x.is_nan() => Fit::Almost("expected a number".into()),
        (Form::Choice(words), Value::String(word)) if !words.contains(&word.as_str()) => {
            Fit::Almost(suggest::expected(word, words.iter().copied()))
        }
        (Form::Bool, Value::Boolean(_))
        | (Form::Integer(_), Value::Integer(_))
        | (Form::Number, Value::Float(_) | Value::Integer(_))
        | (Form::Text | Form::Choice(_), Value::String(_))
        | (Form::Array(_), Value::Array(_))
        | (Form::Table(_) | Form::Open | Form::Tagged(..), Value::Table(_)) => Fit::Yes,
        _ => Fit::No,
    }
}

fn inside(
    value: &mut Value,
    form: &Form<'_>,
    path: &mut Vec<String>,
    merged: &Merged,
) -> Result<(), LayerError> {
    match (form, value) {
        (Form::Array(item), Value::Array(items)) => {
            items.iter_mut().try_for_each(|value| setting(value, *item, path, merged))
        }
        (Form::Table(fields), Value::Table(table)) => section(table, fields, path, merged),
        (Form::Tagged(tag, variants), Value::Table(table)) => {
            tagged(table, tag, variants, path, merged)
        }
        _ => Ok(()),
    }
}

fn tagged(
    table: &mut Table,
    tag: &str,
    variants: &[(&str, Node<'_>)],
    path: &mut Vec<String>,
    merged: &Merged,
) -> Result<(), LayerError> {
    let names = variants.iter().map(|v| v.0);
    let Some(kind) = table.get(tag) else {
        let valid = names.collect::<Vec<_>>().join(", ");
        let message = format!("{}.{tag} is missing: expected one of {valid}", path.join("."));
        return Err(LayerError::new(message));
    };
    let word = kind.as_str().unwrap_or_default();
    match variants.iter().find(|(name, _)| *name == word) {
        Some((_, node)) => {
            let fields = node.properties();
            match table.keys().find(|key| fields.iter().all(|(name, _)| name != key)) {
                Some(key) => Err(foreign_field(key, (tag, word), variants, &fields, path, merged)),
                None => section(table, &fields, path, merged),
            }
        }
        None => {
            path.push(tag.to_owned());
            Err(merged.invalid(path, kind, &suggest::expected(word, names)))
        }
    }
}

/// A key that the chosen kind of a section does not have: where other kinds have it, they are
/// named.
fn foreign_field(
    key: &str,
    (tag, word): (&str, &str),
    variants: &[(&str, Node<'_>)],
    fields: &[(&str, Node<'_>)],
    path: &mut Vec<String>,
    merged: &Merged,
) -> LayerError {
    let has =
        |(_, node): &&(&str, Node<'_>)| node.properties().iter().any(|(name, _)| *name == key);
    let kinds: Vec<&str> = variants.iter().filter(has).map(|(kind, _)| *kind).collect();
    let section = path.join(".");
    path.push(key.to_owned());
    let valid = suggest::expected(key, fields.iter().map(|f| f.0));
    let hint = match &kinds[..] {
        [] => valid,
        kinds => {
            let kinds = kinds.join(" or ");
            format!("{valid}; a setting of {section}.{tag} = {kinds}, and it is {word}: set both")
        }
    };
    LayerError::new(format!("unknown key {section}.{key}{}: {hint}", merged.from(path)))
}

fn name(form: &Form<'_>) -> String {
    match form {
        Form::Bool => "true or false".into(),
        Form::Integer(Some(low)) => format!("a whole number, at least {low}"),
        Form::Integer(None) => "a whole number".into(),
        Form::Number => "a number".into(),
        Form::Text => "a text".into(),
        Form::Choice(words) => format!("one of {}", words.join(", ")),
        Form::Array(_) => "a list [..]".into(),
        Form::Table(fields) => {
            format!("a table {{ {} }}", fields.iter().map(|f| f.0).collect::<Vec<_>>().join(", "))
        }
        Form::Open => "a table { .. }".into(),
        Form::Tagged(tag, _) => format!("a section with {tag} = ..."),
    }
}

impl Merged {
    /// `key = value (from origin): reason`.
    #[must_use]
    pub fn invalid(&self, path: &[String], value: &Value, reason: &str) -> LayerError {
        let key = path.join(".");
        LayerError::new(format!("{key} = {}{}: {reason}", show(value), self.from(path)))
    }

    /// ` (from ORIGIN)`, or nothing for a default.
    #[must_use]
    pub fn from(&self, path: &[String]) -> String {
        match self.origin(path) {
            Some(origin) => format!(" (from {origin})"),
            None => String::new(),
        }
    }
}
