//! Requests may be sent ahead of the slots that they wait for, up to a limit.

use bytes::BytesMut;

use crate::error::Error;
use crate::frame::EARLY_MAX;
use crate::link::{CoreEvent, CoreLink, ProcessEvent, ProcessLink};
use crate::message::{Hello, RequestHead, Welcome, capability, encode_request};

/// Both ends of a link with one slot.
fn open(capabilities: &[&str]) -> (CoreLink, ProcessLink) {
    let (mut core, mut process) = (CoreLink::new(), ProcessLink::new());
    process.hello(&Hello { version_min: 1, version_max: 1, slots: 1, ..Hello::default() });
    let mut bytes = BytesMut::from(process.transmit());
    process.transmitted(bytes.len());
    core.receive(&mut bytes).unwrap();
    assert!(matches!(core.poll_event(), Some(CoreEvent::Hello(_))));
    let capabilities = capabilities.iter().map(ToString::to_string).collect();
    core.welcome(&Welcome { version: 1, capabilities, ..Welcome::default() });
    (core, process)
}

fn send(core: &mut CoreLink, early_at_us: u64) -> u64 {
    let headers = std::iter::empty();
    let head = RequestHead {
        method: b"GET",
        target: b"/",
        early_at_us,
        headers,
        ..RequestHead::default()
    };
    core.request(true, |out| encode_request(out, head)).unwrap()
}

fn deliver(core: &mut CoreLink, process: &mut ProcessLink) -> Result<Vec<u64>, Error> {
    let mut bytes = BytesMut::from(core.transmit());
    core.transmitted(bytes.len());
    process.receive(&mut bytes)?;
    let mut streams = Vec::new();
    while let Some(event) = process.poll_event() {
        if let ProcessEvent::Request { stream, .. } = event {
            streams.push(stream);
        }
    }
    Ok(streams)
}

#[test]
fn some_come_ahead_and_one_more_is_an_error() {
    let (mut core, mut process) = open(&[capability::EARLY]);
    let mut sent = vec![send(&mut core, 0)];
    sent.extend((0..EARLY_MAX).map(|_| send(&mut core, 7)));
    assert_eq!(deliver(&mut core, &mut process).unwrap(), sent);
    send(&mut core, 9);
    assert_eq!(deliver(&mut core, &mut process).unwrap_err().code(), "bad_order");
}

#[test]
fn a_request_that_does_not_say_so_is_not_ahead() {
    let (mut core, mut process) = open(&[capability::EARLY]);
    send(&mut core, 0);
    send(&mut core, 0);
    assert_eq!(deliver(&mut core, &mut process).unwrap_err().code(), "bad_order");
}

#[test]
fn without_the_capability_none_may_come() {
    let (mut core, mut process) = open(&[]);
    send(&mut core, 0);
    send(&mut core, 7);
    assert_eq!(deliver(&mut core, &mut process).unwrap_err().code(), "bad_order");
}
