//! Exact mean and variances of a function of a batch of independent trajectories.

use super::Trajectory;

/// Mean and variances of an estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// `E[g]`, `[P]`.
    pub mean: Vec<f64>,
    /// The diagonal of `Cov[g]`, `[P]`.
    pub variance: Vec<f64>,
    /// Sum of the probabilities that were met: 1, but for rounding and a cut tail.
    pub mass: f64,
}

/// How many batches [`moments`] visits: multisets of `n` out of `trajectories`, `None` if there
/// are more than 2^53.
#[must_use]
pub fn batches(trajectories: usize, n: usize) -> Option<u64> {
    let mut count = 1.0;
    for k in 0..n {
        // C(m + k, k + 1) = C(m + k - 1, k) (m + k) / (k + 1), whole in every step.
        count = count * (trajectories + k) as f64 / (k + 1) as f64;
    }
    (count < 9_007_199_254_740_992.0).then_some(count as u64)
}

/// Mean and variances of `estimate` over batches of `n` independent trajectories.
///
/// The order of a batch must not matter to `estimate`: each multiset is visited once, with the
/// number of its orders as weight. `about` `[P]` is subtracted before squares are formed, so that
/// a mean near it costs no digits of the variances.
///
/// # Errors
/// The first one of `estimate`.
pub fn moments<X>(
    trajectories: &[Trajectory],
    n: usize,
    about: &[f64],
    mut estimate: impl FnMut(&[&Trajectory]) -> Result<Vec<f64>, X>,
) -> Result<Moments, X> {
    let zeros = vec![0.0; about.len()];
    let mut sums = Moments { mean: zeros.clone(), variance: zeros, mass: 0.0 };
    let mut chosen = vec![0; n];
    loop {
        let weight = weight(trajectories, &chosen);
        let batch: Vec<&Trajectory> = chosen.iter().map(|&k| &trajectories[k]).collect();
        let mut g = estimate(&batch)?;
        g.iter_mut().zip(about).for_each(|(g, a)| *g -= a);
        sums.mass += weight;
        sums.mean.iter_mut().zip(&g).for_each(|(m, g)| *m += weight * g);
        sums.variance.iter_mut().zip(&g).for_each(|(v, g)| *v += weight * g * g);
        if !next_multiset(&mut chosen, trajectories.len()) {
            break;
        }
    }
    sums.variance.iter_mut().zip(&sums.mean).for_each(|(v, m)| *v -= m * m);
    // A tail that was cut counts as `about`.
    sums.mean.iter_mut().zip(about).for_each(|(m, a)| *m += a);
    Ok(sums)
}

/// `n! / prod counts! * prod p`.
fn weight(trajectories: &[Trajectory], chosen: &[usize]) -> f64 {
    let (mut weight, mut run) = (1.0, 0);
    for (k, &index) in chosen.iter().enumerate() {
        run = if k > 0 && chosen[k - 1] == index { run + 1 } else { 1 };
        weight *= trajectories[index].probability * (k + 1) as f64 / f64::from(run);
    }
    weight
}

/// The next non-decreasing sequence of indices below `m`.
fn next_multiset(chosen: &mut [usize], m: usize) -> bool {
    let Some(at) = chosen.iter().rposition(|&k| k + 1 < m) else { return false };
    let value = chosen[at] + 1;
    chosen[at..].fill(value);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coin(p: f64, reward: f64) -> Trajectory {
        let end = gradwerk_env::End::Terminated;
        let visits = vec![super::super::Visit { obs: 0, action: 0, reward, end }];
        Trajectory { probability: p, visits, last: 0 }
    }

    /// The mean of N draws of {0, 1, 4} with probabilities {.5, .3, .2}: mean .3 + .8 = 1.1,
    /// variance (.3 + 3.2 - 1.21) / N = 2.29 / N.
    #[test]
    fn means_and_variances_of_batches() {
        let coins = [coin(0.5, 0.0), coin(0.3, 1.0), coin(0.2, 4.0)];
        for n in 1..5_usize {
            let mut visited = 0;
            let result = moments(&coins, n, &[0.7], |batch| {
                visited += 1;
                let sum: f64 = batch.iter().map(|t| t.visits[0].reward).sum();
                Ok::<_, ()>(vec![sum / n as f64])
            });
            let result = result.unwrap();
            assert_eq!(batches(3, n), Some(visited));
            assert!((result.mass - 1.0).abs() < 1e-14);
            assert!((result.mean[0] - 1.1).abs() < 1e-14, "{n}: {:?}", result.mean);
            let want = 2.29 / n as f64;
            assert!((result.variance[0] - want).abs() < 1e-14, "{n}");
        }
    }
}
