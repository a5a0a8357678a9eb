//! Stories about settings: sources, precedence, errors, and the page that documents them.

use std::collections::BTreeSet;
use std::fs;

use clap::{CommandFactory, Parser};

use super::*;
use crate::routes::RouteSettings;

mod leases;
mod observe;
mod queue;

/// Loads settings in a folder of its own.
struct Rig {
    dir: tempfile::TempDir,
    vars: Vec<(String, String)>,
}

impl Rig {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), vars: Vec::new() }
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn toml(self, text: &str) -> Self {
        self.file("maitred.toml", text)
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    fn try_load(&self, flags: &[&str]) -> Result<Loaded, ConfigError> {
        let arguments = ["maitred", "serve"].iter().chain(flags);
        let cli::Command::Serve(serve) = cli::Cli::try_parse_from(arguments).unwrap().command
        else {
            unreachable!("serve was typed")
        };
        let at = Surroundings {
            vars: self.vars.clone(),
            cwd: self.dir.path().to_owned(),
            cpus: 3,
            terminal: false,
        };
        load(&serve, &at)
    }

    fn load(&self, flags: &[&str]) -> Config {
        self.try_load(flags).unwrap().config
    }

    fn error(&self, flags: &[&str]) -> String {
        self.try_load(flags).unwrap_err().to_string()
    }
}

fn addresses(config: &Config) -> Vec<String> {
    config.listen.iter().map(Listen::to_string).collect()
}

#[test]
fn nothing_written_means_the_defaults() {
    let config = Rig::new().load(&[]);
    assert_eq!(addresses(&config), ["127.0.0.1:8000"]);
    assert_eq!((config.processes, config.slots), (4, 1));
    assert_eq!(
        config.limits,
        PoolLimits { processes: 4, measure_first: true, ..PoolLimits::default() }
    );
    assert_eq!(config.stop_timeout, Duration::from_secs(25));
    assert_eq!(config.drain_delay, Duration::ZERO);
    assert_eq!((config.http.body_max, config.http.head_max), (1 << 30, 48 << 10));
    let settings = config.http.routes.of(&http::Method::GET, "/");
    assert_eq!(settings, RouteSettings::default());
    assert_eq!((config.http.server_timing, config.http.priority_header), (false, None));
    assert_eq!(config.http.request_id_header, "x-request-id");
    assert_eq!((config.buffer.memory_max, config.buffer.disk_max), (64 << 20, 4 << 30));
    assert_eq!(config.buffer.dir, Path::new("/var/tmp"));
    assert_eq!(config.ready_merge_us, 50);
    assert_eq!((config.log.app, config.log.access), (Mode::Raw, false));
    assert_eq!(config.app.environment, "production");
    assert!(config.http.trusted_proxies.contains([127, 0, 0, 1].into()));
    assert!(config.http.trusted_proxies.unix);
    assert!(!config.http.trusted_proxies.contains([10, 0, 0, 1].into()));
}

#[test]
fn each_source_counts_more_than_the_next() {
    let rig = Rig::new().toml("processes = 5\nslots = 5\n[queue]\nmax = 5\n");
    let rig = rig.var("MAITRED_PROCESSES", "6").var("MAITRED_SLOTS", "6");
    let rig = rig.var("WEB_CONCURRENCY", "4").var("PORT", "4000");
    let config = rig.load(&["-w", "7"]);
    assert_eq!((config.processes, config.slots, config.limits.queue_len_max), (7, 6, 5));
    assert_eq!(addresses(&config), ["0.0.0.0:4000"]);
}

#[test]
fn the_file_counts_more_than_the_platform() {
    let rig = Rig::new().toml("listen = ':9000'\n").var("PORT", "4000");
    assert_eq!(addresses(&rig.load(&[])), ["0.0.0.0:9000"]);
}

#[test]
fn aliases_from_other_servers_are_understood() {
    let rig = Rig::new().var("PORT", "4000");
    let config = rig.load(&["a:b", "--bind", ":1", "-b", "unix:/x", "--workers=2", "--threads=8"]);
    assert_eq!(addresses(&config), ["0.0.0.0:1", "unix:/x"]);
    assert_eq!((config.processes, config.slots), (2, 8));
    assert_eq!(config.app.app.as_deref(), Some("a:b"));
    assert_eq!(addresses(&rig.load(&["-p", "81"])), ["127.0.0.1:81"]);
    assert_eq!(addresses(&rig.load(&["--host", "::1"])), ["[::1]:4000"]);
    assert_eq!(addresses(&rig.load(&["--host", "::1", "-p", "1"])), ["[::1]:1"]);
}

#[test]
fn a_default_number_of_processes_gives_four_slots_and_uses_all_cpus() {
    assert_eq!(Rig::new().load(&["-t", "1"]).processes, 4);
    assert_eq!(Rig::new().load(&["-t", "2"]).processes, 3);
    assert_eq!(Rig::new().load(&["-t", "100"]).processes, 3);
}

#[test]
fn only_a_default_number_of_processes_hangs_on_memory() {
    let config = Rig::new().load(&[]);
    assert_eq!((config.limits.measure_first, config.memory), (true, None));
    assert!(!Rig::new().load(&["-w", "4"]).limits.measure_first);
    assert!(!Rig::new().var("WEB_CONCURRENCY", "4").load(&[]).limits.measure_first);
    assert_eq!(Rig::new().toml("memory = '2 GiB'").load(&[]).memory, Some(2 << 30));
}

#[test]
fn a_range_of_processes_is_not_available_yet() {
    for range in ["2..6", "2:6"] {
        let error = Rig::new().error(&["-w", range]);
        assert!(error.contains("scaling is not available yet"), "{error}");
    }
}

#[test]
fn an_unknown_key_is_an_error_with_its_line_and_the_nearest_name() {
    let error = Rig::new().toml("slots = 2\n\n[queue]\nmaxx = 3\n").error(&[]);
    assert_eq!(error, "maitred.toml:4: unknown setting `queue.maxx`; did you mean `queue.max`?");
    let error = Rig::new().toml("colour = 'red'\n").error(&[]);
    assert_eq!(error, "maitred.toml:1: unknown setting `colour`");
}

#[test]
fn what_is_wrong_is_one_line_that_says_where() {
    let rig = Rig::new().toml("[queue]\nwait_max = 'soon'\n");
    assert_eq!(
        rig.error(&[]),
        "maitred.toml:2: queue.wait_max = \"soon\" is not a duration such as 25s, 500ms or 2m"
    );
    let rig = Rig::new().toml("slots = [1]\n");
    assert_eq!(rig.error(&[]), "maitred.toml:1: `slots` is a number, not this");
    let rig = Rig::new().toml("slots = 1\nslots\n");
    assert!(rig.error(&[]).starts_with("maitred.toml:2: "), "{}", rig.error(&[]));
    let rig = Rig::new().toml("slots = 1979-05-27\n");
    assert_eq!(rig.error(&[]), "maitred.toml:1: `slots` is a number, not a datetime");
    assert_eq!(
        Rig::new().error(&["-t", "none"]),
        "--slots: slots = \"none\" is not a number from 1 to 4096"
    );
    assert_eq!(
        Rig::new().var("MAITRED_BODY_MAX", "much").error(&[]),
        "MAITRED_BODY_MAX: body_max = \"much\" is not a size such as 64 MiB, 1GB or a number of \
         bytes"
    );
    assert_eq!(
        Rig::new().error(&["--kind", "asgi"]),
        "--kind: kind = \"asgi\" is not supported by this version, only wsgi"
    );
    let error = Rig::new().toml("[apps.shop]\nroot = '.'\n").error(&[]);
    assert!(error.contains("several apps in one core are not available yet"), "{error}");
    let error = Rig::new().error(&["-c", "missing.toml"]);
    assert_eq!(error, "cannot read missing.toml: No such file or directory (os error 2)");
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let rig = Rig::new().var("MAITRED_SLOT", "1").var("MAITRED_X", "").var("MAITRED_INSTANCE", "a");
    let rig = rig.var("MAITRED_SERVICE_HOST", "10.0.0.1").var("MAITRED_PORT_8000_TCP", "x");
    assert_eq!(
        rig.try_load(&[]).unwrap().warnings,
        [
            "unknown variable MAITRED_SLOT is ignored; did you mean MAITRED_SLOTS?",
            "unknown variable MAITRED_X is ignored"
        ]
    );
}

#[test]
fn an_empty_variable_is_none_but_an_empty_list_is_a_list() {
    let rig = Rig::new().var("MAITRED_SLOTS", "").var("PORT", "").var("WEB_CONCURRENCY", "");
    let rig = rig.var("MAITRED_TRUSTED_PROXIES", "");
    let config = rig.load(&[]);
    assert_eq!((config.slots, addresses(&config)[0].as_str()), (1, "127.0.0.1:8000"));
    assert_eq!(config.http.trusted_proxies, TrustedProxies::default());
}

#[test]
fn the_platform_may_say_who_is_trusted() {
    let rig = Rig::new().var("FORWARDED_ALLOW_IPS", "10.0.0.0/8,192.168.0.1");
    let trusted = rig.load(&[]).http.trusted_proxies;
    assert!(trusted.contains([10, 1, 1, 1].into()) && trusted.unix);
    assert!(!trusted.contains([127, 0, 0, 1].into()));
}

#[test]
fn in_kubernetes_stopping_waits_for_others_to_notice() {
    let rig = Rig::new().var("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    assert_eq!(rig.load(&[]).drain_delay, Duration::from_secs(5));
    let rig = rig.var("MAITRED_DRAIN_DELAY", "1s");
    assert_eq!(rig.load(&[]).drain_delay, Duration::from_secs(1));
}

#[test]
fn an_app_that_is_a_folder_is_the_root_and_its_file_is_read() {
    let rig = Rig::new().file("shop/maitred.toml", "slots = 3\napp = 'x:y'\nenv_file = '.env'\n");
    let config = rig.load(&["shop"]);
    let root = rig.dir.path().join("shop");
    assert_eq!((config.app.root, config.slots), (root.clone(), 3));
    assert_eq!(config.app.app.as_deref(), Some("x:y"));
    assert_eq!(config.app.env_files, [root.join(".env")]);
}

#[test]
fn a_root_in_the_file_is_relative_to_the_file() {
    let rig = Rig::new().file("etc/shop.toml", "root = '../srv'\n").file("srv/app.py", "");
    let config = rig.load(&["-c", "etc/shop.toml"]);
    assert_eq!(config.app.root, rig.dir.path().join("etc/../srv"));
    assert!(rig.error(&["--chdir", "nowhere"]).ends_with("is not a folder"));
}

#[test]
fn a_symbolic_link_stays_as_written() {
    let rig = Rig::new().file("v1/app.py", "");
    std::os::unix::fs::symlink("v1", rig.dir.path().join("current")).unwrap();
    assert_eq!(rig.load(&["current"]).app.root, rig.dir.path().join("current"));
}

#[test]
fn variables_of_the_app_come_from_files_and_the_table_above_them() {
    let rig = Rig::new().toml("env_file = ['a.env']\n[env]\nB = 2\nC = true\n");
    let rig = rig.file("a.env", "A=1\nB=1\n");
    let app = rig.load(&[]).app;
    let all = app.variables().unwrap();
    let all: Vec<_> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(all, ["A=1", "B=1", "B=2", "C=true"]);
    fs::remove_file(rig.dir.path().join("a.env")).unwrap();
    assert!(app.variables().is_err());
}

#[test]
fn a_list_that_is_one_text_in_the_file_is_not_cut() {
    let config = Rig::new().toml("command = ['sh', '-c', 'a b']\n").load(&[]);
    assert_eq!(config.app.command.unwrap(), ["sh", "-c", "a b"]);
    let config = Rig::new().toml("env_file = 'my file.env'\n").load(&[]);
    assert!(config.app.env_files[0].ends_with("my file.env"));
}

#[test]
fn config_shows_every_setting_with_its_origin_and_no_secret() {
    let rig = Rig::new().toml("slots = 2\n[env]\nSECRET_KEY = 'hunter2'\n").var("PORT", "4000");
    let loaded = rig.try_load(&["--access-log"]).unwrap();
    let keys: Vec<_> = loaded.shown.iter().map(|shown| shown.key).collect();
    let all: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!(keys, all);
    let text = show(&loaded);
    assert!(!text.contains("hunter2"));
    let line = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("slots"), "slots 2 maitred.toml:1");
    assert_eq!(line("listen"), "listen 0.0.0.0:4000 PORT");
    assert_eq!(line("access_log"), "access_log true --access-log");
    assert_eq!(line("queue.wait_max"), "queue.wait_max 25s default");
    assert_eq!(line("env"), "env SECRET_KEY maitred.toml:2");
}

#[test]
fn the_table_and_the_command_line_name_the_same_flags() {
    let command = cli::Cli::command();
    let serve = command.find_subcommand("serve").unwrap();
    let mut typed = BTreeSet::new();
    for argument in serve.get_arguments() {
        typed.extend(argument.get_long_and_visible_aliases().into_iter().flatten().map(long));
        typed.extend(argument.get_short().map(|short| format!("-{short}")));
    }
    // The rest is not a setting, or another way to write `listen`.
    for other in ["config", "host", "port"] {
        assert!(typed.remove(&long(other)), "{other}");
    }
    assert!(typed.remove("-c") && typed.remove("-p"));
    let flags = SETTINGS.iter().flat_map(|setting| setting.flags.split(", "));
    let in_table: BTreeSet<_> = flags.filter(|flag| !flag.is_empty()).map(str::to_owned).collect();
    assert_eq!(in_table, typed);
}

fn long(name: &str) -> String {
    format!("--{name}")
}

#[test]
fn the_command_line_is_sound_and_help_lists_the_exit_codes() {
    cli::Cli::command().debug_assert();
    let mut command = cli::Cli::command();
    command.build();
    for name in ["serve", "status", "config", "oob"] {
        let help = command.find_subcommand_mut(name).unwrap().render_help().to_string();
        assert!(help.contains("3  no running instance found"), "{name}: {help}");
    }
}

#[test]
fn completions_name_the_commands() {
    let mut out = Vec::new();
    cli::completions(clap_complete::Shell::Bash, &mut out);
    assert!(String::from_utf8(out).unwrap().contains("maitred"));
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[test]
fn the_page_about_settings_is_made_from_the_table() {
    let path = docs().join("configuration.md");
    if std::env::var_os("MAITRED_REGENERATE").is_some() {
        fs::write(&path, reference()).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(page == reference(), "regenerate it: MAITRED_REGENERATE=1 cargo test -p maitred");
}

#[test]
fn every_block_of_toml_in_the_documentation_can_be_read() {
    let pages = fs::read_dir(docs()).unwrap().flatten().map(|entry| entry.path());
    let pages = pages.chain([docs().join("../README.md")]);
    let mut blocks = 0;
    for path in pages.filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let page = fs::read_to_string(&path).unwrap_or_default();
        for block in page.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let read = file::parse(block, &path);
            assert!(read.is_ok(), "{}: {}", path.display(), read.unwrap_err());
            blocks += 1;
        }
    }
    assert!(blocks > 0);
}

#[test]
fn every_default_can_be_written() {
    for setting in SETTINGS {
        let Preset::Value(text) = setting.default else { continue };
        let Some(variable) = setting.variable() else { continue };
        let rig = Rig::new().var(&variable, text);
        assert!(rig.try_load(&[]).is_ok(), "{}", setting.key);
    }
}
