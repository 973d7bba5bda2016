//! Networks one after the other.

use gradwerk_math::Kernel;

use crate::{Engine, Layout, Memory, Network, Params, Rows};

/// `y = f_n(... f_1(x))`. The entries of each network have its name before theirs.
#[derive(Debug)]
pub(crate) struct Chain<E: Engine> {
    layout: Layout,
    links: Vec<Link<E>>,
    /// Of the outputs between two links.
    widest: usize,
}

/// A network and where its parts lie: offsets in theta, in the packed parameters and in a memory.
/// In the cache its output follows what it keeps.
#[derive(Debug)]
struct Link<E: Engine> {
    network: Box<dyn Network<E>>,
    theta: usize,
    packed: usize,
    memory: usize,
}

impl<E: Engine> Link<E> {
    fn theta<'a>(&self, theta: &'a [E]) -> &'a [E] {
        &theta[self.theta..][..self.network.layout().len()]
    }

    fn params<'a>(&self, params: Params<'a, E>) -> Params<'a, E> {
        let packed = &params.packed[self.packed..][..self.network.packed_len()];
        Params { theta: self.theta(params.theta), packed }
    }

    /// What is kept of the link and its output behind it.
    fn lens(&self, rows: usize) -> (usize, usize) {
        (self.network.cache_len(rows), rows * self.network.outputs())
    }
}

impl<E: Engine> Chain<E> {
    /// In the order of the data.
    ///
    /// # Panics
    /// If there is no network, or one does not read what the one before it writes.
    pub fn new<N: AsRef<str>>(networks: Vec<(N, Box<dyn Network<E>>)>) -> Self {
        assert!(!networks.is_empty(), "a chain has links");
        let mut chain = Self { layout: Layout::default(), links: Vec::new(), widest: 0 };
        let (mut packed, mut memory) = (0, 0);
        for (name, network) in networks {
            let name = name.as_ref();
            if let Some(last) = chain.links.last() {
                assert_eq!(last.network.outputs(), network.inputs(), "{name} reads the last");
            }
            let theta = chain.layout.len();
            chain.layout.extend(name, network.layout());
            chain.widest = chain.widest.max(network.inputs());
            let link = Link { theta, packed, memory, network };
            packed += link.network.packed_len();
            memory += link.network.memory_len();
            chain.links.push(link);
        }
        chain
    }

    /// Where the part of link `index` of the cache begins.
    fn start(&self, index: usize, rows: usize) -> usize {
        self.links[..index].iter().map(|link| link.lens(rows)).map(|(kept, y)| kept + y).sum()
    }

    /// The input of link `index` and what the link keeps.
    fn at<'a>(&self, index: usize, rows: usize, x: &'a [E], cache: &'a [E]) -> (&'a [E], &'a [E]) {
        let start = self.start(index, rows);
        let kept = &cache[start..start + self.links[index].network.cache_len(rows)];
        if index == 0 {
            return (x, kept);
        }
        let (_, len) = self.links[index - 1].lens(rows);
        (&cache[start - len..start], kept)
    }
}

impl<E: Engine> Network<E> for Chain<E> {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    fn inputs(&self) -> usize {
        self.links[0].network.inputs()
    }
    fn outputs(&self) -> usize {
        self.links[self.links.len() - 1].network.outputs()
    }
    fn packed_len(&self) -> usize {
        self.links.iter().map(|link| link.network.packed_len()).sum()
    }
    fn pack(&self, kernel: Kernel, theta: &[E], packed: &mut [E]) {
        for link in &self.links {
            let packed = &mut packed[link.packed..][..link.network.packed_len()];
            link.network.pack(kernel, link.theta(theta), packed);
        }
    }
    fn memory_len(&self) -> usize {
        self.links.iter().map(|link| link.network.memory_len()).sum()
    }
    fn cache_len(&self, rows: usize) -> usize {
        let last = self.links.len() - 1;
        self.start(last, rows) + self.links[last].network.cache_len(rows)
    }
    fn scratch_len(&self, rows: usize) -> usize {
        let most = self.links.iter().map(|link| link.network.scratch_len(rows)).max();
        2 * rows * self.widest + most.unwrap_or(0)
    }

    fn forward(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        mut memory: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
    ) {
        let (mut input, mut cache) = (x, cache);
        let (last, others) = self.links.split_last().expect("a chain has links");
        for link in others {
            let (kept, output) = link.lens(rows.count);
            let (kept, rest) = cache.split_at_mut(kept);
            let (output, rest) = rest.split_at_mut(output);
            let (params, memory) = (link.params(params), memory.part(link.memory));
            link.network.forward(kernel, params, input, rows, memory, kept, output);
            (input, cache) = (output, rest);
        }
        let (params, memory) = (last.params(params), memory.part(last.memory));
        last.network.forward(kernel, params, input, rows, memory, cache, y);
    }

    fn vjp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        cache: &[E],
        dy: &[E],
        dtheta: &mut [E],
        mut dx: Option<&mut [E]>,
        scratch: &mut [E],
    ) {
        let (mut d_output, rest) = scratch.split_at_mut(rows.count * self.widest);
        let (mut d_input, scratch) = rest.split_at_mut(rows.count * self.widest);
        let last = self.links.len() - 1;
        for (index, link) in self.links.iter().enumerate().rev() {
            let (input, kept) = self.at(index, rows.count, x, cache);
            let dtheta = &mut dtheta[link.theta..][..link.network.layout().len()];
            let d = if index == last { dy } else { &*d_output };
            let target = if index == 0 { dx.take() } else { Some(&mut *d_input) };
            let params = link.params(params);
            link.network.vjp(kernel, params, input, rows, kept, d, dtheta, target, scratch);
            std::mem::swap(&mut d_output, &mut d_input);
        }
    }

    fn jvp(
        &self,
        kernel: Kernel,
        params: Params<'_, E>,
        x: &[E],
        rows: Rows<'_>,
        cache: &[E],
        u: &[E],
        dx: Option<&[E]>,
        dy: &mut [E],
        scratch: &mut [E],
    ) {
        let (mut d_input, rest) = scratch.split_at_mut(rows.count * self.widest);
        let (mut d_output, scratch) = rest.split_at_mut(rows.count * self.widest);
        let last = self.links.len() - 1;
        for (index, link) in self.links.iter().enumerate() {
            let (input, kept) = self.at(index, rows.count, x, cache);
            let d = if index == 0 { dx } else { Some(&*d_input) };
            let target = if index == last { &mut *dy } else { &mut *d_output };
            let (params, u) = (link.params(params), link.theta(u));
            link.network.jvp(kernel, params, input, rows, kept, u, d, target, scratch);
            std::mem::swap(&mut d_input, &mut d_output);
        }
    }
}
