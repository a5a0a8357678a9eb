//! What a person sees, as it is.

use std::time::Duration;

use maitred_engine::event::{ExitStatus, OobOutcome};
use maitred_engine::limits::{LeaseKind, Routing};
use maitred_engine::snapshot::{LeaseCounts, OobPicture, PhasePicture};
use maitred_engine::time::Time;

use super::*;
use crate::status::picture::ExitFacts;
use crate::status::samples::{NOW, Sample, exit_of, oob_end};
use crate::supervise::OobEnd;

/// The text, once more within its columns.
fn text(sample: &Sample) -> String {
    let text = render(&sample.reply());
    for line in text.lines() {
        assert!(lines::columns(line) <= COLUMNS, "{line:?} is too long");
        assert_eq!(line.trim_end(), line, "spaces at the end");
    }
    assert!(text.is_ascii());
    text
}

#[test]
fn a_serving_pool() {
    insta::assert_snapshot!(text(&Sample::serving()), @r#"
    maitred 0.1.0 (pid 4102)   up 3d 04h   0.0.0.0:8000   142 clients, 9 sending

    shop   wsgi, production   rev 4f2c91a   generation 7 since 3h 12m          READY
      queue      0 waiting (max 1000, 25s)    peak 31, oldest 0.4s, 2h ago
      slots      9 = 3 running + 2 deferred + 2 idle + 2 withdrawn
      traffic    104 req/s    0.02% 5xx    0 refused                last 5 min
                       p50     p95     p99
      wait          0.3 ms  0.6 ms  0.6 ms    arrival to dispatch
      service       219 ms  399 ms  416 ms    dispatch to response complete
      deferred       56 ms   56 ms   56 ms    11% of requests, 2.7% of slot time

        PID STATE    SLOTS REQUESTS LAST     UP  CPU   RSS    RUN  DEF  OOB IDLE
       4121 serving  RRD     345612   0s  3h12m  61%  212M    58%   9%   1%  32%
       4127 serving  R..     345612   0s  3h12m  61%  212M    58%   9%   1%  32%
       4133 draining D--     345612   0s  3h12m  61%  212M    58%   9%   1%  32%
       4098 ended 4m6s ago: killed, out of memory; replaced in 3.1s
       R running  D deferred: response sent, slot not free  . idle  - withdrawn

      arrived 24204551 = done 24204310 + failed 12 + refused 187 + left 38
                         + running 4 + queued 0
      failed: app_error 9  process_died 3
      refused: queue_full 187
    More: maitred oob | maitred status --watch | maitred status --json
    "#);
}

/// The lines of the queue.
fn queue_lines(sample: &Sample) -> String {
    let text = text(sample);
    let lines = text.lines().skip_while(|line| !line.starts_with("  queue"));
    lines.take_while(|line| !line.starts_with("  slots")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_queue_in_which_not_all_are_equal() {
    let mut sample = Sample::serving();
    sample.waiting(6).pool().queue.by_class = [1, 2, 3];
    insta::assert_snapshot!(queue_lines(&sample), @r"
    queue      6 waiting, oldest 1.2s (max 1000, 25s)    high 1, normal 2, low 3
               peak 31, oldest 0.4s, 2h ago
    waiting for: a slot
    ");
    let pool = sample.pool();
    pool.queue.routing = Routing::PerProcess;
    pool.queue.overloaded_since = Some(Time(NOW.0 - 12_000_000_000));
    (pool.processes[0].queued, pool.processes[1].queued) = (4, 2);
    insta::assert_snapshot!(queue_lines(&sample), @r"
    queue      6 waiting, oldest 1.2s (max 1000, 25s)    high 1, normal 2, low 3
               OVERLOADED for 12s: newest first    a line per process, longest 4
               peak 31, oldest 0.4s, 2h ago
    waiting for: a slot
    ");
}

#[test]
fn a_booting_pool() {
    let mut sample = Sample::empty();
    sample.process(4201, PhasePicture::Booting, "").process(4202, PhasePicture::Booting, "");
    sample.waiting(2).pool().totals.queued = 2;
    sample.pool().totals.arrived = 2;
    insta::assert_snapshot!(text(&sample), @r#"
    maitred 0.1.0 (pid 4102)   up 3d 04h   0.0.0.0:8000   142 clients, 9 sending

    shop   wsgi, production   generation 1 since 3d 04h                      BOOTING
      runs       /srv/shop/.venv/bin/python 3.11.2
      queue      2 waiting, oldest 1.2s (max 1000, 25s)
      waiting for: a boot (2 of 2, 3.1s)
      slots      0 = 0 running + 0 deferred + 0 idle
      traffic    0 req/s    0% 5xx    0 refused                     last 5 min
                       p50     p95     p99
      wait               -       -       -    arrival to dispatch
      service            -       -       -    dispatch to response complete
      deferred           -       -       -    0% of requests, 0% of slot time

        PID STATE    SLOTS REQUESTS LAST     UP  CPU   RSS    RUN  DEF  OOB IDLE
       4201 booting               0    -     3s  61%  212M      -    -    -    -
       4202 booting               0    -     3s  61%  212M      -    -    -    -
       R running  D deferred: response sent, slot not free  . idle  - withdrawn

      arrived 2 = done 0 + failed 0 + refused 0 + left 0 + running 0 + queued 2
    More: maitred oob | maitred status --watch | maitred status --json
    "#);
}

#[test]
fn a_pool_whose_app_does_not_import_shows_the_traceback() {
    let traceback = [
        "Traceback (most recent call last):",
        "  File \"/srv/shop/app.py\", line 3, in <module>",
        "    import flask",
        "ModuleNotFoundError: No module named 'flask'",
    ];
    let mut sample = Sample::empty();
    for (number, pid) in [(1, 4201), (2, 4202)] {
        sample.exit(ExitFacts {
            pid,
            status: Some(ExitStatus::Code(1)),
            last_lines: traceback.map(str::to_owned).to_vec(),
            ..exit_of(number)
        });
    }
    let pool = sample.waiting(1).pool();
    pool.boot_failures = 2;
    pool.next_boot_at = Some(NOW + Duration::from_millis(1500));
    insta::assert_snapshot!(text(&sample), @r#"
    maitred 0.1.0 (pid 4102)   up 3d 04h   0.0.0.0:8000   142 clients, 9 sending

    shop   wsgi, production   generation 1 since 3d 04h                      FAILING
      runs       /srv/shop/.venv/bin/python 3.11.2
      queue      1 waiting, oldest 1.2s (max 1000, 25s)
      waiting for: the next boot in 1.5s (2 failed)
      slots      0 = 0 running + 0 deferred + 0 idle
      traffic    0 req/s    0% 5xx    0 refused                     last 5 min
                       p50     p95     p99
      wait               -       -       -    arrival to dispatch
      service            -       -       -    dispatch to response complete
      deferred           -       -       -    0% of requests, 0% of slot time

       4202 ended 4m6s ago: exited with code 1; never ready
            | Traceback (most recent call last):
            |   File "/srv/shop/app.py", line 3, in <module>
            |     import flask
            | ModuleNotFoundError: No module named 'flask'
       4201 ended 4m6s ago: exited with code 1; never ready

      arrived 0 = done 0 + failed 0 + refused 0 + left 0 + running 0 + queued 0
    More: maitred oob | maitred status --watch | maitred status --json
    "#);
}

#[test]
fn requests_that_wait_are_explained() {
    let mut sample = Sample::empty();
    sample.process(4121, PhasePicture::Serving, "RRD").waiting(7);
    sample.facts.buffers.memory_bytes = 13 << 20;
    insta::assert_snapshot!(text(&sample), @r#"
    maitred 0.1.0 (pid 4102)   up 3d 04h   0.0.0.0:8000   142 clients, 9 sending
      bodies held: 13M of 64M in memory, 0 of 4.0G on disk

    shop   wsgi, production   generation 1 since 3d 04h                        READY
      queue      7 waiting, oldest 1.2s (max 1000, 25s)
      waiting for: a slot
      slots      3 = 2 running + 1 deferred + 0 idle
      traffic    0 req/s    0% 5xx    0 refused                     last 5 min
                       p50     p95     p99
      wait               -       -       -    arrival to dispatch
      service            -       -       -    dispatch to response complete
      deferred           -       -       -    0% of requests, 0% of slot time

        PID STATE    SLOTS REQUESTS LAST     UP  CPU   RSS    RUN  DEF  OOB IDLE
       4121 serving  RRD     345612   0s  3h12m  61%  212M    58%   9%   1%  32%
       R running  D deferred: response sent, slot not free  . idle  - withdrawn

      arrived 0 = done 0 + failed 0 + refused 0 + left 0 + running 0 + queued 0
    More: maitred oob | maitred status --watch | maitred status --json
    "#);
}

#[test]
fn a_draining_pool() {
    let mut sample = Sample::empty();
    sample.process(4121, PhasePicture::Draining, "R-").process(4127, PhasePicture::Leaving, "--");
    sample.snapshot.draining = true;
    sample.pool().totals.reconciled = 1;
    sample.pool().totals.retried = 4;
    insta::assert_snapshot!(text(&sample), @r#"
    maitred 0.1.0 (pid 4102)   up 3d 04h   0.0.0.0:8000   142 clients, 9 sending

    shop   wsgi, production   generation 1 since 3d 04h                     DRAINING
      runs       /srv/shop/.venv/bin/python 3.11.2
      queue      0 waiting (max 1000, 25s)
      slots      4 = 1 running + 0 deferred + 0 idle + 3 withdrawn
      traffic    0 req/s    0% 5xx    0 refused                     last 5 min
                       p50     p95     p99
      wait               -       -       -    arrival to dispatch
      service            -       -       -    dispatch to response complete
      deferred           -       -       -    0% of requests, 0% of slot time

        PID STATE    SLOTS REQUESTS LAST     UP  CPU   RSS    RUN  DEF  OOB IDLE
       4121 draining R-      345612   0s  3h12m  61%  212M    58%   9%   1%  32%
       4127 leaving  --      345612   0s  3h12m  61%  212M    58%   9%   1%  32%
       R running  D deferred: response sent, slot not free  . idle  - withdrawn

      arrived 0 = done 0 + failed 0 + refused 0 + left 0 + running 0 + queued 0
      retried in another process: 4
      slots freed by reconciliation: 1
    More: maitred oob | maitred status --watch | maitred status --json
    "#);
}

#[test]
fn a_core_without_a_pool_says_so() {
    let mut sample = Sample::empty();
    sample.snapshot.pools.clear();
    insta::assert_snapshot!(text(&sample), @r#"
    maitred 0.1.0 (pid 4102)   up 3d 04h   0.0.0.0:8000   142 clients, 9 sending

    no app is served yet
    More: maitred oob | maitred status --watch | maitred status --json
    "#);
}

#[test]
fn many_slots_are_counted_instead_of_drawn() {
    let mut sample = Sample::empty();
    let slots = format!("{}{}{}", "R".repeat(12), "D".repeat(3), ".".repeat(49));
    sample.process(4121, PhasePicture::Serving, &slots);
    assert!(text(&sample).contains("12R3D49."));
}

#[test]
fn many_listeners_wrap() {
    let mut sample = Sample::empty();
    sample.facts.listen = (8000..8008).map(|port| format!("0.0.0.0:{port}")).collect();
    let text = text(&sample);
    assert!(text.contains("0.0.0.0:8007"));
    assert!(text.lines().next().unwrap().starts_with("maitred 0.1.0 (pid 4102)   up 3d 04h"));
}

#[test]
fn what_an_app_wrote_cannot_move_the_cursor() {
    let mut sample = Sample::empty();
    sample.exit(ExitFacts {
        status: Some(ExitStatus::Code(1)),
        last_lines: vec!["\x1b[2J\x07 gone\r\u{9b}1m".to_owned(), "\tFehler: \u{e4}".to_owned()],
        ..exit_of(1)
    });
    sample.facts.pools.values_mut().next().unwrap().name = "sh\nop".to_owned();
    let text = render(&sample.reply());
    assert!(text.chars().all(|char| char == '\n' || !char.is_control()), "{text:?}");
    assert!(text.contains("|     Fehler: \u{e4}"), "{text}");
    assert!(text.contains("sh\\nop"), "{text}");
}

#[test]
fn quantities_are_said_as_people_say_them() {
    const SECOND: u64 = 1_000_000;
    let spans = [0, 12, 62, 11_520, 273_600].map(|seconds| units::span(seconds * SECOND));
    assert_eq!(spans, ["0s", "12s", "1m 02s", "3h 12m", "3d 04h"]);
    let ages = [0, 246, 3600, 11_520, 273_600].map(|seconds| units::age(seconds * SECOND));
    assert_eq!(ages, ["0s", "4m6s", "1h", "3h12m", "3d4h"]);
    assert_eq!([400_000, 25 * SECOND, 3_100_000].map(units::seconds), ["0.4s", "25s", "3.1s"]);
    let latencies = [0, 85, 200, 9_940, 12_000, 410_000, 1_200_000, 25 * SECOND];
    assert_eq!(
        latencies.map(units::latency),
        ["0 us", "85 us", "0.2 ms", "9.9 ms", "12 ms", "410 ms", "1.2 s", "25 s"]
    );
    assert_eq!(
        [42 * SECOND, 270 * SECOND, 299 * SECOND].map(units::window),
        ["42 s", "5 min", "5 min"]
    );
    assert_eq!([0.0, 0.4, 9.96, 120.4].map(units::rate), ["0", "0.4", "10", "120"]);
    let shares = [0.0, 0.000_01, 0.000_2, 0.034, 0.11, 1.0].map(units::percent);
    assert_eq!(shares, ["0%", "<0.01%", "0.02%", "3.4%", "11%", "100%"]);
    let sizes = [0, 1023, 1024, 212 << 20, 1_181_116_006, 1023 << 20, 4 << 40];
    assert_eq!(sizes.map(units::bytes), ["0", "1023", "1.0K", "212M", "1.1G", "1.0G", "4.0T"]);
}

#[test]
fn out_of_band_work_has_a_line_of_the_status() {
    let text = text(Sample::serving().out_of_band());
    let shown: Vec<&str> =
        text.lines().filter(|line| line.contains("oob") || line.contains("slots ")).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
      slots      12 = 3 running + 2 deferred + 2 idle + 2 withdrawn + 3 out of band
      oob        1 of 1 out: pid 4141 gc 0.2s    1 waiting: pid 4121, one at a time
       4141 oob gc   ---     345612   0s  3h12m  61%  212M    58%   9%   1%  32%
    More: maitred oob | maitred status --watch | maitred status --json
    ");
    let mut quiet = Sample::serving();
    quiet.out_of_band().pool().oob.asks.clear();
    assert!(self::text(&quiet).contains("  oob        0 of 1 out    done 41  failed 1\n"));
}

#[test]
fn the_page_about_out_of_band_work() {
    let mut late = oob_end(4133, OobOutcome::Overstayed, Some(Duration::from_secs(60)));
    late.record.overdue = true;
    late.record.coalesced = 2;
    let mut long = oob_end(4121, OobOutcome::Withdrawn, None);
    long.record.what.kind = "a-kind-with-a-long-name".to_owned();
    let ends = [oob_end(4127, OobOutcome::Done, Some(Duration::from_millis(180))), late, long];
    let mut sample = Sample::serving();
    insta::assert_snapshot!(page(sample.out_of_band(), &ends), @r"
    shop   1 of 1 out   most at once 1   1 must serve   done 41  failed 1
       4141 gc       out for 0.2s, asked 0.7s ago by app, 1000 requests
       4121 gc       waits: one at a time, asked 0.7s ago by app, 1000 requests

        PID KIND     BY       OUTCOME     AGO  WAITED    TOOK  REASON
       4127 gc       app      done        59s   35 ms  180 ms  1000 requests
       4133 gc       app      overstayed   0s   35 ms    60 s  overdue; 3 asks; 10..
       4121 a-kind.. app      withdrawn   59s   35 ms       -  1000 requests
    ");
    let pool = sample.pool();
    pool.oob = OobPicture { concurrent: 1, min_ready: 1, small_pool: true, ..pool.oob.clone() };
    pool.oob.asks.clear();
    pool.totals.oob.clear();
    insta::assert_snapshot!(page(&sample, &[]), @r"
    shop   0 of 1 out   most at once 1   1 must serve
      too few processes to spare one: done on an empty queue only

    nothing was done out of band yet; to begin: maitred oob run --all
    ");
    let many: Vec<_> = (0..30).map(|_| oob_end(4127, OobOutcome::Done, None)).collect();
    assert!(page(&sample, &many).contains("and 10 before these: maitred oob --json"));
}

fn page(sample: &Sample, ends: &[OobEnd]) -> String {
    let text = oob::history(&sample.oob_history(ends));
    for line in text.lines() {
        assert!(lines::columns(line) <= COLUMNS, "{line:?} is too long");
        assert_eq!(line.trim_end(), line, "spaces at the end");
    }
    text
}

#[test]
fn what_overstayed_is_counted_by_lease_and_step() {
    let mut sample = Sample::serving();
    let totals = &mut sample.pool().totals;
    let deferred = LeaseCounts { warned: 3, told: 1, retired: 1, ..LeaseCounts::default() };
    let drain = LeaseCounts { terminated: 1, killed: 1, ..LeaseCounts::default() };
    totals.leases.extend([(LeaseKind::Drain, drain), (LeaseKind::Deferred, deferred)]);
    totals.deferred_lost = 2;
    sample.process(4140, PhasePicture::Retiring, "D..");
    let text = text(&sample);
    let counts =
        "  overstayed: deferred 3 warned, 1 told, 1 retired  drain 1 terminated, 1 killed\n";
    assert!(text.contains(counts), "{text}");
    assert!(text.contains("  deferred work lost with its process: 2\n"), "{text}");
    assert!(text.contains("4140 retiring D.."), "{text}");
}
