//! JSON as values with lines.
//!
//! serde_json does not tell where values stand, but a [`RawValue`] is a piece of the text itself:
//! its distance from the beginning says the line.

use super::line_of;
use super::node::{Fault, Node, Value};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The value of a JSON text.
pub fn parse(text: &str) -> Result<Node, Fault> {
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|error| (error.line().max(1), format!("not valid JSON: {error}")))?;
    node(text, raw)
}

fn node(text: &str, raw: &RawValue) -> Result<Node, Fault> {
    let offset = raw.get().as_ptr() as usize - text.as_ptr() as usize;
    let line = line_of(text, offset);
    let fail = |error: serde_json::Error| (line, format!("not valid JSON: {error}"));
    let value = match raw.get().as_bytes().first() {
        Some(b'{') => {
            let entries: Entries<'_> = serde_json::from_str(raw.get()).map_err(fail)?;
            let entry = |(key, raw): (String, &RawValue)| Ok((key, node(text, raw)?));
            Value::Table(entries.0.into_iter().map(entry).collect::<Result<_, Fault>>()?)
        }
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(fail)?;
            Value::List(list.into_iter().map(|raw| node(text, raw)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(serde_json::from_str(raw.get()).map_err(fail)?),
        Some(b't' | b'f') => Value::Bool(raw.get() == "true"),
        Some(b'n') => Value::Other("null"),
        _ => Value::Number(serde_json::from_str(raw.get()).map_err(fail)?),
    };
    Ok(Node { line, value })
}

/// The entries of an object in their order, repeated keys included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}
