//! Settings of memories, and the one list of all kinds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cell, Recurrent};
use crate::chain::Chain;
use crate::{Engine, InitScheme, Network, NnError};

/// Nothing is remembered: the action depends on the last observation alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoMemory {}

/// Recurrent layers behind the network's other hidden layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecurrentConfig {
    /// Numbers that each layer puts out.
    pub units: usize,
    /// Layers, one on the other.
    pub layers: usize,
    /// Steps of a segment in training: gradients reach back to its beginning, not further.
    pub segment: usize,
    /// Whether every pass over a batch but the first begins its segments from what the present
    /// parameters would remember, instead of from what was remembered while acting.
    pub rebuild: bool,
}

impl Default for RecurrentConfig {
    fn default() -> Self {
        Self { units: 64, layers: 1, segment: 16, rebuild: false }
    }
}

/// What every kind of memory offers to the list.
trait Kind {
    /// Whether the settings make sense.
    fn validate(&self) -> Result<(), NnError>;
    /// The recurrent layers, if there are any.
    fn layers(&self) -> Option<&RecurrentConfig>;
}

impl Kind for NoMemory {
    fn validate(&self) -> Result<(), NnError> {
        Ok(())
    }
    fn layers(&self) -> Option<&RecurrentConfig> {
        None
    }
}

impl Kind for RecurrentConfig {
    fn validate(&self) -> Result<(), NnError> {
        between("units", self.units, 4096)?;
        between("layers", self.layers, 16)?;
        between("segment", self.segment, 65_536)
    }
    fn layers(&self) -> Option<&RecurrentConfig> {
        Some(self)
    }
}

fn between(field: &str, value: usize, most: usize) -> Result<(), NnError> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(NnError::setting(field, value, format!("must be from 1 to {most}")))
}

/// The list of memories: a name, a variant, the type of its settings and the kind of its layers
/// per line.
macro_rules! memories {
    ($($(#[$doc:meta])* $name:literal => $variant:ident($config:ident, $cell:expr),)+) => {
        /// What a network remembers of earlier observations, and the settings.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind")]
        pub enum MemoryConfig {
            $($(#[$doc])* #[serde(rename = $name)] $variant($config),)+
        }

        /// Names of all memories.
        pub const MEMORIES: &[&str] = &[$($name),+];

        impl MemoryConfig {
            /// The memory of that name with default settings.
            ///
            /// # Errors
            /// If there is none; the message lists all names.
            pub fn named(name: &str) -> Result<Self, NnError> {
                match name {
                    $($name => Ok(Self::$variant($config::default())),)+
                    _ => Err(NnError::unknown("memory", name, MEMORIES)),
                }
            }

            /// Its name in the list.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }

            /// Whether all settings make sense.
            ///
            /// # Errors
            /// Names the first field that does not, its value and what it must be.
            pub fn validate(&self) -> Result<(), NnError> {
                match self { $(Self::$variant(config) => config.validate(),)+ }
            }

            /// The recurrent layers and their kind, if there are any.
            fn layers(&self) -> Option<(Cell, &RecurrentConfig)> {
                match self { $(Self::$variant(config) => $cell.zip(config.layers()),)+ }
            }
        }
    };
}

memories! {
    /// Nothing is remembered.
    "none" => None(NoMemory, None),
    /// Gated recurrent units.
    "gru" => Gru(RecurrentConfig, Some(Cell::Gru)),
    /// Long short-term memory.
    "lstm" => Lstm(RecurrentConfig, Some(Cell::Lstm)),
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self::None(NoMemory {})
    }
}

impl MemoryConfig {
    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.layers().is_none()
    }

    /// Steps of a segment in training, if anything is remembered.
    #[must_use]
    pub fn segment(&self) -> Option<usize> {
        self.layers().map(|(_, config)| config.segment)
    }

    /// Whether passes over a batch begin from what the present parameters would remember.
    #[must_use]
    pub fn rebuilds(&self) -> bool {
        self.layers().is_some_and(|(_, config)| config.rebuild)
    }

    /// The layers, reading `inputs` numbers per row.
    pub(crate) fn build<E: Engine>(
        &self,
        inputs: usize,
        init: InitScheme,
    ) -> Option<Box<dyn Network<E>>> {
        let (cell, &RecurrentConfig { units, layers, .. }) = self.layers()?;
        let layer = |index: usize| -> (String, Box<dyn Network<E>>) {
            let inputs = if index == 0 { inputs } else { units };
            (index.to_string(), Box::new(Recurrent::new(cell, inputs, units, init)))
        };
        Some(Box::new(Chain::new((0..layers).map(layer).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_round_trips_and_unknown_keys_are_errors() {
        for name in MEMORIES {
            let config = MemoryConfig::named(name).unwrap();
            assert_eq!(config.name(), *name);
            assert_eq!((config.is_none(), config.validate()), (*name == "none", Ok(())));
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<MemoryConfig>(&json).unwrap(), config);
            let short = format!(r#"{{"kind":"{name}"}}"#);
            assert_eq!(serde_json::from_str::<MemoryConfig>(&short).unwrap(), config);
            let wrong = format!(r#"{{"kind":"{name}","unit":3}}"#);
            let error = serde_json::from_str::<MemoryConfig>(&wrong).unwrap_err().to_string();
            assert!(error.contains("unit"), "{error}");
        }
    }

    #[test]
    fn wrong_names_and_settings_are_named() {
        let error = MemoryConfig::named("gur").unwrap_err().to_string();
        assert_eq!(error, "unknown memory `gur`, expected one of none, gru, lstm");
        let message = |config| MemoryConfig::Lstm(config).validate().unwrap_err().to_string();
        let base = RecurrentConfig::default();
        let units = message(RecurrentConfig { units: 0, ..base.clone() });
        assert_eq!(units, "units = 0: must be from 1 to 4096");
        let layers = message(RecurrentConfig { layers: 17, ..base.clone() });
        assert_eq!(layers, "layers = 17: must be from 1 to 16");
        let segment = message(RecurrentConfig { segment: 0, ..base });
        assert_eq!(segment, "segment = 0: must be from 1 to 65536");
    }
}
