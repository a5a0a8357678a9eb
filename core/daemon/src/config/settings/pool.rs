//! How much is served at once, and how long anything may take.
//!
//! Processes, slots and leases, with the reason for each default.

use super::Preset::{Computed, Value};
use super::{Kind, Setting, from_platform, setting};

pub(super) const POOL: &[Setting] = &[
    from_platform(
        "PORT",
        setting(
            "listen",
            Kind::List,
            Value("127.0.0.1:8000"),
            "--listen, -b, --bind",
            "Where clients connect: `host:port`, `:port`, `[::1]:port` or `unix:/path`. \
             `--host` and `-p`/`--port` write the same setting. The platform's PORT means all \
             addresses of IPv4.",
        ),
    ),
    from_platform(
        "WEB_CONCURRENCY",
        setting(
            "processes",
            Kind::Integer,
            Computed("CPUs, at least 2, and at least 4 slots in all"),
            "--processes, -w, --workers",
            "App processes. At least two, so that one may end while the other serves. Quotas of \
             control groups count. A default is lowered when so many of the first one's size \
             would take more than 70 % of the memory.",
        ),
    ),
    setting(
        "memory",
        Kind::Size,
        Computed("the smallest limit of a control group, else the machine's"),
        "",
        "The memory that a default number of processes heeds. A number that is written is meant.",
    ),
    setting(
        "slots",
        Kind::Integer,
        Value("1"),
        "--slots, -t, --threads",
        "Requests that one process may work on at once: its threads. One, because not every app \
         is safe with more.",
    ),
    setting(
        "leases.boot",
        Kind::Duration,
        Value("90s"),
        "",
        "How long a process may take until it is ready; then it is killed.",
    ),
    setting(
        "leases.drain",
        Kind::Duration,
        Value("25s"),
        "",
        "How long a process that is told to leave may go on with what it has; then it is killed.",
    ),
    setting(
        "stop_timeout",
        Kind::Duration,
        Value("25s"),
        "",
        "How long the whole core may take to stop. Below the 30 s that Kubernetes and Heroku give.",
    ),
    setting(
        "drain_delay",
        Kind::Duration,
        Computed("0s; 5s in Kubernetes"),
        "",
        "How long the core goes on as before after SIGTERM. In Kubernetes others still send \
         clients for some seconds.",
    ),
];
