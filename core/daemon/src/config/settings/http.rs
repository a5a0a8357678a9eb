//! Requests, responses and where they are held.
//!
//! What clients meet: sizes, times, headers, and whom to believe.

use super::Preset::Value;
use super::{Kind, Setting, from_platform, setting};

pub(super) const HTTP: &[Setting] = &[
    setting(
        "body_max",
        Kind::Size,
        Value("1 GiB"),
        "",
        "Largest body of a request, then 413. Uploads go to disk, so that it may be large.",
    ),
    setting(
        "head_max",
        Kind::Size,
        Value("48 KiB"),
        "",
        "Largest head of a request, then 431. 48 KiB is also the most that a link carries.",
    ),
    setting(
        "request_buffering",
        Kind::Choice(&["auto", "off"]),
        Value("auto"),
        "--request-buffering",
        "`auto`: a request is given to the app when its body is here, so that a slow client holds \
         no slot. `off`: at once.",
    ),
    setting(
        "buffer.memory_max",
        Kind::Size,
        Value("64 MiB"),
        "",
        "Memory for all bodies together; what is more goes to disk.",
    ),
    setting(
        "buffer.disk_max",
        Kind::Size,
        Value("4 GiB"),
        "",
        "Disk for all bodies together: four of the largest. Then responses are slowed down and \
         requests get 503.",
    ),
    setting(
        "buffer.dir",
        Kind::Path,
        Value("/var/tmp"),
        "",
        "Folder for bodies on disk. Not /tmp, which is memory on many systems.",
    ),
    from_platform(
        "FORWARDED_ALLOW_IPS",
        setting(
            "trusted_proxies",
            Kind::List,
            Value("127.0.0.0/8, ::1, unix"),
            "",
            "Whose X-Forwarded headers are acted upon: addresses, networks, `unix` for peers on \
             Unix sockets, `*` for everybody. FORWARDED_ALLOW_IPS includes `unix` always.",
        ),
    ),
    setting(
        "server_timing",
        Kind::Switch,
        Value("false"),
        "",
        "Adds a Server-Timing header, in which clients see the wait and the service time.",
    ),
    setting(
        "request_id_header",
        Kind::Text,
        Value("x-request-id"),
        "",
        "The header with the id of a request. One is made where there is none.",
    ),
    setting(
        "keep_alive",
        Kind::Duration,
        Value("75s"),
        "",
        "How long an idle connection is kept. Longer than the 60 s of common load balancers: the \
         one who sends should be the one who closes.",
    ),
    setting(
        "head_timeout",
        Kind::Duration,
        Value("30s"),
        "",
        "How long a client may take to send the head of a request.",
    ),
    setting(
        "ready_merge_us",
        Kind::Integer,
        Value("50"),
        "",
        "Microseconds that a complete response may wait in its process for what shares its write: \
         the word that its slot is free, and responses of other requests that are there already \
         and short. A millisecond more where one of them is not short after all. 0: never.",
    ),
];
