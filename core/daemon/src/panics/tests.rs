//! A core that breaks, in a process of its own: this test binary, started once more.
//!
//! Each test starts itself again, and breaks where it finds itself started so.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::sync::Arc;

use maitred_engine::event::Input;
use maitred_recorder::Recording;

use super::*;
use crate::config::cli::Serve;
use crate::config::{Surroundings, load};
use crate::instance::{Bases, Claimed};
use crate::play::Play;
use crate::process::output::Form;
use crate::process::spawn::Order;
use crate::run::{Plan, serve};
use crate::supervise::{Credentials, Recipe};

/// Where the test that breaks may write.
const FOLDER: &str = "TEST_BREAKS_IN";

/// Runs the test `name` once more, and has it break with `folder` to write to.
fn break_in(folder: &Path, name: &str) -> (Output, String) {
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("panics::tests::{name}"), "--nocapture"])
        .env(FOLDER, folder)
        .env("TMPDIR", folder)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&done.stderr).into_owned();
    (done, log)
}

/// The folder that [`break_in`] named; `None`: this is where the story begins.
fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The recording at the end of this path.
fn recording(path: &Path) -> Recording {
    Recording::read(&std::fs::read(path).unwrap()).unwrap()
}

/// A recipe that nobody could think of.
#[derive(Debug)]
struct Broken;

impl Recipe for Broken {
    fn order(&self, _: &Credentials) -> anyhow::Result<Order> {
        panic!("the recipe broke");
    }

    fn label(&self) -> Arc<str> {
        "shop".into()
    }

    fn interpreter(&self) -> String {
        String::new()
    }
}

fn break_a_whole_core(root: &Path) {
    let flags = Serve { listen: vec!["127.0.0.1:0".into()], ..Serve::default() };
    let here = Surroundings { vars: Vec::new(), cwd: root.to_owned(), cpus: 1, terminal: false };
    let config = load(&flags, &here);
    let plan = Plan {
        config: Arc::new(config.unwrap().config),
        recipe: Arc::new(Broken),
        instance: Claimed::take("shop", root, &Bases::only(root)).unwrap(),
        name: "shop".into(),
        hints: Vec::new(),
        warnings: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(plan)).unwrap();
}

#[test]
fn a_core_that_breaks_says_why_keeps_what_led_to_it_and_ends() {
    if let Some(folder) = folder() {
        return break_a_whole_core(&folder);
    }
    let dir = tempfile::tempdir().unwrap();
    let name = "a_core_that_breaks_says_why_keeps_what_led_to_it_and_ends";
    let (done, log) = break_in(dir.path(), name);
    assert_eq!(done.status.code(), Some(EXIT_BROKEN), "{log}");
    assert!(log.contains("the core broke: ") && log.contains("the recipe broke"), "{log}");
    assert!(log.contains("panics.rs") || log.contains("panics::tests::Broken"), "{log}");
    let file = dir.path().join("shop/broken.rec");
    assert!(log.contains(&format!("what led to it is in {}", file.display())), "{log}");
    let entries = &recording(&file).segments[0].entries;
    assert!(matches!(entries[0].input, Input::PoolAdded { .. }), "{entries:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
}

fn break_under_the_lock(folder: &Path) {
    let sink = Sink::stderr(Form::Text).unwrap();
    crate::log::start(sink.clone(), Form::Text, "info").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let play = Play::new(1, 0);
        end_the_core(LastWords {
            recorder: play.driver.recorder.clone(),
            files: files(&folder.join("not/there"), "shop"),
            sinks: [sink.clone(), sink],
        });
        let driver = Arc::clone(&play.driver);
        let broken = tokio::spawn(async move { driver.with_roster(|_| panic!("under the lock")) });
        let _goes_on = broken.await;
    });
}

#[test]
fn a_core_that_breaks_under_its_lock_and_without_its_folder_ends_as_well() {
    if let Some(folder) = folder() {
        return break_under_the_lock(&folder);
    }
    let dir = tempfile::tempdir().unwrap();
    let name = "a_core_that_breaks_under_its_lock_and_without_its_folder_ends_as_well";
    let (done, log) = break_in(dir.path(), name);
    assert_eq!(done.status.code(), Some(EXIT_BROKEN), "{log}");
    assert!(log.contains("under the lock") && log.contains("cannot write "), "{log}");
    let recording = recording(&dir.path().join("maitred-shop-broken.rec"));
    assert!(recording.verify().unwrap() >= 3);
}
