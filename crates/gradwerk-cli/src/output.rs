//! Where words go: results to standard output, everything else to standard error.

use serde::Serialize;
use std::io::Write;

/// A line for people on standard error. A closed pipe is nobody's fault and no reason to stop.
pub fn human(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A result on standard output. A reader that stops reading (`| head`) ends the output.
pub fn result(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// One JSON object on one line of standard output.
pub fn json(value: &impl Serialize) {
    result(&serde_json::to_string(value).expect("results are made of JSON's types"));
}

/// How much a verb says.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Verbosity {
    /// Print exactly one JSON object on standard output at the end
    #[arg(long)]
    pub json: bool,
    /// Print errors (and the JSON object) only
    #[arg(long, short)]
    pub quiet: bool,
}

impl Verbosity {
    /// A final text for people: on standard output unless the JSON object goes there.
    pub fn finish(self, text: &str, value: &impl Serialize) {
        match (self.quiet, self.json) {
            (false, false) => result(text),
            (false, true) => human(text),
            (true, _) => {}
        }
        if self.json {
            json(value);
        }
    }
}
