//! `gradwerk play`: watch an environment being played in the terminal, and film it.

mod actor;
mod film;
mod keys;
mod screen;
mod stage;

use super::train::exit_code;
use crate::output::{self, Verbosity};
use crate::{number, signals};
use actor::Actor;
use film::Film;
use gradwerk::run::driver;
use gradwerk::{Error, Policy};
use gradwerk_env::{EnvFactory, EnvSettings, WithPrevious};
use screen::Screen;
use serde::Serialize;
use stage::{Played, Stage};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Steps after which an episode of an environment without a limit is cut here.
const LONGEST: u32 = 1000;

/// Arguments of `play`.
#[derive(clap::Args)]
pub struct Play {
    /// Environment (gradwerk list envs), played at random; or the directory of a run or a policy
    /// file, played by its policy
    #[arg(value_name = "ENV|RUN")]
    what: String,
    /// Play yourself, with the keys of the terminal
    #[arg(long)]
    human: bool,
    /// Sample the policy's actions instead of taking the most probable one
    #[arg(long, conflicts_with = "human")]
    stochastic: bool,
    /// Number of episodes
    #[arg(long, value_name = "N", default_value = "1", value_parser = number::positive)]
    episodes: u64,
    /// Seed of the episodes; episode i depends on (seed, i) alone
    #[arg(long, value_name = "N", default_value = "0", value_parser = number::count)]
    seed: u64,
    /// File to film into; its ending (.gif or .png) is its format, a PNG is a strip of pictures
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Steps per second on the terminal and in a GIF
    #[arg(long, value_name = "F", default_value = "15", value_parser = frame_rate)]
    fps: f64,
    /// Most pictures in the file: 500 in a GIF, counted from the start, and 6 in a PNG, evenly
    /// spaced over all that was played
    #[arg(long, value_name = "N", requires = "output", value_parser = number::positive)]
    max_frames: Option<u64>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// GIFs count time in hundredths of a second, and viewers take less than two of them as ten.
fn frame_rate(text: &str) -> Result<f64, String> {
    match number::finite(text)? {
        fps if (0.1..=50.0).contains(&fps) => Ok(fps),
        fps => Err(format!("{fps} is out of range, expected 0.1 to 50")),
    }
}

/// The JSON object.
#[derive(Serialize)]
struct Report<'a> {
    env: &'a str,
    player: &'static str,
    seed: u64,
    /// Of the episodes that were played to their end.
    returns: Vec<f64>,
    lengths: Vec<u64>,
    frames: usize,
    file: Option<&'a Path>,
}

impl Play {
    /// Play.
    ///
    /// # Errors
    /// If there is no such environment or run, the environment has no pictures to film, or
    /// nobody can press keys.
    pub fn run(self) -> Result<ExitCode, Error> {
        let (env, actor, settings) = self.cast()?;
        let mut film = self.output.as_deref().map(|file| self.film(file)).transpose()?;
        let mut screen = Screen::open(self.verbosity.quiet, self.human, self.fps);
        let mut stage = Stage::new(env, settings, self.seed, actor);
        if film.is_some() && !stage.has_pictures() {
            return Err(Error::Usage(format!("{} has no picture to film", env.id())));
        }
        if self.human {
            output::human(&keys::help(stage.action_names(), &env.action_space()));
        }
        let interrupt = signals::watch("stopping");
        let mut played = Vec::new();
        for episode in 0..self.episodes {
            let end = self.episode(&mut stage, episode, &mut screen, &mut film, interrupt)?;
            let Some(end) = end else { break };
            played.push(end);
        }
        self.finish(&stage, &played, film)?;
        Ok(exit_code(interrupt.load(Ordering::Relaxed)))
    }

    /// Play one episode; nothing if it was left before its end.
    fn episode(
        &self,
        stage: &mut Stage,
        episode: u64,
        screen: &mut Screen,
        film: &mut Option<Film>,
        interrupt: &AtomicBool,
    ) -> Result<Option<Played>, Error> {
        stage.begin(episode);
        loop {
            if let (Some(film), Some(picture)) = (film.as_mut(), stage.picture()) {
                film.shoot(picture);
            }
            screen.show(stage);
            if stage.is_over() {
                return Ok(Some(stage.played()));
            }
            if interrupt.load(Ordering::Relaxed) || !stage.step()? {
                return Ok(None);
            }
        }
    }

    /// The environment, who plays it, and under which settings.
    fn cast(&self) -> Result<(WithPrevious<'static>, Actor, EnvSettings), Error> {
        let limited = |settings: EnvSettings, longest| EnvSettings {
            time_limit: settings.time_limit.or(Some(longest)),
            ..settings
        };
        let policy = self.policy()?;
        let Some(policy) = policy else {
            let env = gradwerk_env::find(&self.what).map_err(|error| self.unknown(&error))?;
            let settings = limited(env.default_settings(), LONGEST);
            let as_it_is = WithPrevious::new(env, false, false);
            return Ok((as_it_is, self.own_actor(env)?, settings));
        };
        let config = policy.config();
        let env = policy.as_seen(config.find_env()?)?;
        let settings = config.env_settings(env.default_time_limit());
        let settings = limited(settings, config.eval.longest);
        let actor = match self.human {
            true => self.own_actor(&env)?,
            false => Actor::policy(policy, self.stochastic, self.seed),
        };
        Ok((env, actor, settings))
    }

    /// You, or chance.
    fn own_actor(&self, env: &dyn EnvFactory) -> Result<Actor, Error> {
        match (self.human, self.stochastic) {
            (true, _) => Actor::human(env),
            (false, true) => Err(Error::Usage(format!(
                "--stochastic is about a policy, and `{}` is an environment: name a run",
                self.what
            ))),
            (false, false) => Ok(Actor::random(self.seed)),
        }
    }

    /// The policy, if a run or a policy file was named. An environment's name may be a file's too.
    fn policy(&self) -> Result<Option<Policy>, Error> {
        let path = Path::new(&self.what);
        let is_policy = path.is_dir() || path.extension().is_some_and(|e| e == "safetensors");
        is_policy.then(|| driver::load_policy(path)).transpose()
    }

    fn unknown(&self, error: &gradwerk_env::FindError) -> Error {
        match error {
            gradwerk_env::FindError::Unknown(_) => {
                Error::Usage(format!("{error}; nor is it the directory of a run"))
            }
            gradwerk_env::FindError::File(_) | gradwerk_env::FindError::NotReady(_) => {
                Error::Usage(error.to_string())
            }
        }
    }

    fn film(&self, file: &Path) -> Result<Film, Error> {
        let most = self.max_frames.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        Film::new(file, self.fps, most)
    }

    fn finish(&self, stage: &Stage, played: &[Played], film: Option<Film>) -> Result<(), Error> {
        let frames = film.map_or(Ok(0), Film::develop)?;
        let report = Report {
            env: stage.env_id(),
            player: stage.player(),
            seed: self.seed,
            returns: played.iter().map(|p| p.total).collect(),
            lengths: played.iter().map(|p| p.length).collect(),
            frames,
            file: self.output.as_deref(),
        };
        let mut text = format!("{}, {}: {}", report.env, report.player, returns(played));
        if let Some(file) = report.file {
            text += &format!("\nwrote {} ({frames} pictures)", file.display());
        }
        self.verbosity.finish(&text, &report)
    }
}

fn returns(played: &[Played]) -> String {
    match played {
        [] => "no episode was played to its end".into(),
        [one] => format!("return {:.2} in {} steps", one.total, number::grouped(one.length)),
        many => {
            let mean = many.iter().map(|p| p.total).sum::<f64>() / many.len() as f64;
            format!("mean return {mean:.2} over {} episodes", number::grouped(many.len() as u64))
        }
    }
}
