//! Pictures in the terminal: two pixels per character, one above the other.

use super::stage::Stage;
use crate::output;
use console::Term;
use gradwerk::run::plot::film::fit;
use gradwerk::run::plot::png::{Pixels, pixels};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Columns of the largest picture.
const WIDEST: f64 = 100.0;

/// Where to show what happens.
pub struct Screen {
    term: Option<Term>,
    /// Time between two pictures; none if the player sets the pace.
    pace: Option<Duration>,
    due: Instant,
    /// Lines of the last picture, to be drawn over.
    lines: usize,
}

impl Screen {
    /// The terminal behind standard error; nothing is shown if there is none.
    pub fn open(quiet: bool, human: bool, fps: f64) -> Self {
        let term = Some(Term::stderr()).filter(|term| term.is_term() && !quiet);
        let pace = (!human).then(|| Duration::from_secs_f64(1.0 / fps));
        Self { term, pace, due: Instant::now(), lines: 0 }
    }

    /// Show how things stand. Without pictures, what is observed.
    pub fn show(&mut self, stage: &Stage) {
        let Some(term) = &self.term else { return };
        let text = match stage.picture() {
            Some(scene) => {
                let (rows, columns) = term.size();
                let width = f64::from(columns.max(12) - 2).min(WIDEST);
                let height = 2.0 * f64::from(rows.max(8) - 3);
                blocks(&pixels(scene, fit(scene, width, height)))
            }
            None => format!("observation {:?}\n", stage.obs()),
        };
        self.wait();
        // Over the last picture, where there was one.
        let up = if self.lines > 0 { format!("\x1b[{}F", self.lines) } else { String::new() };
        output::human(&format!("{up}\x1b[J{text}{}", stage.line()));
        self.lines = if stage.picture().is_some() { text.lines().count() + 1 } else { 0 };
    }

    fn wait(&mut self) {
        let Some(pace) = self.pace else { return };
        std::thread::sleep(self.due.saturating_duration_since(Instant::now()));
        self.due = Instant::now() + pace;
    }
}

/// Upper half blocks: the foreground is the upper pixel, the background the lower one.
fn blocks(image: &Pixels) -> String {
    let row = 3 * image.width;
    let mut text = String::new();
    for pair in image.rgb.chunks(2 * row) {
        let (upper, lower) = pair.split_at(row);
        let mut last = None;
        for (i, above) in upper.chunks_exact(3).enumerate() {
            let below = lower.get(3 * i..3 * i + 3);
            if last != Some((above, below)) {
                color(&mut text, 38, above);
                match below {
                    Some(below) => color(&mut text, 48, below),
                    None => text.push_str("\x1b[49m"),
                }
            }
            last = Some((above, below));
            text.push('\u{2580}');
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

/// Choose a colour: 38 is the foreground, 48 the background.
fn color(text: &mut String, ground: u8, rgb: &[u8]) {
    write!(text, "\x1b[{ground};2;{};{};{}m", rgb[0], rgb[1], rgb[2]).expect("into a string");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three rows of one column: a character for the first two, one without a lower half.
    #[test]
    fn two_pixels_are_one_character() {
        let image = Pixels { width: 1, height: 3, rgb: vec![1, 2, 3, 4, 5, 6, 7, 8, 9] };
        let first = "\x1b[38;2;1;2;3m\x1b[48;2;4;5;6m\u{2580}\x1b[0m\n";
        let second = "\x1b[38;2;7;8;9m\x1b[49m\u{2580}\x1b[0m\n";
        assert_eq!(blocks(&image), format!("{first}{second}"));
    }

    #[test]
    fn equal_neighbours_share_their_colours() {
        let image = Pixels { width: 2, height: 2, rgb: vec![9; 12] };
        assert_eq!(blocks(&image), "\x1b[38;2;9;9;9m\x1b[48;2;9;9;9m\u{2580}\u{2580}\x1b[0m\n");
    }
}
