//! How long a slot may be busy with one thing, and what is done then.
//!
//! What overstays is first said, then told, and its process is replaced only in the end. By
//! default only deferred work and a hung host come to that: how long a request may take is known
//! to nobody but its app.

use super::Preset::Value;
use super::{Kind, Setting, setting};

pub(super) const LEASES: &[Setting] = &[
    setting(
        "leases.first_byte_warn",
        Kind::Limit,
        Value("60s"),
        "",
        "A request whose response has not begun by then is named in the log, with the stacks of \
         its process. No browser's user waits that long for nothing.",
    ),
    setting(
        "leases.first_byte",
        Kind::Limit,
        Value("off"),
        "",
        "A request whose response has not begun by then is answered 504, and the app is told to \
         stop. If it does not within `leases.grace`, its process is replaced.",
    ),
    setting(
        "leases.request_warn",
        Kind::Limit,
        Value("60s"),
        "",
        "A request whose response is not complete by then is named in the log. Without stacks: a \
         long download is not stuck.",
    ),
    setting(
        "leases.request",
        Kind::Limit,
        Value("off"),
        "",
        "A request whose response is not complete by then is broken off, with 504 if it has not \
         begun, and the app is told to stop. If it does not within `leases.grace`, its process \
         is replaced.",
    ),
    setting(
        "leases.request_header",
        Kind::Text,
        Value(""),
        "",
        "The name of a request header that sets `leases.request` for its request, such as \
         `X-Request-Timeout: 5s`. Heeded only from `trusted_proxies`, which have to remove it \
         from what clients send: who may set it may have processes replaced.",
    ),
    setting(
        "leases.deferred_warn",
        Kind::Limit,
        Value("30s"),
        "",
        "Work that goes on for so long after its response is named in the log, with the stacks of \
         its process.",
    ),
    setting(
        "leases.deferred",
        Kind::Limit,
        Value("300s"),
        "",
        "Work that goes on for so long after its response has its process replaced. What takes \
         minutes belongs into a queue of jobs, and nobody else ever ends it.",
    ),
    setting(
        "leases.hang",
        Kind::Limit,
        Value("60s"),
        "",
        "A process in which a request runs, and whose interpreter gives no sign of life for so \
         long, is replaced, and gets no requests meanwhile. Longer than any collection of \
         garbage; at least 2s.",
    ),
    setting(
        "leases.raise",
        Kind::Switch,
        Value("false"),
        "",
        "Raise an error in what overstays before its process is replaced: in a request when \
         `leases.grace` has passed as well, in deferred work at once. Off, because an error that \
         comes out of nowhere can leave an app's own locks and connections in disorder.",
    ),
    setting(
        "leases.grace",
        Kind::Duration,
        Value("5s"),
        "",
        "From each step that an app could heed to the next one.",
    ),
];
