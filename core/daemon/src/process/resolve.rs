//! Which interpreter runs the app, and whether it can.
//!
//! Resolved anew for each process: a rebuilt virtual environment or a moved link counts from the
//! next process on. Paths are never made "real": a virtual environment is known by its own link.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rustix::fs::{Access, access};

use crate::config::AppSettings;
use crate::os::child;
use crate::os::pidfd::Pidfd;

/// How long an interpreter may take to say what it is. 20 s: a cold disk, a slow machine.
const PROBE_MAX: Duration = Duration::from_secs(20);

/// Oldest Python that the SDK runs on.
const PYTHON_MIN: (u32, u32) = (3, 10);

/// Says what the interpreter is, one fact per line. The SDK last: importing it may fail. A folder
/// called `maitred` in the root can be imported too, but is nothing: it has no file.
const PROBE: &str = "\
import sys
print(sys.implementation.name)
print('%d.%d.%d' % sys.version_info[:3])
sys.stdout.flush()
import maitred
if getattr(maitred, '__file__', None) is None:
    raise ModuleNotFoundError(\"No module named 'maitred'\")
print(getattr(maitred, '__version__', 'unknown'))
";

/// An interpreter, and why that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// Absolute, links as written.
    pub path: PathBuf,
    /// For people: ".venv in the root".
    pub why: String,
}

/// What an interpreter says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// "CPython 3.11.7".
    pub version: String,
    /// The version of the SDK in it.
    pub sdk: String,
}

/// Why there is no interpreter that can run the app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The one that is set is not there.
    #[error("python = {path:?} is not a program")]
    NotAProgram {
        /// What is set.
        path: String,
    },
    /// None anywhere.
    #[error(
        "no Python found: looked for $VIRTUAL_ENV, .venv and venv in {root}, beside maitred, and \
         in PATH"
    )]
    None {
        /// The root of the app.
        root: String,
    },
    /// The SDK is missing.
    #[error("the package maitred is not installed for {path}; install it with: {command}")]
    SdkMissing {
        /// The interpreter.
        path: String,
        /// What to type.
        command: String,
    },
    /// Too old.
    #[error("{path} is Python {version}, and maitred needs 3.10 or later")]
    TooOld {
        /// The interpreter.
        path: String,
        /// What it says.
        version: String,
    },
    /// It does not do what an interpreter does.
    #[error("{path} does not work as a Python: {reason}")]
    Broken {
        /// The interpreter.
        path: String,
        /// What happened.
        reason: String,
    },
}

/// The Python for an app. `vars` are the variables that its processes get.
///
/// # Errors
/// None is found, or the one that is set is none.
pub fn python(
    settings: &AppSettings,
    vars: &[(OsString, OsString)],
) -> Result<Interpreter, ResolveError> {
    let found = |path: PathBuf, why: &str| Interpreter { path, why: why.to_owned() };
    let path_var = find(vars, "PATH");
    if let Some(set) = &settings.python {
        let path = if set.components().count() > 1 {
            is_program(set).then(|| set.clone())
        } else {
            in_path(path_var, &[&set.to_string_lossy()])
        };
        let missing = || ResolveError::NotAProgram { path: set.display().to_string() };
        return Ok(found(path.ok_or_else(missing)?, "set by `python`"));
    }
    let root = &settings.root;
    let active = find(vars, "VIRTUAL_ENV").filter(|dir| !dir.is_empty());
    let pins = active.map(|dir| (root.join(dir), "$VIRTUAL_ENV")).into_iter().chain([
        (root.join(".venv"), ".venv in the root"),
        (root.join("venv"), "venv in the root"),
    ]);
    for (dir, why) in pins {
        if let Some(path) = in_folder(&dir.join("bin"), &["python", "python3"]) {
            return Ok(found(path, why));
        }
    }
    let beside = std::env::current_exe().ok();
    let beside = beside.as_deref().and_then(Path::parent);
    if let Some(path) = beside.and_then(|dir| in_folder(dir, &["python3", "python"])) {
        return Ok(found(path, "beside maitred"));
    }
    in_path(path_var, &["python3", "python"])
        .map(|path| found(path, "in PATH"))
        .ok_or_else(|| ResolveError::None { root: root.display().to_string() })
}

fn find<'a>(vars: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    vars.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
}

fn in_path(path: Option<&OsStr>, names: &[&str]) -> Option<PathBuf> {
    let dirs: Vec<_> = std::env::split_paths(path?).filter(|dir| dir.is_absolute()).collect();
    // The better name anywhere is better than the other one first.
    names.iter().find_map(|name| dirs.iter().find_map(|dir| in_folder(dir, &[name])))
}

fn in_folder(dir: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| dir.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

/// Asks `python` what it is, and whether it has the SDK. Blocks, for about the time that Python
/// takes to start.
///
/// # Errors
/// It cannot run the app: see [`ResolveError`].
pub fn probe(
    python: &Path,
    vars: &[(OsString, OsString)],
    root: &Path,
) -> Result<Probed, ResolveError> {
    let path = || python.display().to_string();
    let broken = |reason: String| ResolveError::Broken { path: path(), reason };
    let (ended, out, err) = run(python, vars, root).map_err(|error| broken(error.to_string()))?;
    let lines: Vec<_> = out.lines().collect();
    let last = err.lines().next_back().unwrap_or_default();
    let [implementation, version, rest @ ..] = lines.as_slice() else {
        return Err(broken(if ended {
            format!("it did not say its version; {last}")
        } else {
            format!("it said nothing for {} s", PROBE_MAX.as_secs())
        }));
    };
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < PYTHON_MIN {
        return Err(ResolveError::TooOld { path: path(), version: (*version).to_owned() });
    }
    let Some(sdk) = rest.first() else {
        if last == "ModuleNotFoundError: No module named 'maitred'" {
            return Err(ResolveError::SdkMissing { path: path(), command: install(python) });
        }
        return Err(broken(format!("importing maitred fails; {last}")));
    };
    let name = if *implementation == "cpython" { "CPython" } else { implementation };
    Ok(Probed { version: format!("{name} {version}"), sdk: (*sdk).to_owned() })
}

/// Runs the probe: whether it ended in time, what it wrote, and what it complained about.
fn run(
    python: &Path,
    vars: &[(OsString, OsString)],
    root: &Path,
) -> std::io::Result<(bool, String, String)> {
    let mut command = Command::new(python);
    // The same folder, and so the same search path, as the app will have.
    command.arg("-c").arg(PROBE).current_dir(root).env_clear().envs(vars.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // The thread that starts it waits for it, so that it ends early only with the whole core.
    child::follow_parent(&mut command);
    let mut child = command.spawn()?;
    // Whatever it writes fits into its pipes, or it is not what it should be and runs out of time.
    let ended = Pidfd::open(child.id())?.ends_within(PROBE_MAX)?;
    if !ended {
        child.kill()?;
    }
    // As process 1 the core may have reaped it as an orphan already; its output says enough.
    let _ = child.wait();
    Ok((ended, text(child.stdout.take()), text(child.stderr.take())))
}

/// What is in the pipe now. Not to its end: a process that was left behind may hold it open.
fn text(pipe: Option<impl Read + std::os::fd::AsFd>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // Without the flag the read could wait; then there is no text, which is an answer too.
        if rustix::io::ioctl_fionbio(&pipe, true).is_ok() {
            let _ = pipe.read_to_end(&mut bytes);
        }
    }
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

/// What to type to get the SDK into this very interpreter.
fn install(python: &Path) -> String {
    let config = python.parent().and_then(Path::parent).map(|dir| dir.join("pyvenv.cfg"));
    let config = config.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    // Environments made by uv have no pip.
    if config.lines().any(|line| line.trim_start().starts_with("uv =")) {
        return format!("uv pip install --python {} maitred", python.display());
    }
    format!("{} -m pip install maitred", python.display())
}

/// Remembers what an interpreter said for as long as it is the same file.
#[derive(Debug, Default)]
pub struct Prober(Mutex<Option<(Identity, Probed)>>);

/// The interpreter's path, where it leads, and when that was last written: a rebuilt virtual
/// environment has another `pyvenv.cfg`, an upgraded Python another file.
type Identity = (PathBuf, Option<PathBuf>, [Option<SystemTime>; 2]);

impl Prober {
    /// As [`probe`], which is asked only when the interpreter is another one than before.
    ///
    /// # Errors
    /// As [`probe`]. A failure is not remembered: the SDK may be installed by now.
    pub fn probe(
        &self,
        python: &Path,
        vars: &[(OsString, OsString)],
        root: &Path,
    ) -> Result<Probed, ResolveError> {
        let identity = identity(python);
        if let Some((known, probed)) = &*self.0.lock()
            && *known == identity
        {
            return Ok(probed.clone());
        }
        let probed = probe(python, vars, root)?;
        *self.0.lock() = Some((identity, probed.clone()));
        Ok(probed)
    }
}

fn identity(python: &Path) -> Identity {
    let written = |path: PathBuf| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let config = python.parent().and_then(Path::parent).map(|dir| dir.join("pyvenv.cfg"));
    let times = [written(python.to_owned()), config.and_then(written)];
    (python.to_owned(), python.canonicalize().ok(), times)
}

#[cfg(test)]
mod tests;
