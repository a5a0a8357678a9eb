//! The second parse: from texts to what they mean.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use maitred_engine::limits::{OobLimits, PoolLimits};
use maitred_proto::frame::SLOTS_MAX;

use super::error::{ConfigError, Origin};
use super::listen::{A_LISTEN, Listen};
use super::proxies::{A_PROXY, TrustedProxies};
use super::raw::{Raw, Value, Written};
use super::settings::{Kind, Preset, SETTINGS, Setting};
use super::value::{self, A_DURATION, A_SIZE};
use super::{
    AppSettings, BufferSettings, Config, HttpSettings, LogSettings, ObserveSettings, Shown,
    Surroundings,
};
use super::{env, show_duration};
use crate::process::output::{Form, Mode};
use crate::routes::RouteSettings;

mod leases;
mod observe;
mod queue;

/// Most processes of a pool: what the engine is measured with.
const PROCESSES_MAX: u32 = 1000;
/// Slots in all that a default number of processes provides. Fewer could not tell a slow app
/// from a full one.
const SLOTS_MIN_IN_ALL: u32 = 4;
/// Processes that a default provides at least: one may end while the other serves.
const PROCESSES_MIN: u32 = 2;
/// Largest head that a link carries, in bytes.
const HEAD_MAX: u64 = 48 * 1024;
/// Smallest limit of heads, in bytes: below it ordinary browsers are refused.
const HEAD_MIN: u64 = 1024;
/// Longest wait of a complete response for its ready, in microseconds: 10 ms, which clients feel.
const READY_MERGE_MAX_US: u32 = 10_000;
/// How long others still send clients to a core that is to stop, in Kubernetes.
const DRAIN_DELAY_IN_KUBERNETES: Duration = Duration::from_secs(5);

/// Understands settings one by one and notes what each one turned out to be.
pub(super) struct Reader<'a> {
    raw: &'a Raw,
    at: &'a Surroundings,
    /// The folder of the file: what paths in it are relative to.
    base: &'a Path,
    shown: Vec<Shown>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(raw: &'a Raw, at: &'a Surroundings, base: &'a Path) -> Self {
        Self { raw, at, base, shown: Vec::new() }
    }

    /// Everything.
    pub(super) fn config(mut self) -> Result<(Config, Vec<Shown>), ConfigError> {
        let slots = self.number("slots", 1..=SLOTS_MAX)?;
        let processes = self.processes(slots)?;
        let http = self.http()?;
        let limits = self.limits(processes)?;
        // What is sent ahead is not overtaken, and so it would come before a higher priority.
        let early_max = if http.ranks() { 0 } else { limits.early_max };
        let config = Config {
            app: self.app()?,
            listen: self.listen()?,
            processes,
            slots,
            memory: self.memory()?,
            limits: PoolLimits { early_max, ..limits },
            stop_timeout: self.duration("stop_timeout")?,
            drain_delay: self.drain_delay()?,
            http,
            observe: self.observe()?,
            buffer: self.buffer()?,
            ready_merge_us: self.number("ready_merge_us", 0..=READY_MERGE_MAX_US)?,
            log: self.log()?,
        };
        let place = |key| SETTINGS.iter().position(|setting| setting.key == key);
        self.shown.sort_by_key(|shown| place(shown.key));
        Ok((config, self.shown))
    }

    fn app(&mut self) -> Result<AppSettings, ConfigError> {
        // There is only one kind so far; what matters is that no other was asked for.
        self.choice("kind")?;
        let root = self.path("root")?.unwrap_or_else(|| self.at.cwd.clone());
        self.note("root", &root.display().to_string());
        let env = match self.raw.find("env").map(|written| &written.value) {
            Some(Value::Pairs(pairs)) => pairs.clone(),
            _ => Vec::new(),
        };
        // Values may be secrets: only names are shown.
        let names: Vec<_> = env.iter().map(|(name, _)| name.as_str()).collect();
        self.note("env", &names.join(", "));
        let files = self.list("env_file");
        self.note("env_file", &files.join(", "));
        let command = self.raw.find("command").map(|_| self.list("command"));
        if command.as_ref().is_some_and(Vec::is_empty) {
            return Err(self.wrong("command", "", "a program and its arguments"));
        }
        self.note("command", &command.clone().unwrap_or_default().join(" "));
        Ok(AppSettings {
            app: self.text("app"),
            name: self.text("name"),
            factory: self.switch("factory")?,
            environment: self.text("environment").unwrap_or_default(),
            env,
            env_files: files.iter().map(|file| self.resolve("env_file", file)).collect(),
            python: self.python(),
            command,
            root,
        })
    }

    fn python(&mut self) -> Option<PathBuf> {
        let text = self.text("python")?;
        // A bare name is looked up in PATH when a process starts.
        Some(if text.contains('/') { self.resolve("python", &text) } else { text.into() })
    }

    fn listen(&mut self) -> Result<Vec<Listen>, ConfigError> {
        let texts = self.list("listen");
        if texts.is_empty() {
            return Err(self.wrong("listen", "", A_LISTEN));
        }
        let parse =
            |text: &String| Listen::parse(text).ok_or_else(|| self.wrong("listen", text, A_LISTEN));
        let all = texts.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let shown: Vec<_> = all.iter().map(Listen::to_string).collect();
        self.note("listen", &shown.join(", "));
        Ok(all)
    }

    fn processes(&mut self, slots: u32) -> Result<u32, ConfigError> {
        let processes = match self.raw.text("processes") {
            Some(text) if text.contains("..") || text.contains(':') => {
                let message = format!(
                    "{text:?} asks for a changing number of processes, and scaling is not \
                     available yet: give one number"
                );
                return Err(ConfigError::Other { origin: self.origin("processes"), message });
            }
            Some(_) => self.parse_number("processes", 1..=PROCESSES_MAX)?,
            None => {
                let cpus = u32::try_from(self.at.cpus).unwrap_or(PROCESSES_MAX);
                let wanted = cpus.max(PROCESSES_MIN).max(SLOTS_MIN_IN_ALL.div_ceil(slots));
                wanted.min(PROCESSES_MAX)
            }
        };
        self.note("processes", &processes.to_string());
        Ok(processes)
    }

    fn memory(&mut self) -> Result<Option<u64>, ConfigError> {
        match self.raw.find("memory") {
            Some(_) => self.size("memory").map(Some),
            None => {
                self.note("memory", "");
                Ok(None)
            }
        }
    }

    fn limits(&mut self, processes: u32) -> Result<PoolLimits, ConfigError> {
        Ok(PoolLimits {
            processes,
            measure_first: self.raw.find("processes").is_none(),
            boot_max: self.duration("leases.boot")?,
            drain_max: self.duration("leases.drain")?,
            oob: self.oob()?,
            leases: Box::new(self.leases()?),
            ..self.queue()?
        })
    }

    fn oob(&mut self) -> Result<OobLimits, ConfigError> {
        Ok(OobLimits {
            concurrent: self.number("oob.concurrent", 1..=PROCESSES_MAX)?,
            min_ready: self.number("oob.min_ready", 0..=PROCESSES_MAX)?,
            lease: self.duration("oob.lease")?,
            overdue_after: self.duration("oob.overdue_after")?,
            quiesce_max: self.duration("oob.quiesce_max")?,
        })
    }

    fn drain_delay(&mut self) -> Result<Duration, ConfigError> {
        if self.raw.find("drain_delay").is_some() {
            return self.duration("drain_delay");
        }
        let in_kubernetes = env::find(&self.at.vars, "KUBERNETES_SERVICE_HOST").is_some();
        let delay = if in_kubernetes { DRAIN_DELAY_IN_KUBERNETES } else { Duration::ZERO };
        self.note("drain_delay", &show_duration(delay));
        Ok(delay)
    }

    fn http(&mut self) -> Result<HttpSettings, ConfigError> {
        let head_max = self.size("head_max")?;
        if !(HEAD_MIN..=HEAD_MAX).contains(&head_max) {
            let text = value::show_size(head_max);
            return Err(self.wrong("head_max", &text, "a size from 1 KiB to 48 KiB"));
        }
        let proxies = self.list("trusted_proxies");
        let trusted_proxies = TrustedProxies::parse(&proxies)
            .map_err(|text| self.wrong("trusted_proxies", &text, A_PROXY))?;
        self.note("trusted_proxies", &trusted_proxies.to_string());
        let header = self.text("request_id_header").unwrap_or_default();
        let name = http::HeaderName::try_from(&header)
            .map_err(|_| self.wrong("request_id_header", &header, "the name of a header"))?;
        let buffered = self.choice("request_buffering")? == "auto";
        Ok(HttpSettings {
            body_max: self.size("body_max")?,
            head_max: usize::try_from(head_max).unwrap_or(usize::MAX),
            routes: self.routes(RouteSettings { buffered, ..RouteSettings::default() })?,
            priority_header: self.header("priority_header")?,
            lease_header: self.header("leases.request_header")?,
            health_path: self.health_path()?,
            trusted_proxies,
            server_timing: self.switch("server_timing")?,
            request_id_header: name.to_string(),
            keep_alive: self.duration("keep_alive")?,
            head_timeout: self.duration("head_timeout")?,
        })
    }

    fn buffer(&mut self) -> Result<BufferSettings, ConfigError> {
        let dir = self.path("buffer.dir")?.unwrap_or_default();
        self.note("buffer.dir", &dir.display().to_string());
        Ok(BufferSettings {
            memory_max: self.size("buffer.memory_max")?,
            disk_max: self.size("buffer.disk_max")?,
            dir,
        })
    }

    fn log(&mut self) -> Result<LogSettings, ConfigError> {
        let by_terminal = if self.at.terminal { "prefix" } else { "raw" };
        let app = match self.raw.find("app_log") {
            Some(_) => self.choice("app_log")?,
            None => by_terminal.to_owned(),
        };
        self.note("app_log", &app);
        let level = self.text("log_level").unwrap_or_default();
        if tracing_subscriber::EnvFilter::try_new(&level).is_err() {
            return Err(self.wrong("log_level", &level, "error, warn, info, debug or trace"));
        }
        Ok(LogSettings {
            app: match app.as_str() {
                "prefix" => Mode::Prefix,
                "json" => Mode::Json,
                _ => Mode::Raw,
            },
            access: self.switch("access_log")?,
            form: if self.choice("log_format")? == "json" { Form::Json } else { Form::Text },
            level,
        })
    }
}

/// One setting of each kind. The default of the table goes through the same way.
impl Reader<'_> {
    fn setting(key: &str) -> &'static Setting {
        Setting::find(key).expect("only keys of the table are read")
    }

    fn origin(&self, key: &str) -> Origin {
        self.raw.find(key).map_or(Origin::Default, |written| written.origin.clone())
    }

    fn note(&mut self, key: &str, value: &str) {
        let key = Self::setting(key).key;
        let origin = self.origin(key);
        self.shown.retain(|shown| shown.key != key);
        self.shown.push(Shown { key, value: value.to_owned(), origin });
    }

    fn wrong(&self, key: &str, text: &str, expected: &str) -> ConfigError {
        let (key, text) = (key.to_owned(), text.to_owned());
        ConfigError::Value { origin: self.origin(&key), key, text, expected: expected.to_owned() }
    }

    /// What is written, or the default if that can be written.
    fn written_text(&self, key: &str) -> Option<&str> {
        let default = match Self::setting(key).default {
            Preset::Value(text) => Some(text),
            Preset::Computed(_) => None,
        };
        self.raw.text(key).or(default)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let text = self.written_text(key).map(str::to_owned);
        self.note(key, text.as_deref().unwrap_or_default());
        text
    }

    fn list(&self, key: &str) -> Vec<String> {
        match self.raw.find(key).map(|written| &written.value) {
            Some(Value::Many(texts)) => texts.clone(),
            _ => self.written_text(key).map(value::list).unwrap_or_default(),
        }
    }

    fn path(&mut self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        let Some(text) = self.written_text(key) else { return Ok(None) };
        let path = self.resolve(key, text);
        if !path.is_dir() {
            return Err(self.wrong(key, &path.display().to_string(), "a folder"));
        }
        Ok(Some(path))
    }

    /// Absolute, without following symbolic links. In the file, paths are relative to it.
    fn resolve(&self, key: &str, text: &str) -> PathBuf {
        let in_file =
            matches!(self.raw.find(key), Some(Written { origin: Origin::File { .. }, .. }));
        let base = if in_file { self.base } else { &self.at.cwd };
        let joined = base.join(text);
        let path = std::path::absolute(&joined).unwrap_or(joined);
        // Without the slash at the end that shells complete.
        path.components().collect()
    }

    fn parse<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        show: impl FnOnce(&T) -> String,
    ) -> Result<T, ConfigError> {
        let text = self.written_text(key).unwrap_or_default().to_owned();
        let value = parse(&text).ok_or_else(|| self.wrong(key, &text, expected))?;
        self.note(key, &show(&value));
        Ok(value)
    }

    fn duration(&mut self, key: &str) -> Result<Duration, ConfigError> {
        self.parse(key, A_DURATION, value::duration, |span| show_duration(*span))
    }

    fn size(&mut self, key: &str) -> Result<u64, ConfigError> {
        self.parse(key, A_SIZE, value::size, |bytes| value::show_size(*bytes))
    }

    fn switch(&mut self, key: &str) -> Result<bool, ConfigError> {
        self.parse(key, "true or false", value::switch, bool::to_string)
    }

    fn number(&mut self, key: &str, range: RangeInclusive<u32>) -> Result<u32, ConfigError> {
        let number = self.parse_number(key, range)?;
        self.note(key, &number.to_string());
        Ok(number)
    }

    fn parse_number(&self, key: &str, range: RangeInclusive<u32>) -> Result<u32, ConfigError> {
        let text = self.written_text(key).unwrap_or_default();
        value::number(text, &range).map_err(|expected| self.wrong(key, text, &expected))
    }

    fn choice(&mut self, key: &str) -> Result<String, ConfigError> {
        let Kind::Choice(words) = Self::setting(key).kind else {
            unreachable!("only choices are read as choices")
        };
        let expected = match words {
            [one] => format!("supported by this version, only {one}"),
            words => format!("one of {}", words.join(", ")),
        };
        let parse = |text: &str| words.contains(&text).then(|| text.to_owned());
        self.parse(key, &expected, parse, String::clone)
    }
}
