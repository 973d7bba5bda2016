//! The directory of one run: its name, its files, and the manifest that says how it was made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::file;
use serde::{Deserialize, Serialize};

/// Where runs go unless told otherwise, relative to the working directory.
pub const DEFAULT_BASE: &str = "runs";

/// The directory of one run. All its files have fixed names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    root: PathBuf,
}

impl RunDir {
    /// Create `<base>/<env>-<algo>-s<seed>-<n>/` with the smallest `n >= 1` that is free.
    ///
    /// Characters of the names other than letters, digits, `.`, `_` and `-` become `_`
    /// (`ALE/Pong-v5` becomes `ALE_Pong-v5`). Two processes that start at the same time get
    /// two directories.
    ///
    /// # Errors
    /// [`DirError::Io`] if a directory cannot be created.
    pub fn create_next(base: &Path, env: &str, algo: &str, seed: u64) -> Result<Self, DirError> {
        create_all(base)?;
        let stem = format!("{}-{}-s{seed}", file_name(env), file_name(algo));
        for n in 1_u64.. {
            let root = base.join(format!("{stem}-{n}"));
            match fs::create_dir(&root) {
                Ok(()) => return Self { root }.with_folders(),
                // Also when another process was faster: take the next number.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(DirError::io("create", &root, source)),
            }
        }
        unreachable!("2^64 runs")
    }

    /// Create the run directory `root`, which must not exist yet or be empty.
    ///
    /// # Errors
    /// [`DirError::NotEmpty`], [`DirError::NotADirectory`], [`DirError::Io`].
    pub fn create(root: &Path) -> Result<Self, DirError> {
        Self::check_free(root)?;
        create_all(root)?;
        Self { root: root.to_owned() }.with_folders()
    }

    /// Whether [`RunDir::create`] may use `root`; nothing is created.
    ///
    /// # Errors
    /// As [`RunDir::create`].
    pub fn check_free(root: &Path) -> Result<(), DirError> {
        if !root.exists() {
            return Ok(());
        }
        if !root.is_dir() {
            return Err(DirError::NotADirectory(root.to_owned()));
        }
        let mut entries = fs::read_dir(root).map_err(|e| DirError::io("list", root, e))?;
        if entries.next().is_some() {
            return Err(DirError::NotEmpty(root.to_owned()));
        }
        Ok(())
    }

    /// Open an existing run directory: one that has a `config.toml`.
    ///
    /// # Errors
    /// [`DirError::Absent`], [`DirError::NotARun`].
    pub fn open(root: &Path) -> Result<Self, DirError> {
        if !root.exists() {
            return Err(DirError::Absent(root.to_owned()));
        }
        if !root.is_dir() {
            return Err(DirError::NotARun(root.to_owned()));
        }
        let run = Self { root: root.to_owned() };
        if !run.config().is_file() {
            return Err(DirError::NotARun(root.to_owned()));
        }
        Ok(run)
    }

    fn with_folders(self) -> Result<Self, DirError> {
        create_all(&self.checkpoints())?;
        Ok(self)
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// `config.toml`: every setting, resolved.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }
    /// `manifest.json`: the [`Manifest`].
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }
    /// `metrics.jsonl`: one [`super::metrics::Row`] per update.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }
    /// `checkpoints/`: see [`super::checkpoint::save`].
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }
    /// `policy.safetensors`: the last policy, all that acting needs.
    #[must_use]
    pub fn policy(&self) -> PathBuf {
        self.root.join("policy.safetensors")
    }
    /// `best.safetensors`: the policy with the best mean return so far.
    #[must_use]
    pub fn best(&self) -> PathBuf {
        self.root.join("best.safetensors")
    }
    /// `curve.svg`: the learning curve.
    #[must_use]
    pub fn curve(&self) -> PathBuf {
        self.root.join("curve.svg")
    }
}

fn create_all(path: &Path) -> Result<(), DirError> {
    fs::create_dir_all(path).map_err(|source| DirError::io("create", path, source))
}

/// `name` with every character that some file system dislikes replaced by `_`.
fn file_name(name: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars().map(|c| if fine(c) { c } else { '_' }).collect()
}

/// How a run was made: everything about it that is not a setting.
///
/// Unknown entries are ignored when reading: a newer gradwerk may write more of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the gradwerk that started the run.
    pub gradwerk: String,
    /// Environment id.
    pub env: String,
    /// Algorithm.
    pub algo: String,
    /// Seed of every random number.
    pub seed: u64,
    /// The CPU kernel in use (`avx2`, `portable`, ...): bits are promised per kernel.
    pub kernel: String,
    /// Threads used. They change the speed, never the result.
    pub threads: usize,
    /// The machine.
    pub machine: Machine,
    /// The command line, program name first.
    pub command: Vec<String>,
    /// Start of the run, RFC 3339, UTC.
    pub started: String,
    /// Whether `resume` continues bit for bit (false with external simulators).
    pub exact_resume: bool,
    /// The simulator outside that the environment stands on, with its release (`MuJoCo 3.17.0`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulator: Option<String>,
}

impl Manifest {
    /// Write it to [`RunDir::manifest`] as indented JSON, whole or not at all.
    ///
    /// # Errors
    /// [`DirError::Io`].
    pub fn write(&self, run: &RunDir) -> Result<(), DirError> {
        let path = run.manifest();
        let mut text = serde_json::to_string_pretty(self).expect("strings and numbers");
        text.push('\n');
        file::write_bytes(&path, text.as_bytes())
            .map_err(|source| DirError::io("write", &path, source))
    }

    /// Read it back.
    ///
    /// # Errors
    /// [`DirError::Io`], [`DirError::Manifest`] with line and column.
    pub fn read(run: &RunDir) -> Result<Self, DirError> {
        let path = run.manifest();
        let text =
            fs::read_to_string(&path).map_err(|source| DirError::io("read", &path, source))?;
        serde_json::from_str(&text).map_err(|source| DirError::Manifest { path, source })
    }
}

/// What the program runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Model name of the CPU; `unknown` where the system does not tell.
    pub cpu: String,
    /// Logical cores that this process may use.
    pub cores: usize,
    /// Operating system and architecture, for example `linux-x86_64`.
    pub os: String,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn detect() -> Self {
        // Other systems than Linux have no such file.
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: cpu_model(&cpuinfo).unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// The first `model name : ...` of Linux' `/proc/cpuinfo`.
fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// `time` as RFC 3339 in UTC with whole seconds: `2026-11-23T14:30:31Z`. Times before 1970 are
/// given as 1970-01-01T00:00:00Z: they come from a machine without a clock.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of the `days`-th day after 1970-01-01 in the Gregorian calendar
/// (H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
///
/// The year is counted from 1 March, so that the leap day is its last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01
    let era = days / 146_097; // 400 years
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Why a run directory could not be created or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirError {
    /// It holds something already.
    #[error("run directory {}: exists and is not empty; choose another, delete it, or `gradwerk resume` it", .0.display())]
    NotEmpty(PathBuf),
    /// A file stands in its place.
    #[error("run directory {}: a file of that name is in the way", .0.display())]
    NotADirectory(PathBuf),
    /// Nothing there.
    #[error("run directory {}: does not exist", .0.display())]
    Absent(PathBuf),
    /// A directory that no run was started in.
    #[error("{}: not a run directory (a folder with a config.toml)", .0.display())]
    NotARun(PathBuf),
    /// The manifest cannot be understood.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl DirError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_names_count_up() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().join("runs");
        let name = |run: &RunDir| run.root().file_name().unwrap().to_str().unwrap().to_owned();
        let first = RunDir::create_next(&base, "ALE/Pong-v5", "ppo", 3).unwrap();
        let second = RunDir::create_next(&base, "ALE/Pong-v5", "ppo", 3).unwrap();
        let other = RunDir::create_next(&base, "ALE/Pong-v5", "ppo", 4).unwrap();
        assert_eq!(name(&first), "ALE_Pong-v5-ppo-s3-1");
        assert_eq!(name(&second), "ALE_Pong-v5-ppo-s3-2");
        assert_eq!(name(&other), "ALE_Pong-v5-ppo-s4-1");
        assert!(first.checkpoints().is_dir());
    }

    #[test]
    fn a_name_cannot_leave_the_base() {
        assert_eq!(file_name("../x:y z"), ".._x_y_z");
    }

    #[test]
    fn create_refuses_what_is_in_use() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("mine");
        fs::create_dir(&root).unwrap();
        let run = RunDir::create(&root).unwrap();
        let error = RunDir::create(&root).unwrap_err();
        assert!(matches!(error, DirError::NotEmpty(_)), "{error}");
        fs::write(run.config(), "").unwrap();
        let error = RunDir::create(&run.config()).unwrap_err();
        assert!(matches!(error, DirError::NotADirectory(_)), "{error}");
        let error = RunDir::create(&run.config().join("below")).unwrap_err();
        assert!(matches!(error, DirError::Io { action: "create", .. }), "{error}");
    }

    #[test]
    fn open_wants_a_config() {
        let base = tempfile::tempdir().unwrap();
        assert!(matches!(RunDir::open(base.path()), Err(DirError::NotARun(_))));
        assert!(matches!(RunDir::open(&base.path().join("x")), Err(DirError::Absent(_))));
        fs::write(base.path().join("config.toml"), "").unwrap();
        assert_eq!(RunDir::open(base.path()).unwrap().root(), base.path());
    }

    #[test]
    fn manifest_survives_the_disk() {
        let base = tempfile::tempdir().unwrap();
        let run = RunDir::create(&base.path().join("r")).unwrap();
        let manifest = Manifest {
            gradwerk: "0.1.0".into(),
            env: "CartPole-v1".into(),
            algo: "ppo".into(),
            seed: u64::MAX,
            kernel: "avx2".into(),
            threads: 2,
            machine: Machine::detect(),
            command: vec!["gradwerk".into(), "train".into()],
            started: rfc3339(SystemTime::now()),
            exact_resume: true,
            simulator: Some("MuJoCo 3.17.0".into()),
        };
        manifest.write(&run).unwrap();
        assert_eq!(Manifest::read(&run).unwrap(), manifest);
        fs::write(run.manifest(), "{\n\"gradwerk\": 1}").unwrap();
        let error = Manifest::read(&run).unwrap_err().to_string();
        assert!(error.contains("manifest.json: ") && error.contains("line 2"), "{error}");
    }

    /// `date -u -d @SECONDS +%FT%TZ` of coreutils.
    #[test]
    fn times_are_those_of_date() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(at(1_795_444_231), "2026-11-23T14:30:31Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn cpu_model_is_the_first_one_named() {
        let text = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7B13\nmodel name\t: B\n";
        assert_eq!(cpu_model(text), Some("AMD EPYC 7B13"));
        assert_eq!(cpu_model(""), None);
    }
}
