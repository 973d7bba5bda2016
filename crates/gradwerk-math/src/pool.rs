//! Threads.

/// A pool.
#[derive(Debug)]
pub struct Pool {
    threads: usize,
}
impl Pool {
    /// New.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { threads }
    }
    /// Threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }
    /// Run.
    pub fn for_each<T: Send>(&self, items: &mut [T], f: impl Fn(usize, &mut T) + Sync) {
        for (i, item) in items.iter_mut().enumerate() {
            f(i, item);
        }
    }
}
