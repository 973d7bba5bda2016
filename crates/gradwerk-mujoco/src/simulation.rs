//! One simulation of a model: a state of its own, on an engine that others may use too.

use crate::engine::Engine;
use crate::model::Model;
use std::ops::Range;
use std::sync::Arc;

/// A simulation.
pub struct Simulation {
    engine: Arc<Engine>,
    row: Vec<f64>,
    fields: Vec<f64>,
    /// Positions and velocities of the next reset.
    start: Vec<f64>,
}

/// Why a step led nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unstable {
    /// Positions or velocities became too large or no numbers; MuJoCo started over.
    StartedOver,
    /// MuJoCo stopped with a message.
    Stopped(String),
}

impl Simulation {
    /// A simulation at the start of its model.
    #[must_use]
    pub fn on(engine: &Arc<Engine>) -> Self {
        let layout = engine.layout();
        let fields = vec![0.0; layout.fields.last().map_or(0, |last| last.end)];
        let start = vec![0.0; layout.qpos.len() + layout.qvel.len()];
        Self { engine: engine.clone(), row: engine.fresh().to_vec(), fields, start }
    }

    fn part(&self, part: &Range<usize>) -> &[f64] {
        &self.row[part.clone()]
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        self.engine.model()
    }

    /// The clock, in seconds.
    #[must_use]
    pub fn time(&self) -> f64 {
        self.row[self.engine.layout().time]
    }

    /// Positions.
    #[must_use]
    pub fn qpos(&self) -> &[f64] {
        self.part(&self.engine.layout().qpos)
    }

    /// Velocities.
    #[must_use]
    pub fn qvel(&self) -> &[f64] {
        self.part(&self.engine.layout().qvel)
    }

    /// Controls.
    #[must_use]
    pub fn ctrl(&self) -> &[f64] {
        self.part(&self.engine.layout().ctrl)
    }

    /// The `k`-th of the engine's fields, as the last call left it. After a step those that
    /// follow from positions (`xpos`, ...) are of the state before its last substep.
    #[must_use]
    pub fn field(&self, k: usize) -> &[f64] {
        &self.fields[self.engine.layout().fields[k].clone()]
    }

    /// The whole state that the future depends on (`mjSTATE_INTEGRATION`, warm start included).
    #[must_use]
    pub fn state(&self) -> &[f64] {
        &self.row
    }

    /// Go to a state that [`Simulation::state`] gave. Fields follow with the next step.
    ///
    /// # Panics
    /// If it has another length.
    pub fn set_state(&mut self, state: &[f64]) {
        self.row.copy_from_slice(state);
    }

    /// Choose the controls.
    pub fn set_ctrl(&mut self, action: &[f32]) {
        let ctrl = &mut self.row[self.engine.layout().ctrl.clone()];
        ctrl.iter_mut().zip(action).for_each(|(c, a)| *c = f64::from(*a));
    }

    /// Start anew, at the start of the model with what `draw` changes in its positions and
    /// velocities.
    pub fn reset(&mut self, draw: impl FnOnce(&mut [f64], &mut [f64])) {
        let (qpos, qvel) = self.start.split_at_mut(self.engine.layout().qpos.len());
        let model = self.engine.model();
        qpos.copy_from_slice(model.start().0);
        qvel.copy_from_slice(model.start().1);
        draw(qpos, qvel);
        self.engine.reset(&mut self.row, &mut self.fields, &self.start);
    }

    /// Take `steps` steps with the controls chosen.
    ///
    /// # Errors
    /// If MuJoCo started over or stopped.
    pub fn step(&mut self, steps: u32) -> Result<(), Unstable> {
        let before = self.time();
        if let Some(text) = self.advance(steps) {
            return Err(Unstable::Stopped(text));
        }
        // Starting over sets the clock to 0; half a step leaves room for its rounding.
        let expected = before + (f64::from(steps) - 0.5) * self.model().timestep();
        if self.time() > expected { Ok(()) } else { Err(Unstable::StartedOver) }
    }

    /// Take steps; the message if MuJoCo stopped.
    pub(crate) fn advance(&mut self, steps: u32) -> Option<String> {
        self.engine.advance(&mut self.row, &mut self.fields, steps)
    }
}
