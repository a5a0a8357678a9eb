//! Routes: `[[routes]]` in maitred.toml, as written and as meant.

use std::num::NonZeroU32;

use http::Method;
use maitred_engine::class::Class;

use super::error::{ConfigError, Origin};
use super::near;
use super::value::{self, A_LIMIT};
use crate::routes::{ROUTES_MAX, RouteRule, RouteSettings, Routes};

/// What may be written in a route.
pub(super) const KEYS: &[&str] = &[
    "path",
    "methods",
    "priority",
    "request_buffering",
    "first_byte_lease",
    "request_lease",
    "deferred_lease",
];

/// Keys whose value may be a list.
const LISTS: &[&str] = &["methods"];

/// A route as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenRoute {
    /// Where it begins.
    pub(super) origin: Origin,
    /// What stands in it.
    pub(super) fields: Vec<Field>,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    key: &'static str,
    texts: Vec<String>,
    origin: Origin,
}

impl Field {
    /// A line with a known key.
    ///
    /// # Errors
    /// There is no such key, or its value is of another kind.
    pub(super) fn new(
        name: &str,
        texts: Option<Vec<String>>,
        is_list: bool,
        origin: Origin,
    ) -> Result<Self, ConfigError> {
        let Some(key) = KEYS.iter().find(|key| **key == name) else {
            let near = near::nearest(name, KEYS.iter().copied());
            let (key, near) = (format!("routes.{name}"), near.map(|near| format!("routes.{near}")));
            return Err(ConfigError::Unknown { origin, near, key });
        };
        match texts {
            Some(texts) if !is_list || LISTS.contains(key) => Ok(Self { key, texts, origin }),
            _ => {
                let message = format!("`routes.{key}` is a text, not this");
                Err(ConfigError::Other { origin, message })
            }
        }
    }

    fn text(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }

    fn wrong(&self, text: &str, expected: &str) -> ConfigError {
        let (key, text) = (format!("routes.{}", self.key), text.to_owned());
        ConfigError::Value { origin: self.origin.clone(), key, text, expected: expected.to_owned() }
    }
}

/// What the routes mean, above what holds for all requests.
///
/// # Errors
/// A value that cannot be, a route without a path, or two of the same.
pub(super) fn understand(
    written: &[WrittenRoute],
    default: RouteSettings,
) -> Result<Routes, ConfigError> {
    let mut rules: Vec<RouteRule> = Vec::new();
    for route in written {
        let rule = rule(route, default)?;
        let other = |message: String| ConfigError::Other { origin: route.origin.clone(), message };
        if rules.iter().any(|it| it.path == rule.path && it.methods == rule.methods) {
            return Err(other(format!("the route {:?} is written twice", rule.path)));
        }
        rules.push(rule);
        if rules.len() > ROUTES_MAX {
            return Err(other(format!("more than {ROUTES_MAX} routes")));
        }
    }
    Ok(Routes::new(rules, default))
}

fn rule(route: &WrittenRoute, default: RouteSettings) -> Result<RouteRule, ConfigError> {
    let mut rule = RouteRule { path: String::new(), methods: Vec::new(), settings: default };
    for field in &route.fields {
        let text = field.text();
        match field.key {
            "path" if text.starts_with('/') => rule.path = text.to_owned(),
            "path" => return Err(field.wrong(text, "a path that begins with /")),
            "methods" => rule.methods = methods(field)?,
            "priority" => {
                let class = Class::named(text);
                let class = class.ok_or_else(|| field.wrong(text, "one of high, normal, low"))?;
                rule.settings.class = class;
            }
            "request_buffering" => {
                rule.settings.buffered = match text {
                    "auto" => true,
                    "off" => false,
                    _ => return Err(field.wrong(text, "one of auto, off")),
                }
            }
            "first_byte_lease" => rule.settings.deadlines.first_byte = Some(lease(field)?),
            "request_lease" => rule.settings.deadlines.request = Some(lease(field)?),
            "deferred_lease" => rule.settings.deadlines.deferred = Some(lease(field)?),
            _ => {}
        }
    }
    if rule.path.is_empty() {
        let message = "a route needs a `path`".to_owned();
        return Err(ConfigError::Other { origin: route.origin.clone(), message });
    }
    Ok(rule)
}

fn lease(field: &Field) -> Result<NonZeroU32, ConfigError> {
    value::deadline(field.text()).ok_or_else(|| field.wrong(field.text(), A_LIMIT))
}

fn methods(field: &Field) -> Result<Vec<Method>, ConfigError> {
    let parse = |text: &String| {
        let upper = text.bytes().all(|byte| !byte.is_ascii_lowercase());
        let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| upper);
        method.ok_or_else(|| field.wrong(text, "the name of a method, such as GET"))
    };
    let mut methods = field.texts.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    Ok(methods)
}
