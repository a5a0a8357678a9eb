//! What the core itself wants to know of a request's headers, noted in one pass over them.
//!
//! Each name that is looked up by itself costs a hash of it and a probe, in every request. There
//! are half a dozen of them, and a pass is needed anyway: to know how long the head is.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// The list of clients and proxies.
pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REQUEST_START: &str = "x-request-start";
const QUEUE_START: &str = "x-queue-start";

/// Bytes that a header takes on the link at most, beside its name and its value.
pub(super) const HEADER_OVERHEAD: usize = 8;

/// Of a header that comes more than once, the first one.
#[derive(Debug)]
pub struct Noted<'a> {
    /// All of them.
    pub headers: &'a HeaderMap,
    /// How many say the host.
    pub hosts: usize,
    /// The id that somebody in front gave the request.
    pub request_id: Option<&'a HeaderValue>,
    /// `X-Forwarded-Proto`.
    pub forwarded_proto: Option<&'a HeaderValue>,
    /// `X-Forwarded-For`, of which the last one counts most; and whether there are several.
    pub forwarded_for: Option<(&'a HeaderValue, bool)>,
    /// `X-Request-Start`.
    pub request_start: Option<&'a HeaderValue>,
    /// `X-Queue-Start`.
    pub queue_start: Option<&'a HeaderValue>,
    /// There is a `Transfer-Encoding`.
    pub is_chunked: bool,
    /// Bytes that they take on the link, at most.
    pub len: usize,
}

impl<'a> Noted<'a> {
    /// `request_id`: the name of the header with a request's id.
    #[must_use]
    pub fn of(headers: &'a HeaderMap, request_id: &HeaderName) -> Self {
        let mut noted = Self {
            headers,
            hosts: 0,
            request_id: None,
            forwarded_proto: None,
            forwarded_for: None,
            request_start: None,
            queue_start: None,
            is_chunked: false,
            len: 0,
        };
        for (name, value) in headers {
            let text = name.as_str();
            noted.len += text.len() + value.len() + HEADER_OVERHEAD;
            noted.hosts += usize::from(*name == header::HOST);
            noted.is_chunked |= *name == header::TRANSFER_ENCODING;
            if text == request_id.as_str() {
                noted.request_id.get_or_insert(value);
            }
            if !text.starts_with('x') {
                continue;
            }
            let place = match text {
                FORWARDED_PROTO => &mut noted.forwarded_proto,
                REQUEST_START => &mut noted.request_start,
                QUEUE_START => &mut noted.queue_start,
                _ if text == FORWARDED_FOR.as_str() => {
                    noted.forwarded_for = Some((value, noted.forwarded_for.is_some()));
                    continue;
                }
                _ => continue,
            };
            place.get_or_insert(value);
        }
        noted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_the_first_of_several_counts() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "a"),
            ("x-trace", "1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-proto", "http"),
            ("x-queue-start", "t=2"),
            ("host", "b"),
            ("transfer-encoding", "chunked"),
            ("x-forwarded-for", "::1"),
            ("x-forwarded-for", "::2"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let trace = HeaderName::from_static("x-trace");
        let noted = Noted::of(&headers, &trace);
        assert_eq!(noted.hosts, 2);
        assert_eq!(noted.request_id.unwrap(), "1");
        assert_eq!(noted.forwarded_proto.unwrap(), "https");
        assert_eq!(noted.queue_start.unwrap(), "t=2");
        assert_eq!(noted.forwarded_for.unwrap(), (&HeaderValue::from_static("::2"), true));
        assert!(noted.request_start.is_none() && noted.is_chunked);
        let text: usize = headers.iter().map(|(name, it)| name.as_str().len() + it.len()).sum();
        assert_eq!(noted.len, text + 9 * HEADER_OVERHEAD);
    }

    #[test]
    fn of_nothing_nothing_is_noted() {
        let headers = HeaderMap::new();
        let noted = Noted::of(&headers, &header::HOST);
        assert!(noted.request_id.is_none() && noted.forwarded_proto.is_none());
        assert!(noted.request_start.is_none() && noted.queue_start.is_none());
        assert!(noted.forwarded_for.is_none() && !noted.is_chunked);
        assert_eq!((noted.hosts, noted.len), (0, 0));
    }
}
