//! Starting from another policy: what must be the same, and what is taken over.

use super::Trainer;
use crate::Error;
use crate::config::{Config, Invalid};
use crate::layers::differ::differences;
use crate::policy::Policy;

/// Settings that only decide with which parameters a network begins: a warm start replaces them.
const FIRST_VALUES: &[&str] = &[
    "network.init",
    "network.hidden_gain",
    "network.policy_gain",
    "network.value_gain",
    "policy.log_std_init",
];

/// Settings of what an observation is.
const SHOWN: &[&str] = &["env.frame_stack", "env.previous_action", "env.previous_reward"];

/// Settings that only a value function feels: a policy without one was trained with any.
const OF_VALUES: &[&str] = &["normalize.rewards", "normalize.value_targets"];

impl Trainer {
    /// Start from the parameters and the normaliser of another policy. Where that has no value
    /// function (one that was cloned), this run's own begins as it would have begun.
    ///
    /// # Errors
    /// If its network, its distribution or its normalisers are not those of this run: the same
    /// parameters would be another function then. The first setting that differs is named.
    pub fn warm_start(&mut self, policy: &Policy) -> Result<(), Error> {
        self.same_function(policy)?;
        self.learner.load_policy(policy)?;
        if policy.model().has_critic() {
            self.normalizers.clone_from(policy.normalizers());
        } else {
            // Its other moments, if any, belong to no value function.
            self.normalizers.observations.clone_from(&policy.normalizers().observations);
        }
        self.refresh_observations();
        Ok(())
    }

    fn same_function(&self, policy: &Policy) -> Result<(), Error> {
        let space = &self.learner.model.action_space;
        let resolved =
            |config: &Config| Config { policy: config.policy.resolved(space), ..config.clone() };
        let (own, theirs) = (resolved(&self.config), resolved(policy.config()));
        // Nothing is clipped without the normaliser.
        let clips = own.normalize.observations || theirs.normalize.observations;
        let critic = policy.model().has_critic();
        let matters = |key: &str| {
            let unused =
                (!clips && key == "normalize.clip") || (!critic && OF_VALUES.contains(&key));
            matters(key) && !unused
        };
        match differences(&own, &theirs).into_iter().find(|found| matters(&found.key)) {
            None => Ok(()),
            Some(found) => {
                let (key, theirs) = (&found.key, &found.right);
                let advice = if theirs == "none" {
                    format!("leave {key} out")
                } else {
                    format!("set {key}={theirs}")
                };
                let reason =
                    format!("the policy to start from was trained with {theirs}: {advice}");
                Err(Invalid::new(found.key, found.left, reason).into())
            }
        }
    }
}

/// Whether a setting is part of the function that the parameters stand for. The widths of a
/// value function are left to the parameters' shapes: a run without one needs none.
fn matters(key: &str) -> bool {
    let part = ["network.", "policy.", "normalize."].iter().any(|start| key.starts_with(start));
    (part || SHOWN.contains(&key)) && key != "network.value_hidden" && !FIRST_VALUES.contains(&key)
}
