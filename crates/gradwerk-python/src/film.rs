//! Films of episodes: pictures as arrays in, a file's bytes out.

use crate::arrays::{self, describe};
use gradwerk::run::plot::film;
use gradwerk::run::plot::png::{Pixels, encode_pixels, pixels};
use gradwerk_env::picture::Scene;
use numpy::prelude::*;
use numpy::{PyArray1, PyUntypedArray};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A picture as an array `[height, width, 3]`, its longer side at most `side` pixels.
pub fn array<'py>(py: Python<'py>, scene: &Scene, side: f64) -> PyResult<Bound<'py, PyAny>> {
    let image = pixels(scene, film::fit(scene, side, side));
    let shape = [image.height, image.width, 3];
    Ok(PyArray1::from_vec(py, image.rgb).reshape(shape)?.into_any())
}

/// A picture from an array `[height, width, 3]` of bytes.
fn image(value: &Bound<'_, PyAny>) -> PyResult<Pixels> {
    let shape = value.cast::<PyUntypedArray>().map(|array| array.shape().to_vec());
    let rgb = arrays::with_slice::<u8, _>(value, <[u8]>::to_vec);
    match (shape.as_deref(), rgb) {
        (Ok(&[height, width, 3]), Some(rgb)) if height > 0 && width > 0 => {
            Ok(Pixels { width, height, rgb })
        }
        _ => Err(PyTypeError::new_err(format!(
            "a picture is {}, expected a contiguous array [height, width, 3] of uint8",
            describe(value)
        ))),
    }
}

/// Pictures that an iterator of Python yields; the first exception ends them.
struct Images<'a, 'py> {
    frames: Bound<'py, pyo3::types::PyIterator>,
    size: Option<(usize, usize)>,
    raised: &'a mut Option<PyErr>,
}

impl Images<'_, '_> {
    fn take(&mut self) -> Option<PyResult<Pixels>> {
        let found = self.frames.next()?.and_then(|frame| image(&frame));
        Some(found.and_then(|image| {
            let size = (image.width, image.height);
            let first = *self.size.get_or_insert(size);
            if size == first && size.0.max(size.1) <= usize::from(u16::MAX) {
                return Ok(image);
            }
            Err(PyValueError::new_err(format!(
                "a picture of {} x {} pixels in a film of {} x {}, expected pictures of one size",
                size.0, size.1, first.0, first.1
            )))
        }))
    }
}

impl Iterator for Images<'_, '_> {
    type Item = Pixels;

    fn next(&mut self) -> Option<Pixels> {
        match self.take()? {
            Ok(image) => Some(image),
            Err(error) => {
                *self.raised = Some(error);
                None
            }
        }
    }
}

/// Call `f` with the pictures; what their maker raises comes before what `f` says of it.
fn with_images<T>(
    frames: &Bound<'_, PyAny>,
    f: impl FnOnce(Images<'_, '_>) -> std::io::Result<T>,
) -> PyResult<T> {
    let mut raised = None;
    let made = f(Images { frames: frames.try_iter()?, size: None, raised: &mut raised });
    match raised {
        Some(error) => Err(error),
        None => made.map_err(|error| PyOSError::new_err(error.to_string())),
    }
}

/// An endless GIF of pictures, each an array `[height, width, 3]` of bytes.
#[pyfunction]
pub fn gif<'py>(frames: &Bound<'py, PyAny>, fps: f64) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = with_images(frames, |images| film::gif(images, fps))?;
    Ok(PyBytes::new(frames.py(), &bytes))
}

/// A PNG of pictures side by side.
#[pyfunction]
pub fn png_strip<'py>(frames: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let strip = with_images(frames, |images| Ok(film::strip(images)))?;
    Ok(PyBytes::new(frames.py(), &encode_pixels(&strip)))
}

/// Indices of at most `most` of `n` pictures, evenly spaced, the first and the last among them.
#[pyfunction]
pub fn spread(n: usize, most: usize) -> Vec<usize> {
    film::spread(n, most)
}
