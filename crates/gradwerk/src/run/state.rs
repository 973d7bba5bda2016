//! What a checkpoint holds: named tensors and a small JSON document.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// A dense array with its shape (row-major, last axis fastest). The empty shape is a scalar.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // every variant is the same pair under another element type
pub enum Tensor {
    F32 { shape: Vec<usize>, data: Vec<f32> },
    F64 { shape: Vec<usize>, data: Vec<f64> },
    U32 { shape: Vec<usize>, data: Vec<u32> },
    U64 { shape: Vec<usize>, data: Vec<u64> },
    U8 { shape: Vec<usize>, data: Vec<u8> },
}

/// An element type that a [`Tensor`] can hold.
pub trait Element: Copy + sealed::Sealed {
    /// The name in error messages and in the hash: `f32`, `f64`, `u32`, `u64` or `u8`.
    const NAME: &'static str;
    /// Bytes per element.
    const BYTES: usize;
    /// Wrap a shape and its elements.
    #[doc(hidden)]
    fn wrap(shape: Vec<usize>, data: Vec<Self>) -> Tensor;
    /// The elements, if the tensor has this type.
    #[doc(hidden)]
    fn of(tensor: &Tensor) -> Option<&[Self]>;
    /// Append the little-endian bytes of one element.
    #[doc(hidden)]
    fn put_bytes(self, out: &mut Vec<u8>);
    /// One element from exactly [`Self::BYTES`] little-endian bytes.
    #[doc(hidden)]
    fn from_bytes(bytes: &[u8]) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! element {
    ($($type:ident $variant:ident),*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const NAME: &'static str = stringify!($type);
            const BYTES: usize = size_of::<$type>();
            fn wrap(shape: Vec<usize>, data: Vec<Self>) -> Tensor {
                Tensor::$variant { shape, data }
            }
            fn of(tensor: &Tensor) -> Option<&[Self]> {
                match tensor {
                    Tensor::$variant { data, .. } => Some(data),
                    _ => None,
                }
            }
            fn put_bytes(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn from_bytes(bytes: &[u8]) -> Self {
                let mut array = [0; size_of::<$type>()];
                array.copy_from_slice(bytes);
                Self::from_le_bytes(array)
            }
        }
    )*};
}
element!(f32 F32, f64 F64, u32 U32, u64 U64, u8 U8);

impl Tensor {
    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32 { shape, .. }
            | Self::F64 { shape, .. }
            | Self::U32 { shape, .. }
            | Self::U64 { shape, .. }
            | Self::U8 { shape, .. } => shape,
        }
    }

    /// The name of the element type: `f32`, `f64`, `u32`, `u64` or `u8`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::F32 { .. } => f32::NAME,
            Self::F64 { .. } => f64::NAME,
            Self::U32 { .. } => u32::NAME,
            Self::U64 { .. } => u64::NAME,
            Self::U8 { .. } => u8::NAME,
        }
    }

    /// The number of elements held (not the product of the shape).
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::F32 { data, .. } => data.len(),
            Self::F64 { data, .. } => data.len(),
            Self::U32 { data, .. } => data.len(),
            Self::U64 { data, .. } => data.len(),
            Self::U8 { data, .. } => data.len(),
        }
    }

    /// The elements as little-endian bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32 { data, .. } => bytes_of(data),
            Self::F64 { data, .. } => bytes_of(data),
            Self::U32 { data, .. } => bytes_of(data),
            Self::U64 { data, .. } => bytes_of(data),
            Self::U8 { data, .. } => data.clone(),
        }
    }
}

fn bytes_of<T: Element>(data: &[T]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len() * T::BYTES);
    data.iter().for_each(|x| x.put_bytes(&mut bytes));
    bytes
}

/// Named tensors and a small JSON document: all that a checkpoint or an exported policy holds.
///
/// JSON has no NaN and no infinity (serde_json turns them into `null`): numbers that may become
/// non-finite belong into a tensor, which keeps every bit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Counters, names, settings.
    pub meta: Map<String, Value>,
    /// Arrays by name, in the order of the names.
    pub tensors: BTreeMap<String, Tensor>,
}

impl State {
    /// An empty state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Store `data` of the given shape under `name`, replacing what was there.
    ///
    /// # Errors
    /// [`StateError::Elements`] if the product of the shape is not the number of elements, and
    /// [`StateError::ReservedName`] for `__metadata__`, which safetensors keeps for itself.
    pub fn put<T: Element>(
        &mut self,
        name: &str,
        shape: &[usize],
        data: Vec<T>,
    ) -> Result<(), StateError> {
        let tensor = T::wrap(shape.to_vec(), data);
        check_tensor(name, &tensor)?;
        self.tensors.insert(name.to_owned(), tensor);
        Ok(())
    }

    /// Store a vector: [`State::put`] with the shape `[data.len()]`.
    ///
    /// # Errors
    /// As [`State::put`].
    pub fn put_vector<T: Element>(&mut self, name: &str, data: Vec<T>) -> Result<(), StateError> {
        self.put(name, &[data.len()], data)
    }

    /// The elements of the tensor `name`, which must have this element type and this shape.
    ///
    /// # Errors
    /// [`StateError::Missing`], [`StateError::WrongType`], [`StateError::WrongShape`].
    pub fn get<T: Element>(&self, name: &str, shape: &[usize]) -> Result<&[T], StateError> {
        let (found, data) = self.get_any::<T>(name)?;
        if found != shape {
            return Err(StateError::WrongShape {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: found.to_vec(),
            });
        }
        Ok(data)
    }

    /// Shape and elements of the tensor `name`, which must have this element type.
    ///
    /// # Errors
    /// [`StateError::Missing`], [`StateError::WrongType`].
    pub fn get_any<T: Element>(&self, name: &str) -> Result<(&[usize], &[T]), StateError> {
        let tensor = self.tensors.get(name).ok_or_else(|| StateError::Missing {
            kind: "tensor",
            name: name.to_owned(),
            present: listed(self.tensors.keys()),
        })?;
        let data = T::of(tensor).ok_or_else(|| StateError::WrongType {
            name: name.to_owned(),
            expected: T::NAME,
            found: tensor.type_name(),
        })?;
        Ok((tensor.shape(), data))
    }

    /// Copy the tensor `name` into `out`, whose length must be the number of elements.
    ///
    /// # Errors
    /// [`StateError::Missing`], [`StateError::WrongType`], and [`StateError::WrongShape`] with
    /// the expected shape `[out.len()]`.
    pub fn copy_into<T: Element>(&self, name: &str, out: &mut [T]) -> Result<(), StateError> {
        let (found, data) = self.get_any::<T>(name)?;
        if data.len() != out.len() {
            return Err(StateError::WrongShape {
                name: name.to_owned(),
                expected: vec![out.len()],
                found: found.to_vec(),
            });
        }
        out.copy_from_slice(data);
        Ok(())
    }

    /// Store a value in the JSON document, replacing what was there.
    ///
    /// # Errors
    /// [`StateError::Meta`] if it has no JSON form (a map whose keys are not strings).
    pub fn put_meta<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), StateError> {
        let value = serde_json::to_value(value).map_err(|e| meta_error(name, &e))?;
        self.meta.insert(name.to_owned(), value);
        Ok(())
    }

    /// Read a value of the JSON document.
    ///
    /// # Errors
    /// [`StateError::Missing`], [`StateError::Meta`] if it has another form.
    pub fn get_meta<T: DeserializeOwned>(&self, name: &str) -> Result<T, StateError> {
        let value = self.meta.get(name).ok_or_else(|| StateError::Missing {
            kind: "meta entry",
            name: name.to_owned(),
            present: listed(self.meta.keys()),
        })?;
        T::deserialize(value).map_err(|e| meta_error(name, &e))
    }

    /// Take over every tensor and meta entry of `other` under `prefix` + its name.
    pub fn nest(&mut self, prefix: &str, other: Self) {
        self.tensors.extend(other.tensors.into_iter().map(|(k, v)| (format!("{prefix}{k}"), v)));
        self.meta.extend(other.meta.into_iter().map(|(k, v)| (format!("{prefix}{k}"), v)));
    }

    /// The entries whose names start with `prefix`, without it: the inverse of [`State::nest`].
    #[must_use]
    pub fn nested(&self, prefix: &str) -> Self {
        let strip = |name: &String| name.strip_prefix(prefix).map(str::to_owned);
        Self {
            meta: self.meta.iter().filter_map(|(k, v)| Some((strip(k)?, v.clone()))).collect(),
            tensors: self
                .tensors
                .iter()
                .filter_map(|(k, v)| Some((strip(k)?, v.clone())))
                .collect(),
        }
    }

    /// SHA-256 of everything held, 64 lower-case hexadecimal digits.
    ///
    /// Hashed in this order: for every tensor, sorted by name: name, element type, rank, shape,
    /// little-endian elements; then the JSON document with sorted keys and no spaces. Every text
    /// and every array is preceded by its length (u64), so that no two states share a message.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        for (name, tensor) in &self.tensors {
            part(name.as_bytes());
            part(tensor.type_name().as_bytes());
            let shape: Vec<u64> = tensor.shape().iter().map(|&n| n as u64).collect();
            part(&bytes_of(&shape));
            part(&tensor.to_bytes());
        }
        part(canonical(&self.meta).as_bytes());
        hex(&hash.finalize())
    }
}

/// SHA-256 of the little-endian bytes of `values`, 64 lower-case hexadecimal digits: the
/// `params_sha256` of the command line.
#[must_use]
pub fn sha256_of<T: Element>(values: &[T]) -> String {
    hex(&Sha256::digest(bytes_of(values)))
}

/// Why a state could not be built, read or understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Nothing of that name.
    #[error("no {kind} `{name}`; present: {present}")]
    Missing {
        /// `tensor` or `meta entry`.
        kind: &'static str,
        /// The name asked for.
        name: String,
        /// The names that exist.
        present: String,
    },
    /// The tensor has another element type.
    #[error("tensor `{name}` holds {found}, expected {expected}")]
    WrongType {
        /// The tensor.
        name: String,
        /// The element type asked for.
        expected: &'static str,
        /// The element type held.
        found: &'static str,
    },
    /// The tensor has another shape.
    #[error("tensor `{name}` has shape {found:?}, expected {expected:?}")]
    WrongShape {
        /// The tensor.
        name: String,
        /// The shape asked for.
        expected: Vec<usize>,
        /// The shape held.
        found: Vec<usize>,
    },
    /// Shape and number of elements do not fit together.
    #[error("tensor `{name}`: shape {shape:?} does not describe {elements} elements")]
    Elements {
        /// The tensor.
        name: String,
        /// The shape given.
        shape: Vec<usize>,
        /// The number of elements given.
        elements: usize,
    },
    /// A name that the file format keeps for itself.
    #[error("a tensor cannot be called `{0}`: safetensors keeps that name for itself")]
    ReservedName(String),
    /// A meta entry that cannot be converted.
    #[error("meta entry `{name}`: {reason}")]
    Meta {
        /// The entry.
        name: String,
        /// What serde_json said.
        reason: String,
    },
    /// The safetensors format cannot hold it (for example a header above 100 MB).
    #[error("cannot be written as safetensors: {0}")]
    Encode(String),
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file ends too early.
    #[error("{}: truncated: {expected} bytes expected, {found} found", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that should be there (at least).
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// Not a file of gradwerk.
    #[error("{}: not a gradwerk state file: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How one can tell.
        reason: String,
    },
    /// A whole file of gradwerk that does not go with what it was read for.
    #[error("{}: {reason}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What does not fit, and what to do.
        reason: String,
    },
    /// A file of gradwerk whose content is not what was written.
    #[error("{}: corrupt: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// How one can tell.
        reason: String,
    },
    /// Written by a newer gradwerk.
    #[error(
        "{}: format version {found}; this gradwerk reads versions up to {supported}: use a newer one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The newest version that this program reads.
        supported: u64,
    },
}

/// The shape fits the elements and the name is not reserved.
pub(super) fn check_tensor(name: &str, tensor: &Tensor) -> Result<(), StateError> {
    if name == "__metadata__" {
        return Err(StateError::ReservedName(name.to_owned()));
    }
    let product = tensor.shape().iter().try_fold(1_usize, |p, &n| p.checked_mul(n));
    if product != Some(tensor.count()) {
        return Err(StateError::Elements {
            name: name.to_owned(),
            shape: tensor.shape().to_vec(),
            elements: tensor.count(),
        });
    }
    Ok(())
}

fn meta_error(name: &str, error: &serde_json::Error) -> StateError {
    StateError::Meta { name: name.to_owned(), reason: error.to_string() }
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// JSON with sorted keys and without spaces, whatever order the map keeps: serde_json sorts or
/// not depending on a feature that any crate of the build may switch on.
pub(super) fn canonical(meta: &Map<String, Value>) -> String {
    sorted(&Value::Object(meta.clone())).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<&String, &Value> = map.iter().collect();
            Value::Object(ordered.into_iter().map(|(k, v)| (k.clone(), sorted(v))).collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> State {
        let mut state = State::new();
        state.put("w", &[2, 3], vec![1.0_f32, -2.0, 3.0, 4.0, 5.0, f32::NAN]).unwrap();
        state.put_vector("steps", vec![u64::MAX, 7]).unwrap();
        state.put_meta("algo", "ppo").unwrap();
        state
    }

    #[test]
    fn getters_return_what_was_put() {
        let state = sample();
        assert_eq!(state.get::<f32>("w", &[2, 3]).unwrap()[..5], [1.0, -2.0, 3.0, 4.0, 5.0]);
        assert_eq!(state.get_any::<u64>("steps").unwrap(), (&[2][..], &[u64::MAX, 7][..]));
        assert_eq!(state.get_meta::<String>("algo").unwrap(), "ppo");
        let mut out = [0_u64; 2];
        state.copy_into("steps", &mut out).unwrap();
        assert_eq!(out, [u64::MAX, 7]);
    }

    #[test]
    fn errors_name_expected_and_found() {
        let state = sample();
        let text = |e: StateError| e.to_string();
        assert_eq!(
            text(state.get::<f32>("v", &[1]).unwrap_err()),
            "no tensor `v`; present: steps, w"
        );
        assert_eq!(
            text(state.get::<f64>("w", &[2, 3]).unwrap_err()),
            "tensor `w` holds f32, expected f64"
        );
        assert_eq!(
            text(state.get::<f32>("w", &[3, 2]).unwrap_err()),
            "tensor `w` has shape [2, 3], expected [3, 2]"
        );
        assert_eq!(
            text(state.copy_into("w", &mut [0.0_f32; 5]).unwrap_err()),
            "tensor `w` has shape [2, 3], expected [5]"
        );
        assert_eq!(
            text(state.get_meta::<u64>("seed").unwrap_err()),
            "no meta entry `seed`; present: algo"
        );
        assert!(text(state.get_meta::<u64>("algo").unwrap_err()).starts_with("meta entry `algo`:"));
    }

    #[test]
    fn put_refuses_a_shape_that_does_not_fit() {
        let mut state = State::new();
        let error = state.put("w", &[2, 2], vec![0_u8; 3]).unwrap_err();
        assert_eq!(error.to_string(), "tensor `w`: shape [2, 2] does not describe 3 elements");
        // 2^63 * 4 overflows to 0, which would wrongly fit no elements.
        assert!(state.put::<u8>("w", &[1 << 63, 4], vec![]).is_err());
        assert!(state.put("__metadata__", &[1], vec![0_u8]).is_err());
        assert!(state.tensors.is_empty());
    }

    #[test]
    fn hash_sees_every_part() {
        let base = sample().sha256();
        assert_eq!(base, sample().sha256());
        let changed = |change: fn(&mut State)| {
            let mut state = sample();
            change(&mut state);
            assert_ne!(state.sha256(), base);
        };
        changed(|s| s.put_meta("algo", "a2c").unwrap());
        changed(|s| s.put("w", &[3, 2], vec![1.0_f32, -2.0, 3.0, 4.0, 5.0, f32::NAN]).unwrap());
        changed(|s| s.put("w", &[2, 3], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, f32::NAN]).unwrap());
        changed(|s| s.put_vector("steps", vec![u64::MAX as f64, 7.0]).unwrap());
        changed(|s| {
            let w = s.tensors.remove("w").unwrap();
            s.tensors.insert("x".to_owned(), w);
        });
    }

    #[test]
    fn hash_ignores_the_order_of_insertion() {
        let mut a = State::new();
        a.put_meta("x", &1).unwrap();
        a.put_meta("b", &json!({"z": 1, "a": 2})).unwrap();
        let mut b = State::new();
        b.put_meta("b", &json!({"a": 2, "z": 1})).unwrap();
        b.put_meta("x", &1).unwrap();
        assert_eq!(a.sha256(), b.sha256());
    }

    /// SHA-256 of the four bytes 00 00 80 3f (1.0 in binary32, little-endian), from coreutils:
    /// `printf '\x00\x00\x80\x3f' | sha256sum`.
    #[test]
    fn params_hash_is_over_little_endian_bytes() {
        assert_eq!(
            sha256_of(&[1.0_f32]),
            "e00e5eb9444182f352323374ef4e08ebcb784725fdd4fd612d7730540b3e0c8c"
        );
    }

    #[test]
    fn nested_inverts_nest() {
        let mut outer = State::new();
        outer.put_meta("n", &3).unwrap();
        outer.nest("adam/", sample());
        assert_eq!(outer.nested("adam/").sha256(), sample().sha256());
        assert!(outer.get::<f32>("adam/w", &[2, 3]).is_ok());
    }
}
