//! From what the user wrote to one complete, valid configuration.

use super::document::{self, Leaf};
use super::presets::{self, Preset};
use super::{LayerError, Merged, Origin, Schema, print};
use crate::Error;
use crate::config::{Config, Invalid};
use crate::trainer::{Runtime, Trainer};
use gradwerk_env::EnvFactory;
use std::path::Path;
use toml::{Table, Value};

/// The name of the directive that chooses the layers below the user's: `"auto"` (the preset
/// of the environment and algorithm, if there is one), `"none"` (neither a preset nor
/// algorithm defaults: what is not written has the plain default), or a preset's name.
pub const PRESET_KEY: &str = "preset";

/// What the user wrote, lowest layer first.
#[derive(Clone, Debug)]
pub struct Sources {
    file: Vec<Leaf>,
    given: Merged,
    schema: Schema,
}

impl Default for Sources {
    fn default() -> Self {
        Self { file: Vec::new(), given: Merged::default(), schema: Schema::of::<Config>() }
    }
}

impl Sources {
    /// Nothing written yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Read the user's file.
    ///
    /// # Errors
    /// If it cannot be read or is not TOML.
    pub fn file(&mut self, path: &Path) -> Result<(), Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))?;
        self.text(&text, &path.display().to_string())
    }

    /// Read a TOML text that errors call `name`.
    ///
    /// # Errors
    /// If it is not TOML.
    pub fn text(&mut self, text: &str, name: &str) -> Result<(), Error> {
        self.file = document::parse(text, name, |line| Origin::File(name.to_owned(), line))?;
        Ok(())
    }

    /// `--set key=value`.
    ///
    /// # Errors
    /// If it is not of that form, or if the key was given before.
    pub fn set(&mut self, assignment: &str) -> Result<(), Error> {
        let origin = Origin::Given(format!("--set {assignment}"));
        let leaves = document::assignment(assignment, &origin)?;
        Ok(self.push_given(leaves)?)
    }

    /// A flag that sets `key`; `typed` is what the user wrote.
    ///
    /// # Errors
    /// If the key was given before.
    pub fn flag(&mut self, key: &str, value: impl Into<Value>, typed: &str) -> Result<(), Error> {
        let path = key.split('.').map(str::to_owned).collect();
        let origin = Origin::Given(typed.to_owned());
        Ok(self.push_given(vec![Leaf { path, value: value.into(), origin }])?)
    }

    fn push_given(&mut self, leaves: Vec<Leaf>) -> Result<(), LayerError> {
        self.given.push(leaves, &self.schema)
    }

    /// The user's word for `path`, the strongest layer first.
    fn said(&self, path: &[&str]) -> Option<&Value> {
        let in_file = || self.file.iter().find(|leaf| leaf.path == path).map(|leaf| &leaf.value);
        self.given.value(path).or_else(in_file)
    }

    fn word(&self, path: &[&str]) -> Option<&str> {
        self.said(path).and_then(Value::as_str)
    }

    /// The preset below the user's layers, and whether algorithm defaults lie below it.
    fn preset(&self, defaults: &Config) -> Result<(Option<&'static Preset>, bool), LayerError> {
        match self.said(&[PRESET_KEY]) {
            None => Ok((self.automatic(defaults), true)),
            Some(Value::String(name)) => match name.as_str() {
                "none" => Ok((None, false)),
                "auto" => Ok((self.automatic(defaults), true)),
                name => Ok((Some(Preset::named(name)?), true)),
            },
            Some(other) => Err(LayerError::new(format!(
                "{PRESET_KEY} = {other}: expected \"auto\", \"none\" or the name of a preset"
            ))),
        }
    }

    fn automatic(&self, defaults: &Config) -> Option<&'static Preset> {
        let env = self.word(&["env", "id"]).unwrap_or(&defaults.env.id);
        Preset::matching(env, self.word(&["algo", "kind"]).unwrap_or(defaults.algo.name()))
    }

    /// Put all layers together.
    ///
    /// # Errors
    /// An unknown key, an unfit value, or settings that do not go together; the message names
    /// the value, its origin and the valid choices.
    pub fn resolve(&self) -> Result<Resolved, Error> {
        let defaults = Config::default();
        let (preset, algorithm_defaults) = self.preset(&defaults)?;
        let preset_leaves = preset.map_or_else(|| Ok(Vec::new()), Preset::leaves)?;
        let mut merged = Merged::default();
        merged.push(document::leaves(&to_table(&defaults), &Origin::Default), &self.schema)?;
        if algorithm_defaults {
            let of_preset = preset_leaves.iter().find(|leaf| leaf.path == ["algo", "kind"]);
            let of_preset = of_preset.and_then(|leaf| leaf.value.as_str());
            let algo = self.word(&["algo", "kind"]).or(of_preset).unwrap_or(defaults.algo.name());
            merged.push(presets::algorithm_leaves(algo)?, &self.schema)?;
        }
        merged.push(preset_leaves, &self.schema)?;
        let settings = |leaves: &[Leaf]| -> Vec<Leaf> {
            leaves.iter().filter(|leaf| leaf.path != [PRESET_KEY]).cloned().collect()
        };
        merged.push(settings(&self.file), &self.schema)?;
        // One push: `given` already checked that nothing is said twice.
        merged.push(settings(self.given.leaves()), &self.schema)?;
        Resolved::new(merged, preset, &self.schema)
    }
}

/// A complete, valid configuration that knows where each value came from.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The configuration.
    pub config: Config,
    /// The preset below the user's layers.
    pub preset: Option<&'static Preset>,
    merged: Merged,
}

impl Resolved {
    fn new(
        merged: Merged,
        preset: Option<&'static Preset>,
        schema: &Schema,
    ) -> Result<Self, Error> {
        let table = merged.table(schema)?;
        let config: Config = Value::Table(table).try_into().map_err(|error: toml::de::Error| {
            Error::Usage(format!("configuration: {}", error.message()))
        })?;
        let resolved = Self { config, preset, merged };
        resolved.config.validate().map_err(|error| resolved.explain(error))?;
        Ok(resolved)
    }

    /// Add to an error about a setting where its value came from.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        match error {
            Error::Invalid(Invalid { key, value, reason }) => {
                let value = format!("{value}{}", self.from(&key));
                Error::Invalid(Invalid { key, value, reason })
            }
            // The sections' own checks say `section.field = value: reason`, too.
            Error::Usage(text) => {
                let origin = text.split_once(" = ").map(|(key, _)| self.from(key));
                Error::Usage(format!("{text}{}", origin.unwrap_or_default()))
            }
            other => other,
        }
    }

    /// ` (from ORIGIN)` of a dotted key; nothing for what is not a key.
    fn from(&self, key: &str) -> String {
        // `network.hidden[1]` came from where `network.hidden` came from.
        let key = key.split('[').next().unwrap_or(key);
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        self.merged.from(&path)
    }

    /// Its environment.
    ///
    /// # Errors
    /// If it is not built in: names it, its origin and the known ones.
    pub fn env(&self) -> Result<&'static dyn EnvFactory, Error> {
        let path = ["env".to_owned(), "id".to_owned()];
        self.config
            .find_env()
            .map_err(|error| Error::Usage(format!("{error}{}", self.merged.from(&path))))
    }

    /// Check everything that can be checked without sampling: builds the whole trainer.
    ///
    /// # Errors
    /// Settings that do not go together or do not fit the environment.
    pub fn check(&self) -> Result<(), Error> {
        let runtime = Runtime { threads: 1, ..Runtime::default() };
        let built = Trainer::with_env(&self.config, self.env()?, runtime);
        built.map(|_| ()).map_err(|error| self.explain(error))
    }

    /// The whole configuration as TOML, each value followed by where it came from.
    #[must_use]
    pub fn with_origins(&self) -> String {
        let note = |path: &[String]| match self.merged.origin(path) {
            Some(origin) => origin.to_string(),
            None => Origin::Default.to_string(),
        };
        print::origins(&to_table(&self.config), &note)
    }
}

fn to_table(config: &Config) -> Table {
    Table::try_from(config).expect("a configuration is made of TOML's types")
}

/// The whole configuration as TOML; loading it gives the same configuration, since it says
/// `preset = "none"`.
#[must_use]
pub fn to_toml(config: &Config) -> String {
    print::plain(&to_table(config))
}

/// The whole configuration as TOML, each setting below its help text, settings without a
/// value as comments.
#[must_use]
pub fn to_documented_toml(config: &Config) -> String {
    print::documented(&to_table(config), &Schema::of::<Config>())
}

/// Load a complete configuration that [`to_toml`] wrote.
///
/// # Errors
/// If the file cannot be read or does not hold a valid configuration.
pub fn load(path: &Path) -> Result<Config, Error> {
    let mut sources = Sources::new();
    sources.file(path)?;
    Ok(sources.resolve()?.config)
}

impl From<LayerError> for Error {
    fn from(error: LayerError) -> Self {
        Self::Usage(error.to_string())
    }
}
