//! The Gaussian distribution against numerical integration and moments.

use gradwerk::dist::{ActionRow, ActionRowMut, Distribution, Gaussian};
use gradwerk_math::{Purpose, Stream};

fn gaussian(dim: usize) -> Gaussian {
    Gaussian { dim, log_std_init: 0.0, state_dependent_std: false }
}

fn log_prob(y: &[f64], a: &[f64]) -> f64 {
    gaussian(a.len()).log_prob(y, ActionRow { discrete: &[], continuous: a })
}

/// Trapezoidal rule over 12 standard deviations either side; for analytic integrands that decay
/// this fast it is exact to rounding.
fn integrate(mean: f64, std: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (h, half) = (std / 50.0, 600);
    (-half..=half).map(|k| f(mean + h * f64::from(k)) * h).sum()
}

#[test]
fn density_entropy_and_kl_by_integration() {
    let (old, new) = ([0.7, -0.3], [0.2, 0.1]);
    let std = libm::exp(old[1]);
    let density = |x: f64| libm::exp(log_prob(&old, &[x]));
    let total = integrate(old[0], std, density);
    let entropy = integrate(old[0], std, |x| -density(x) * log_prob(&old, &[x]));
    let kl = integrate(old[0], std, |x| density(x) * (log_prob(&old, &[x]) - log_prob(&new, &[x])));
    assert!((total - 1.0).abs() < 1e-12, "{total}");
    assert!((gaussian(1).entropy(&old) - entropy).abs() < 1e-12);
    assert!((gaussian(1).kl(&old, &new) - kl).abs() < 1e-12);
}

/// Components are independent: log-densities, entropies and divergences add up.
#[test]
fn components_add_up() {
    let (y, other) = ([0.5, -1.0, 2.0, 0.1, -0.4, 0.3], [0.0, 0.2, 1.0, -0.2, 0.5, 0.0]);
    let a = [0.2, 0.3, 1.0];
    let one = |y: &[f64; 6], i: usize| [y[i], y[3 + i]];
    let sum = |f: &dyn Fn(usize) -> f64| (0..3).map(f).sum::<f64>();
    let want = sum(&|i| log_prob(&one(&y, i), &a[i..i + 1]));
    assert!((log_prob(&y, &a) - want).abs() < 1e-14);
    let want = sum(&|i| gaussian(1).entropy(&one(&y, i)));
    assert!((gaussian(3).entropy(&y) - want).abs() < 1e-14);
    let want = sum(&|i| gaussian(1).kl(&one(&y, i), &one(&other, i)));
    assert!((gaussian(3).kl(&y, &other) - want).abs() < 1e-14);
}

/// Mean and variance per component and the covariance of the pair, within five standard errors.
#[test]
fn sample_moments() {
    let y = [1.0_f32, -2.0, 0.5, -0.5, 0.0, 0.7];
    let dist = gaussian(3);
    let mut rng = Stream::new(9, Purpose::Test, 0, 0);
    let n = 100_000;
    let mut z = vec![[0.0_f64; 3]; n];
    for z in &mut z {
        let mut a = [0.0_f32; 3];
        dist.sample(&y, &mut rng, ActionRowMut { discrete: &mut [], continuous: &mut a });
        for i in 0..3 {
            z[i] = f64::from((a[i] - y[i]) * libm::expf(-y[3 + i]));
        }
    }
    let mean = |f: &dyn Fn(&[f64; 3]) -> f64| z.iter().map(f).sum::<f64>() / n as f64;
    let error = 5.0 / (n as f64).sqrt();
    for i in 0..3 {
        assert!(mean(&|z| z[i]).abs() < error);
        // Var(z^2) = 2, Var(z_i z_j) = 1.
        assert!((mean(&|z| z[i] * z[i]) - 1.0).abs() < error * 2.0_f64.sqrt());
        assert!(mean(&|z| z[i] * z[(i + 1) % 3]).abs() < error);
    }
}
