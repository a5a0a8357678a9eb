//! Figures over time that is told, not waited for.

use maitred_engine::event::{Failure, Refusal};

use super::*;

const POOL: PoolId = PoolId(1);

fn at(seconds: u64) -> Time {
    Time(0) + Duration::from_secs(seconds)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn times(wait: Duration, service: Duration) -> Times {
    Times { wait, service: Some(service), delivery: Some(ms(1)), attempts: 1 }
}

/// `left / right` is close enough for two significant digits.
fn close(left: Duration, right: Duration) -> bool {
    (left.as_secs_f64() / right.as_secs_f64() - 1.0).abs() < 0.02
}

#[test]
fn a_pool_without_traffic_has_empty_figures() {
    let mut stats = Stats::new();
    let nothing = Summary { window: Duration::from_secs(10), ..Summary::default() };
    assert_eq!(stats.summary(at(10), POOL), nothing);
    stats.pool_added(POOL);
    let summary = stats.summary(at(10), POOL);
    assert_eq!(summary, nothing);
    assert_eq!(summary.requests_per_second(), 0.0);
    assert_eq!(summary.error_share(), 0.0);
    assert_eq!(summary.deferred_share(), 0.0);
    assert_eq!(summary.deferred_time_share(), 0.0);
}

#[test]
fn quantiles_are_right_within_two_digits_and_the_maximum_exactly() {
    let mut stats = Stats::new();
    for n in 1..=1000 {
        stats.ended(at(1), POOL, &Outcome::Completed, &times(ms(n), ms(2 * n)), 200);
    }
    let Summary { wait, service, delivery, .. } = stats.summary(at(2), POOL);
    assert_eq!(wait.count, 1000);
    assert!(close(wait.p50, ms(500)), "{wait:?}");
    assert!(close(wait.p95, ms(950)), "{wait:?}");
    assert!(close(wait.p99, ms(990)), "{wait:?}");
    assert_eq!(wait.max, ms(1000));
    assert!(close(service.p50, ms(1000)), "{service:?}");
    assert_eq!(delivery.p99, ms(1), "a quantile is never above the maximum");
}

#[test]
fn a_value_of_zero_and_a_value_of_days_are_both_counted() {
    let mut stats = Stats::new();
    let days = Duration::from_secs(200_000);
    stats.ended(at(1), POOL, &Outcome::Completed, &times(Duration::ZERO, days), 200);
    let summary = stats.summary(at(2), POOL);
    assert_eq!((summary.wait.count, summary.wait.max), (1, Duration::ZERO));
    assert_eq!((summary.service.count, summary.service.max), (1, days));
}

#[test]
fn figures_forget_what_is_older_than_five_minutes() {
    let mut stats = Stats::new();
    stats.ended(at(1), POOL, &Outcome::Completed, &times(ms(1), ms(100)), 200);
    stats.ended(at(45), POOL, &Outcome::Completed, &times(ms(1), ms(200)), 200);

    let all = stats.summary(at(299), POOL);
    assert_eq!((all.requests, all.service.max), (2, ms(200)));
    assert_eq!(all.window, Duration::from_secs(299));

    let later = stats.summary(at(300), POOL);
    assert_eq!((later.requests, later.service.count), (1, 1));
    assert_eq!(later.window, Duration::from_secs(270));

    assert_eq!(stats.summary(at(600), POOL).requests, 0);
}

#[test]
fn a_window_is_used_again_after_five_minutes_and_starts_empty() {
    let mut stats = Stats::new();
    for _ in 0..5 {
        stats.ended(at(10), POOL, &Outcome::Completed, &times(ms(1), ms(900)), 500);
        stats.freed(at(10), POOL, ms(900), ms(10));
    }
    stats.ended(at(310), POOL, &Outcome::Completed, &times(ms(1), ms(5)), 200);
    let summary = stats.summary(at(311), POOL);
    assert_eq!((summary.requests, summary.errors, summary.freed), (1, 0, 0));
    assert_eq!((summary.service.count, summary.service.max), (1, ms(5)));
    assert_eq!(summary.deferred, Quantiles::default());
}

#[test]
fn a_late_report_does_not_empty_a_newer_window() {
    let mut stats = Stats::new();
    stats.ended(at(310), POOL, &Outcome::Completed, &times(ms(1), ms(5)), 200);
    stats.ended(at(9), POOL, &Outcome::Completed, &times(ms(1), ms(5)), 200);
    assert_eq!(stats.summary(at(311), POOL).requests, 2);
}

#[test]
fn errors_are_5xx_and_broken_responses_but_not_clients_that_left() {
    let mut stats = Stats::new();
    let ok = times(ms(1), ms(1));
    let refused = Times { wait: ms(25_000), ..Times::default() };
    stats.ended(at(1), POOL, &Outcome::Completed, &ok, 200);
    stats.ended(at(1), POOL, &Outcome::Completed, &ok, 404);
    stats.ended(at(1), POOL, &Outcome::Completed, &ok, 500);
    stats.ended(at(1), POOL, &Outcome::Abandoned, &ok, 500);
    stats.ended(at(1), POOL, &Outcome::Failed(Failure::ProcessDied), &ok, 200);
    stats.ended(at(1), POOL, &Outcome::Refused(Refusal::QueueFull), &refused, 503);
    let summary = stats.summary(at(2), POOL);
    assert_eq!((summary.requests, summary.errors, summary.refused), (6, 3, 1));
    assert_eq!(summary.error_share(), 0.5);
    assert_eq!(summary.requests_per_second(), 3.0);
    assert_eq!(summary.wait.count, 5, "a refused request was never dispatched");
}

#[test]
fn deferred_work_has_a_share_of_requests_and_of_slot_time() {
    let mut stats = Stats::new();
    for _ in 0..3 {
        stats.freed(at(1), POOL, ms(10), Duration::ZERO);
    }
    stats.freed(at(1), POOL, ms(10), ms(40));
    let summary = stats.summary(at(2), POOL);
    assert_eq!(summary.deferred_share(), 0.25);
    assert_eq!(summary.deferred_time_share(), 0.5);
    assert_eq!((summary.deferred.count, summary.deferred.max), (1, ms(40)));
}

#[test]
fn uploads_are_measured_apart() {
    let mut stats = Stats::new();
    stats.uploaded(at(1), POOL, ms(70));
    let summary = stats.summary(at(2), POOL);
    assert_eq!((summary.upload.count, summary.upload.max), (1, ms(70)));
    assert_eq!(summary.requests, 0);
}

#[test]
fn pools_do_not_see_each_other() {
    let mut stats = Stats::new();
    stats.ended(at(1), POOL, &Outcome::Completed, &times(ms(1), ms(1)), 200);
    assert_eq!(stats.summary(at(2), PoolId(2)).requests, 0);
    assert_eq!(stats.summary(at(2), POOL).requests, 1);
}
