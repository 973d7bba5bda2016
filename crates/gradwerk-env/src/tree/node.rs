//! Values with the lines they stand in, whatever the format of the file.

/// What is wrong in which line.
pub type Fault = (usize, String);

/// A value and the line of its key (in a list: of itself).
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Counted from 1.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// The values that files are made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Keys and values, in the order of the file (of TOML: of the keys).
    Table(Vec<(String, Node)>),
    /// Values one after another.
    List(Vec<Node>),
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Anything else, by its name.
    Other(&'static str),
}

impl Node {
    /// The fault that this value of `name` is not what is expected.
    #[must_use]
    pub fn unfit(&self, name: &str, expected: &str) -> Fault {
        let found = match &self.value {
            Value::Table(_) => "a table".into(),
            Value::List(_) => "a list".into(),
            Value::Text(text) => format!("\"{text}\""),
            Value::Number(x) => x.to_string(),
            Value::Bool(b) => b.to_string(),
            Value::Other(kind) => (*kind).to_owned(),
        };
        (self.line, format!("{name} = {found}, expected {expected}"))
    }

    /// A number; `name` is what the file calls it.
    ///
    /// # Errors
    /// If it is something else.
    pub fn number(&self, name: &str) -> Result<f64, Fault> {
        match self.value {
            Value::Number(x) => Ok(x),
            _ => Err(self.unfit(name, "a number")),
        }
    }

    /// A whole number from 1 to `most`.
    ///
    /// # Errors
    /// If it is something else.
    pub fn count(&self, name: &str, most: u32) -> Result<usize, Fault> {
        match self.value {
            Value::Number(x) if x >= 1.0 && x <= f64::from(most) && x == f64::from(x as u32) => {
                Ok(x as usize)
            }
            _ => Err(self.unfit(name, &format!("a whole number from 1 to {most}"))),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// If it is something else.
    pub fn bool(&self, name: &str) -> Result<bool, Fault> {
        match self.value {
            Value::Bool(b) => Ok(b),
            _ => Err(self.unfit(name, "true or false")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// If it is something else.
    pub fn text(&self, name: &str) -> Result<&str, Fault> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.unfit(name, "a text")),
        }
    }

    /// The values of a list.
    ///
    /// # Errors
    /// If it is something else.
    pub fn list(&self, name: &str) -> Result<&[Node], Fault> {
        match &self.value {
            Value::List(list) => Ok(list),
            _ => Err(self.unfit(name, "a list")),
        }
    }

    /// The entries of a table that has only `known` keys.
    ///
    /// # Errors
    /// If it is something else, or has another key, or a key twice.
    pub fn fields(&self, name: &str, known: &[&str]) -> Result<Fields<'_>, Fault> {
        let Value::Table(entries) = &self.value else {
            return Err(self.unfit(name, "a table"));
        };
        for (k, (key, node)) in entries.iter().enumerate() {
            if !known.contains(&key.as_str()) {
                let known = known.join(", ");
                let what = format!("unknown key `{key}` in {name}, expected one of {known}");
                return Err((node.line, what));
            }
            if entries[..k].iter().any(|(other, _)| other == key) {
                return Err((node.line, format!("{name} says `{key}` twice")));
            }
        }
        Ok(Fields { line: self.line, name: name.into(), entries })
    }

    /// The index that a number or one of `names` stands for, below `count`.
    ///
    /// # Errors
    /// If it stands for none; lists the names.
    pub fn index(&self, name: &str, count: usize, names: &[String]) -> Result<usize, Fault> {
        let found = match &self.value {
            Value::Text(text) => names.iter().position(|n| n == text),
            Value::Number(x) if *x >= 0.0 && *x < count as f64 && x.fract() == 0.0 => {
                Some(*x as usize)
            }
            _ => None,
        };
        let expected = match names {
            [] => format!("a whole number below {count}"),
            names => format!("one of {}, or a whole number below {count}", names.join(", ")),
        };
        found.ok_or_else(|| self.unfit(name, &expected))
    }
}

/// The entries of a table whose keys are known.
pub struct Fields<'a> {
    /// The line of the table.
    pub line: usize,
    name: String,
    entries: &'a [(String, Node)],
}

impl<'a> Fields<'a> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(k, _)| k == key).map(|(_, node)| node)
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// If it is not.
    pub fn need(&self, key: &str) -> Result<&'a Node, Fault> {
        self.get(key).ok_or_else(|| (self.line, format!("{} lacks `{key}`", self.name)))
    }

    /// The value of a number, or what it is by default.
    ///
    /// # Errors
    /// If it is something else.
    pub fn number_or(&self, key: &str, default: f64) -> Result<f64, Fault> {
        self.get(key).map_or(Ok(default), |node| node.number(key))
    }

    /// The value of a switch, off by default.
    ///
    /// # Errors
    /// If it is something else.
    pub fn switch(&self, key: &str) -> Result<bool, Fault> {
        self.get(key).map_or(Ok(false), |node| node.bool(key))
    }
}
