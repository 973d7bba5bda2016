//! Settings as keyword arguments, in the layers of the command line.

use crate::error::plain;
use gradwerk::Config;
use gradwerk::layers::{Preset, Resolved, Sources, resolve::to_toml};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::path::PathBuf;
use toml::Value;

/// A complete, valid configuration.
#[pyclass(frozen, name = "Config", module = "gradwerk._core")]
pub struct PyConfig {
    pub resolved: Resolved,
}

#[pymethods]
impl PyConfig {
    /// All settings as TOML, as `config.toml` of a run has them.
    fn toml(&self) -> String {
        to_toml(&self.resolved.config)
    }

    /// All settings as JSON.
    fn json(&self) -> PyResult<String> {
        serde_json::to_string(&self.resolved.config)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    #[getter]
    fn num_envs(&self) -> usize {
        self.resolved.config.env.num_envs
    }

    /// What the maker of the environment is told besides its name.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        options(py, &self.resolved.config)
    }

    /// Steps between periodic evaluations, 0 if there are none.
    #[getter]
    fn eval_every(&self) -> u64 {
        self.resolved.config.eval.every
    }

    /// Episodes of a periodic evaluation.
    #[getter]
    fn eval_episodes(&self) -> usize {
        self.resolved.config.eval.episodes
    }
}

/// What the maker of an environment is told besides its name.
///
/// # Errors
/// If Python cannot be asked.
pub fn options<'py>(py: Python<'py>, config: &Config) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(&config.env.options);
    let text = text.map_err(|error| PyValueError::new_err(error.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}

/// What a user may say of a run.
struct Asked<'py> {
    env_id: &'py str,
    algo: Option<&'py str>,
    file: Option<PathBuf>,
    settings: &'py Bound<'py, PyDict>,
    preset_of: Option<&'py str>,
}

impl Asked<'_> {
    fn sources(&self) -> PyResult<Sources> {
        let mut sources = Sources::new();
        if let Some(file) = &self.file {
            sources.file(file).map_err(plain)?;
        }
        let typed = format!("environment {}", self.env_id);
        sources.flag("env.id", self.env_id, &typed).map_err(plain)?;
        if let Some(algo) = self.algo {
            sources.flag("algo.kind", algo, &format!("algo={algo}")).map_err(plain)?;
        }
        for (key, value) in self.settings {
            let key: String = key.extract()?;
            push(&mut sources, &key.replace("__", "."), &value)?;
        }
        if let Some(name) = self.preset() {
            let typed = format!("the preset of {}", self.preset_of.unwrap_or_default());
            sources.flag("preset", name, &typed).map_err(plain)?;
        }
        Ok(sources)
    }

    /// The preset of the native twin of a Gymnasium environment, unless the user chose one.
    fn preset(&self) -> Option<&'static str> {
        let chosen = self.file.is_some() || self.settings.contains("preset").unwrap_or(true);
        let twin = self.preset_of.filter(|_| !chosen)?;
        let algo = self.algo.unwrap_or("ppo");
        let own = Preset::matching(self.env_id, algo);
        own.or_else(|| Preset::matching(twin, algo)).map(|preset| preset.name)
    }

    /// Say how many environments there are, and collect as much from them as is usual.
    fn fit(&self, sources: &mut Sources, n: usize) -> PyResult<()> {
        let nothing = PyDict::new(self.settings.py());
        let usual = Asked { file: None, settings: &nothing, ..*self }.sources()?;
        let usual = usual.resolve().map_err(plain)?.config;
        let typed = format!("the number of environments, {n}");
        let mut set =
            |key: &str, value: usize| sources.flag(key, value as i64, &typed).map_err(plain);
        set("env.num_envs", n)?;
        let (episodes, steps) = (usual.rollout.episodes, usual.rollout.steps);
        if self.says("rollout.episodes") || self.says("rollout.steps") {
            return Ok(());
        }
        if episodes > 0 {
            set("rollout.episodes", episodes.next_multiple_of(n))?;
        }
        set("rollout.steps", (steps * usual.env.num_envs / n).max(1))
    }

    fn says(&self, key: &str) -> bool {
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        let flat = self.settings.contains(key).unwrap_or(false)
            || self.settings.contains(key.replace('.', "__")).unwrap_or(false);
        let nested = self.settings.get_item(section).ok().flatten();
        flat || nested.is_some_and(|table| table.contains(name).unwrap_or(false))
    }
}

/// The configuration that the arguments stand for. `num_envs` is the number of environments where
/// it is not the user's choice: unless the rollout is given, as many transitions as otherwise are
/// collected per update. `options` are those of the environment where nothing is said of them.
#[pyfunction]
#[pyo3(signature = (env_id, algo, file, settings, preset_of=None, num_envs=None, options=None))]
pub fn resolve(
    env_id: &str,
    algo: Option<&str>,
    file: Option<PathBuf>,
    settings: &Bound<'_, PyDict>,
    preset_of: Option<&str>,
    num_envs: Option<usize>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<PyConfig> {
    let asked = Asked { env_id, algo, file, settings, preset_of };
    let mut sources = asked.sources()?;
    if let Some(n) = num_envs.filter(|_| asked.file.is_none() && !asked.says("env.num_envs")) {
        asked.fit(&mut sources, n)?;
    }
    let mut resolved = sources.resolve().map_err(plain)?;
    for (name, value) in options.into_iter().flatten() {
        let name: String = name.extract()?;
        let value = to_toml_value(&format!("env.options.{name}"), &value)?;
        resolved.config.env.options.entry(name).or_insert(value);
    }
    Ok(PyConfig { resolved })
}

/// Set `key`, or what a dictionary says below it.
fn push(sources: &mut Sources, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(table) = value.cast::<PyDict>() {
        for (name, value) in table {
            let name: String = name.extract()?;
            push(sources, &format!("{key}.{name}"), &value)?;
        }
        return Ok(());
    }
    let typed = format!("{key}={}", value.repr()?);
    sources.flag(key, to_toml_value(key, value)?, &typed).map_err(plain)
}

fn to_toml_value(key: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?.map(|item| to_toml_value(key, &item?));
        return Ok(Value::Array(items.collect::<PyResult<_>>()?));
    }
    // Numbers of numpy know how to become Python's.
    let value = &value.call_method0("item").unwrap_or_else(|_| value.clone());
    if let Ok(flag) = value.extract::<bool>() {
        return Ok(Value::Boolean(flag));
    }
    if let Ok(n) = value.extract::<i64>() {
        return Ok(Value::Integer(n));
    }
    if let Ok(x) = value.extract::<f64>() {
        return Ok(Value::Float(x));
    }
    if let Ok(text) = value.extract::<String>() {
        return Ok(Value::String(text));
    }
    if let Ok(path) = value.extract::<PathBuf>() {
        return Ok(Value::String(path.display().to_string()));
    }
    Err(PyTypeError::new_err(format!(
        "{key} = {}: expected a number, a string, True or False, a list or a dict",
        value.repr()?
    )))
}
