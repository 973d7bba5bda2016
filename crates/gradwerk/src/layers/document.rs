//! TOML texts as lists of leaves, each with the line it stands in.

use super::{LayerError, Origin};
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// A setting with its dotted path, its value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Names from the outermost section inwards.
    pub path: Vec<String>,
    /// The value; never a table with entries.
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
}

/// The leaves of a table that all have one origin.
#[must_use]
pub fn leaves(table: &Table, origin: &Origin) -> Vec<Leaf> {
    let mut out = Vec::new();
    collect(table, &mut Vec::new(), &mut out, &|_| origin.clone());
    out
}

fn collect(
    table: &Table,
    path: &mut Vec<String>,
    out: &mut Vec<Leaf>,
    origin: &dyn Fn(&[String]) -> Origin,
) {
    for (key, value) in table {
        path.push(key.clone());
        match value {
            Value::Table(inner) if !inner.is_empty() => collect(inner, path, out, origin),
            _ => out.push(Leaf { path: path.clone(), value: value.clone(), origin: origin(path) }),
        }
        path.pop();
    }
}

/// The leaves of a TOML text; `origin(line)` makes the origin of a line, counted from 1.
///
/// # Errors
/// If the text is not TOML: the file's name, the line and what the parser expected.
pub fn parse(
    text: &str,
    name: &str,
    origin: impl Fn(usize) -> Origin,
) -> Result<Vec<Leaf>, LayerError> {
    let fail = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        LayerError::new(format!("{name}:{line}: not valid TOML: {}", error.message()))
    };
    let spans = DeTable::parse(text).map_err(fail)?;
    let table: Table = toml::from_str(text).map_err(fail)?;
    let mut out = Vec::new();
    let find = |path: &[String]| {
        let start = find_span(spans.get_ref(), path).unwrap_or(0);
        origin(line_of(text, start))
    };
    collect(&table, &mut Vec::new(), &mut out, &find);
    Ok(out)
}

/// Byte at which the key of `path` stands.
fn find_span(table: &DeTable<'_>, path: &[String]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value): (&Spanned<_>, &Spanned<DeValue<'_>>) =
        table.iter().find(|(key, _)| key.get_ref() == first.as_str())?;
    match value.get_ref().as_table() {
        Some(inner) if !rest.is_empty() => find_span(inner, rest),
        _ => Some(key.span().start),
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte.min(text.len())].iter().filter(|b| **b == b'\n').count()
}

/// The leaves of one `key=value` as typed: the value is TOML, or a text if it is not TOML, so
/// that `network.activation=relu` needs no quotes.
///
/// # Errors
/// If there is no `=` or an empty name in the key.
pub fn assignment(text: &str, origin: &Origin) -> Result<Vec<Leaf>, LayerError> {
    let wrong = || {
        LayerError::new(format!(
            "{origin}: expected key=value, such as algo.clip=0.1 (keys: gradwerk config default)"
        ))
    };
    let (key, value) = text.split_once('=').ok_or_else(wrong)?;
    let path: Vec<String> = key.trim().split('.').map(|name| name.trim().to_owned()).collect();
    if path.iter().any(String::is_empty) {
        return Err(wrong());
    }
    let value = match toml::from_str::<Table>(&format!("x = {}", value.trim())) {
        Ok(mut table) if table.len() == 1 => table.remove("x").ok_or_else(wrong)?,
        _ => Value::String(value.trim().to_owned()),
    };
    let nested = |value, name: &String| Value::Table(Table::from_iter([(name.clone(), value)]));
    match path.iter().rev().fold(value, nested) {
        Value::Table(table) => Ok(leaves(&table, origin)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_leaves() {
        let text = "steps = 5\n\n[algo]\nkind = \"ppo\"\nclip.end = 0.1\n";
        let found = parse(text, "a.toml", |line| Origin::File("a.toml".into(), line)).unwrap();
        let found: Vec<String> =
            found.iter().map(|l| format!("{} @ {}", l.path.join("."), l.origin)).collect();
        assert_eq!(found, ["steps @ a.toml:1", "algo.kind @ a.toml:4", "algo.clip.end @ a.toml:5"]);
    }

    #[test]
    fn a_syntax_error_names_file_and_line() {
        let error = parse("a = 1\nb = = 2\n", "x.toml", |_| Origin::Default).unwrap_err();
        assert!(error.to_string().starts_with("x.toml:2: not valid TOML"), "{error}");
    }

    #[test]
    fn assignments() {
        let one = |text| assignment(text, &Origin::Default).unwrap().remove(0);
        assert_eq!(one("a.b=0.5").value, Value::Float(0.5));
        assert_eq!(one("a.b=0.5").path, ["a", "b"]);
        assert_eq!(one("act=relu").value, Value::String("relu".into()));
        assert_eq!(one("lr={start=1.0, end=0.0}").path, ["lr", "start"]);
        // A line break must not smuggle in a second setting.
        assert_eq!(one("a=1\nb=2").value, Value::String("1\nb=2".into()));
        assert!(assignment("noequals", &Origin::Default).is_err());
        assert!(assignment("a..b=1", &Origin::Default).is_err());
    }
}
