//! Reading and writing arrays of numpy.

use numpy::prelude::*;
use numpy::{Element, PyArray1, PyArrayDyn, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// `numpy.ascontiguousarray`.
fn contiguous<'py>(value: &Bound<'py, PyAny>, dtype: &str) -> PyResult<Bound<'py, PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(value.py(), "numpy", "ascontiguousarray")?.call1((value, dtype))
}

/// What messages call a value.
pub fn describe(value: &Bound<'_, PyAny>) -> String {
    let kind = value.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
    match value.cast::<PyUntypedArray>() {
        Ok(array) => format!("an array of shape {:?} and type {}", array.shape(), array.dtype()),
        Err(_) => match value.repr() {
            Ok(text) if text.to_string_lossy().len() <= 60 => format!("{text} ({kind})"),
            _ => format!("a {kind}"),
        },
    }
}

/// The numbers of an array of this shape (below `lead`, if there is a leading axis), row-major.
///
/// # Errors
/// If it is no array of numbers, or of another shape.
pub fn read(
    value: &Bound<'_, PyAny>,
    lead: Option<usize>,
    shape: &[usize],
    out: &mut [f32],
) -> PyResult<()> {
    if let Ok(array) = value.cast::<PyUntypedArray>() {
        check_shape(array.shape(), lead, shape)?;
        if array.is_c_contiguous() && copy(value, out) {
            return Ok(());
        }
    } else if let (None, [], Ok(number)) = (lead, shape, value.extract::<f64>()) {
        out[0] = number as f32;
        return Ok(());
    }
    let array = contiguous(value, "float32").map_err(|_| not_numbers(value))?;
    check_shape(array.cast::<PyUntypedArray>()?.shape(), lead, shape)?;
    if copy(&array, out) { Ok(()) } else { Err(not_numbers(value)) }
}

fn not_numbers(value: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("expected numbers, found {}", describe(value)))
}

fn check_shape(found: &[usize], lead: Option<usize>, shape: &[usize]) -> PyResult<()> {
    let mut expected = lead.into_iter().chain(shape.iter().copied());
    let same = found.iter().all(|&n| expected.next() == Some(n)) && expected.next().is_none();
    // A scalar space may be shown as an array with one entry.
    let scalar = lead.is_none() && shape.is_empty() && found == [1];
    if same || scalar {
        return Ok(());
    }
    let expected: Vec<usize> = lead.into_iter().chain(shape.iter().copied()).collect();
    Err(PyValueError::new_err(format!("an array of shape {found:?}, expected {expected:?}")))
}

/// Copy a contiguous array of a common type; false if it is of another one.
fn copy(value: &Bound<'_, PyAny>, out: &mut [f32]) -> bool {
    copy_as::<f32>(value, out, |x| x)
        || copy_as::<f64>(value, out, |x| x as f32)
        || copy_as::<u8>(value, out, f32::from)
        || copy_as::<i64>(value, out, |x| x as f32)
        || copy_as::<i32>(value, out, |x| x as f32)
        || copy_as::<i8>(value, out, f32::from)
        || copy_as::<bool>(value, out, f32::from)
}

fn copy_as<T: Element + Copy>(
    value: &Bound<'_, PyAny>,
    out: &mut [f32],
    convert: impl Fn(T) -> f32,
) -> bool {
    let found = with_slice::<T, ()>(value, |entries| {
        out.iter_mut().zip(entries).for_each(|(out, &x)| *out = convert(x));
    });
    found.is_some()
}

/// Call `f` with the entries of a contiguous array of this type; `None` if it is something else.
pub fn with_slice<T: Element, R>(value: &Bound<'_, PyAny>, f: impl FnOnce(&[T]) -> R) -> Option<R> {
    let array = value.cast::<PyArrayDyn<T>>().ok()?;
    if !array.is_c_contiguous() {
        return None;
    }
    // SAFETY: the interpreter is attached and `f` runs no Python code, so that nobody else
    // touches the array meanwhile.
    unsafe { array.as_slice() }.ok().map(f)
}

/// Call `f` with the entries of a contiguous array of this type, to write them; `None` if it is
/// something else.
pub fn with_slice_mut<T: Element, R>(
    value: &Bound<'_, PyAny>,
    f: impl FnOnce(&mut [T]) -> R,
) -> Option<R> {
    let array = value.cast::<PyArrayDyn<T>>().ok()?;
    if !array.is_c_contiguous() {
        return None;
    }
    // SAFETY: the interpreter is attached and `f` runs no Python code; other processes that see
    // the memory wait meanwhile.
    unsafe { array.as_slice_mut() }.ok().map(f)
}

/// The entries of any array as `f64`, and its shape.
///
/// # Errors
/// If it is no array of numbers.
pub fn doubles(value: &Bound<'_, PyAny>) -> PyResult<(Vec<f64>, Vec<usize>)> {
    let array = contiguous(value, "float64").map_err(|_| not_numbers(value))?;
    let shape = shape_of(value, &array)?;
    let entries = with_slice::<f64, _>(&array, <[f64]>::to_vec);
    Ok((entries.ok_or_else(|| not_numbers(value))?, shape))
}

/// The entries of an array of bits, and its shape.
///
/// # Errors
/// If it is no array of bits or of zeros and ones.
pub fn bits(value: &Bound<'_, PyAny>) -> PyResult<(Vec<bool>, Vec<usize>)> {
    let (numbers, shape) = doubles(value)?;
    match numbers.iter().find(|x| **x != 0.0 && **x != 1.0) {
        None => Ok((numbers.iter().map(|x| *x != 0.0).collect(), shape)),
        Some(x) => Err(PyValueError::new_err(format!("expected only 0 and 1, found {x}"))),
    }
}

/// The shape of an array, or of what numpy makes of a value.
///
/// # Errors
/// If it is no array.
pub fn shape(value: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    let array = contiguous(value, "float32").map_err(|_| not_numbers(value))?;
    shape_of(value, &array)
}

/// The shape of a value; `ascontiguousarray` makes a scalar an array with one entry.
fn shape_of(value: &Bound<'_, PyAny>, array: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    if value.cast::<PyUntypedArray>().is_err() && value.extract::<f64>().is_ok() {
        return Ok(Vec::new());
    }
    let own = value.cast::<PyUntypedArray>().map(|array| array.shape().to_vec());
    own.or_else(|_| Ok(array.cast::<PyUntypedArray>()?.shape().to_vec()))
}

/// An array of this shape and type; `own` is the type of `entries`.
///
/// # Errors
/// Those of numpy.
pub fn write<'py, T: Element>(
    py: Python<'py>,
    entries: Vec<T>,
    shape: &[usize],
    dtype: &str,
    own: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let array = PyArray1::from_vec(py, entries);
    let array = if shape.len() == 1 { array.into_any() } else { array.reshape(shape)?.into_any() };
    if dtype == own { Ok(array) } else { array.call_method1("astype", (dtype,)) }
}
