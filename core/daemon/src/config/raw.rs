//! Settings as written: texts with the places where they stand.
//!
//! Each source (command line, variables, file, platform) becomes one [`Raw`]; laid over each other
//! they are what was meant to be read.

use std::collections::BTreeMap;

use super::error::{ConfigError, Origin};
use super::routes::WrittenRoute;
use super::settings::{Kind, Setting};
use super::value;

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A text, a number, true or false.
    One(String),
    /// A list.
    Many(Vec<String>),
    /// A table.
    Pairs(Vec<(String, String)>),
    /// Tables of `[[routes]]`.
    Routes(Vec<WrittenRoute>),
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// What stands there.
    pub(super) value: Value,
    /// Where.
    pub(super) origin: Origin,
}

/// Settings of one source, or of several laid over each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Raw(BTreeMap<&'static str, Written>);

impl Raw {
    /// Takes a value that fits the kind of its setting.
    ///
    /// # Errors
    /// A list where one text belongs, or the like.
    pub(super) fn put(
        &mut self,
        setting: &'static Setting,
        value: Value,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        let value = match (setting.kind, value) {
            (Kind::List, Value::One(text)) => Value::Many(value::list(&text)),
            (Kind::List, value @ Value::Many(_))
            | (Kind::Table, value @ Value::Pairs(_))
            | (Kind::Routes, value @ Value::Routes(_)) => value,
            (Kind::List | Kind::Table | Kind::Routes, _)
            | (_, Value::Many(_) | Value::Pairs(_) | Value::Routes(_)) => {
                let message =
                    format!("`{}` is a {}, not this", setting.key, setting.kind.describe());
                return Err(ConfigError::Other { origin, message });
            }
            (_, value) => value,
        };
        self.0.insert(setting.key, Written { value, origin });
        Ok(())
    }

    /// Takes one text for `key`; the key must exist.
    ///
    /// # Errors
    /// It is a table.
    pub(super) fn put_text(
        &mut self,
        key: &str,
        text: &str,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        let setting = Setting::find(key).expect("only keys of the table are used");
        self.put(setting, Value::One(text.to_owned()), origin)
    }

    /// Forgets what is written for `key`.
    pub(super) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// These settings, and above them those of `higher`.
    #[must_use]
    pub(super) fn under(mut self, higher: Self) -> Self {
        self.0.extend(higher.0);
        self
    }

    /// What is written for `key`.
    #[must_use]
    pub(super) fn find(&self, key: &str) -> Option<&Written> {
        self.0.get(key)
    }

    /// The text written for `key`, where it is one.
    #[must_use]
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match &self.find(key)?.value {
            Value::One(text) => Some(text),
            Value::Many(_) | Value::Pairs(_) | Value::Routes(_) => None,
        }
    }
}
