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
    /// A span of time, or none: "off".
    Limit,
    /// Several texts.
    List,
    /// Names and values.
    Table,
    /// Routes.
    Routes,
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

    /// Its variable. Tables and routes have none.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        let name = || format!("MAITRED_{}", self.key.replace('.', "_").to_ascii_uppercase());
        (!matches!(self.kind, Kind::Table | Kind::Routes)).then(name)
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
            Self::Limit => "duration, or off".to_owned(),
            Self::List => "list of texts".to_owned(),
            Self::Table => "table of texts".to_owned(),
            Self::Routes => "list of tables, `[[routes]]`".to_owned(),
            Self::Choice(words) => words.join(", "),
        }
    }
}

mod app;
mod http;
mod leases;
mod log;
mod observe;
mod oob;
mod pool;
mod queue;

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

const PARTS: &[&[Setting]] = &[
    app::APP,
    pool::POOL,
    leases::LEASES,
    queue::QUEUE,
    oob::OOB,
    http::HTTP,
    observe::OBSERVE,
    log::LOG,
];

/// All of them, in the order in which people read about them.
pub const SETTINGS: &[Setting] = &joined::<{ count() }>();

const fn count() -> usize {
    let (mut part, mut count) = (0, 0);
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
}

/// The parts as one table. Loops of this kind are all that a constant may be made with.
const fn joined<const COUNT: usize>() -> [Setting; COUNT] {
    let mut all = [PARTS[0][0]; COUNT];
    let (mut part, mut at) = (0, 0);
    while part < PARTS.len() {
        let mut place = 0;
        while place < PARTS[part].len() {
            all[at] = PARTS[part][place];
            at += 1;
            place += 1;
        }
        part += 1;
    }
    all
}
