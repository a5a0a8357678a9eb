//! Who the client is: the peer, or what a trusted proxy says.
//!
//! `X-Forwarded-*` headers reach the app as they came. They are acted upon only when the peer is
//! trusted: everybody can send them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use parking_lot::Mutex;

use super::noted::{FORWARDED_FOR, Noted};
use crate::config::TrustedProxies;

/// Peers of which an ignored header was logged, at most. Beyond this nothing more is logged.
const WARNED_MAX: usize = 100;

/// Decides whose word counts.
#[derive(Debug)]
pub struct Forwarding {
    trusted: TrustedProxies,
    warned: Mutex<Vec<IpAddr>>,
}

/// What is known of the client behind a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its address; `None` on a Unix socket of which no proxy said anything.
    pub ip: Option<IpAddr>,
    /// 0 where unknown.
    pub port: u16,
    /// It came over TLS.
    pub https: bool,
}

impl Forwarding {
    /// Only `trusted` peers are believed.
    #[must_use]
    pub fn new(trusted: TrustedProxies) -> Arc<Self> {
        Arc::new(Self { trusted, warned: Mutex::new(Vec::new()) })
    }

    /// The client of a request with these headers.
    pub fn client(&self, peer: Option<SocketAddr>, noted: &Noted<'_>) -> Client {
        let peer_ip = peer.map(|peer| peer.ip().to_canonical());
        let port = peer.map_or(0, |peer| peer.port());
        let direct = Client { ip: peer_ip, port, https: false };
        let proto = noted.forwarded_proto;
        if proto.is_none() && noted.forwarded_for.is_none() {
            return direct;
        }
        if !self.trusts(peer_ip) {
            if proto.is_some() {
                self.warn_once(peer_ip);
            }
            return direct;
        }
        let https = proto.is_some_and(|proto| {
            let first = proto.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default();
            first.trim_ascii().eq_ignore_ascii_case(b"https")
        });
        let said = match noted.forwarded_for {
            Some((value, false)) => self.last_stranger(std::iter::once(value)),
            Some((_, true)) => {
                self.last_stranger(noted.headers.get_all(FORWARDED_FOR).iter().rev())
            }
            None => None,
        };
        match said {
            Some(ip) => Client { ip: Some(ip), port: 0, https },
            None => Client { https, ..direct },
        }
    }

    /// The rightmost address that is not a trusted proxy, of lines from the last one on: what
    /// stands further left was written by somebody unknown.
    fn last_stranger<'a>(&self, lines: impl Iterator<Item = &'a HeaderValue>) -> Option<IpAddr> {
        let lines = lines.filter_map(|value| value.to_str().ok());
        let mut addresses = lines.flat_map(|line| line.rsplit(',')).map(|text| text.trim().parse());
        let mut last = None;
        for address in &mut addresses {
            let ip: IpAddr = address.ok()?;
            let ip = ip.to_canonical();
            last = Some(ip);
            if !self.trusts(Some(ip)) {
                break;
            }
        }
        last
    }

    /// Whether what this peer says about its clients is believed.
    #[must_use]
    pub fn trusts_peer(&self, peer: Option<SocketAddr>) -> bool {
        self.trusts(peer.map(|peer| peer.ip().to_canonical()))
    }

    fn trusts(&self, ip: Option<IpAddr>) -> bool {
        match ip {
            Some(ip) => self.trusted.contains(ip),
            None => self.trusted.unix,
        }
    }

    fn warn_once(&self, peer: Option<IpAddr>) {
        let Some(peer) = peer else { return };
        let mut warned = self.warned.lock();
        if warned.len() < WARNED_MAX && !warned.contains(&peer) {
            warned.push(peer);
            tracing::warn!(
                %peer,
                "X-Forwarded-Proto is ignored: this peer is not in `trusted_proxies`"
            );
        }
    }
}

/// How long ago a proxy in front received the request, by `X-Request-Start` or `X-Queue-Start`:
/// `t=` and a Unix time in seconds, milliseconds or microseconds, told apart by magnitude.
#[must_use]
pub fn upstream_time(noted: &Noted<'_>, now_unix_us: u64) -> Option<Duration> {
    let value = noted.request_start.or(noted.queue_start)?;
    let text = value.to_str().ok()?.trim();
    let number: f64 = text.strip_prefix("t=").unwrap_or(text).parse().ok()?;
    // Seconds since 1970 have ten digits until the year 2286.
    let micros = match number {
        n if n < 1e9 => return None,
        n if n < 1e11 => n * 1e6,
        n if n < 1e14 => n * 1e3,
        n if n < 1e17 => n,
        _ => return None,
    };
    let start = micros as u64;
    Some(Duration::from_micros(now_unix_us.saturating_sub(start)))
}

#[cfg(test)]
mod tests;
