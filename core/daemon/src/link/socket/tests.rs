//! Stories about the end of a link.

use std::time::Duration;

use maitred_engine::event::DrainReason;
use maitred_engine::limits::PoolLimits;
use maitred_proto::link::{CoreLink, ProcessLink};
use maitred_proto::message::{Hello, Welcome};

use super::*;
use crate::link::Link;
use crate::supervise::Order;
use crate::supervise::tests::{LONG, driver};

/// What the process says of its host, as proof that it was heard.
const HOST_AGE: Duration = Duration::from_millis(77);

/// A process that serves, has written its PONG and does nothing more; the core has read nothing.
struct Rig {
    driver: Arc<Driver>,
    process: ProcessId,
    core_end: UnixStream,
    process_end: StdUnixStream,
}

impl Rig {
    async fn new() -> Self {
        let (driver, mut ordered) = driver(PoolLimits::default());
        let order = ordered.recv().await;
        let Some(Order::Spawn { process, pool, generation }) = order else { panic!("{order:?}") };
        driver.with_roster(|roster| roster.add(process, pool, generation));
        let (mut far, mut near) = (ProcessLink::new(), CoreLink::new());
        far.hello(&Hello { slots: 1, version_max: 1, ..Hello::default() });
        near.receive(&mut BytesMut::from(far.transmit())).unwrap();
        far.transmitted(far.transmit().len());
        while near.poll_event().is_some() {}
        near.welcome(&Welcome { version: 1, ..Welcome::default() });
        driver.link_opened(process, 1, Link::new(near, 1, false));
        driver.ping_all();
        let said = driver.with_link(process, |link| {
            let said = BytesMut::from(link.proto.transmit());
            link.proto.transmitted(said.len());
            said
        });
        far.set_host_age_ms(HOST_AGE.as_millis().try_into().unwrap());
        far.receive(&mut said.unwrap()).unwrap();
        let (core_end, mut process_end) = StdUnixStream::pair().unwrap();
        process_end.write_all(far.transmit()).unwrap();
        core_end.set_nonblocking(true).unwrap();
        let core_end = UnixStream::from_std(core_end).unwrap();
        Self { driver, process, core_end, process_end }
    }

    /// The link's task, until it ends by itself.
    async fn run(self) -> Arc<Driver> {
        let Self { driver, process, core_end, .. } = self;
        let link = run(&driver, process, core_end, BytesMut::new());
        tokio::time::timeout(LONG, link).await.expect("the link ends");
        driver
    }
}

fn host_age(driver: &Driver, process: ProcessId) -> Duration {
    driver.with_roster(|roster| roster.member(process).unwrap().host_age)
}

#[tokio::test]
async fn the_last_words_of_a_process_count_and_a_grandchild_that_holds_its_socket_does_not() {
    let rig = Rig::new().await;
    let process = rig.process;
    let _grandchild = rig.process_end.try_clone().unwrap();
    rig.driver.with_link(process, Link::exiting).unwrap();
    let driver = rig.run().await;
    assert_eq!(host_age(&driver, process), HOST_AGE);
}

#[tokio::test]
async fn a_link_that_waits_for_input_ends_when_its_process_has() {
    let rig = Rig::new().await;
    let process = rig.process;
    let _grandchild = rig.process_end.try_clone().unwrap();
    let driver = Arc::clone(&rig.driver);
    let link = tokio::spawn(rig.run());
    tokio::time::timeout(LONG, async {
        while host_age(&driver, process) != HOST_AGE {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the link is up");
    driver.with_link(process, Link::exiting).unwrap();
    link.await.unwrap();
    assert!(driver.with_link(process, |_| ()).is_none());
}

#[tokio::test]
async fn what_a_process_said_counts_although_nothing_can_be_said_to_it_any_more() {
    let mut rig = Rig::new().await;
    let process = rig.process;
    rig.driver.with_link(process, |link| link.drain(DrainReason::Replaced)).unwrap();
    // Closes the process's end, before the runtime has looked at the core's end even once.
    rig.process_end = StdUnixStream::pair().unwrap().0;
    let driver = rig.run().await;
    assert_eq!(host_age(&driver, process), HOST_AGE);
}
