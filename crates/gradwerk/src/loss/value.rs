//! The value loss: half the squared error, optionally clipped as in PPO.

use gradwerk_math::Real;

/// Settings of the value loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueLoss<R> {
    /// Factor of the loss.
    pub coef: R,
    /// Clip range of the change of the value, in units of the return; none for no clipping.
    /// With `v_clip = v_old + clip(v - v_old, -c, c)` the loss of a row is
    /// `0.5 max((v - G)^2, (v_clip - G)^2)` (Huang et al. 2022, detail 9).
    pub clip: Option<R>,
}

/// The rows of a tile, all `[B]`.
#[derive(Clone, Copy, Debug)]
pub struct ValueRows<'a, R> {
    /// Values `v(s)` being trained.
    pub value: &'a [R],
    /// Values when the data was collected (read only when clipping).
    pub value_old: &'a [R],
    /// Regression targets `G`, constants of the loss.
    pub target: &'a [R],
    /// Weight of every row in the loss, 1 / (rows in the minibatch).
    pub weight: R,
}

/// Unweighted sums over rows, in double precision, in the order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ValueSums {
    /// Loss without the coefficient.
    pub loss: f64,
    /// Rows where the clipped term is the larger one (gradient 0).
    pub clipped: u64,
    /// Number of rows.
    pub rows: u64,
}

impl ValueSums {
    /// Add the sums of later rows.
    pub fn merge(&mut self, later: &Self) {
        self.loss += later.loss;
        self.clipped += later.clipped;
        self.rows += later.rows;
    }
}

/// Loss of one row, its derivative by `v`, and whether it is clipped.
#[inline]
fn row<R: Real>(clip: Option<R>, v: R, v_old: R, target: R) -> (R, R, bool) {
    let half = R::from_f64(0.5);
    let error = v - target;
    let square = error * error;
    let Some(range) = clip else { return (half * square, error, false) };
    let clipped_error = v_old + (v - v_old).clip(-range, range) - target;
    let clipped_square = clipped_error * clipped_error;
    // Strictly larger is possible only outside the range, where `v_clip` does not move with `v`.
    // The range is tested too, because rounding in `v_old + (v - v_old)` may break a tie.
    let clipped = clipped_square > square && (v - v_old).abs() > range;
    let d_loss_d_v = if clipped { R::ZERO } else { error };
    (half * square.maximum(clipped_square), d_loss_d_v, clipped)
}

/// Gradient of `weight * coef * sum_rows loss` with respect to the values; `dv` `[B]` is
/// overwritten.
///
/// # Panics
/// If the slices disagree on B.
pub fn value_gradient<R: Real>(
    settings: ValueLoss<R>,
    rows: &ValueRows<'_, R>,
    dv: &mut [R],
) -> ValueSums {
    let b = rows.value.len();
    assert_eq!(rows.target.len(), b, "target: one entry per row");
    assert_eq!(dv.len(), b, "dv: one entry per row");
    if settings.clip.is_some() {
        assert_eq!(rows.value_old.len(), b, "value_old: one entry per row");
    }
    let scale = rows.weight * settings.coef;
    let mut sums = ValueSums { rows: b as u64, ..ValueSums::default() };
    for (i, (dv, &v)) in dv.iter_mut().zip(rows.value).enumerate() {
        let v_old = if settings.clip.is_some() { rows.value_old[i] } else { v };
        let (loss, d_loss_d_v, clipped) = row(settings.clip, v, v_old, rows.target[i]);
        *dv = scale * d_loss_d_v;
        sums.loss += loss.to_f64();
        sums.clipped += u64::from(clipped);
    }
    sums
}
