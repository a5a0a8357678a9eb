//! The variables of an app process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// Variables that speak to the core itself, or to a core around it. An app that read them would
/// take its supervisor's sockets or tell it that it is ready.
const NOT_FOR_APPS: [&str; 9] = [
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "MAITRED_LINK",
    "MAITRED_TOKEN",
    "NOTIFY_SOCKET",
    "OLDPWD",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// The whole environment: `inherited` from the core, above that `settings` of the app, above that
/// what the core says to its process with `own`.
#[must_use]
pub fn of_app(
    inherited: impl IntoIterator<Item = (OsString, OsString)>,
    settings: Vec<(String, String)>,
    own: impl IntoIterator<Item = (&'static str, OsString)>,
    root: &Path,
) -> Vec<(OsString, OsString)> {
    let mut all: BTreeMap<OsString, OsString> = inherited.into_iter().collect();
    for name in NOT_FOR_APPS {
        all.remove(&OsString::from(name));
    }
    all.extend(settings.into_iter().map(|(name, value)| (name.into(), value.into())));
    // Lines of Python reach the log when they are written, not when 8 KiB are full.
    all.entry("PYTHONUNBUFFERED".into()).or_insert_with(|| "1".into());
    // As a shell would after `cd`: the name that people know, links included.
    all.insert("PWD".into(), root.into());
    all.extend(own.into_iter().map(|(name, value)| (name.into(), value)));
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(inherited: &[(&str, &str)], settings: &[(&str, &str)]) -> BTreeMap<String, String> {
        let inherited = inherited.iter().map(|(name, value)| (name.into(), value.into()));
        let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let all = of_app(
            inherited,
            settings.collect(),
            [("MAITRED_LINK", "/run/worker.sock".into())],
            Path::new("/srv/shop"),
        );
        let text = |text: OsString| text.into_string().unwrap();
        all.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn settings_count_more_than_what_is_inherited() {
        let all = with(&[("A", "1"), ("B", "1")], &[("B", "2")]);
        assert_eq!((all["A"].as_str(), all["B"].as_str()), ("1", "2"));
        assert_eq!((all["PWD"].as_str(), all["PYTHONUNBUFFERED"].as_str()), ("/srv/shop", "1"));
    }

    #[test]
    fn output_stays_buffered_for_those_who_want_it() {
        assert_eq!(with(&[("PYTHONUNBUFFERED", "")], &[])["PYTHONUNBUFFERED"], "");
        assert_eq!(with(&[], &[("PYTHONUNBUFFERED", "0")])["PYTHONUNBUFFERED"], "0");
    }

    #[test]
    fn what_speaks_to_the_core_is_not_passed_on() {
        let all =
            with(&[("NOTIFY_SOCKET", "/x"), ("MAITRED_LINK", "/outer")], &[("MAITRED_LINK", "/y")]);
        assert!(!all.contains_key("NOTIFY_SOCKET"));
        assert_eq!(all["MAITRED_LINK"], "/run/worker.sock");
    }
}
