//! However the bytes are cut on their way, the same is heard.

use std::fmt::Debug;

use bytes::BytesMut;
use maitred_proto::error::Error;
use maitred_proto::link::{CoreEvent, CoreLink, ProcessEvent, ProcessLink};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::traffic::{core, process, rubbish, to_core, to_process};

/// Either end.
trait End {
    type Event: Debug + PartialEq;
    fn receive(&mut self, buf: &mut BytesMut) -> Result<(), Error>;
    fn event(&mut self) -> Option<Self::Event>;
    fn written(&mut self) -> Vec<u8>;
}

impl End for CoreLink {
    type Event = CoreEvent;
    fn receive(&mut self, buf: &mut BytesMut) -> Result<(), Error> {
        Self::receive(self, buf)
    }
    fn event(&mut self) -> Option<CoreEvent> {
        self.poll_event()
    }
    fn written(&mut self) -> Vec<u8> {
        self.transmit().to_vec()
    }
}

impl End for ProcessLink {
    type Event = ProcessEvent;
    fn receive(&mut self, buf: &mut BytesMut) -> Result<(), Error> {
        Self::receive(self, buf)
    }
    fn event(&mut self) -> Option<ProcessEvent> {
        self.poll_event()
    }
    fn written(&mut self) -> Vec<u8> {
        self.transmit().to_vec()
    }
}

/// What `end` makes of `bytes` that come in pieces of these sizes.
fn heard<E: End>(
    mut end: E,
    mut bytes: &[u8],
    pieces: &[usize],
) -> (Vec<E::Event>, Result<(), Error>, Vec<u8>) {
    let mut pieces = pieces.iter().copied().cycle();
    let mut buf = BytesMut::new();
    let mut events = Vec::new();
    let mut result = Ok(());
    while !bytes.is_empty() && result.is_ok() {
        let n = pieces.next().map_or(bytes.len(), |piece| piece.min(bytes.len()));
        buf.extend_from_slice(&bytes[..n]);
        bytes = &bytes[n..];
        result = end.receive(&mut buf);
        events.extend(std::iter::from_fn(|| end.event()));
    }
    (events, result, end.written())
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..20_usize, 1..2000_usize], 1..20)
}

proptest! {
    #[test]
    fn the_core_hears_the_same_however_bytes_are_split(bytes in to_core(), pieces in pieces()) {
        prop_assert_eq!(heard(core().0, &bytes, &pieces), heard(core().0, &bytes, &[]));
    }

    #[test]
    fn a_process_hears_the_same_however_bytes_are_split(
        bytes in to_process(),
        pieces in pieces(),
    ) {
        prop_assert_eq!(heard(process(), &bytes, &pieces), heard(process(), &bytes, &[]));
    }

    #[test]
    fn rubbish_is_the_same_rubbish_however_it_is_split(bytes in rubbish(), pieces in pieces()) {
        prop_assert_eq!(heard(core().0, &bytes, &pieces), heard(core().0, &bytes, &[]));
        prop_assert_eq!(heard(process(), &bytes, &pieces), heard(process(), &bytes, &[]));
    }
}

#[test]
fn the_traffic_of_these_tests_gets_somewhere() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut good = 0;
    let mut endings = 0;
    for _ in 0..100 {
        let bytes = to_core().new_tree(&mut runner).expect("traffic").current();
        let (events, result, _) = heard(core().0, &bytes, &[]);
        good += usize::from(result.is_ok());
        let end =
            |event: &&CoreEvent| matches!(event, CoreEvent::End { .. } | CoreEvent::Abort { .. });
        endings += events.iter().filter(end).count();
    }
    assert!(good > 40, "only {good} of 100 conversations are right");
    assert!(good < 95, "{good} of 100 conversations are right: faults are too rare");
    assert!(endings > 150, "only {endings} responses were completed");
}
