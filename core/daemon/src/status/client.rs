//! `maitred status`, `dump` and `oob`: ask a running core and print or keep what it says.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use maitred_proto::v1::status_client::StatusClient;
use maitred_proto::v1::{GetRequest, StatusReply, WatchRequest};
use tonic::transport::{Channel, Endpoint};

use super::{json, text};

mod dump;
pub mod oob;

pub use dump::dump;

/// Patience with a core that was reached. Default 5 s: it answers within milliseconds, and a
/// person should not have to guess whether it will.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Interval of `--watch`. Default 1 s: what a person can follow.
const WATCH_INTERVAL_MS: u32 = 1000;

/// Largest reply taken. Default 64 MiB: thousands of processes with their last lines.
const REPLY_MAX: usize = 64 << 20;

/// There is a socket, or there was one, but nobody behind it.
const NOT_RUNNING: u8 = 3;

/// From anywhere on the screen to its top left corner.
const HOME: &str = "\x1b[H";
/// Clears the rest of the line.
const CLEAR_LINE: &str = "\x1b[K";
/// Clears the rest of the screen.
const CLEAR_BELOW: &str = "\x1b[J";

/// Asks the core behind `socket` for its status and prints it: once or, with `watch`, until it
/// leaves.
///
/// # Errors
/// When the core does not answer, or answers what cannot be understood.
pub async fn run(socket: &Path, json: bool, watch: bool) -> anyhow::Result<ExitCode> {
    let form = match (json, watch) {
        (true, true) => Form::JsonLines,
        (true, false) => Form::Json,
        (false, true) if io::stdout().is_terminal() => Form::Screen,
        (false, _) => Form::Text,
    };
    let Some(channel) = connect(socket).await? else { return Ok(nobody(socket)) };
    let mut printer = Printer { form, out: io::stdout(), first: true };
    let shown = if watch { printer.follow(channel).await } else { printer.once(channel).await };
    match shown {
        // `maitred status | head` has read enough.
        Err(error) if is_closed_pipe(&error) => Ok(ExitCode::SUCCESS),
        shown => shown.map(|()| ExitCode::SUCCESS),
    }
}

/// How pictures go to standard output.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// Block after block.
    Text,
    /// Each drawn over the one before.
    Screen,
    /// One document, laid out for reading.
    Json,
    /// One line per picture: what reads a stream of JSON wants.
    JsonLines,
}

/// `None`: nobody listens there.
async fn connect(socket: &Path) -> anyhow::Result<Option<Channel>> {
    // The channel would only say "transport error": the reason is found out first.
    if let Err(error) = tokio::net::UnixStream::connect(socket).await {
        use io::ErrorKind::{ConnectionRefused, NotFound};
        if matches!(error.kind(), ConnectionRefused | NotFound) {
            return Ok(None);
        }
        return Err(error).with_context(|| format!("cannot reach {}", socket.display()));
    }
    let path = socket.to_str().context("the path of the admin socket is not UTF-8")?;
    let endpoint = Endpoint::from_shared(format!("unix:{path}"))?;
    let channel = in_time(endpoint.connect()).await?.context("the core does not answer")?;
    Ok(Some(channel))
}

fn client(channel: Channel) -> StatusClient<Channel> {
    StatusClient::new(channel).max_decoding_message_size(REPLY_MAX)
}

fn nobody(socket: &Path) -> ExitCode {
    eprintln!("maitred: no core answers on {}", socket.display());
    ExitCode::from(NOT_RUNNING)
}

async fn in_time<T>(answer: impl Future<Output = T>) -> anyhow::Result<T> {
    match tokio::time::timeout(ANSWER_MAX, answer).await {
        Ok(answer) => Ok(answer),
        Err(_elapsed) => bail!("the core did not answer within {} s", ANSWER_MAX.as_secs()),
    }
}

/// Prints pictures.
struct Printer<W> {
    form: Form,
    out: W,
    /// Nothing was printed yet.
    first: bool,
}

impl<W: Write> Printer<W> {
    async fn once(&mut self, channel: Channel) -> anyhow::Result<()> {
        let mut client = client(channel);
        let reply = in_time(client.get(GetRequest {})).await?.map_err(|status| plain(&status))?;
        Ok(self.show(&reply.into_inner())?)
    }

    async fn follow(&mut self, channel: Channel) -> anyhow::Result<()> {
        let mut client = client(channel);
        let request = WatchRequest { interval_ms: WATCH_INTERVAL_MS };
        let answer = in_time(client.watch(request)).await?.map_err(|status| plain(&status))?;
        let mut pictures = answer.into_inner();
        while let Some(picture) = pictures.message().await.map_err(|status| plain(&status))? {
            self.show(&picture)?;
        }
        eprintln!("maitred: the core has left");
        Ok(())
    }

    fn show(&mut self, picture: &StatusReply) -> io::Result<()> {
        let frame = frame(picture, self.form, self.first);
        self.first = false;
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }
}

/// What a person can read of a gRPC status, which prints itself as a struct.
fn plain(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("lost the core: {} ({:?})", status.message(), status.code())
}

/// One picture as it goes to standard output.
fn frame(picture: &StatusReply, form: Form, first: bool) -> String {
    match form {
        Form::Text if first => text::render(picture),
        Form::Text => format!("\n{}", text::render(picture)),
        Form::Screen => screen(&text::render(picture), first),
        Form::Json => format!("{:#}\n", json::reply(picture)),
        Form::JsonLines => format!("{}\n", json::reply(picture)),
    }
}

/// Draws over what is there instead of clearing first: nothing flickers.
fn screen(text: &str, first: bool) -> String {
    let clear = if first { CLEAR_BELOW } else { "" };
    let lines: String = text.lines().map(|line| format!("{line}{CLEAR_LINE}\n")).collect();
    format!("{HOME}{clear}{lines}{CLEAR_BELOW}")
}

/// Prints a page that is complete.
fn print(page: &str) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout();
    match out.write_all(page.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests;
