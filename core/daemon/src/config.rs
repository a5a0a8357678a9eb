//! Settings: read as written from all sources, then understood once, as a whole.
//!
//! A flag counts more than a `MAITRED_*` variable, that more than maitred.toml, that more than
//! what platforms set (PORT), that more than the default. [`Config`] holds no `Option` for
//! "maybe written": whoever has one has valid settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use maitred_engine::limits::PoolLimits;

pub mod cli;
mod env;
mod env_file;
mod error;
mod file;
mod listen;
pub(crate) mod near;
mod proxies;
mod raw;
mod read;
mod reference;
mod routes;
mod settings;
mod value;

pub use error::{ConfigError, Origin};
pub use listen::Listen;
pub use proxies::TrustedProxies;
pub use reference::reference;
pub use settings::{Kind, Preset, SETTINGS, Setting};
pub use value::{deadline, show_duration, show_size};

use crate::process::output::{Form, Mode};
use crate::routes::Routes;
use raw::Raw;

/// The exit code for wrong usage or settings.
pub const EXIT_WRONG_USAGE: u8 = 2;

/// All settings of a core with one app.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What to serve.
    pub app: AppSettings,
    /// Where clients connect.
    pub listen: Vec<Listen>,
    /// App processes.
    pub processes: u32,
    /// Slots of each process.
    pub slots: u32,
    /// Bytes of memory that a default number of processes heeds; `None`: what there is.
    pub memory: Option<u64>,
    /// Limits of the queue and of processes, as the engine takes them.
    pub limits: PoolLimits,
    /// The whole core has to have stopped after this.
    pub stop_timeout: Duration,
    /// The core goes on for this long after SIGTERM.
    pub drain_delay: Duration,
    /// HTTP.
    pub http: HttpSettings,
    /// Probes.
    pub observe: ObserveSettings,
    /// Bodies in memory and on disk.
    pub buffer: BufferSettings,
    /// How long a complete response may wait for its ready, in microseconds.
    pub ready_merge_us: u32,
    /// Logs.
    pub log: LogSettings,
}

/// What to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSettings {
    /// `module:object` and the like; `None`: look for it in the root.
    pub app: Option<String>,
    /// What it is to be called; `None`: as its root folder.
    pub name: Option<String>,
    /// The folder in which its processes start: absolute, symbolic links as written.
    pub root: PathBuf,
    /// The object is a function that makes the app.
    pub factory: bool,
    /// "production".
    pub environment: String,
    /// Variables written in the file.
    pub env: Vec<(String, String)>,
    /// Files with more of them, absolute.
    pub env_files: Vec<PathBuf>,
    /// The interpreter: absolute, or a name to be looked up in PATH.
    pub python: Option<PathBuf>,
    /// The whole command, where that was written.
    pub command: Option<Vec<String>>,
}

/// HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Largest body of a request, in bytes.
    pub body_max: u64,
    /// Largest head of a request, in bytes.
    pub head_max: usize,
    /// What holds for some requests only, and `request_buffering` for all others.
    pub routes: Routes,
    /// The name of the header with a request's priority, in lower case.
    pub priority_header: Option<String>,
    /// The name of the header with a request's lease, in lower case.
    pub lease_header: Option<String>,
    /// A path that the core answers itself.
    pub health_path: Option<String>,
    /// Whose word about the client counts.
    pub trusted_proxies: TrustedProxies,
    /// Add a Server-Timing header.
    pub server_timing: bool,
    /// The name of the header with the request's id, in lower case.
    pub request_id_header: String,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long a client may take for a head.
    pub head_timeout: Duration,
}

impl HttpSettings {
    /// Whether some requests may go before others.
    #[must_use]
    pub fn ranks(&self) -> bool {
        self.priority_header.is_some() || self.routes.rank()
    }
}

/// Who may look from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObserveSettings {
    /// Host and port for probes.
    pub listen: Option<(String, u16)>,
    /// Not ready while the oldest request has waited this long.
    pub queue_age_max: Duration,
}

/// Bodies in memory and on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BufferSettings {
    /// Bytes in memory.
    pub memory_max: u64,
    /// Bytes on disk.
    pub disk_max: u64,
    /// Where on disk.
    pub dir: PathBuf,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The form of what apps write.
    pub app: Mode,
    /// One line per request.
    pub access: bool,
    /// The form of the core's own lines.
    pub form: Form,
    /// The least important ones that are written.
    pub level: String,
}

/// What the settings depend on besides themselves.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The variables of this process, those that are text.
    pub vars: Vec<(String, String)>,
    /// The current folder, as the shell names it.
    pub cwd: PathBuf,
    /// CPUs that may be used.
    pub cpus: usize,
    /// Standard output is a terminal.
    pub terminal: bool,
}

/// The settings and what to tell about them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Each setting as text, in the order of the table.
    pub shown: Vec<Shown>,
    /// Lines for the log.
    pub warnings: Vec<String>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

/// One setting, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// Where that comes from.
    pub origin: Origin,
}

impl AppSettings {
    /// The variables for app processes: files first, then those of the settings. Read anew.
    ///
    /// # Errors
    /// A file is missing or wrong.
    pub fn variables(&self) -> Result<Vec<(String, String)>, ConfigError> {
        let mut all = Vec::new();
        for file in &self.env_files {
            all.extend(env_file::read(file)?);
        }
        all.extend(self.env.iter().cloned());
        Ok(all)
    }
}

impl Surroundings {
    /// Those of this process.
    ///
    /// # Errors
    /// There is no current folder: somebody removed it.
    pub fn here() -> std::io::Result<Self> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Ok(Self {
            vars: std::env::vars_os().filter_map(text).collect(),
            cwd: current_folder()?,
            cpus: crate::os::cgroup::cpus(),
            terminal: std::io::IsTerminal::is_terminal(&std::io::stdout()),
        })
    }
}

/// The current folder with symbolic links as the shell followed them: PWD, where that is true. A
/// link such as `current` is then resolved anew for each process.
fn current_folder() -> std::io::Result<PathBuf> {
    let real = std::env::current_dir()?;
    let named = std::env::var_os("PWD").map(PathBuf::from).filter(|path| path.is_absolute());
    let same = |named: &PathBuf| named.canonicalize().is_ok_and(|path| path == real);
    Ok(named.filter(same).unwrap_or(real))
}

/// Reads all sources.
///
/// # Errors
/// Anything that is wrong in any of them.
pub fn load(flags: &cli::Serve, surroundings: &Surroundings) -> Result<Loaded, ConfigError> {
    let Surroundings { vars, cwd, .. } = surroundings;
    let platform = env::of_platform(vars)?;
    let (variables, warnings) = env::ours(vars)?;
    let port = env::find(vars, "PORT").filter(|port| !port.is_empty());
    let mut above = variables.under(flags.settings(port)?);
    place_app(&mut above, flags, cwd)?;

    let folder = above.text("root").map_or_else(|| cwd.clone(), |root| cwd.join(root));
    let path = chosen_file(flags, surroundings, &folder);
    let in_file = match &path {
        Some(path) => file::read(path, path.strip_prefix(cwd).unwrap_or(path))?,
        None => Raw::default(),
    };
    let raw = platform.under(in_file).under(above);
    let base = path.as_deref().and_then(Path::parent).unwrap_or(cwd);
    let (config, shown) = read::Reader::new(&raw, surroundings, base).config()?;
    Ok(Loaded { config, shown, warnings, file: path })
}

/// An app that is a folder is where to look for one: then it is the root.
fn place_app(above: &mut Raw, flags: &cli::Serve, cwd: &Path) -> Result<(), ConfigError> {
    let (app, origin) = match (&flags.app, above.find("app")) {
        (Some(app), _) => (app.clone(), Origin::Flag("APP")),
        (None, Some(written)) => {
            (above.text("app").unwrap_or_default().to_owned(), written.origin.clone())
        }
        (None, None) => return Ok(()),
    };
    let from = above.text("root").map_or_else(|| cwd.to_owned(), |root| cwd.join(root));
    let folder = from.join(&app);
    if folder.is_dir() {
        above.remove("app");
        return above.put_text("root", &folder.to_string_lossy(), origin);
    }
    above.put_text("app", &app, origin)
}

fn chosen_file(flags: &cli::Serve, at: &Surroundings, folder: &Path) -> Option<PathBuf> {
    let named = flags.config.clone().or_else(|| {
        let variable = env::find(&at.vars, "MAITRED_CONFIG").filter(|path| !path.is_empty());
        variable.map(PathBuf::from)
    });
    match named {
        Some(path) => Some(at.cwd.join(path)),
        None => Some(folder.join(file::NAME)).filter(|path| path.exists()),
    }
}

/// The settings as a table for people: setting, value, origin.
#[must_use]
pub fn show(loaded: &Loaded) -> String {
    let shown: Vec<Shown> = loaded.shown.iter().map(told).collect();
    let width = |text: fn(&Shown) -> &str| {
        shown.iter().map(|shown| text(shown).chars().count()).max().unwrap_or(0)
    };
    let (keys, values) = (width(|shown| shown.key), width(|shown| &shown.value));
    let mut out = format!("{:keys$}  {:values$}  origin\n", "setting", "value");
    for Shown { key, value, origin } in &shown {
        out.push_str(&format!("{key:keys$}  {value:values$}  {origin}\n"));
    }
    out
}

/// With what will be found out later, in parentheses.
fn told(shown: &Shown) -> Shown {
    let mut shown = shown.clone();
    if let Some(Setting { default: Preset::Computed(text), .. }) = Setting::find(shown.key)
        && shown.value.is_empty()
    {
        shown.value = format!("({text})");
    }
    shown
}

#[cfg(test)]
mod tests;
