//! The command line: what may be typed, and the help that teaches it.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use super::error::{ConfigError, Origin};
use super::listen;
use super::raw::{Raw, Value};
use super::settings::Setting;
use crate::driver::oob::KIND_DEFAULT;

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  failed: no app process ever booted, or the core broke
  2  wrong usage or settings, or more than one answer
  3  no running instance found";

const EXAMPLES: &str = "\
Examples:
  maitred serve                      find the app in this folder and serve it
  maitred serve shop.wsgi:application
  maitred serve 'app:create_app()' -w 4 -t 2 -b 0.0.0.0:8000
  maitred status                     how it is doing

APP is module:object, module:create_app(), or a folder. A folder (default: this
one) is searched for maitred.toml, manage.py, then app.py or main.py.

Every setting can be written as a flag, as a variable (MAITRED_QUEUE_MAX) or in
maitred.toml; `maitred config` shows all of them, and where each one comes from.";

const DUMP: &str = "\
Example:
  maitred dump shop.rec

A core remembers every decision of the last seconds or minutes, at most 8 MiB of
them and the states that they began with. The file holds numbers and times, but
no header values, bodies or tokens. It shows what a core did and why, on any
machine: send it along with a report of a bug. A core that breaks writes the
same file by itself and names it in its log.";

const OOB: &str = "\
Examples:
  maitred oob                        what is out, what waits and why, what was done
  maitred oob run 4121               the handlers of pid 4121, kind gc
  maitred oob run --all --kind warm  one process after the other

Out-of-band work is what an app does while it gets no requests: a full garbage
collection, warming a cache. Apps ask for it (maitred.request_oob in Python);
`run` asks in their place. It waits for no quiet moment then, but still for its
turn: never are more processes away than oob.concurrent, never do fewer than
oob.min_ready serve.";

/// maitred: an application server whose core knows when your app processes are really free.
#[derive(Debug, Parser)]
#[command(name = "maitred", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve an app
    #[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
    Serve(Box<Serve>),
    /// Show how a running instance is doing
    #[command(after_help = EXIT_CODES)]
    Status(Status),
    /// Show out-of-band work, or start it
    #[command(after_help = format!("{OOB}\n\n{EXIT_CODES}"))]
    Oob(Oob),
    /// Write down what a running instance did lately, to be replayed
    #[command(after_help = format!("{DUMP}\n\n{EXIT_CODES}"))]
    Dump(Dump),
    /// Show every setting, its value and where it comes from
    #[command(after_help = EXIT_CODES)]
    Config(Box<Serve>),
    /// Print the completions for a shell
    Completions {
        /// Which one
        shell: clap_complete::Shell,
    },
}

/// The flags of `serve`. As written: they are understood together with all other sources.
#[derive(Debug, Default, Args)]
pub struct Serve {
    /// The app: module:object, module:create_app(), or a folder
    pub app: Option<String>,

    /// Where to listen: host:port, :port or unix:/path; may be repeated [default: 127.0.0.1:8000]
    #[arg(short = 'b', long, visible_alias = "bind", value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// The port to listen on
    #[arg(short, long, conflicts_with = "listen")]
    pub port: Option<String>,
    /// The address to listen on
    #[arg(long, conflicts_with = "listen")]
    pub host: Option<String>,

    /// App processes [default: by CPUs, at least 2]
    #[arg(short = 'w', long, visible_alias = "workers", value_name = "N")]
    pub processes: Option<String>,
    /// Requests at once in each process [default: 1]
    #[arg(short = 't', long, visible_alias = "threads", value_name = "N")]
    pub slots: Option<String>,

    /// The folder in which the app starts
    #[arg(long, value_name = "DIR")]
    pub chdir: Option<String>,
    /// The object is a function that makes the app
    #[arg(long, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", value_name = "BOOL")]
    pub factory: Option<String>,
    /// The interface of the app [default: wsgi]
    #[arg(long)]
    pub kind: Option<String>,
    /// What the app and this instance are called [default: the folder's name]
    #[arg(long)]
    pub name: Option<String>,
    /// The name of the environment [default: production]
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
    /// The Python that runs the app [default: the folder's virtual environment]
    #[arg(long, value_name = "PATH")]
    pub python: Option<String>,

    /// Give a request to the app when its body is here, or at once [default: auto]
    #[arg(long, value_name = "auto|off")]
    pub request_buffering: Option<String>,

    /// One line per request on standard output
    #[arg(long, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", value_name = "BOOL")]
    pub access_log: Option<String>,
    /// What apps write: raw, prefix or json [default: prefix on a terminal, else raw]
    #[arg(long, value_name = "MODE")]
    pub app_log: Option<String>,
    /// The core's own lines: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// The file with the settings [default: maitred.toml in the folder of the app, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The flags of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// Go on showing it
    #[arg(long)]
    pub watch: bool,
    /// Which one, where several run [default: the one that serves this folder]
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
}

/// The flags of `oob`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Oob {
    /// What to do instead of listing it
    #[command(subcommand)]
    pub action: Option<OobAction>,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// Which one, where several run [default: the one that serves this folder]
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
}

/// What to do with out-of-band work.
#[derive(Debug, Subcommand)]
pub enum OobAction {
    /// Ask for it in a process, or in all of them
    #[command(after_help = format!("{OOB}\n\n{EXIT_CODES}"))]
    Run(OobRun),
}

/// The flags of `oob run`.
#[derive(Debug, Args)]
pub struct OobRun {
    /// The process, as `maitred status` lists it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,
    /// Every process, in turn
    #[arg(long)]
    pub all: bool,
    /// What the work is, in the app's word for it
    #[arg(long, default_value = KIND_DEFAULT)]
    pub kind: String,
    /// Which one, where several run [default: the one that serves this folder]
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
}

/// The flags of `dump`.
#[derive(Debug, Args)]
pub struct Dump {
    /// Where to: a file, which is replaced if it is there, or - for standard output
    pub file: PathBuf,
    /// Which one, where several run [default: the one that serves this folder]
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
}

impl Serve {
    /// The settings among the flags. APP is not among them when it is a folder.
    ///
    /// `platform_port` is what `--host` alone is completed by.
    ///
    /// # Errors
    /// `--port` or `--host` do not make an address.
    pub(super) fn settings(&self, platform_port: Option<&str>) -> Result<Raw, ConfigError> {
        let mut raw = Raw::default();
        let texts = [
            ("processes", &self.processes),
            ("slots", &self.slots),
            ("root", &self.chdir),
            ("factory", &self.factory),
            ("kind", &self.kind),
            ("name", &self.name),
            ("environment", &self.environment),
            ("python", &self.python),
            ("request_buffering", &self.request_buffering),
            ("access_log", &self.access_log),
            ("app_log", &self.app_log),
            ("log_format", &self.log_format),
            ("log_level", &self.log_level),
        ];
        for (key, text) in texts {
            let Some(text) = text else { continue };
            let flag = Setting::find(key).and_then(Setting::flag);
            raw.put_text(key, text, Origin::Flag(flag.expect("each of them has a flag")))?;
        }
        if let Some((addresses, flag)) = self.addresses(platform_port) {
            let setting = Setting::find("listen").expect("it is in the table");
            raw.put(setting, Value::Many(addresses), Origin::Flag(flag))?;
        }
        Ok(raw)
    }

    fn addresses(&self, platform_port: Option<&str>) -> Option<(Vec<String>, &'static str)> {
        if !self.listen.is_empty() {
            return Some((self.listen.clone(), "--listen"));
        }
        let flag = match (&self.port, &self.host) {
            (Some(_), _) => "--port",
            (None, Some(_)) => "--host",
            (None, None) => return None,
        };
        let host = self.host.as_deref().unwrap_or(listen::LOOPBACK);
        let bare_v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
        let host = if bare_v6 { format!("[{host}]") } else { host.to_owned() };
        let default = listen::PORT.to_string();
        let port = self.port.as_deref().or(platform_port).unwrap_or(&default);
        Some((vec![format!("{host}:{port}")], flag))
    }
}

/// Writes the completions for `shell`.
pub fn completions(shell: clap_complete::Shell, out: &mut dyn std::io::Write) {
    clap_complete::generate(shell, &mut Cli::command(), "maitred", out);
}
