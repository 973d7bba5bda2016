//! From a state to the bytes of its file.

use super::atomic::replace;
use super::{DIGEST_LEN, FORMAT, digest_position};
use crate::run::state::{State, StateError, Tensor, canonical, check_tensor, hex};
use safetensors::{Dtype, View};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// Write `state` to `path`, durably and atomically.
///
/// The bytes go to a temporary file in the same folder, which is synced, renamed over `path`
/// and made durable by syncing the folder. At any instant `path` is either what it was before
/// or the whole new file.
///
/// # Errors
/// [`StateError::Io`] (no such folder, no permission, disk full, ...): then `path` is untouched
/// and the temporary file is removed. [`StateError::Elements`] or [`StateError::ReservedName`]
/// for a tensor that was built by hand and does not fit its shape.
pub fn write(path: &Path, state: &State) -> Result<(), StateError> {
    replace(path, &encode(state)?, |temporary| File::create(temporary), File::sync_all)
}

/// The bytes of the file that holds `state`. Equal states give equal bytes.
///
/// # Errors
/// As [`write()`], except for those of the operating system.
pub fn encode(state: &State) -> Result<Vec<u8>, StateError> {
    for (name, tensor) in &state.tensors {
        check_tensor(name, tensor)?;
    }
    let zeros = "0".repeat(DIGEST_LEN);
    let meta = canonical(&state.meta);
    let envelope = format!(r#"{{"format":{FORMAT},"sha256":"{zeros}","meta":{meta}}}"#);
    let metadata = HashMap::from([("gradwerk".to_owned(), envelope)]);
    let mut bytes = safetensors::serialize(&state.tensors, Some(metadata))
        .map_err(|e| StateError::Encode(e.to_string()))?;
    let at = digest_position(&bytes).expect("the digest was just written");
    let digest = hex(&Sha256::digest(&bytes));
    bytes[at..at + DIGEST_LEN].copy_from_slice(digest.as_bytes());
    Ok(bytes)
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        match self {
            Tensor::F32 { .. } => Dtype::F32,
            Tensor::F64 { .. } => Dtype::F64,
            Tensor::U32 { .. } => Dtype::U32,
            Tensor::U64 { .. } => Dtype::U64,
            Tensor::U8 { .. } => Dtype::U8,
        }
    }
    fn shape(&self) -> &[usize] {
        Tensor::shape(self)
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.to_bytes())
    }
    fn data_len(&self) -> usize {
        self.count() * self.dtype().bitsize() / 8
    }
}
