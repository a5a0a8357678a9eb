//! Stories about starting processes and learning of their ends.

use std::fs::File;
use std::io::Read;

use super::*;

fn order(script: &str) -> Order {
    let path = std::env::var_os("PATH").unwrap();
    Order {
        argv: vec!["sh".into(), "-c".into(), script.into()],
        env: vec![("PATH".into(), path), ("GIVEN".into(), "yes".into())],
        cwd: "/".into(),
    }
}

fn text(pipe: OwnedFd) -> String {
    let mut text = String::new();
    File::from(pipe).read_to_string(&mut text).unwrap();
    text
}

async fn output(order: Order) -> String {
    let spawned = Spawner::start().unwrap().spawn(order).await.unwrap();
    let out = text(spawned.stdout);
    assert_eq!(spawned.child.exited().await.unwrap(), ExitStatus::Code(0));
    out
}

#[tokio::test]
async fn a_process_gets_its_environment_and_nothing_else() {
    let out = output(order("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^PATH= -e ^OLDPWD=")).await;
    assert_eq!(out, "GIVEN=yes\n");
}

#[tokio::test]
async fn no_descriptor_leaks_into_a_process() {
    let _held = File::open("/dev/null").unwrap();
    let out = output(order("ls /proc/$$/fd")).await;
    assert_eq!(out, "0\n1\n2\n");
}

#[tokio::test]
async fn standard_error_is_a_pipe_of_its_own() {
    let spawner = Spawner::start().unwrap();
    let spawned = spawner.spawn(order("echo out; echo err >&2; cat; exit 4")).await.unwrap();
    assert_eq!(text(spawned.stdout), "out\n");
    assert_eq!(text(spawned.stderr), "err\n");
    assert_eq!(spawned.child.exited().await.unwrap(), ExitStatus::Code(4));
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let mut wrong = order("");
    wrong.argv = vec!["/no/such/python".into()];
    let error = Spawner::start().unwrap().spawn(wrong).await.unwrap_err().to_string();
    assert_eq!(error, "cannot start /no/such/python: No such file or directory (os error 2)");
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let mut wrong = order("");
    wrong.cwd = "/no/such/folder".into();
    let error = Spawner::start().unwrap().spawn(wrong).await.unwrap_err().to_string();
    assert_eq!(error, "cannot start in /no/such/folder: No such file or directory (os error 2)");
}

#[tokio::test]
async fn a_process_outlives_those_who_asked_for_it() {
    let spawner = Spawner::start().unwrap();
    let spawned = spawner.spawn(order("echo ready; exec sleep 60")).await.unwrap();
    drop(spawner);
    let mut ready = [0; 6];
    File::from(spawned.stdout).read_exact(&mut ready).unwrap();
    assert_eq!(&ready, b"ready\n");
    spawned.child.signal(Signal::KILL).unwrap();
    assert_eq!(spawned.child.exited().await.unwrap(), ExitStatus::Signal(9));
}
