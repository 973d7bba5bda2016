//! One row of weights per state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sparse::{self, SparseMap};
use crate::config::Kind;
use crate::{ActorCritic, Engine, NnError, Shape};

/// A table with one row of outputs per state, for observations that are states as one-hot rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TabularConfig {}

impl Kind for TabularConfig {
    const HAS_FEATURES: bool = false;

    fn validate(&self) -> Result<(), NnError> {
        Ok(())
    }

    fn build<E: Engine>(&self, shape: &Shape) -> Result<ActorCritic<E>, NnError> {
        let between = |bounds: &[f32], at: f32| {
            bounds.len() == shape.inputs && bounds.iter().all(|&bound| bound == at)
        };
        if !between(&shape.low, 0.0) || !between(&shape.high, 1.0) {
            let why = "needs observations that are one-hot rows, that is a discrete space or a box \
                       between 0 and 1 (for others: tile-coding)";
            return Err(NnError::setting("kind", "tabular", why));
        }
        Ok(sparse::linear_on(Table { states: shape.inputs }, shape))
    }
}

/// `phi(x) = x`. On a one-hot row the product is the row of the table that belongs to the state.
#[derive(Clone, Debug)]
struct Table {
    states: usize,
}

impl SparseMap for Table {
    const IDENTITY: bool = true;

    fn inputs(&self) -> usize {
        self.states
    }
    fn features(&self) -> usize {
        self.states
    }
    fn visit<E: Engine>(&self, x: &[E], mut visit: impl FnMut(usize, E)) {
        for (k, &x) in x.iter().enumerate() {
            if x != E::ZERO {
                visit(k, x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sparse::tests::{derivatives_are_correct, outputs};
    use super::super::tests::shape;
    use super::*;

    #[test]
    fn a_state_reads_its_row() {
        let one_hot = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0];
        assert_eq!(outputs(&Table { states: 3 }, &one_hot), [2.0, 1.0]);
        assert!(outputs(&Table { states: 2 }, &[f64::NAN, 0.0])[0].is_nan());
    }

    #[test]
    fn derivatives_of_a_table_are_correct() {
        derivatives_are_correct(&Table { states: 4 });
    }

    #[test]
    fn other_observations_are_refused() {
        let error = TabularConfig {}.build::<f32>(&shape(2)).unwrap_err().to_string();
        assert!(
            error.starts_with("kind = tabular: needs observations that are one-hot"),
            "{error}"
        );
    }
}
