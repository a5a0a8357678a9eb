//! What is served, and by what.
//!
//! What people write first comes first: most files have nothing else.

use super::Preset::{Computed, Value};
use super::{Kind, Setting, setting};

pub(super) const APP: &[Setting] = &[
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
];
