//! Who waits, for how long, and in which order.
//!
//! The queue is where a loaded server is won or lost, so each of its limits is the operator's.

use super::Preset::{Computed, Value};
use super::{Kind, Setting, setting};

pub(super) const QUEUE: &[Setting] = &[
    setting(
        "queue.max",
        Kind::Integer,
        Value("1000"),
        "",
        "Requests that may wait. Beyond it a client gets 503 at once, which is better than an \
         answer after its own timeout.",
    ),
    setting(
        "queue.wait_max",
        Kind::Duration,
        Value("25s"),
        "",
        "Longest wait for a slot, then 503. Below the 30 s after which common proxies give up.",
    ),
    setting(
        "queue.booting_max",
        Kind::Integer,
        Computed("as queue.max"),
        "",
        "Requests that may wait while no process has booted yet.",
    ),
    setting(
        "queue.booting_wait_max",
        Kind::Duration,
        Value("60s"),
        "",
        "Longest wait while no process has booted yet.",
    ),
    setting(
        "queue.overload",
        Kind::Choice(&["off", "newest-first"]),
        Value("off"),
        "",
        "What to do while the longest wait stays above `queue.overload_target` for \
         `queue.overload_interval`. `newest-first`: the newest request is served first, and one \
         that has waited as long as the target gets 503, until that is over. See docs/queue.md.",
    ),
    setting(
        "queue.overload_target",
        Kind::Duration,
        Value("1s"),
        "",
        "The wait that is still good, for `queue.overload`. What people notice, and far above the \
         wait of an app at its usual load.",
    ),
    setting(
        "queue.overload_interval",
        Kind::Duration,
        Value("5s"),
        "",
        "How long the longest wait has to stay above the target to be an overload. A burst that \
         is worked off in less is none.",
    ),
    setting(
        "routing",
        Kind::Choice(&["global", "per-process"]),
        Value("global"),
        "",
        "`global`: all processes take from one queue, so that no request waits while a slot is \
         idle. `per-process`: a request that has to wait does so for one process alone, the one \
         with the shortest queue; when that goes away they are shared out again.",
    ),
    setting(
        "priority_header",
        Kind::Text,
        Computed("none"),
        "",
        "A header in which trusted proxies say `high`, `normal` or `low`; it counts more than the \
         priority of a route. From anybody else it is ignored.",
    ),
    setting(
        "routes",
        Kind::Routes,
        Computed("none"),
        "",
        "What holds for some requests only. Each `[[routes]]` has a `path` (itself and all below \
         it; the longest that fits counts) and, if wanted, `methods`, `priority` (`high`, \
         `normal` or `low`: a request of a higher one always goes first), `request_buffering` (as \
         the setting), `first_byte_lease`, `request_lease` and `deferred_lease` (as \
         `leases.first_byte`, `leases.request` and `leases.deferred`).",
    ),
];
