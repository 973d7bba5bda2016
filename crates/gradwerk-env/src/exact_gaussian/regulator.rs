//! The scalar linear-quadratic regulator over a finite horizon.

/// `s' = a s + b u + w`, `r = -(q s^2 + p u^2)`, `s_0 ~ N(0, start)`, `w ~ N(0, noise)`, H steps,
/// policy `u ~ N(k s, sigma^2)`. (The letter of the action is u here.)
///
/// With `M_t = E[s_t^2]` and `c = a + b k`, because `u - k s` and `w` are independent of `s`:
///
/// ```text
/// M_0 = start,  M_{t+1} = c^2 M_t + b^2 sigma^2 + noise
/// E[r_t] = -(q + p k^2) M_t - p sigma^2
/// J = sum over t < H of E[r_t]
/// ```
///
/// Each `M_t` is a polynomial in k and sigma^2, and J with it; differentiating the recursion
/// gives the gradient:
///
/// ```text
/// dM_{t+1}/dk = 2 b c M_t + c^2 dM_t/dk
/// dM_{t+1}/d ln sigma = 2 b^2 sigma^2 + c^2 dM_t/d ln sigma
/// dJ/dk = -sum (q + p k^2) dM_t/dk + 2 p k M_t
/// dJ/d ln sigma = -sum (q + p k^2) dM_t/d ln sigma + 2 p sigma^2
/// ```
///
/// A bias beside the gain has a zero gradient at bias 0, by symmetry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearQuadratic {
    /// What remains of the state, `a`.
    pub decay: f64,
    /// Effect of the action, `b`.
    pub effect: f64,
    /// Cost of the state, `q`.
    pub state_cost: f64,
    /// Cost of the action, `p`.
    pub action_cost: f64,
    /// Variance of the disturbance `w`.
    pub noise: f64,
    /// Variance of the first state.
    pub start: f64,
    /// Steps H.
    pub horizon: u32,
}

/// `gaussian/lqr`: a state that grows by itself and must be held.
pub const REGULATOR: LinearQuadratic = LinearQuadratic {
    decay: 1.1,
    effect: 0.5,
    state_cost: 1.0,
    action_cost: 0.1,
    noise: 0.01,
    start: 1.0,
    horizon: 10,
};

/// `gaussian/conditioning`: the lecture's example `r = -s^2 - a^2`, `pi = N(k s, sigma^2)`. The
/// lecture leaves the dynamics open; here `s' = s + a` without disturbance, from `N(0, 1)`, for 10
/// steps.
///
/// Why it is poorly conditioned: as sigma shrinks, J depends on `ln sigma` through sigma^2 alone
/// and on k as before, while the sampled score in k grows like 1 / sigma. The Fisher matrix
/// measures just that: `F_kk = sum M_t / sigma^2` grows without bound while `F = 2 H` in ln sigma
/// stays, and the natural gradient `F^{-1} grad J` undoes it.
pub const CONDITIONING: LinearQuadratic = LinearQuadratic {
    decay: 1.0,
    effect: 1.0,
    state_cost: 1.0,
    action_cost: 1.0,
    noise: 0.0,
    start: 1.0,
    horizon: 10,
};

/// `M_t` and its derivatives by k and by ln sigma.
#[derive(Clone, Copy)]
struct Moment {
    m: f64,
    by_gain: f64,
    by_log_sigma: f64,
}

impl LinearQuadratic {
    /// The moments of the states `s_0, ..., s_{H-1}`.
    fn moments(&self, gain: f64, sigma: f64) -> impl Iterator<Item = Moment> {
        let c = self.decay + self.effect * gain;
        let explored = self.effect * self.effect * sigma * sigma;
        let (noise, effect) = (self.noise, self.effect);
        let first = Moment { m: self.start, by_gain: 0.0, by_log_sigma: 0.0 };
        let next = move |x: &Moment| {
            Some(Moment {
                m: c * c * x.m + explored + noise,
                by_gain: 2.0 * effect * c * x.m + c * c * x.by_gain,
                by_log_sigma: 2.0 * explored + c * c * x.by_log_sigma,
            })
        };
        std::iter::successors(Some(first), next).take(self.horizon as usize)
    }

    /// `q + p k^2`: the cost of a unit of `s^2`.
    fn cost(&self, gain: f64) -> f64 {
        self.state_cost + self.action_cost * gain * gain
    }

    /// `J(k, sigma)`, the expected undiscounted sum of H rewards.
    #[must_use]
    pub fn objective(&self, gain: f64, sigma: f64) -> f64 {
        let explored = self.action_cost * sigma * sigma;
        -self.moments(gain, sigma).map(|x| self.cost(gain) * x.m + explored).sum::<f64>()
    }

    /// `[dJ/dk, dJ/d ln sigma]`.
    #[must_use]
    pub fn gradient(&self, gain: f64, sigma: f64) -> [f64; 2] {
        let (cost, p) = (self.cost(gain), self.action_cost);
        let add = |[by_gain, by_log_sigma]: [f64; 2], x: Moment| {
            [
                by_gain - cost * x.by_gain - 2.0 * p * gain * x.m,
                by_log_sigma - cost * x.by_log_sigma - 2.0 * p * sigma * sigma,
            ]
        };
        self.moments(gain, sigma).fold([0.0; 2], add)
    }

    /// Diagonal of the Fisher matrix per trajectory in `(k, ln sigma)`:
    /// `[sum M_t / sigma^2, 2 H]`; the other entries are 0.
    #[must_use]
    pub fn fisher(&self, gain: f64, sigma: f64) -> [f64; 2] {
        let sum: f64 = self.moments(gain, sigma).map(|x| x.m).sum();
        [sum / (sigma * sigma), 2.0 * f64::from(self.horizon)]
    }
}
