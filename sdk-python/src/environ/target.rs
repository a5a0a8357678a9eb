//! A request's target, taken apart (RFC 9112, section 3.2).

use std::borrow::Cow;

/// The parts of a target that an `environ` wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// Decoded.
    pub(crate) path: Cow<'a, [u8]>,
    /// As received, without the question mark.
    pub(crate) query: &'a [u8],
    /// Of an absolute target: what it names as the host.
    pub(crate) authority: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// Takes any bytes: what makes no sense ends up in the path.
    pub(crate) fn parse(target: &'a [u8]) -> Self {
        let (authority, rest) = match target {
            [b'/', ..] | b"*" => (None, target),
            _ => split_absolute(target),
        };
        let (path, query) = match rest.iter().position(|&byte| byte == b'?') {
            Some(mark) => (&rest[..mark], &rest[mark + 1..]),
            None => (rest, &[][..]),
        };
        let path = if path.is_empty() { b"/" } else { path };
        Self { path: decode(path), query, authority }
    }
}

/// `http://host/path`; anything else has no authority.
fn split_absolute(target: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(colon) = target.windows(3).position(|part| part == b"://") else {
        return (None, target);
    };
    let rest = &target[colon + 3..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    (Some(&rest[..end]), &rest[end..])
}

/// Resolves percent-encoding; what is none stays as it is.
fn decode(path: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = path.iter().position(|&byte| byte == b'%') else {
        return Cow::Borrowed(path);
    };
    let mut decoded = path[..first].to_vec();
    let mut rest = &path[first..];
    while let [byte, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        decoded.push(escaped.map_or(*byte, |(high, low)| high << 4 | low));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    Cow::Owned(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

/// The name and the port of a Host header; either may be empty.
pub(crate) fn split_host(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        // The colons of a bare IPv6 address are none in front of a port.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port),
        _ => (host, ""),
    }
}
