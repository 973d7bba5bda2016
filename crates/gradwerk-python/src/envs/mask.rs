//! Action masks: where an environment keeps them, and what they look like.

use crate::arrays;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

/// Where the action mask of the present state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskSource {
    /// There is none.
    None,
    /// In `info["action_mask"]`.
    Info,
    /// What the method `action_masks()` returns.
    Method,
}

/// The entry of `info`.
pub const ENTRY: &str = "action_mask";
/// The method.
pub const METHOD: &str = "action_masks";

impl MaskSource {
    /// The mask after a reset or step that returned `info`.
    ///
    /// # Errors
    /// If it is missing, or the method raises.
    pub fn fetch<'py>(
        self,
        env: &Bound<'py, PyAny>,
        info: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Self::None => Ok(None),
            Self::Info => match info.get_item(ENTRY) {
                Ok(mask) => Ok(Some(mask)),
                Err(_) => Err(PyValueError::new_err(format!(
                    "info has no `{ENTRY}`, although it had one after the first reset"
                ))),
            },
            Self::Method => Ok(Some(method(env)?.call0()?)),
        }
    }
}

/// The method, of the environment or of one that it wraps.
pub fn method<'py>(env: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match env.getattr(METHOD) {
        Ok(found) => Ok(found),
        Err(_) => env.call_method1("get_wrapper_attr", (METHOD,)),
    }
}

/// Write a mask into `out`: an array with an entry per value of every component, or a tuple or a
/// dictionary of them.
///
/// # Errors
/// If it has another number of entries, or others than 0 and 1.
pub fn read(mask: &Bound<'_, PyAny>, out: &mut [bool]) -> PyResult<()> {
    let mut bits = Vec::with_capacity(out.len());
    gather(mask, &mut bits)?;
    if bits.len() != out.len() {
        let (found, expected) = (bits.len(), out.len());
        return Err(PyValueError::new_err(format!(
            "an action mask with {found} entries, expected {expected}, one per value of every \
             discrete component"
        )));
    }
    out.copy_from_slice(&bits);
    Ok(())
}

fn gather(mask: &Bound<'_, PyAny>, bits: &mut Vec<bool>) -> PyResult<()> {
    if let Ok(dict) = mask.cast::<PyDict>() {
        return dict.values().iter().try_for_each(|part| gather(&part, bits));
    }
    let nested = |first: PyResult<Bound<'_, PyAny>>| {
        first.is_ok_and(|first| first.extract::<f64>().is_err())
    };
    if mask.is_instance_of::<PyTuple>()
        || mask.is_instance_of::<PyList>() && nested(mask.get_item(0))
    {
        return mask.try_iter()?.try_for_each(|part| gather_part(&part?, bits));
    }
    let (own, _) = arrays::bits(mask)
        .map_err(|e| PyValueError::new_err(format!("action mask: {}", e.value(mask.py()))))?;
    bits.extend(own);
    Ok(())
}

/// An entry of a tuple: a mask of its own, or a single bit.
fn gather_part(part: &Bound<'_, PyAny>, bits: &mut Vec<bool>) -> PyResult<()> {
    match part.extract::<f64>() {
        Ok(x) if x == 0.0 || x == 1.0 => {
            bits.push(x == 1.0);
            Ok(())
        }
        _ => gather(part, bits),
    }
}
