//! The golden frames of `vectors/`, read both ways.
//!
//! The frames are held against the `.proto` file itself (by reflection) as well as against the
//! generated structs, so that neither can drift from what other languages read.

mod golden;

use bytes::{Bytes, BytesMut};
use maitred_proto::frame::{HEADER_LEN, Header, Kind};
use maitred_proto::link::{CoreLink, ProcessLink};
use maitred_proto::message::{self, Hello, OobStart, Request, Welcome};
use prost::Message;

use self::golden::{Golden, Mistake, Schema};

const FRAMES: &str = include_str!("../vectors/frames.json");
const FRAMES_HEX: &str = include_str!("../vectors/frames.hex");
const ERRORS: &str = include_str!("../vectors/errors.json");

fn frames() -> Vec<Golden> {
    serde_json::from_str(FRAMES).expect("frames.json is well formed")
}

fn split(bytes: &[u8]) -> (Header, &[u8]) {
    let (header, payload) = bytes.split_first_chunk::<HEADER_LEN>().expect("a whole header");
    (Header::decode(header).expect("a header"), payload)
}

#[test]
fn every_kind_in_use_has_a_golden_frame() {
    let golden: Vec<u8> = frames().iter().map(Golden::kind).collect();
    for kind in Kind::ALL {
        assert!(golden.contains(&(*kind as u8)), "{} has none", kind.name());
    }
}

#[test]
fn what_the_frames_say_is_what_their_bytes_say() {
    let schema = Schema::load();
    for golden in frames() {
        let bytes = golden.bytes();
        let (header, payload) = split(&bytes);
        assert_eq!(header.length as usize, payload.len(), "{}", golden.name);
        assert_eq!(header.kind, golden.kind(), "{}", golden.name);
        assert_eq!(header.flags.0, golden.flags(), "{}", golden.name);
        assert_eq!(header.stream, golden.stream, "{}", golden.name);
        assert_eq!(schema.read(&golden.kind, payload), golden.payload, "{}", golden.name);
    }
}

#[test]
fn the_bytes_are_what_a_writer_makes_of_the_meaning() {
    let schema = Schema::load();
    for golden in frames() {
        let payload = schema.write(&golden.kind, &golden.payload);
        let header = Header {
            length: payload.len() as u32,
            kind: golden.kind(),
            flags: maitred_proto::frame::Flags(golden.flags()),
            stream: golden.stream,
        };
        let written = [&header.encode()[..], &payload].concat();
        assert_eq!(written, golden.bytes(), "{}", golden.name);
    }
}

#[test]
fn the_generated_structs_read_and_write_the_same_bytes() {
    fn again<M: Message + Default>(payload: &[u8]) -> Vec<u8> {
        M::decode(Bytes::copy_from_slice(payload)).expect("a message").encode_to_vec()
    }
    for golden in frames() {
        let bytes = golden.bytes();
        let (header, payload) = split(&bytes);
        let Some(kind) = Kind::from_number(header.kind) else { continue };
        let written = match kind {
            Kind::Hello => again::<Hello>(payload),
            Kind::Welcome => again::<Welcome>(payload),
            Kind::Reject => again::<message::Reject>(payload),
            Kind::Request => again::<Request>(payload),
            Kind::Response => again::<message::Response>(payload),
            Kind::Trailers => again::<message::Trailers>(payload),
            Kind::Abort => again::<message::Abort>(payload),
            Kind::Cancel => again::<message::Cancel>(payload),
            Kind::Window => again::<message::Window>(payload),
            Kind::Ready => again::<message::Ready>(payload),
            Kind::End => again::<message::End>(payload),
            Kind::Deferred => again::<message::Deferred>(payload),
            Kind::Interrupt => again::<message::Interrupt>(payload),
            Kind::OobRequest => again::<message::OobRequest>(payload),
            Kind::OobWithdraw => again::<message::OobWithdraw>(payload),
            Kind::OobStart => again::<OobStart>(payload),
            Kind::OobDone => again::<message::OobDone>(payload),
            Kind::Ping => again::<message::Ping>(payload),
            Kind::Pong => again::<message::Pong>(payload),
            Kind::Drain => again::<message::Drain>(payload),
            Kind::Goodbye => again::<message::Goodbye>(payload),
            Kind::Body | Kind::Detach | Kind::Bounce => continue,
        };
        assert_eq!(written, payload, "{}", golden.name);
    }
}

#[test]
fn the_hex_file_has_the_same_frames() {
    let mut wanted = String::new();
    for golden in frames() {
        wanted += &format!("# {}\n{}\n", golden.name, golden.hex.concat());
    }
    assert_eq!(FRAMES_HEX, wanted);
}

fn hello() -> Hello {
    Hello { version_min: 1, version_max: 1, slots: 2, ..Hello::default() }
}

fn welcome() -> Welcome {
    Welcome { version: 1, ..Welcome::default() }
}

/// A core in one of the states of `vectors/README.md`.
fn core(state: &str) -> CoreLink {
    let mut core = CoreLink::new();
    if state == "new" {
        return core;
    }
    let mut process = ProcessLink::new();
    process.hello(&hello());
    core.receive(&mut BytesMut::from(process.transmit())).expect("a good HELLO");
    core.welcome(&welcome());
    if state == "out" {
        core.oob_start(&OobStart { kind: "gc".into(), ..OobStart::default() });
        return core;
    }
    core.request(true, |_| {}).expect("an empty head fits");
    if state == "asked" {
        assert!(core.ping());
    }
    core
}

/// A process in one of the states of `vectors/README.md`.
fn process(state: &str) -> ProcessLink {
    let mut process = ProcessLink::new();
    process.hello(&hello());
    let written = process.transmit().len();
    process.transmitted(written);
    if state != "new" {
        process.receive(&mut BytesMut::from(core(state).transmit())).expect("a good opening");
    }
    process
}

#[test]
fn mistakes_are_told_by_their_codes() {
    let mistakes: Vec<Mistake> = serde_json::from_str(ERRORS).expect("errors.json is well formed");
    for mistake in mistakes {
        let mut bytes = BytesMut::from(&mistake.bytes()[..]);
        let result = match mistake.to.as_str() {
            "core" => core(&mistake.state).receive(&mut bytes),
            "process" => process(&mistake.state).receive(&mut bytes),
            other => panic!("{}: no side is called {other}", mistake.name),
        };
        let code = result.err().map(|error| error.code());
        assert_eq!(code, mistake.code.as_deref(), "{}", mistake.name);
    }
}
