//! Whose `X-Forwarded-*` headers are believed.

use std::fmt;
use std::net::IpAddr;

/// Peers that are trusted to say who their client is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies {
    /// Peers on Unix sockets.
    pub unix: bool,
    networks: Vec<Network>,
}

/// What may be written, for error messages.
pub(super) const A_PROXY: &str = "an address, a network such as 10.0.0.0/8, `unix` or `*`";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl TrustedProxies {
    /// Reads a list of addresses, networks, `unix` and `*`; the error is the one that is neither.
    ///
    /// # Errors
    /// The text that is not understood.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let mut all = Self::default();
        for text in texts {
            match text.as_str() {
                "unix" => all.unix = true,
                "*" => {
                    all.unix = true;
                    let any: [IpAddr; 2] = [[0; 4].into(), [0; 16].into()];
                    all.networks.extend(any.map(|address| Network { address, bits: 0 }));
                }
                text => all.networks.push(Network::parse(text).ok_or(text)?),
            }
        }
        Ok(all)
    }

    /// A peer with this address is trusted.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.iter().any(|network| network.contains(ip))
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let width = width(address);
        let bits = bits.unwrap_or(width);
        (bits <= width).then_some(Self { address, bits })
    }

    fn contains(&self, ip: IpAddr) -> bool {
        let shift = width(self.address) - self.bits;
        let differs = number(self.address) ^ number(ip);
        width(ip) == width(self.address) && differs.checked_shr(shift).unwrap_or(0) == 0
    }
}

fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(|network| match network {
            Network { address, bits } if *bits == width(*address) => address.to_string(),
            Network { address, bits } => format!("{address}/{bits}"),
        });
        let unix = self.unix.then(|| "unix".to_owned());
        f.write_str(&networks.chain(unix).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusts(list: &str, ip: &str) -> bool {
        let texts = super::super::value::list(list);
        TrustedProxies::parse(&texts).unwrap().contains(ip.parse().unwrap())
    }

    #[test]
    fn an_address_is_itself_only() {
        assert!(trusts("10.1.2.3", "10.1.2.3"));
        assert!(!trusts("10.1.2.3", "10.1.2.4"));
    }

    #[test]
    fn a_network_is_all_in_it() {
        assert!(trusts("10.0.0.0/8", "10.255.0.1"));
        assert!(!trusts("10.0.0.0/8", "11.0.0.1"));
        assert!(trusts("fd00::/8", "fd12::1"));
        assert!(!trusts("fd00::/8", "fe80::1"));
        assert!(trusts("0.0.0.0/0", "1.2.3.4"));
        assert!(!trusts("0.0.0.0/0", "::1"));
    }

    #[test]
    fn an_address_inside_of_the_other_family_is_the_same_peer() {
        assert!(trusts("127.0.0.0/8", "::ffff:127.0.0.1"));
    }

    #[test]
    fn a_star_is_everybody() {
        assert!(trusts("*", "1.2.3.4") && trusts("*", "2001:db8::1"));
        assert!(TrustedProxies::parse(&["*".into()]).unwrap().unix);
    }

    #[test]
    fn nonsense_is_named() {
        for wrong in ["10.0.0.0/33", "proxy", "10.0.0", "/8"] {
            assert_eq!(TrustedProxies::parse(&[wrong.into()]), Err(wrong.to_owned()));
        }
    }
}
