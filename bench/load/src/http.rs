//! One client connection: the requests that it writes, the answers that it reads.
//!
//! Written by hand and small, since the client shares the machine with the server: what it spends,
//! the server cannot use. It understands answers with a length, with chunks, and without a body.

use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Target;

/// Bytes asked of the kernel per read: a hello answer fits many times over.
const READ_BYTES: usize = 16 * 1024;

/// Header lines of every request besides `Host`: what a browser behind a proxy sends.
const HEADERS: &str = "\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Referer: https://shop.example.com/categories/garden?sort=price\r\n\
    Cookie: session=b7f1c2a94e0d4f8f9a6d3c5e7b1a2f40; theme=dark; consent=1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    X-Forwarded-For: 203.0.113.77\r\n\
    X-Forwarded-Proto: https\r\n\r\n";

/// A keep-alive connection that opens itself again when the server closed it.
pub(crate) struct Connection {
    address: SocketAddr,
    /// The path around the number that varies, or the whole path where nothing does.
    path: (String, Option<String>),
    /// Every request has a connection of its own.
    fresh: bool,
    stream: Option<TcpStream>,
    written: Vec<u8>,
    read: Vec<u8>,
    /// How often the connection was opened again because the server closed it.
    pub(crate) reopened: u64,
}

/// What the head of an answer says.
struct Head {
    len: usize,
    status: u16,
    body: Body,
    close: bool,
}

enum Body {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Connection {
    pub(crate) fn new(target: &Target) -> Self {
        let path = match target.path.split_once("{}") {
            Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
            None => (target.path.clone(), None),
        };
        Self { path, ..Self::to(target.server.address, false) }
    }

    /// A connection for requests that each name their path.
    pub(crate) fn to(address: SocketAddr, fresh: bool) -> Self {
        Self {
            address,
            path: (String::new(), None),
            fresh,
            stream: None,
            written: Vec::with_capacity(1024),
            read: Vec::with_capacity(READ_BYTES),
            reopened: 0,
        }
    }

    /// Sends request number `number` and reads its whole answer. Any status but 200 is an error.
    pub(crate) async fn request(&mut self, number: u64) -> anyhow::Result<()> {
        self.written.clear();
        let (before, after) = &self.path;
        match after {
            Some(after) => write!(self.written, "GET {before}{number}{after}"),
            None => write!(self.written, "GET {before}"),
        }
        .expect("writing to memory cannot fail");
        self.exchange().await
    }

    /// The same for a path of its own.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<()> {
        self.written.clear();
        write!(self.written, "GET {path}").expect("writing to memory cannot fail");
        self.exchange().await
    }

    async fn exchange(&mut self) -> anyhow::Result<()> {
        let close = if self.fresh { "Connection: close\r\n" } else { "" };
        write!(self.written, " HTTP/1.1\r\nHost: {}\r\n{close}{HEADERS}", self.address)
            .expect("writing to memory cannot fail");
        let head = match self.stream.take() {
            Some(stream) => match self.send(stream).await {
                // The server may close an idle connection at any time: no answer at all to a
                // request on one that was used before means that, and asks for a new one.
                Err(_) if self.read.is_empty() => {
                    self.reopened += 1;
                    let stream = open(self.address).await?;
                    self.send(stream).await?
                }
                result => result?,
            },
            None => {
                let stream = open(self.address).await?;
                self.send(stream).await?
            }
        };
        if head.status != 200 {
            bail!("the answer has status {}", head.status);
        }
        Ok(())
    }

    /// Sends the request, reads the answer, and keeps the connection where both sides do.
    async fn send(&mut self, mut stream: TcpStream) -> anyhow::Result<Head> {
        self.read.clear();
        stream.write_all(&self.written).await.context("failed to write a request")?;
        let head = self.answer(&mut stream).await?;
        if self.fresh {
            return Ok(head);
        }
        if head.close {
            self.reopened += 1;
        } else {
            self.stream = Some(stream);
        }
        Ok(head)
    }

    async fn answer(&mut self, stream: &mut TcpStream) -> anyhow::Result<Head> {
        let head = loop {
            if let Some(head) = parse_head(&self.read)? {
                break head;
            }
            self.more(stream).await?;
        };
        match head.body {
            Body::Length(length) => {
                while self.read.len() < head.len + length {
                    self.more(stream).await?;
                }
            }
            Body::Chunked => {
                while !chunks_complete(&self.read[head.len..])? {
                    self.more(stream).await?;
                }
            }
            Body::UntilClose => while self.more_or_end(stream).await? > 0 {},
        }
        Ok(head)
    }

    async fn more(&mut self, stream: &mut TcpStream) -> anyhow::Result<()> {
        if self.more_or_end(stream).await? == 0 {
            bail!("the server closed the connection within an answer");
        }
        Ok(())
    }

    async fn more_or_end(&mut self, stream: &mut TcpStream) -> anyhow::Result<usize> {
        self.read.reserve(READ_BYTES);
        stream.read_buf(&mut self.read).await.context("failed to read an answer")
    }
}

async fn open(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("failed to connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The head at the start of `bytes`, or `None` while it is not complete.
fn parse_head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("the head is not text")?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .with_context(|| format!("not a status line: {first}"))?;
    let mut body = if status == 204 || status == 304 { Body::Length(0) } else { Body::UntilClose };
    let mut close = first.starts_with("HTTP/1.0");
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            body = Body::Length(value.parse().context("not a content-length")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            body = Body::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            close = value.eq_ignore_ascii_case("close");
        }
    }
    let close = close || matches!(body, Body::UntilClose);
    Ok(Some(Head { len: end + 4, status, body, close }))
}

/// Whether `bytes` hold a chunked body up to its last chunk. Trailers are not expected.
fn chunks_complete(mut bytes: &[u8]) -> anyhow::Result<bool> {
    loop {
        let Some(end) = find(bytes, b"\r\n") else {
            return Ok(false);
        };
        let size = std::str::from_utf8(&bytes[..end])
            .ok()
            .and_then(|text| usize::from_str_radix(text, 16).ok())
            .context("not the size of a chunk")?;
        let whole = end + 2 + size + 2;
        if bytes.len() < whole {
            return Ok(false);
        }
        if size == 0 {
            return Ok(true);
        }
        bytes = &bytes[whole..];
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests;
