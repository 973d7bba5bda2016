//! The layers with a small configuration of their own, apart from the real one.

use super::document::{self, assignment};
use super::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sample.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Sample {
    /// How many steps.
    steps: u64,
    /// The rate.
    rate: Rate,
    /// A limit, if any.
    limit: Option<u32>,
    /// The net.
    net: Net,
    /// The estimator.
    estimator: Estimator,
    /// Anything.
    #[serde(skip_serializing_if = "Table::is_empty")]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    free: Table,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            steps: 10,
            rate: Rate::Number(0.5),
            limit: None,
            net: Net::Mlp(Mlp::default()),
            estimator: Estimator::default(),
            free: Table::new(),
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Rate {
    Number(f64),
    Line { start: f64, end: f64 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Net {
    /// Layers.
    Mlp(Mlp),
    /// A matrix.
    Linear(Linear),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Mlp {
    /// Widths.
    hidden: Vec<usize>,
    /// Activation.
    act: Act,
}

impl Default for Mlp {
    fn default() -> Self {
        Self { hidden: vec![64], act: Act::Tanh }
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Linear {
    /// Gain.
    gain: f64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Act {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// The positive part.
    Relu,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Estimator {
    /// Which.
    kind: Which,
    /// Trace.
    lambda: f64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Which {
    #[default]
    Gae,
    RewardToGo,
}

/// Default layer, a file, then `--set` texts; the loaded sample or the error's text.
fn load(file: &str, sets: &[&str]) -> Result<Sample, String> {
    let schema = Schema::of::<Sample>();
    let layers = || -> Result<Table, LayerError> {
        let mut merged = Merged::default();
        let defaults = Table::try_from(Sample::default()).unwrap();
        merged.push(document::leaves(&defaults, &Origin::Default), &schema)?;
        let leaves = document::parse(file, "my.toml", |n| Origin::File("my.toml".into(), n))?;
        merged.push(leaves, &schema)?;
        for set in sets {
            let origin = Origin::Given(format!("--set {set}"));
            merged.push(assignment(set, &origin)?, &schema)?;
        }
        merged.table(&schema)
    };
    let table = layers().map_err(|e| e.to_string())?;
    Value::Table(table).try_into().map_err(|e| format!("unexpected: {e}"))
}

#[test]
fn later_layers_win() {
    let sample = load("steps = 20\n[net]\nhidden = [8, 8]\n", &["steps=30", "net.act=relu"]);
    let net = Net::Mlp(Mlp { hidden: vec![8, 8], act: Act::Relu });
    assert_eq!(sample, Ok(Sample { steps: 30, net, ..Sample::default() }));
}

#[test]
fn whole_floats_are_integers_where_integers_are_expected() {
    assert_eq!(load("", &["steps=1e6"]).unwrap().steps, 1_000_000);
    assert_eq!(load("", &["rate=1"]).unwrap().rate, Rate::Number(1.0));
}

#[test]
fn another_kind_drops_the_fields_of_the_first() {
    let linear = load("[net]\nhidden = [8]\n", &["net.kind=linear", "net.gain=2.0"]).unwrap();
    assert_eq!(linear.net, Net::Linear(Linear { gain: 2.0 }));
    // A section whose fields do not depend on the kind keeps them.
    let kept = load("[estimator]\nlambda = 0.5\n", &["estimator.kind=reward-to-go"]).unwrap();
    assert_eq!(kept.estimator, Estimator { kind: Which::RewardToGo, lambda: 0.5 });
}

#[test]
fn a_part_of_a_schedule_keeps_the_number_as_start() {
    assert_eq!(load("", &["rate.end=0.1"]).unwrap().rate, Rate::Line { start: 0.5, end: 0.1 });
    let number = load("rate = { start = 1.0, end = 0.0 }\n", &["rate=0.25"]).unwrap();
    assert_eq!(number.rate, Rate::Number(0.25));
}

#[test]
fn errors_name_value_origin_and_choices() {
    let cases: &[(&str, &[&str], &str)] = &[
        (
            "step = 3\n",
            &[],
            "unknown key step (from my.toml:1): expected one of estimator, free, limit, net, rate, steps; did you mean steps?",
        ),
        (
            "",
            &["net.hiden=[1]"],
            "unknown key net.hiden (from --set net.hiden=[1]): expected one of act, hidden, kind; did you mean hidden?",
        ),
        (
            "\n\nsteps = \"many\"\n",
            &[],
            "steps = \"many\" (from my.toml:3): expected a whole number, at least 0",
        ),
        ("steps = -1\n", &[], "steps = -1 (from my.toml:1): expected a whole number, at least 0"),
        (
            "",
            &["steps=1.5"],
            "steps = 1.5 (from --set steps=1.5): expected a whole number, at least 0",
        ),
        (
            "",
            &["net.act=tan"],
            "net.act = \"tan\" (from --set net.act=tan): expected one of tanh, relu; did you mean tanh?",
        ),
        (
            "[net]\nkind = \"lstm\"\n",
            &[],
            "net.kind = \"lstm\" (from my.toml:2): expected one of mlp, linear",
        ),
        (
            "",
            &["net.kind=linear", "net.hidden=[1]"],
            "unknown key net.hidden (from --set net.hidden=[1]): expected one of gain, kind; a setting of net.kind = mlp, and it is linear: set both",
        ),
        (
            "",
            &["net.hidden=[1]", "net.kind=linear"],
            "unknown key net.hidden (from --set net.hidden=[1]): expected one of gain, kind; a setting of net.kind = mlp, and it is linear: set both",
        ),
        (
            "",
            &["net=mlp"],
            "net = \"mlp\" (from --set net=mlp): expected a section with kind = ...",
        ),
        ("", &["rate=nan"], "rate = nan (from --set rate=nan): expected a number"),
        (
            "",
            &["rate=fast"],
            "rate = \"fast\" (from --set rate=fast): expected a number or a table { end, start }",
        ),
        ("", &["steps=1", "steps=1"], "steps is given twice: --set steps=1 and --set steps=1"),
        (
            "",
            &["net.hidden=[\"a\"]"],
            "net.hidden = \"a\" (from --set net.hidden=[\"a\"]): expected a whole number, at least 0",
        ),
    ];
    for (file, sets, expected) in cases {
        assert_eq!(load(file, sets), Err((*expected).to_owned()), "{file:?} {sets:?}");
    }
}

#[test]
fn an_open_section_takes_any_name_and_comes_back() {
    let sample = load("[free]\na = 1\n", &["free.b.c=x"]).unwrap();
    assert_eq!(sample.free, toml::toml! { a = 1 b = { c = "x" } });
    let text = print::plain(&Table::try_from(&sample).unwrap());
    assert_eq!(load(&text.replace("preset = \"none\"\n", ""), &[]), Ok(sample), "{text}");
    let error = load("free = 3\n", &[]).unwrap_err();
    assert_eq!(error, "free = 3 (from my.toml:1): expected a table { .. }");
}

#[test]
fn documented_text_loads_to_the_same() {
    let sample = Sample { rate: Rate::Line { start: 0.1, end: 0.0 }, ..Sample::default() };
    let table = Table::try_from(&sample).unwrap();
    let text = print::documented(&table, &Schema::of::<Sample>());
    let body = text.replace("preset = \"none\"\n", "");
    assert_eq!(load(&body, &[]), Ok(sample), "{text}");
    for help in [
        "# How many steps.",
        "# A limit, if any.",
        "# limit is not set",
        "# Widths.",
        "(one of mlp, linear)",
        "(one of tanh, relu)",
    ] {
        assert!(text.contains(help), "{help} is not in\n{text}");
    }
}
