//! Promises of the hand-written heads.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use super::{
    Request, RequestHead, Response, ResponseHead, decode_request, decode_response, encode_request,
    encode_response, pairs,
};

fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

/// Names and values; some empty, some longer than one byte of length can tell.
fn headers() -> impl Strategy<Value = Vec<Bytes>> {
    vec((bytes(40), bytes(300)), 0..20)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(name, value)| [name, value]).collect())
}

prop_compose! {
    fn request()(
        (method, target, scheme, client) in (bytes(10), bytes(300), bytes(6), bytes(40)),
        (server, request_id, headers) in (bytes(40), bytes(40), headers()),
        version in prop_oneof![Just(0), Just(10), Just(11), any::<u32>()],
        (client_port, server_port) in any::<(u16, u16)>(),
        (wait_us, upstream_us, early_at_us) in any::<(u64, u64, u64)>(),
        idempotent in any::<bool>(),
    ) -> Request {
        Request {
            method, target, version, scheme, client, client_port: client_port.into(), server,
            server_port: server_port.into(), request_id, wait_us, upstream_us, idempotent,
            early_at_us, headers,
        }
    }
}

fn borrowed(headers: &[Bytes]) -> impl Iterator<Item = (&[u8], &[u8])> {
    pairs(headers).map(|(name, value)| (&name[..], &value[..]))
}

proptest! {
    #[test]
    fn a_request_is_written_as_prost_would(request in request()) {
        let mut out = BytesMut::new();
        encode_request(&mut out, RequestHead {
            method: &request.method,
            target: &request.target,
            version: request.version,
            scheme: &request.scheme,
            client: &request.client,
            client_port: request.client_port as u16,
            server: &request.server,
            server_port: request.server_port as u16,
            request_id: &request.request_id,
            wait_us: request.wait_us,
            early_at_us: request.early_at_us,
            upstream_us: request.upstream_us,
            idempotent: request.idempotent,
            headers: borrowed(&request.headers),
        });
        prop_assert_eq!(&out[..], &request.encode_to_vec()[..]);
        prop_assert_eq!(Request::decode(out.freeze()), Ok(request));
    }

    #[test]
    fn a_response_is_written_as_prost_would(status in any::<u16>(), headers in headers()) {
        let mut out = BytesMut::new();
        encode_response(&mut out, ResponseHead { status, headers: borrowed(&headers) });
        let response = Response { status: status.into(), headers };
        prop_assert_eq!(&out[..], &response.encode_to_vec()[..]);
        prop_assert_eq!(Response::decode(out.freeze()), Ok(response));
    }
}

/// A head, as it is or with something odd in it.
fn odd(head: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Bytes> {
    let change = prop_oneof![
        Just(None),
        (any::<prop::sample::Index>(), vec(any::<u8>(), 0..12), 0..3_usize).prop_map(Some),
    ];
    (head, change).prop_map(|(mut head, change)| {
        if let Some((at, bytes, lost)) = change {
            let at = at.index(head.len() + 1);
            let end = head.len().min(at + lost);
            head.splice(at..end, bytes);
        }
        head.into()
    })
}

proptest! {
    #[test]
    fn a_request_is_read_as_prost_would(
        bytes in odd(request().prop_map(|request| request.encode_to_vec())),
    ) {
        let (ours, prosts) = (decode_request(bytes.clone()), Request::decode(bytes));
        prop_assert_eq!(ours.ok(), prosts.ok());
    }

    #[test]
    fn a_response_is_read_as_prost_would(
        bytes in odd((any::<u32>(), headers()).prop_map(|(status, headers)| {
            Response { status, headers }.encode_to_vec()
        })),
    ) {
        let (ours, prosts) = (decode_response(bytes.clone()), Response::decode(bytes));
        prop_assert_eq!(ours.ok(), prosts.ok());
    }

    #[test]
    fn rubbish_is_read_as_prost_would(bytes in vec(any::<u8>(), 0..30)) {
        let bytes = Bytes::from(bytes);
        let (ours, prosts) = (decode_request(bytes.clone()), Request::decode(bytes.clone()));
        prop_assert_eq!(ours.ok(), prosts.ok());
        let (ours, prosts) = (decode_response(bytes.clone()), Response::decode(bytes));
        prop_assert_eq!(ours.ok(), prosts.ok());
    }
}

#[test]
fn a_decoded_head_is_slices_of_what_was_received() {
    let response = Response { status: 200, headers: vec!["server".into(), "x".repeat(100).into()] };
    let received = Bytes::from(response.encode_to_vec());
    let read = decode_response(received.clone()).unwrap();
    let range = received.as_ptr_range();
    assert!(read.headers.iter().all(|header| range.contains(&header.as_ptr())));
}
