//! Where MuJoCo's library and the models of the tasks are.
//!
//! Both come with Python packages. The library is the one that the environment variable
//! [`LIBRARY_VARIABLE`] names (the file or its folder), else that of the package `mujoco` of the
//! active Python; the models are in the folder that [`MODELS_VARIABLE`] names, else in the
//! package `gymnasium`. Python is asked only where its packages are; nothing is run in it later.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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

/// Where the two things are that the tasks need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The library.
    pub library: Result<PathBuf, Missing>,
    /// The folder with the models.
    pub models: Result<PathBuf, Missing>,
}

impl Places {
    /// Look for them: in the variables, then in the packages of the active Python.
    #[must_use]
    pub fn look() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self::from(variable(LIBRARY_VARIABLE), variable(MODELS_VARIABLE), &search_pythons)
    }

    /// As [`Places::look`], with the values of the variables and who searches packages.
    fn from(
        library: Option<OsString>,
        models: Option<OsString>,
        search: &dyn Fn(&str, Wanted) -> Option<PathBuf>,
    ) -> Self {
        let library = match library {
            Some(path) => named_library(Path::new(&path)),
            None => search("mujoco", library_in).ok_or_else(|| {
                let how = format!("{LIBRARY_VARIABLE} = the path of libmujoco");
                Missing(format!(
                    "MuJoCo is not installed in the active Python: {INSTALL}, or set {how}"
                ))
            }),
        };
        let models = match models {
            Some(path) => named_models(Path::new(&path)),
            None => search("gymnasium", models_in).ok_or_else(|| {
                let how = format!("{MODELS_VARIABLE} = the folder with half_cheetah.xml");
                Missing(format!("the models of the MuJoCo tasks are missing (they come with Gymnasium): {INSTALL}, or set {how}"))
            }),
        };
        Self { library, models }
    }
}

/// What is wanted from the folder of a package, if it is there.
type Wanted = fn(&Path) -> Option<PathBuf>;

fn named_library(path: &Path) -> Result<PathBuf, Missing> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    library_in(path).ok_or_else(|| {
        let path = path.display();
        Missing(format!(
            "{LIBRARY_VARIABLE} = {path}: neither the library of MuJoCo nor a folder with one ({})",
            patterns().join(" or ")
        ))
    })
}

fn named_models(path: &Path) -> Result<PathBuf, Missing> {
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    Err(Missing(format!("{MODELS_VARIABLE} = {}: not a folder", path.display())))
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

/// Where this interpreter would import the package from, without importing it.
fn ask(python: &Path, package: &str) -> Option<PathBuf> {
    const PROGRAM: &str = "import importlib.util, sys\n\
        spec = importlib.util.find_spec(sys.argv[1])\n\
        print(list(spec.submodule_search_locations)[0] if spec else '')";
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

    #[test]
    fn what_is_missing_is_said_with_the_line_that_installs_it() {
        let places = Places::from(None, None, &nowhere);
        for missing in [places.library.unwrap_err(), places.models.unwrap_err()] {
            assert!(missing.to_string().contains("pip install mujoco gymnasium"), "{missing}");
        }
    }

    #[test]
    fn a_variable_names_the_library_or_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(library_name());
        let look = |path: &Path| Places::from(Some(path.into()), None, &nowhere).library;
        let error = look(folder.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("GRADWERK_MUJOCO = ") && error.contains(library_name()),
            "{error}"
        );
        fs::write(&file, "").unwrap();
        assert_eq!(look(folder.path()).unwrap(), file);
        assert_eq!(look(&file).unwrap(), file);
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
        let places = Places::from(None, None, &search);
        assert_eq!(places.library.unwrap(), full.join(library_name()));
        assert_eq!(places.models.unwrap(), models);
    }

    #[test]
    fn other_files_are_not_the_library() {
        assert!(!is_library("libmujoco_extra.so") && !is_library("mujoco.py"));
    }
}
