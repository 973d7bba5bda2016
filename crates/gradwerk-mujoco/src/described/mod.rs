//! Users' own models: a file `NAME.mjcf.toml` names a model (MJCF) and says what is observed, what
//! is rewarded and when an episode ends. The format is described in `docs/mujoco.md`.

mod anatomy;
mod part;
mod read;
mod rules;

use crate::engine::Engine;
use crate::find::Missing;
use crate::library::{Library, places};
use crate::model::Model;
use crate::task::{Loaded, anything};
use anatomy::Anatomy;
use gradwerk_env::registry::FileKind;
use gradwerk_env::tree::{self, FileError};
use gradwerk_env::{
    EnvError, EnvFactory, EnvSettings, EpisodeKeys, FindError, Fingerprint, Space, VecEnv,
};
use read::Head;
use rules::Described;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Files that describe what to do with a model.
pub const FILES: FileKind = FileKind { ending: ".mjcf.toml", load };

/// Begins the name of a model that comes with Gymnasium.
const GYMNASIUM: &str = "gymnasium:";

/// Makes batches of what a file describes.
struct DescribedFactory {
    id: String,
    summary: String,
    head: Head,
    loaded: Arc<Loaded<Described>>,
}

/// All that were asked for: each different description is kept (leaked) once.
static KNOWN: Mutex<Vec<&'static DescribedFactory>> = Mutex::new(Vec::new());

fn load(id: &str) -> Result<&'static dyn EnvFactory, FindError> {
    let found = open(id)?;
    read::need_reward(&found.loaded.rules).map_err(|fault| FileError::at(id, fault))?;
    Ok(found)
}

/// The environment that the file of this name describes, for whoever gives its rewards: the
/// description's own are 0 where it says none.
///
/// # Errors
/// As [`gradwerk_env::find`].
pub fn find_without_reward(id: &str) -> Result<&'static dyn EnvFactory, FindError> {
    Ok(open(id)?)
}

fn open(id: &str) -> Result<&'static DescribedFactory, FindError> {
    let text = tree::read(id)?;
    let fault = |fault| FileError::at(id, fault);
    let missing = |Missing(what): Missing| EnvError(format!("{id}: {what}"));
    let root = tree::parse(&text, id).map_err(fault)?;
    let head = read::head(&root).map_err(fault)?;
    let path = model_path(id, &head.model).map_err(missing)?;
    let model = Library::get().and_then(|library| Model::load(library, &path)).map_err(missing)?;
    let mut fingerprint = model.fingerprint();
    fingerprint.bytes(text.as_bytes());
    if let Some(known) = known(id, fingerprint) {
        return Ok(known);
    }
    let engine = Engine::new(&model, &[]).map_err(missing)?;
    let anatomy = Anatomy::of(&engine).map_err(missing)?;
    let (rules, fields) = read::rules(&root, &anatomy).map_err(fault)?;
    let action = action_space(&engine, &anatomy).map_err(missing)?;
    let loaded = loaded(model, &head, (rules, fields), action, fingerprint).map_err(missing)?;
    Ok(keep(DescribedFactory::new(id, head, loaded)))
}

fn known(id: &str, fingerprint: Fingerprint) -> Option<&'static DescribedFactory> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |factory: &&&DescribedFactory| {
        factory.id == id && factory.loaded.fingerprint == fingerprint.finish()
    };
    known.iter().find(same).copied()
}

fn keep(factory: DescribedFactory) -> &'static DescribedFactory {
    let kept: &'static DescribedFactory = Box::leak(Box::new(factory));
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
    kept
}

/// Where the model is: beside the description, or among Gymnasium's.
fn model_path(id: &str, model: &str) -> Result<PathBuf, Missing> {
    match model.strip_prefix(GYMNASIUM) {
        Some(file) => Ok(places()?.models.as_ref().map_err(Clone::clone)?.path.join(file)),
        None => Ok(Path::new(id).parent().unwrap_or(Path::new("")).join(model)),
    }
}

/// Every actuator within its range.
fn action_space(engine: &Engine, anatomy: &Anatomy) -> Result<Space, Missing> {
    let (file, ranges) = (engine.model().name(), engine.model_field("actuator_ctrlrange")?);
    let (ranges, _) = ranges.as_chunks::<2>();
    if let Some(k) = ranges.iter().position(|[low, high]| low >= high) {
        let actuator = &anatomy.actuators[k];
        return Err(Missing(format!(
            "{file}: actuator {k} `{actuator}` has no ctrlrange, expected one (low below high): it \
             is the range of actions"
        )));
    }
    if ranges.is_empty() {
        return Err(Missing(format!("{file}: no actuators, expected at least one")));
    }
    let side = |k: usize| ranges.iter().map(|range| range[k] as f32).collect();
    Ok(Space::Box { low: side(0), high: side(1) })
}

fn loaded(
    model: Arc<Model>,
    head: &Head,
    (rules, fields): (Described, Vec<&'static str>),
    action: Space,
    fingerprint: Fingerprint,
) -> Result<Arc<Loaded<Described>>, Missing> {
    let mut loaded = Loaded {
        rules,
        model,
        frame_skip: head.frame_skip,
        observation: anything(0),
        action,
        fields,
        fingerprint: fingerprint.finish(),
    };
    loaded.observation = anything(loaded.observed()?);
    Ok(Arc::new(loaded))
}

impl DescribedFactory {
    fn new(id: &str, head: Head, loaded: Arc<Loaded<Described>>) -> Self {
        let summary = format!("described for {}; needs MuJoCo", loaded.model.name());
        Self { id: id.into(), summary, head, loaded }
    }
}

impl EnvFactory for DescribedFactory {
    fn id(&self) -> &str {
        &self.id
    }
    fn summary(&self) -> &str {
        &self.summary
    }
    fn default_time_limit(&self) -> Option<u32> {
        self.head.time_limit
    }
    fn solved_at(&self) -> Option<f64> {
        self.head.solved_at
    }
    fn observation_space(&self) -> Space {
        self.loaded.observation.clone()
    }
    fn action_space(&self) -> Space {
        self.loaded.action.clone()
    }
    fn simulator(&self) -> Option<String> {
        Some(format!("MuJoCo {}", self.loaded.model.library().version()))
    }
    fn make(
        &self,
        seed: u64,
        keys: EpisodeKeys,
        num_envs: usize,
        settings: &EnvSettings,
    ) -> Box<dyn VecEnv> {
        let batch = self.loaded.batch(seed, keys, num_envs, settings);
        batch.unwrap_or_else(|missing| panic!("{}: {missing}", self.id))
    }
}
