//! What computes: a batch of one simulation (`mjbatch.h`), with a model and working memory of its
//! own, whose state is a row of numbers and whose other fields are read by name.
//!
//! Everything that the future depends on is in the row. Any number of simulations therefore take
//! turns on one engine, each with a row of its own, and get the bits that they would get alone.

use crate::find::Missing;
use crate::library::{
    BatchConfig, BatchFunction, Functions, NO_STAGE, RawBatch, RawData, RawModel, message, state,
};
use crate::model::{MESSAGE, Model};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ops::Range;
use std::ptr;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Numbers that MuJoCo owns: valid as long as the batch that they belong to.
#[derive(Clone, Copy)]
struct Numbers {
    at: *mut f64,
    len: usize,
}

/// Where the parts of a state are in its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub time: usize,
    pub qpos: Range<usize>,
    pub qvel: Range<usize>,
    pub ctrl: Range<usize>,
    /// Where each of the fields asked for is in a row of all of them.
    pub fields: Vec<Range<usize>>,
}

/// An engine: simulations take turns on it.
pub struct Engine {
    model: Arc<Model>,
    layout: Layout,
    /// The state before anything happened.
    fresh: Vec<f64>,
    batch: Mutex<Batch>,
}

impl Engine {
    /// An engine for a model, which copies out these fields after every call.
    ///
    /// # Errors
    /// If there is no memory, or no field of that name with numbers in double precision.
    pub fn new(model: &Arc<Model>, fields: &[&str]) -> Result<Arc<Self>, Missing> {
        let batch = Batch::new(model, fields)?;
        let (layout, fresh) = (batch.layout(), batch.slice(batch.row).to_vec());
        Ok(Arc::new(Self { model: model.clone(), layout, fresh, batch: Mutex::new(batch) }))
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The values of a field of the model.
    ///
    /// # Errors
    /// If there is no field of that name with numbers in double precision.
    pub fn model_field(&self, name: &str) -> Result<Vec<f64>, Missing> {
        let batch = self.lock();
        let numbers = batch.named(name, batch.functions().mjb_expand)?;
        Ok(batch.slice(numbers).to_vec())
    }

    /// The values of a field of the model with whole numbers.
    ///
    /// # Errors
    /// If there is no such field of that name.
    pub fn model_integers(&self, name: &str) -> Result<Vec<i32>, Missing> {
        let batch = self.lock();
        let (at, len) = batch.find(name, batch.functions().mjb_expand, size_of::<i32>())?;
        if len == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: MuJoCo gave this address and length for entries of this size, and nothing
        // writes there while the batch is locked.
        Ok(unsafe { slice::from_raw_parts(at.cast::<i32>(), len) }.to_vec())
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn fresh(&self) -> &[f64] {
        &self.fresh
    }

    /// A batch whose call panicked holds a state that the next call replaces.
    fn lock(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Start anew the simulation with this state and these fields; the message if MuJoCo stopped,
    /// which leaves both alone. `start` is positions, then velocities.
    pub(crate) fn reset(
        &self,
        row: &mut [f64],
        fields: &mut [f64],
        start: &[f64],
    ) -> Option<String> {
        let mut argument = Reset { functions: &self.model.library().functions, start };
        self.lock().call(row, fields, reset, (&raw mut argument).cast())
    }

    /// As [`Engine::reset`]: take steps.
    pub(crate) fn advance(
        &self,
        row: &mut [f64],
        fields: &mut [f64],
        steps: u32,
    ) -> Option<String> {
        let mut argument = Advance { functions: &self.model.library().functions, steps };
        self.lock().call(row, fields, advance, (&raw mut argument).cast())
    }
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
    // SAFETY: `Engine::reset` passes a `Reset` that it keeps alive; the batch passes its own
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
    // SAFETY: `Engine::advance` passes an `Advance` that it keeps alive; the batch passes its
    // own model and data.
    unsafe {
        let Advance { functions, steps } = &*argument.cast::<Advance<'_>>();
        for _ in 0..*steps {
            (functions.mj_step)(model, data);
        }
        (functions.mj_rnePostConstraint)(model, data);
    }
}

/// `mjb_output` and `mjb_expand`: a named field, its length and the size of an entry.
type Find = unsafe extern "C-unwind" fn(
    *mut RawBatch,
    *const c_char,
    *mut c_int,
    *mut c_int,
) -> *mut c_void;

/// MuJoCo's batch.
struct Batch {
    raw: *mut RawBatch,
    model: Arc<Model>,
    row: Numbers,
    fields: Vec<Numbers>,
}

// SAFETY: a batch with one thread works on the thread that calls it and keeps nothing there
// between calls; all its memory belongs to this value, which one thread has at a time.
unsafe impl Send for Batch {}

impl Batch {
    fn new(model: &Arc<Model>, fields: &[&str]) -> Result<Self, Missing> {
        let mut new = Self::without_fields(model)?;
        let output = new.functions().mjb_output;
        for name in fields {
            new.named(name, output)?;
        }
        // Asked for again once all are known: a later one might have moved those before.
        new.fields = fields.iter().map(|name| new.named(name, output)).collect::<Result<_, _>>()?;
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
        Ok(Self { raw, model: model.clone(), row, fields: Vec::new() })
    }

    fn functions(&self) -> &'static Functions {
        &self.model.library().functions
    }

    fn layout(&self) -> Layout {
        let [time, qpos, qvel, ctrl] =
            [state::TIME, state::QPOS, state::QVEL, state::CTRL].map(|bit| self.part(bit));
        let mut end = 0;
        let fields = self.fields.iter().map(|numbers| {
            let start = end;
            end += numbers.len;
            start..end
        });
        Layout { time: time.start, qpos, qvel, ctrl, fields: fields.collect() }
    }

    /// Where a part of the state is in the row.
    fn part(&self, bit: c_int) -> Range<usize> {
        let mut len = 0;
        // SAFETY: a live batch, one bit of the state, and room for the length; what comes back
        // lies in the row, or is null where the part is empty.
        let start = unsafe {
            let at = (self.functions().mjb_stateComponent)(self.raw, bit, &raw mut len);
            if len == 0 { 0 } else { at.offset_from(self.row.at) as usize }
        };
        start..start + len as usize
    }

    /// A named field of numbers in double precision.
    fn named(&self, name: &str, find: Find) -> Result<Numbers, Missing> {
        let (at, len) = self.find(name, find, size_of::<f64>())?;
        Ok(Numbers { at: at.cast(), len })
    }

    /// Address and length of a named field, by one of the two functions that find them.
    fn find(&self, name: &str, find: Find, entry: usize) -> Result<(*mut c_void, usize), Missing> {
        let text = CString::new(name).expect("names are constants");
        let (mut len, mut size) = (0, 0);
        // SAFETY: a live batch, a string that ends in a zero byte, room for both numbers.
        let at = unsafe { find(self.raw, text.as_ptr(), &raw mut len, &raw mut size) };
        if at.is_null() || size as usize != entry {
            let version = self.model.library().version();
            return Err(Missing(format!(
                "MuJoCo {version} has no field `{name}` of {} bytes a number",
                entry
            )));
        }
        Ok((at, len as usize))
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

    fn row_mut(&mut self) -> &mut [f64] {
        // SAFETY: as in `slice`, and `&mut self` is the only way to it.
        unsafe { slice::from_raw_parts_mut(self.row.at, self.row.len) }
    }

    /// Call a function on a state, then copy out state and fields; the message if MuJoCo stopped,
    /// which leaves both alone.
    fn call(
        &mut self,
        row: &mut [f64],
        fields: &mut [f64],
        function: BatchFunction,
        argument: *mut c_void,
    ) -> Option<String> {
        self.row_mut().copy_from_slice(row);
        if self.apply(function, argument) > 0 {
            // SAFETY: the batch has a simulation 0, whose message ends in a zero byte.
            let text = unsafe { CStr::from_ptr((self.functions().mjb_error)(self.raw, 0)) };
            return Some(text.to_string_lossy().into_owned());
        }
        row.copy_from_slice(self.slice(self.row));
        let mut rest = fields;
        for numbers in &self.fields {
            let (field, after) = rest.split_at_mut(numbers.len);
            field.copy_from_slice(self.slice(*numbers));
            rest = after;
        }
        None
    }

    /// Call a function on the batch's state; the number of simulations that failed.
    fn apply(&mut self, function: BatchFunction, argument: *mut c_void) -> c_int {
        let functions = self.functions();
        // SAFETY: a live batch of one simulation; callers pass the argument that the function
        // needs, alive during the call. Null and 0 mean all simulations.
        let failed =
            unsafe { (functions.mjb_apply)(self.raw, ptr::null(), 0, function, argument, 1) };
        if failed > 0 || self.fields.is_empty() {
            return failed;
        }
        // The batch keeps its data (`persistent`), so that the fields are still those that the
        // function left, and no stage replaces them.
        // SAFETY: as above.
        unsafe { (functions.mjb_forward)(self.raw, ptr::null(), 0, NO_STAGE) }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: from `mjb_makeBatch`, freed once.
        unsafe { (self.functions().mjb_deleteBatch)(self.raw) }
    }
}
