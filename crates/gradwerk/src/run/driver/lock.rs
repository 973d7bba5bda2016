//! The configuration on the disk, and the lock on it that makes one process per run.

use crate::Error;
use crate::config::Config;
use crate::layers;
use crate::run::dir::RunDir;
use std::fs::File;

/// Write `config.toml` whole or not at all, and hold its lock.
pub(super) fn write_config(dir: &RunDir, config: &Config) -> Result<File, Error> {
    let (path, draft) = (dir.config(), dir.root().join(".config.toml.tmp"));
    std::fs::write(&draft, layers::resolve::to_toml(config)).map_err(Error::io("write", &draft))?;
    std::fs::rename(&draft, &path).map_err(Error::io("write", &path))?;
    lock(dir)
}

/// One process per run directory. The system releases the lock when the process dies.
pub(super) fn lock(dir: &RunDir) -> Result<File, Error> {
    let path = dir.config();
    let file = File::open(&path).map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Usage(format!(
            "{}: another process is training this run",
            dir.root().display()
        ))),
        // Some file systems have no locks; that must not stop a run.
        _ => Ok(file),
    }
}
