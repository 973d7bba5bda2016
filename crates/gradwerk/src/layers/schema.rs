//! The types, names and help texts of all settings, read from their JSON schema.
//!
//! `schemars` derives the schema from the configuration structs, so that what is checked and
//! printed here can never differ from what is loaded.

use serde_json::{Map, Value};

/// The JSON schema of a configuration.
#[derive(Clone, Debug)]
pub struct Schema {
    root: Value,
}

/// A place in the schema: what one setting or section may be.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    root: &'a Value,
    value: &'a Value,
}

/// One form that a setting may take.
#[derive(Clone, Debug)]
pub enum Form<'a> {
    /// `true` or `false`.
    Bool,
    /// A whole number, not below the bound if there is one.
    Integer(Option<i64>),
    /// Any number.
    Number,
    /// Any text.
    Text,
    /// One of these texts.
    Choice(Vec<&'a str>),
    /// A list of items.
    Array(Node<'a>),
    /// A section with these fields.
    Table(Vec<(&'a str, Node<'a>)>),
    /// A section with fields of any name.
    Open,
    /// A section whose first field says which further fields it has.
    Tagged(&'a str, Vec<(&'a str, Node<'a>)>),
}

impl Schema {
    /// The schema of the settings type `T`.
    #[must_use]
    pub fn of<T: schemars::JsonSchema>() -> Self {
        Self { root: schemars::schema_for!(T).to_value() }
    }

    /// The whole configuration.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node { root: &self.root, value: &self.root }
    }
}

impl Schema {
    /// Name and help of every `kind` that `section` may be of.
    #[must_use]
    pub fn kinds(&self, section: &str) -> Vec<(&str, &str)> {
        let fields = self.root().properties();
        let forms = fields.into_iter().find(|(name, _)| *name == section);
        let variants = forms.into_iter().flat_map(|(_, node)| node.forms()).find_map(|form| {
            if let Form::Tagged(_, variants) = form { Some(variants) } else { None }
        });
        let named = variants.into_iter().flatten();
        named.map(|(name, node)| (name, node.description().unwrap_or_default())).collect()
    }
}

impl<'a> Node<'a> {
    fn at(self, value: &'a Value) -> Self {
        Self { root: self.root, value }
    }

    /// Follow `$ref`; its siblings (a description) stay with the caller.
    fn target(self) -> Self {
        let Some(path) = self.value.get("$ref").and_then(Value::as_str) else { return self };
        let found = path.strip_prefix('#').and_then(|p| self.root.pointer(p));
        found.map_or(self, |value| self.at(value))
    }

    /// The help text: the doc comment of the field, or of its type if the field has none.
    #[must_use]
    pub fn description(self) -> Option<&'a str> {
        let text = |node: Self| node.value.get("description").and_then(Value::as_str);
        text(self).or_else(|| text(self.target()))
    }

    /// All forms the setting may take, in the order of the schema.
    #[must_use]
    pub fn forms(self) -> Vec<Form<'a>> {
        let node = self.target();
        let list = |key: &str| node.value.get(key).and_then(Value::as_array);
        if let Some(options) = list("oneOf").or_else(|| list("anyOf")) {
            return node.alternatives(options);
        }
        if let Some(options) = list("enum") {
            return vec![Form::Choice(options.iter().filter_map(Value::as_str).collect())];
        }
        match node.value.get("type") {
            Some(Value::String(name)) => node.form(name).into_iter().collect(),
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter_map(|n| node.form(n)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn form(self, name: &str) -> Option<Form<'a>> {
        Some(match name {
            "boolean" => Form::Bool,
            "integer" => Form::Integer(self.value.get("minimum").and_then(Value::as_i64)),
            "number" => Form::Number,
            "string" => match self.value.get("const").and_then(Value::as_str) {
                Some(word) => Form::Choice(vec![word]),
                None => Form::Text,
            },
            "array" => Form::Array(self.at(self.value.get("items")?)),
            "object" if self.is_open() => Form::Open,
            "object" => Form::Table(self.properties()),
            _ => return None,
        })
    }

    fn is_open(self) -> bool {
        let others = self.value.get("additionalProperties");
        others.is_some_and(|others| *others != Value::Bool(false))
    }

    /// `oneOf`: either the variants of a tagged section, or texts, or a union of other forms.
    fn alternatives(self, options: &'a [Value]) -> Vec<Form<'a>> {
        if let Some(tagged) = self.tagged(options) {
            return vec![tagged];
        }
        let mut words = Vec::new();
        let mut forms = Vec::new();
        for form in options.iter().flat_map(|value| self.at(value).forms()) {
            match form {
                Form::Choice(more) => words.extend(more),
                other => forms.push(other),
            }
        }
        if !words.is_empty() {
            forms.insert(0, Form::Choice(words));
        }
        forms
    }

    fn tagged(self, options: &'a [Value]) -> Option<Form<'a>> {
        let mut tag = None;
        let mut variants = Vec::new();
        for value in options {
            let node = self.at(value);
            let fixed = |(_, field): &(&str, Node<'a>)| field.value.get("const").is_some();
            let (name, field) = node.properties().into_iter().find(fixed)?;
            variants.push((field.value.get("const")?.as_str()?, node));
            if *tag.get_or_insert(name) != name {
                return None;
            }
        }
        Some(Form::Tagged(tag?, variants))
    }

    /// The fields of a section, those of a `$ref` included.
    #[must_use]
    pub fn properties(self) -> Vec<(&'a str, Node<'a>)> {
        let own = self.value.get("properties").and_then(Value::as_object);
        let own = own.into_iter().flat_map(Map::iter).map(|(k, v)| (k.as_str(), self.at(v)));
        let mut fields: Vec<_> = own.collect();
        if self.value.get("$ref").is_some() {
            fields.extend(self.target().properties());
        }
        fields
    }

    /// The section that `tag = kind` selects in a tagged one; any other section is itself.
    #[must_use]
    pub fn variant(self, kind: Option<&str>) -> Self {
        let tagged = self.forms().into_iter().find_map(|form| match form {
            Form::Tagged(_, variants) => Some(variants),
            _ => None,
        });
        let chosen = tagged.and_then(|v| v.into_iter().find(|(name, _)| Some(*name) == kind));
        chosen.map_or_else(|| self.target(), |(_, node)| node)
    }
}
