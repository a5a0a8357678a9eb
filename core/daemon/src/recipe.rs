//! How a process of the app is started: which interpreter, which command, which environment.
//!
//! All of it is found out anew for each process, so that a new interpreter, a changed env file or
//! a moved symbolic link takes effect with the next one.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::app::App;
use crate::config::Config;
use crate::process::environment::of_app;
use crate::process::resolve::{Interpreter, Prober, ResolveError, python};
use crate::process::spawn::Order;
use crate::supervise::{Credentials, Recipe};

/// A Python app served through WSGI.
#[derive(Debug)]
pub struct Wsgi {
    config: Arc<Config>,
    app: App,
    name: Arc<str>,
    worker_socket: PathBuf,
    prober: Prober,
    interpreter: Mutex<String>,
}

impl Wsgi {
    /// Processes of `app` that open their links at `worker_socket`.
    #[must_use]
    pub fn new(config: Arc<Config>, app: App, name: &str, worker_socket: PathBuf) -> Self {
        let prober = Prober::default();
        let interpreter = Mutex::default();
        Self { config, app, name: name.into(), worker_socket, prober, interpreter }
    }

    /// Resolves the interpreter and makes sure that it has the SDK.
    ///
    /// # Errors
    /// There is no interpreter, or the SDK is missing in it: then the text says how to install it.
    pub fn check(&self) -> anyhow::Result<String> {
        if self.config.app.command.is_some() {
            return Ok(String::new());
        }
        let interpreter = self.resolve(&self.variables(None)?)?;
        Ok(format!("{} ({})", self.interpreter.lock(), interpreter.why))
    }

    fn resolve(&self, vars: &[(OsString, OsString)]) -> Result<Interpreter, ResolveError> {
        let interpreter = python(&self.config.app, vars)?;
        let probed = self.prober.probe(&interpreter.path, vars, &self.config.app.root)?;
        *self.interpreter.lock() = format!("{} {}", interpreter.path.display(), probed.version);
        Ok(interpreter)
    }

    fn variables(
        &self,
        credentials: Option<&Credentials>,
    ) -> anyhow::Result<Vec<(OsString, OsString)>> {
        let link = ("MAITRED_LINK", self.worker_socket.clone().into());
        let own = credentials.map(|it| [link, ("MAITRED_TOKEN", it.to_hex().into())]);
        let settings = self.config.app.variables()?;
        Ok(of_app(std::env::vars_os(), settings, own.into_iter().flatten(), &self.config.app.root))
    }

    /// `-m maitred` with what the SDK is to be told.
    fn module(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["-m".into(), "maitred".into()];
        words.extend(["--slots".into(), self.config.slots.to_string().into()]);
        if self.config.app.factory {
            words.push("--factory".into());
        }
        words.push(self.app.entry.clone().into());
        words
    }
}

impl Recipe for Wsgi {
    fn order(&self, credentials: &Credentials) -> anyhow::Result<Order> {
        let settings = &self.config.app;
        let env = self.variables(Some(credentials))?;
        let argv = match &settings.command {
            Some(command) => command.iter().map(OsString::from).collect(),
            None => {
                let interpreter = self.resolve(&env)?;
                std::iter::once(interpreter.path.into()).chain(self.module()).collect()
            }
        };
        Ok(Order { argv, env, cwd: settings.root.clone() })
    }

    fn label(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    fn interpreter(&self) -> String {
        self.interpreter.lock().clone()
    }
}
