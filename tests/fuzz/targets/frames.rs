//! Frames out of any bytes: where one ends is never in doubt.
//!
//! The header is the only thing in front of which a reader has no idea what comes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maitred_proto::frame::{HEADER_LEN, Header, PAYLOAD_MAX, missing};

fuzz_target!(|data: &[u8]| {
    let wanted = missing(data);
    assert!(wanted <= HEADER_LEN + PAYLOAD_MAX, "{wanted} bytes of room asked for");
    let Some(bytes) = data.first_chunk::<HEADER_LEN>() else {
        assert_eq!(wanted, HEADER_LEN - data.len());
        return;
    };
    let Ok(header) = Header::decode(bytes) else {
        assert!(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) > PAYLOAD_MAX as u32);
        return;
    };
    // The reserved bytes are read as if they were 0, all others come back.
    let mut again = *bytes;
    again[6..8].fill(0);
    assert_eq!(header.encode(), again);
    assert_eq!(wanted, (HEADER_LEN + header.length as usize).saturating_sub(data.len()));
});
