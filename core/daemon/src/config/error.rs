//! What can be wrong with settings, in one line that says where and what to do.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nowhere.
    Default,
    /// A variable of the platform, such as PORT.
    Platform(&'static str),
    /// A line of the file.
    File {
        /// The file, as people would name it.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// A variable of ours.
    Variable(String),
    /// The command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Platform(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Why the settings cannot be used. `maitred` prints it and exits with code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that does not exist.
    #[error("{origin}: unknown setting `{key}`{}", hint(near.as_deref()))]
    Unknown {
        /// Where it stands.
        origin: Origin,
        /// What was written.
        key: String,
        /// The key that looks most like it.
        near: Option<String>,
    },
    /// A value that the setting cannot have.
    #[error("{origin}: {key} = {text:?} is not {expected}")]
    Value {
        /// Where it stands.
        origin: Origin,
        /// The setting.
        key: String,
        /// What was written.
        text: String,
        /// What may be written.
        expected: String,
    },
    /// The file is not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where it stands.
        origin: Origin,
        /// What the parser says.
        message: String,
    },
    /// A file that is named cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something else, told in full.
    #[error("{origin}: {message}")]
    Other {
        /// Where it stands.
        origin: Origin,
        /// What is wrong and what to do.
        message: String,
    },
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
