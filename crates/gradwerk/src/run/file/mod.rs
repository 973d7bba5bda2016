//! States as files: one safetensors file each, replaced atomically, checked byte by byte.
//!
//! The file is ordinary safetensors (any safetensors reader opens it). Its `__metadata__` has
//! one entry, `gradwerk`, a JSON text `{"format":1,"sha256":"...","meta":{...}}`. The digest is
//! taken over the whole file with the 64 digits themselves replaced by zeros, so that every
//! byte is covered, the header's included. One entry and not three, because the safetensors
//! crate keeps the entries in a hash map: equal states shall give equal files.

mod atomic;
mod decode;
mod encode;
#[cfg(test)]
pub(super) mod tests;

pub(crate) use atomic::write_bytes;
pub use decode::{decode, read};
pub use encode::{encode, write};

/// The format version written, and the newest one read.
pub const FORMAT: u64 = 1;

/// How every file of this format starts after the eight bytes of the header's length.
const HEADER_START: &str = r#"{"__metadata__":{"gradwerk":"{\"format\":"#;
/// What stands before the digest (the quotes are escaped: JSON inside a JSON string).
const DIGEST_KEY: &str = r#"\"sha256\":\""#;
const DIGEST_LEN: usize = 64;

/// Where the digits of the digest start. It stands before everything a user can name, so that
/// the first place that looks right is the right one.
fn digest_position(bytes: &[u8]) -> Option<usize> {
    let key = DIGEST_KEY.as_bytes();
    let start = bytes.windows(key.len()).position(|window| window == key)? + key.len();
    (start + DIGEST_LEN <= bytes.len()).then_some(start)
}
