//! What a model is made of: the names of its objects, and where their numbers are.

use crate::engine::Engine;
use crate::find::Missing;
use crate::model::Kind;
use std::ops::Range;

/// Numbers of a joint among positions and among velocities, by its type (`mjtJoint`): free,
/// ball, slide, hinge.
const JOINT_NUMBERS: [(usize, usize); 4] = [(7, 6), (4, 3), (1, 1), (1, 1)];

/// An object, and its numbers in some part of the simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub name: String,
    pub at: Range<usize>,
}

/// What a model is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anatomy {
    pub bodies: Vec<String>,
    pub sites: Vec<String>,
    pub actuators: Vec<String>,
    /// Joints and their positions.
    pub positions: Vec<Object>,
    /// Joints and their velocities.
    pub velocities: Vec<Object>,
    /// Sensors and their readings.
    pub readings: Vec<Object>,
}

impl Anatomy {
    /// Of an engine's model.
    pub fn of(engine: &Engine) -> Result<Self, Missing> {
        let model = engine.model();
        let integers = |field| engine.model_integers(field);
        let types = integers("jnt_type")?;
        let numbers: Vec<(usize, usize)> =
            types.iter().map(|kind| JOINT_NUMBERS[*kind as usize]).collect();
        let joints = model.names(Kind::Joint)?;
        let place = |names: &[String], at: Vec<i32>, lengths: Vec<usize>| {
            let objects = names.iter().zip(at).zip(lengths);
            let object = |((name, at), len): ((&String, i32), usize)| Object {
                name: name.clone(),
                at: at as usize..at as usize + len,
            };
            objects.map(object).collect()
        };
        let sensors = model.names(Kind::Sensor)?;
        let dims = integers("sensor_dim")?.iter().map(|dim| *dim as usize).collect();
        Ok(Self {
            bodies: model.names(Kind::Body)?,
            sites: model.names(Kind::Site)?,
            actuators: model.names(Kind::Actuator)?,
            positions: place(&joints, integers("jnt_qposadr")?, first(&numbers)),
            velocities: place(&joints, integers("jnt_dofadr")?, second(&numbers)),
            readings: place(&sensors, integers("sensor_adr")?, dims),
        })
    }
}

fn first(pairs: &[(usize, usize)]) -> Vec<usize> {
    pairs.iter().map(|pair| pair.0).collect()
}

fn second(pairs: &[(usize, usize)]) -> Vec<usize> {
    pairs.iter().map(|pair| pair.1).collect()
}
