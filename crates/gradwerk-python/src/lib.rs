//! The extension module behind the Python package `gradwerk`.
//!
//! Thin: it translates arguments, spaces and exceptions, and puts Gymnasium's environments behind
//! the traits of `gradwerk-env`. The interpreter is attached only while its objects are touched;
//! sampling and learning run without it.
#![warn(missing_docs)]

mod arrays;
mod behind;
mod codec;
mod distribution;
mod envs;
mod error;
mod estimators;
mod film;
mod keys;
mod native;
mod observer;
mod policy;
mod reward;
mod run;
mod settings;
mod trainer;

use pyo3::prelude::*;

/// The extension module.
#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::distribution::PyDistribution;
    #[pymodule_export]
    use super::envs::{PyEnvironment, Slots, episode_seed};
    #[pymodule_export]
    use super::estimators::{gae, n_step_return, reward_to_go, total_return, verify, vtrace};
    #[pymodule_export]
    use super::film::{gif, png_strip, spread};
    #[pymodule_export]
    use super::keys::setting_keys;
    #[pymodule_export]
    use super::native::{NativeEnvs, check_native, native_ids};
    #[pymodule_export]
    use super::observer::Flag;
    #[pymodule_export]
    use super::policy::{PyPolicy, load};
    #[pymodule_export]
    use super::reward::{Rewarded, Transitions};
    #[pymodule_export]
    use super::run::{env_id, env_options, evaluate, metrics, resume, train};
    #[pymodule_export]
    use super::settings::{PyConfig, resolve};
    #[pymodule_export]
    use super::trainer::PyTrainer;

    /// Put the tasks of MuJoCo on the list of environments; nothing is looked for before one of
    /// them is used.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let python = module.py().import("sys")?.getattr("executable")?;
        if let Ok(python) = python.extract() {
            gradwerk_mujoco::find::ask_first(python);
        }
        gradwerk_mujoco::install();
        Ok(())
    }

    /// Version of gradwerk.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
