//! TOML as values with lines.

use super::line_of;
use super::node::{Fault, Node, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The top table of a TOML text.
pub fn parse(text: &str) -> Result<Node, Fault> {
    let root = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        (line, format!("not valid TOML: {}", error.message()))
    })?;
    Ok(Node { line: 1, value: table(text, root.get_ref()) })
}

fn table(text: &str, entries: &DeTable<'_>) -> Value {
    let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let line = line_of(text, key.span().start);
        (key.get_ref().to_string(), Node { line, value: of(text, value.get_ref()) })
    };
    Value::Table(entries.iter().map(entry).collect())
}

fn of(text: &str, value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(s) => Value::Text(s.to_string()),
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
            Ok(i) => Value::Number(i as f64),
            Err(_) => Value::Other("an integer beyond 64 bits"),
        },
        DeValue::Float(x) => x.as_str().parse().map_or(Value::Other("a float"), Value::Number),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(entries) => table(text, entries),
        DeValue::Array(list) => Value::List(
            list.iter()
                .map(|v| Node { line: line_of(text, v.span().start), value: of(text, v.get_ref()) })
                .collect(),
        ),
    }
}
