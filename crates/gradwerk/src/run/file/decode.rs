//! From the bytes of a file to a state: the whole of it, or an error.

use super::{DIGEST_LEN, FORMAT, HEADER_START, digest_position};
use crate::run::state::{Element, State, StateError, Tensor, hex};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// The safetensors limit for a header.
const MAX_HEADER: u64 = 100_000_000;

/// Read the state that [`super::write()`] wrote to `path`.
///
/// # Errors
/// [`StateError::Io`], [`StateError::Truncated`], [`StateError::Foreign`] (empty, not
/// safetensors, or not written by gradwerk), [`StateError::Corrupt`] (any byte differs from what
/// was written), [`StateError::Newer`]. Nothing is returned from a file that is not whole.
pub fn read(path: &Path) -> Result<State, StateError> {
    let bytes = fs::read(path).map_err(|source| StateError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    decode(bytes, path)
}

/// The state in the bytes of a file; `path` is only named in errors.
///
/// # Errors
/// As [`read`], except for those of the operating system.
pub fn decode(mut bytes: Vec<u8>, path: &Path) -> Result<State, StateError> {
    let file = Named(path);
    let (data_start, header) = file.header(&bytes)?;
    let envelope = header.metadata().as_ref().and_then(|m| m.get("gradwerk")).ok_or_else(|| {
        file.foreign("a safetensors file without gradwerk's entry in its metadata")
    })?;
    let envelope: Value = serde_json::from_str(envelope)
        .map_err(|e| file.corrupt(format!("its metadata is not JSON: {e}")))?;
    file.check_length(&bytes, data_start + header.data_len())?;
    let format = envelope.get("format").and_then(Value::as_u64);
    // The digest comes first: the version number is only believed in an undamaged file.
    let whole = file.check_digest(&mut bytes);
    match (format, whole) {
        (Some(found), whole) if found > FORMAT && !matches!(whole, Err(Digested::Differs)) => {
            return Err(StateError::Newer { path: path.to_owned(), found, supported: FORMAT });
        }
        (_, Err(Digested::Absent)) => return Err(file.corrupt("it has no checksum".to_owned())),
        (_, Err(Digested::Differs)) => {
            return Err(file.corrupt("its checksum does not match its content".to_owned()));
        }
        (_, Ok(())) => {}
    }
    if format != Some(FORMAT) {
        return Err(file.corrupt(format!("format version {format:?} does not exist")));
    }
    let Some(Value::Object(meta)) = envelope.get("meta") else {
        return Err(file.corrupt("its metadata has no `meta` object".to_owned()));
    };
    let mut state = State { meta: meta.clone(), ..State::default() };
    for (name, info) in header.tensors() {
        let tensor = tensor_of(info, &bytes[data_start..]).ok_or_else(|| {
            file.corrupt(format!("tensor `{name}` has the element type {:?}", info.dtype))
        })?;
        state.tensors.insert(name, tensor);
    }
    Ok(state)
}

/// Why a digest was not confirmed.
enum Digested {
    Absent,
    Differs,
}

/// Builds the errors of one file.
struct Named<'a>(&'a Path);

impl Named<'_> {
    fn foreign(&self, reason: &str) -> StateError {
        StateError::Foreign { path: self.0.to_owned(), reason: reason.to_owned() }
    }

    fn corrupt(&self, reason: String) -> StateError {
        StateError::Corrupt { path: self.0.to_owned(), reason }
    }

    /// Where the tensor data start, and the parsed header.
    fn header(&self, bytes: &[u8]) -> Result<(usize, Metadata), StateError> {
        if bytes.is_empty() {
            return Err(self.foreign("the file is empty"));
        }
        self.check_at_least(bytes, 9)?;
        let (length, rest) = bytes.split_first_chunk::<8>().expect("nine bytes");
        let length = u64::from_le_bytes(*length);
        if rest[0] != b'{' || !(2..=MAX_HEADER).contains(&length) {
            return Err(self.foreign("it does not start with a safetensors header"));
        }
        let length = length as usize;
        self.check_at_least(bytes, 8 + length)?;
        let header = serde_json::from_slice(&rest[..length]).map_err(|e| {
            if rest.starts_with(HEADER_START.as_bytes()) {
                self.corrupt(format!("its header is damaged: {e}"))
            } else {
                self.foreign("its safetensors header cannot be parsed")
            }
        })?;
        Ok((8 + length, header))
    }

    fn check_at_least(&self, bytes: &[u8], expected: usize) -> Result<(), StateError> {
        if bytes.len() >= expected {
            return Ok(());
        }
        Err(StateError::Truncated {
            path: self.0.to_owned(),
            expected: expected as u64,
            found: bytes.len() as u64,
        })
    }

    fn check_length(&self, bytes: &[u8], expected: usize) -> Result<(), StateError> {
        self.check_at_least(bytes, expected)?;
        match bytes.len() - expected {
            0 => Ok(()),
            extra => Err(self.corrupt(format!("{extra} bytes follow after its end"))),
        }
    }

    /// Compare the digest; leaves zeros in its place.
    fn check_digest(&self, bytes: &mut [u8]) -> Result<(), Digested> {
        let at = digest_position(bytes).ok_or(Digested::Absent)?;
        let place = &mut bytes[at..at + DIGEST_LEN];
        let stored = place.to_vec();
        place.fill(b'0');
        let computed = hex(&Sha256::digest(&*bytes));
        if stored == computed.as_bytes() { Ok(()) } else { Err(Digested::Differs) }
    }
}

/// The tensor that `info` describes; none if gradwerk does not write this element type.
fn tensor_of(info: &TensorInfo, data: &[u8]) -> Option<Tensor> {
    let (start, end) = info.data_offsets;
    let bytes = &data[start..end];
    let shape = info.shape.clone();
    Some(match info.dtype {
        Dtype::F32 => f32::wrap(shape, elements(bytes)),
        Dtype::F64 => f64::wrap(shape, elements(bytes)),
        Dtype::U32 => u32::wrap(shape, elements(bytes)),
        Dtype::U64 => u64::wrap(shape, elements(bytes)),
        Dtype::U8 => u8::wrap(shape, bytes.to_vec()),
        _ => return None,
    })
}

fn elements<T: Element>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(T::BYTES).map(T::from_bytes).collect()
}
