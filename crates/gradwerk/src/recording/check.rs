//! What a recording may hold, and what it may be used for.

use super::{Behaviour, Recording, Trajectory};
use crate::Error;
use crate::dist::{AnyDist, Widths};
use crate::encode::Encoder;
use gradwerk_env::{End, EnvFactory, mask};

/// Why some policies cannot be recorded, learn from a recording or be judged by one.
pub(super) const SAMPLES: &str = "its samples are not actions, but what becomes one by bounding it: \
                                  choose a policy like gaussian";

impl Recording {
    /// Everything about a trajectory that does not depend on others.
    pub(super) fn check_trajectory(&self, t: &Trajectory) -> Result<(), Error> {
        let rows = t.reward.len();
        if rows == 0 {
            return Err(self.wrong("reward", "an episode has at least one step"));
        }
        self.check_lengths(t, rows)?;
        let d = self.widths().0;
        self.check_observations("obs", &t.obs, d)?;
        self.check_observations("final_obs", &t.final_obs, d)?;
        self.check_actions(t)?;
        self.check_finite("reward", t.reward.iter().copied(), 1)?;
        self.check_finite("log_mu", t.log_mu.iter().map(|&x| f64::from(x)), 1)
    }

    fn check_lengths(&self, t: &Trajectory, rows: usize) -> Result<(), Error> {
        let (d, (wd, wc)) = self.widths();
        let finals = match t.end {
            End::Continue => return Err(self.wrong("end", "the last step ends the episode")),
            End::Terminated => 0,
            End::Truncated => d,
        };
        let log_mu = if self.has_log_mu() { rows } else { 0 };
        for (field, found, expected) in [
            ("obs", t.obs.len(), rows * d),
            ("discrete", t.discrete.len(), rows * wd),
            ("continuous", t.continuous.len(), rows * wc),
            ("mask", t.mask.len(), rows * self.mask_width()),
            ("log_mu", t.log_mu.len(), log_mu),
            ("final_obs", t.final_obs.len(), finals),
        ] {
            if found != expected {
                let reason = format!("{found} numbers, expected {expected} for {rows} steps");
                return Err(self.wrong(field, &reason));
            }
        }
        Ok(())
    }

    fn check_observations(&self, field: &str, obs: &[f32], d: usize) -> Result<(), Error> {
        self.check_finite(field, obs.iter().map(|&x| f64::from(x)), d)?;
        let encoder = Encoder::of(&self.about.observation_space);
        for (row, obs) in obs.chunks_exact(d).enumerate() {
            encoder.check(obs).map_err(|e| self.wrong_row(field, row, &e.to_string()))?;
        }
        Ok(())
    }

    fn check_actions(&self, t: &Trajectory) -> Result<(), Error> {
        let space = &self.about.action_space;
        let (choices, wc) = (space.choices(), space.action_bounds().0.len());
        for (row, a) in t.discrete.chunks_exact(choices.len().max(1)).enumerate() {
            if let Some((&a, n)) = a.iter().zip(&choices).find(|(a, n)| **a as usize >= **n) {
                let reason = format!("action {a}, expected 0..{n}");
                return Err(self.wrong_row("discrete", row, &reason));
            }
        }
        self.check_masks(t, &choices)?;
        self.check_finite("continuous", t.continuous.iter().map(|&x| f64::from(x)), wc)
    }

    /// The actions are among the valid ones.
    fn check_masks(&self, t: &Trajectory, choices: &[usize]) -> Result<(), Error> {
        let rows = t.mask.chunks_exact(self.mask_width().max(1));
        let mut rows = rows.zip(t.discrete.chunks_exact(choices.len().max(1)));
        match rows.position(|(mask, a)| !mask::allows(choices, mask, a)) {
            None => Ok(()),
            Some(row) => Err(self.wrong_row("mask", row, "the action is not a valid one")),
        }
    }

    fn check_finite(
        &self,
        field: &str,
        mut values: impl Iterator<Item = f64> + Clone,
        width: usize,
    ) -> Result<(), Error> {
        let Some(at) = values.clone().position(|x| !x.is_finite()) else { return Ok(()) };
        let value = values.nth(at).expect("just found");
        let why = match field {
            "log_mu" => ": the policy that acted gives every recorded action a probability above 0",
            _ => "",
        };
        Err(self.wrong_row(field, at / width, &format!("{value}, expected a finite number{why}")))
    }

    /// Rows are counted over the whole recording.
    fn wrong_row(&self, field: &str, row: usize, reason: &str) -> Error {
        let row = self.rows() + row;
        self.wrong(&format!("{field}, row {row} (episode {})", self.episodes()), reason)
    }

    fn wrong(&self, field: &str, reason: &str) -> Error {
        Error::Usage(format!("{}: {field}: {reason}", self.name()))
    }

    /// Check that it was recorded on this environment with these settings.
    ///
    /// # Errors
    /// Names the file, the field and both values.
    pub fn check_env(&self, env: &dyn EnvFactory, frame_skip: u32) -> Result<(), Error> {
        let about = &self.about;
        let spaces = [
            ("observation_space", &about.observation_space, env.observation_space()),
            ("action_space", &about.action_space, env.action_space()),
        ];
        if about.env != env.id() {
            return Err(self.other("env", &about.env, env.id()));
        }
        for (field, found, expected) in spaces {
            if *found != expected {
                return Err(self.other(field, &format!("{found:?}"), &format!("{expected:?}")));
            }
        }
        if about.masks != env.has_masks() {
            let (found, expected) = (about.masks.to_string(), env.has_masks().to_string());
            return Err(self.other("masks", &found, &expected));
        }
        if about.frame_skip != frame_skip {
            let (found, expected) = (about.frame_skip.to_string(), frame_skip.to_string());
            return Err(self.other("frame_skip", &found, &expected));
        }
        if self.rows() == 0 { Err(self.wrong("reward", "no episode was recorded")) } else { Ok(()) }
    }

    /// Check that a policy of this distribution can learn from it or be judged by it: it holds
    /// actions, and so must the samples of the policy be.
    ///
    /// # Errors
    /// Names the distribution.
    pub(crate) fn check_dist(&self, dist: &AnyDist) -> Result<(), Error> {
        if dist.samples_are_actions() {
            return Ok(());
        }
        let found = format!("{} policy", dist.name());
        Err(self.wrong("continuous", &format!("{found}: {SAMPLES}")))
    }

    fn other(&self, field: &str, found: &str, expected: &str) -> Error {
        self.wrong(field, &format!("recorded with {found}, expected {expected}"))
    }

    /// Check that importance sampling is possible.
    ///
    /// # Errors
    /// Without `log mu`: says why there is none and what to do.
    pub fn check_log_mu(&self) -> Result<(), Error> {
        let how = match self.about.behaviour {
            Behaviour::Stochastic => return Ok(()),
            Behaviour::Deterministic => "the most probable actions of a policy",
            Behaviour::Unknown => "actions of unknown probability",
        };
        Err(self.wrong(
            "log_mu",
            &format!(
                "absent, for it holds {how}; importance sampling needs the probability of every \
                 action: record with `gradwerk record RUN --stochastic`, or clone it with bc"
            ),
        ))
    }
}
