//! A compiled model, which engines are made from.

use crate::engine::Engine;
use crate::find::Missing;
use crate::library::{Library, RawModel, message};
use crate::simulation::Simulation;
use gradwerk_env::Fingerprint;
use std::ffi::{CStr, CString, c_int};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

/// Room for a message of MuJoCo.
pub(crate) const MESSAGE: usize = 1000;

/// A compiled model.
pub struct Model {
    raw: *mut RawModel,
    library: &'static Library,
    name: String,
    timestep: f64,
    start: (Vec<f64>, Vec<f64>),
    controls: usize,
    fingerprint: Fingerprint,
}

// SAFETY: after `load` nothing writes to the model, and MuJoCo's functions that take a constant
// model only read it; it is freed once, by the last owner.
unsafe impl Send for Model {}
// SAFETY: as above: shared use is reading.
unsafe impl Sync for Model {}

impl Model {
    /// Compile the model in a file (MJCF).
    ///
    /// # Errors
    /// If the file is missing or MuJoCo refuses it, in its words.
    pub fn load(library: &'static Library, path: &Path) -> Result<Arc<Self>, Missing> {
        let name = path.display().to_string();
        let file = CString::new(name.as_bytes())
            .map_err(|_| Missing(format!("{name}: a path must not hold a zero byte")))?;
        let bytes = std::fs::read(path)
            .map_err(|error| Missing(format!("{name}: cannot be read: {error}")))?;
        let mut text = [0_u8; MESSAGE];
        // SAFETY: a path and a buffer of the stated size, both alive during the call; without a
        // virtual file system the file is read from disk.
        let raw = unsafe {
            let load = library.functions.mj_loadXML;
            load(file.as_ptr(), ptr::null(), text.as_mut_ptr().cast(), MESSAGE as c_int)
        };
        if raw.is_null() {
            return Err(Missing(format!("{name}: {}", message(&text))));
        }
        let mut fingerprint = Fingerprint::default();
        fingerprint.bytes(&bytes);
        let mut model = Arc::new(Self {
            raw,
            library,
            name,
            timestep: 0.0,
            start: (Vec::new(), Vec::new()),
            controls: 0,
            fingerprint,
        });
        let engine = Engine::new(&model, &[])?;
        let mut probe = Simulation::on(&engine);
        let start = (probe.qpos().to_vec(), probe.qvel().to_vec());
        let controls = probe.ctrl().len();
        // The clock of a fresh simulation starts at 0.
        probe.advance(1);
        let timestep = probe.time();
        drop((probe, engine));
        let own = Arc::get_mut(&mut model).expect("the probe is gone");
        (own.start, own.timestep, own.controls) = (start, timestep, controls);
        Ok(model)
    }

    pub(crate) fn raw(&self) -> *const RawModel {
        self.raw
    }

    /// The library that compiled it.
    #[must_use]
    pub fn library(&self) -> &'static Library {
        self.library
    }

    /// The file that it was read from.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seconds between two steps of the simulator.
    #[must_use]
    pub fn timestep(&self) -> f64 {
        self.timestep
    }

    /// Positions and velocities before anything is drawn.
    #[must_use]
    pub fn start(&self) -> (&[f64], &[f64]) {
        (&self.start.0, &self.start.1)
    }

    /// Numbers that control it.
    #[must_use]
    pub fn controls(&self) -> usize {
        self.controls
    }

    /// What tells its file from others, without what that includes.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The number of a body.
    ///
    /// # Errors
    /// If the model has none of that name.
    pub fn body(self: &Arc<Self>, name: &str) -> Result<usize, Missing> {
        let names = self.names(Kind::Body)?;
        names.iter().position(|known| known == name).ok_or_else(|| {
            let known = names.join(", ");
            Missing(format!("{}: the model has no body `{name}`, but {known}", self.name))
        })
    }

    /// The names of all objects of a kind; empty where one has none.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn names(self: &Arc<Self>, kind: Kind) -> Result<Vec<String>, Missing> {
        let (text, field) = kind.facts();
        let objects = Engine::new(self, &[])?.model_integers(field)?.len();
        let functions = &self.library.functions;
        let text = CString::new(text).expect("names are constants");
        // SAFETY: a string that ends in a zero byte.
        let object = unsafe { (functions.mju_str2Type)(text.as_ptr()) };
        let name = |id| {
            // SAFETY: a live model, whose names end in a zero byte and live as long as it.
            let name = unsafe { (functions.mj_id2name)(self.raw, object, id as c_int) };
            if name.is_null() {
                return String::new();
            }
            // SAFETY: as above.
            unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
        };
        Ok((0..objects).map(name).collect())
    }

    /// The mass of every body.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn body_mass(self: &Arc<Self>) -> Result<Vec<f64>, Missing> {
        Engine::new(self, &[])?.model_field("body_mass")
    }
}

/// Kinds of objects that have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A rigid body; the world is the first.
    Body,
    /// A joint.
    Joint,
    /// A place on a body.
    Site,
    /// A motor.
    Actuator,
    /// A sensor.
    Sensor,
}

impl Kind {
    /// Its name in MJCF, and a field with a whole number for each object.
    fn facts(self) -> (&'static str, &'static str) {
        match self {
            Self::Body => ("body", "body_parentid"),
            Self::Joint => ("joint", "jnt_qposadr"),
            Self::Site => ("site", "site_bodyid"),
            Self::Actuator => ("actuator", "actuator_trntype"),
            Self::Sensor => ("sensor", "sensor_adr"),
        }
    }

    /// Its name in MJCF.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().0
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: from `mj_loadXML`, and every engine for it is gone: each holds an `Arc`.
        unsafe { (self.library.functions.mj_deleteModel)(self.raw) }
    }
}
