//! A pool of threads for short, frequent loops.
//!
//! A rollout step or a gradient chunk takes some ten microseconds, waking a sleeping thread as
//! long: workers therefore spin for a moment before they sleep. Items go to whichever thread asks
//! first, so a computation must not care which thread runs which item.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long a worker waits awake: about as long as waking it would take.
const SPIN: Duration = Duration::from_micros(40);

/// One loop, with its types erased.
#[derive(Clone, Copy)]
struct Work {
    /// Runs item `index` of the loop behind `data`.
    call: unsafe fn(data: *const (), index: usize),
    data: *const (),
    len: usize,
}

/// What the caller and the workers share.
struct Shared {
    /// Low 32 bits: workers inside the current loop. High 32 bits: number of the phase; odd while
    /// a loop is open. A worker may enter only by raising the count of an open phase in one step,
    /// and the caller goes on only when the phase is closed and the count is 0: `work` is never
    /// read after its loop.
    gate: AtomicU64,
    work: UnsafeCell<Work>,
    next: AtomicUsize,
    stop: AtomicBool,
    /// Whether a loop will come soon, so that nobody should go to sleep.
    expected: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `work` is written while the gate is closed and empty (by the one caller that holds
// `busy`) and read only by workers that the open gate let in.
unsafe impl Sync for Shared {}
// SAFETY: the pointers in `work` are followed only inside a loop, whose items are `Send`.
unsafe impl Send for Shared {}

const PHASE: u64 = 1 << 32;

fn phase_of(gate: u64) -> u64 {
    gate / PHASE
}

fn is_open(gate: u64) -> bool {
    phase_of(gate) % 2 == 1
}

impl Shared {
    /// Take items until none is left. A panic ends the loop for everybody.
    fn run(&self, work: Work) {
        let result = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let index = self.next.fetch_add(1, Ordering::Relaxed);
                if index >= work.len {
                    break;
                }
                // SAFETY: the loop is open, so `data` lives; each index is handed out once.
                unsafe { (work.call)(work.data, index) };
            }
        }));
        if let Err(panic) = result {
            self.next.store(work.len, Ordering::Relaxed);
            self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
        }
    }

    /// How long to wait awake.
    fn patience(&self) -> Duration {
        if self.expected.load(Ordering::SeqCst) { Pool::WAKING * 3 } else { SPIN }
    }

    /// Enter the loop that is open, if it is not the one of phase `seen`.
    fn enter(&self, seen: u64) -> Option<(u64, Work)> {
        let gate = self.gate.load(Ordering::SeqCst);
        if !is_open(gate) || phase_of(gate) == seen {
            return None;
        }
        let entered =
            self.gate.compare_exchange(gate, gate + 1, Ordering::AcqRel, Ordering::Relaxed);
        // SAFETY: this worker is counted in the open phase (see `gate`).
        entered.ok().map(|_| (phase_of(gate), unsafe { *self.work.get() }))
    }
}

/// A worker's thread and whether it sleeps.
struct Worker {
    thread: Thread,
    asleep: Arc<AtomicBool>,
    handle: Option<JoinHandle<()>>,
}

/// What a worker does all its life.
fn work(shared: &Shared, asleep: &AtomicBool) {
    let mut seen = 0;
    let mut idle = Instant::now();
    while !shared.stop.load(Ordering::SeqCst) {
        if let Some((phase, work)) = shared.enter(seen) {
            seen = phase;
            shared.run(work);
            shared.gate.fetch_sub(1, Ordering::Release);
            idle = Instant::now();
        } else if idle.elapsed() < shared.patience() {
            std::hint::spin_loop();
        } else {
            sleep(shared, asleep, seen);
            idle = Instant::now();
        }
    }
}

/// Sleep unless there is something to do: the flag goes up before the last look, and a caller
/// opens the gate before it looks at the flag, so one of the two always sees the other.
fn sleep(shared: &Shared, asleep: &AtomicBool, seen: u64) {
    asleep.store(true, Ordering::SeqCst);
    let gate = shared.gate.load(Ordering::SeqCst);
    let new = is_open(gate) && phase_of(gate) != seen;
    if !new && !shared.stop.load(Ordering::SeqCst) {
        thread::park();
    }
    asleep.store(false, Ordering::SeqCst);
}

/// A fixed number of threads, the caller's included.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<Worker>,
    /// Set while a loop runs; a second one, from another thread or from inside, runs alone.
    busy: AtomicBool,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish()
    }
}

/// `n` items in so many contiguous ranges, whose lengths differ by at most one.
pub fn shares(n: usize, parts: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    (0..parts).map(move |i| i * n / parts..(i + 1) * n / parts)
}

unsafe fn nothing(_: *const (), _: usize) {}

impl Pool {
    /// How long before its work a worker should be woken ([`Pool::rouse`]): a processor that has
    /// had nothing to do for long may sleep itself, a virtual one even give its place away.
    pub const WAKING: Duration = Duration::from_millis(1);

    /// A pool of `threads`: the caller of [`Pool::for_each`] and `threads - 1` workers.
    ///
    /// # Panics
    /// If `threads` is 0 or the system refuses a thread.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        assert!(threads >= 1, "threads = 0: a pool needs at least 1");
        let idle = Work { call: nothing, data: std::ptr::null(), len: 0 };
        let shared = Arc::new(Shared {
            gate: AtomicU64::new(0),
            work: UnsafeCell::new(idle),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            expected: AtomicBool::new(false),
            panic: Mutex::new(None),
        });
        let workers = (1..threads).map(|_| spawn(&shared)).collect();
        Self { shared, workers, busy: AtomicBool::new(false) }
    }

    /// How many threads take part.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// `f(i, &mut items[i])` once for every item, on any thread and in any order. Allocates
    /// nothing.
    ///
    /// # Panics
    /// With the first panic of `f`, after all threads have left the loop; items after it may not
    /// have been run.
    pub fn for_each<T: Send>(&self, items: &mut [T], f: impl Fn(usize, &mut T) + Sync) {
        let alone = self.workers.is_empty() || items.len() <= 1;
        if alone || self.busy.swap(true, Ordering::Acquire) {
            for (i, item) in items.iter_mut().enumerate() {
                f(i, item);
            }
            return;
        }
        let body = Body { items: items.as_mut_ptr(), f: &f };
        self.open(body.work(items.len()));
        let panic = self.close();
        self.busy.store(false, Ordering::Release);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// A loop will come within about [`Pool::WAKING`]: wake those who sleep, and let them wait
    /// awake for it, though not much longer.
    pub fn rouse(&self) {
        self.shared.expected.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Let the workers in, and take part.
    fn open(&self, work: Work) {
        // SAFETY: the gate is closed and empty, and `busy` keeps other callers out.
        unsafe { *self.shared.work.get() = work };
        self.shared.next.store(0, Ordering::Relaxed);
        self.shared.expected.store(false, Ordering::SeqCst);
        self.shared.gate.fetch_add(PHASE, Ordering::SeqCst);
        self.wake();
        self.shared.run(work);
    }

    /// Let no worker in any more, and wait for those inside.
    fn close(&self) -> Option<Box<dyn Any + Send>> {
        self.shared.gate.fetch_add(PHASE, Ordering::SeqCst);
        let mut turns = 0_u32;
        while !self.shared.gate.load(Ordering::Acquire).is_multiple_of(PHASE) {
            turns += 1;
            // After some ten microseconds the worker may have lost its core to somebody else.
            if turns < 500 { std::hint::spin_loop() } else { thread::yield_now() }
        }
        self.shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn wake(&self) {
        for worker in &self.workers {
            if worker.asleep.load(Ordering::SeqCst) {
                worker.thread.unpark();
            }
        }
    }
}

/// The items and the function of one loop.
struct Body<'a, T, F> {
    items: *mut T,
    f: &'a F,
}

impl<T: Send, F: Fn(usize, &mut T) + Sync> Body<'_, T, F> {
    fn work(&self, len: usize) -> Work {
        Work { call: Self::call, data: std::ptr::from_ref(self).cast(), len }
    }

    /// # Safety
    /// `data` points to a live `Body`; `index` is below the number of items and handed out once.
    unsafe fn call(data: *const (), index: usize) {
        // SAFETY: the caller's promise; distinct indices are distinct items.
        unsafe {
            let body = &*data.cast::<Self>();
            (body.f)(index, &mut *body.items.add(index));
        }
    }
}

fn spawn(shared: &Arc<Shared>) -> Worker {
    let asleep = Arc::new(AtomicBool::new(false));
    let (theirs, flag) = (Arc::clone(shared), Arc::clone(&asleep));
    let handle = thread::Builder::new()
        .name("gradwerk".to_owned())
        .spawn(move || work(&theirs, &flag))
        .expect("the system refuses another thread");
    Worker { thread: handle.thread().clone(), asleep, handle: Some(handle) }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in &mut self.workers {
            worker.thread.unpark();
            if let Some(handle) = worker.handle.take() {
                // A worker catches every panic of the loops, so there is none to pass on.
                let _ = handle.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_runs_once_over_many_loops() {
        for threads in [1, 2, 3, 5] {
            let pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads);
            let mut items = vec![0_u64; 37];
            for round in 0..3000 {
                let len = round % 38;
                pool.for_each(&mut items[..len], |i, x| *x += i as u64 + 1);
            }
            // Item i takes part in the loops with len > i: of the 38 lengths 0..=37, 37 - i are;
            // 3000 = 78 * 38 + 36, and the last 36 loops have the lengths 0..=35.
            for (i, &x) in items.iter().enumerate() {
                let loops = 78 * (37 - i) + 35_usize.saturating_sub(i);
                assert_eq!(x, (loops * (i + 1)) as u64, "item {i}, {threads} threads");
            }
        }
    }

    #[test]
    fn sleeping_workers_wake_up() {
        let pool = Pool::new(3);
        for _ in 0..20 {
            thread::sleep(SPIN * 5);
            let mut items = [0; 8];
            pool.for_each(&mut items, |i, x| *x = i);
            assert_eq!(items, [0, 1, 2, 3, 4, 5, 6, 7]);
        }
    }

    #[test]
    fn roused_workers_wait_awake_and_then_sleep_again() {
        let pool = Pool::new(3);
        // One after the other: on a busy machine they are seldom awake at the same time.
        let asleep = |expected: bool| {
            for worker in &pool.workers {
                let since = Instant::now();
                while worker.asleep.load(Ordering::SeqCst) != expected {
                    // A worker that was about to sleep may have missed the first call.
                    if !expected {
                        pool.rouse();
                    }
                    assert!(since.elapsed() < Duration::from_secs(60), "asleep: {}", !expected);
                    thread::yield_now();
                }
            }
        };
        for _ in 0..20 {
            asleep(true);
            asleep(false);
            let mut items = [0; 8];
            pool.for_each(&mut items, |i, x| *x = i);
            assert_eq!(items, [0, 1, 2, 3, 4, 5, 6, 7]);
        }
        // Nobody waits for ever for a loop that does not come.
        pool.rouse();
        asleep(true);
    }

    #[test]
    fn workers_take_part() {
        let pool = Pool::new(2);
        let mut names = vec![None; 64];
        pool.for_each(&mut names, |_, name| {
            thread::sleep(Duration::from_millis(1));
            *name = Some(thread::current().id());
        });
        assert!(names.iter().any(|n| *n != names[0]));
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        for bad in [0, 3, 7] {
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.for_each(&mut [0; 8], |i, _| assert!(i != bad, "item {bad}"));
            }));
            let message = *result.unwrap_err().downcast::<String>().unwrap();
            assert_eq!(message, format!("item {bad}"));
            let mut items = [1; 8];
            pool.for_each(&mut items, |_, x| *x *= 2);
            assert_eq!(items, [2; 8]);
        }
    }

    #[test]
    fn a_loop_inside_a_loop_runs_alone() {
        let pool = Pool::new(2);
        let mut items = [[0; 4]; 4];
        pool.for_each(&mut items, |i, row| pool.for_each(row, |j, x| *x = 10 * i + j));
        assert_eq!(items[3], [30, 31, 32, 33]);
    }
}
