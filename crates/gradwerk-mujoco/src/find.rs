//! Where MuJoCo's library and the models of the tasks are.
//!
//! Both come with Python packages. The library is the one that the setting [`LIBRARY_SETTING`]
//! names (the file or its folder), else the environment variable [`LIBRARY_VARIABLE`], else that
//! of the package `mujoco` of the active Python; the models are in the folder that
//! [`MODELS_SETTING`] names, else [`MODELS_VARIABLE`], else in the package `gymnasium`. Python is
//! asked only where its packages are; nothing is run in it later.

use gradwerk_env::outside;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The setting that names the library, or the folder that it lies in.
pub const LIBRARY_SETTING: &str = "mujoco.library";
/// The setting that names the folder with the models (`half_cheetah.xml`, ...).
pub const MODELS_SETTING: &str = "mujoco.models";
/// Names the library, or the folder that it lies in.
pub const LIBRARY_VARIABLE: &str = "GRADWERK_MUJOCO";
/// Names the folder with the models (`half_cheetah.xml`, ...).
pub const MODELS_VARIABLE: &str = "GRADWERK_MUJOCO_MODELS";
/// What installs everything that is needed.
pub const INSTALL: &str = "pip install mujoco gymnasium";

/// What is missing, and how to get it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

/// A place, and who says so: a setting, a variable, or the package that it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file or folder.
    pub path: PathBuf,
    /// Who says so.
    pub by: &'static str,
}

/// Where the two things are that the tasks need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The library.
    pub library: Result<Found, Missing>,
    /// The folder with the models.
    pub models: Result<Found, Missing>,
}

/// What the user says about the two places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    library: Option<Found>,
    models: Option<Found>,
}

impl Said {
    /// What the settings say now, else the variables.
    #[must_use]
    pub fn now() -> Self {
        Self {
            library: said(LIBRARY_SETTING, LIBRARY_VARIABLE),
            models: said(MODELS_SETTING, MODELS_VARIABLE),
        }
    }
}

fn said(setting: &'static str, variable: &'static str) -> Option<Found> {
    if let Some(path) = outside::chosen(setting) {
        return Some(Found { path: path.into(), by: setting });
    }
    let path = std::env::var_os(variable).filter(|value| !value.is_empty())?;
    Some(Found { path: path.into(), by: variable })
}

/// Searches the active Python for something in a package.
type Search<'a> = &'a dyn Fn(&str, Wanted) -> Option<PathBuf>;

impl Places {
    /// Where they are: as the user says, else in the packages of the active Python.
    #[must_use]
    pub fn look(said: &Said) -> Self {
        Self::with(said, &search_pythons)
    }

    fn with(said: &Said, search: Search<'_>) -> Self {
        let library = match &said.library {
            Some(named) => named_library(named),
            None => in_package("mujoco", library_in, search).ok_or_else(|| {
                let how =
                    format!("{LIBRARY_SETTING} or {LIBRARY_VARIABLE} to the path of libmujoco");
                Missing(format!(
                    "MuJoCo is not installed in the active Python: {INSTALL}, or set {how}"
                ))
            }),
        };
        let models = match &said.models {
            Some(named) => named_models(named),
            None => in_package("gymnasium", models_in, search).ok_or_else(|| {
                let how =
                    format!("{MODELS_SETTING} or {MODELS_VARIABLE} to the folder with half_cheetah.xml");
                Missing(format!("the models of the MuJoCo tasks are missing (they come with Gymnasium): {INSTALL}, or set {how}"))
            }),
        };
        Self { library, models }
    }
}

/// What is wanted from the folder of a package, if it is there.
type Wanted = fn(&Path) -> Option<PathBuf>;

fn in_package(package: &'static str, wanted: Wanted, search: Search<'_>) -> Option<Found> {
    Some(Found { path: search(package, wanted)?, by: package })
}

fn named_library(Found { path, by }: &Found) -> Result<Found, Missing> {
    let found = if path.is_file() { Some(path.clone()) } else { library_in(path) };
    found.map(|path| Found { path, by }).ok_or_else(|| {
        let path = path.display();
        Missing(format!(
            "{by} = {path}: neither the library of MuJoCo nor a folder with one ({})",
            patterns().join(" or ")
        ))
    })
}

fn named_models(named: &Found) -> Result<Found, Missing> {
    if named.path.is_dir() {
        return Ok(named.clone());
    }
    Err(Missing(format!("{} = {}: not a folder", named.by, named.path.display())))
}

/// The models inside the package `gymnasium`.
fn models_in(package: &Path) -> Option<PathBuf> {
    let folder = package.join("envs").join("mujoco").join("assets");
    folder.is_dir().then_some(folder)
}

/// The library in a folder; of several the last by name.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(is_library)).max()
}

/// What the library is called on this system, for messages.
fn patterns() -> &'static [&'static str] {
    match std::env::consts::OS {
        "windows" => &["mujoco.dll"],
        "macos" => &["libmujoco.dylib", "libmujoco.VERSION.dylib"],
        _ => &["libmujoco.so", "libmujoco.so.VERSION"],
    }
}

/// Whether a file is called as the library is.
fn is_library(name: &str) -> bool {
    match std::env::consts::OS {
        "windows" => name == "mujoco.dll",
        "macos" => name.starts_with("libmujoco.") && name.ends_with(".dylib"),
        _ => name == "libmujoco.so" || name.starts_with("libmujoco.so."),
    }
}

/// What is wanted from the package of the first active Python that has it: that of `VIRTUAL_ENV`,
/// then those on the path.
fn search_pythons(package: &str, wanted: Wanted) -> Option<PathBuf> {
    pythons().iter().find_map(|python| wanted(&ask(python, package)?))
}

/// The interpreter that is asked first, if somebody named one.
static FIRST: OnceLock<PathBuf> = OnceLock::new();

/// Ask this interpreter for the packages before all others; the first call counts.
pub fn ask_first(python: PathBuf) {
    let _ = FIRST.set(python);
}

fn pythons() -> Vec<PathBuf> {
    let own = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from).map(|folder| {
        let inside = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        folder.join(inside)
    });
    FIRST
        .get()
        .cloned()
        .into_iter()
        .chain(own)
        .chain(["python3", "python"].map(PathBuf::from))
        .collect()
}

/// Prints where the package would be imported from. The folder that one happens to be in does
/// not count.
const PROGRAM: &str = "import importlib.util, sys\n\
        sys.path = [folder for folder in sys.path if folder]\n\
        spec = importlib.util.find_spec(sys.argv[1])\n\
        print(list(spec.submodule_search_locations)[0] if spec else '')";

/// Where this interpreter would import the package from, without importing it.
fn ask(python: &Path, package: &str) -> Option<PathBuf> {
    let answer = Command::new(python).args(["-c", PROGRAM, package]).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let folder = text.trim();
    (answer.status.success() && !folder.is_empty()).then(|| PathBuf::from(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn nowhere(_: &str, _: Wanted) -> Option<PathBuf> {
        None
    }

    fn library_name() -> &'static str {
        patterns()[0]
    }

    fn library(path: &Path) -> Result<Found, Missing> {
        let named = Found { path: path.to_owned(), by: LIBRARY_SETTING };
        Places::with(&Said { library: Some(named), models: None }, &nowhere).library
    }

    #[test]
    fn what_is_missing_is_said_with_the_line_that_installs_it() {
        let places = Places::with(&Said::default(), &nowhere);
        for missing in [places.library.unwrap_err(), places.models.unwrap_err()] {
            assert!(missing.to_string().contains("pip install mujoco gymnasium"), "{missing}");
        }
    }

    #[test]
    fn a_setting_names_the_library_or_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(library_name());
        let error = library(folder.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("mujoco.library = ") && error.contains(library_name()),
            "{error}"
        );
        fs::write(&file, "").unwrap();
        let found = Found { path: file.clone(), by: LIBRARY_SETTING };
        assert_eq!(library(folder.path()).unwrap(), found);
        assert_eq!(library(&file).unwrap(), found);
    }

    #[test]
    fn packages_are_searched_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, full) = (folder.path().join("a"), folder.path().join("b"));
        let models = full.join("envs").join("mujoco").join("assets");
        fs::create_dir_all(&empty).unwrap();
        fs::create_dir_all(&models).unwrap();
        fs::write(full.join(library_name()), "").unwrap();
        let search = |_: &str, wanted: Wanted| [&empty, &full].into_iter().find_map(|f| wanted(f));
        let places = Places::with(&Said::default(), &search);
        let library = places.library.unwrap();
        assert_eq!((library.path, library.by), (full.join(library_name()), "mujoco"));
        let found = places.models.unwrap();
        assert_eq!((found.path, found.by), (models, "gymnasium"));
    }

    #[test]
    fn a_setting_beats_a_variable() {
        // The variable of the search path is set wherever tests run.
        assert_eq!(said("mujoco.tested", "PATH").unwrap().by, "PATH");
        outside::choose("mujoco.tested", "there");
        let found = said("mujoco.tested", "PATH").unwrap();
        assert_eq!(found, Found { path: "there".into(), by: "mujoco.tested" });
    }

    /// As in a folder of one's own experiments, one of which is called `json.py`.
    #[test]
    fn a_file_beside_the_user_does_not_hide_a_package() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("json.py"), "").unwrap();
        let mut python = Command::new("python3");
        let answer = python.args(["-c", PROGRAM, "json"]).current_dir(folder.path()).output();
        let text = String::from_utf8(answer.unwrap().stdout).unwrap();
        assert!(text.trim().ends_with("json"), "{text}");
    }

    #[test]
    fn other_files_are_not_the_library() {
        assert!(!is_library("libmujoco_extra.so") && !is_library("mujoco.py"));
    }
}
