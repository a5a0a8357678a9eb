//! Any text as maitred.toml.
//!
//! A wrong file is an error with a line in it, whatever is wrong; a right one says the same when
//! it is read again.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use maitred::config::cli::Serve;
use maitred::config::{Surroundings, load, show};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a folder"));

fn surroundings(cwd: PathBuf) -> Surroundings {
    Surroundings { vars: Vec::new(), cwd, cpus: 2, terminal: false }
}

fuzz_target!(|text: &str| {
    let path = FOLDER.path().join("maitred.toml");
    std::fs::write(&path, text).expect("a file");
    let flags = Serve { config: Some(path), ..Serve::default() };
    let at = surroundings(FOLDER.path().to_owned());
    match load(&flags, &at) {
        Ok(loaded) => {
            assert!(show(&loaded).lines().count() > 1);
            let again = load(&flags, &at).expect("the same as before");
            assert_eq!(loaded.config, again.config);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
