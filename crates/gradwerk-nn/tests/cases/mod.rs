//! Networks and tasks that the tests of all networks share.

use gradwerk_math::{Purpose, Stream};
use gradwerk_nn::{
    Activation, ActorCritic, Engine, ImageSize, ImpalaConfig, InitScheme, MEMORIES, MemoryConfig,
    MlpConfig, NETWORKS, NatureCnnConfig, NetworkConfig, PlacedChoice, PlacedImage, Shape,
    SmallCnnConfig,
};

/// The default of every network, and variants that the defaults leave out.
pub fn configs() -> Vec<NetworkConfig> {
    let defaults = NETWORKS.iter().map(|name| NetworkConfig::named(name).unwrap());
    let hidden = || MlpConfig { hidden: vec![20, 13], ..MlpConfig::default() };
    let variants = Activation::ALL.into_iter().flat_map(|activation| {
        [
            MlpConfig { activation, shared: true, ..hidden() },
            MlpConfig { activation, value_hidden: Some(vec![9]), ..hidden() },
        ]
    });
    let fan_in = MlpConfig { init: InitScheme::FanIn, hidden_gain: Some(1.0), ..hidden() };
    let mlps = variants.chain([fan_in]).chain(embeddings()).map(NetworkConfig::Mlp);
    defaults.chain(mlps).chain(image_variants()).collect()
}

/// Embeddings before hidden layers, or before the heads alone.
fn embeddings() -> [MlpConfig; 3] {
    let shared = MlpConfig { hidden: vec![9], shared: true, ..MlpConfig::default() };
    [
        MlpConfig { embedding: 3, ..shared.clone() },
        MlpConfig { embedding: 1, shared: false, ..shared.clone() },
        MlpConfig { embedding: 2, hidden: vec![], shared: false, ..shared },
    ]
}

/// Separate branches, layer normalisation, no dense layers, every way to step over an image.
fn image_variants() -> [NetworkConfig; 6] {
    let nature = NatureCnnConfig { hidden: vec![9], shared: false, ..NatureCnnConfig::default() };
    let impala = ImpalaConfig {
        channels: vec![5],
        blocks: 1,
        hidden: vec![],
        activation: Activation::Silu,
        ..ImpalaConfig::default()
    };
    let small = SmallCnnConfig {
        channels: vec![6, 19],
        stride: 2,
        padding: 1,
        hidden: vec![11, 7],
        activation: Activation::Tanh,
        layer_norm: true,
        ..SmallCnnConfig::default()
    };
    let apart = SmallCnnConfig { shared: false, activation: Activation::Gelu, ..small.clone() };
    [
        NetworkConfig::Impala(ImpalaConfig { embedding: 2, ..impala.clone() }),
        NetworkConfig::SmallCnn(SmallCnnConfig { embedding: 3, ..apart.clone() }),
        NetworkConfig::NatureCnn(nature),
        NetworkConfig::Impala(impala),
        NetworkConfig::SmallCnn(small),
        NetworkConfig::SmallCnn(apart),
    ]
}

/// The images of the three tasks, for networks that need them: as small as the network allows.
fn images(config: &NetworkConfig) -> Option<[ImageSize; 3]> {
    let size = |[channels, height, width]: [usize; 3]| ImageSize { channels, height, width };
    match config {
        NetworkConfig::NatureCnn(_) => Some([[1, 36, 37], [2, 44, 36], [1, 36, 36]].map(size)),
        NetworkConfig::Impala(_) | NetworkConfig::SmallCnn(_) => {
            Some([[3, 4, 5], [4, 7, 6], [1, 10, 10]].map(size))
        }
        _ => None,
    }
}

/// Inputs and images of the three tasks: an image alone, one among other numbers, and two with numbers
/// before, between and behind them.
fn placed([first, second, third]: [ImageSize; 3]) -> [(usize, Vec<PlacedImage>); 3] {
    let at = |at: usize, size: ImageSize| PlacedImage { at, size };
    let behind = 2 + third.len() + 3;
    [
        (first.len(), vec![at(0, first)]),
        (second.len() + 5, vec![at(0, second)]),
        (behind + first.len() + 1, vec![at(2, third), at(behind, first)]),
    ]
}

/// A choice of two, and one of three in two places, among the numbers before or behind the last
/// image of a task, for networks that embed them; a task without other numbers gets some.
fn place_choices(shape: &mut Shape) {
    let start = shape.images.last().map_or(0, |image| image.at + image.size.len());
    shape.inputs = shape.inputs.max(start + 10);
    let choice = |at: usize, n: usize, table: usize| PlacedChoice { at: start + at, n, table };
    let before =
        (start > 0 && shape.images[0].at > 0).then_some(PlacedChoice { at: 0, n: 2, table: 2 });
    shape.choices = before.into_iter().collect();
    shape.choices.extend([choice(0, 3, 0), choice(4, 2, 1), choice(6, 3, 0)]);
}

/// Three tasks that suit the network: some see images or choices; a table takes observations between 0 and 1, and
/// the tiles of 17 entries would fill any memory.
pub fn shapes(config: &NetworkConfig) -> [Shape; 3] {
    let shape = Shape { inputs: 4, outputs: 2, value: true, ..Shape::default() };
    let tiles = matches!(config, NetworkConfig::TileCoding(_));
    let wide = if tiles { 2 } else { 17 };
    let table = matches!(config, NetworkConfig::Tabular(_));
    let (low, high) = if table { (0.0, 1.0) } else { (-3.0, 3.0) };
    let bounds = |shape: &Shape| (vec![low; shape.inputs], vec![high; shape.inputs]);
    let mut shapes = [
        Shape { inputs: 3, outputs: 1, free: 1, log_std: -0.5, ..shape.clone() },
        Shape { inputs: wide, outputs: 6, free: 6, value: false, ..shape.clone() },
        shape,
    ];
    for (shape, images) in shapes.iter_mut().zip(images(config).into_iter().flat_map(placed)) {
        (shape.inputs, shape.images) = images;
    }
    if config.embedding() > 0 {
        shapes.iter_mut().for_each(place_choices);
    }
    shapes.map(|shape| {
        // Networks of images do not read bounds, and thousands of them would hide a message.
        let (low, high) = if !shape.images.is_empty() { (vec![], vec![]) } else { bounds(&shape) };
        Shape { low, high, ..shape }
    })
}

/// The same tasks again, with one memory after the other, for networks that can have one.
pub fn with_memory(config: &NetworkConfig) -> Vec<Shape> {
    let memories = MEMORIES.iter().map(|name| MemoryConfig::named(name).unwrap());
    let memories = memories.filter(|memory| config.takes_memory() && !memory.is_none());
    let shapes = shapes(config).into_iter().cycle();
    memories.zip(shapes).map(|(memory, shape)| Shape { memory, ..shape }).collect()
}

/// Two of the tasks again, one with a memory if there can be one, with the policy's last hidden
/// features, for networks that have them.
pub fn with_features(config: &NetworkConfig) -> Vec<Shape> {
    let [first, second, _] = shapes(config);
    let memory = with_memory(config).pop();
    let tasks = [Some(first), memory.or(Some(second))].into_iter().flatten();
    tasks.filter(|_| config.has_features()).map(|s| Shape { features: true, ..s }).collect()
}

pub fn normals<E: Engine>(len: usize, index: u64) -> Vec<E> {
    let mut stream = Stream::new(9, Purpose::Test, index, 0);
    // Drawn in single precision, so that both engines get the same numbers.
    (0..len).map(|_| E::from_f32(stream.normal_pair::<f32>()[0])).collect()
}

/// Step of central differences: with thousands of rectified numbers and maxima, a longer one would
/// carry some of them over their kinks.
#[allow(dead_code)] // not every file takes differences
pub fn difference_step(shape: &Shape) -> f64 {
    if shape.images.is_empty() { 1e-6 } else { 1e-7 }
}

/// Random parameters, or a direction among them. Networks of images have so many inputs per layer
/// that the variance must shrink with them, lest differences drown in rounding.
pub fn weights<E: Engine>(network: &ActorCritic<E>, shape: &Shape, index: u64) -> Vec<E> {
    let mut theta: Vec<E> = normals(network.layout().len(), index);
    for entry in network.layout().entries() {
        let wide = !shape.images.is_empty() && entry.shape.len() == 2;
        let scale = if wide { (2.0 / entry.shape[0] as f64).sqrt() } else { 0.25 };
        theta[entry.range()].iter_mut().for_each(|t| *t *= E::from_f64(scale));
    }
    theta
}
