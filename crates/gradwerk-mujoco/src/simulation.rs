//! One simulation of a model: a batch of one (`mjbatch.h`), whose state is a row of numbers and
//! whose other fields are read by name.

use crate::find::Missing;
use crate::library::{
    BatchConfig, BatchFunction, Functions, Library, NO_STAGE, RawBatch, RawData, RawModel, message,
    state,
};
use crate::model::{MESSAGE, Model};
use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr;
use std::slice;
use std::sync::Arc;

/// Numbers that MuJoCo owns: valid as long as the batch that they belong to.
#[derive(Clone, Copy)]
struct Numbers {
    at: *mut f64,
    len: usize,
}

/// A simulation.
pub struct Simulation {
    raw: *mut RawBatch,
    model: Arc<Model>,
    row: Numbers,
    time: Numbers,
    qpos: Numbers,
    qvel: Numbers,
    ctrl: Numbers,
    fields: Vec<Numbers>,
    /// Positions and velocities of the next reset.
    start: Vec<f64>,
}

// SAFETY: a batch with one thread works on the thread that calls it and keeps nothing there
// between calls; all its memory belongs to this value, which one thread has at a time.
unsafe impl Send for Simulation {}

/// Why a step led nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unstable {
    /// Positions or velocities became too large or no numbers; MuJoCo started over.
    StartedOver,
    /// MuJoCo stopped with a message.
    Stopped(String),
}

/// What [`reset`] needs.
struct Reset<'a> {
    functions: &'a Functions,
    /// Positions, then velocities.
    start: &'a [f64],
}

/// What [`advance`] needs.
struct Advance<'a> {
    functions: &'a Functions,
    steps: u32,
}

/// Start anew: defaults, the given positions and velocities, and all that follows from them.
///
/// # Safety
/// Called by `mjb_apply` with a `Reset` as argument.
unsafe extern "C-unwind" fn reset(
    model: *const RawModel,
    data: *mut RawData,
    _: c_int,
    argument: *mut c_void,
) {
    // SAFETY: `Simulation::reset` passes a `Reset` that it keeps alive; the batch passes its own
    // model and data; `start` has the length of positions and velocities together.
    unsafe {
        let Reset { functions, start } = &*argument.cast::<Reset<'_>>();
        (functions.mj_resetData)(model, data);
        (functions.mj_setState)(model, data, start.as_ptr(), state::QPOS | state::QVEL);
        (functions.mj_forward)(model, data);
    }
}

/// Take steps, then work out the forces of contacts on bodies.
///
/// # Safety
/// Called by `mjb_apply` with an `Advance` as argument.
unsafe extern "C-unwind" fn advance(
    model: *const RawModel,
    data: *mut RawData,
    _: c_int,
    argument: *mut c_void,
) {
    // SAFETY: `Simulation::advance` passes an `Advance` that it keeps alive; the batch passes its
    // own model and data.
    unsafe {
        let Advance { functions, steps } = &*argument.cast::<Advance<'_>>();
        for _ in 0..*steps {
            (functions.mj_step)(model, data);
        }
        (functions.mj_rnePostConstraint)(model, data);
    }
}

impl Simulation {
    /// A simulation at the start of its model, which copies out these fields after every call.
    ///
    /// # Errors
    /// If there is no memory, or no field of that name with numbers in double precision.
    pub fn new(model: &Arc<Model>, fields: &[&str]) -> Result<Self, Missing> {
        let mut new = Self::without_fields(model)?;
        for name in fields {
            new.field_named(name)?;
        }
        // Asked for again once all are known: a later one might have moved those before.
        new.fields = fields.iter().map(|name| new.field_named(name)).collect::<Result<_, _>>()?;
        Ok(new)
    }

    fn without_fields(model: &Arc<Model>) -> Result<Self, Missing> {
        let mut text = [0_u8; MESSAGE];
        let config = BatchConfig { threads: 1, persistent: true };
        let functions = &model.library().functions;
        // SAFETY: a live model, which the batch copies, and a buffer of the stated size.
        let raw = unsafe {
            let make = functions.mjb_makeBatch;
            make(model.raw(), 1, &raw const config, text.as_mut_ptr().cast(), MESSAGE as c_int)
        };
        if raw.is_null() {
            return Err(Missing(format!("{}: {}", model.name(), message(&text))));
        }
        // SAFETY: a live batch; its state has as many numbers as it says.
        let row = unsafe {
            Numbers { at: (functions.mjb_state)(raw), len: (functions.mjb_nstate)(raw) as usize }
        };
        let part = |bit| {
            let mut len = 0;
            // SAFETY: a live batch, one bit of the state, and room for the length.
            let at = unsafe { (functions.mjb_stateComponent)(raw, bit, &raw mut len) };
            Numbers { at, len: len as usize }
        };
        let [time, qpos, qvel, ctrl] =
            [state::TIME, state::QPOS, state::QVEL, state::CTRL].map(part);
        let start = vec![0.0; qpos.len + qvel.len];
        let (model, fields) = (model.clone(), Vec::new());
        Ok(Self { raw, model, row, time, qpos, qvel, ctrl, fields, start })
    }

    fn functions(&self) -> &'static Functions {
        let library: &'static Library = self.model.library();
        &library.functions
    }

    fn field_named(&self, name: &str) -> Result<Numbers, Missing> {
        let text = CString::new(name).expect("names are constants");
        let (mut len, mut size) = (0, 0);
        // SAFETY: a live batch, a string that ends in a zero byte, room for both numbers.
        let at = unsafe {
            (self.functions().mjb_output)(self.raw, text.as_ptr(), &raw mut len, &raw mut size)
        };
        self.numbers(name, at, len, size)
    }

    /// The values of a field of the model.
    ///
    /// # Errors
    /// If there is no field of that name with numbers in double precision.
    pub fn model_field(&self, name: &str) -> Result<Vec<f64>, Missing> {
        let text = CString::new(name).expect("names are constants");
        let (mut len, mut size) = (0, 0);
        // SAFETY: as in `field_named`.
        let at = unsafe {
            (self.functions().mjb_expand)(self.raw, text.as_ptr(), &raw mut len, &raw mut size)
        };
        Ok(self.slice(self.numbers(name, at, len, size)?).to_vec())
    }

    fn numbers(
        &self,
        name: &str,
        at: *mut c_void,
        len: c_int,
        size: c_int,
    ) -> Result<Numbers, Missing> {
        if at.is_null() || size as usize != size_of::<f64>() {
            let version = self.model.library().version();
            return Err(Missing(format!(
                "MuJoCo {version} has no field `{name}` of numbers in double precision"
            )));
        }
        Ok(Numbers { at: at.cast(), len: len as usize })
    }

    /// Numbers that MuJoCo owns.
    fn slice(&self, numbers: Numbers) -> &[f64] {
        if numbers.len == 0 {
            return &[];
        }
        // SAFETY: MuJoCo gave this address and length for its batch, which lives as long as
        // `self`; only calls through `&mut self` write there.
        unsafe { slice::from_raw_parts(numbers.at, numbers.len) }
    }

    fn slice_mut(&mut self, numbers: Numbers) -> &mut [f64] {
        if numbers.len == 0 {
            return &mut [];
        }
        // SAFETY: as in `slice`, and `&mut self` is the only way to it.
        unsafe { slice::from_raw_parts_mut(numbers.at, numbers.len) }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The clock, in seconds.
    #[must_use]
    pub fn time(&self) -> f64 {
        self.slice(self.time)[0]
    }

    /// Positions.
    #[must_use]
    pub fn qpos(&self) -> &[f64] {
        self.slice(self.qpos)
    }

    /// Velocities.
    #[must_use]
    pub fn qvel(&self) -> &[f64] {
        self.slice(self.qvel)
    }

    /// Controls.
    #[must_use]
    pub fn ctrl(&self) -> &[f64] {
        self.slice(self.ctrl)
    }

    /// The `k`-th of the fields asked for, as the last call left it. After a step those that
    /// follow from positions (`xpos`, ...) are of the state before its last substep.
    #[must_use]
    pub fn field(&self, k: usize) -> &[f64] {
        self.slice(self.fields[k])
    }

    /// The whole state that the future depends on (`mjSTATE_INTEGRATION`, warm start included).
    #[must_use]
    pub fn state(&self) -> &[f64] {
        self.slice(self.row)
    }

    /// Go to a state that [`Simulation::state`] gave. Fields follow with the next step.
    ///
    /// # Panics
    /// If it has another length.
    pub fn set_state(&mut self, state: &[f64]) {
        self.slice_mut(self.row).copy_from_slice(state);
    }

    /// Choose the controls.
    pub fn set_ctrl(&mut self, action: &[f32]) {
        let ctrl = self.slice_mut(self.ctrl);
        ctrl.iter_mut().zip(action).for_each(|(c, a)| *c = f64::from(*a));
    }

    /// Start anew, at the start of the model with what `draw` changes in its positions and
    /// velocities.
    pub fn reset(&mut self, draw: impl FnOnce(&mut [f64], &mut [f64])) {
        let model = self.model.clone();
        let (qpos, qvel) = self.start.split_at_mut(self.qpos.len);
        qpos.copy_from_slice(model.start().0);
        qvel.copy_from_slice(model.start().1);
        draw(qpos, qvel);
        let start = std::mem::take(&mut self.start);
        let mut argument = Reset { functions: self.functions(), start: &start };
        self.apply(reset, (&raw mut argument).cast());
        self.start = start;
    }

    /// Take `steps` steps with the controls chosen.
    ///
    /// # Errors
    /// If MuJoCo started over or stopped.
    pub fn step(&mut self, steps: u32) -> Result<(), Unstable> {
        let before = self.time();
        if let Some(text) = self.advance(steps) {
            return Err(Unstable::Stopped(text));
        }
        // Starting over sets the clock to 0; half a step leaves room for its rounding.
        let expected = before + (f64::from(steps) - 0.5) * self.model.timestep();
        if self.time() > expected { Ok(()) } else { Err(Unstable::StartedOver) }
    }

    /// Take steps; the message if MuJoCo stopped.
    pub(crate) fn advance(&mut self, steps: u32) -> Option<String> {
        let mut argument = Advance { functions: self.functions(), steps };
        self.apply(advance, (&raw mut argument).cast())
    }

    /// Call a function on the state, then copy out the fields; the message if MuJoCo stopped,
    /// which leaves the state alone.
    fn apply(&mut self, function: BatchFunction, argument: *mut c_void) -> Option<String> {
        let functions = self.functions();
        // SAFETY: a live batch of one simulation; callers pass the argument that the function
        // needs, alive during the call. Null and 0 mean all simulations.
        let mut failed =
            unsafe { (functions.mjb_apply)(self.raw, ptr::null(), 0, function, argument, 1) };
        if failed == 0 && !self.fields.is_empty() {
            // The batch keeps its data (`persistent`), so that the fields are still those that
            // the function left, and no stage replaces them.
            // SAFETY: as above.
            failed = unsafe { (functions.mjb_forward)(self.raw, ptr::null(), 0, NO_STAGE) };
        }
        if failed == 0 {
            return None;
        }
        // SAFETY: the batch has a simulation 0, whose message ends in a zero byte.
        let text = unsafe { CStr::from_ptr((functions.mjb_error)(self.raw, 0)) };
        Some(text.to_string_lossy().into_owned())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // SAFETY: from `mjb_makeBatch`, freed once.
        unsafe { (self.functions().mjb_deleteBatch)(self.raw) }
    }
}
