//! Parts of a simulation that a description may name, and picking numbers from them.

use super::anatomy::{Anatomy, Object};
use crate::simulation::Simulation;
use gradwerk_env::tree::{Fault, Fields};
use std::ops::Range;

/// Whose numbers a part holds, and how many of each.
#[derive(Clone, Copy)]
enum Of {
    Positions,
    Velocities,
    Readings,
    Actuators,
    Bodies(usize),
    Sites,
}

/// All parts, under MuJoCo's names.
const PARTS: [(&str, Of); 16] = [
    ("qpos", Of::Positions),
    ("qvel", Of::Velocities),
    ("ctrl", Of::Actuators),
    ("sensordata", Of::Readings),
    ("xpos", Of::Bodies(3)),
    ("xquat", Of::Bodies(4)),
    ("xipos", Of::Bodies(3)),
    ("subtree_com", Of::Bodies(3)),
    ("cinert", Of::Bodies(10)),
    ("cvel", Of::Bodies(6)),
    ("cfrc_ext", Of::Bodies(6)),
    ("site_xpos", Of::Sites),
    ("actuator_force", Of::Actuators),
    ("qfrc_actuator", Of::Velocities),
    ("qfrc_constraint", Of::Velocities),
    ("qacc", Of::Velocities),
];

/// The keys that pick numbers.
pub const PICK_KEYS: [&str; 5] = ["part", "of", "axis", "from", "to"];
const AXES: [&str; 3] = ["x", "y", "z"];

impl Of {
    /// The objects, each with its numbers.
    fn objects(self, anatomy: &Anatomy) -> Vec<Object> {
        let rows = |names: &[String], width: usize| {
            let object = |(k, name): (usize, &String)| Object {
                name: name.clone(),
                at: k * width..(k + 1) * width,
            };
            names.iter().enumerate().map(object).collect()
        };
        match self {
            Self::Positions => anatomy.positions.clone(),
            Self::Velocities => anatomy.velocities.clone(),
            Self::Readings => anatomy.readings.clone(),
            Self::Actuators => rows(&anatomy.actuators, 1),
            Self::Bodies(width) => rows(&anatomy.bodies, width),
            Self::Sites => rows(&anatomy.sites, 3),
        }
    }
}

/// Where a part is in a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Qpos,
    Qvel,
    Ctrl,
    /// The k-th of the fields that are copied out.
    Field(usize),
}

/// Numbers of a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    source: Source,
    range: Range<usize>,
}

impl Pick {
    /// The numbers now.
    pub fn of<'a>(&self, sim: &'a Simulation) -> &'a [f64] {
        let part = match self.source {
            Source::Qpos => sim.qpos(),
            Source::Qvel => sim.qvel(),
            Source::Ctrl => sim.ctrl(),
            Source::Field(k) => sim.field(k),
        };
        &part[self.range.clone()]
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.range.len()
    }
}

/// Reads picks, and remembers which fields they need.
pub struct Picker<'a> {
    pub anatomy: &'a Anatomy,
    pub fields: Vec<&'static str>,
}

impl Picker<'_> {
    /// The numbers that a table's keys of [`PICK_KEYS`] pick.
    pub fn read(&mut self, table: &Fields<'_>) -> Result<Pick, Fault> {
        let node = table.need("part")?;
        let text = node.text("part")?;
        let expected = || format!("one of {}", PARTS.map(|(name, _)| name).join(", "));
        let (name, of) = PARTS
            .into_iter()
            .find(|(name, _)| *name == text)
            .ok_or_else(|| node.unfit("part", &expected()))?;
        let objects = of.objects(self.anatomy);
        let whole = 0..objects.last().map_or(0, |last| last.at.end);
        if whole.is_empty() {
            return Err((node.line, format!("part = \"{name}\": this model has none of it")));
        }
        let range = narrowed(table, of_object(table, &objects)?.unwrap_or(whole))?;
        Ok(Pick { source: self.source(name), range })
    }

    fn source(&mut self, name: &'static str) -> Source {
        match name {
            "qpos" => Source::Qpos,
            "qvel" => Source::Qvel,
            "ctrl" => Source::Ctrl,
            field => Source::Field(self.field(field)),
        }
    }

    fn field(&mut self, name: &'static str) -> usize {
        self.fields.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.fields.push(name);
            self.fields.len() - 1
        })
    }
}

/// The numbers of the object that `of` names.
fn of_object(table: &Fields<'_>, objects: &[Object]) -> Result<Option<Range<usize>>, Fault> {
    let Some(node) = table.get("of") else { return Ok(None) };
    let names: Vec<String> = objects.iter().map(|object| object.name.clone()).collect();
    let k = node.index("of", objects.len(), &names)?;
    Ok(Some(objects[k].at.clone()))
}

/// Those of a range that `axis`, or `from` and `to`, choose.
fn narrowed(table: &Fields<'_>, range: Range<usize>) -> Result<Range<usize>, Fault> {
    let n = range.len();
    if let Some(node) = table.get("axis") {
        if n != AXES.len() {
            let what = format!("axis: of {n} numbers, expected the 3 of one place (say whose: of)");
            return Err((node.line, what));
        }
        let axis = node.text("axis")?;
        let k = AXES.iter().position(|known| *known == axis);
        let k = k.ok_or_else(|| node.unfit("axis", "one of x, y, z"))?;
        return Ok(range.start + k..range.start + k + 1);
    }
    let bound = |key, default| match table.get(key) {
        Some(node) => node.index(key, n + 1, &[]),
        None => Ok(default),
    };
    let (from, to) = (bound("from", 0)?, bound("to", n)?);
    if from >= to {
        let what = format!(
            "from {from} to {to} of {n} numbers, expected at least one (to is beyond the last)"
        );
        return Err((table.line, what));
    }
    Ok(range.start + from..range.start + to)
}
