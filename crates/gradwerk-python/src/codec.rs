//! Values of Gymnasium's spaces as rows of numbers, and back.
//!
//! A [`Codec`] is plain data: it is stored in policies, so that a loaded policy takes and returns
//! what the environment gave and took.

use crate::arrays;
use gradwerk_env::Space;
use numpy::PyArray1;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use serde::{Deserialize, Serialize};

/// How the values of a space look in Python.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Codec {
    /// A whole number from `start`.
    Discrete { start: i64, n: usize },
    /// An array of real numbers. The bounds are those of the space, which is stored elsewhere.
    Numbers {
        shape: Vec<usize>,
        dtype: String,
        #[serde(skip)]
        low: Vec<f32>,
        #[serde(skip)]
        high: Vec<f32>,
    },
    /// An array of bytes; `channels_last` if it is `[height, width, channels]`.
    Image { shape: Vec<usize>, channels: usize, channels_last: bool },
    /// An array of whole numbers, each from its own start.
    Choices { shape: Vec<usize>, dtype: String, start: Vec<i64>, n: Vec<usize> },
    /// An array of zeros and ones.
    Bits { shape: Vec<usize>, dtype: String },
    /// A dictionary.
    Dict(Vec<(String, Codec)>),
    /// A tuple.
    Tuple(Vec<Codec>),
}

/// Rows of numbers that lie `stride` apart.
pub struct Rows<'a> {
    /// The numbers.
    pub out: &'a mut [f32],
    /// Numbers per row.
    pub stride: usize,
    /// Whether the value has a leading axis of rows; else it is a single one.
    pub batch: bool,
}

impl Rows<'_> {
    fn count(&self) -> usize {
        self.out.len() / self.stride.max(1)
    }
}

/// The components of actions, row after row.
#[derive(Clone, Copy)]
pub struct ActionRows<'a> {
    /// Discrete ones.
    pub discrete: &'a [u32],
    /// Continuous ones.
    pub continuous: &'a [f32],
    /// Rows, if the value is to have a leading axis; else there is one row.
    pub batch: Option<usize>,
}

impl ActionRows<'_> {
    fn count(&self) -> usize {
        self.batch.unwrap_or(1)
    }

    fn shape(&self, of_row: &[usize]) -> Vec<usize> {
        self.batch.into_iter().chain(of_row.iter().copied()).collect()
    }
}

fn size(shape: &[usize]) -> usize {
    shape.iter().product()
}

impl Codec {
    /// The codec of a space of gradwerk itself.
    pub fn native(space: &Space) -> Self {
        let numbers = |n: usize| vec![n];
        match space {
            Space::Discrete { n } => Self::Discrete { start: 0, n: *n },
            Space::Box { low, high } => Self::Numbers {
                shape: numbers(low.len()),
                dtype: "float32".into(),
                low: low.clone(),
                high: high.clone(),
            },
            Space::Image { channels, height, width } => Self::Image {
                shape: vec![*channels, *height, *width],
                channels: *channels,
                channels_last: false,
            },
            Space::MultiDiscrete { n } => Self::Choices {
                shape: numbers(n.len()),
                dtype: "int64".into(),
                start: vec![0; n.len()],
                n: n.clone(),
            },
            Space::MultiBinary { n } => Self::Bits { shape: numbers(*n), dtype: "int8".into() },
            Space::Dict(entries) => {
                let entry = |(name, space): &(String, Space)| (name.clone(), Self::native(space));
                Self::Dict(entries.iter().map(entry).collect())
            }
            Space::Tuple(entries) => Self::Tuple(entries.iter().map(Self::native).collect()),
        }
    }

    /// The space as gradwerk has it.
    pub fn space(&self) -> Space {
        match self {
            Self::Discrete { n, .. } => Space::Discrete { n: *n },
            Self::Numbers { low, high, .. } => Space::Box { low: low.clone(), high: high.clone() },
            Self::Image { shape, channels, .. } => {
                let (height, width) = self.image_size(shape);
                Space::Image { channels: *channels, height, width }
            }
            Self::Choices { n, .. } => Space::MultiDiscrete { n: n.clone() },
            Self::Bits { shape, .. } => Space::MultiBinary { n: size(shape) },
            Self::Dict(entries) => {
                let entry = |(name, codec): &(String, Self)| (name.clone(), codec.space());
                Space::Dict(entries.iter().map(entry).collect())
            }
            Self::Tuple(entries) => Space::Tuple(entries.iter().map(Self::space).collect()),
        }
    }

    /// Height and width of an image of this shape.
    fn image_size(&self, shape: &[usize]) -> (usize, usize) {
        match (self, shape) {
            (Self::Image { channels_last: true, .. }, [height, width, ..])
            | (_, [.., height, width]) => (*height, *width),
            _ => (0, 0),
        }
    }

    /// Numbers per row.
    pub fn width(&self) -> usize {
        match self {
            Self::Dict(entries) => entries.iter().map(|(_, codec)| codec.width()).sum(),
            Self::Tuple(entries) => entries.iter().map(Self::width).sum(),
            leaf => size(leaf.shape().unwrap_or_default()),
        }
    }

    /// The shape of one value; a scalar has none. `Dict` and `Tuple` have no shape.
    pub fn shape(&self) -> Option<&[usize]> {
        match self {
            Self::Discrete { .. } => Some(&[]),
            Self::Numbers { shape, .. }
            | Self::Image { shape, .. }
            | Self::Choices { shape, .. }
            | Self::Bits { shape, .. } => Some(shape),
            Self::Dict(_) | Self::Tuple(_) => None,
        }
    }

    /// Write a value, or a batch of them, into the rows.
    ///
    /// # Errors
    /// If it is not a value of the space: says what was expected.
    pub fn read(&self, value: &Bound<'_, PyAny>, rows: &mut Rows<'_>) -> PyResult<()> {
        self.read_at(value, rows, 0)
    }

    fn read_at(&self, value: &Bound<'_, PyAny>, rows: &mut Rows<'_>, at: usize) -> PyResult<()> {
        match self {
            Self::Dict(entries) => {
                refuse_others(entries, value)?;
                let mut at = at;
                for (name, codec) in entries {
                    let entry = value.get_item(name).map_err(|_| missing(name, value))?;
                    codec.read_at(&entry, rows, at).map_err(|e| in_entry(value, name, &e))?;
                    at += codec.width();
                }
                Ok(())
            }
            Self::Tuple(entries) => {
                let mut at = at;
                for (k, codec) in entries.iter().enumerate() {
                    let name = k.to_string();
                    let entry = value.get_item(k).map_err(|_| missing(&name, value))?;
                    codec.read_at(&entry, rows, at).map_err(|e| in_entry(value, &name, &e))?;
                    at += codec.width();
                }
                Ok(())
            }
            leaf => leaf.read_leaf(value, rows, at),
        }
    }

    fn read_leaf(&self, value: &Bound<'_, PyAny>, rows: &mut Rows<'_>, at: usize) -> PyResult<()> {
        let shape = self.shape().unwrap_or_default();
        let (n, width) = (rows.count(), size(shape));
        let lead = rows.batch.then_some(n);
        if rows.stride == width && matches!(self, Self::Numbers { .. } | Self::Bits { .. }) {
            return arrays::read(value, lead, shape, rows.out);
        }
        let mut flat = vec![0.0; n * width];
        arrays::read(value, lead, shape, &mut flat)?;
        for (row, out) in flat.chunks_exact(width).zip(rows.out.chunks_exact_mut(rows.stride)) {
            self.take_over(row, &mut out[at..at + width]);
        }
        Ok(())
    }

    /// One value as numpy has it to one row as gradwerk has it.
    fn take_over(&self, value: &[f32], row: &mut [f32]) {
        match self {
            Self::Discrete { start, .. } => row[0] = value[0] - *start as f32,
            Self::Choices { start, .. } => {
                row.iter_mut().zip(value).zip(start).for_each(|((r, v), s)| *r = v - *s as f32);
            }
            Self::Image { channels, channels_last: true, .. } => {
                let places = value.len() / channels;
                for (place, pixel) in value.chunks_exact(*channels).enumerate() {
                    for (channel, &x) in pixel.iter().enumerate() {
                        row[channel * places + place] = x;
                    }
                }
            }
            _ => row.copy_from_slice(value),
        }
    }

    /// The value of an action, or a batch of them.
    ///
    /// # Errors
    /// Those of numpy.
    pub fn write<'py>(&self, py: Python<'py>, rows: ActionRows<'_>) -> PyResult<Bound<'py, PyAny>> {
        let n = rows.count();
        let at = Place { discrete: 0, continuous: 0 };
        let strides = (rows.discrete.len() / n.max(1), rows.continuous.len() / n.max(1));
        self.write_at(py, rows, strides, &mut { at })
    }

    fn write_at<'py>(
        &self,
        py: Python<'py>,
        rows: ActionRows<'_>,
        strides: (usize, usize),
        at: &mut Place,
    ) -> PyResult<Bound<'py, PyAny>> {
        let n = rows.count();
        match self {
            Self::Dict(entries) => {
                let dict = PyDict::new(py);
                for (name, codec) in entries {
                    dict.set_item(name, codec.write_at(py, rows, strides, at)?)?;
                }
                Ok(dict.into_any())
            }
            Self::Tuple(entries) => {
                let values = entries.iter().map(|codec| codec.write_at(py, rows, strides, at));
                let values: Vec<_> = values.collect::<PyResult<_>>()?;
                Ok(PyTuple::new(py, values)?.into_any())
            }
            Self::Discrete { start, .. } => {
                let values = columns(rows.discrete, n, strides.0, at.discrete, 1);
                at.discrete += 1;
                let values = values.map(|a| i64::from(a) + start);
                match rows.batch {
                    None => Ok(values.sum::<i64>().into_pyobject(py)?.into_any()),
                    Some(_) => Ok(PyArray1::from_vec(py, values.collect()).into_any()),
                }
            }
            Self::Choices { shape, dtype, start, .. } => {
                let width = start.len();
                let values = columns(rows.discrete, n, strides.0, at.discrete, width);
                at.discrete += width;
                let values = values.zip(start.iter().cycle()).map(|(a, s)| i64::from(a) + s);
                arrays::write(py, values.collect::<Vec<i64>>(), &rows.shape(shape), dtype, "int64")
            }
            Self::Bits { shape, dtype } => {
                let width = size(shape);
                let values = columns(rows.discrete, n, strides.0, at.discrete, width);
                at.discrete += width;
                let values = values.map(|a| i8::from(a != 0));
                arrays::write(py, values.collect::<Vec<i8>>(), &rows.shape(shape), dtype, "int8")
            }
            Self::Numbers { shape, dtype, .. } => {
                let width = size(shape);
                let values = columns(rows.continuous, n, strides.1, at.continuous, width);
                at.continuous += width;
                arrays::write(
                    py,
                    values.collect::<Vec<f32>>(),
                    &rows.shape(shape),
                    dtype,
                    "float32",
                )
            }
            Self::Image { .. } => Err(PyValueError::new_err("an image cannot be an action")),
        }
    }

    /// Read the components of a batch of actions of `space`.
    ///
    /// # Errors
    /// If they are not in the space.
    pub fn read_actions(
        &self,
        value: &Bound<'_, PyAny>,
        n: usize,
        space: &Space,
    ) -> PyResult<(Vec<u32>, Vec<f32>)> {
        let stride = self.width();
        let mut flat = vec![0.0; n * stride];
        self.read(value, &mut Rows { out: &mut flat, stride, batch: true })?;
        // Of every entry of a row: the number of its values, if it has a number of them.
        let choices: Vec<Option<usize>> = space.leaves().into_iter().flat_map(entries).collect();
        let (mut discrete, mut continuous) = (Vec::new(), Vec::new());
        for (i, row) in flat.chunks_exact(stride.max(1)).enumerate() {
            for (k, (&x, n)) in row.iter().zip(&choices).enumerate() {
                match n {
                    None => continuous.push(x),
                    Some(n) if x >= 0.0 && (x as usize) < *n && x.fract() == 0.0 => {
                        discrete.push(x as u32);
                    }
                    Some(n) => {
                        let name = space.entry_name(k);
                        let text = format!("action{name} of row {i}: {x}, expected one of 0..{n}");
                        return Err(PyValueError::new_err(text));
                    }
                }
            }
        }
        Ok((discrete, continuous))
    }
}

/// The number of values of each entry of a leaf; none of real numbers.
fn entries(leaf: &Space) -> Vec<Option<usize>> {
    match leaf {
        Space::Box { low, .. } => vec![None; low.len()],
        other => other.choices().into_iter().map(Some).collect(),
    }
}

/// Components that are written already.
struct Place {
    discrete: usize,
    continuous: usize,
}

/// Entries `at..at + width` of every row.
fn columns<T: Copy>(
    rows: &[T],
    n: usize,
    stride: usize,
    at: usize,
    width: usize,
) -> impl Iterator<Item = T> {
    (0..n).flat_map(move |i| rows[i * stride + at..i * stride + at + width].iter().copied())
}

fn missing(name: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let found = match value.cast::<PyDict>() {
        Ok(dict) => format!("a dict with {}", names(&dict.keys())),
        Err(_) => arrays::describe(value),
    };
    PyValueError::new_err(format!("no entry `{name}`: found {found}"))
}

/// An entry that the space does not have; a missing one is found where it is read.
fn refuse_others(entries: &[(String, Codec)], value: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(dict) = value.cast::<PyDict>() else { return Ok(()) };
    if dict.len() <= entries.len() {
        return Ok(());
    }
    let known =
        |key: &Bound<'_, PyAny>| entries.iter().any(|(name, _)| key.eq(name).is_ok_and(|eq| eq));
    let Some(key) = dict.keys().iter().find(|key| !known(key)) else { return Ok(()) };
    let valid: Vec<String> = entries.iter().map(|(name, _)| format!("`{name}`")).collect();
    let valid = valid.join(", ");
    Err(PyValueError::new_err(format!("unknown entry `{key}`: expected {valid}")))
}

fn names(keys: &Bound<'_, PyList>) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    if keys.is_empty() { "no entry".into() } else { keys.join(", ") }
}

fn in_entry(value: &Bound<'_, PyAny>, name: &str, error: &PyErr) -> PyErr {
    PyValueError::new_err(format!("entry `{name}`: {}", error.value(value.py())))
}

/// The codec of a Gymnasium space.
///
/// # Errors
/// If gradwerk has no counterpart of the space: names it and those that it knows.
pub fn of_gymnasium(space: &Bound<'_, PyAny>, is_action: bool) -> PyResult<Codec> {
    let spaces = space.py().import("gymnasium.spaces")?;
    let is = |name: &str| space.is_instance(&spaces.getattr(name)?);
    let dtype = || -> PyResult<String> { space.getattr("dtype")?.getattr("name")?.extract() };
    let shape = || -> PyResult<Vec<usize>> { space.getattr("shape")?.extract() };
    if is("Discrete")? {
        return Ok(Codec::Discrete {
            start: space.getattr("start")?.extract()?,
            n: space.getattr("n")?.extract()?,
        });
    }
    if is("Box")? {
        return of_box(space, shape()?, dtype()?, is_action);
    }
    if is("MultiDiscrete")? {
        let flat = |name: &str| -> PyResult<Vec<i64>> {
            space.getattr(name)?.call_method0("ravel")?.call_method0("tolist")?.extract()
        };
        let n: Vec<usize> = flat("nvec")?.into_iter().map(|n| n.max(0) as usize).collect();
        return Ok(Codec::Choices { shape: shape()?, dtype: dtype()?, start: flat("start")?, n });
    }
    if is("MultiBinary")? {
        return Ok(Codec::Bits { shape: shape()?, dtype: dtype()? });
    }
    let inner = |space: &Bound<'_, PyAny>| of_gymnasium(space, is_action);
    if is("Dict")? {
        let items = space.getattr("spaces")?.call_method0("items")?;
        let entry = |item: PyResult<Bound<'_, PyAny>>| {
            let (name, space): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
            let name: String = name.extract().map_err(|_| {
                PyTypeError::new_err(format!("Dict space: key {name} is not a string"))
            })?;
            let codec = inner(&space).map_err(|e| {
                PyTypeError::new_err(format!("entry `{name}`: {}", e.value(space.py())))
            })?;
            Ok((name, codec))
        };
        return Ok(Codec::Dict(items.try_iter()?.map(entry).collect::<PyResult<_>>()?));
    }
    if is("Tuple")? {
        let entries = space.getattr("spaces")?;
        return Ok(Codec::Tuple(
            entries.try_iter()?.map(|space| inner(&space?)).collect::<PyResult<_>>()?,
        ));
    }
    Err(PyTypeError::new_err(format!(
        "the space {space} has no counterpart in gradwerk, expected one of Box, Discrete, \
         MultiDiscrete, MultiBinary, Dict, Tuple: wrap the environment so that it has only such \
         (gymnasium.wrappers.FilterObservation, ...)"
    )))
}

fn of_box(
    space: &Bound<'_, PyAny>,
    shape: Vec<usize>,
    dtype: String,
    is_action: bool,
) -> PyResult<Codec> {
    if is_action && !dtype.starts_with("float") {
        return Err(PyTypeError::new_err(format!(
            "the action space {space} is a Box of {dtype}, expected a floating-point type (whole \
             numbers are a MultiDiscrete)"
        )));
    }
    let bounds = |name: &str| -> PyResult<Vec<f32>> {
        let bound = space.getattr(name)?.call_method1("astype", ("float32",))?;
        bound.call_method0("ravel")?.call_method0("tolist")?.extract()
    };
    let (low, high) = (bounds("low")?, bounds("high")?);
    let bytes = low.iter().all(|&x| x == 0.0) && high.iter().all(|&x| x == 255.0);
    let is_image = dtype == "uint8" && bytes && (2..=3).contains(&shape.len());
    if !is_image || is_action {
        return Ok(Codec::Numbers { shape, dtype, low, high });
    }
    // The axis of channels is the last one, unless only the first one can be.
    Ok(match shape[..] {
        [channels, height, width] if channels < height.min(width) => {
            Codec::Image { shape, channels, channels_last: false }
        }
        [_, _, channels] => Codec::Image { shape, channels, channels_last: true },
        _ => Codec::Image { shape, channels: 1, channels_last: false },
    })
}
