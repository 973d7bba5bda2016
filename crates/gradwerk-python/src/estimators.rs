//! Estimators on arrays of numpy, in double precision.

use crate::arrays;
use crate::error::plain;
use gradwerk::estimate::{self, Steps, VtraceBounds};
use gradwerk::verify::{Options, Sizes};
use numpy::PyArray1;
use numpy::prelude::*;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Columns `[T]` or `[T, N]` of a rollout.
struct Columns {
    shape: Vec<usize>,
    t: usize,
    n: usize,
    reward: Vec<f64>,
    discount: Vec<f64>,
    carry: Vec<f64>,
    value: Vec<f64>,
    next_value: Vec<f64>,
    valid: Vec<bool>,
    time: Vec<u32>,
    gamma: f64,
}

/// The arguments that every estimator takes.
#[derive(Clone, Copy)]
struct Given<'a, 'py> {
    reward: &'a Bound<'py, PyAny>,
    value: Option<&'a Bound<'py, PyAny>>,
    next_value: Option<&'a Bound<'py, PyAny>>,
    terminated: &'a Bound<'py, PyAny>,
    truncated: Option<&'a Bound<'py, PyAny>>,
    valid: Option<&'a Bound<'py, PyAny>>,
    gamma: f64,
}

impl Columns {
    fn of(given: Given<'_, '_>) -> PyResult<Self> {
        let (reward, shape) = arrays::doubles(given.reward)?;
        let (t, n) = match shape[..] {
            [t] => (t, 1),
            [t, n] => (t, n),
            _ => {
                let text = format!("reward has the shape {shape:?}, expected [T] or [T, N]");
                return Err(PyValueError::new_err(text));
            }
        };
        if !(0.0..=1.0).contains(&given.gamma) {
            let text = format!("gamma = {}, expected a number in [0, 1]", given.gamma);
            return Err(PyValueError::new_err(text));
        }
        let column = |name: &str, value: Option<&Bound<'_, PyAny>>| match value {
            None => Ok(vec![0.0; reward.len()]),
            Some(value) => same(name, arrays::doubles(value)?, &shape),
        };
        let flags = |name: &str, value: Option<&Bound<'_, PyAny>>, absent: bool| match value {
            None => Ok(vec![absent; reward.len()]),
            Some(value) => same(name, arrays::bits(value)?, &shape),
        };
        let terminated = flags("terminated", Some(given.terminated), false)?;
        let truncated = flags("truncated", given.truncated, false)?;
        let valid = flags("valid", given.valid, true)?;
        let (value, next_value) =
            (column("value", given.value)?, column("next_value", given.next_value)?);
        let ended = |k: usize| terminated[k] || truncated[k];
        let factor = |zero: bool, otherwise: f64| if zero { 0.0 } else { otherwise };
        Ok(Self {
            discount: terminated.iter().map(|&zero| factor(zero, given.gamma)).collect(),
            carry: (0..t * n).map(|k| factor(ended(k), 1.0)).collect(),
            time: times(n, &valid, ended),
            gamma: given.gamma,
            shape,
            t,
            n,
            reward,
            value,
            next_value,
            valid,
        })
    }

    fn steps(&self) -> Steps<'_, f64> {
        Steps {
            t: self.t,
            n: self.n,
            reward: &self.reward,
            discount: &self.discount,
            carry: &self.carry,
            value: &self.value,
            next_value: &self.next_value,
            score_square: &[],
            valid: &self.valid,
            time: &self.time,
            gamma: self.gamma,
        }
    }

    /// An array of the shape of the rewards.
    fn show<'py>(&self, py: Python<'py>, column: Vec<f64>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyArray1::from_vec(py, column).reshape(self.shape.as_slice())?.into_any())
    }

    fn zeros(&self) -> Vec<f64> {
        vec![0.0; self.reward.len()]
    }
}

/// Steps since the episode began, as far as the rollout tells.
fn times(n: usize, valid: &[bool], ended: impl Fn(usize) -> bool) -> Vec<u32> {
    let mut time = vec![0_u32; valid.len()];
    for k in n..valid.len() {
        let before = k - n;
        let goes_on = valid[before] && !ended(before);
        time[k] = if goes_on { time[before] + 1 } else { 0 };
    }
    time
}

fn same<T>(name: &str, found: (Vec<T>, Vec<usize>), shape: &[usize]) -> PyResult<Vec<T>> {
    if found.1 == shape {
        return Ok(found.0);
    }
    let text = format!("{name} has the shape {:?}, expected {shape:?} as of reward", found.1);
    Err(PyValueError::new_err(text))
}

type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// Generalised advantage estimation.
#[pyfunction]
#[pyo3(signature = (reward, value, next_value, terminated, truncated=None, *, gamma=0.99, lam=0.95, valid=None))]
#[allow(clippy::too_many_arguments)]
pub fn gae<'py>(
    py: Python<'py>,
    reward: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
    next_value: &Bound<'py, PyAny>,
    terminated: &Bound<'py, PyAny>,
    truncated: Option<&Bound<'py, PyAny>>,
    gamma: f64,
    lam: f64,
    valid: Option<&Bound<'py, PyAny>>,
) -> PyResult<Pair<'py>> {
    let (value, next_value) = (Some(value), Some(next_value));
    let given = Given { reward, value, next_value, terminated, truncated, valid, gamma };
    let columns = Columns::of(given)?;
    let mut advantage = columns.zeros();
    estimate::gae(&columns.steps(), lam, &mut advantage);
    let target = advantage.iter().zip(&columns.value).zip(&columns.valid);
    let target = target.map(|((a, v), valid)| if *valid { a + v } else { 0.0 }).collect();
    Ok((columns.show(py, advantage)?, columns.show(py, target)?))
}

/// V-trace.
#[pyfunction]
#[pyo3(signature = (reward, value, next_value, terminated, truncated=None, *, log_ratio=None, gamma=0.99, rho_bar=1.0, c_bar=1.0, lam=1.0, valid=None))]
#[allow(clippy::too_many_arguments)]
pub fn vtrace<'py>(
    py: Python<'py>,
    reward: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
    next_value: &Bound<'py, PyAny>,
    terminated: &Bound<'py, PyAny>,
    truncated: Option<&Bound<'py, PyAny>>,
    log_ratio: Option<&Bound<'py, PyAny>>,
    gamma: f64,
    rho_bar: f64,
    c_bar: f64,
    lam: f64,
    valid: Option<&Bound<'py, PyAny>>,
) -> PyResult<Pair<'py>> {
    let (value, next_value) = (Some(value), Some(next_value));
    let given = Given { reward, value, next_value, terminated, truncated, valid, gamma };
    let columns = Columns::of(given)?;
    let ratio = log_ratio
        .map(|ratio| same("log_ratio", arrays::doubles(ratio)?, &columns.shape))
        .transpose()?;
    let bounds = VtraceBounds { rho: rho_bar, c: c_bar, lambda: lam };
    let (mut advantage, mut vs) = (columns.zeros(), columns.zeros());
    estimate::vtrace(&columns.steps(), ratio.as_deref(), bounds, &mut advantage, &mut vs);
    Ok((columns.show(py, advantage)?, columns.show(py, vs)?))
}

/// A return in each row.
fn returns<'py>(
    py: Python<'py>,
    given: Given<'_, 'py>,
    of: impl FnOnce(&Steps<'_, f64>, &mut [f64]),
) -> PyResult<Bound<'py, PyAny>> {
    let columns = Columns::of(given)?;
    let mut out = columns.zeros();
    of(&columns.steps(), &mut out);
    columns.show(py, out)
}

/// Reward-to-go.
#[pyfunction]
#[pyo3(signature = (reward, terminated, truncated=None, *, next_value=None, gamma=0.99, valid=None))]
pub fn reward_to_go<'py>(
    py: Python<'py>,
    reward: &Bound<'py, PyAny>,
    terminated: &Bound<'py, PyAny>,
    truncated: Option<&Bound<'py, PyAny>>,
    next_value: Option<&Bound<'py, PyAny>>,
    gamma: f64,
    valid: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let given = Given { reward, value: None, next_value, terminated, truncated, valid, gamma };
    returns(py, given, estimate::reward_to_go)
}

/// The return of the whole trajectory in each of its rows.
#[pyfunction]
#[pyo3(signature = (reward, terminated, truncated=None, *, next_value=None, gamma=0.99, valid=None))]
pub fn total_return<'py>(
    py: Python<'py>,
    reward: &Bound<'py, PyAny>,
    terminated: &Bound<'py, PyAny>,
    truncated: Option<&Bound<'py, PyAny>>,
    next_value: Option<&Bound<'py, PyAny>>,
    gamma: f64,
    valid: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let given = Given { reward, value: None, next_value, terminated, truncated, valid, gamma };
    returns(py, given, estimate::total_return)
}

/// n-step returns.
#[pyfunction]
#[pyo3(signature = (reward, next_value, terminated, truncated=None, *, n, gamma=0.99, valid=None))]
#[allow(clippy::too_many_arguments)]
pub fn n_step_return<'py>(
    py: Python<'py>,
    reward: &Bound<'py, PyAny>,
    next_value: &Bound<'py, PyAny>,
    terminated: &Bound<'py, PyAny>,
    truncated: Option<&Bound<'py, PyAny>>,
    n: usize,
    gamma: f64,
    valid: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    if n == 0 {
        return Err(PyValueError::new_err("n = 0, expected at least 1"));
    }
    let next_value = Some(next_value);
    let given = Given { reward, value: None, next_value, terminated, truncated, valid, gamma };
    returns(py, given, |steps, out| estimate::n_step_return(steps, n, out))
}

/// Every estimator against the exact gradient; the report as JSON.
#[pyfunction]
pub fn verify(
    py: Python<'_>,
    filter: String,
    samples: usize,
    batches: Option<Vec<usize>>,
    threads: Option<usize>,
) -> PyResult<String> {
    if samples < 2 {
        let text = format!("samples = {samples}: a variance needs at least 2");
        return Err(PyValueError::new_err(text));
    }
    let sizes = batches.map_or_else(Sizes::default, |sizes| Sizes::asked(&sizes));
    let threads = threads.unwrap_or(gradwerk::Runtime::default().threads);
    let options = Options { filter, samples, sizes, threads };
    let report = py.detach(|| gradwerk::verify::verify(&options)).map_err(plain)?;
    serde_json::to_string(&report).map_err(|error| PyValueError::new_err(error.to_string()))
}
