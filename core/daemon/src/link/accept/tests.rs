//! Stories about the first words on a link.

use maitred_engine::limits::PoolLimits;
use maitred_proto::link::ProcessLink;
use maitred_proto::message::reason;

use super::*;
use crate::supervise::tests::{LONG, driver};
use crate::supervise::{Credentials, Order};

#[tokio::test]
async fn a_wish_that_comes_together_with_hello_is_heard_at_once() {
    let (driver, mut ordered) = driver(PoolLimits::default());
    let Some(Order::Spawn { process, pool, generation }) = ordered.recv().await else { panic!() };
    let credentials = Credentials::new().unwrap();
    driver.with_roster(|roster| {
        roster.add(process, pool, generation);
        roster.expect(process, &credentials);
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let greeting = Greeting { pool: "shop".into(), ready_merge_us: 0 };
    tokio::spawn(listen(Arc::clone(&driver), listener, greeting));

    let token = u128::from_str_radix(&credentials.to_hex(), 16).unwrap().to_be_bytes();
    let token = bytes::Bytes::copy_from_slice(&token);
    let mut link = ProcessLink::new();
    link.hello(&Hello { slots: 1, version_max: 1, token, ..Hello::default() });
    link.drain_wanted(reason::UNSPECIFIED);
    let mut socket = UnixStream::connect(&path).await.unwrap();
    socket.write_all(link.transmit()).await.unwrap();

    let replacement = tokio::time::timeout(LONG, ordered.recv()).await.unwrap();
    assert!(matches!(replacement, Some(Order::Spawn { .. })), "{replacement:?}");
}
