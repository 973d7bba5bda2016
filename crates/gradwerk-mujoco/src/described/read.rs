//! From the text of a description to its rules.

use super::anatomy::Anatomy;
use super::part::{PICK_KEYS, Pick, Picker};
use super::rules::{Apply, Described, Healthy, Noise, Seen, Term};
use gradwerk_env::Fact;
use gradwerk_env::tree::{Fault, Fields, Node, Value};

const KEYS: [&str; 10] = [
    "model",
    "frame_skip",
    "time_limit",
    "solved_at",
    "terminate_when_unhealthy",
    "start",
    "observe",
    "reward",
    "facts",
    "healthy",
];
const OBSERVE_KEYS: [&str; 7] = ["part", "of", "axis", "from", "to", "clip", "apply"];
const FACT_KEYS: [&str; 6] = ["name", "part", "of", "axis", "from", "to"];
const HEALTHY_KEYS: [&str; 7] = ["part", "of", "axis", "from", "to", "low", "high"];

/// The keys of the terms of a reward, by the name of the term.
const TERMS: [(&str, &[&str]); 6] = [
    ("velocity", &["term", "weight", "part", "of", "axis", "from", "to"]),
    ("value", &["term", "weight", "part", "of", "axis", "from", "to"]),
    ("healthy", &["term", "weight"]),
    ("control_cost", &["term", "weight"]),
    ("square_cost", &["term", "weight", "part", "of", "axis", "from", "to", "clip", "most"]),
    ("distance_cost", &["term", "weight", "between"]),
];
/// All of those keys.
const TERM_KEYS: [&str; 10] =
    ["term", "weight", "part", "of", "axis", "from", "to", "clip", "most", "between"];
/// Most steps per action, and most steps of an episode.
const MOST: u32 = 1_000_000_000;

/// What of a description does not depend on what is in the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub model: String,
    pub frame_skip: u32,
    pub time_limit: Option<u32>,
    pub solved_at: Option<f64>,
}

/// Read what does not depend on the model.
pub fn head(root: &Node) -> Result<Head, Fault> {
    let fields = root.fields("the description", &KEYS)?;
    let count = |key: &str| fields.get(key).map(|node| node.count(key, MOST)).transpose();
    Ok(Head {
        model: fields.need("model")?.text("model")?.to_owned(),
        frame_skip: count("frame_skip")?.unwrap_or(1) as u32,
        time_limit: count("time_limit")?.map(|steps| steps as u32),
        solved_at: fields.get("solved_at").map(|node| finite(node, "solved_at")).transpose()?,
    })
}

/// Read the rules; also which fields of the simulation they need.
pub fn rules(root: &Node, anatomy: &Anatomy) -> Result<(Described, Vec<&'static str>), Fault> {
    let fields = root.fields("the description", &KEYS)?;
    let mut picker = Picker { anatomy, fields: Vec::new() };
    let seen = list(&fields, "observe", |node| observed(node, &mut picker))?;
    if seen.is_empty() {
        return Err((fields.line, "observe: expected at least one part that is seen".into()));
    }
    let healthy = list(&fields, "healthy", |node| bounds(node, &mut picker))?;
    let mut coordinates = Vec::new();
    let reward = list(&fields, "reward", |node| term(node, &mut picker, &mut coordinates))?;
    let (facts, told) = facts(&fields, &mut picker)?;
    let terminate = match fields.get("terminate_when_unhealthy") {
        Some(node) => node.bool("terminate_when_unhealthy")?,
        None => true,
    };
    let start = start(&fields)?;
    let rules = Described { start, seen, coordinates, reward, healthy, terminate, facts, told };
    Ok((rules, picker.fields))
}

/// A description whose rewards nobody else gives says them.
///
/// # Errors
/// If it does not.
pub fn need_reward(rules: &Described) -> Result<(), Fault> {
    if rules.reward.is_empty() {
        let what = "the description lacks `reward`: expected a list of at least one term, or a \
                    function from Python (gradwerk.train(..., reward=function))";
        // What is missing stands nowhere: the file begins at line 1.
        return Err((1, what.into()));
    }
    Ok(())
}

/// What is told, by name, and where it is.
fn facts(fields: &Fields<'_>, picker: &mut Picker<'_>) -> Result<(Vec<Fact>, Vec<Pick>), Fault> {
    let (mut facts, mut told) = (Vec::<Fact>::new(), Vec::new());
    let Some(node) = fields.get("facts") else { return Ok((facts, told)) };
    for node in node.list("facts")? {
        let fields = node.fields("an entry of facts", &FACT_KEYS)?;
        let name = fields.need("name")?.text("name")?.to_owned();
        if name.is_empty() || facts.iter().any(|fact| fact.name == name) {
            return Err((node.line, format!("name = \"{name}\", expected one of its own")));
        }
        let pick = picker.read(&fields)?;
        facts.push(Fact { name, len: pick.len() });
        told.push(pick);
    }
    Ok((facts, told))
}

/// Every entry of a list that may be absent.
fn list<T>(
    fields: &Fields<'_>,
    key: &str,
    read: impl FnMut(&Node) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let Some(node) = fields.get(key) else { return Ok(Vec::new()) };
    node.list(key)?.iter().map(read).collect()
}

fn finite(node: &Node, name: &str) -> Result<f64, Fault> {
    let x = node.number(name)?;
    if x.is_finite() { Ok(x) } else { Err(node.unfit(name, "a finite number")) }
}

/// A number above 0, or the default.
fn positive(fields: &Fields<'_>, key: &str, default: f64) -> Result<f64, Fault> {
    let Some(node) = fields.get(key) else { return Ok(default) };
    let x = finite(node, key)?;
    if x > 0.0 { Ok(x) } else { Err(node.unfit(key, "a number above 0")) }
}

fn start(fields: &Fields<'_>) -> Result<[Noise; 2], Fault> {
    let Some(node) = fields.get("start") else { return Ok([Noise::None; 2]) };
    let fields = node.fields("start", &["qpos", "qvel"])?;
    let noise = |key| fields.get(key).map_or(Ok(Noise::None), |node| noise(node, key));
    Ok([noise("qpos")?, noise("qvel")?])
}

/// `{ uniform = 0.1 }` or `{ normal = 0.1 }`.
fn noise(node: &Node, key: &str) -> Result<Noise, Fault> {
    let fields = node.fields(key, &["uniform", "normal"])?;
    match (fields.get("uniform"), fields.get("normal")) {
        (Some(_), None) => Ok(Noise::Uniform(positive(&fields, "uniform", 0.0)?)),
        (None, Some(_)) => Ok(Noise::Normal(positive(&fields, "normal", 0.0)?)),
        _ => Err((node.line, format!("{key}: expected one of uniform, normal"))),
    }
}

fn observed(node: &Node, picker: &mut Picker<'_>) -> Result<Seen, Fault> {
    let fields = node.fields("an entry of observe", &OBSERVE_KEYS)?;
    let apply = match fields.get("apply") {
        None => Apply::Nothing,
        Some(node) => match node.text("apply")? {
            "sin" => Apply::Sin,
            "cos" => Apply::Cos,
            _ => return Err(node.unfit("apply", "one of sin, cos")),
        },
    };
    if let (Some(node), true) = (fields.get("clip"), apply != Apply::Nothing) {
        return Err((node.line, "clip: not with apply, whose values lie within 1".into()));
    }
    Ok(Seen { pick: picker.read(&fields)?, apply, clip: positive(&fields, "clip", f64::INFINITY)? })
}

fn bounds(node: &Node, picker: &mut Picker<'_>) -> Result<Healthy, Fault> {
    let fields = node.fields("an entry of healthy", &HEALTHY_KEYS)?;
    let bound = |key, default| match fields.get(key) {
        Some(node) => finite(node, key),
        None => Ok(default),
    };
    let (low, high) = (bound("low", f64::NEG_INFINITY)?, bound("high", f64::INFINITY)?);
    if fields.get("low").is_none() && fields.get("high").is_none() {
        return Err((node.line, "an entry of healthy lacks `low` or `high`".into()));
    }
    if low >= high {
        return Err((node.line, format!("low = {low}, expected less than high = {high}")));
    }
    Ok(Healthy { pick: picker.read(&fields)?, low, high })
}

fn term(node: &Node, picker: &mut Picker<'_>, coordinates: &mut Vec<Pick>) -> Result<Term, Fault> {
    let name = node.fields("a term of reward", &TERM_KEYS)?.need("term")?.clone();
    let names = TERMS.map(|(name, _)| name).join(", ");
    let known = TERMS.iter().find(|(known, _)| Value::Text((*known).into()) == name.value);
    let (kind, keys) = known.ok_or_else(|| name.unfit("term", &format!("one of {names}")))?;
    let fields = node.fields(&format!("the term {kind}"), keys)?;
    let weight = match fields.get("weight") {
        Some(node) => finite(node, "weight")?,
        None => 1.0,
    };
    Ok(match *kind {
        "velocity" => {
            coordinates.push(one(&fields, picker)?);
            Term::Velocity { weight, coordinate: coordinates.len() - 1 }
        }
        "value" => Term::Value { weight, pick: one(&fields, picker)? },
        "healthy" => Term::Healthy { weight },
        "control_cost" => Term::ControlCost { weight: weight as f32 },
        "square_cost" => Term::SquareCost {
            weight,
            pick: picker.read(&fields)?,
            clip: positive(&fields, "clip", f64::INFINITY)?,
            most: positive(&fields, "most", f64::INFINITY)?,
        },
        _ => Term::DistanceCost { weight, between: between(&fields, picker)? },
    })
}

/// A pick of one number.
fn one(fields: &Fields<'_>, picker: &mut Picker<'_>) -> Result<Pick, Fault> {
    let pick = picker.read(fields)?;
    match pick.len() {
        1 => Ok(pick),
        n => {
            let how = "expected one: choose it with of, axis, from and to";
            Err((fields.need("part")?.line, format!("part: {n} numbers, {how}")))
        }
    }
}

fn between(fields: &Fields<'_>, picker: &mut Picker<'_>) -> Result<[Pick; 2], Fault> {
    let node = fields.need("between")?;
    let mut place = |node: &Node| picker.read(&node.fields("a place of between", &PICK_KEYS)?);
    let [a, b] = node.list("between")? else {
        return Err((node.line, "between: expected a list of two places".into()));
    };
    let (a, b) = (place(a)?, place(b)?);
    if a.len() != b.len() {
        let what = format!("between: {} and {} numbers, expected as many", a.len(), b.len());
        return Err((node.line, what));
    }
    Ok([a, b])
}

#[cfg(test)]
mod tests {
    use super::super::anatomy::Object;
    use super::*;
    use gradwerk_env::tree;

    const HOPPER: &str = r#"model = "hopper.xml"
frame_skip = 4
observe = [{ part = "qpos", from = 1 }, { part = "qvel", clip = 10 }]
reward = [
  { term = "velocity", part = "qpos", of = "rootx" },
  { term = "healthy" },
  { term = "control_cost", weight = 1e-3 },
]
healthy = [{ part = "qpos", of = "rootz", low = 0.7 }]
start = { qpos = { uniform = 0.005 } }
"#;

    fn anatomy() -> Anatomy {
        let object = |name: &str, at| Object { name: name.into(), at: at..at + 1 };
        let joints = vec![object("rootx", 0), object("rootz", 1), object("thigh", 2)];
        Anatomy {
            bodies: vec!["world".into(), "torso".into()],
            positions: joints.clone(),
            velocities: joints,
            ..Anatomy::default()
        }
    }

    fn read(text: &str) -> Result<(Described, Vec<&'static str>), Fault> {
        let root = tree::parse(text, "a.toml")?;
        head(&root)?;
        rules(&root, &anatomy())
    }

    #[test]
    fn a_description_is_read() {
        let (rules, fields) = read(HOPPER).unwrap();
        assert_eq!(rules.seen.iter().map(|seen| seen.pick.len()).sum::<usize>(), 2 + 3);
        assert_eq!(rules.start, [Noise::Uniform(0.005), Noise::None]);
        assert_eq!((rules.coordinates.len(), rules.reward.len()), (1, 3));
        assert!(rules.terminate && fields.is_empty());
        let force =
            HOPPER.replace("part = \"qvel\", clip = 10", "part = \"cfrc_ext\", of = \"torso\"");
        let (rules, fields) = read(&force).unwrap();
        assert_eq!((rules.seen[1].pick.len(), fields), (6, vec!["cfrc_ext"]));
        assert!(rules.facts.is_empty());
    }

    #[test]
    fn facts_have_names() {
        let place = r#"{ name = "place", part = "xpos", of = "torso" }"#;
        let text =
            format!("{HOPPER}facts = [{{ name = \"z\", part = \"qpos\", of = 1 }}, {place}]\n");
        let (rules, fields) = read(&text).unwrap();
        let facts: Vec<_> = rules.facts.iter().map(|fact| (fact.name.as_str(), fact.len)).collect();
        assert_eq!((facts, fields), (vec![("z", 1), ("place", 3)], vec!["xpos"]));
    }

    #[test]
    fn a_reward_may_be_left_to_others() {
        let text = HOPPER.split("reward = [").next().unwrap();
        let root = tree::parse(text, "a.toml").unwrap();
        let (described, _) = rules(&root, &anatomy()).unwrap();
        let (line, what) = need_reward(&described).unwrap_err();
        assert_eq!(line, 1);
        assert!(what.contains("lacks `reward`") && what.contains("reward=function"), "{what}");
        let root = tree::parse(HOPPER, "a.toml").unwrap();
        let (described, _) = rules(&root, &anatomy()).unwrap();
        need_reward(&described).unwrap();
    }

    /// What is changed, and the message: line, key, value, choices.
    #[test]
    fn faults_name_line_value_and_choices() {
        for (old, new, line, message) in [
            (
                "frame_skip = 4",
                "frame_skip = 0",
                2,
                "frame_skip = 0, expected a whole number from 1",
            ),
            (
                "frame_skip = 4",
                "skip = 4",
                2,
                "unknown key `skip` in the description, expected one of model",
            ),
            ("\"rootx\"", "\"rooty\"", 5, "of = \"rooty\", expected one of rootx, rootz, thigh"),
            ("\"qvel\"", "\"speed\"", 3, "part = \"speed\", expected one of qpos, qvel, ctrl"),
            ("\"qvel\"", "\"sensordata\"", 3, "part = \"sensordata\": this model has none of it"),
            ("from = 1", "from = 3", 3, "from 3 to 3 of 3 numbers, expected at least one"),
            ("from = 1", "axis = \"w\"", 3, "axis = \"w\", expected one of x, y, z"),
            ("from = 1", "apply = \"tan\"", 3, "apply = \"tan\", expected one of sin, cos"),
            (", of = \"rootx\"", "", 5, "part: 3 numbers, expected one: choose it with of"),
            (
                "\"healthy\"",
                "\"alive\"",
                6,
                "term = \"alive\", expected one of velocity, value, healthy",
            ),
            (
                "weight = 1e-3",
                "clip = 1",
                7,
                "unknown key `clip` in the term control_cost, expected one of term, weight",
            ),
            ("weight = 1e-3", "weight = inf", 7, "weight = inf, expected a finite number"),
            ("low = 0.7", "low = 0.7, high = 0.5", 9, "low = 0.7, expected less than high = 0.5"),
            (", low = 0.7", "", 9, "an entry of healthy lacks `low` or `high`"),
            ("uniform = 0.005", "uniform = -1", 10, "uniform = -1, expected a number above 0"),
            (
                "healthy = [",
                "facts = [{ part = \"qpos\" }]\nhealthy = [",
                9,
                "an entry of facts lacks `name`",
            ),
            (
                "healthy = [",
                "facts = [{ name = \"x\", part = \"qpos\" }, { name = \"x\", part = \"qvel\" }]\nhealthy = [",
                9,
                "name = \"x\", expected one of its own",
            ),
            ("{ uniform = 0.005 }", "{}", 10, "qpos: expected one of uniform, normal"),
        ] {
            let text = HOPPER.replacen(old, new, 1);
            assert_ne!(text, HOPPER, "{old}");
            let (at, what) = read(&text).unwrap_err();
            assert_eq!(at, line, "{new}: {what}");
            assert!(what.starts_with(message), "{new}: {what}");
        }
    }

    #[test]
    fn a_place_has_axes_and_distances_have_two_places() {
        let place = r#"{ part = "xpos", of = "torso" }"#;
        let with = |between: &str| {
            let term = format!("{{ term = \"distance_cost\", between = {between} }}");
            read(&HOPPER.replace("{ term = \"healthy\" }", &term))
        };
        let (rules, fields) = with(&format!("[{place}, {{ part = \"xpos\", of = 0 }}]")).unwrap();
        assert!(
            matches!(&rules.reward[1], Term::DistanceCost { between: [a, _], .. } if a.len() == 3)
        );
        assert_eq!(fields, ["xpos"]);
        let (_, what) = with(&format!("[{place}]")).unwrap_err();
        assert_eq!(what, "between: expected a list of two places");
        let axis = r#"{ part = "xpos", of = "torso", axis = "y" }"#;
        let (_, what) = with(&format!("[{place}, {axis}]")).unwrap_err();
        assert_eq!(what, "between: 3 and 1 numbers, expected as many");
    }
}
