//! Stories about choosing an interpreter and asking what it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// The root of an app, with programs in it.
struct Rig(tempfile::TempDir);

impl Rig {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A shell script that stands for an interpreter.
    fn program(self, path: &str, script: &str) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn settings(&self, python: Option<&str>) -> AppSettings {
        AppSettings {
            app: None,
            name: None,
            root: self.0.path().to_owned(),
            factory: false,
            environment: "production".to_owned(),
            env: Vec::new(),
            env_files: Vec::new(),
            python: python.map(PathBuf::from),
            command: None,
        }
    }

    fn python(&self, vars: &[(&str, &str)]) -> (PathBuf, String) {
        let found = python(&self.settings(None), &variables(vars)).unwrap();
        (found.path, found.why)
    }

    fn probe(&self, path: &str) -> Result<Probed, ResolveError> {
        probe(&self.path(path), &variables(&[("PATH", "/usr/bin:/bin")]), self.0.path())
    }
}

fn variables(vars: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    vars.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn the_apps_own_environment_is_better_than_any_other_python() {
    let rig = Rig::new().program("venv/bin/python", "").program("bin/python3", "");
    let bin = rig.path("bin").display().to_string();
    assert_eq!(
        rig.python(&[("PATH", &bin)]),
        (rig.path("venv/bin/python"), "venv in the root".to_owned())
    );
    let rig = rig.program(".venv/bin/python", "");
    assert_eq!(rig.python(&[]).1, ".venv in the root");
    let rig = rig.program("active/bin/python3", "");
    let active = rig.path("active").display().to_string();
    assert_eq!(rig.python(&[("VIRTUAL_ENV", &active)]).0, rig.path("active/bin/python3"));
}

#[test]
fn an_environment_without_a_python_is_passed_over() {
    let rig = Rig::new().program("bin/python", "");
    fs::create_dir_all(rig.path(".venv/bin")).unwrap();
    let bin = rig.path("bin").display().to_string();
    assert_eq!(rig.python(&[("PATH", &bin)]), (rig.path("bin/python"), "in PATH".to_owned()));
}

#[test]
fn none_says_where_was_looked() {
    let rig = Rig::new();
    let error = python(&rig.settings(None), &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("no Python found: looked for $VIRTUAL_ENV, .venv and venv"),
        "{error}"
    );
}

#[test]
fn what_is_set_is_taken_or_refused() {
    let rig = Rig::new().program("bin/pypy", "");
    let bin = rig.path("bin").display().to_string();
    let vars = variables(&[("PATH", &bin)]);
    let by_name = python(&rig.settings(Some("pypy")), &vars).unwrap();
    assert_eq!(by_name.path, rig.path("bin/pypy"));
    let path = rig.path("bin/pypy").display().to_string();
    assert_eq!(python(&rig.settings(Some(&path)), &[]).unwrap().path, rig.path("bin/pypy"));
    for wrong in ["nopy", "/no/python"] {
        let error = python(&rig.settings(Some(wrong)), &vars).unwrap_err().to_string();
        assert_eq!(error, format!("python = {wrong:?} is not a program"));
    }
}

#[test]
fn a_link_is_not_followed() {
    let rig = Rig::new().program("real/python", "");
    fs::create_dir_all(rig.path(".venv/bin")).unwrap();
    std::os::unix::fs::symlink(rig.path("real/python"), rig.path(".venv/bin/python")).unwrap();
    assert_eq!(rig.python(&[]).0, rig.path(".venv/bin/python"));
}

#[test]
fn an_interpreter_says_what_it_is() {
    let rig = Rig::new().program("python", "echo cpython; echo 3.11.7; echo 0.1.0");
    let probed = rig.probe("python").unwrap();
    assert_eq!(probed, Probed { version: "CPython 3.11.7".into(), sdk: "0.1.0".into() });
}

const WITHOUT_SDK: &str = "echo cpython; echo 3.12.1; \
                           echo \"ModuleNotFoundError: No module named 'maitred'\" >&2; exit 1";

#[test]
fn a_missing_sdk_says_what_to_type_for_this_very_interpreter() {
    let rig = Rig::new().program("venv/bin/python", WITHOUT_SDK);
    let path = rig.path("venv/bin/python").display().to_string();
    assert_eq!(
        rig.probe("venv/bin/python").unwrap_err().to_string(),
        format!(
            "the package maitred is not installed for {path}; install it with: {path} -m pip \
             install maitred"
        )
    );
    fs::write(rig.path("venv/pyvenv.cfg"), "home = /usr/bin\nuv = 0.5.0\n").unwrap();
    let error = rig.probe("venv/bin/python").unwrap_err().to_string();
    assert!(error.ends_with(&format!("uv pip install --python {path} maitred")), "{error}");
}

#[test]
fn an_old_python_is_refused() {
    let rig = Rig::new().program("python", "echo cpython; echo 3.9.18; exit 1");
    let error = rig.probe("python").unwrap_err().to_string();
    assert!(error.ends_with("is Python 3.9.18, and maitred needs 3.10 or later"), "{error}");
}

#[test]
fn a_broken_one_says_what_happened() {
    let rig = Rig::new().program("python", "echo 'cannot find libpython' >&2; exit 127");
    let error = rig.probe("python").unwrap_err().to_string();
    assert!(error.ends_with("it did not say its version; cannot find libpython"), "{error}");
    let script = "echo cpython; echo 3.11.7; echo 'ImportError: bad wheel' >&2; exit 1";
    let error = rig.program("python", script).probe("python").unwrap_err().to_string();
    assert!(error.ends_with("importing maitred fails; ImportError: bad wheel"), "{error}");
}

#[test]
fn an_interpreter_is_asked_again_only_when_it_is_another() {
    let script = "echo x >> asked; echo cpython; echo 3.11.7; echo 0.1.0";
    let rig = Rig::new().program("venv/bin/python", script);
    let prober = Prober::default();
    let asked = || fs::read_to_string(rig.path("asked")).unwrap_or_default().lines().count();
    let ask = || prober.probe(&rig.path("venv/bin/python"), &[], rig.0.path()).unwrap();
    ask();
    ask();
    assert_eq!(asked(), 1);
    fs::write(rig.path("venv/pyvenv.cfg"), "").unwrap();
    ask();
    assert_eq!(asked(), 2);
}

/// The Python of this machine, which the project needs for its other tests anyway.
#[test]
fn a_real_python_is_asked_and_a_folder_is_not_taken_for_the_sdk() {
    let vars: Vec<_> = std::env::vars_os().collect();
    let rig = Rig::new();
    let found = python(&AppSettings { root: "/".into(), ..rig.settings(Some("python3")) }, &vars);
    let python = found.unwrap().path;
    fs::create_dir_all(rig.path("folder/maitred")).unwrap();
    let error = probe(&python, &vars, &rig.path("folder")).map(|probed| probed.sdk);
    // An SDK that happens to be installed is found before a mere folder.
    assert!(!error.is_ok_and(|sdk| sdk == "unknown"));
    let rig = rig.program("sdk/maitred/__init__.py", "__version__ = '9.9'");
    let probed = probe(&python, &vars, &rig.path("sdk")).unwrap();
    assert!(probed.version.starts_with("CPython 3."), "{}", probed.version);
    assert_eq!(probed.sdk, "9.9");
}
