//! The real binary in a folder of its own.
#![allow(dead_code, reason = "every test file uses a part")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder that disappears, and the program working in it.
pub struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gradwerk"));
        command.args(words(line)).current_dir(self.folder.path());
        command
    }

    pub fn run(&self, line: &str) -> Ran {
        Ran::of(self.command(line).output().unwrap())
    }

    /// Run with `--json`, expecting success.
    pub fn json(&self, line: &str) -> Value {
        let ran = self.run(&format!("{line} --json"));
        assert_eq!(ran.code, 0, "{line}: {}", ran.err);
        ran.json()
    }
}

/// Arguments separated by spaces; none of the tests' arguments has one inside.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Standard output, which must be one JSON object and nothing else.
    pub fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.out).expect(&self.out);
        assert!(value.is_object(), "{}", self.out);
        value
    }
}

/// Both hashes of a training result.
pub fn hashes(result: &Value) -> [String; 2] {
    ["params_sha256", "state_sha256"].map(|key| result[key].as_str().unwrap().to_owned())
}

/// The metrics of a run without what depends on time.
pub fn metrics(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let row = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let object = row.as_object_mut().unwrap();
        object.remove("wall_s");
        object.remove("steps_per_s");
        row
    };
    text.lines().map(row).collect()
}
