//! Does the core live, and should clients be sent to it?
//!
//! Two questions of orchestrators and balancers that are easily mixed up. Who gets a no to the
//! first restarts the core; who gets a no to the second sends clients elsewhere for a while. So a
//! core with a long queue is alive, and whether a process is idle is no answer to either: a full
//! house that moves fast is where a balancer should go on sending people.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use maitred_engine::snapshot::Standing;
use tokio::runtime::Handle;

use crate::config::show_duration;
use crate::driver::Driver;

/// How long the thread of the traffic may take to give a sign of life. Default 1 s, which is as
/// long as most orchestrators wait; nothing in that thread takes more than milliseconds.
const SIGN_OF_LIFE_MAX: Duration = Duration::from_secs(1);

/// Why no clients should be sent here for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// The core is leaving, or is about to.
    Draining,
    /// No process has ever booted.
    Booting,
    /// More requests come than can be served.
    Overloaded,
    /// The oldest request has waited for too long.
    Saturated {
        /// How long.
        oldest: Duration,
        /// Too long.
        max: Duration,
    },
}

/// Answers the two questions.
#[derive(Debug, Clone)]
pub struct Vitals {
    driver: Arc<Driver>,
    traffic: Handle,
    queue_age_max: Duration,
}

impl Vitals {
    /// Of the core that `driver` drives. `traffic` is the runtime in which it does.
    #[must_use]
    pub fn new(driver: Arc<Driver>, traffic: Handle, queue_age_max: Duration) -> Self {
        Self { driver, traffic, queue_age_max }
    }

    /// Whether the thread that carries the traffic gives a sign of life.
    pub async fn lives(&self) -> bool {
        self.gives_a_sign(SIGN_OF_LIFE_MAX).await
    }

    async fn gives_a_sign(&self, within: Duration) -> bool {
        let sign = self.traffic.spawn(async {});
        matches!(tokio::time::timeout(within, sign).await, Ok(Ok(())))
    }

    /// Whether clients should be sent here.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), NotReady> {
        ready(&self.driver.standing(), Some(self.queue_age_max))
    }
}

/// Whether clients should be sent here. Without `queue_age_max` the queue is not asked.
///
/// # Errors
/// Why not.
pub fn ready(standing: &Standing, queue_age_max: Option<Duration>) -> Result<(), NotReady> {
    let Standing { draining, booted, overloaded, oldest } = *standing;
    let too_old = queue_age_max.zip(oldest).filter(|(max, oldest)| oldest >= max);
    match too_old {
        _ if draining => Err(NotReady::Draining),
        _ if !booted => Err(NotReady::Booting),
        _ if overloaded && queue_age_max.is_some() => Err(NotReady::Overloaded),
        Some((max, oldest)) => Err(NotReady::Saturated { oldest, max }),
        None => Ok(()),
    }
}

impl NotReady {
    /// The word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Booting => "booting",
            Self::Overloaded => "overloaded",
            Self::Saturated { .. } => "saturated",
        }
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draining => write!(f, "the server is shutting down"),
            Self::Booting => write!(f, "no process of the app has ever been ready"),
            Self::Overloaded => write!(f, "more requests come than can be served"),
            Self::Saturated { oldest, max } => {
                let (oldest, max) = (oldest.as_secs_f64(), show_duration(*max));
                write!(f, "the oldest request has waited {oldest:.1}s, and {max} is too long")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::tests::driver;
    use maitred_engine::limits::PoolLimits;

    const FINE: Standing =
        Standing { draining: false, booted: true, overloaded: false, oldest: None };

    fn said(standing: Standing) -> String {
        let said = ready(&standing, Some(Duration::from_secs(10)));
        said.map_or_else(|why| format!("{}: {why}", why.word()), |()| "ready".to_owned())
    }

    #[test]
    fn readiness_is_about_the_queue_and_never_about_idle_slots() {
        assert_eq!(said(FINE), "ready");
        let waited = |ms| Standing { oldest: Some(Duration::from_millis(ms)), ..FINE };
        assert_eq!(said(waited(9_999)), "ready");
        assert_eq!(
            said(waited(12_340)),
            "saturated: the oldest request has waited 12.3s, and 10s is too long"
        );
        let overloaded = Standing { overloaded: true, ..waited(10) };
        assert_eq!(said(overloaded), "overloaded: more requests come than can be served");
    }

    #[test]
    fn the_reason_that_lasts_longest_is_the_one_that_is_told() {
        let booting = Standing { booted: false, oldest: Some(Duration::from_secs(60)), ..FINE };
        assert_eq!(said(booting), "booting: no process of the app has ever been ready");
        let draining = Standing { draining: true, ..booting };
        assert_eq!(said(draining), "draining: the server is shutting down");
    }

    #[test]
    fn who_does_not_ask_for_the_queue_is_not_told_about_it() {
        let waits = Standing { oldest: Some(Duration::from_secs(60)), overloaded: true, ..FINE };
        assert_eq!(ready(&waits, None), Ok(()));
        let booting = Standing { booted: false, ..waits };
        assert_eq!(ready(&booting, None), Err(NotReady::Booting));
    }

    #[tokio::test]
    async fn a_core_whose_traffic_stands_still_does_not_live() {
        let traffic = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (driver, _orders) = driver(PoolLimits::default());
        let max = Duration::from_secs(10);
        let vitals = Vitals::new(Arc::clone(&driver), traffic.handle().clone(), max);
        let in_vain = Duration::from_millis(10);
        assert!(!vitals.gives_a_sign(in_vain).await, "nobody drives that runtime");
        assert!(Vitals::new(driver, Handle::current(), max).lives().await);
        // A runtime must not be dropped inside of another.
        traffic.shutdown_background();
    }
}
