//! What an end of a link allocates is bounded by what it received, whatever that says.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::BytesMut;
use maitred_proto::frame::{Flags, HEAD_MAX, Header, Kind};
use proptest::prelude::*;

use crate::traffic::{core, process, rubbish, to_core, to_process};

/// Bytes that may be allocated for each byte received. A body frame of one byte is 17 bytes on the
/// wire and an event of about 300 in a queue that doubles; so are headers of no bytes.
const PER_BYTE_MAX: usize = 64;

/// Bytes that may be allocated besides. 8 KiB: the first growth of tables and buffers.
const BESIDES_MAX: usize = 8192;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator with a count per thread, since tests run side by side.
struct Counting;

fn count(by: isize) {
    // A thread that ends may free after its counters are gone.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + by);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: everything is left to the system's allocator; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are passed on unchanged.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was allocated at once while `run` ran, beyond what was before.
fn peak(run: impl FnOnce()) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    run();
    (PEAK.get() - before) as usize
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let limit = bytes.len() * PER_BYTE_MAX + BESIDES_MAX;
    let mut buf = BytesMut::from(bytes);
    let (mut core, _) = core();
    let used = peak(|| drop(core.receive(&mut buf)));
    prop_assert!(used <= limit, "the core allocates {used} for {} bytes", bytes.len());

    let mut buf = BytesMut::from(bytes);
    let mut process = process();
    let used = peak(|| drop(process.receive(&mut buf)));
    prop_assert!(used <= limit, "a process allocates {used} for {} bytes", bytes.len());
    Ok(())
}

proptest! {
    #[test]
    fn rubbish_neither_panics_nor_swells(bytes in rubbish()) {
        check(&bytes)?;
    }

    #[test]
    fn random_bytes_neither_panic_nor_swell(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check(&bytes)?;
    }

    #[test]
    fn traffic_does_not_swell(to_core in to_core(), to_process in to_process()) {
        check(&to_core)?;
        check(&to_process)?;
    }
}

#[test]
fn a_length_field_allocates_nothing() {
    let mut header = [0; 16];
    header[..5].copy_from_slice(&[0, 0, 1, 0, 0x11]);
    header[8] = 2;
    let (mut core, _) = core();
    let mut buf = BytesMut::from(&header[..]);
    let used = peak(|| core.receive(&mut buf).expect("nothing is wrong yet"));
    assert_eq!(used, 0);
}

#[test]
fn the_worst_that_can_be_said_swells_no_more() -> Result<(), TestCaseError> {
    let frame = |kind: Kind, flags, stream, payload: &[u8]| {
        [&Header::new(kind, flags, stream, payload.len()).encode()[..], payload].concat()
    };
    // As many headers as fit a head, each of them empty.
    let empty_headers = |tag| [tag, 0].repeat(HEAD_MAX / 4 * 2);
    check(&frame(Kind::Request, Flags::NONE, 2, &empty_headers(0x7a)))?;
    let status = [8, 200, 1];
    let head = [&status[..], &empty_headers(0x12)[..HEAD_MAX - 4]].concat();
    check(&frame(Kind::Response, Flags::NONE, 2, &head))?;
    // As many events as fit a window, each of one byte.
    let opening = frame(Kind::Response, Flags::NONE, 2, &status);
    let bytes = frame(Kind::Body, Flags::NONE, 2, &[0]).repeat(20_000);
    check(&[opening, bytes.clone()].concat())?;
    check(&[frame(Kind::Request, Flags::NONE, 2, &[]), bytes].concat())?;
    // Each PING would be answered by a PONG.
    check(&frame(Kind::Ping, Flags::NONE, 0, &[]).repeat(4000))
}

#[test]
fn the_counter_counts() {
    assert!(peak(|| drop(Vec::<u8>::with_capacity(1000))) >= 1000);
}
