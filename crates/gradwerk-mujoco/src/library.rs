//! MuJoCo's functions, opened at run time.
//!
//! The declarations are those of `mujoco.h` and `mjbatch.h`, which are the same in every release
//! from [`OLDEST`] to the last one tried ([`TRIED`]). Structures of MuJoCo are only ever held by
//! pointer.

use crate::find::{INSTALL, LIBRARY_SETTING, MODELS_SETTING, Missing, Places, Said};
use libloading::Library as Opened;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The oldest release that has all functions, as `mj_version` gives it.
pub const OLDEST: c_int = 3_017_000;
/// The first release that is not accepted: the next one that may change what functions mean.
pub const TOO_NEW: c_int = 5_000_000;
/// The releases that the tasks were compared with Gymnasium on.
pub const TRIED: [&str; 2] = ["3.17.0", "4.0.0"];

/// `mjModel`.
#[repr(C)]
pub(crate) struct RawModel(c_void);
/// `mjData`.
#[repr(C)]
pub(crate) struct RawData(c_void);
/// `mjBatch`.
#[repr(C)]
pub(crate) struct RawBatch(c_void);

/// `mjBatchConfig`.
#[repr(C)]
pub(crate) struct BatchConfig {
    /// Threads including the caller's.
    pub threads: c_int,
    /// One `mjData` per simulation instead of one per thread.
    pub persistent: bool,
}

/// `mjfBatchFunc`. MuJoCo may leave it by an error of its own, which the batch reports: it must
/// have nothing to clean up.
pub(crate) type BatchFunction =
    unsafe extern "C-unwind" fn(*const RawModel, *mut RawData, c_int, *mut c_void);

/// Bits of `mjtState`: parts of a simulation's state, in their order in a row.
pub(crate) mod state {
    use std::ffi::c_int;
    pub const TIME: c_int = 1 << 0;
    pub const QPOS: c_int = 1 << 1;
    pub const QVEL: c_int = 1 << 2;
    pub const CTRL: c_int = 1 << 6;
}

/// `mjSTAGE_NONE` of `mjtStage`: nothing is computed.
pub(crate) const NO_STAGE: c_int = 0;

/// Declares the functions: a field each, filled by name.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions in use, by their names in MuJoCo's headers.
        #[derive(Clone, Copy)]
        #[expect(non_snake_case, reason = "MuJoCo's own names")]
        pub(crate) struct Functions {
            $($(#[$doc])* pub $name: unsafe extern "C-unwind" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            /// Look all of them up.
            ///
            /// # Safety
            /// The library must be MuJoCo's of a release whose headers declare them like this.
            unsafe fn of(library: &Opened) -> Result<Self, String> {
                Ok(Self {
                    $($name: {
                        let name = concat!(stringify!($name), "\0");
                        // SAFETY: the caller promises that the types are those of the headers.
                        *unsafe { library.get(name.as_bytes()) }
                            .map_err(|_| stringify!($name).to_owned())?
                    },)*
                })
            }
        }
    };
}

functions! {
    /// Compile a model from a file; null and a message on failure.
    mj_loadXML: fn(*const c_char, *const c_void, *mut c_char, c_int) -> *mut RawModel;
    mj_deleteModel: fn(*mut RawModel);
    /// The name of an object by type and number; null if it has none.
    mj_id2name: fn(*const RawModel, c_int, c_int) -> *const c_char;
    /// The number of a type of objects by its name in MJCF.
    mju_str2Type: fn(*const c_char) -> c_int;
    mj_resetData: fn(*const RawModel, *mut RawData);
    mj_setState: fn(*const RawModel, *mut RawData, *const f64, c_int);
    mj_forward: fn(*const RawModel, *mut RawData);
    mj_step: fn(*const RawModel, *mut RawData);
    /// Forces of contacts on bodies (`cfrc_ext`).
    mj_rnePostConstraint: fn(*const RawModel, *mut RawData);
    mjb_makeBatch: fn(*const RawModel, c_int, *const BatchConfig, *mut c_char, c_int) -> *mut RawBatch;
    mjb_deleteBatch: fn(*mut RawBatch);
    /// Length of a state row.
    mjb_nstate: fn(*const RawBatch) -> c_int;
    /// The state rows.
    mjb_state: fn(*mut RawBatch) -> *mut f64;
    /// A part of the first row, and its length.
    mjb_stateComponent: fn(*mut RawBatch, c_int, *mut c_int) -> *mut f64;
    /// Where a named field is copied by `mjb_forward`, its length and the size of an entry.
    mjb_output: fn(*mut RawBatch, *const c_char, *mut c_int, *mut c_int) -> *mut c_void;
    /// The values of a named field of the model.
    mjb_expand: fn(*mut RawBatch, *const c_char, *mut c_int, *mut c_int) -> *mut c_void;
    /// Load the states, call the function, save the states; the number of failed simulations.
    mjb_apply: fn(*mut RawBatch, *const c_int, c_int, BatchFunction, *mut c_void, c_int) -> c_int;
    /// Load the states, compute stages up to the last argument, copy out the fields.
    mjb_forward: fn(*mut RawBatch, *const c_int, c_int, c_int) -> c_int;
    /// The message of a simulation's failure.
    mjb_error: fn(*const RawBatch, c_int) -> *const c_char;
}

/// MuJoCo's library. It stays open as long as the process lives.
pub struct Library {
    pub(crate) functions: Functions,
    version: c_int,
    path: PathBuf,
}

impl Library {
    /// The library that [`Places`] finds, opened once.
    ///
    /// # Errors
    /// If there is none, or it cannot be used, or the user wants another than was opened; says
    /// what to do.
    pub fn get() -> Result<&'static Self, Missing> {
        static OPENED: OnceLock<Result<Library, Missing>> = OnceLock::new();
        let found = places()?.library.as_ref().map_err(Clone::clone)?;
        OPENED.get_or_init(|| Self::open(&found.path)).as_ref().map_err(Clone::clone)
    }

    /// Open a library.
    ///
    /// # Errors
    /// If it is not MuJoCo's, or of a release that is not known.
    pub fn open(path: &Path) -> Result<Self, Missing> {
        let refused = |why: String| Missing(format!("{}: {why}", path.display()));
        // SAFETY: the user named this file as MuJoCo's library, whose initialisers only set up
        // its own tables.
        let opened = unsafe { Opened::new(path) }
            .map_err(|error| refused(format!("cannot be opened: {error}")))?;
        // SAFETY: `int mj_version(void)` in every release; a file without it is refused.
        let version = unsafe {
            let function: libloading::Symbol<'_, unsafe extern "C" fn() -> c_int> = opened
                .get(b"mj_version\0")
                .map_err(|_| refused("not the library of MuJoCo (no mj_version)".into()))?;
            function()
        };
        check_version(version).map_err(refused)?;
        // SAFETY: the release is one whose headers declare the functions as above.
        let functions = unsafe { Functions::of(&opened) }
            .map_err(|name| refused(format!("has no function {name}: {INSTALL}")))?;
        silence(&opened);
        // Models and simulations hold pointers into it for the rest of the process.
        std::mem::forget(opened);
        Ok(Self { functions, version, path: path.to_owned() })
    }

    /// The release, as `3.17.0`.
    #[must_use]
    pub fn version(&self) -> String {
        version_text(self.version)
    }

    /// The release as one number, to tell states of different releases apart.
    #[must_use]
    pub fn version_number(&self) -> i32 {
        self.version
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Where everything is, looked up once.
///
/// # Errors
/// If the user says something else by now: one process uses one MuJoCo.
pub fn places() -> Result<&'static Places, Missing> {
    static PLACES: OnceLock<(Said, Places)> = OnceLock::new();
    let said = Said::now();
    let (used, places) = PLACES.get_or_init(|| (said.clone(), Places::look(&said)));
    if *used == said {
        return Ok(places);
    }
    Err(Missing(format!(
        "{LIBRARY_SETTING} and {MODELS_SETTING} are others than this process began with, expected \
         the same: start another process"
    )))
}

/// Releases before 3.5 counted `major * 100 + minor * 10 + patch`.
pub(crate) fn version_text(version: c_int) -> String {
    let (major, minor, patch) = match version {
        ..1_000_000 => (version / 100, version / 10 % 10, version % 10),
        _ => (version / 1_000_000, version / 1000 % 1000, version % 1000),
    };
    format!("{major}.{minor}.{patch}")
}

fn check_version(version: c_int) -> Result<(), String> {
    let (text, oldest) = (version_text(version), version_text(OLDEST));
    if version < OLDEST {
        return Err(format!(
            "MuJoCo {text} is too old, expected {oldest} or later: {INSTALL} --upgrade"
        ));
    }
    if version >= TOO_NEW {
        let tried = TRIED.join(" and ");
        return Err(format!(
            "MuJoCo {text} is not known to this gradwerk, expected {oldest} or later below {} \
             (tried: {tried})",
            version_text(TOO_NEW)
        ));
    }
    Ok(())
}

/// Keep MuJoCo from writing warnings into a file of the working directory: what they tell is
/// found out after every step (`Simulation::step`).
fn silence(library: &Opened) {
    type Handler = Option<unsafe extern "C" fn(*const c_char)>;
    unsafe extern "C" fn ignore(_: *const c_char) {}
    // SAFETY: `void (*mju_user_warning)(const char*)` is a variable of the library, which no
    // other thread reads yet; the function fits its type and lives as long as the process.
    unsafe {
        if let Ok(handler) = library.get::<*mut Handler>(b"mju_user_warning\0") {
            **handler = Some(ignore);
        }
    }
}

/// The text in a buffer that MuJoCo wrote a message into.
pub(crate) fn message(buffer: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(buffer).map_or_else(|_| "".into(), CStr::to_string_lossy);
    text.trim().replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_both_forms() {
        assert_eq!(version_text(337), "3.3.7");
        assert_eq!(version_text(3_017_000), "3.17.0");
        assert_eq!(version_text(4_000_001), "4.0.1");
    }

    #[test]
    fn old_and_unknown_releases_are_refused() {
        assert!(check_version(OLDEST).is_ok() && check_version(4_000_000).is_ok());
        let old = check_version(337).unwrap_err();
        assert!(old.contains("3.3.7 is too old") && old.contains("--upgrade"), "{old}");
        let new = check_version(5_001_000).unwrap_err();
        assert!(new.contains("5.1.0 is not known") && new.contains("4.0.0"), "{new}");
    }

    #[test]
    fn another_file_is_not_the_library() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libmujoco.so");
        std::fs::write(&path, "text").unwrap();
        let error = Library::open(&path).err().unwrap().to_string();
        assert!(error.contains("libmujoco.so: cannot be opened"), "{error}");
    }
}
