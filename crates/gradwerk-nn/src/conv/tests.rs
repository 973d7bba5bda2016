//! Convolutions against a naive reference, and derivatives of odd stacks.

use gradwerk_math::{Kernel, Purpose, Stream};

use super::{ConvSpec, ConvStack, ImageLayer, Window};
use crate::{Activation, ImageSize, Init, Memory, Network, Params, gradcheck};

fn spec(image: [usize; 3], layers: &[ImageLayer], activation: Activation) -> ConvSpec {
    let [channels, height, width] = image;
    let image = ImageSize { channels, height, width };
    ConvSpec { image, layers: layers.to_vec(), activation, init: Init::FanIn { gain: 1.0 } }
}

fn conv(outputs: usize, kernel: [usize; 2], stride: usize, padding: usize) -> ImageLayer {
    let window = Window { kernel, stride, padding };
    ImageLayer::Conv { outputs, window, activate: false }
}

fn normals(len: usize, index: u64) -> Vec<f32> {
    let mut stream = Stream::new(5, Purpose::Test, index, 0);
    (0..len).map(|_| stream.normal_pair::<f32>()[0]).collect()
}

/// `z[q, o] = b[o] + sum over c, k of w[(c, k), o] x[c, q s + k - padding]`, straight from the
/// definition, channels of x apart and those of z together.
fn naive(spec: &ConvSpec, layer: ImageLayer, x: &[f32], theta: &[f32]) -> Vec<f64> {
    let ImageLayer::Conv { outputs, window, .. } = layer else { panic!("a convolution") };
    let (ImageSize { channels, height, width }, [kh, kw]) = (spec.image, window.kernel);
    let (s, p) = (window.stride, window.padding);
    let (rows, columns) = ((height + 2 * p - kh) / s + 1, (width + 2 * p - kw) / s + 1);
    let bias = &theta[channels * kh * kw * outputs..];
    let mut z = Vec::new();
    for i in 0..rows * columns * outputs {
        let (qy, qx, o) = (i / outputs / columns, i / outputs % columns, i % outputs);
        let mut sum = f64::from(bias[o]);
        for c in 0..channels {
            for (ky, kx) in (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))) {
                let (y, x_) = ((qy * s + ky).wrapping_sub(p), (qx * s + kx).wrapping_sub(p));
                if y < height && x_ < width {
                    let w = theta[((c * kh + ky) * kw + kx) * outputs + o];
                    sum += f64::from(w) * f64::from(x[(c * height + y) * width + x_]);
                }
            }
        }
        z.push(sum);
    }
    z
}

#[test]
fn a_convolution_is_its_definition_on_odd_shapes() {
    let cases = [
        ([1, 1, 1], conv(1, [1, 1], 1, 0)),
        ([3, 7, 5], conv(17, [3, 2], 1, 0)),
        ([2, 9, 11], conv(5, [4, 3], 2, 1)),
        ([4, 13, 10], conv(33, [5, 5], 3, 2)),
        ([5, 6, 8], conv(8, [1, 3], 3, 0)),
        ([2, 5, 5], conv(16, [5, 5], 1, 4)),
        ([40, 4, 5], conv(20, [3, 3], 1, 1)),
    ];
    for (image, layer) in cases {
        let spec = spec(image, &[layer], Activation::Relu);
        let stack = ConvStack::new(&spec).unwrap();
        let network: &dyn Network<f32> = &stack;
        let (theta, x) = (normals(network.layout().len(), 1), normals(2 * network.inputs(), 2));
        for kernel in Kernel::available() {
            let mut packed = vec![f32::NAN; network.packed_len()];
            network.pack(kernel, &theta, &mut packed);
            let params = Params { theta: &theta, packed: &packed };
            let mut cache = vec![f32::NAN; network.cache_len(2)];
            let mut y = vec![f32::NAN; 2 * network.outputs()];
            network.forward(kernel, params, &x, 2.into(), Memory::none(), &mut cache, &mut y);
            for (x, y) in x.chunks(network.inputs()).zip(y.chunks(network.outputs())) {
                let exact = naive(&spec, layer, x, &theta);
                let size = exact.iter().fold(1.0_f64, |m, z| m.max(z.abs()));
                assert_eq!(y.len(), exact.len(), "{image:?} {layer:?}");
                let close = |(y, z): (&f32, &f64)| (f64::from(*y) - z).abs() < 1e-5 * size;
                assert!(y.iter().zip(&exact).all(close), "{image:?} {layer:?} {kernel}");
            }
        }
    }
}

/// Every kind of step, framed and bare, with every activation and windows that leave places out.
#[test]
fn stacks_have_correct_derivatives() {
    let active = |outputs, kernel, stride, padding| match conv(outputs, kernel, stride, padding) {
        ImageLayer::Conv { outputs, window, .. } => {
            ImageLayer::Conv { outputs, window, activate: true }
        }
        other => other,
    };
    let pool = ImageLayer::MaxPool(Window::square(3, 2, 1));
    let stacks: [(&str, [usize; 3], Vec<ImageLayer>); 6] = [
        ("one", [2, 5, 4], vec![active(3, [3, 2], 1, 0)]),
        ("strides", [1, 9, 8], vec![active(3, [4, 4], 2, 0), active(2, [2, 3], 1, 0)]),
        ("gaps", [2, 7, 8], vec![active(3, [1, 2], 3, 0), active(2, [2, 2], 1, 1)]),
        ("padded", [2, 5, 6], vec![active(4, [3, 3], 2, 2), active(3, [3, 3], 1, 1)]),
        ("pooled", [1, 6, 5], vec![conv(3, [3, 3], 1, 1), pool, ImageLayer::Activate]),
        (
            "residual",
            [1, 5, 4],
            vec![
                conv(2, [3, 3], 1, 1),
                pool,
                ImageLayer::Residual,
                ImageLayer::Residual,
                ImageLayer::Activate,
            ],
        ),
    ];
    for activation in Activation::ALL {
        for (name, image, layers) in &stacks {
            let stack = ConvStack::new(&spec(*image, layers, activation)).unwrap();
            let errors = gradcheck::check(&stack, 3.into(), 7);
            assert!(errors.worst() < 1e-6, "{name} {activation}: {errors:?}");
            assert!(errors.adjoint < 1e-12, "{name} {activation}: {errors:?}");
        }
    }
}

#[test]
fn a_window_larger_than_the_image_is_named() {
    let layers = [conv(4, [3, 3], 2, 0), conv(4, [4, 4], 1, 1)];
    let error = ConvStack::new(&spec([2, 3, 9], &layers, Activation::Relu)).unwrap_err();
    // (3 - 3) / 2 + 1 = 1 row and (9 - 3) / 2 + 1 = 4 columns; 3 by 6 with the padding.
    assert_eq!(
        error,
        "layer 1 has windows of 4x4, larger than its input 4x1x4 (3x6 with the padding): the \
         image is too small for this network"
    );
    let enormous = conv(1 << 20, [3, 3], 1, 0);
    let error = ConvStack::new(&spec([64, 9, 9], &[enormous], Activation::Relu)).unwrap_err();
    assert!(error.contains("more than 268435456 numbers"), "{error}");
}

#[test]
fn layer_normalisation_has_correct_derivatives() {
    let errors = gradcheck::check(&crate::layer_norm::LayerNorm::new(11), 4.into(), 3);
    assert!(errors.worst() < 1e-6 && errors.adjoint < 1e-12, "{errors:?}");
}
