//! Every message is read as it was written.
//!
//! REQUEST and RESPONSE, which have writers of their own, are tried beside those.

use std::fmt::Debug;

use bytes::Bytes;
use maitred_proto::message::{
    Abort, Cancel, Drain, End, Goodbye, Hello, Interrupt, OobDone, OobRequest, OobStart,
    OobWithdraw, Ping, Pong, Ready, Reject, Trailers, Welcome, Window,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

fn round_trip<M: Message + Default + PartialEq + Debug>(message: M) -> Result<(), TestCaseError> {
    let read = M::decode(Bytes::from(message.encode_to_vec()));
    prop_assert_eq!(read, Ok(message));
    Ok(())
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

prop_compose! {
    fn hello()(
        (version_min, version_max, pid, slots) in any::<(u32, u32, u32, u32)>(),
        token in bytes(),
        (sdk, sdk_version, runtime) in any::<(String, String, String)>(),
        (runtime_version, kind, readiness) in any::<(String, String, String)>(),
        capabilities in vec(any::<String>(), 0..4),
    ) -> Hello {
        Hello {
            version_min, version_max, token, pid, slots, sdk, sdk_version, runtime,
            runtime_version, kind, readiness, capabilities,
        }
    }
}

prop_compose! {
    fn welcome()(
        (version, generation, process, ready_merge_us) in any::<(u32, u32, u64, u32)>(),
        (core_version, pool) in any::<(String, String)>(),
        capabilities in vec(any::<String>(), 0..4),
    ) -> Welcome {
        Welcome { version, core_version, pool, generation, process, ready_merge_us, capabilities }
    }
}

proptest! {
    #[test]
    fn the_messages_of_an_opening(
        hello in hello(),
        welcome in welcome(),
        (code, message) in any::<(String, String)>(),
    ) {
        round_trip(hello)?;
        round_trip(welcome)?;
        round_trip(Reject { code, message })?;
    }

    #[test]
    fn the_messages_of_a_stream(
        headers in vec(bytes(), 0..10),
        (number, detail, deferred) in any::<(u32, String, String)>(),
    ) {
        round_trip(Trailers { headers })?;
        round_trip(Abort { reason: number, detail, deferred: deferred.clone() })?;
        round_trip(End { deferred })?;
        round_trip(Cancel { reason: number })?;
        round_trip(Window { increment: number })?;
        round_trip(Ready { failed: number })?;
        round_trip(Interrupt { action: number })?;
    }

    #[test]
    fn the_messages_of_out_of_band_work(
        (kind, reason) in any::<(String, String)>(),
        (expected_ms, not_later_than_ms, number) in any::<(u64, u64, u32)>(),
    ) {
        round_trip(OobWithdraw { kind: kind.clone() })?;
        let start = OobStart { kind: kind.clone(), requested_by: number, lease_ms: expected_ms };
        round_trip(start)?;
        let duration_ms = expected_ms;
        round_trip(OobDone { kind: kind.clone(), outcome: number, duration_ms })?;
        round_trip(OobRequest { kind, reason, expected_ms, not_later_than_ms })?;
    }

    #[test]
    fn the_messages_of_a_link(
        (highest, host_age_ms, reason) in any::<(u64, u64, u32)>(),
        unready in vec(any::<u64>(), 0..100),
    ) {
        round_trip(Ping { highest })?;
        round_trip(Pong { highest, unready, host_age_ms })?;
        round_trip(Drain { reason })?;
        round_trip(Goodbye { last: highest })?;
    }
}

#[test]
fn the_longest_pong_fits_a_frame() {
    use maitred_proto::frame::{PAYLOAD_MAX, SLOTS_MAX};
    let unready = vec![u64::MAX; SLOTS_MAX as usize];
    let pong = Pong { highest: u64::MAX, unready, host_age_ms: u64::MAX };
    assert!(pong.encoded_len() <= PAYLOAD_MAX);
}
