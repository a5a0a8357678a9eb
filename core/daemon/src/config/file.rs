//! Settings from maitred.toml.
//!
//! A key that is not known is an error with its line: a setting that is silently not heeded is
//! found out in production.

use std::borrow::Cow;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin};
use super::near;
use super::raw::{Raw, Value};
use super::routes::{Field, WrittenRoute};
use super::settings::{Kind, SETTINGS, Setting};

/// Its usual name.
pub(super) const NAME: &str = "maitred.toml";

/// Reads the file at `path`.
///
/// # Errors
/// It cannot be read, or see [`parse`].
pub(super) fn read(path: &Path, shown_as: &Path) -> Result<Raw, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: shown_as.display().to_string(), source })?;
    parse(&text, shown_as)
}

/// Understands `text`; errors name the file as `shown_as`.
///
/// # Errors
/// It is not TOML, has keys that do not exist, or values of another kind than theirs.
pub(super) fn parse(text: &str, shown_as: &Path) -> Result<Raw, ConfigError> {
    let mut reader = Reader { text, path: shown_as, raw: Raw::default() };
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let message = error.message().replace('\n', ", ");
        ConfigError::Syntax { origin: reader.at(start), message }
    })?;
    reader.table("", table.get_ref())?;
    Ok(reader.raw)
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    raw: Raw,
}

impl Reader<'_> {
    fn at(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Origin::File { path: self.path.to_owned(), line }
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let origin = self.at(name.span().start);
            let inner = format!("{key}.");
            let group = SETTINGS.iter().any(|setting| setting.key.starts_with(&inner));
            match (Setting::find(&key), value.get_ref()) {
                (Some(setting), DeValue::Array(items)) if setting.kind == Kind::Routes => {
                    let routes = items.iter().map(|item| self.route(item, &origin));
                    let routes = routes.collect::<Result<_, _>>()?;
                    self.raw.put(setting, Value::Routes(routes), origin)?;
                }
                (Some(setting), value) => {
                    let value = understand(setting, value, &origin)?;
                    self.raw.put(setting, value, origin)?;
                }
                (None, DeValue::Table(table)) if group => self.table(&inner, table)?,
                (None, _) => return Err(unknown(key, origin)),
            }
        }
        Ok(())
    }

    fn route(
        &self,
        item: &Spanned<DeValue<'_>>,
        list: &Origin,
    ) -> Result<WrittenRoute, ConfigError> {
        let DeValue::Table(table) = item.get_ref() else {
            let message = "`routes` is a list of tables, `[[routes]]`".to_owned();
            return Err(ConfigError::Other { origin: list.clone(), message });
        };
        let field = |(name, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
            let texts = match value.get_ref() {
                DeValue::Array(items) => items.iter().map(scalar).collect(),
                _ => scalar(value).map(|text| vec![text]),
            };
            let is_list = matches!(value.get_ref(), DeValue::Array(_));
            Field::new(name.get_ref(), texts, is_list, self.at(name.span().start))
        };
        let fields = table.iter().map(field).collect::<Result<_, _>>()?;
        Ok(WrittenRoute { origin: self.at(item.span().start), fields })
    }
}

fn understand(
    setting: &Setting,
    value: &DeValue<'_>,
    origin: &Origin,
) -> Result<Value, ConfigError> {
    let wrong = || {
        let kind = setting.kind.describe();
        let message = format!("`{}` is a {kind}, not a {}", setting.key, value.type_str());
        ConfigError::Other { origin: origin.clone(), message }
    };
    match value {
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| scalar(item).ok_or_else(wrong));
            Ok(Value::Many(texts.collect::<Result<_, _>>()?))
        }
        // One text may stand for a list of one, commas and spaces included: a command is not
        // to be cut by rules of ours.
        DeValue::String(text) if setting.kind == Kind::List => {
            Ok(Value::Many(vec![text.to_string()]))
        }
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(name, item)| {
                scalar(item).map(|text| (name.get_ref().to_string(), text)).ok_or_else(wrong)
            });
            Ok(Value::Pairs(pairs.collect::<Result<_, _>>()?))
        }
        DeValue::Datetime(_) => Err(wrong()),
        _ => scalar_of(value).map(Value::One).ok_or_else(wrong),
    }
}

fn scalar(value: &Spanned<DeValue<'_>>) -> Option<String> {
    scalar_of(value.get_ref())
}

fn scalar_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().replace('_', "")),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    }
}

fn unknown(key: String, origin: Origin) -> ConfigError {
    if key == "apps" {
        let message = "several apps in one core are not available yet: write the settings of the \
                       one app at the top level";
        return ConfigError::Other { origin, message: message.to_owned() };
    }
    let near = near::nearest(&key, SETTINGS.iter().map(|setting| setting.key));
    ConfigError::Unknown { origin, near: near.map(str::to_owned), key }
}
