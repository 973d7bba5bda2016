//! Where copies of a Python environment come from.

use super::mask::{self, MaskSource};
use super::parallel::ParallelEnvs;
use super::scalar::{Rules, ScalarEnvs};
use super::source::{Agents, Source, check_same, spaces_of, take, take_vector};
use super::spares::Spares;
use super::vector::{AutoReset, VectorEnvs};
use super::workers::WorkerEnvs;
use super::{Bounds, Failure, Interface};
use gradwerk_env::{Batching, EnvFactory, EnvSettings, EpisodeKeys, Space, VecEnv};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;

/// A Python environment that gradwerk can train on and evaluate in.
#[pyclass(frozen, name = "Environment", module = "gradwerk._core")]
pub struct PyEnvironment {
    interface: Arc<Interface>,
    training: Source,
    evaluation: Option<Source>,
    time_limit: Option<u32>,
    mode: Option<AutoReset>,
    /// Whether it was made of a name and options.
    named: bool,
    /// What it stands on, with its release.
    simulator: Option<String>,
    /// Slots of the training, where they are fixed.
    fixed: Option<usize>,
    /// Slots of an evaluation.
    evaluated: usize,
}

type Given = (String, Py<PyAny>);

/// How an environment is treated.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Manner {
    masks: Option<bool>,
    /// Whether leaving the bounds is an error; None: a warning where the environment is a name.
    check_bounds: Option<bool>,
    named: bool,
    simulator: Option<String>,
}

#[pymethods]
impl PyEnvironment {
    #[new]
    fn new(
        py: Python<'_>,
        id: String,
        training: (String, Py<PyAny>, Bound<'_, PyAny>),
        evaluation: Option<Given>,
        manner: Manner,
    ) -> PyResult<Self> {
        let (kind, object, probe) = training;
        let training = Source::of(py, &kind, object, Some(&probe))?;
        let evaluation =
            evaluation.map(|(kind, object)| Source::of(py, &kind, object, None)).transpose()?;
        if let Some(spares) = training.spares() {
            spares.keep(Some(probe.clone().unbind()));
        }
        let mode = training.is_vector().then(|| AutoReset::of(&probe)).transpose()?;
        let (observation, action) = spaces_of(&training, &probe)?;
        let mut interface = Interface::new(id, observation, action, Failure::default());
        let several = training.agents().is_some();
        interface.masks = mask_source(&probe, &interface, manner.masks, several)?;
        // Who only knows a name cannot correct the bounds.
        let strict = manner.check_bounds.unwrap_or(!manner.named);
        let looks = manner.check_bounds != Some(false);
        interface.bounds = looks.then(|| Bounds::of(&interface.observation_space, strict));
        if let Some(source) = &evaluation {
            check_same(py, source, &interface)?;
        }
        let evaluated = evaluation.as_ref().unwrap_or(&training);
        Ok(Self {
            fixed: training.fixed(py)?,
            evaluated: evaluated.evaluated(py)?,
            time_limit: time_limit(&probe)?,
            interface: Arc::new(interface),
            training,
            evaluation,
            mode,
            named: manner.named,
            simulator: manner.simulator,
        })
    }

    /// Number of its environments, None if as many can be made as are wanted.
    #[getter]
    fn num_envs(&self) -> Option<usize> {
        self.fixed
    }

    /// Name, as configurations have it.
    #[getter]
    fn id(&self) -> &str {
        &self.interface.id
    }

    /// Agents of each of its environments, which share the policy.
    #[getter]
    fn num_agents(&self) -> usize {
        self.training.agents().map_or(1, |agents| agents.len())
    }

    /// Whether it can be evaluated while it is trained on.
    #[getter]
    fn has_evaluation(&self) -> bool {
        self.evaluation.is_some() || self.training.makes()
    }

    /// Whether actions are masked.
    #[getter]
    fn has_masks(&self) -> bool {
        EnvFactory::has_masks(self)
    }

    /// Close the environments that the factories made and that are not in use.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        for source in [Some(&self.training), self.evaluation.as_ref()].into_iter().flatten() {
            let Some(spares) = source.spares() else { continue };
            spares
                .take(usize::MAX)
                .iter()
                .try_for_each(|env| env.call_method0(py, "close").map(|_| ()))?;
        }
        Ok(())
    }
}

/// Steps after which Gymnasium itself truncates, where its registry says so.
fn time_limit(env: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
    let spec = env.getattr("spec").ok().filter(|spec| !spec.is_none());
    spec.map_or(Ok(None), |spec| spec.getattr("max_episode_steps")?.extract())
}

/// Where the environment keeps its masks; `wanted` is what the user says of them.
fn mask_source(
    env: &Bound<'_, PyAny>,
    interface: &Interface,
    wanted: Option<bool>,
    per_agent: bool,
) -> PyResult<MaskSource> {
    if wanted == Some(false) || interface.choices.is_empty() {
        return Ok(MaskSource::None);
    }
    if !per_agent && mask::method(env).is_ok_and(|method| method.is_callable()) {
        return Ok(MaskSource::Method);
    }
    let options = PyDict::new(env.py());
    options.set_item("seed", 0)?;
    let (_, info) = super::outcome::of_reset(&env.call_method("reset", (), Some(&options))?)?;
    let mut infos = vec![info.clone()];
    if per_agent {
        infos = info.call_method0("values")?.try_iter()?.collect::<PyResult<_>>()?;
    }
    for info in infos {
        if info.contains(mask::ENTRY)? {
            return Ok(MaskSource::Info);
        }
    }
    if wanted == Some(true) {
        return Err(PyValueError::new_err(format!(
            "masks=True, but {} has neither a method `{}` nor info[\"{}\"]",
            interface.id,
            mask::METHOD,
            mask::ENTRY
        )));
    }
    Ok(MaskSource::None)
}

/// Start worker processes for `n` slots.
fn start(
    py: Python<'_>,
    workers: &Py<PyAny>,
    interface: &Interface,
    n: usize,
    rules: Rules,
) -> PyResult<Py<PyAny>> {
    let (first, stride) = match rules.keys {
        EpisodeKeys::Training { first } => (first, None),
        EpisodeKeys::Evaluation { first, stride } => (first, Some(stride)),
    };
    let share = PyDict::new(py);
    share.set_item("seed", rules.seed)?;
    share.set_item("first", first)?;
    share.set_item("stride", stride)?;
    share.set_item("count", n)?;
    share.set_item("time_limit", rules.settings.time_limit)?;
    share.set_item("frame_skip", rules.settings.frame_skip)?;
    let (wd, wc) = interface.action_widths;
    let widths = (interface.obs_width, wd, wc, interface.mask_width());
    let manner = PyDict::new(py);
    manner.set_item("masks", interface.masks != MaskSource::None)?;
    let strict = interface.bounds.as_ref().map(|bounds| bounds.strict);
    manner.set_item("check_bounds", strict.map_or(Some(false), |strict| strict.then_some(true)))?;
    manner.set_item("named", strict == Some(false))?;
    manner.set_item("simulator", py.None())?;
    workers.call_method1(py, "start", (&interface.id, share, widths, manner))
}

impl PyEnvironment {
    /// The exception that ended a run, once.
    pub fn take_exception(&self) -> Option<PyErr> {
        self.interface.failure.take()
    }

    fn scalar(
        &self,
        py: Python<'_>,
        envs: PyResult<Vec<Py<PyAny>>>,
        rules: Rules,
        spares: Spares,
    ) -> Box<dyn VecEnv> {
        Box::new(ScalarEnvs::new(py, Arc::clone(&self.interface), envs, rules, spares))
    }

    /// Slots of this process for another one that leads the run.
    pub fn slots(&self, py: Python<'_>, n: usize, rules: Rules) -> ScalarEnvs {
        let envs = match &self.training {
            Source::Factory(make, spares) => take(py, make, spares, n),
            _ => Err(PyTypeError::new_err("a worker process needs a function that makes one")),
        };
        ScalarEnvs::new(py, Arc::clone(&self.interface), envs, rules, Spares::default())
    }

    /// Discrete and continuous components of an action.
    pub fn action_widths(&self) -> (usize, usize) {
        self.interface.action_widths
    }

    /// Parallel environments with `n` slots.
    fn parallel(
        &self,
        py: Python<'_>,
        source: &Source,
        agents: &Agents,
        n: usize,
        rules: Rules,
    ) -> Box<dyn VecEnv> {
        let k = agents.len();
        let envs = match source {
            _ if rules.settings.frame_skip != 1 => Err(PyValueError::new_err(format!(
                "env.frame_skip = {}: a parallel environment steps by itself, expected 1",
                rules.settings.frame_skip
            ))),
            _ if !n.is_multiple_of(k) => Err(PyValueError::new_err(format!(
                "{n} environments or episodes, expected a multiple of {k}: each copy has {k} agents"
            ))),
            Source::ParallelFactory(make, _, spares) => take(py, make, spares, n / k),
            Source::Parallel(env, _) if n == k => Ok(vec![env.clone_ref(py)]),
            _ => Err(PyValueError::new_err(format!(
                "env.num_envs = {n}, but there is one environment of {k} agents: pass a function \
                 that makes them"
            ))),
        };
        let (interface, agents) = (Arc::clone(&self.interface), Arc::clone(agents));
        let spares = source.spares().cloned().unwrap_or_default();
        Box::new(ParallelEnvs::new(py, interface, agents, envs, rules, spares))
    }

    fn make_from(
        &self,
        py: Python<'_>,
        source: &Source,
        n: usize,
        rules: Rules,
    ) -> Box<dyn VecEnv> {
        // What the user brought is not ours to hand out again, or to close.
        let nowhere = Spares::default;
        let failed = |error| self.scalar(py, Err(error), rules, nowhere());
        match source {
            Source::Factory(make, spares) => {
                self.scalar(py, take(py, make, spares, n), rules, spares.clone())
            }
            Source::Instance(env) if n == 1 => {
                self.scalar(py, Ok(vec![env.clone_ref(py)]), rules, nowhere())
            }
            Source::Instance(_) => failed(PyValueError::new_err(format!(
                "env.num_envs = {n}, but there is one environment: pass a function that makes them"
            ))),
            Source::Workers(workers) => {
                let crew = start(py, workers, &self.interface, n, rules);
                Box::new(WorkerEnvs::new(py, Arc::clone(&self.interface), crew, n))
            }
            Source::Parallel(_, agents) | Source::ParallelFactory(_, agents, _) => {
                self.parallel(py, source, agents, n, rules)
            }
            Source::Vector(_) | Source::Vectors(..) if rules.settings.frame_skip != 1 => {
                failed(PyValueError::new_err(format!(
                    "env.frame_skip = {}: a vector environment steps by itself, expected 1",
                    rules.settings.frame_skip
                )))
            }
            Source::Vector(env) => self.vector(py, Ok(env.clone_ref(py)), n, rules, nowhere()),
            Source::Vectors(make, spares) => {
                let env = take_vector(py, make, spares, n);
                self.vector(py, env, n, rules, spares.clone())
            }
        }
    }

    fn vector(
        &self,
        py: Python<'_>,
        env: PyResult<Py<PyAny>>,
        n: usize,
        rules: Rules,
        spares: Spares,
    ) -> Box<dyn VecEnv> {
        let interface = Arc::clone(&self.interface);
        match env.and_then(|env| VectorEnvs::new(env.bind(py), interface, n, rules, spares)) {
            Ok(envs) => Box::new(envs),
            Err(error) => self.scalar(py, Err(error), rules, Spares::default()),
        }
    }
}

impl EnvFactory for PyEnvironment {
    fn id(&self) -> &str {
        &self.interface.id
    }

    fn default_time_limit(&self) -> Option<u32> {
        self.time_limit
    }

    fn observation_space(&self) -> Space {
        self.interface.observation_space.clone()
    }

    fn action_space(&self) -> Space {
        self.interface.action_space.clone()
    }

    fn has_masks(&self) -> bool {
        self.interface.masks != MaskSource::None
    }

    fn batching(&self) -> Batching {
        Batching::Whole { evaluation: self.evaluated }
    }

    fn has_reset_rows(&self) -> bool {
        self.mode == Some(AutoReset::NextStep) || self.training.agents().is_some()
    }

    fn exact_resume(&self) -> bool {
        false
    }

    fn takes_options(&self) -> bool {
        self.named
    }

    fn simulator(&self) -> Option<String> {
        self.simulator.clone()
    }

    fn interface(&self) -> Option<String> {
        let codecs = (&self.interface.observation, &self.interface.action);
        serde_json::to_string(&codecs).ok()
    }

    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv> {
        let rules = Rules { seed, keys, settings: *settings };
        let source = match keys {
            EpisodeKeys::Training { .. } => &self.training,
            EpisodeKeys::Evaluation { .. } => self.evaluation.as_ref().unwrap_or(&self.training),
        };
        Python::attach(|py| self.make_from(py, source, num_envs, rules))
    }
}
