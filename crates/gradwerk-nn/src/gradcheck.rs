//! Derivatives of networks, checked by central differences in double precision.

use gradwerk_math::{Kernel, Purpose, Real, Stream};

use crate::{Memory, Network, Params, Rows};

/// The largest relative errors that [`check`] found; correct derivatives stay below 1e-6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Of `dtheta` from [`Network::vjp`].
    pub vjp_theta: f64,
    /// Of `dx` from [`Network::vjp`].
    pub vjp_x: f64,
    /// Of `dy` from [`Network::jvp`], along directions of theta and x.
    pub jvp: f64,
    /// Of `<dy, jvp(u)> = <vjp(dy), u>`, which holds to rounding.
    pub adjoint: f64,
}

impl Errors {
    /// The largest of all, NaN if any is.
    #[must_use]
    pub fn worst(&self) -> f64 {
        let errors = [self.vjp_theta, self.vjp_x, self.jvp, self.adjoint];
        errors.into_iter().fold(0.0, Real::maximum)
    }
}

/// Step of the central difference: its error is about h^2 + 1e-16 / h.
const H: f64 = 1e-5;

/// A network with a point to look at.
struct Point<'a> {
    network: &'a dyn Network<f64>,
    rows: Rows<'a>,
    /// Of all sequences, before their first rows.
    memory: Vec<f64>,
}

impl Point<'_> {
    fn packed(&self, theta: &[f64]) -> Vec<f64> {
        let mut packed = vec![0.0; self.network.packed_len()];
        self.network.pack(Kernel::Portable, theta, &mut packed);
        packed
    }

    /// The output and what the forward pass kept.
    fn forward(&self, theta: &[f64], x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let packed = self.packed(theta);
        let params = Params { theta, packed: &packed };
        let mut cache = vec![f64::NAN; self.network.cache_len(self.rows.count)];
        let mut y = vec![f64::NAN; self.rows.count * self.network.outputs()];
        let mut memory = self.memory.clone();
        let memory = Memory { data: &mut memory, stride: self.network.memory_len() };
        self.network.forward(Kernel::Portable, params, x, self.rows, memory, &mut cache, &mut y);
        (y, cache)
    }

    fn vjp(&self, theta: &[f64], x: &[f64], dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let packed = self.packed(theta);
        let params = Params { theta, packed: &packed };
        let (_, cache) = self.forward(theta, x);
        let mut scratch = vec![f64::NAN; self.network.scratch_len(self.rows.count)];
        let (mut dtheta, mut dx) = (vec![0.0; theta.len()], vec![f64::NAN; x.len()]);
        let (kernel, rows, d) = (Kernel::Portable, self.rows, Some(&mut dx[..]));
        self.network.vjp(kernel, params, x, rows, &cache, dy, &mut dtheta, d, &mut scratch);
        (dtheta, dx)
    }

    fn jvp(&self, theta: &[f64], x: &[f64], u: &[f64], dx: &[f64]) -> Vec<f64> {
        let packed = self.packed(theta);
        let params = Params { theta, packed: &packed };
        let (mut dy, cache) = self.forward(theta, x);
        let mut scratch = vec![f64::NAN; self.network.scratch_len(self.rows.count)];
        let (kernel, rows, d) = (Kernel::Portable, self.rows, Some(dx));
        self.network.jvp(kernel, params, x, rows, &cache, u, d, &mut dy, &mut scratch);
        dy
    }

    /// `(f(theta + h u, x + h dx) - f(theta - h u, x - h dx)) / 2h`.
    fn difference(&self, theta: &[f64], x: &[f64], u: &[f64], dx: &[f64]) -> Vec<f64> {
        let (plus, _) = self.forward(&along(theta, u, H), &along(x, dx, H));
        let (minus, _) = self.forward(&along(theta, u, -H), &along(x, dx, -H));
        plus.iter().zip(minus).map(|(p, m)| (p - m) / (2.0 * H)).collect()
    }
}

fn along(x: &[f64], direction: &[f64], step: f64) -> Vec<f64> {
    x.iter().zip(direction).map(|(x, d)| x + step * d).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn normals(seed: u64, index: u64, len: usize) -> Vec<f64> {
    let mut stream = Stream::new(seed, Purpose::Test, index, 0);
    (0..len).map(|_| stream.normal_pair::<f64>()[0]).collect()
}

/// `|a - b|` relative to the size of the vectors' largest number (1 at least).
fn error(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(1.0, |m, x| Real::maximum(x.abs(), m));
    a.iter().zip(b).fold(0.0, |m, (x, y)| Real::maximum((x - y).abs() / size, m))
}

/// Compare all derivatives of `network` with central differences on random rows, at parameters and
/// memories drawn with `seed`.
///
/// A kink (relu) near a random point would be a false alarm; with probability one there is none
/// within the step of 1e-5, and the fixed seed makes the check repeatable.
#[must_use]
pub fn check(network: &dyn Network<f64>, rows: Rows<'_>, seed: u64) -> Errors {
    let memory = normals(seed, 5, rows.sequence_count() * network.memory_len());
    let point = Point { network, rows, memory };
    // Not the usual first values: zero biases and tiny heads would hide errors.
    let mut theta = normals(seed, 0, network.layout().len());
    theta.iter_mut().for_each(|t| *t *= 0.5);
    let x = normals(seed, 1, rows.count * network.inputs());
    let dy = normals(seed, 2, rows.count * network.outputs());
    let (u, dx) = (normals(seed, 3, theta.len()), normals(seed, 4, x.len()));

    let (vjp_theta, vjp_x) = point.vjp(&theta, &x, &dy);
    let jvp = point.jvp(&theta, &x, &u, &dx);
    let both = dot(&vjp_theta, &u) + dot(&vjp_x, &dx);
    Errors {
        vjp_theta: error(&vjp_theta, &theta_gradient(&point, &theta, &x, &dy)),
        vjp_x: error(&vjp_x, &x_gradient(&point, &theta, &x, &dy)),
        jvp: error(&jvp, &point.difference(&theta, &x, &u, &dx)),
        adjoint: error(&[dot(&dy, &jvp)], &[both]),
    }
}

/// `d <dy, f(theta, x)> / d theta`, one parameter at a time.
fn theta_gradient(point: &Point<'_>, theta: &[f64], x: &[f64], dy: &[f64]) -> Vec<f64> {
    let still = vec![0.0; x.len()];
    unit_vectors(theta.len()).map(|e| dot(dy, &point.difference(theta, x, &e, &still))).collect()
}

/// `d <dy, f(theta, x)> / d x`, one input at a time.
fn x_gradient(point: &Point<'_>, theta: &[f64], x: &[f64], dy: &[f64]) -> Vec<f64> {
    let still = vec![0.0; theta.len()];
    unit_vectors(x.len()).map(|e| dot(dy, &point.difference(theta, x, &still, &e))).collect()
}

fn unit_vectors(len: usize) -> impl Iterator<Item = Vec<f64>> {
    (0..len).map(move |i| {
        let mut e = vec![0.0; len];
        e[i] = 1.0;
        e
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Init, Layout, Mlp, MlpSpec};

    fn spec(activation: Activation, hidden: &[usize], outputs: Option<usize>) -> MlpSpec {
        let init = Init::Orthogonal { gain: 1.0 };
        let free = outputs.map(|n| ("log_std".to_owned(), n, 0.0));
        let hidden = hidden.to_vec();
        let (hidden_init, output_init) = (init, init);
        MlpSpec { inputs: 3, hidden, outputs, free, activation, hidden_init, output_init }
    }

    #[test]
    fn every_activation_and_depth_has_correct_derivatives() {
        for activation in Activation::ALL {
            for (hidden, outputs) in
                [(&[][..], Some(2)), (&[5], Some(1)), (&[7, 4], Some(3)), (&[6, 5], None)]
            {
                let mlp = Mlp::new(&spec(activation, hidden, outputs));
                let errors = check(&mlp, 4.into(), 11);
                assert!(errors.worst() < 1e-6, "{activation} {hidden:?}: {errors:?}");
                assert!(errors.adjoint < 1e-12, "{activation} {hidden:?}: {errors:?}");
            }
        }
    }

    /// y = 2 theta x, with a derivative that forgets the 2.
    #[derive(Debug)]
    struct Wrong(Layout);

    impl Network<f64> for Wrong {
        fn layout(&self) -> &Layout {
            &self.0
        }
        fn inputs(&self) -> usize {
            1
        }
        fn outputs(&self) -> usize {
            1
        }
        fn forward(
            &self,
            _: Kernel,
            params: Params<'_, f64>,
            x: &[f64],
            _: Rows<'_>,
            _: Memory<'_, f64>,
            _: &mut [f64],
            y: &mut [f64],
        ) {
            y.iter_mut().zip(x).for_each(|(y, x)| *y = 2.0 * params.theta[0] * x);
        }
        fn vjp(
            &self,
            _: Kernel,
            params: Params<'_, f64>,
            x: &[f64],
            _: Rows<'_>,
            _: &[f64],
            dy: &[f64],
            dtheta: &mut [f64],
            dx: Option<&mut [f64]>,
            _: &mut [f64],
        ) {
            dtheta[0] += dot(x, dy);
            if let Some(dx) = dx {
                dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = 2.0 * params.theta[0] * dy);
            }
        }
        fn jvp(
            &self,
            _: Kernel,
            params: Params<'_, f64>,
            x: &[f64],
            _: Rows<'_>,
            _: &[f64],
            u: &[f64],
            dx: Option<&[f64]>,
            dy: &mut [f64],
            _: &mut [f64],
        ) {
            for (i, dy) in dy.iter_mut().enumerate() {
                let dx = dx.map_or(0.0, |d| d[i]);
                *dy = 2.0 * (u[0] * x[i] + params.theta[0] * dx);
            }
        }
    }

    #[test]
    fn a_wrong_derivative_is_found() {
        let mut layout = Layout::default();
        layout.push("w", &[1], Init::Constant(0.0));
        let errors = check(&Wrong(layout), 5.into(), 1);
        assert!(errors.vjp_theta > 0.1 && errors.adjoint > 0.1, "{errors:?}");
        assert!(errors.vjp_x < 1e-6 && errors.jvp < 1e-6, "{errors:?}");
    }
}
