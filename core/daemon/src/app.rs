//! What APP means: which object of which module is served, and why that one.
//!
//! Nothing of the app is run to find out: its files are read as text. A guess is only made where
//! there is one candidate; `serve` says what it took and why.

use std::path::Path;

use crate::config::AppSettings;
use crate::instance;

mod django;
mod scan;

use scan::{Interface, Object, Rank};

/// Files of an app that are looked into, in this order.
const FILES: [&str; 2] = ["app.py", "main.py"];

/// The app to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// What it is called.
    pub name: String,
    /// Its interface: "wsgi".
    pub kind: &'static str,
    /// `module:object` or `module:create_app()`.
    pub entry: String,
    /// Why this one, for people: "app in module app".
    pub why: String,
}

/// Why there is no app to serve. `maitred` prints it and exits with code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// An app of another language or interface.
    #[error("{what}: {apps} apps are not supported by this version of maitred")]
    Unsupported {
        /// What was found.
        what: String,
        /// "Ruby".
        apps: &'static str,
    },
    /// Two that are equally good.
    #[error("more than one app could be meant; choose one:\n{commands}")]
    Ambiguous {
        /// One command for each.
        commands: String,
    },
    /// Nothing.
    #[error(
        "no app found in {root}: looked for manage.py with WSGI_APPLICATION, then for app, \
         application or create_app in app.py and main.py; name it: maitred serve module:object"
    )]
    Nothing {
        /// Where was looked.
        root: String,
    },
    /// APP is nothing that can be served.
    #[error("{app}: {problem}")]
    Wrong {
        /// What was asked for.
        app: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

/// Finds the app that `settings` mean. `django_settings` is DJANGO_SETTINGS_MODULE, which counts
/// more than what manage.py says.
///
/// # Errors
/// See [`AppError`].
pub fn find(settings: &AppSettings, django_settings: Option<&str>) -> Result<App, AppError> {
    let root = &settings.root;
    let (entry, why) = match &settings.app {
        Some(app) => named(root, app)?,
        // A command of one's own knows what it serves.
        None if settings.command.is_some() => (String::new(), "command".to_owned()),
        None => search(root, django_settings)?,
    };
    let name = settings.name.clone().unwrap_or_else(|| instance::name_of(root));
    Ok(App { name, kind: "wsgi", entry, why })
}

/// APP was written.
fn named(root: &Path, app: &str) -> Result<(String, String), AppError> {
    refuse_other_languages(app)?;
    let wrong = |problem: String| AppError::Wrong { app: app.to_owned(), problem };
    if let Some((module, object)) = app.split_once(':') {
        if !is_dotted(module) || !is_object(object) {
            return Err(wrong("an app is module:object or module:create_app()".to_owned()));
        }
        return Ok((app.to_owned(), "as asked".to_owned()));
    }
    if let Some(path) = app.strip_suffix(".py") {
        let module = path.trim_start_matches("./").replace('/', ".");
        let objects = objects_of(root, &module).unwrap_or_default();
        let example = objects.first().map_or("app", |object| object.name.as_str());
        return Err(wrong(format!("a file is not an app; did you mean {module}:{example}?")));
    }
    if !is_dotted(app) {
        return Err(wrong("neither a folder nor module:object".to_owned()));
    }
    let Some(objects) = objects_of(root, app) else {
        let problem = "no such folder, and no such module in the root; an app is module:object";
        return Err(wrong(problem.to_owned()));
    };
    let objects: Vec<_> = objects.into_iter().map(|object| (app.to_owned(), object)).collect();
    choose(&objects)?.ok_or_else(|| {
        wrong("the module has no app, application or create_app; name it: module:object".into())
    })
}

fn refuse_other_languages(app: &str) -> Result<(), AppError> {
    let ends = |ends: &[&str]| ends.iter().any(|end| app.ends_with(end));
    let apps = if ends(&[".ru"]) {
        "Ruby"
    } else if ends(&[".js", ".mjs", ".cjs", ".ts"]) {
        "Node"
    } else {
        return Ok(());
    };
    Err(AppError::Unsupported { what: app.to_owned(), apps })
}

/// Nothing was written: what is in the root?
fn search(root: &Path, django_settings: Option<&str>) -> Result<(String, String), AppError> {
    let unsupported = |what: &str, apps| {
        let what = root.join(what).display().to_string();
        Err(AppError::Unsupported { what, apps })
    };
    if root.join("config.ru").is_file() {
        return unsupported("config.ru", "Ruby");
    }
    if root.join("manage.py").is_file() {
        return django::find(root, django_settings);
    }
    let objects = FILES.iter().flat_map(|file| {
        let module = file.trim_end_matches(".py");
        let objects = objects_of(root, module).unwrap_or_default();
        objects.into_iter().map(|object| (module.to_owned(), object))
    });
    if let Some(found) = choose(&objects.collect::<Vec<_>>())? {
        return Ok(found);
    }
    if root.join("package.json").is_file() {
        return unsupported("package.json", "Node");
    }
    Err(AppError::Nothing { root: root.display().to_string() })
}

/// The best of `objects`, if there is one best.
fn choose(objects: &[(String, Object)]) -> Result<Option<(String, String)>, AppError> {
    let Some(best) = objects.iter().map(|(_, object)| object.rank).min() else { return Ok(None) };
    let entry = |(module, object): &(String, Object)| match object.rank {
        Rank::Factory => format!("{module}:{}()", object.name),
        Rank::Defined | Rank::Imported => format!("{module}:{}", object.name),
    };
    let equal: Vec<_> = objects.iter().filter(|(_, object)| object.rank == best).collect();
    let wsgi: Vec<_> =
        equal.iter().filter(|(_, object)| object.interface != Interface::Asgi).collect();
    match (wsgi.as_slice(), equal.as_slice()) {
        ([one], _) => {
            let (module, object) = **one;
            Ok(Some((entry(one), format!("{} in module {module}", object.name))))
        }
        ([], [asgi, ..]) => Err(AppError::Unsupported { what: entry(asgi), apps: "ASGI" }),
        (several, _) => {
            let command = |one: &&&(String, Object)| {
                // A shell would take the parentheses for its own.
                let entry = entry(one);
                let quote = if entry.ends_with(')') { "'" } else { "" };
                format!("  maitred serve {quote}{entry}{quote}")
            };
            let commands: Vec<_> = several.iter().map(command).collect();
            Err(AppError::Ambiguous { commands: commands.join("\n") })
        }
    }
}

/// The objects in the file of `module`; `None`: there is no such file.
fn objects_of(root: &Path, module: &str) -> Option<Vec<Object>> {
    Some(scan::objects(&module_text(root, module)?))
}

/// The text of `module`: a file, or the `__init__.py` of a folder.
fn module_text(root: &Path, module: &str) -> Option<String> {
    let path = root.join(module.replace('.', "/"));
    let files = [path.with_extension("py"), path.join("__init__.py")];
    let bytes = files.iter().find_map(|file| std::fs::read(file).ok())?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_dotted(text: &str) -> bool {
    text.split('.').all(is_identifier)
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    first && chars.all(|c| c.is_alphanumeric() || c == '_')
}

fn is_object(text: &str) -> bool {
    match text.split_once('(') {
        Some((function, arguments)) => is_dotted(function) && arguments.ends_with(')'),
        None => is_dotted(text),
    }
}

#[cfg(test)]
mod tests;
