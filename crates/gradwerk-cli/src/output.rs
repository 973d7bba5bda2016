//! Where words go: results to standard output, everything else to standard error.

use gradwerk::Error;
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// A line for people on standard error. A closed pipe is nobody's fault and no reason to stop.
pub fn human(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A result on standard output. A reader that stops reading (`| head`) ends the output.
///
/// # Errors
/// If the result cannot be written (a disk that is full): it is lost then.
pub fn result(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(end.as_bytes()))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io("write", "standard output")(error))
        }
        _ => Ok(()),
    }
}

/// One JSON object on one line of standard output.
///
/// # Errors
/// As [`result`].
pub fn json(value: &impl Serialize) -> Result<(), Error> {
    result(&serde_json::to_string(value).expect("results are made of JSON's types"))
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
    ///
    /// # Errors
    /// As [`result`].
    pub fn finish(self, text: &str, value: &impl Serialize) -> Result<(), Error> {
        match (self.quiet, self.json) {
            (false, false) => result(text)?,
            (false, true) => human(text),
            (true, _) => {}
        }
        if self.json { json(value) } else { Ok(()) }
    }
}
