//! Stories about the settings of the queue, and about routes.

use http::Method;
use maitred_engine::class::Class;
use maitred_engine::limits::{OverloadLimits, Routing};

use super::*;

#[test]
fn the_queue_while_booting_is_as_long_as_the_other_unless_written() {
    let limits = Rig::new().toml("[queue]\nmax = 5\n").load(&[]).limits;
    assert_eq!((limits.queue_len_max, limits.booting_len_max), (5, 5));
    let limits = Rig::new().toml("[queue]\nmax = 5\nbooting_max = 50\n").load(&[]).limits;
    assert_eq!((limits.queue_len_max, limits.booting_len_max), (5, 50));
}

#[test]
fn routing_and_the_policy_for_overload_are_words() {
    let rig = Rig::new().toml("routing = 'per-process'\n[queue]\noverload = 'newest-first'\n");
    let limits = rig.load(&[]).limits;
    assert_eq!(limits.routing, Routing::PerProcess);
    assert_eq!(limits.overload, Some(OverloadLimits::default()));
    assert_eq!(
        Rig::new().toml("routing = 'local'\n").error(&[]),
        "maitred.toml:1: routing = \"local\" is not one of global, per-process"
    );
    let rig = Rig::new().toml("[queue]\noverload = 'newest-first'\noverload_target = '30s'\n");
    assert_eq!(
        rig.error(&[]),
        "maitred.toml:3: queue.overload_target = \"30s\" is not less than `queue.wait_max`"
    );
}

#[test]
fn a_route_says_what_holds_for_some_requests_only() {
    let rig = Rig::new().toml(
        "request_buffering = 'off'\npriority_header = 'X-Priority'\n\
         [[routes]]\npath = '/pay'\nmethods = ['POST', 'PUT']\npriority = 'high'\n\
         [[routes]]\npath = '/upload'\nrequest_buffering = 'auto'\n",
    );
    let http = rig.load(&[]).http;
    let of = |method: Method, path: &str| {
        let settings = http.routes.of(&method, path);
        (settings.class, settings.buffered)
    };
    assert_eq!(of(Method::GET, "/"), (Class::Normal, false));
    assert_eq!(of(Method::PUT, "/pay/now"), (Class::High, false));
    assert_eq!(of(Method::GET, "/pay/now"), (Class::Normal, false));
    assert_eq!(of(Method::GET, "/upload"), (Class::Normal, true));
    assert_eq!(http.priority_header.as_deref(), Some("x-priority"));
}

#[test]
fn nothing_is_sent_ahead_where_a_priority_may_come_after_it() {
    let early = |text: &str| Rig::new().toml(text).load(&[]).limits.early_max > 0;
    assert!(early("[[routes]]\npath = '/a'\nrequest_buffering = 'off'\n"));
    assert!(!early("[[routes]]\npath = '/a'\npriority = 'high'\n"));
    assert!(!early("priority_header = 'x-priority'\n"));
}

#[test]
fn what_is_wrong_in_a_route_is_one_line_that_says_where() {
    let error = |text: &str| Rig::new().toml(text).error(&[]);
    assert_eq!(
        error("[[routes]]\npath = '/'\n\n[[routes]]\npath = '/a'\npriorty = 'low'\n"),
        "maitred.toml:6: unknown setting `routes.priorty`; did you mean `routes.priority`?"
    );
    assert_eq!(
        error("[[routes]]\npath = '/'\npriority = 'urgent'\n"),
        "maitred.toml:3: routes.priority = \"urgent\" is not one of high, normal, low"
    );
    assert_eq!(
        error("[[routes]]\npath = 'api'\n"),
        "maitred.toml:2: routes.path = \"api\" is not a path that begins with /"
    );
    assert_eq!(
        error("[[routes]]\npath = '/'\nmethods = ['get']\n"),
        "maitred.toml:3: routes.methods = \"get\" is not the name of a method, such as GET"
    );
    assert_eq!(
        error("[[routes]]\npath = ['/']\n"),
        "maitred.toml:2: `routes.path` is a text, not this"
    );
    assert_eq!(error("[[routes]]\npriority = 'low'\n"), "maitred.toml:1: a route needs a `path`");
    assert_eq!(
        error("[[routes]]\npath = '/a'\n[[routes]]\npath = '/a'\n"),
        "maitred.toml:3: the route \"/a\" is written twice"
    );
    let one = error("[routes]\npath = '/a'\n");
    assert_eq!(one, "maitred.toml:1: `routes` is a list of tables, `[[routes]]`, not this");
    let many: String = (0..101).map(|it| format!("[[routes]]\npath = '/{it}'\n")).collect();
    assert_eq!(error(&many), "maitred.toml:201: more than 100 routes");
}
