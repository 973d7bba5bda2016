//! States on the disk: one safetensors file each, replaced atomically, checked byte by byte.
//!
//! The file is ordinary safetensors (any safetensors reader opens it). Its `__metadata__` has
//! one entry, `gradwerk`, a JSON text `{"format":1,"sha256":"...","meta":{...}}`. The digest is
//! taken over the whole file with the 64 digits themselves replaced by zeros, so that every
//! byte is covered, the header's included. One entry and not three, because the safetensors
//! crate keeps the entries in a hash map: equal states shall give equal files.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, View};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::state::{Element, State, StateError, Tensor, canonical, check_tensor, hex};

/// The format version written, and the newest one read.
pub const FORMAT: u64 = 1;

/// Checkpoints kept in a folder: the newest and the one before it.
pub const KEPT: usize = 2;

/// How every file of this format starts after the eight bytes of the header's length.
const HEADER_START: &str = r#"{"__metadata__":{"gradwerk":"{\"format\":"#;
/// What stands before the digest (the quotes are escaped: JSON inside a JSON string).
const DIGEST_KEY: &str = r#"\"sha256\":\""#;
const DIGEST_LEN: usize = 64;
/// The safetensors limit for a header.
const MAX_HEADER: u64 = 100_000_000;
const EXTENSION: &str = "safetensors";

// ---------------------------------------------------------------------------------- writing

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

/// Replace `path` by `bytes`, durably and atomically, as [`write()`] does.
pub(super) fn write_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match replace(path, bytes, |temporary| File::create(temporary), File::sync_all) {
        Err(StateError::Io { source, .. }) => Err(source),
        Err(other) => Err(io::Error::other(other)),
        Ok(()) => Ok(()),
    }
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

/// Replace `path` by `bytes`; `create` and `sync` are the file system, or a test's broken one.
fn replace<W: Write>(
    path: &Path,
    bytes: &[u8],
    create: impl FnOnce(&Path) -> io::Result<W>,
    sync: impl FnOnce(&W) -> io::Result<()>,
) -> Result<(), StateError> {
    let temporary = temporary_of(path);
    let written = create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.flush()?;
            sync(&file)
        })
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = written {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_file(&temporary);
        return Err(StateError::Io { action: "write", path: path.to_owned(), source });
    }
    sync_folder(path)
}

/// `folder/name` -> `folder/.name.tmp`: same file system, never taken for a checkpoint.
fn temporary_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

/// Make a rename durable.
fn sync_folder(path: &Path) -> Result<(), StateError> {
    // The parent of a bare file name is the empty path.
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Windows cannot open folders; there the rename itself has to be enough.
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(folder).and_then(|f| f.sync_all()).map_err(|source| StateError::Io {
        action: "sync folder",
        path: folder.to_owned(),
        source,
    })
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

// ---------------------------------------------------------------------------------- reading

/// Read the state that [`write()`] wrote to `path`.
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

/// Where the digits of the digest start. It stands before everything a user can name, so that
/// the first place that looks right is the right one.
fn digest_position(bytes: &[u8]) -> Option<usize> {
    let key = DIGEST_KEY.as_bytes();
    let start = bytes.windows(key.len()).position(|window| window == key)? + key.len();
    (start + DIGEST_LEN <= bytes.len()).then_some(start)
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

// ------------------------------------------------------------------------ a folder of them

/// Write `state` as the checkpoint at `steps` of the folder, then delete all but the new one
/// and the one before it.
///
/// Nothing is deleted before the new file is durable: a crash or a full disk at any instant
/// leaves a good checkpoint. Checkpoints of *later* steps are deleted, too: they belong to a
/// continuation that this run does not follow, or could not be read.
///
/// # Errors
/// As [`write()`]; [`StateError::Io`] also if an old file cannot be deleted.
pub fn save(folder: &Path, steps: u64, state: &State) -> Result<PathBuf, StateError> {
    let path = file_of(folder, steps);
    write(&path, state)?;
    let mut earlier: Vec<u64> = Vec::new();
    for entry in list(folder)? {
        match entry {
            Entry::Checkpoint(s) if s < steps => earlier.push(s),
            Entry::Checkpoint(s) if s > steps => remove(&file_of(folder, s))?,
            Entry::Checkpoint(_) => {}
            Entry::Leftover(path) => remove(&path)?,
        }
    }
    earlier.sort_unstable_by(|a, b| b.cmp(a));
    for &old in earlier.iter().skip(KEPT - 1) {
        remove(&file_of(folder, old))?;
    }
    Ok(path)
}

/// The file of the checkpoint at `steps`.
#[must_use]
pub fn file_of(folder: &Path, steps: u64) -> PathBuf {
    folder.join(format!("{steps:012}.{EXTENSION}"))
}

/// The newest checkpoint that is whole.
#[derive(Debug)]
pub struct Latest {
    /// Steps (from its name), file and content; none if the folder has no good checkpoint.
    pub found: Option<(u64, PathBuf, State)>,
    /// Why newer ones were skipped, one error each, newest first. To be shown to the user.
    pub skipped: Vec<StateError>,
}

/// Find and read the newest good checkpoint of a folder. A folder that does not exist has none.
///
/// # Errors
/// [`StateError::Io`] if the folder cannot be listed; files that cannot be read are in
/// [`Latest::skipped`].
pub fn latest(folder: &Path) -> Result<Latest, StateError> {
    let mut latest = Latest { found: None, skipped: Vec::new() };
    if !folder.exists() {
        return Ok(latest);
    }
    let entries = list(folder)?;
    let mut steps: Vec<u64> = entries.iter().filter_map(Entry::steps).collect();
    steps.sort_unstable_by(|a, b| b.cmp(a));
    for s in steps {
        let path = file_of(folder, s);
        match read(&path) {
            Ok(state) => {
                latest.found = Some((s, path, state));
                break;
            }
            Err(error) => latest.skipped.push(error),
        }
    }
    Ok(latest)
}

/// What gradwerk left in a folder of checkpoints; anything else there is not ours to touch.
enum Entry {
    Checkpoint(u64),
    /// A temporary file of a process that was killed while writing.
    Leftover(PathBuf),
}

impl Entry {
    fn steps(&self) -> Option<u64> {
        match self {
            Self::Checkpoint(steps) => Some(*steps),
            Self::Leftover(_) => None,
        }
    }
}

fn list(folder: &Path) -> Result<Vec<Entry>, StateError> {
    let failed =
        |source| StateError::Io { action: "list the folder", path: folder.to_owned(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        entries.extend(entry_of(path));
    }
    Ok(entries)
}

fn entry_of(path: PathBuf) -> Option<Entry> {
    let name = path.file_name()?.to_str()?;
    let whole = name.strip_prefix('.').and_then(|n| n.strip_suffix(".tmp"));
    let digits = whole.unwrap_or(name).strip_suffix(EXTENSION)?.strip_suffix('.')?;
    let steps: u64 = digits.parse().ok()?;
    // `+7.safetensors` and `7.safetensors` parse as numbers, but are not names that we give.
    if format!("{steps:012}") != digits {
        return None;
    }
    Some(if whole.is_some() { Entry::Leftover(path) } else { Entry::Checkpoint(steps) })
}

fn remove(path: &Path) -> Result<(), StateError> {
    fs::remove_file(path).map_err(|source| StateError::Io {
        action: "delete",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(steps: u64) -> State {
        let mut state = State::new();
        state.put("actor/w", &[2, 2], vec![0.5_f32, -0.0, f32::NAN, steps as f32]).unwrap();
        state.put("scalar", &[], vec![1.0e-300_f64]).unwrap();
        state.put("empty", &[0, 4], Vec::<u32>::new()).unwrap();
        state.put_vector("counters", vec![u64::MAX, steps]).unwrap();
        state.put_vector("pixels", vec![0_u8, 127, 255]).unwrap();
        state.put_meta("algo", "ppo").unwrap();
        state.put_meta("note", "quotes \" and \\ and \"sha256\":\"0").unwrap();
        state.put_meta("lr", &3.0e-4_f64).unwrap();
        state
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn decoded(bytes: &[u8]) -> Result<State, StateError> {
        decode(bytes.to_vec(), Path::new("x.safetensors"))
    }

    #[test]
    fn write_then_read_gives_the_same_state() {
        let folder = folder();
        let path = folder.path().join("policy.safetensors");
        write(&path, &sample(7)).unwrap();
        let back = read(&path).unwrap();
        // The hash covers every bit; `==` would not, since NaN differs from itself.
        assert_eq!(back.sha256(), sample(7).sha256());
        assert_eq!(back.get::<u64>("counters", &[2]).unwrap(), [u64::MAX, 7]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
        write(&path, &State::new()).unwrap();
        assert_eq!(read(&path).unwrap(), State::new());
    }

    #[test]
    fn equal_states_give_equal_files() {
        let first = encode(&sample(1)).unwrap();
        assert!((0..20).all(|_| encode(&sample(1)).unwrap() == first));
    }

    #[test]
    fn other_readers_open_the_file() {
        let bytes = encode(&sample(3)).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensor = file.tensor("pixels").unwrap();
        assert_eq!(
            (tensor.dtype(), tensor.shape(), tensor.data()),
            (Dtype::U8, &[3_usize][..], &[0_u8, 127, 255][..])
        );
    }

    #[test]
    fn every_changed_byte_is_an_error() {
        let bytes = encode(&sample(7)).unwrap();
        for at in 0..bytes.len() {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut bad = bytes.clone();
                bad[at] ^= flip;
                assert!(decoded(&bad).is_err(), "byte {at} flipped by {flip:#x} went unnoticed");
            }
        }
    }

    #[test]
    fn changed_data_is_called_corrupt() {
        let mut bytes = encode(&sample(7)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let error = decoded(&bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.safetensors: corrupt: its checksum does not match its content"
        );
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = encode(&sample(7)).unwrap();
        assert!(matches!(decoded(&[]), Err(StateError::Foreign { .. })));
        for length in 1..bytes.len() {
            let error = decoded(&bytes[..length]).unwrap_err();
            assert!(matches!(error, StateError::Truncated { .. }), "{length}: {error}");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert!(matches!(decoded(&longer), Err(StateError::Corrupt { .. })));
    }

    #[test]
    fn foreign_files_are_named_so() {
        let foreign = |bytes: &[u8]| {
            let error = decoded(bytes).unwrap_err();
            assert!(matches!(error, StateError::Foreign { .. }), "{error}");
            error.to_string()
        };
        assert!(foreign(b"").ends_with("the file is empty"));
        foreign(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06");
        foreign(b"seed = 1\nalgo = \"ppo\"\n");
        let other = safetensors::serialize(&sample(1).tensors, None).unwrap();
        assert!(foreign(&other).contains("without gradwerk's entry"));
    }

    /// A file with its version number replaced and the digest made to fit.
    fn with_version(digit: u8) -> Vec<u8> {
        let mut bytes = encode(&sample(7)).unwrap();
        bytes[8 + HEADER_START.len()] = digit;
        let at = digest_position(&bytes).unwrap();
        bytes[at..at + DIGEST_LEN].fill(b'0');
        let digest = hex(&Sha256::digest(&bytes));
        bytes[at..at + DIGEST_LEN].copy_from_slice(digest.as_bytes());
        bytes
    }

    #[test]
    fn a_newer_version_is_named_so() {
        assert!(decoded(&with_version(b'1')).is_ok());
        let error = decoded(&with_version(b'2')).unwrap_err();
        assert!(matches!(error, StateError::Newer { found: 2, supported: 1, .. }), "{error}");
        assert!(matches!(decoded(&with_version(b'0')), Err(StateError::Corrupt { .. })));
    }

    #[test]
    fn a_missing_file_names_its_path() {
        let error = read(Path::new("no/such/file")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read no/such/file: "), "{error}");
        let error = write(Path::new("no/such/folder/file"), &State::new()).unwrap_err();
        assert!(error.to_string().starts_with("cannot write no/such/folder/file: "), "{error}");
    }

    /// A file on a disk with room for `left` more bytes.
    struct Small {
        file: File,
        left: usize,
    }

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let n = self.file.write(&bytes[..bytes.len().min(self.left)])?;
            self.left -= n;
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            self.file.flush()
        }
    }

    #[test]
    fn a_full_disk_leaves_the_old_file() {
        let folder = folder();
        let path = folder.path().join("policy.safetensors");
        write(&path, &sample(1)).unwrap();
        let bytes = encode(&sample(2)).unwrap();
        for left in [0, 1, 8, 100, bytes.len() - 1] {
            let create = |p: &Path| Ok(Small { file: File::create(p)?, left });
            let error = replace(&path, &bytes, create, |s| s.file.sync_all()).unwrap_err();
            assert!(matches!(error, StateError::Io { action: "write", .. }), "{error}");
            assert_eq!(read(&path).unwrap().sha256(), sample(1).sha256());
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        let left = bytes.len();
        let create = |p: &Path| Ok(Small { file: File::create(p)?, left });
        replace(&path, &bytes, create, |s| s.file.sync_all()).unwrap();
        assert_eq!(read(&path).unwrap().sha256(), sample(2).sha256());
    }

    /// The kernel's own "no space left on device".
    #[cfg(target_os = "linux")]
    #[test]
    fn the_systems_disk_full_error_is_reported() {
        let folder = folder();
        let path = folder.path().join("policy.safetensors");
        write(&path, &sample(1)).unwrap();
        let create = |_: &Path| File::options().write(true).open("/dev/full");
        let error = replace(&path, b"new", create, File::sync_all).unwrap_err();
        let StateError::Io { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(read(&path).unwrap().sha256(), sample(1).sha256());
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn save_keeps_the_last_two_and_foreign_files() {
        let folder = folder();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        fs::write(folder.path().join(".000000000300.safetensors.tmp"), "killed").unwrap();
        for steps in [100, 200, 300] {
            save(folder.path(), steps, &sample(steps)).unwrap();
        }
        assert_eq!(
            names(folder.path()),
            ["000000000200.safetensors", "000000000300.safetensors", "notes.txt"]
        );
        let latest = latest(folder.path()).unwrap();
        assert_eq!(latest.found.unwrap().0, 300);
        assert!(latest.skipped.is_empty());
    }

    #[test]
    fn latest_skips_bad_checkpoints_and_says_so() {
        let folder = folder();
        save(folder.path(), 100, &sample(100)).unwrap();
        let newest = save(folder.path(), 200, &sample(200)).unwrap();
        let bytes = fs::read(&newest).unwrap();
        fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
        let found = latest(folder.path()).unwrap();
        assert_eq!(found.found.unwrap().2.sha256(), sample(100).sha256());
        assert!(matches!(found.skipped[..], [StateError::Truncated { .. }]));
        // The run goes on from 100 and saves at 150: the bad one of a lost future goes away.
        save(folder.path(), 150, &sample(150)).unwrap();
        assert_eq!(names(folder.path()), ["000000000100.safetensors", "000000000150.safetensors"]);
    }

    /// In the child process: save one checkpoint after the other until killed.
    fn save_for_ever(folder: &Path) -> ! {
        let mut state = sample(0);
        state.put_vector("large", vec![1.5_f32; 1 << 18]).unwrap();
        for steps in 1.. {
            save(folder, steps, &state).unwrap();
        }
        unreachable!()
    }

    /// This test starts itself again as a child process and kills it (SIGKILL) while it saves.
    #[test]
    fn a_killed_writer_leaves_a_good_checkpoint() {
        const FOLDER: &str = "GRADWERK_TEST_SAVE_FOR_EVER";
        if let Some(folder) = std::env::var_os(FOLDER) {
            save_for_ever(Path::new(&folder));
        }
        let name = "run::checkpoint::tests::a_killed_writer_leaves_a_good_checkpoint";
        for round in 0..8 {
            let folder = folder();
            let mut child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name])
                .env(FOLDER, folder.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let started = std::time::Instant::now();
            while list(folder.path()).unwrap().iter().all(|e| e.steps().is_none()) {
                assert!(started.elapsed().as_secs() < 60, "the child saves nothing");
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            std::thread::sleep(std::time::Duration::from_millis(7 * round));
            child.kill().unwrap();
            child.wait().unwrap();
            let latest = latest(folder.path()).unwrap();
            assert!(latest.skipped.is_empty(), "{:?}", latest.skipped);
            let (steps, _, state) = latest.found.expect("a good checkpoint");
            assert_eq!(state.get::<f32>("large", &[1 << 18]).unwrap()[7], 1.5, "at {steps}");
        }
    }

    #[test]
    fn a_folder_without_checkpoints_has_none() {
        let folder = folder();
        assert!(latest(folder.path()).unwrap().found.is_none());
        assert!(latest(&folder.path().join("absent")).unwrap().found.is_none());
    }
}
