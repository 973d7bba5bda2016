//! A run that goes on: updates, evaluations and checkpoints, until something says stop.

use super::{JOURNAL, RunOptions, Watch};
use crate::Error;
use crate::estimate::Ess;
use crate::evaluate::{EvalOptions, evaluate_until};
use crate::run::checkpoint;
use crate::run::curve;
use crate::run::dir::RunDir;
use crate::run::metrics::{Row, Writer};
use crate::run::observe::{Begun, Progress};
use crate::run::plot::Options;
use crate::run::summary::{Journal, Outcome, Summary};
use crate::trainer::{Report, Trainer};
use gradwerk_env::EnvFactory;
use gradwerk_math::Pool;
use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What a run is made of.
pub(super) struct Parts<'a> {
    pub(super) dir: RunDir,
    pub(super) lock: File,
    pub(super) trainer: Trainer,
    pub(super) env: &'a dyn EnvFactory,
    pub(super) metrics: Writer,
    pub(super) journal: Journal,
    pub(super) mean_return: Option<f64>,
}

/// A run that goes on.
pub(super) struct Run<'a> {
    pub(super) dir: RunDir,
    /// Held until the run returns.
    _lock: File,
    pub(super) trainer: Trainer,
    pub(super) env: &'a dyn EnvFactory,
    pub(super) metrics: Writer,
    pub(super) journal: Journal,
    pub(super) options: RunOptions,
    watch: Watch<'a>,
    /// Seconds of training before this session.
    wall_before: f64,
    steps_before: u64,
    /// Steps and time of the last checkpoint.
    saved: Option<(u64, Instant)>,
    pool: Option<Pool>,
    pub(super) mean_return: Option<f64>,
    /// Whether it was said that too little is left of a batch.
    warned: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(parts: Parts<'a>, options: &RunOptions, watch: Watch<'a>) -> Self {
        let Parts { dir, lock, trainer, env, metrics, journal, mean_return } = parts;
        Self {
            dir,
            _lock: lock,
            env,
            metrics,
            wall_before: journal.wall_s,
            steps_before: trainer.counters().steps,
            mean_return,
            trainer,
            journal,
            options: options.clone(),
            watch,
            saved: None,
            pool: None,
            warned: false,
        }
    }

    /// Update until something says stop, then leave everything on the disk.
    pub(super) fn go(mut self) -> Result<Summary, Error> {
        self.begin();
        let mut next = self.make_up();
        let outcome = loop {
            if let (Ok(()), Some(outcome)) = (&next, self.outcome()) {
                break outcome;
            }
            if let Err(error) = next.and_then(|()| self.update()) {
                self.watch.observer.ended();
                self.point_to_checkpoint();
                return Err(error);
            }
            next = Ok(());
        };
        self.watch.observer.ended();
        self.close(outcome)
    }

    /// What is left after a failure.
    fn point_to_checkpoint(&mut self) {
        let Some((steps, path, _)) =
            checkpoint::latest(&self.dir.checkpoints()).ok().and_then(|latest| latest.found)
        else {
            self.watch
                .observer
                .warning("the run has no checkpoint yet: `gradwerk resume` begins it again");
            return;
        };
        let path = path.display();
        self.watch.observer.warning(&format!("the last good checkpoint ({steps} steps) is {path}"));
    }

    fn begin(&mut self) {
        let begun = Begun {
            config: self.trainer.config(),
            run_dir: self.dir.root(),
            steps: self.steps_before,
            limit: self.journal.limit,
        };
        self.watch.observer.begun(&begun);
        if !self.trainer.exact_resume() {
            self.watch.observer.warning(
                "exact_resume: false; this environment cannot save its state, so that a resumed \
                 run begins new episodes",
            );
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        let steps = self.trainer.counters().steps;
        // A run that was solved and is resumed goes on to its end.
        let solved_now = self.journal.solved_at_steps == Some(steps) && steps > self.steps_before;
        if self.journal.pending.is_some() {
            // Not even a finished run is done before its last evaluation.
            Some(Outcome::Interrupted)
        } else if self.trainer.finished() {
            Some(Outcome::Finished)
        } else if solved_now {
            Some(Outcome::Solved)
        } else if self.options.stop_at.is_some_and(|stop| steps >= stop) {
            Some(Outcome::Stopped)
        } else if self.watch.interrupt.load(Ordering::Relaxed) {
            Some(Outcome::Interrupted)
        } else {
            None
        }
    }

    fn update(&mut self) -> Result<(), Error> {
        let report = self.trainer.update()?;
        self.mean_return = report.mean_return;
        self.journal.wall_s = self.wall_s();
        self.note_return(&report);
        self.warn_of_low_ess(&report);
        let row = self.row(&report)?;
        self.evaluate_and_append(row)?;
        let due =
            |at: Instant| at.elapsed().as_secs_f64() >= self.trainer.config().checkpoint.every_s;
        if due(self.saved.map_or(self.options.started, |saved| saved.1)) {
            self.save()?;
        }
        let progress = Progress {
            report: &report,
            limit: self.journal.limit,
            wall_s: self.journal.wall_s,
            steps_per_s: self.session_rate(),
        };
        self.watch.observer.updated(&progress);
        Ok(())
    }

    /// A batch that is forgotten is experience paid for and lost, and one that is used with
    /// little left of it is worth little: say so, once per session.
    fn warn_of_low_ess(&mut self, report: &Report) {
        let steps = report.counters.steps;
        let dropped = report.stats.batches_dropped.filter(|n| *n > 0);
        let text = match (dropped, report.stats.low_ess) {
            (Some(dropped), _) => format!(
                "{dropped} stored batches forgotten after {steps} steps: too little of them was \
                 left after importance weighting (algo.min_ess); `batches_dropped` of the metrics \
                 counts on. Smaller steps (lr) or fewer algo.batches waste less"
            ),
            (None, Some(Ess { ess, samples })) => format!(
                "after {steps} steps the importance weights leave {ess:.2} of {samples} samples of \
                 a batch, below algo.min_ess: it is used all the same (algo.low_ess = \"warn\"), \
                 and what is learned from it is hardly to be trusted; `ess` of the metrics tells on"
            ),
            (None, None) => return,
        };
        if !std::mem::replace(&mut self.warned, true) {
            self.watch.observer.warning(&text);
        }
    }

    fn wall_s(&self) -> f64 {
        self.wall_before + self.options.started.elapsed().as_secs_f64()
    }

    pub(super) fn session_rate(&self) -> f64 {
        let steps = self.trainer.counters().steps - self.steps_before;
        steps as f64 / self.options.started.elapsed().as_secs_f64()
    }

    /// The best mean return, and whether `--until` is reached.
    fn note_return(&mut self, report: &Report) {
        let Some(mean) = report.mean_return.filter(|_| report.window_full) else { return };
        let journal = &mut self.journal;
        if journal.best_mean_return_100.is_none_or(|best| mean > best) {
            journal.best_mean_return_100 = Some(mean);
        }
        let reached = journal.until.is_some_and(|until| mean >= until);
        if reached && journal.solved_at_steps.is_none() {
            journal.solved_at_steps = Some(report.counters.steps);
            journal.solved_at_s = Some(journal.wall_s);
        }
    }

    /// The evaluation that was interrupted when the run stopped.
    fn make_up(&mut self) -> Result<(), Error> {
        let Some(line) = self.journal.pending.take() else { return Ok(()) };
        self.evaluate_and_append(Row::parse(&line).map_err(Error::usage)?)?;
        self.save()
    }

    /// Evaluate if it is due, and write the row of the update.
    fn evaluate_and_append(&mut self, mut row: Row) -> Result<(), Error> {
        if self.evaluate(&mut row)? {
            self.metrics.append(&row)?;
        } else {
            self.journal.pending = Some(row.to_json());
        }
        Ok(())
    }

    /// Evaluate if it is due, and keep the best policy; false if that was interrupted.
    fn evaluate(&mut self, row: &mut Row) -> Result<bool, Error> {
        let (every, episodes) =
            (self.trainer.config().eval.every, self.trainer.config().eval.episodes);
        let steps = self.trainer.counters().steps;
        if every == 0 || steps < self.journal.next_evaluation {
            return Ok(true);
        }
        let pool = self.pool.get_or_insert_with(|| Pool::new(self.options.runtime.threads));
        let policy = self.trainer.policy();
        let options = EvalOptions { episodes, seed: self.trainer.config().seed, stochastic: false };
        let result = evaluate_until(&policy, self.env, options, pool, self.watch.interrupt)?;
        let Some(result) = result else { return Ok(false) };
        self.journal.next_evaluation = (steps / every + 1) * every;
        row.set("eval_mean_return", result.mean_return)?;
        row.set("eval_std_return", result.std_return)?;
        let best = self.journal.best_evaluation.is_none_or(|best| result.mean_return > best);
        if best {
            self.journal.best_evaluation = Some(result.mean_return);
            policy.save(&self.dir.best())?;
        }
        self.watch.observer.evaluated(steps, &result, best);
        Ok(true)
    }

    /// Write a checkpoint and the policy.
    pub(super) fn save(&mut self) -> Result<(), Error> {
        self.metrics.sync()?;
        self.journal.metrics_bytes = self.metrics.bytes();
        self.journal.wall_s = self.wall_s();
        let mut state = self.trainer.state()?;
        state.put_meta(JOURNAL, &self.journal)?;
        let steps = self.trainer.counters().steps;
        checkpoint::save(&self.dir.checkpoints(), steps, &state)?;
        self.trainer.policy().save(&self.dir.policy())?;
        self.saved = Some((steps, Instant::now()));
        Ok(())
    }

    fn close(mut self, outcome: Outcome) -> Result<Summary, Error> {
        let steps = self.trainer.counters().steps;
        if steps > self.steps_before || steps == 0 {
            if self.saved.is_none_or(|saved| saved.0 != steps) {
                self.save()?;
            }
        } else if !self.dir.policy().exists() {
            // The process died between its last checkpoint and this file.
            self.trainer.policy().save(&self.dir.policy())?;
        }
        self.draw();
        self.summary(outcome)
    }

    /// The curve is a convenience: a run does not fail because it cannot be drawn.
    fn draw(&mut self) {
        if self.trainer.counters().updates == 0 {
            return;
        }
        let mut options = Options::default();
        let config = self.trainer.config();
        if config.data().is_some() {
            // No episode is played: what else there is to see.
            let metric = match (config.eval.every > 0, config.algo.settings().weighs_actions()) {
                (true, _) => "eval_mean_return",
                (false, true) => "ess",
                (false, false) => "log_likelihood",
            };
            options.metric = metric.to_owned();
        }
        if let Err(error) = curve::draw(&[self.dir.root().to_owned()], &self.dir.curve(), options) {
            self.watch.observer.warning(&format!("no learning curve: {error}"));
        }
    }
}
