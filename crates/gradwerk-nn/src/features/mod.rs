//! Fixed feature maps `phi(s)`: policy and value function are linear in the features
//! (Sutton and Barto 2018, section 9.5).
//!
//! A smooth map is a trunk without parameters that both branches read. Tile coding and tables are
//! networks of their own, since few of their features differ from 0 and the product with the
//! others would be wasted. All weights start at 0: the first policy is uniform (or has mean 0), and
//! all values are 0.

mod bounds;
mod fourier;
mod polynomial;
mod rbf;
mod sparse;
mod tabular;
mod terms;
mod tile_coding;

pub use fourier::FourierConfig;
pub use polynomial::PolynomialConfig;
pub use rbf::{Placement, RbfConfig};
pub use tabular::TabularConfig;
pub use tile_coding::TileCodingConfig;

use std::fmt::Debug;

use gradwerk_math::Kernel;

use crate::{
    Activation, ActorCritic, Engine, Init, Layout, Memory, Mlp, MlpSpec, Network, NnError, Params,
    Rows, Shape,
};
use bounds::Scaling;

/// Most features of a map; what needs more is a mistake (or needs a network).
const MOST_FEATURES: usize = 1 << 16;

/// A smooth map from scaled observations `u` to features. The constant feature is left to the bias
/// of the linear layer.
trait FeatureMap: Send + Sync + Debug {
    /// From observations to `u`.
    fn scaling(&self) -> &Scaling;
    /// Numbers per row of `phi`.
    fn features(&self) -> usize;
    /// `phi` `[rows, features]` of `u` `[rows, inputs]`.
    fn forward<E: Engine>(&self, kernel: Kernel, u: &[E], phi: &mut [E]);
    /// `d phi_feature / d u_input` of one row.
    fn derivative<E: Engine>(&self, u: &[E], feature: usize, input: usize) -> E;
}

/// A feature map as a network without parameters; its cache holds the scaled observations.
#[derive(Debug)]
struct Features<M> {
    map: M,
    layout: Layout,
}

impl<M: FeatureMap> Features<M> {
    fn new(map: M) -> Self {
        Self { map, layout: Layout::default() }
    }

    fn width(&self) -> usize {
        self.map.scaling().len()
    }
}

impl<E: Engine, M: FeatureMap> Network<E> for Features<M> {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    fn inputs(&self) -> usize {
        self.width()
    }
    fn outputs(&self) -> usize {
        self.map.features()
    }
    fn cache_len(&self, rows: usize) -> usize {
        rows * self.width()
    }

    fn forward(
        &self,
        kernel: Kernel,
        _: Params<'_, E>,
        x: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        _: Memory<'_, E>,
        cache: &mut [E],
        y: &mut [E],
    ) {
        let u = &mut cache[..rows * self.width()];
        self.map.scaling().apply(&x[..u.len()], u);
        self.map.forward(kernel, u, &mut y[..rows * self.map.features()]);
    }

    fn vjp(
        &self,
        _: Kernel,
        _: Params<'_, E>,
        _: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        cache: &[E],
        dy: &[E],
        _: &mut [E],
        dx: Option<&mut [E]>,
        _: &mut [E],
    ) {
        let Some(dx) = dx else { return };
        let (width, features) = (self.width(), self.map.features());
        for row in 0..rows {
            let u = &cache[row * width..][..width];
            for (input, dx) in dx[row * width..][..width].iter_mut().enumerate() {
                let dy = dy[row * features..][..features].iter().enumerate();
                let sum: E = dy.map(|(k, &dy)| dy * self.map.derivative(u, k, input)).sum();
                *dx = sum * self.map.scaling().slope(input);
            }
        }
    }

    fn jvp(
        &self,
        _: Kernel,
        _: Params<'_, E>,
        _: &[E],
        Rows { count: rows, .. }: Rows<'_>,
        cache: &[E],
        _: &[E],
        dx: Option<&[E]>,
        dy: &mut [E],
        _: &mut [E],
    ) {
        let (width, features) = (self.width(), self.map.features());
        let dy = &mut dy[..rows * features];
        let Some(dx) = dx else { return dy.fill(E::ZERO) };
        for (row, dy) in dy.chunks_exact_mut(features).enumerate() {
            let (u, dx) = (&cache[row * width..][..width], &dx[row * width..][..width]);
            for (k, dy) in dy.iter_mut().enumerate() {
                let along = |(i, &dx): (usize, &E)| {
                    dx * self.map.scaling().slope::<E>(i) * self.map.derivative(u, k, i)
                };
                *dy = dx.iter().enumerate().map(along).sum();
            }
        }
    }
}

/// Policy and value function linear in the features of `map`.
fn linear_on<E: Engine>(map: impl FeatureMap + 'static, shape: &Shape) -> ActorCritic<E> {
    let inputs = map.features();
    let head = |outputs, free| {
        Mlp::new(&MlpSpec {
            inputs,
            hidden: Vec::new(),
            outputs: Some(outputs),
            free,
            activation: Activation::Tanh, // of no hidden layer
            hidden_init: Init::Constant(0.0),
            output_init: Init::Constant(0.0),
        })
    };
    let policy = head(shape.outputs, shape.free_outputs());
    let value = shape.value.then(|| -> Box<dyn Network<E>> { Box::new(head(1, None)) });
    ActorCritic::new(Some(Box::new(Features::new(map))), shape.policy_head(policy), value)
}

/// `Ok` if a map has a number of features that can be worked with.
fn countable(field: &str, value: impl ToString, count: Option<usize>) -> Result<(), NnError> {
    match count {
        Some(count) if count <= MOST_FEATURES => Ok(()),
        _ => Err(NnError::setting(
            field,
            value,
            format!("makes more than {MOST_FEATURES} features of this observation; choose less"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkConfig;

    /// A shape with bounds -2 and 3.
    pub(super) fn shape(inputs: usize) -> Shape {
        let (low, high) = (vec![-2.0; inputs], vec![3.0; inputs]);
        Shape { inputs, outputs: 2, value: true, low, high, ..Shape::default() }
    }

    #[test]
    fn missing_bounds_name_the_entry_and_the_settings() {
        let unbounded = Shape { low: vec![0.0, f32::NEG_INFINITY], ..shape(2) };
        for name in ["polynomial", "fourier", "rbf", "tile-coding"] {
            let config = NetworkConfig::named(name).unwrap();
            let error = config.build::<f32>(&unbounded).unwrap_err().to_string();
            let expected = "low[1] = -inf: entry 1 of the observation has no finite bounds \
                            (-inf to 3): set network.low and network.high";
            assert_eq!(error, expected, "{name}");
        }
    }

    #[test]
    fn first_outputs_are_zero() {
        for name in ["polynomial", "fourier", "rbf", "tile-coding"] {
            let network = NetworkConfig::named(name).unwrap().build::<f32>(&shape(2)).unwrap();
            let mut theta = vec![f32::NAN; network.layout().len()];
            network.layout().init(1, &mut theta);
            assert!(theta.iter().all(|&t| t == 0.0), "{name}");
        }
    }
}
