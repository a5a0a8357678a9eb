//! Stories about the leases of slots.

use std::num::NonZeroU32;

use http::Method;
use maitred_engine::event::Deadlines;
use maitred_engine::limits::Leases;

use super::*;

fn seconds(span: Option<Duration>) -> Option<u64> {
    span.map(|span| span.as_secs())
}

#[test]
fn nothing_written_is_what_the_engine_does_by_itself() {
    assert_eq!(*Rig::new().load(&[]).limits.leases, Leases::default());
}

#[test]
fn a_limit_for_requests_is_told_before_the_process_is_replaced() {
    let rig = Rig::new().toml("[leases]\nrequest = '10s'\ngrace = '2s'\n");
    let request = rig.load(&[]).limits.leases.request;
    assert_eq!(request.warn, None, "at the end it is said anyway");
    assert_eq!(seconds(request.max), Some(10));
    assert_eq!((seconds(request.raise_after), seconds(request.retire_after)), (None, Some(2)));
    let request = rig.var("MAITRED_LEASES_RAISE", "true").load(&[]).limits.leases.request;
    assert_eq!((seconds(request.raise_after), seconds(request.retire_after)), (Some(2), Some(4)));
}

#[test]
fn deferred_work_has_an_error_raised_at_once_where_that_is_allowed() {
    let steps = |text: &str| {
        let deferred = Rig::new().toml(text).load(&[]).limits.leases.deferred;
        (seconds(deferred.raise_after), seconds(deferred.retire_after))
    };
    assert_eq!(steps(""), (None, Some(0)));
    assert_eq!(steps("[leases]\nraise = true\n"), (Some(0), Some(5)));
}

#[test]
fn a_lease_can_be_switched_off() {
    let rig = Rig::new().toml("[leases]\ndeferred = 'off'\ndeferred_warn = 'off'\nhang = 'off'\n");
    let leases = rig.load(&[]).limits.leases;
    assert_eq!((leases.deferred.max, leases.deferred.warn, leases.hang.max), (None, None, None));
}

#[test]
fn a_lease_that_no_host_could_keep_is_refused() {
    let error = |text: &str| Rig::new().toml(text).error(&[]);
    assert_eq!(
        error("[leases]\nhang = '1s'\n"),
        "maitred.toml:2: leases.hang = \"1s\" is not a duration of at least 2s, or off"
    );
    assert_eq!(
        error("[leases]\nrequest = 0\n"),
        "maitred.toml:2: leases.request = \"0\" is not a duration such as 25s, or off"
    );
}

#[test]
fn a_route_has_leases_of_its_own() {
    let rig = Rig::new().toml(
        "[leases]\nrequest_header = 'X-Timeout'\n\
         [[routes]]\npath = '/report'\nrequest_lease = '10m'\nfirst_byte_lease = 'off'\n\
         deferred_lease = '500ms'\n",
    );
    let http = rig.load(&[]).http;
    assert_eq!(http.lease_header.as_deref(), Some("x-timeout"));
    let of = |path: &str| http.routes.of(&Method::GET, path).deadlines;
    assert_eq!(of("/"), Deadlines::NONE);
    let own = Deadlines {
        first_byte: Some(Deadlines::OFF),
        request: NonZeroU32::new(600_000),
        deferred: NonZeroU32::new(500),
    };
    assert_eq!(of("/report"), own);
    let wrong = Rig::new().toml("[[routes]]\npath = '/'\nrequest_lease = 'soon'\n");
    assert_eq!(
        wrong.error(&[]),
        "maitred.toml:3: routes.request_lease = \"soon\" is not a duration such as 25s, or off"
    );
}
