//! Hyper-parameters that change while a run goes on.

use schemars::JsonSchema;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// How a scheduled value moves from `start` to `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Stay at `start`.
    #[default]
    Constant,
    /// A straight line.
    Linear,
    /// Half a cosine wave: slow, fast, slow.
    Cosine,
}

/// A number, or `{ start, end, schedule }` over the run's `steps`.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema)]
#[schemars(with = "Form")]
pub struct Schedule {
    /// Value at the first step.
    pub start: f64,
    /// Value at the last step and after it.
    pub end: f64,
    /// The way between.
    pub shape: Shape,
}

impl Schedule {
    /// The same value for the whole run.
    #[must_use]
    pub const fn constant(value: f64) -> Self {
        Self { start: value, end: value, shape: Shape::Constant }
    }

    /// A straight line from `start` to `end`.
    #[must_use]
    pub const fn linear(start: f64, end: f64) -> Self {
        Self { start, end, shape: Shape::Linear }
    }

    /// The value when the share `progress` of the run is done; held outside `[0, 1]`.
    #[must_use]
    pub fn at(&self, progress: f64) -> f64 {
        if progress >= 1.0 {
            return self.end;
        }
        let p = progress.max(0.0);
        let way = match self.shape {
            Shape::Constant => 0.0,
            Shape::Linear => p,
            Shape::Cosine => 0.5 * (1.0 - libm::cos(std::f64::consts::PI * p)),
        };
        self.start + (self.end - self.start) * way
    }

    /// Whether both ends satisfy `test`.
    pub(crate) fn both(&self, test: impl Fn(f64) -> bool) -> bool {
        test(self.start) && test(self.end)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape {
            Shape::Constant => write!(f, "{}", self.start),
            _ => write!(f, "{} to {}", self.start, self.end),
        }
    }
}

/// What the help and the checks of settings know about a schedule.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Form {
    Number(f64),
    Table(Table),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Table {
    start: f64,
    #[serde(default)]
    end: f64,
    #[serde(default = "linear")]
    schedule: Shape,
}

fn linear() -> Shape {
    Shape::Linear
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.shape {
            Shape::Constant => self.start.serialize(serializer),
            schedule => Table { start: self.start, end: self.end, schedule }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrTable;
        impl<'de> Visitor<'de> for NumberOrTable {
            type Value = Schedule;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or { start, end, schedule = \"constant|linear|cosine\" }")
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Schedule, E> {
                Ok(Schedule::constant(v))
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Schedule, E> {
                Ok(Schedule::constant(v as f64))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Schedule, E> {
                Ok(Schedule::constant(v as f64))
            }
            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Schedule, M::Error> {
                let t = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let end = if t.schedule == Shape::Constant { t.start } else { t.end };
                Ok(Schedule { start: t.start, end, shape: t.schedule })
            }
        }
        deserializer.deserialize_any(NumberOrTable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_over_the_run() {
        let line = Schedule::linear(4.0, 2.0);
        assert_eq!([0.0, 0.25, 1.0, 7.0].map(|p| line.at(p)), [4.0, 3.5, 2.0, 2.0]);
        let wave = Schedule { start: 1.0, end: 0.0, shape: Shape::Cosine };
        // (1 + cos(pi/3)) / 2 = 0.75 at one third.
        assert!((wave.at(1.0 / 3.0) - 0.75).abs() < 1e-15);
        assert_eq!(Schedule::constant(3.0).at(0.7), 3.0);
    }
}
