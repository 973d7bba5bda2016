//! `metrics.jsonl`: one JSON object per update, every key documented in [`KEYS`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What the values of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number, written without a fraction.
    Count,
    /// A real number, written with as many digits as it takes to read the same bits back.
    Real,
}

/// One documented key of a metrics row.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key in the JSON object.
    pub name: &'static str,
    /// Unit; `1` for a pure number.
    pub unit: &'static str,
    /// Count or real number.
    pub kind: Kind,
    /// What it means.
    pub meaning: &'static str,
}

const fn count(name: &'static str, unit: &'static str, meaning: &'static str) -> Key {
    Key { name, unit, kind: Kind::Count, meaning }
}

const fn real(name: &'static str, unit: &'static str, meaning: &'static str) -> Key {
    Key { name, unit, kind: Kind::Real, meaning }
}

/// Every key of a metrics row, in the order in which they are written. An algorithm that
/// measures something new adds a line here.
///
/// A key that does not apply to an algorithm, or has no value yet, is absent from the row.
pub const KEYS: &[Key] = &[
    count("steps", "steps", "valid transitions so far, over all environments"),
    count("updates", "updates", "policy updates so far"),
    count("episodes", "episodes", "finished episodes so far"),
    real("wall_s", "s", "seconds of training so far, earlier sessions of the run included"),
    real("steps_per_s", "steps/s", "steps of this process divided by its time"),
    real("mean_return_100", "reward", "mean undiscounted raw return of the last 100 episodes"),
    real("best_mean_return_100", "reward", "the largest mean_return_100 so far"),
    real("mean_length_100", "steps", "mean length of the last 100 episodes"),
    real("eval_mean_return", "reward", "mean return of the evaluation episodes"),
    real("eval_std_return", "reward", "standard deviation of the evaluation returns"),
    real("policy_loss", "1", "policy loss, mean over the last epoch"),
    real("value_loss", "reward^2", "value loss, mean over the last epoch"),
    real("entropy", "nat", "entropy of the policy at the visited states, mean"),
    real(
        "approx_kl",
        "nat",
        "estimate of KL(old policy || new policy), mean over the last epoch as it runs",
    ),
    real("clip_fraction", "1", "share of samples whose ratio was clipped"),
    real("log_likelihood", "nat", "log pi(a|s) of the recorded actions, mean over the pass (bc)"),
    real("held_out_log_likelihood", "nat", "the same over the held-out episodes, after the pass"),
    real("explained_variance", "1", "1 - Var[G - v] / Var[G]: 1 is perfect, 0 a constant"),
    real(
        "ess",
        "1",
        "effective sample size over samples, of the probability ratios: 1 is on-policy",
    ),
    count(
        "batches_dropped",
        "batches",
        "stored batches forgotten so far for their low effective sample size",
    ),
    real(
        "gradient_snr",
        "1",
        "squared length of the true gradient over the expected squared error of its estimate",
    ),
    real(
        "gradient_noise_scale",
        "steps",
        "batch at which signal and noise of the gradient are equal; absent if noise hides it",
    ),
    real("gradient_half_cosine", "1", "cosine between the gradients of half-batches"),
    real(
        "baseline_removed",
        "1",
        "share of the gradient's second moment that the baseline removes, at the head",
    ),
    real("baseline_removed_constant", "1", "the same of the best constant baseline"),
    real("grad_norm", "1", "Euclidean norm of the gradient before clipping, mean"),
    real("lr", "1", "learning rate of this update"),
    count("epochs_done", "epochs", "passes over the rollout before the update ended"),
    real("kl", "nat", "exact KL(old policy || new), mean over the visited states (NPG, TRPO)"),
    count("cg_iterations", "iterations", "conjugate-gradient iterations (NPG, TRPO)"),
    real(
        "cg_residual",
        "1",
        "residual of the conjugate gradient relative to the gradient (NPG, TRPO)",
    ),
    count("line_search_steps", "steps", "times the line search shortened the step (TRPO)"),
    real(
        "step_size",
        "1",
        "factor of F^-1 g in the step that was taken, 0 if none was (NPG, TRPO)",
    ),
];

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// One place per entry of [`KEYS`].
    values: [Option<f64>; KEYS.len()],
}

impl Row {
    /// A row at `steps` with nothing else in it.
    #[must_use]
    pub fn new(steps: u64) -> Self {
        let mut values = [None; KEYS.len()];
        values[0] = Some(steps as f64);
        Self { values }
    }

    /// Record a value. A number that is not finite is kept and written as `null`, for JSON has
    /// no other word for it.
    ///
    /// # Errors
    /// [`MetricsError::UnknownKey`] for a key that is not in [`KEYS`].
    pub fn set(&mut self, key: &str, value: f64) -> Result<&mut Self, MetricsError> {
        let at = position(key).ok_or_else(|| MetricsError::UnknownKey { key: key.to_owned() })?;
        self.values[at] = Some(value);
        Ok(self)
    }

    /// The value of a key: none if absent (or not a key), NaN if it was written as `null`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<f64> {
        self.values[position(key)?]
    }

    /// The keys present and their values, in the order of [`KEYS`].
    pub fn entries(&self) -> impl Iterator<Item = (&'static Key, f64)> + '_ {
        KEYS.iter().zip(&self.values).filter_map(|(key, value)| Some((key, (*value)?)))
    }

    /// The row as one line of JSON, without the line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let entry = |(key, value): (&Key, f64)| format!("\"{}\":{}", key.name, number(key, value));
        format!("{{{}}}", self.entries().map(entry).collect::<Vec<_>>().join(","))
    }

    /// The row in one line of JSON. Keys of a newer gradwerk are skipped.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let object = value.as_object().ok_or("not a JSON object")?;
        let mut values = [None; KEYS.len()];
        for (key, place) in KEYS.iter().zip(&mut values) {
            *place = match object.get(key.name) {
                None => None,
                Some(Value::Null) => Some(f64::NAN),
                Some(Value::Number(n)) => n.as_f64(),
                Some(other) => return Err(format!("`{}` is {other}, not a number", key.name)),
            };
        }
        if values[0].is_none_or(f64::is_nan) {
            return Err("no `steps`".to_owned());
        }
        Ok(Self { values })
    }
}

fn position(key: &str) -> Option<usize> {
    KEYS.iter().position(|k| k.name == key)
}

/// A number in JSON.
fn number(key: &Key, value: f64) -> String {
    // Above 2^53 an f64 is whole anyway, and serde_json writes all its digits.
    let whole = value.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&value);
    if key.kind == Kind::Count && whole {
        return (value as u64).to_string();
    }
    // `Value::from` turns what is not finite into null.
    Value::from(value).to_string()
}

/// Appends rows to a `metrics.jsonl`. Every row is handed to the system at once, so that a
/// killed process loses none.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Writer {
    /// Start an empty file, replacing what was there.
    ///
    /// # Errors
    /// [`MetricsError::Io`].
    pub fn create(path: &Path) -> Result<Self, MetricsError> {
        let file = File::create(path).map_err(|e| MetricsError::io("create", path, e))?;
        Ok(Self { file, path: path.to_owned(), bytes: 0 })
    }

    /// Cut the file back to its first `bytes` bytes, the [`Writer::bytes`] that a checkpoint
    /// stored, and go on from there.
    ///
    /// # Errors
    /// [`MetricsError::TooShort`] if it holds fewer, [`MetricsError::NotALineEnd`] if no line
    /// ends there, [`MetricsError::Io`]. The file is then unchanged.
    pub fn truncate_to(path: &Path, bytes: u64) -> Result<Self, MetricsError> {
        let io = |action| move |e| MetricsError::io(action, path, e);
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(io("open"))?;
        let found = file.metadata().map_err(io("read"))?.len();
        if found < bytes {
            return Err(MetricsError::TooShort { path: path.to_owned(), expected: bytes, found });
        }
        if bytes > 0 && byte_before(&mut file, bytes).map_err(io("read"))? != b'\n' {
            return Err(MetricsError::NotALineEnd { path: path.to_owned(), bytes });
        }
        file.set_len(bytes).map_err(io("truncate"))?;
        file.seek(SeekFrom::Start(bytes)).map_err(io("write"))?;
        Ok(Self { file, path: path.to_owned(), bytes })
    }

    /// Go on at the end of the file's last whole line, whatever is there.
    ///
    /// # Errors
    /// [`MetricsError::Io`].
    pub fn append_to(path: &Path) -> Result<Self, MetricsError> {
        let whole = fs::read(path).map_err(|e| MetricsError::io("read", path, e))?;
        let end = whole.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        Self::truncate_to(path, end as u64)
    }

    /// Append one row.
    ///
    /// # Errors
    /// [`MetricsError::Io`]; the file may then end in a part of the row, which [`read`] and
    /// [`Writer::truncate_to`] forgive.
    pub fn append(&mut self, row: &Row) -> Result<(), MetricsError> {
        let mut line = row.to_json();
        line.push('\n');
        self.file
            .write_all(line.as_bytes())
            .map_err(|e| MetricsError::io("write", &self.path, e))?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// The length of the file in bytes, for the checkpoint.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Make all rows durable; call it before the checkpoint that stores [`Writer::bytes`].
    ///
    /// # Errors
    /// [`MetricsError::Io`].
    pub fn sync(&self) -> Result<(), MetricsError> {
        self.file.sync_data().map_err(|e| MetricsError::io("write", &self.path, e))
    }
}

fn byte_before(file: &mut File, end: u64) -> io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::Start(end - 1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// All rows of a `metrics.jsonl`.
///
/// A last line without its line feed that cannot be parsed was cut by a crash and is left out.
///
/// # Errors
/// [`MetricsError::Io`]; [`MetricsError::Line`] with file and line for anything else that is
/// not a row.
pub fn read(path: &Path) -> Result<Vec<Row>, MetricsError> {
    let bytes = fs::read(path).map_err(|e| MetricsError::io("read", path, e))?;
    let mut rows = Vec::new();
    for (i, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        // A cut may fall inside a character, so each line is decoded by itself.
        let parsed = std::str::from_utf8(line).map_err(|e| e.to_string()).and_then(Row::parse);
        match parsed {
            Ok(row) => rows.push(row),
            Err(_) if line.last() != Some(&b'\n') => {}
            Err(reason) => {
                return Err(MetricsError::Line { path: path.to_owned(), line: i + 1, reason });
            }
        }
    }
    Ok(rows)
}

/// Why metrics could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// A key that nobody documented.
    #[error("unknown metric `{key}`, expected one of {choices}", choices = names())]
    UnknownKey {
        /// The key given.
        key: String,
    },
    /// A line that is no row.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Fewer bytes than the checkpoint knows of.
    #[error("{}: {found} bytes, but the checkpoint was made when it had {expected}", path.display())]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Bytes according to the checkpoint.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The checkpoint belongs to another file.
    #[error("{}: no line ends at byte {bytes}, where the checkpoint was made", path.display())]
    NotALineEnd {
        /// The file.
        path: PathBuf,
        /// Bytes according to the checkpoint.
        bytes: u64,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl MetricsError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

fn names() -> String {
    KEYS.iter().map(|k| k.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(steps: u64) -> Row {
        let mut row = Row::new(steps);
        row.set("mean_return_100", 0.1 + 0.2).unwrap();
        row
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        (folder, path)
    }

    #[test]
    fn a_row_is_one_json_object_in_the_tables_order() {
        let mut row = Row::new(2048);
        row.set("lr", 3e-4).unwrap().set("updates", 1.0).unwrap();
        assert_eq!(row.to_json(), r#"{"steps":2048,"updates":1,"lr":0.0003}"#);
        assert_eq!(Row::parse(&row.to_json()).unwrap(), row);
    }

    #[test]
    fn numbers_come_back_bit_for_bit() {
        for x in [0.1 + 0.2, -0.0, 1e-300, f64::MAX, 5e-324, 1.0 / 3.0] {
            let mut row = Row::new(1 << 53);
            row.set("policy_loss", x).unwrap();
            let back = Row::parse(&row.to_json()).unwrap();
            assert_eq!(back.get("policy_loss").unwrap().to_bits(), x.to_bits());
            assert_eq!(back.get("steps"), Some(9_007_199_254_740_992.0));
        }
    }

    #[test]
    fn what_is_not_finite_is_null_and_comes_back_as_nan() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut row = Row::new(1);
            row.set("entropy", x).unwrap();
            assert_eq!(row.to_json(), r#"{"steps":1,"entropy":null}"#);
            assert!(Row::parse(&row.to_json()).unwrap().get("entropy").unwrap().is_nan());
        }
    }

    #[test]
    fn unknown_keys_are_refused_with_the_choices() {
        let error = Row::new(1).set("rewrad", 1.0).unwrap_err().to_string();
        assert!(error.starts_with("unknown metric `rewrad`, expected one of steps, updates, "));
    }

    #[test]
    fn keys_are_distinct() {
        let mut names: Vec<&str> = KEYS.iter().map(|k| k.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
        assert_eq!(KEYS[0].name, "steps");
    }

    #[test]
    fn appended_rows_are_read_back() {
        let (_folder, path) = file();
        let mut writer = Writer::create(&path).unwrap();
        (1..=3).for_each(|k| writer.append(&row(k)).unwrap());
        writer.sync().unwrap();
        assert_eq!(read(&path).unwrap(), [row(1), row(2), row(3)]);
        assert_eq!(writer.bytes(), fs::metadata(&path).unwrap().len());
    }

    #[test]
    fn truncation_goes_on_where_the_checkpoint_was() {
        let (_folder, path) = file();
        let mut writer = Writer::create(&path).unwrap();
        writer.append(&row(1)).unwrap();
        let bytes = writer.bytes();
        writer.append(&row(2)).unwrap();
        let mut resumed = Writer::truncate_to(&path, bytes).unwrap();
        resumed.append(&row(5)).unwrap();
        assert_eq!(read(&path).unwrap(), [row(1), row(5)]);
        assert_eq!(resumed.bytes(), fs::metadata(&path).unwrap().len());
        Writer::truncate_to(&path, 0).unwrap();
        assert_eq!(read(&path).unwrap(), []);
    }

    #[test]
    fn truncation_refuses_a_length_that_does_not_fit() {
        let (_folder, path) = file();
        let mut writer = Writer::create(&path).unwrap();
        writer.append(&row(1)).unwrap();
        let bytes = writer.bytes();
        let long = Writer::truncate_to(&path, bytes + 1).unwrap_err();
        assert!(matches!(long, MetricsError::TooShort { .. }), "{long}");
        let inside = Writer::truncate_to(&path, bytes - 1).unwrap_err();
        assert!(matches!(inside, MetricsError::NotALineEnd { .. }), "{inside}");
        assert_eq!(read(&path).unwrap(), [row(1)], "unchanged");
        let absent = Writer::truncate_to(&path.with_extension("x"), 0).unwrap_err();
        assert!(matches!(absent, MetricsError::Io { action: "open", .. }), "{absent}");
    }

    #[test]
    fn a_cut_last_line_is_forgiven() {
        let (_folder, path) = file();
        let text = format!("{}\n{}\n", row(1).to_json(), row(2).to_json());
        let first = row(1).to_json().len() + 1;
        // Whole second line, with and without its line feed: two rows; any other cut: one.
        for cut in first..=text.len() {
            fs::write(&path, &text[..cut]).unwrap();
            let expected = if cut + 1 >= text.len() { 2 } else { 1 };
            assert_eq!(read(&path).unwrap().len(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn other_garbage_is_reported_with_its_line() {
        let (_folder, path) = file();
        for garbage in ["nonsense", "[1]", "{}", r#"{"steps":"x"}"#, r#"{"steps":1,"lr":[]}"#, ""] {
            fs::write(&path, format!("{}\n{garbage}\n{}\n", row(1).to_json(), row(2).to_json()))
                .unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("metrics.jsonl:2: "), "{error}");
        }
    }

    #[test]
    fn keys_of_a_newer_version_are_skipped() {
        let back = Row::parse(r#"{"steps":1,"from_the_future":true}"#).unwrap();
        assert_eq!(back, Row::new(1));
    }
}
