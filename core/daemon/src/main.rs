//! The binary `maitred`: arguments in, exit code out.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use clap::error::ErrorKind;
use maitred::app::{self, AppError};
use maitred::config::cli::{Cli, Command, Dump, Oob, OobAction, Serve, Status, completions};
use maitred::config::{Config, ConfigError, EXIT_WRONG_USAGE, Loaded, Surroundings, load, show};
use maitred::instance::{Bases, Claimed, FindError, InstanceError, find_here, name_of};
use maitred::process::resolve::ResolveError;
use maitred::recipe::Wsgi;
use maitred::run::{Plan, Unusable, serve};
use maitred::status::client;

/// Every request allocates a dozen times: docs/decisions/0012.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| misunderstood(&error));
    run(cli).unwrap_or_else(|error| {
        eprintln!("maitred: {error:#}");
        exit_code(&error)
    })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(flags) => run_serve(&flags),
        Command::Status(flags) => run_status(&flags),
        Command::Dump(flags) => run_dump(&flags),
        Command::Oob(flags) => run_oob(&flags),
        Command::Config(flags) => run_config(&flags),
        Command::Completions { shell } => {
            completions(shell, &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Help and versions as clap prints them; a mistake as one line, like all other mistakes.
fn misunderstood(error: &clap::Error) -> ! {
    let nothing_typed = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if nothing_typed || !error.use_stderr() {
        error.exit();
    }
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let told: Vec<&str> = lines.take_while(|line| !line.starts_with("Usage:")).collect();
    let what = told.join("; ");
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    let what = what.strip_suffix("; For more information, try '--help'.").unwrap_or(what);
    eprintln!("maitred: {what}; see --help");
    std::process::exit(i32::from(EXIT_WRONG_USAGE))
}

/// 2 for what whoever typed the command can put right, 3 for nothing found, else 1.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    if let Some(error) = error.downcast_ref::<FindError>() {
        return ExitCode::from(error.exit_code());
    }
    let wrong_usage = error.is::<Unusable>()
        || error.is::<ConfigError>()
        || error.is::<AppError>()
        || error.is::<ResolveError>()
        || error.is::<InstanceError>();
    ExitCode::from(if wrong_usage { EXIT_WRONG_USAGE } else { 1 })
}

fn run_serve(flags: &Serve) -> anyhow::Result<ExitCode> {
    let Loaded { config, warnings, .. } = load(flags, &Surroundings::here()?)?;
    let config = Arc::new(config);
    let app = app::find(&config.app, django_settings(&config)?.as_deref())?;
    let name = config.app.name.clone().unwrap_or_else(|| name_of(&config.app.root));
    let instance = Claimed::take(&name, &config.app.root, &Bases::here())?;
    let mut hints = vec![format!("serving {} ({})", app.entry, app.why)];
    let worker_socket = instance.worker_path();
    let recipe = Wsgi::new(Arc::clone(&config), app, &name, worker_socket);
    let interpreter = recipe.check()?;
    if !interpreter.is_empty() {
        hints.push(format!("python is {interpreter}"));
    }
    let plan = Plan { config, recipe: Arc::new(recipe), instance, name, hints, warnings };
    let runtime = runtime()?;
    let served = runtime.block_on(serve(plan));
    // An interpreter that is still being asked what it is must not hold up the end.
    runtime.shutdown_background();
    served
}

/// DJANGO_SETTINGS_MODULE as the app will see it.
fn django_settings(config: &Config) -> Result<Option<String>, ConfigError> {
    let name = "DJANGO_SETTINGS_MODULE";
    let set = config.app.variables()?.into_iter().rev().find(|(known, _)| known == name);
    Ok(set.map(|(_, value)| value).or_else(|| std::env::var(name).ok()))
}

fn run_status(flags: &Status) -> anyhow::Result<ExitCode> {
    let found = find_here(flags.instance.as_deref())?;
    runtime()?.block_on(client::run(&found.admin, flags.json, flags.watch))
}

fn run_dump(flags: &Dump) -> anyhow::Result<ExitCode> {
    let found = find_here(flags.instance.as_deref())?;
    runtime()?.block_on(client::dump(&found.admin, &flags.file))
}

fn run_oob(flags: &Oob) -> anyhow::Result<ExitCode> {
    let Some(OobAction::Run(run)) = &flags.action else {
        let found = find_here(flags.instance.as_deref())?;
        return runtime()?.block_on(client::oob::history(&found.admin, flags.json));
    };
    let found = find_here(run.instance.as_deref())?;
    runtime()?.block_on(client::oob::run(&found.admin, run.pid, &run.kind))
}

fn run_config(flags: &Serve) -> anyhow::Result<ExitCode> {
    let loaded = load(flags, &Surroundings::here()?)?;
    for warning in &loaded.warnings {
        eprintln!("maitred: {warning}");
    }
    print!("{}", show(&loaded));
    Ok(ExitCode::SUCCESS)
}

/// One thread for the hot path: see docs/decisions.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
