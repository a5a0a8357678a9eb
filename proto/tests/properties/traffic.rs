//! Random traffic that gets somewhere: mostly right, sometimes with a fault in it.

use bytes::{Bytes, BytesMut};
use maitred_proto::frame::{Flags, Header, Kind};
use maitred_proto::link::{CoreLink, ProcessLink};
use maitred_proto::message::{
    Abort, Cancel, Drain, End, Goodbye, Hello, Interrupt, OobRequest, OobWithdraw, Ping, Pong,
    Ready, Request, Response, Trailers, Welcome, Window,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

/// Slots, and streams open at once.
const SLOTS: u32 = 3;

/// The streams that a core of [`core`] has opened.
const STREAMS: [u64; SLOTS as usize] = [2, 4, 6];

pub(crate) type Frame = Vec<u8>;

fn frame(kind: Kind, flags: Flags, stream: u64, payload: &[u8]) -> Frame {
    [&Header::new(kind, flags, stream, payload.len()).encode()[..], payload].concat()
}

fn message(kind: Kind, flags: Flags, stream: u64, message: &impl Message) -> Frame {
    frame(kind, flags, stream, &message.encode_to_vec())
}

/// A core with an open link and a request on each of [`STREAMS`]; what it wrote.
pub(crate) fn core() -> (CoreLink, BytesMut) {
    let mut core = CoreLink::new();
    let mut hello = ProcessLink::new();
    hello.hello(&Hello { slots: SLOTS, version_max: 1, ..Hello::default() });
    core.receive(&mut BytesMut::from(hello.transmit())).expect("a good HELLO");
    core.welcome(&Welcome { version: 1, ..Welcome::default() });
    for stream in STREAMS {
        let opened = core.request(false, |_| {}).expect("an empty head fits");
        assert_eq!(opened, stream);
        core.body(stream, Bytes::from_static(&[0; 1000]), false);
    }
    core.ping();
    core.drain(0);
    let written = BytesMut::from(core.transmit());
    (core, written)
}

/// A process that was welcomed.
pub(crate) fn process() -> ProcessLink {
    let mut process = ProcessLink::new();
    process.hello(&Hello { slots: SLOTS, ..Hello::default() });
    let length = process.transmit().len();
    process.transmitted(length);
    let welcome = Welcome { version: 1, ..Welcome::default() };
    let welcome = message(Kind::Welcome, Flags::NONE, 0, &welcome);
    process.receive(&mut BytesMut::from(&welcome[..])).expect("a good WELCOME");
    process
}

fn headers() -> impl Strategy<Value = Vec<Bytes>> {
    vec(vec(any::<u8>(), 0..30).prop_map(Bytes::from), 0..6).prop_map(|mut headers| {
        headers.truncate(headers.len() / 2 * 2);
        headers
    })
}

fn bodies(stream: u64, max: usize) -> impl Strategy<Value = Vec<Frame>> {
    let body = vec(any::<u8>(), 0..max);
    vec(body.prop_map(move |data| frame(Kind::Body, Flags::NONE, stream, &data)), 0..5)
}

/// All that a process says about one stream, in a right order.
fn response(stream: u64) -> impl Strategy<Value = Vec<Frame>> {
    let heads = vec(100..200_u32, 0..3).prop_flat_map(|mut statuses| {
        statuses.push(200);
        statuses.into_iter().map(|status| (Just(status), headers())).collect::<Vec<_>>()
    });
    let early = proptest::option::of(prop_oneof![
        Just(frame(Kind::Detach, Flags::NONE, stream, &[])),
        (0..900_u32).prop_map(move |increment| {
            message(Kind::Window, Flags::NONE, stream, &Window { increment })
        }),
    ]);
    let trailers = proptest::option::of(headers());
    (heads, early, bodies(stream, 2000), trailers, any::<(bool, bool, u8)>()).prop_map(
        move |(heads, early, bodies, trailers, (aborts, together, failed))| {
            let heads = heads.into_iter().map(|(status, headers)| {
                message(Kind::Response, Flags::NONE, stream, &Response { status, headers })
            });
            let trailers = trailers
                .map(|headers| message(Kind::Trailers, Flags::NONE, stream, &Trailers { headers }));
            let mut frames: Vec<Frame> = heads.chain(early).chain(bodies).chain(trailers).collect();
            let flags = Flags::of(false, together);
            // Named work, also where the slot is said to be ready: odd, and no mistake.
            let deferred = "x".repeat(failed as usize % 129);
            frames.push(match aborts {
                true => {
                    message(Kind::Abort, flags, stream, &Abort { deferred, ..Abort::default() })
                }
                false => message(Kind::End, flags, stream, &End { deferred }),
            });
            let ready = Ready { failed: failed.into() };
            frames.extend((!together).then(|| message(Kind::Ready, Flags::NONE, stream, &ready)));
            frames
        },
    )
}

/// All that a core says about one stream, in a right order.
fn request(stream: u64) -> impl Strategy<Value = Vec<Frame>> {
    let ending = prop_oneof![
        Just(frame(Kind::End, Flags::NONE, stream, &[])),
        headers().prop_map(move |headers| {
            message(Kind::Trailers, Flags::END, stream, &Trailers { headers })
        }),
        any::<u32>().prop_map(move |reason| {
            message(Kind::Cancel, Flags::NONE, stream, &Cancel { reason })
        }),
    ];
    let interrupt = proptest::option::of((1..4_u32).prop_map(move |action| {
        message(Kind::Interrupt, Flags::NONE, stream, &Interrupt { action })
    }));
    let parts = (headers(), bodies(stream, 2000), interrupt, ending);
    parts.prop_map(move |(headers, bodies, interrupt, ending)| {
        let head = Request { method: "GET".into(), headers, ..Request::default() };
        let head = message(Kind::Request, Flags::NONE, stream, &head);
        std::iter::once(head).chain(bodies).chain(interrupt).chain([ending]).collect()
    })
}

/// Several sequences as one; each keeps its order. `first`: streams are opened in order.
fn interleaved(
    parts: impl Strategy<Value = Vec<Vec<Frame>>>,
    first: bool,
) -> impl Strategy<Value = Vec<Frame>> {
    (parts, vec(any::<prop::sample::Index>(), 200)).prop_map(move |(parts, picks)| {
        let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
        let mut all: Vec<Frame> = Vec::new();
        if first {
            all.extend(parts.iter_mut().filter_map(Iterator::next));
        }
        for pick in picks {
            let part = pick.index(parts.len());
            all.extend(parts[part].next());
        }
        all.extend(parts.into_iter().flatten());
        all
    })
}

/// A change that makes traffic wrong, or not.
fn fault() -> impl Strategy<Value = (prop::sample::Index, Fault)> {
    let fault = prop_oneof![
        4 => Just(Fault::None),
        1 => Just(Fault::Lose),
        1 => Just(Fault::Repeat),
        1 => (0..20_usize, any::<u8>()).prop_map(|(at, value)| Fault::Flip(at, value)),
        1 => vec(any::<u8>(), 0..40).prop_map(Fault::Insert),
    ];
    (any::<prop::sample::Index>(), fault)
}

#[derive(Debug, Clone)]
enum Fault {
    None,
    Lose,
    Repeat,
    Flip(usize, u8),
    Insert(Vec<u8>),
}

fn with_faults(frames: impl Strategy<Value = Vec<Frame>>) -> impl Strategy<Value = Vec<u8>> {
    (frames, fault()).prop_map(|(mut frames, (at, fault))| {
        let at = at.index(frames.len());
        match fault {
            Fault::None => {}
            Fault::Lose => drop(frames.remove(at)),
            Fault::Repeat => frames.insert(at, frames[at].clone()),
            Fault::Insert(bytes) => frames.insert(at, bytes),
            Fault::Flip(offset, value) => {
                let place = offset % frames[at].len();
                frames[at][place] = value;
            }
        }
        frames.concat()
    })
}

/// What a process might say to the core of [`core`].
pub(crate) fn to_core() -> impl Strategy<Value = Vec<u8>> {
    let pong = Pong { highest: 6, unready: STREAMS.to_vec(), host_age_ms: 5 };
    let life = [
        message(Kind::Pong, Flags::NONE, 0, &pong),
        message(Kind::Drain, Flags::NONE, 0, &Drain { reason: 8 }),
        message(
            Kind::OobRequest,
            Flags::NONE,
            0,
            &OobRequest { kind: "gc".into(), ..OobRequest::default() },
        ),
        message(Kind::OobWithdraw, Flags::NONE, 0, &OobWithdraw { kind: "gc".into() }),
        message(Kind::Goodbye, Flags::NONE, 0, &Goodbye { last: 6 }),
    ];
    let responses = STREAMS.map(response);
    // PONG comes first: it lists all streams as unready.
    let parts = responses.prop_map(Vec::from);
    with_faults(
        interleaved(parts, false)
            .prop_map(move |frames| life.iter().cloned().chain(frames).collect::<Vec<_>>()),
    )
}

/// What a core might say to the process of [`process`].
pub(crate) fn to_process() -> impl Strategy<Value = Vec<u8>> {
    let ping = message(Kind::Ping, Flags::NONE, 0, &Ping { highest: 6 });
    let drain = message(Kind::Drain, Flags::NONE, 0, &Drain { reason: 3 });
    let requests = STREAMS.map(request).prop_map(Vec::from);
    with_faults(interleaved(requests, true).prop_map(move |mut frames| {
        frames.extend([ping.clone(), drain.clone()]);
        frames
    }))
}

/// Bytes of which the headers are likely enough to lead somewhere.
pub(crate) fn rubbish() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        4 => prop::sample::select(Kind::ALL).prop_map(|kind| kind as u8),
        1 => any::<u8>(),
    ];
    let stream = prop_oneof![4 => 0..8_u64, 1 => any::<u64>()];
    let payload = vec(prop_oneof![Just(0), Just(0x7a), any::<u8>()], 0..60);
    let length = prop_oneof![8 => Just(None), 1 => any::<u32>().prop_map(Some)];
    let frame = (kind, any::<u8>(), stream, payload, length).prop_map(
        |(kind, flags, stream, payload, length)| {
            let length = length.unwrap_or(payload.len() as u32);
            let header = Header { length, kind, flags: Flags(flags), stream };
            [&header.encode()[..], &payload].concat()
        },
    );
    vec(frame, 0..40).prop_map(|frames| frames.concat())
}
