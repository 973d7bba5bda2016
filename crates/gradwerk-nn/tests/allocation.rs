//! Networks allocate nothing after construction, those with a memory included.
//!
//! One test in this file, for the allocator counts for the whole process.

mod cases;

use cases::{configs, normals, shapes, weights, with_features, with_memory};
use gradwerk_nn::{ActorCritic, Kernel, Memory, Params, Rows, Sequences, Shape};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator with a counter of the calls that ask for memory.
struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator with the same arguments; counting touches
// only an atomic number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often forward, vjp and jvp ask for memory.
fn calls(network: &ActorCritic<f32>, shape: &Shape, kernel: Kernel) -> u64 {
    let fresh = [false, false, true, false, true, false];
    let rows = Rows { count: 6, sequences: Some(Sequences { steps: &[3, 2, 1], fresh: &fresh }) };
    let mut theta = weights(network, shape, 0);
    let x: Vec<f32> = normals(6 * network.inputs(), 1);
    let (mut packed, mut cache) =
        (vec![0.0; network.packed_len()], vec![0.0; network.cache_len(6)]);
    let mut memory = vec![0.0; 3 * network.memory_len()];
    let mut scratch = vec![0.0; network.scratch_len(6)];
    let mut y = vec![0.0; 6 * network.policy_outputs()];
    let mut v = vec![0.0; if network.has_value() { 6 } else { 0 }];
    let u = theta.clone();

    let before = CALLS.load(Ordering::Relaxed);
    network.pack(kernel, &theta, &mut packed);
    let memory = Memory { data: &mut memory, stride: network.memory_len() };
    let params = Params { theta: &u, packed: &packed };
    network.forward(kernel, params, &x, rows, memory, &mut cache, &mut y, &mut v);
    network.vjp(kernel, params, &x, rows, &cache, &y, &v, &mut theta, &mut scratch);
    network.jvp_policy(kernel, params, &x, rows, &cache, &u, &mut y, &mut scratch);
    CALLS.load(Ordering::Relaxed) - before
}

#[test]
fn derivatives_allocate_nothing() {
    for config in configs() {
        let plain = shapes(&config);
        let more = with_memory(&config).into_iter().chain(with_features(&config));
        for shape in plain.into_iter().chain(more) {
            let network = config.build(&shape).unwrap();
            for kernel in Kernel::available() {
                assert_eq!(calls(&network, &shape, kernel), 0, "{config:?} {shape:?} {kernel}");
            }
        }
    }
}
