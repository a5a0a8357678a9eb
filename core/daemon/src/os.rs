//! The operating system: every direct call that the standard library does not offer.
//!
//! They are in one folder so that all `unsafe` of the core, and all that would have to change for
//! another system than Linux, is found in one place.

pub mod cgroup;
pub mod child;
pub mod descriptors;
pub mod figures;
pub mod orphans;
pub mod peer;
pub mod pidfd;
pub mod receive;
pub mod unsent;

pub use descriptors::hung_up;
