//! A recording on the disk: a state file with one tensor per column.

use super::{About, Behaviour, Recording, Trajectory};
use crate::Error;
use crate::run::file;
use crate::run::spaces::{load_space, save_space};
use crate::run::state::{Element, State, StateError};
use gradwerk_env::End;
use std::path::Path;

/// What the file says that it is.
const KIND: &str = "gradwerk recording";
/// Version of the columns; that of the file around them is [`file::FORMAT`].
const VERSION: u64 = 1;

pub(super) fn save(recording: &Recording, path: &Path) -> Result<(), Error> {
    file::write(path, &state(recording)?)?;
    Ok(())
}

/// Everything as named tensors: what is written, and what its digest is taken over.
pub(super) fn state(r: &Recording) -> Result<State, StateError> {
    let (about, (d, (wd, wc))) = (&r.about, r.widths());
    let (rows, mut state) = (r.rows(), State::new());
    state.put_meta("kind", KIND)?;
    state.put_meta("version", &VERSION)?;
    state.put_meta("env", &about.env)?;
    state.put_meta("frame_skip", &about.frame_skip)?;
    state.put_meta("masks", &about.masks)?;
    state.put_meta("behaviour", &about.behaviour)?;
    state.put_meta("maker", &about.maker)?;
    state.put_meta("gradwerk", &about.gradwerk)?;
    state.put_meta("rows", &rows)?;
    state.put_meta("episodes", &r.episodes())?;
    save_space(&mut state, "observation_space", &about.observation_space)?;
    save_space(&mut state, "action_space", &about.action_space)?;
    state.put("obs", &[rows, d], r.obs.clone())?;
    state.put("discrete", &[rows, wd], r.discrete.clone())?;
    state.put("continuous", &[rows, wc], r.continuous.clone())?;
    let mask = r.mask.iter().map(|&valid| u8::from(valid)).collect();
    state.put("mask", &[rows, r.mask_width()], mask)?;
    state.put_vector("reward", r.reward.clone())?;
    state.put_vector("end", r.end.iter().map(|&end| end as u8).collect())?;
    state.put("final_obs", &[r.final_obs.len() / d, d], r.final_obs.clone())?;
    if r.has_log_mu() {
        state.put_vector("log_mu", r.log_mu.clone())?;
    }
    Ok(state)
}

pub(super) fn load(path: &Path) -> Result<Recording, Error> {
    let state = file::read(path)?;
    let mismatch = |reason: String| StateError::Mismatch { path: path.to_owned(), reason };
    if state.get_meta::<String>("kind").ok().as_deref() != Some(KIND) {
        let reason = "not a recording (`gradwerk record` makes one)";
        return Err(Error::Usage(mismatch(reason.into()).to_string()));
    }
    // What follows knows no file, or names it in front.
    let name = format!("{}: ", path.display());
    parsed(&state, path).map_err(|error| match error {
        Error::Usage(text) => mismatch(text.trim_start_matches(&name).into()).into(),
        other => mismatch(other.to_string()).into(),
    })
}

fn parsed(state: &State, path: &Path) -> Result<Recording, Error> {
    let version: u64 = state.get_meta("version")?;
    if version != VERSION {
        let text = format!("recording of version {version}, this gradwerk reads {VERSION}");
        return Err(Error::Usage(text));
    }
    let mut recording = Recording::new(about(state)?)?;
    recording.path = Some(path.to_owned());
    columns(state, &mut recording)?;
    Ok(recording)
}

fn about(state: &State) -> Result<About, StateError> {
    Ok(About {
        env: state.get_meta("env")?,
        frame_skip: state.get_meta("frame_skip")?,
        observation_space: load_space(state, "observation_space")?,
        action_space: load_space(state, "action_space")?,
        masks: state.get_meta("masks")?,
        behaviour: state.get_meta("behaviour")?,
        maker: state.get_meta("maker")?,
        gradwerk: state.get_meta("gradwerk")?,
    })
}

/// Cut the columns into episodes and append each, checked.
fn columns(state: &State, recording: &mut Recording) -> Result<(), Error> {
    let (d, (wd, wc)) = recording.widths();
    let reward = state.get_any::<f64>("reward")?.1;
    let rows = reward.len();
    let end = state.get::<u8>("end", &[rows])?;
    let log_mu_rows = if recording.about.behaviour == Behaviour::Stochastic { rows } else { 0 };
    let log_mu: &[f32] =
        if log_mu_rows == 0 { &[] } else { state.get::<f32>("log_mu", &[rows])? };
    let mut obs = Rows { left: state.get::<f32>("obs", &[rows, d])?, width: d };
    let mut discrete = Rows { left: state.get::<u32>("discrete", &[rows, wd])?, width: wd };
    let mut continuous = Rows { left: state.get::<f32>("continuous", &[rows, wc])?, width: wc };
    let wm = recording.mask_width();
    let mut mask = Rows { left: state.get::<u8>("mask", &[rows, wm])?, width: wm };
    let mut log_mu = Rows { left: log_mu, width: usize::from(log_mu_rows > 0) };
    let mut reward = Rows { left: reward, width: 1 };
    let mut finals = Rows { left: state.get_any::<f32>("final_obs")?.1, width: d };
    let mut first = 0;
    for row in 0..rows {
        let end = end_of(recording, row, end[row])?;
        if !end.is_end() {
            continue;
        }
        let n = row + 1 - first;
        recording.push(&Trajectory {
            obs: obs.take(n),
            discrete: discrete.take(n),
            continuous: continuous.take(n),
            mask: mask.take(n).into_iter().map(|valid| valid != 0).collect(),
            reward: reward.take(n),
            log_mu: log_mu.take(n),
            end,
            final_obs: finals.take(usize::from(end == End::Truncated)),
        })?;
        first = row + 1;
    }
    let name = recording.name();
    if first < rows {
        let text = format!("{name}: end, row {}: the last step ends its episode", rows - 1);
        return Err(Error::Usage(text));
    }
    if finals.left.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!("{name}: final_obs: more rows than truncated episodes")))
}

fn end_of(recording: &Recording, row: usize, code: u8) -> Result<End, Error> {
    match code {
        0 => Ok(End::Continue),
        1 => Ok(End::Terminated),
        2 => Ok(End::Truncated),
        _ => {
            let name = recording.name();
            let text = format!("{name}: end, row {row}: {code}, expected 0, 1 or 2");
            Err(Error::Usage(text))
        }
    }
}

/// A column that is taken episode by episode.
struct Rows<'a, T> {
    left: &'a [T],
    width: usize,
}

impl<T: Element> Rows<'_, T> {
    /// The next `n` rows; fewer where there are no more, which the checks of a trajectory find.
    fn take(&mut self, n: usize) -> Vec<T> {
        let (taken, left) = self.left.split_at((n * self.width).min(self.left.len()));
        self.left = left;
        taken.to_vec()
    }
}
