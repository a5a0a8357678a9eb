//! Finding a running instance.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::{ADMIN, Bases, PID, root_in};

/// The exit code when nothing runs.
const EXIT_NOT_RUNNING: u8 = 3;
/// The exit code when more than one could be meant.
const EXIT_AMBIGUOUS: u8 = 2;

/// An instance that runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// What it serves.
    pub root: PathBuf,
    /// The process id of its core, as text.
    pub pid: String,
    /// Its admin socket.
    pub admin: PathBuf,
}

/// Why there is not exactly one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// None runs, or none of that name.
    #[error("no running instance{} found; looked in {looked}", called(name.as_deref()))]
    NotRunning {
        /// The name that was asked for.
        name: Option<String>,
        /// The folders that were looked in.
        looked: String,
    },
    /// Several could be meant.
    #[error("several instances are running; choose one with --instance NAME:\n{list}")]
    Several {
        /// One line for each.
        list: String,
    },
}

fn called(name: Option<&str>) -> String {
    name.map(|name| format!(" called {name}")).unwrap_or_default()
}

impl FindError {
    /// The exit code for it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotRunning { .. } => EXIT_NOT_RUNNING,
            Self::Several { .. } => EXIT_AMBIGUOUS,
        }
    }
}

/// The instance called `name`; else by MAITRED_INSTANCE; else the one whose root holds the current
/// folder; else the only one.
///
/// # Errors
/// None runs, or several could be meant.
pub fn find_here(name: Option<&str>) -> Result<Found, FindError> {
    let variable = std::env::var("MAITRED_INSTANCE").ok().filter(|name| !name.is_empty());
    // The folder as the shell names it, and as it really is: either may be how the root is known.
    let named = std::env::var_os("PWD").map(PathBuf::from);
    let folders: Vec<_> = named.into_iter().chain(std::env::current_dir()).collect();
    find(name.or(variable.as_deref()), &folders, &Bases::here())
}

/// As [`find_here`], with all that it depends on: the current folder, under all its names.
///
/// # Errors
/// None runs, or several could be meant.
pub fn find(name: Option<&str>, folders: &[PathBuf], bases: &Bases) -> Result<Found, FindError> {
    let mut all: Vec<_> = bases.0.iter().flat_map(|base| running_in(base)).collect();
    all.sort();
    all.dedup();
    if let Some(name) = name {
        all.retain(|found| found.name == name);
    } else {
        let depth = |found: &Found| depth(&found.root, folders);
        let deepest = all.iter().filter_map(depth).max();
        if deepest.is_some() {
            all.retain(|found| depth(found) == deepest);
        }
    }
    match all.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let looked: Vec<_> = bases.0.iter().map(|base| base.display().to_string()).collect();
            let name = name.map(str::to_owned);
            Err(FindError::NotRunning { name, looked: looked.join(", ") })
        }
        several => {
            let line = |found: &Found| {
                format!("  {}  pid {}  {}", found.name, found.pid, found.root.display())
            };
            let list: Vec<_> = several.iter().map(line).collect();
            Err(FindError::Several { list: list.join("\n") })
        }
    }
}

/// How deep `root` is, if it holds one of `folders`.
fn depth(root: &Path, folders: &[PathBuf]) -> Option<usize> {
    let real = root.canonicalize().ok();
    let names = [Some(root.to_owned()), real].into_iter().flatten();
    let holding = names.filter(|root| folders.iter().any(|folder| folder.starts_with(root)));
    holding.map(|root| root.components().count()).max()
}

/// The instances in `base` whose core answers. Folders of others cannot be read and are not ours.
fn running_in(base: &Path) -> Vec<Found> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let dir = entry.path();
        Some(Found {
            name: entry.file_name().into_string().ok()?,
            root: root_in(&dir),
            pid: fs::read_to_string(dir.join(PID)).ok()?.trim().to_owned(),
            admin: dir.join(ADMIN),
        })
    });
    found.filter(|found| answers(&found.admin)).collect()
}

/// Somebody listens on the socket. Does not wait where that one is too busy to accept.
fn answers(path: &Path) -> bool {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let (Ok(socket), Ok(address)) = (socket, SocketAddrUnix::new(path)) else { return false };
    matches!(rustix::net::connect(&socket, &address), Ok(()) | Err(Errno::AGAIN))
}
