//! A response body keeps its order and its limits, whatever becomes of memory and disk.

use std::path::PathBuf;

use super::*;

const KIB: usize = 1024;

fn buffer(memory: u64, disk: u64) -> (tempfile::TempDir, ResponseBuffer) {
    let dir = tempfile::tempdir().unwrap();
    let budget = Budget::new(memory, disk, dir.path().to_owned());
    (dir, ResponseBuffer::new(budget))
}

fn piece(fill: u8, len: usize) -> Bytes {
    Bytes::from(vec![fill; len])
}

/// Does all the disk work that is wanted; returns the window that came free.
fn work(buffer: &mut ResponseBuffer) -> usize {
    let mut window = 0;
    while let Some(work) = buffer.work() {
        match work {
            Work::Write(place, data) => window += buffer.written(&place.write(&data)),
            Work::Read(place, len) => buffer.was_read(place.read(len)),
        }
    }
    window
}

fn drain(buffer: &mut ResponseBuffer) -> (Vec<u8>, Next) {
    let mut all = Vec::new();
    loop {
        work(buffer);
        match buffer.take() {
            Next::Data { data, .. } => all.extend_from_slice(&data),
            next => return (all, next),
        }
    }
}

#[test]
fn a_short_body_stays_in_memory_and_ends() {
    let (_dir, mut buffer) = buffer(1 << 20, 1 << 20);
    assert!(buffer.push(piece(1, 100)));
    assert!(buffer.work().is_none());
    buffer.complete(None);
    assert_eq!(buffer.remaining(), Some(100));
    assert_eq!(drain(&mut buffer), (vec![1; 100], Next::End));
    assert!(buffer.is_finished());
}

#[test]
fn a_long_body_goes_through_the_disk_in_order() {
    let (_dir, mut buffer) = buffer(1 << 20, 1 << 20);
    let mut expected = Vec::new();
    let mut window = 0;
    for fill in 0..10 {
        let data = piece(fill, 64 * KIB);
        expected.extend_from_slice(&data);
        if buffer.push(data) {
            window += 64 * KIB;
        }
        window += work(&mut buffer);
    }
    assert_eq!(window, expected.len(), "all of it is taken from the app");
    assert_eq!(buffer.budget.memory().0, MEMORY_PER_RESPONSE as u64);
    assert_eq!(buffer.budget.disk().0, (expected.len() - MEMORY_PER_RESPONSE) as u64);
    buffer.complete(None);
    assert_eq!(drain(&mut buffer), (expected, Next::End));
    assert_eq!(buffer.budget.memory().0, 0);
    assert_eq!(buffer.budget.disk().0, 0);
}

#[test]
fn without_room_anywhere_the_app_waits_and_nothing_is_lost() {
    let (_dir, mut buffer) = buffer(0, 0);
    assert!(!buffer.push(piece(7, 10)), "no window is returned");
    assert_eq!(work(&mut buffer), 0);
    assert_eq!(buffer.take(), Next::Data { data: piece(7, 10), held: true });
    assert_eq!(buffer.take(), Next::Wait);
}

#[test]
fn a_folder_that_is_gone_is_back_pressure_not_an_error() {
    let mut buffer = ResponseBuffer::new(Budget::new(0, 1 << 20, PathBuf::from("/nowhere/at/all")));
    assert!(!buffer.push(piece(1, 5)));
    buffer.complete(None);
    assert_eq!(drain(&mut buffer), (vec![1; 5], Next::End));
}

#[test]
fn a_write_that_fails_keeps_the_piece_in_its_place() {
    let (_dir, mut buffer) = buffer(5, 1 << 20);
    assert!(buffer.push(piece(1, 5)));
    assert!(!buffer.push(piece(2, 5)));
    assert!(!buffer.push(piece(3, 5)));
    let Some(Work::Write(place, data)) = buffer.work() else { panic!("a write is due") };
    assert_eq!(buffer.written(&place.write(&data)), 5);
    let Some(Work::Write(..)) = buffer.work() else { panic!("a write is due") };
    assert_eq!(buffer.written(&Err(io::ErrorKind::StorageFull.into())), 0);
    assert!(buffer.work().is_none(), "the disk is left alone while it is full");
    buffer.complete(None);
    assert_eq!(drain(&mut buffer), ([[1; 5], [2; 5], [3; 5]].concat(), Next::End));
}

#[test]
fn after_a_full_disk_was_drained_the_disk_is_used_again() {
    let (_dir, mut buffer) = buffer(5, 5);
    assert!(buffer.push(piece(1, 5)));
    assert!(!buffer.push(piece(2, 5)));
    assert!(!buffer.push(piece(3, 5)));
    assert_eq!(work(&mut buffer), 5, "the third piece finds the disk full");
    let wait_for_disk = |buffer: &mut ResponseBuffer| {
        work(buffer);
        buffer.take()
    };
    assert_eq!(buffer.take(), Next::Data { data: piece(1, 5), held: false });
    assert_eq!(wait_for_disk(&mut buffer), Next::Data { data: piece(2, 5), held: false });
    assert_eq!(wait_for_disk(&mut buffer), Next::Data { data: piece(3, 5), held: true });
    assert!(buffer.push(piece(4, 5)), "memory is free again");
    assert!(!buffer.push(piece(5, 5)));
    assert_eq!(work(&mut buffer), 5, "and so is the disk");
}

#[test]
fn trailers_come_after_the_body() {
    let (_dir, mut buffer) = buffer(1 << 20, 0);
    let mut map = HeaderMap::new();
    map.insert("digest", http::HeaderValue::from_static("x"));
    assert!(buffer.push(piece(1, 1)));
    buffer.complete(Some(map.clone()));
    assert!(!buffer.is_finished());
    assert_eq!(drain(&mut buffer), (vec![1], Next::Trailers(map)));
    assert_eq!(buffer.take(), Next::End);
}

#[test]
fn a_broken_body_says_so_at_once() {
    let (_dir, mut buffer) = buffer(1 << 20, 0);
    assert!(buffer.push(piece(1, 1)));
    buffer.break_off();
    assert_eq!(buffer.take(), Next::Broken);
}

#[test]
fn what_nobody_takes_any_more_returns_its_window_and_its_memory() {
    let (_dir, mut buffer) = buffer(4, 0);
    assert!(buffer.push(piece(1, 4)));
    assert!(!buffer.push(piece(2, 6)));
    assert_eq!(buffer.discard(), 6);
    assert_eq!(buffer.budget.memory().0, 0);
}

#[test]
fn what_is_discarded_is_given_back_at_once_even_while_it_is_read() {
    let (_dir, mut buffer) = buffer(1 << 20, 1 << 20);
    for fill in 0..8 {
        let _taken = buffer.push(piece(fill, 64 * KIB));
        work(&mut buffer);
    }
    while matches!(buffer.take(), Next::Data { .. }) {}
    let Some(Work::Read(place, len)) = buffer.work() else { panic!("the disk is next") };
    assert_eq!(buffer.discard(), 0);
    assert_eq!((buffer.budget.memory().0, buffer.budget.disk().0), (0, 0));
    buffer.was_read(place.read(len));
    assert_eq!(buffer.budget.memory().0, 0);
    assert!(buffer.work().is_none());
}

#[test]
fn a_body_with_trailers_has_no_known_length() {
    let (_dir, mut buffer) = buffer(1 << 20, 1 << 20);
    assert!(buffer.push(piece(1, 100)));
    buffer.complete(Some(HeaderMap::new()));
    assert_eq!(buffer.remaining(), None);
}
