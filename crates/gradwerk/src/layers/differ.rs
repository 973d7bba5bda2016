//! In which settings two configurations differ.

use super::{Leaf, Origin, document};
use crate::config::Config;
use toml::Table;

/// A setting with two values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Dotted path of the setting.
    pub key: String,
    /// Its value in the first configuration, as TOML; `none` where it has no value.
    pub left: String,
    /// Its value in the second.
    pub right: String,
}

/// The settings in which two configurations differ: those of the first in its order, then those
/// that only the second has.
#[must_use]
pub fn differences(left: &Config, right: &Config) -> Vec<Difference> {
    let (left, right) = (settings(left), settings(right));
    let value = |leaves: &[Leaf], path: &[String]| {
        let leaf = leaves.iter().find(|leaf| leaf.path == path);
        leaf.map_or_else(|| "none".to_owned(), |leaf| leaf.value.to_string())
    };
    let only_right = right.iter().filter(|leaf| left.iter().all(|l| l.path != leaf.path));
    left.iter()
        .chain(only_right)
        .map(|leaf| Difference {
            key: leaf.path.join("."),
            left: value(&left, &leaf.path),
            right: value(&right, &leaf.path),
        })
        .filter(|found| found.left != found.right)
        .collect()
}

fn settings(config: &Config) -> Vec<Leaf> {
    let table = Table::try_from(config).expect("a configuration is made of TOML's types");
    document::leaves(&table, &Origin::Default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_nn::NetworkConfig;

    #[test]
    fn differences_name_both_values() {
        let (left, mut right) = (Config::default(), Config::default());
        assert_eq!(differences(&left, &right), []);
        right.gamma = 0.5;
        right.network = NetworkConfig::named("linear").unwrap();
        right.env.time_limit = Some(7);
        let found = differences(&left, &right);
        let text = |key: &str| {
            let one = found.iter().find(|d| d.key == key).unwrap();
            format!("{} {}", one.left, one.right)
        };
        assert_eq!(text("gamma"), "0.99 0.5");
        assert_eq!(text("network.kind"), r#""mlp" "linear""#);
        // Only the multilayer perceptron has it; only the second has a limit of its own.
        assert_eq!(text("network.hidden"), "[64, 64] none");
        assert_eq!(text("env.time_limit"), "none 7");
        assert!(!found.iter().any(|d| d.key == "seed"));
    }
}
