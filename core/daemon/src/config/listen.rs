//! Where clients connect.

use std::fmt;
use std::path::PathBuf;

/// One place to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A host (an address or a name) and a port.
    Tcp {
        /// Without brackets.
        host: String,
        /// 0: any free one.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// The host that listens where only a port is written: as for a flag of a port alone, nobody
/// outside of this machine.
pub(super) const LOOPBACK: &str = "127.0.0.1";
/// All addresses.
pub(super) const ANY: &str = "0.0.0.0";
/// The port where only a host is written.
pub(super) const PORT: u16 = 8000;

/// What may be written, for error messages.
pub(super) const A_LISTEN: &str = "host:port, :port, a port, [::1]:port or unix:/path";

impl Listen {
    /// Reads `host:port`, `:port`, `port`, `host`, `[v6]:port`, `unix:path` and a path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return (!path.is_empty()).then(|| Self::Unix(path.into()));
        }
        if text.starts_with('/') {
            return Some(Self::Unix(text.into()));
        }
        let text =
            text.strip_prefix("tcp://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        if let Ok(port) = text.parse() {
            return Some(Self::Tcp { host: LOOPBACK.to_owned(), port });
        }
        if text.matches(':').count() > 1 && !text.starts_with('[') {
            // A bare IPv6 address: which colon would begin the port?
            text.parse::<std::net::Ipv6Addr>().ok()?;
            return Some(Self::Tcp { host: text.to_owned(), port: PORT });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (text, PORT),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match (bare, host) {
            (Some(bare), _) => bare.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
            (None, "" | "*") if !text.is_empty() => ANY.to_owned(),
            (None, host) if is_name(host) => host.to_owned(),
            _ => return None,
        };
        Some(Self::Tcp { host, port })
    }
}

fn is_name(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty() && host.chars().all(fits)
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Listen::parse(text).map(|listen| listen.to_string())
    }

    #[test]
    fn all_common_forms_are_read() {
        let forms = [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            (":9000", "0.0.0.0:9000"),
            ("*:9000", "0.0.0.0:9000"),
            ("9000", "127.0.0.1:9000"),
            ("localhost:80", "localhost:80"),
            ("localhost", "localhost:8000"),
            ("[::1]:80", "[::1]:80"),
            ("[::]", "[::]:8000"),
            ("::1", "[::1]:8000"),
            ("tcp://0.0.0.0:3000", "0.0.0.0:3000"),
            ("unix:/run/shop.sock", "unix:/run/shop.sock"),
            ("unix:///run/shop.sock", "unix:/run/shop.sock"),
            ("/run/shop.sock", "unix:/run/shop.sock"),
        ];
        for (text, meant) in forms {
            assert_eq!(read(text).as_deref(), Some(meant), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "host:port", "host:99999", "a b:80", "[::1:80", "unix:", "1:2:3"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
