//! The checkpoints of a run: a folder of state files, of which the two newest are kept.

use super::file::{read, write};
use super::state::{State, StateError};
use std::fs;
use std::path::{Path, PathBuf};

/// Checkpoints kept in a folder: the newest and the one before it.
pub const KEPT: usize = 2;
const EXTENSION: &str = "safetensors";

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
    use super::super::file::tests::{folder, sample};
    use super::*;

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
