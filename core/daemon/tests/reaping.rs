//! Orphans are waited for, and nobody else's children: what process 1 of a container does.
//!
//! A program of its own, because it waits for every dead child of the program: those of other
//! stories are none of its business, and they would miss them.

use std::fs::File;
use std::io::Read;

use maitred::process::spawn::{Order, Spawner};
use maitred_engine::event::ExitStatus;

fn order(script: &str) -> Order {
    Order {
        argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
        env: Vec::new(),
        cwd: "/".into(),
    }
}

#[tokio::test]
async fn reaping_orphans_leaves_our_own_alone() {
    let spawner = Spawner::start().unwrap();
    let spawned = spawner.spawn(order("exit 5")).await.unwrap();
    // The end of its output says that it is about to be a zombie, the order behind the next
    // spawn's answer that the reaping is over.
    let mut nothing = String::new();
    File::from(spawned.stdout).read_to_string(&mut nothing).unwrap();
    spawner.reap_orphans();
    drop(spawner.spawn(order("true")).await.unwrap());
    assert_eq!(spawned.child.exited().await.unwrap(), ExitStatus::Code(5));
}
