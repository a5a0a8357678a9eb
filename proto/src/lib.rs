//! What two processes must agree on: the link protocol and the status API.
//!
//! The core and the SDKs both stand on this crate, so that there is one reading of `wire.md`:
//! [`frame`] has the bytes, [`message`] the payloads, [`link`] what may follow what. Nothing here
//! does I/O, looks at a clock or starts a thread.

pub mod error;
pub mod frame;
pub mod link;
pub mod message;
pub mod version;

/// The status API, `maitred.v1`: messages, client and server.
#[cfg(feature = "grpc")]
#[expect(missing_docs, unused_qualifications, clippy::allow_attributes, reason = "generated")]
pub mod v1 {
    include!("gen/maitred.v1.rs");

    /// The encoded descriptors of this API, for gRPC reflection.
    pub const DESCRIPTOR: &[u8] = include_bytes!("gen/status.bin");
}
