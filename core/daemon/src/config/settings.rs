//! The table of all settings: what the documentation, `maitred config` and the parsers know.
//!
//! A setting that is not in here cannot be written anywhere, and a default that is written in here
//! is the one that is used: it goes through the same parser as an operator's.

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its key in maitred.toml, with dots.
    pub key: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// What it is when nothing is written.
    pub default: Preset,
    /// Its flag and the aliases of that; empty: none.
    pub flags: &'static str,
    /// A variable that platforms set; it counts less than the file.
    pub platform: Option<&'static str>,
    /// What it does, and why the default is what it is.
    pub help: &'static str,
}

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A file or folder.
    Path,
    /// A number.
    Integer,
    /// true or false.
    Switch,
    /// Bytes: "64 MiB".
    Size,
    /// A span of time: "25s".
    Duration,
    /// Several texts.
    List,
    /// Names and values.
    Table,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// What a setting is when nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// As if this had been written.
    Value(&'static str),
    /// Found out from other things.
    Computed(&'static str),
}

impl Setting {
    /// The setting called `key`.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// Its variable. Tables have none.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        let name = || format!("MAITRED_{}", self.key.replace('.', "_").to_ascii_uppercase());
        (self.kind != Kind::Table).then(name)
    }

    /// Its first flag, with dashes.
    #[must_use]
    pub fn flag(&self) -> Option<&'static str> {
        self.flags.split(", ").next().filter(|flag| !flag.is_empty())
    }
}

impl Kind {
    /// What to call it in a sentence.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Integer => "number".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Size => "size".to_owned(),
            Self::Duration => "duration".to_owned(),
            Self::List => "list of texts".to_owned(),
            Self::Table => "table of texts".to_owned(),
            Self::Choice(words) => words.join(", "),
        }
    }
}

use Preset::{Computed, Value};

const fn setting(
    key: &'static str,
    kind: Kind,
    default: Preset,
    flags: &'static str,
    help: &'static str,
) -> Setting {
    Setting { key, kind, default, flags, platform: None, help }
}

const fn from_platform(platform: &'static str, setting: Setting) -> Setting {
    Setting { platform: Some(platform), ..setting }
}

/// All of them, in the order in which people read about them.
pub const SETTINGS: &[Setting] = &[
    setting(
        "app",
        Kind::Text,
        Computed("searched in the root"),
        "",
        "The app: `module:object`, `module:create_app()`, or on the command line a folder. Without \
         it the root is searched for manage.py, then app.py or main.py.",
    ),
    setting(
        "name",
        Kind::Text,
        Computed("the name of the root folder"),
        "--name",
        "What the app and its running instance are called.",
    ),
    setting("kind", Kind::Choice(&["wsgi"]), Value("wsgi"), "--kind", "The interface of the app."),
    setting(
        "root",
        Kind::Path,
        Computed("the current folder, or the folder that is the app"),
        "--chdir",
        "The folder in which app processes start. Symbolic links stay as written and are \
         resolved whenever a process starts.",
    ),
    setting(
        "factory",
        Kind::Switch,
        Value("false"),
        "--factory",
        "The object is a function that makes the app.",
    ),
    setting(
        "environment",
        Kind::Text,
        Value("production"),
        "--env",
        "The name of the environment, as shown by the status.",
    ),
    setting(
        "env",
        Kind::Table,
        Computed("empty"),
        "",
        "Variables for app processes, above those of `env_file` and of the core itself.",
    ),
    setting(
        "env_file",
        Kind::List,
        Value(""),
        "",
        "Files of `NAME=value` lines, read anew whenever a process starts; later ones win.",
    ),
    setting(
        "python",
        Kind::Path,
        Computed("$VIRTUAL_ENV, .venv or venv in the root, beside maitred, PATH"),
        "--python",
        "The Python that runs the app, resolved anew whenever a process starts.",
    ),
    setting(
        "command",
        Kind::List,
        Computed("the Python with `-m maitred`"),
        "",
        "The whole command of an app process. It has to end in the SDK of its language.",
    ),
    from_platform(
        "PORT",
        setting(
            "listen",
            Kind::List,
            Value("127.0.0.1:8000"),
            "--listen, -b, --bind",
            "Where clients connect: `host:port`, `:port`, `[::1]:port` or `unix:/path`. \
             `--host` and `-p`/`--port` write the same setting. The platform's PORT means all \
             addresses of IPv4.",
        ),
    ),
    from_platform(
        "WEB_CONCURRENCY",
        setting(
            "processes",
            Kind::Integer,
            Computed("CPUs, at least 2, and at least 4 slots in all"),
            "--processes, -w, --workers",
            "App processes. At least two, so that one may end while the other serves. Quotas of \
             control groups count.",
        ),
    ),
    setting(
        "slots",
        Kind::Integer,
        Value("1"),
        "--slots, -t, --threads",
        "Requests that one process may work on at once: its threads. One, because not every app \
         is safe with more.",
    ),
    setting(
        "queue.max",
        Kind::Integer,
        Value("1000"),
        "",
        "Requests that may wait. Beyond it a client gets 503 at once, which is better than an \
         answer after its own timeout.",
    ),
    setting(
        "queue.wait_max",
        Kind::Duration,
        Value("25s"),
        "",
        "Longest wait for a slot, then 503. Below the 30 s after which common proxies give up.",
    ),
    setting(
        "queue.booting_wait_max",
        Kind::Duration,
        Value("60s"),
        "",
        "Longest wait while no process has booted yet.",
    ),
    setting(
        "leases.boot",
        Kind::Duration,
        Value("90s"),
        "",
        "How long a process may take until it is ready; then it is killed.",
    ),
    setting(
        "leases.drain",
        Kind::Duration,
        Value("25s"),
        "",
        "How long a process that is told to leave may go on with what it has; then it is killed.",
    ),
    setting(
        "stop_timeout",
        Kind::Duration,
        Value("25s"),
        "",
        "How long the whole core may take to stop. Below the 30 s that Kubernetes and Heroku give.",
    ),
    setting(
        "drain_delay",
        Kind::Duration,
        Computed("0s; 5s in Kubernetes"),
        "",
        "How long the core goes on as before after SIGTERM. In Kubernetes others still send \
         clients for some seconds.",
    ),
    setting(
        "body_max",
        Kind::Size,
        Value("1 GiB"),
        "",
        "Largest body of a request, then 413. Uploads go to disk, so that it may be large.",
    ),
    setting(
        "head_max",
        Kind::Size,
        Value("48 KiB"),
        "",
        "Largest head of a request, then 431. 48 KiB is also the most that a link carries.",
    ),
    setting(
        "request_buffering",
        Kind::Choice(&["auto", "off"]),
        Value("auto"),
        "--request-buffering",
        "`auto`: a request is given to the app when its body is here, so that a slow client holds \
         no slot. `off`: at once.",
    ),
    setting(
        "buffer.memory_max",
        Kind::Size,
        Value("64 MiB"),
        "",
        "Memory for all bodies together; what is more goes to disk.",
    ),
    setting(
        "buffer.disk_max",
        Kind::Size,
        Value("4 GiB"),
        "",
        "Disk for all bodies together: four of the largest. Then responses are slowed down and \
         requests get 503.",
    ),
    setting(
        "buffer.dir",
        Kind::Path,
        Value("/var/tmp"),
        "",
        "Folder for bodies on disk. Not /tmp, which is memory on many systems.",
    ),
    from_platform(
        "FORWARDED_ALLOW_IPS",
        setting(
            "trusted_proxies",
            Kind::List,
            Value("127.0.0.0/8, ::1, unix"),
            "",
            "Whose X-Forwarded headers are acted upon: addresses, networks, `unix` for peers on \
             Unix sockets, `*` for everybody. FORWARDED_ALLOW_IPS includes `unix` always.",
        ),
    ),
    setting(
        "server_timing",
        Kind::Switch,
        Value("false"),
        "",
        "Adds a Server-Timing header, in which clients see the wait and the service time.",
    ),
    setting(
        "request_id_header",
        Kind::Text,
        Value("x-request-id"),
        "",
        "The header with the id of a request. One is made where there is none.",
    ),
    setting(
        "keep_alive",
        Kind::Duration,
        Value("75s"),
        "",
        "How long an idle connection is kept. Longer than the 60 s of common load balancers: the \
         one who sends should be the one who closes.",
    ),
    setting(
        "head_timeout",
        Kind::Duration,
        Value("30s"),
        "",
        "How long a client may take to send the head of a request.",
    ),
    setting(
        "ready_merge_us",
        Kind::Integer,
        Value("50"),
        "",
        "Microseconds that a complete response may wait for the word that its slot is free, so \
         that both share one write. 0: never.",
    ),
    setting(
        "app_log",
        Kind::Choice(&["raw", "prefix", "json"]),
        Computed("prefix on a terminal, else raw"),
        "--app-log",
        "What apps write: bytes untouched, with app and pid before each line, or as one JSON \
         object per line.",
    ),
    setting(
        "access_log",
        Kind::Switch,
        Value("false"),
        "--access-log",
        "One line per request on standard output.",
    ),
    setting(
        "log_format",
        Kind::Choice(&["text", "json"]),
        Value("text"),
        "--log-format",
        "The core's own lines, on standard error.",
    ),
    setting(
        "log_level",
        Kind::Text,
        Value("info"),
        "--log-level",
        "error, warn, info, debug or trace.",
    ),
];
