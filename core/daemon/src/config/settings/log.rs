//! What is written down.
//!
//! Apps, requests and the core itself have a stream each, and a form each.

use super::Preset::{Computed, Value};
use super::{Kind, Setting, setting};

pub(super) const LOG: &[Setting] = &[
    setting(
        "app_log",
        Kind::Choice(&["raw", "prefix", "json"]),
        Computed("prefix on a terminal, else raw"),
        "--app-log",
        "What apps write: bytes untouched, with app and pid before each line, or as one JSON \
         object per line.",
    ),
    setting(
        "access_log",
        Kind::Switch,
        Value("false"),
        "--access-log",
        "One line per request on standard output.",
    ),
    setting(
        "log_format",
        Kind::Choice(&["text", "json"]),
        Value("text"),
        "--log-format",
        "The core's own lines, on standard error.",
    ),
    setting(
        "log_level",
        Kind::Text,
        Value("info"),
        "--log-level",
        "error, warn, info, debug or trace.",
    ),
];
