//! Settings from variables: ours, and those that platforms set.

use super::error::{ConfigError, Origin};
use super::raw::{Raw, Value};
use super::settings::{Kind, SETTINGS, Setting};
use super::{listen, near};

/// The beginning of all our variables.
const PREFIX: &str = "MAITRED_";

/// Kubernetes sets these in every container beside a service called `maitred`.
const KUBERNETES: [&str; 2] = ["MAITRED_SERVICE_", "MAITRED_PORT"];

/// Ours, but not settings: the file itself, the instance that clients mean, what the core tells a
/// process, and what tests use.
const OTHERS: [&str; 6] = [
    "MAITRED_CONFIG",
    "MAITRED_INSTANCE",
    "MAITRED_LINK",
    "MAITRED_TOKEN",
    "MAITRED_BIN",
    "MAITRED_REGENERATE",
];

/// The `MAITRED_*` among `vars`, and a warning for each that means nothing.
///
/// An empty variable is as good as none, except for lists: there it is the empty list.
///
/// # Errors
/// A value that its setting cannot have.
pub(super) fn ours(vars: &[(String, String)]) -> Result<(Raw, Vec<String>), ConfigError> {
    let mut raw = Raw::default();
    let mut warnings = Vec::new();
    for (name, text) in vars.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        let known = SETTINGS.iter().find(|setting| setting.variable().as_ref() == Some(name));
        match known {
            Some(setting) if text.is_empty() && setting.kind != Kind::List => {}
            Some(setting) => {
                raw.put(setting, Value::One(text.clone()), Origin::Variable(name.clone()))?;
            }
            None if is_of_others(name) => {}
            None => warnings.push(unknown(name)),
        }
    }
    Ok((raw, warnings))
}

fn is_of_others(name: &str) -> bool {
    OTHERS.contains(&name) || KUBERNETES.iter().any(|prefix| name.starts_with(prefix))
}

fn unknown(name: &str) -> String {
    let all: Vec<String> = SETTINGS.iter().filter_map(Setting::variable).collect();
    let hint = near::nearest(name, all.iter().map(String::as_str));
    let hint = hint.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    format!("unknown variable {name} is ignored{hint}")
}

/// The variables of platforms among `vars`. Empty ones are as good as none.
///
/// # Errors
/// A value that its setting cannot have.
pub(super) fn of_platform(vars: &[(String, String)]) -> Result<Raw, ConfigError> {
    let mut raw = Raw::default();
    for setting in SETTINGS {
        let Some(name) = setting.platform else { continue };
        let Some(text) = find(vars, name).filter(|text| !text.is_empty()) else { continue };
        let text = match setting.key {
            "listen" => format!("{}:{text}", listen::ANY),
            // Where this variable comes from, peers on Unix sockets are believed without asking.
            "trusted_proxies" => format!("{text}, unix"),
            _ => text.to_owned(),
        };
        raw.put(setting, Value::One(text), Origin::Platform(name))?;
    }
    Ok(raw)
}

/// The value of the variable `name`.
#[must_use]
pub(super) fn find<'a>(vars: &'a [(String, String)], name: &str) -> Option<&'a str> {
    vars.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
