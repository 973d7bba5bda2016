//! A policy and a value function over one flat parameter vector.

use gradwerk_math::Kernel;

use crate::fork::Fork;
use crate::{
    Engine, Layout, Memory, MemoryConfig, Mlp, Network, Params, PlacedChoice, PlacedImage, Rows,
    kernels,
};

/// The sizes that a task gives to a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Numbers per observation.
    pub inputs: usize,
    /// The images among the numbers, each `[channels, height, width]`, in the order in which they
    /// lie; an observation may be a single one and nothing else.
    pub images: Vec<PlacedImage>,
    /// The choices among the numbers, shown one-hot, in the order in which they lie. A table serves
    /// choices between the same two images only.
    pub choices: Vec<PlacedChoice>,
    /// Outputs of the policy that depend on the observation: logits, means, ...
    pub outputs: usize,
    /// Further outputs of the policy that are pure biases: log standard deviations.
    pub free: usize,
    /// First value of the free outputs.
    pub log_std: f64,
    /// Whether the policy's outputs are followed by its last hidden features: all that its last
    /// layer reads.
    pub features: bool,
    /// Whether there is a value function.
    pub value: bool,
    /// Lower bounds of the observation's entries, infinite where there are none. Only feature maps
    /// read the bounds; without any they need them in their settings.
    pub low: Vec<f32>,
    /// Upper bounds of the observation's entries.
    pub high: Vec<f32>,
    /// What the network remembers of earlier observations.
    pub memory: MemoryConfig,
}

impl Shape {
    /// Name, number and first value of the free outputs, if there are any.
    pub(crate) fn free_outputs(&self) -> Option<(String, usize, f64)> {
        (self.free > 0).then(|| ("log_std".to_owned(), self.free, self.log_std))
    }

    /// The policy's last layer, followed by what it reads if that is asked for.
    pub(crate) fn policy_head<E: Engine>(&self, head: Mlp) -> Box<dyn Network<E>> {
        let head = Box::new(head);
        if self.features { Box::new(Fork::new(head)) } else { head }
    }
}

/// An optional shared trunk, a policy and an optional value function.
///
/// The flat vector is `trunk | policy | value`, with entries named `trunk.0.weight`,
/// `policy.0.weight`, `policy.log_std`, `value.0.weight`, and so on. The contracts of [`Network`]
/// (row independence, order of sums, no allocation) hold here as well. So is a memory laid out:
/// `trunk | policy | value`.
#[derive(Debug)]
pub struct ActorCritic<E: Engine> {
    layout: Layout,
    trunk: Option<Box<dyn Network<E>>>,
    policy: Box<dyn Network<E>>,
    value: Option<Box<dyn Network<E>>>,
}

/// Where one part lies in theta, in the packed parameters, in the cache and in a memory.
#[derive(Clone, Copy)]
struct Part {
    theta: (usize, usize),
    packed: (usize, usize),
    cache: (usize, usize),
    memory: (usize, usize),
}

impl Part {
    fn params<'a, E>(&self, params: Params<'a, E>) -> Params<'a, E> {
        Params {
            theta: &params.theta[self.theta.0..self.theta.1],
            packed: &params.packed[self.packed.0..self.packed.1],
        }
    }
}

impl<E: Engine> ActorCritic<E> {
    /// Put the parts together. With a trunk, the branches read its output.
    #[must_use]
    pub fn new(
        trunk: Option<Box<dyn Network<E>>>,
        policy: Box<dyn Network<E>>,
        value: Option<Box<dyn Network<E>>>,
    ) -> Self {
        let mut layout = Layout::default();
        if let Some(trunk) = &trunk {
            assert_eq!(trunk.outputs(), policy.inputs(), "the policy reads the trunk");
            layout.extend("trunk", trunk.layout());
        }
        layout.extend("policy", policy.layout());
        if let Some(value) = &value {
            assert_eq!(value.inputs(), policy.inputs(), "both branches read the same");
            assert_eq!(value.outputs(), 1, "a value is one number");
            layout.extend("value", value.layout());
        }
        Self { layout, trunk, policy, value }
    }

    /// Names and places of all parameters.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Numbers per observation.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.trunk.as_ref().map_or(self.policy.inputs(), |t| t.inputs())
    }

    /// Numbers per row of the policy's output, free outputs included.
    #[must_use]
    pub fn policy_outputs(&self) -> usize {
        self.policy.outputs()
    }

    /// Whether there is a value function.
    #[must_use]
    pub fn has_value(&self) -> bool {
        self.value.is_some()
    }

    /// Whether policy and value function read the features of a trunk that has parameters.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.has_value() && self.learned_trunk().is_some()
    }

    /// The part of theta that is the policy's own (without the trunk).
    #[must_use]
    pub fn policy_range(&self) -> std::ops::Range<usize> {
        let (start, end) = self.policy_part(0).theta;
        start..end
    }

    /// The part of theta that is the value function's own (without the trunk); empty without one.
    #[must_use]
    pub fn value_range(&self) -> std::ops::Range<usize> {
        let (start, end) = self.value_part(0).theta;
        start..end
    }

    /// The trunk, if it has parameters.
    fn learned_trunk(&self) -> Option<&dyn Network<E>> {
        self.trunk.as_deref().filter(|trunk| !trunk.layout().is_empty())
    }

    fn trunk_part(&self, rows: usize) -> Part {
        let after = |part: Option<&dyn Network<E>>| Part {
            theta: (0, part.map_or(0, |n| n.layout().len())),
            packed: (0, part.map_or(0, Network::packed_len)),
            cache: (0, part.map_or(0, |n| n.cache_len(rows))),
            memory: (0, part.map_or(0, Network::memory_len)),
        };
        after(self.trunk.as_deref())
    }

    /// Features of the trunk, kept in the cache behind the trunk's own part.
    fn features(&self, rows: usize) -> usize {
        self.trunk.as_ref().map_or(0, |t| rows * t.outputs())
    }

    fn policy_part(&self, rows: usize) -> Part {
        next(self.trunk_part(rows), self.features(rows), Some(&*self.policy), rows)
    }

    fn value_part(&self, rows: usize) -> Part {
        next(self.policy_part(rows), 0, self.value.as_deref(), rows)
    }

    /// How many numbers [`ActorCritic::pack`] writes.
    #[must_use]
    pub fn packed_len(&self) -> usize {
        self.value_part(0).packed.1
    }

    /// How many numbers per sequence are remembered: those of the trunk, the policy and the value
    /// function, in this order.
    #[must_use]
    pub fn memory_len(&self) -> usize {
        self.value_part(0).memory.1
    }

    /// How many numbers a forward pass keeps.
    #[must_use]
    pub fn cache_len(&self, rows: usize) -> usize {
        self.value_part(rows).cache.1
    }

    /// How much working memory derivatives need.
    #[must_use]
    pub fn scratch_len(&self, rows: usize) -> usize {
        let networks = [self.trunk.as_deref(), Some(&*self.policy), self.value.as_deref()];
        let widest = networks.into_iter().flatten().map(|n| n.scratch_len(rows)).max();
        let features = self.learned_trunk().map_or(0, |_| self.features(rows));
        2 * features + widest.unwrap_or(0)
    }

    /// See [`Network::pack`].
    pub fn pack(&self, kernel: Kernel, theta: &[E], packed: &mut [E]) {
        let networks = [self.trunk.as_deref(), Some(&*self.policy), self.value.as_deref()];
        let parts = [self.trunk_part(0), self.policy_part(0), self.value_part(0)];
        for (network, part) in networks.into_iter().zip(parts) {
            if let Some(network) = network {
                let theta = &theta[part.theta.0..part.theta.1];
                network.pack(kernel, theta, &mut packed[part.packed.0..part.packed.1]);
            }
        }
    }

    /// What the branches read: the trunk's output, computed into the cache, or `x` itself.
    /// Returns it with the rest of the cache, which starts at the policy's part.
    fn forward_trunk<'a>(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &'a [E],
        rows: Rows<'_>,
        memory: &mut Memory<'_, E>,
        cache: &'a mut [E],
    ) -> (&'a [E], &'a mut [E]) {
        let Some(trunk) = &self.trunk else { return (x, cache) };
        let part = self.trunk_part(rows.count);
        let (own, rest) = cache.split_at_mut(part.cache.1);
        let (features, rest) = rest.split_at_mut(self.features(rows.count));
        let memory = memory.part(part.memory.0);
        trunk.forward(kernel, part.params(params), x, rows, memory, own, features);
        (features, rest)
    }

    /// What the branches read, from the cache.
    fn branch_input<'a>(&self, x: &'a [E], rows: usize, cache: &'a [E]) -> &'a [E] {
        if self.trunk.is_some() {
            let start = self.trunk_part(rows).cache.1;
            &cache[start..start + self.features(rows)]
        } else {
            x
        }
    }

    /// Both outputs: `y` is `[rows, policy_outputs]`, `v` is `[rows]` (empty without a value
    /// function).
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    pub fn forward(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        mut memory: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
        v: &mut [E],
    ) {
        let (policy, value) = (self.policy_part(rows.count), self.value_part(rows.count));
        let (x, cache) = self.forward_trunk(kernel, params, x, rows, &mut memory, cache);
        let (own, cache) = cache.split_at_mut(policy.cache.1 - policy.cache.0);
        let own_memory = memory.part(policy.memory.0);
        self.policy.forward(kernel, policy.params(params), x, rows, own_memory, own, y);
        if let Some(network) = &self.value {
            let memory = memory.part(value.memory.0);
            network.forward(kernel, value.params(params), x, rows, memory, cache, v);
        }
    }

    /// The policy's output alone. Of the memories, only those of trunk and policy go on.
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    pub fn forward_policy(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        mut memory: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
    ) {
        let policy = self.policy_part(rows.count);
        let (x, cache) = self.forward_trunk(kernel, params, x, rows, &mut memory, cache);
        let memory = memory.part(policy.memory.0);
        self.policy.forward(kernel, policy.params(params), x, rows, memory, cache, y);
    }

    /// The value alone; without a value function no value is written. Of the memories, only those
    /// of trunk and value function go on.
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    pub fn forward_value(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        mut memory: Memory<'_, E>,
        cache: &mut [E],
        v: &mut [E],
    ) {
        let (policy, value) = (self.policy_part(rows.count), self.value_part(rows.count));
        let (x, cache) = self.forward_trunk(kernel, params, x, rows, &mut memory, cache);
        if let Some(network) = &self.value {
            let own = &mut cache[policy.cache.1 - policy.cache.0..];
            let memory = memory.part(value.memory.0);
            network.forward(kernel, value.params(params), x, rows, memory, own, v);
        }
    }

    /// Reverse mode after [`ActorCritic::forward`]:
    /// `dtheta += (dy/dtheta)^T dy + (dv/dtheta)^T dv`. An empty `dv` leaves the value function
    /// out, an empty `dy` the policy.
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    pub fn vjp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        cache: &[E],
        dy: &[E],
        dv: &[E],
        dtheta: &mut [E],
        scratch: &mut [E],
    ) {
        // A trunk without parameters (a feature map) needs no derivatives.
        let has_trunk = self.learned_trunk().is_some();
        let features = if has_trunk { self.features(rows.count) } else { 0 };
        let (d_features, scratch) = scratch.split_at_mut(features);
        let (d_value, scratch) = scratch.split_at_mut(features);
        let input = self.branch_input(x, rows.count, cache);
        d_features.fill(E::ZERO);
        if !dy.is_empty() {
            let part = self.policy_part(rows.count);
            let own = (&cache[part.cache.0..part.cache.1], &mut dtheta[part.theta.0..part.theta.1]);
            let dx = has_trunk.then_some(&mut *d_features);
            let params = part.params(params);
            self.policy.vjp(kernel, params, input, rows, own.0, dy, own.1, dx, scratch);
        }
        if let (Some(network), false) = (&self.value, dv.is_empty()) {
            let part = self.value_part(rows.count);
            let own = (&cache[part.cache.0..part.cache.1], &mut dtheta[part.theta.0..part.theta.1]);
            let dx = has_trunk.then_some(&mut *d_value);
            let params = part.params(params);
            network.vjp(kernel, params, input, rows, own.0, dv, own.1, dx, scratch);
            kernels::add(kernel, d_value, d_features);
        }
        if let Some(trunk) = self.learned_trunk() {
            let part = self.trunk_part(rows.count);
            let own = (&cache[..part.cache.1], &mut dtheta[..part.theta.1]);
            let params = part.params(params);
            trunk.vjp(kernel, params, x, rows, own.0, d_features, own.1, None, scratch);
        }
    }

    /// Forward mode of the policy after [`ActorCritic::forward_policy`]: `dy = (dy/dtheta) u`.
    /// `u` has the length of theta; its value part is not read.
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    pub fn jvp_policy(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        cache: &[E],
        u: &[E],
        dy: &mut [E],
        scratch: &mut [E],
    ) {
        let features = self.learned_trunk().map_or(0, |_| self.features(rows.count));
        let (d_features, scratch) = scratch.split_at_mut(features);
        let mut dx = None;
        if let Some(trunk) = self.learned_trunk() {
            let part = self.trunk_part(rows.count);
            let (own, u) = (&cache[..part.cache.1], &u[..part.theta.1]);
            trunk.jvp(kernel, part.params(params), x, rows, own, u, None, d_features, scratch);
            dx = Some(&*d_features);
        }
        let part = self.policy_part(rows.count);
        let (own, u) = (&cache[part.cache.0..part.cache.1], &u[part.theta.0..part.theta.1]);
        let x = self.branch_input(x, rows.count, cache);
        self.policy.jvp(kernel, part.params(params), x, rows, own, u, dx, dy, scratch);
    }
}

/// The part behind `before` and a gap in the cache.
fn next<E: Engine>(
    before: Part,
    gap: usize,
    network: Option<&dyn Network<E>>,
    rows: usize,
) -> Part {
    let after = |start: usize, len: usize| (start, start + len);
    Part {
        theta: after(before.theta.1, network.map_or(0, |n| n.layout().len())),
        packed: after(before.packed.1, network.map_or(0, Network::packed_len)),
        cache: after(before.cache.1 + gap, network.map_or(0, |n| n.cache_len(rows))),
        memory: after(before.memory.1, network.map_or(0, Network::memory_len)),
    }
}
