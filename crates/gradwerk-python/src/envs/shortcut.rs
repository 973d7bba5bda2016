//! Past the wrappers of Gymnasium that gradwerk does not need.
//!
//! `gymnasium.make` wraps an environment in `OrderEnforcing`, which wants a reset before the first
//! step, and in `TimeLimit`, which counts steps. Here every episode begins with a reset, and steps
//! are counted anyway: a step may go to what they wrap, and costs two calls less.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// What to step of an environment, and the steps after which it is cut then.
///
/// # Errors
/// If the environment has no attribute `step`.
pub fn step_of(env: &Bound<'_, PyAny>) -> PyResult<(Py<PyAny>, Option<u32>)> {
    let (mut inner, mut limit) = (env.clone(), None);
    // Only these classes themselves: what is derived from them may do more.
    while let Some(found) = within(&inner) {
        let (next, own) = found?;
        limit = limit.into_iter().chain(own).min();
        inner = next;
    }
    Ok((inner.getattr("step")?.unbind(), limit))
}

type Within<'py> = (Bound<'py, PyAny>, Option<u32>);

/// What a wrapper that is not needed wraps, and its limit.
fn within<'py>(env: &Bound<'py, PyAny>) -> Option<PyResult<Within<'py>>> {
    static ORDER: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static LIMIT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let is = |class: &'static PyOnceLock<Py<PyType>>, name: &str| {
        let class = class.import(env.py(), "gymnasium.wrappers", name);
        class.is_ok_and(|class| env.get_type().is(class))
    };
    if is(&ORDER, "OrderEnforcing") {
        return Some(env.getattr("env").map(|inner| (inner, None)));
    }
    // A release that keeps its limit elsewhere is left as it is.
    let limit: u32 = match is(&LIMIT, "TimeLimit") {
        true => env.getattr("_max_episode_steps").ok()?.extract().ok()?,
        false => return None,
    };
    Some(env.getattr("env").map(|inner| (inner, Some(limit))))
}
