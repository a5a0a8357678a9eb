//! Who may look from outside, and what they are told.
//!
//! For orchestrators and balancers. Both ways of asking are off until somebody wants them: an app's
//! own paths stay its own, and a port more is a port more to guard.

use super::Preset::{Computed, Value};
use super::{Kind, Setting, setting};

pub(super) const OBSERVE: &[Setting] = &[
    setting(
        "observe",
        Kind::Text,
        Computed("off"),
        "",
        "Where probes ask, as `host:port`: `/health` (does the core live?) and `/ready` (should \
         clients be sent here?). Plain HTTP, read-only. See docs/queue.md.",
    ),
    setting(
        "ready_queue_age_max",
        Kind::Duration,
        Value("10s"),
        "",
        "`/ready` says no while the oldest request has waited this long. Longer than a burst takes \
         to be worked off, and well below `queue.wait_max`: new clients should be sent elsewhere \
         before those who wait here are refused.",
    ),
    setting(
        "health_path",
        Kind::Text,
        Computed("none"),
        "",
        "A path that the core answers itself where clients connect, for balancers that can ask \
         nowhere else: 200 when a process has booted and the core is not leaving. The app never \
         sees it.",
    ),
];
