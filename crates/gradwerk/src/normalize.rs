//! Running moments: observation normaliser, reward scale, value targets.
//!
//! Moments are frozen while a rollout is collected and used, and merged afterwards in a fixed
//! order, so that they do not depend on threads.

use crate::config::NormalizeConfig;
use crate::run::state::{State, StateError};

/// Count, mean and sum of squared deviations of a stream of vectors (Welford; merged by Chan,
/// Golub and LeVeque 1983).
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Number of vectors seen.
    pub count: f64,
    /// Mean per entry.
    pub mean: Vec<f64>,
    /// Sum of squared deviations from the mean per entry.
    pub m2: Vec<f64>,
}

impl Moments {
    /// No data yet, `dim` entries.
    #[must_use]
    pub fn new(dim: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; dim], m2: vec![0.0; dim] }
    }

    /// Population variance of entry `i`; 1 before two vectors were seen, so that scaling is the
    /// identity.
    #[must_use]
    pub fn variance(&self, i: usize) -> f64 {
        if self.count < 2.0 { 1.0 } else { self.m2[i] / self.count }
    }

    /// Standard deviation of entry `i`, at least 1e-4 (an entry that never changes stays near 0
    /// after its mean is taken away, whatever rounding leaves).
    #[must_use]
    pub fn std(&self, i: usize) -> f64 {
        self.variance(i).sqrt().max(1e-4)
    }

    /// Add `count` vectors given by the sums of `x - shift` and of its square per entry.
    pub fn merge_shifted(&mut self, count: f64, shift: &[f64], sum: &[f64], square: &[f64]) {
        if count == 0.0 {
            return;
        }
        let total = self.count + count;
        for i in 0..self.mean.len() {
            let batch_mean = shift[i] + sum[i] / count;
            let batch_m2 = (square[i] - sum[i] * sum[i] / count).max(0.0);
            let delta = batch_mean - self.mean[i];
            self.mean[i] += delta * (count / total);
            self.m2[i] += batch_m2 + delta * delta * (self.count * count / total);
        }
        self.count = total;
    }

    /// Store under `name.count`, `name.mean`, `name.m2`.
    fn save(&self, state: &mut State, name: &str) -> Result<(), StateError> {
        state.put_vector(&format!("{name}.count"), vec![self.count])?;
        state.put_vector(&format!("{name}.mean"), self.mean.clone())?;
        state.put_vector(&format!("{name}.m2"), self.m2.clone())
    }

    /// Read what [`Moments::save`] stored.
    fn load(&mut self, state: &State, name: &str) -> Result<(), StateError> {
        self.count = state.get::<f64>(&format!("{name}.count"), &[1])?[0];
        state.copy_into(&format!("{name}.mean"), &mut self.mean)?;
        state.copy_into(&format!("{name}.m2"), &mut self.m2)
    }

    /// Add scalars one after the other (dimension 1).
    pub fn merge_scalars(&mut self, values: impl Iterator<Item = f64>) {
        let shift = self.mean[0];
        let (mut count, mut sum, mut square) = (0.0, 0.0, 0.0);
        for x in values {
            count += 1.0;
            sum += x - shift;
            square += (x - shift) * (x - shift);
        }
        self.merge_shifted(count, &[shift], &[sum], &[square]);
    }
}

/// The running moments that a run keeps and its policy carries along.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalizers {
    /// Of the raw observations.
    pub observations: Option<Moments>,
    /// Of the discounted return, whose deviation scales rewards.
    pub returns: Option<Moments>,
    /// Of the value targets, in units of the scaled reward.
    pub targets: Option<Moments>,
}

impl Normalizers {
    /// Those that the settings ask for, without data, for observations of `dim` entries.
    #[must_use]
    pub fn new(config: &NormalizeConfig, dim: usize) -> Self {
        Self {
            observations: config.observations.then(|| Moments::new(dim)),
            returns: config.rewards.then(|| Moments::new(1)),
            targets: config.value_targets.then(|| Moments::new(1)),
        }
    }

    /// Mean and standard deviation that turn the value network's output into a value.
    #[must_use]
    pub fn value_map(&self) -> (f32, f32) {
        self.targets.as_ref().map_or((0.0, 1.0), |m| (m.mean[0] as f32, m.std(0) as f32))
    }

    /// The number that raw rewards are divided by.
    #[must_use]
    pub fn reward_scale(&self) -> f64 {
        self.returns.as_ref().map_or(1.0, |m| m.std(0))
    }

    pub(crate) fn save(&self, state: &mut State) -> Result<(), StateError> {
        let named = [
            ("observations", &self.observations),
            ("returns", &self.returns),
            ("targets", &self.targets),
        ];
        named
            .into_iter()
            .filter_map(|(name, m)| Some((name, m.as_ref()?)))
            .try_for_each(|(name, moments)| moments.save(state, name))
    }

    pub(crate) fn load(&mut self, state: &State) -> Result<(), StateError> {
        let named = [
            ("observations", &mut self.observations),
            ("returns", &mut self.returns),
            ("targets", &mut self.targets),
        ];
        named
            .into_iter()
            .filter_map(|(name, m)| Some((name, m.as_mut()?)))
            .try_for_each(|(name, moments)| moments.load(state, name))
    }
}

/// The frozen affine map of observations in the engine's precision.
#[derive(Clone, Debug)]
pub struct ObsMap {
    mean: Vec<f32>,
    inv_std: Vec<f32>,
    clip: f32,
}

impl ObsMap {
    /// The map that the moments define now; `None` leaves observations as they are.
    #[must_use]
    pub fn new(dim: usize, moments: Option<&Moments>, clip: f64) -> Self {
        let mut map = Self { mean: vec![0.0; dim], inv_std: vec![1.0; dim], clip: f32::INFINITY };
        if let Some(moments) = moments {
            map.clip = clip as f32;
            map.refresh(moments);
        }
        map
    }

    /// Follow the moments; no allocation.
    pub fn refresh(&mut self, moments: &Moments) {
        for i in 0..self.mean.len() {
            self.mean[i] = moments.mean[i] as f32;
            self.inv_std[i] = (1.0 / moments.std(i)) as f32;
        }
    }

    /// Whether the map is more than the identity.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.clip != f32::INFINITY
    }

    /// The frozen mean of entry `j`, about which the next moments are summed.
    #[must_use]
    pub fn shift(&self, j: usize) -> f64 {
        f64::from(self.mean[j])
    }

    /// Normalise rows of observations from `raw` into `out` (both `[rows, d]`).
    pub fn apply(&self, raw: &[f32], out: &mut [f32]) {
        if !self.is_active() {
            out.copy_from_slice(raw);
            return;
        }
        let d = self.mean.len();
        for (x, y) in raw.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            self.apply_from(0, x, y);
        }
    }

    /// Normalise some entries of one row, those from `first` on.
    pub fn apply_from(&self, first: usize, raw: &[f32], out: &mut [f32]) {
        if !self.is_active() {
            out.copy_from_slice(raw);
            return;
        }
        let map = self.mean[first..].iter().zip(&self.inv_std[first..]);
        for ((y, &x), (&mean, &inv_std)) in out.iter_mut().zip(raw).zip(map) {
            *y = ((x - mean) * inv_std).clamp(-self.clip, self.clip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_moments_equal_those_of_all_data() {
        let data = [1.0, 4.0, -2.0, 0.5, 9.0, 3.0];
        let mut moments = Moments::new(1);
        moments.merge_scalars(data[..2].iter().copied());
        moments.merge_scalars(data[2..].iter().copied());
        let mean = data.iter().sum::<f64>() / 6.0;
        let m2: f64 = data.iter().map(|x| (x - mean) * (x - mean)).sum();
        assert!((moments.mean[0] - mean).abs() < 1e-14);
        assert!((moments.m2[0] - m2).abs() < 1e-12);
        assert_eq!(moments.count, 6.0);
    }

    #[test]
    fn observations_are_shifted_scaled_and_clipped_but_nan_stays() {
        let moments = Moments { count: 4.0, mean: vec![1.0, 0.0], m2: vec![16.0, 4.0] };
        let map = ObsMap::new(2, Some(&moments), 3.0);
        let mut out = [0.0; 4];
        map.apply(&[5.0, -9.0, f32::NAN, 2.0], &mut out);
        // std = sqrt(16/4) = 2 and sqrt(4/4) = 1.
        assert_eq!(out[..2], [2.0, -3.0]);
        assert!(out[2].is_nan());
        assert_eq!(out[3], 2.0);
    }
}
