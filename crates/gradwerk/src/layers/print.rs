//! Configurations as TOML texts, with help or origins as comments.

use super::Schema;
use super::schema::{Form, Node};
use std::fmt::Write;
use toml::{Table, Value};

/// Columns of a comment.
const WIDTH: usize = 90;

/// The first lines of a complete configuration.
const COMPLETE: &str = "# Complete: what is written below is all there is, no preset lies beneath.\npreset = \"none\"\n";

/// Settings only.
#[must_use]
pub fn plain(table: &Table) -> String {
    render(table, &|_| Comment::default())
}

/// Each setting with its origin behind it.
#[must_use]
pub fn origins(table: &Table, origin: &dyn Fn(&[String]) -> String) -> String {
    render(table, &|path| Comment { behind: origin(path), ..Comment::default() })
}

/// Each setting below its help text; settings without a value as comments.
#[must_use]
pub fn documented(table: &Table, schema: &Schema) -> String {
    render(table, &|path| match path {
        [] => Comment { missing: unset(table, schema.root()), ..Comment::default() },
        [key, rest @ ..] => {
            field(schema, key).map_or_else(Comment::default, |section| match rest {
                [] => Comment {
                    above: section.description().unwrap_or_default().to_owned(),
                    missing: match table.get(key) {
                        Some(Value::Table(inner)) => unset(inner, chosen(section, inner)),
                        _ => Vec::new(),
                    },
                    ..Comment::default()
                },
                [name, ..] => {
                    let inner = table.get(key).and_then(Value::as_table);
                    help(inner, section, name)
                }
            })
        }
    })
}

fn field<'a>(schema: &'a Schema, key: &str) -> Option<Node<'a>> {
    schema.root().properties().into_iter().find(|(name, _)| *name == key).map(|(_, node)| node)
}

/// The fields of the kind that `table` is of.
fn chosen<'a>(section: Node<'a>, table: &Table) -> Node<'a> {
    section.variant(table.get("kind").and_then(Value::as_str))
}

fn help(table: Option<&Table>, section: Node<'_>, name: &str) -> Comment {
    let Some(table) = table else { return Comment::default() };
    let variant = chosen(section, table);
    let node = variant.properties().into_iter().find(|(field, _)| *field == name);
    let own = node.and_then(|(_, node)| node.description());
    let tagged = section.forms().into_iter().find_map(|form| match form {
        Form::Tagged(tag, variants) if tag == name => Some(variants),
        _ => None,
    });
    let choices = match (tagged, node.map(|(_, node)| node.forms())) {
        (Some(variants), _) => variants.iter().map(|(kind, _)| *kind).collect(),
        (None, Some(forms)) => words(&forms),
        (None, None) => Vec::new(),
    };
    let mut above = own.or(variant.description()).unwrap_or_default().to_owned();
    if !choices.is_empty() {
        above = format!("{above} (one of {})", choices.join(", ")).trim_start().to_owned();
    }
    Comment { above, ..Comment::default() }
}

fn words<'a>(forms: &[Form<'a>]) -> Vec<&'a str> {
    let choice = |form: &Form<'a>| match form {
        Form::Choice(words) => words.clone(),
        _ => Vec::new(),
    };
    forms.iter().flat_map(choice).collect()
}

/// Settings that have no value: name and help.
fn unset(table: &Table, section: Node<'_>) -> Vec<(String, String)> {
    let absent = section.properties().into_iter().filter(|(name, _)| !table.contains_key(*name));
    absent.map(|(name, n)| (name.into(), n.description().unwrap_or_default().into())).collect()
}

/// What is written around a setting or section.
#[derive(Default)]
struct Comment {
    above: String,
    behind: String,
    missing: Vec<(String, String)>,
}

fn render(table: &Table, comment: &dyn Fn(&[String]) -> Comment) -> String {
    let mut out = String::from(COMPLETE);
    let (sections, settings): (Vec<_>, Vec<_>) =
        table.iter().partition(|(_, value)| is_section(value));
    for (key, value) in settings {
        setting(&mut out, key, value, &comment(std::slice::from_ref(key)));
    }
    missing(&mut out, &comment(&[]));
    for (key, value) in sections {
        let around = comment(std::slice::from_ref(key));
        out.push('\n');
        wrap(&mut out, &around.above);
        let _ = writeln!(out, "[{key}]");
        for (name, value) in value.as_table().into_iter().flatten() {
            setting(&mut out, name, value, &comment(&[key.clone(), name.clone()]));
        }
        missing(&mut out, &around);
    }
    out
}

/// A schedule is a value although it is a table.
fn is_section(value: &Value) -> bool {
    value.as_table().is_some_and(|table| !table.contains_key("start"))
}

fn setting(out: &mut String, key: &str, value: &Value, comment: &Comment) {
    wrap(out, &comment.above);
    let line = format!("{key} = {}", super::show(value));
    if comment.behind.is_empty() {
        let _ = writeln!(out, "{line}");
    } else {
        let _ = writeln!(out, "{line:<40} # {}", comment.behind);
    }
}

fn missing(out: &mut String, comment: &Comment) {
    for (key, help) in &comment.missing {
        wrap(out, help);
        let _ = writeln!(out, "# {key} is not set");
    }
}

/// A comment of several lines.
fn wrap(out: &mut String, text: &str) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + word.len() + 3 > WIDTH {
            let _ = writeln!(out, "# {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(out, "# {line}");
    }
}
