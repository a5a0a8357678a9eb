//! Out-of-band work: how many processes may be away for it, and for how long.
//!
//! Apps ask for moments without requests; these say what the core grants of them.

use super::Preset::Value;
use super::{Kind, Setting, setting};

pub(super) const OOB: &[Setting] = &[
    setting(
        "oob.concurrent",
        Kind::Integer,
        Value("1"),
        "",
        "Processes that may be away for out-of-band work at once. Each that is away is capacity \
         that clients miss.",
    ),
    setting(
        "oob.min_ready",
        Kind::Integer,
        Value("1"),
        "",
        "Processes that must stay able to serve meanwhile. A pool with no more processes than \
         this does its out-of-band work on an empty queue only.",
    ),
    setting(
        "oob.lease",
        Kind::Duration,
        Value("60s"),
        "",
        "How long out-of-band work may take; then the process is replaced. A full collection of \
         a large heap takes seconds: what takes longer is stuck.",
    ),
    setting(
        "oob.overdue_after",
        Kind::Duration,
        Value("60s"),
        "",
        "How long out-of-band work waits for a quiet moment, where the app does not say; after \
         that any moment will do.",
    ),
    setting(
        "oob.quiesce_max",
        Kind::Duration,
        Value("25s"),
        "",
        "How long a process may be kept from new requests to become empty; then it serves on, and \
         is tried again after as long.",
    ),
];
