//! Running instances: where one keeps its sockets, and how the other commands find it.
//!
//! An instance owns a folder with `admin.sock`, `worker.sock`, `pid` and `root`. It holds a lock
//! on `pid` for as long as it lives: the lock ends with the process however that ends, so that
//! what a killed core left behind is told from a living one without guessing.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::os::peer::own_uid;

mod find;

pub use find::{FindError, Found, find, find_here};

/// Longest path of a socket, in bytes: what fits into the system's address on every platform.
const SOCKET_PATH_MAX: usize = 103;

/// Longest name. With common folders a path of the length above is not reached.
const NAME_MAX: usize = 64;

const ADMIN: &str = "admin.sock";
const WORKER: &str = "worker.sock";
const PID: &str = "pid";
const ROOT: &str = "root";

/// Why no folder for an instance could be had. `maitred` prints it and exits with code 2.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The name is not one.
    #[error(
        "{0:?} cannot be the name of an instance: letters, digits, `.`, `_` and `-`, at most 64, \
         beginning with a letter or digit"
    )]
    Name(String),
    /// Another core has it.
    #[error(
        "instance {name} is already running (pid {pid}, serving {root}); stop it, or choose \
         another name with --name"
    )]
    Running {
        /// The name.
        name: String,
        /// The core that has it.
        pid: String,
        /// What that one serves.
        root: String,
    },
    /// The folder cannot be trusted.
    #[error("{path} is not a folder of ours alone: {why}; remove it")]
    Untrusted {
        /// The folder.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The path is too long for a socket.
    #[error("{0} is too long for the path of a socket; choose a shorter name with --name")]
    TooLong(String),
    /// The system refused.
    #[error("cannot use {path}: {source}")]
    System {
        /// The file or folder.
        path: String,
        /// What it says.
        source: io::Error,
    },
}

/// The folders that may hold those of instances, the best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bases(Vec<PathBuf>);

impl Bases {
    /// Those of this user.
    #[must_use]
    pub fn here() -> Self {
        Self::of(own_uid(), std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from))
    }

    /// Only this one, for tests.
    #[must_use]
    pub fn only(base: &Path) -> Self {
        Self(vec![base.to_owned()])
    }

    fn of(uid: u32, runtime_dir: Option<PathBuf>) -> Self {
        // Another user's, kept by `su`, is not to be written to.
        let own = |dir: &PathBuf| fs::metadata(dir).is_ok_and(|found| found.uid() == uid);
        let mut bases: Vec<_> = runtime_dir.filter(own).into_iter().collect();
        // A core that was started without the variable is found by a client that has it, and
        // the other way round.
        bases.extend(Some(format!("/run/user/{uid}").into()).filter(own));
        bases.dedup();
        let mut bases: Vec<_> = bases.iter().map(|base| base.join("maitred")).collect();
        if uid == 0 {
            bases.insert(bases.len().min(1), "/run/maitred".into());
        }
        bases.push(format!("/tmp/maitred-{uid}").into());
        Self(bases)
    }
}

/// The name of an instance that serves `root`, unless one is chosen.
#[must_use]
pub fn name_of(root: &Path) -> String {
    let folder = root.file_name().unwrap_or_default().to_string_lossy();
    let fits = |c: char| if is_plain(c) { c } else { '-' };
    let name: String = folder.chars().map(fits).take(NAME_MAX).collect();
    let name = name.trim_start_matches(['.', '-', '_']);
    if name.is_empty() { "maitred".to_owned() } else { name.to_owned() }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn is_name(name: &str) -> bool {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    first && name.len() <= NAME_MAX && name.chars().all(is_plain)
}

/// A folder that this process owns until it ends. Dropping it removes the folder.
#[derive(Debug)]
pub struct Claimed {
    name: String,
    dir: PathBuf,
    /// Holds the lock.
    _pid: File,
}

impl Claimed {
    /// Makes the folder of the instance `name`, which serves `root`, and takes it. What a killed
    /// core left there is replaced.
    ///
    /// # Errors
    /// See [`InstanceError`].
    pub fn take(name: &str, root: &Path, bases: &Bases) -> Result<Self, InstanceError> {
        if !is_name(name) {
            return Err(InstanceError::Name(name.to_owned()));
        }
        let mut refused = None;
        for base in &bases.0 {
            match Self::take_in(base, name, root) {
                // The next base may be writable, or shorter.
                Err(error @ (InstanceError::System { .. } | InstanceError::TooLong(_))) => {
                    refused.get_or_insert(error);
                }
                other => return other,
            }
        }
        Err(refused.expect("there is always a base"))
    }

    fn take_in(base: &Path, name: &str, root: &Path) -> Result<Self, InstanceError> {
        let dir = base.join(name);
        let longest = dir.join(WORKER);
        if longest.as_os_str().len() > SOCKET_PATH_MAX {
            return Err(InstanceError::TooLong(longest.display().to_string()));
        }
        own_folder(base)?;
        own_folder(&dir)?;
        let pid = lock(&dir, name)?;
        let done = (|| {
            for stale in [ADMIN, WORKER] {
                remove(&dir.join(stale))?;
            }
            (&pid).rewind()?;
            pid.set_len(0)?;
            writeln!(&pid, "{}", std::process::id())?;
            fs::write(dir.join(ROOT), root.as_os_str().as_bytes())
        })();
        done.map_err(system(&dir))?;
        Ok(Self { name: name.to_owned(), dir, _pid: pid })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// Where processes open their links.
    #[must_use]
    pub fn worker_path(&self) -> PathBuf {
        self.dir.join(WORKER)
    }

    /// Where the other commands ask.
    #[must_use]
    pub fn admin_path(&self) -> PathBuf {
        self.dir.join(ADMIN)
    }

    /// Listens for processes. Must run on a tokio runtime.
    ///
    /// # Errors
    /// The system refuses.
    pub fn worker_listener(&self) -> io::Result<tokio::net::UnixListener> {
        let listener = bind(&self.worker_path())?;
        listener.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(listener)
    }

    /// Listens for the other commands.
    ///
    /// # Errors
    /// The system refuses.
    pub fn admin_listener(&self) -> io::Result<UnixListener> {
        bind(&self.admin_path())
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        // What cannot be removed is replaced by the next one.
        for name in [ADMIN, WORKER, ROOT, PID] {
            let _ = remove(&self.dir.join(name));
        }
        let _ = fs::remove_dir(&self.dir);
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn system(path: &Path) -> impl FnOnce(io::Error) -> InstanceError {
    let path = path.display().to_string();
    |source| InstanceError::System { path, source }
}

/// Makes the folder for us alone, or makes sure that it is one. In /tmp anybody may have been
/// faster than we.
fn own_folder(path: &Path) -> Result<(), InstanceError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(system(path)(error));
        }
        _ => {}
    }
    let found = fs::symlink_metadata(path).map_err(system(path))?;
    let untrusted = |why| InstanceError::Untrusted { path: path.display().to_string(), why };
    if !found.is_dir() {
        return Err(untrusted("it is something else"));
    }
    if found.uid() != own_uid() {
        return Err(untrusted("it belongs to another user"));
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(system(path))?;
    }
    Ok(())
}

/// Opens and locks the file with our pid.
fn lock(dir: &Path, name: &str) -> Result<File, InstanceError> {
    let path = dir.join(PID);
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(system(&path))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                // Without it the message is still true.
                let _ = file.read_to_string(&mut pid);
                return Err(InstanceError::Running {
                    name: name.to_owned(),
                    pid: pid.trim().to_owned(),
                    root: root_in(dir).display().to_string(),
                });
            }
            Err(error) => return Err(system(&path)(error.into())),
        }
        // One that was just leaving may have removed it between our two steps.
        let ours = file.metadata().map_err(system(&path))?.ino();
        if fs::metadata(&path).is_ok_and(|found| found.ino() == ours) {
            return Ok(file);
        }
    }
}

/// What the instance in `dir` serves.
fn root_in(dir: &Path) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&fs::read(dir.join(ROOT)).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
