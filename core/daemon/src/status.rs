//! What maitred tells about itself: one consistent picture, over gRPC and as text.
//!
//! The engine's snapshot says who is busy with what; [`stats`] adds how long things took lately;
//! the daemon adds what only it knows ([`picture::Facts`]). All of it goes out as one message of
//! the status API, so that `maitred status`, its JSON and every gRPC client show the same numbers.

pub mod client;
pub mod grpc;
pub mod json;
pub mod observe;
pub mod picture;
pub mod stats;
pub mod text;

#[cfg(test)]
mod samples;
