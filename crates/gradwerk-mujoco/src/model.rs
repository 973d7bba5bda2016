//! A compiled model, read-only and shared by all simulations of it.

use crate::find::Missing;
use crate::library::{BODY, Library, RawModel, message};
use crate::simulation::Simulation;
use std::ffi::{CString, c_int};
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
        let start = (Vec::new(), Vec::new());
        let mut model = Arc::new(Self { raw, library, name, timestep: 0.0, start });
        let mut probe = Simulation::new(&model, &[])?;
        let start = (probe.qpos().to_vec(), probe.qvel().to_vec());
        // The clock of a fresh simulation starts at 0.
        probe.advance(1);
        let timestep = probe.time();
        drop(probe);
        let own = Arc::get_mut(&mut model).expect("the probe is gone");
        (own.start, own.timestep) = (start, timestep);
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

    /// The number of a body.
    ///
    /// # Errors
    /// If the model has none of that name.
    pub fn body(&self, name: &str) -> Result<usize, Missing> {
        let text = CString::new(name).expect("names are constants");
        // SAFETY: a live model and a string that ends in a zero byte.
        let id = unsafe { (self.library.functions.mj_name2id)(self.raw, BODY, text.as_ptr()) };
        usize::try_from(id)
            .map_err(|_| Missing(format!("{}: the model has no body `{name}`", self.name)))
    }

    /// The mass of every body.
    ///
    /// # Errors
    /// If the simulation cannot be set up.
    pub fn body_mass(self: &Arc<Self>) -> Result<Vec<f64>, Missing> {
        Simulation::new(self, &[])?.model_field("body_mass")
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: from `mj_loadXML`, and every simulation of it is gone: each holds an `Arc`.
        unsafe { (self.library.functions.mj_deleteModel)(self.raw) }
    }
}
