//! Names for things, as numbers that are never used twice.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $int:ty, $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id! {
    /// A pool: the engine's key from the first day. Given out by the daemon.
    PoolId, u32, "pool"
}
id! {
    /// A request, counted up by the daemon. A retried request keeps its number.
    RequestId, u64, "r"
}
id! {
    /// A process, counted up by the engine. A replacement has a number of its own.
    ProcessId, u64, "p"
}

/// One unit of concurrency of a process. A slot outlives the requests that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotId {
    /// The process that it belongs to.
    pub process: ProcessId,
    /// Its place in the process, from 0.
    pub index: u32,
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.process, self.index)
    }
}
