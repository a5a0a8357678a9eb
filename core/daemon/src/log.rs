//! The core's own log: what an operator reads on standard error.
//!
//! It goes through the same bounded writer as the output of apps, so that a stuck reader cannot
//! stop the core in the middle of a line.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::process::output::{Form, Sink};

/// The moment, as every line of ours shows it: UTC, to the millisecond.
#[must_use]
pub fn timestamp() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Sends the log of this process to `sink`. `level` is one of error, warn, info, debug, trace, or
/// a filter such as `info,maitred::http=debug`.
///
/// # Errors
/// `level` is neither, or there is a log already.
pub fn start(sink: Sink, form: Form, level: &str) -> anyhow::Result<()> {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing::subscriber::set_global_default(subscriber(sink, form, level, colour)?)?;
    Ok(())
}

fn subscriber(
    sink: Sink,
    form: Form,
    level: &str,
    colour: bool,
) -> anyhow::Result<Box<dyn Subscriber + Send + Sync>> {
    let filter = EnvFilter::try_new(level)?;
    let common = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(Timestamp)
        .with_target(false)
        .with_ansi(colour && form == Form::Text)
        .with_writer(move || sink.clone());
    Ok(match form {
        Form::Text => Box::new(common.compact().finish()),
        Form::Json => Box::new(common.json().flatten_event(true).with_current_span(false).finish()),
    })
}

struct Timestamp;

impl FormatTime for Timestamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        writer.write_str(&timestamp())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader};
    use std::os::fd::OwnedFd;

    use super::*;

    fn line(form: Form, level: &str, log: impl FnOnce()) -> String {
        let (reader, writer) = std::io::pipe().unwrap();
        let sink = Sink::start(writer.into(), form).unwrap();
        tracing::subscriber::with_default(subscriber(sink, form, level, false).unwrap(), log);
        let mut line = String::new();
        BufReader::new(File::from(OwnedFd::from(reader))).read_line(&mut line).unwrap();
        line
    }

    #[test]
    fn text_has_time_level_message_and_fields() {
        let text = line(Form::Text, "info", || tracing::info!(pid = 7, "process booted"));
        let (time, rest) = text.split_once(' ').unwrap();
        assert_eq!((time.len(), &time[23..]), (24, "Z"));
        assert_eq!(rest.trim(), "INFO process booted pid=7");
    }

    #[test]
    fn json_is_one_object_per_line() {
        let text = line(Form::Json, "info", || tracing::warn!(pid = 7, "process died"));
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["level"], "WARN");
        assert_eq!(object["message"], "process died");
        assert_eq!(object["pid"], 7);
    }

    #[test]
    fn less_important_lines_are_left_out() {
        let text = line(Form::Text, "warn", || {
            tracing::info!("no");
            tracing::warn!("yes");
        });
        assert!(text.contains("yes") && !text.contains("no"), "{text}");
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let sink = Sink::start(writer.into(), Form::Text).unwrap();
        assert!(subscriber(sink, Form::Text, "info,=,=", false).is_err());
    }
}
