//! Environments that were made and are not in use.

use pyo3::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Environments of one maker that nobody plays in.
#[derive(Clone, Default)]
pub struct Spares(Arc<Mutex<Vec<Py<PyAny>>>>);

impl Spares {
    fn lock(&self) -> MutexGuard<'_, Vec<Py<PyAny>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keep environments for later.
    pub fn keep(&self, envs: impl IntoIterator<Item = Py<PyAny>>) {
        self.lock().extend(envs);
    }

    /// Up to `n` of them, the last ones that were kept.
    pub fn take(&self, n: usize) -> Vec<Py<PyAny>> {
        let mut envs = self.lock();
        let first = envs.len().saturating_sub(n);
        envs.split_off(first)
    }

    /// One that fits, if there is one.
    pub fn take_fitting(&self, fits: impl Fn(&Py<PyAny>) -> bool) -> Option<Py<PyAny>> {
        let mut envs = self.lock();
        let k = envs.iter().position(fits)?;
        Some(envs.swap_remove(k))
    }
}
