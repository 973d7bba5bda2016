//! Pictures in a file: an animated GIF, or a PNG with a strip of them.

use gradwerk::Error;
use gradwerk::run::plot::film::{fit, gif, spread, strip};
use gradwerk::run::plot::png::{encode_pixels, pixels};
use gradwerk_env::picture::Scene;
use std::path::{Path, PathBuf};

/// Longer side of a picture in a GIF and in a strip.
const GIF_SIDE: f64 = 400.0;
const STRIP_SIDE: f64 = 200.0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Gif,
    Strip,
}

/// What was filmed so far.
pub struct Film {
    file: PathBuf,
    format: Format,
    fps: f64,
    most: usize,
    scenes: Vec<Scene>,
}

impl Film {
    /// A film for a file; at most `most` pictures, if given.
    ///
    /// # Errors
    /// If the file's ending is none of ours.
    pub fn new(file: &Path, fps: f64, most: Option<usize>) -> Result<Self, Error> {
        let ending = file.extension().unwrap_or_default().to_ascii_lowercase();
        let (format, usual) = match ending.to_str() {
            Some("gif") => (Format::Gif, 500),
            Some("png") => (Format::Strip, 6),
            _ => {
                let file = file.display();
                let text = format!("{file}: unknown file ending, expected .gif or .png");
                return Err(Error::Usage(text));
            }
        };
        let most = most.unwrap_or(usual);
        Ok(Self { file: file.to_owned(), format, fps, most, scenes: Vec::new() })
    }

    /// Take a picture.
    pub fn shoot(&mut self, scene: &Scene) {
        if self.format == Format::Strip || self.scenes.len() < self.most {
            self.scenes.push(scene.clone());
        }
    }

    /// Write the file; returns how many pictures are in it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn develop(self) -> Result<usize, Error> {
        let chosen = spread(self.scenes.len(), self.most);
        let scenes = &self.scenes;
        let images = |side: f64| {
            let one = move |k: &usize| pixels(&scenes[*k], fit(&scenes[*k], side, side));
            chosen.iter().map(one)
        };
        let bytes = match self.format {
            Format::Gif => {
                gif(images(GIF_SIDE), self.fps).map_err(Error::io("write", &self.file))?
            }
            Format::Strip => encode_pixels(&strip(images(STRIP_SIDE))),
        };
        std::fs::write(&self.file, bytes).map_err(Error::io("write", &self.file))?;
        Ok(chosen.len())
    }
}
