//! Replacing a file: at any instant the name holds the old file or the whole new one.

use crate::run::state::StateError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replace `path` by `bytes`, durably and atomically, as [`super::write()`] does.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match replace(path, bytes, |temporary| File::create(temporary), File::sync_all) {
        Err(StateError::Io { source, .. }) => Err(source),
        Err(other) => Err(io::Error::other(other)),
        Ok(()) => Ok(()),
    }
}

/// Replace `path` by `bytes`; `create` and `sync` are the file system, or a test's broken one.
pub(super) fn replace<W: Write>(
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

#[cfg(test)]
mod tests {
    use super::super::tests::{folder, sample};
    use super::super::{encode, read, write};
    use super::*;

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
}
