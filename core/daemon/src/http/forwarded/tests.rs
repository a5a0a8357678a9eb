//! Only trusted proxies are believed.

use http::HeaderMap;

use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, HeaderValue::from_static(value));
    }
    map
}

fn noted(headers: &HeaderMap) -> Noted<'_> {
    Noted::of(headers, &http::HeaderName::from_static("x-request-id"))
}

fn client(peer: &str, pairs: &[(&'static str, &'static str)]) -> Client {
    let trusted = TrustedProxies::parse(&["127.0.0.0/8".into(), "10.0.0.0/8".into()]).unwrap();
    let peer: SocketAddr = peer.parse().unwrap();
    Forwarding::new(trusted).client(Some(peer), &noted(&headers(pairs)))
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn a_stranger_is_who_it_is_whatever_it_says() {
    let got = client(
        "192.0.2.1:99",
        &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https")],
    );
    assert_eq!(got, Client { ip: ip("192.0.2.1"), port: 99, https: false });
}

#[test]
fn a_trusted_proxy_says_who_the_client_is() {
    let got = client(
        "127.0.0.1:99",
        &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https")],
    );
    assert_eq!(got, Client { ip: ip("198.51.100.1"), port: 0, https: true });
}

#[test]
fn what_stands_left_of_the_first_stranger_is_not_believed() {
    let got = client(
        "127.0.0.1:99",
        &[("x-forwarded-for", "1.1.1.1, 198.51.100.1"), ("x-forwarded-for", "10.0.0.3")],
    );
    assert_eq!(got.ip, ip("198.51.100.1"));
}

#[test]
fn rubbish_in_the_list_is_no_address() {
    let got = client("127.0.0.1:99", &[("x-forwarded-for", "unknown")]);
    assert_eq!(got, Client { ip: ip("127.0.0.1"), port: 99, https: false });
}

#[test]
fn upstream_time_is_read_in_seconds_milliseconds_and_microseconds() {
    let now = 1_700_000_000_250_000;
    for text in ["t=1700000000.000", "1700000000000", "t=1700000000000000"] {
        let map = headers(&[("x-request-start", text)]);
        assert_eq!(upstream_time(&noted(&map), now), Some(Duration::from_millis(250)), "{text}");
    }
    let map = headers(&[("x-queue-start", "t=1700000000.000")]);
    assert_eq!(upstream_time(&noted(&map), now), Some(Duration::from_millis(250)));
    for text in ["", "t=", "yesterday", "12", "NaN"] {
        let map = headers(&[("x-request-start", text)]);
        assert_eq!(upstream_time(&noted(&map), now), None, "{text}");
    }
}

#[test]
fn a_clock_that_is_ahead_does_not_make_time_run_backwards() {
    let map = headers(&[("x-request-start", "t=1700000001.000")]);
    assert_eq!(upstream_time(&noted(&map), 1_700_000_000_000_000), Some(Duration::ZERO));
}
