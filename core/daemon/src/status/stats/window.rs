//! What was measured during one half minute.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Quantiles;

/// Smallest value told apart, in microseconds. Default 1: a wait is often less than ten.
const LOW_US: u64 = 1;

/// Largest value told apart, in microseconds. Default one hour: longer leases do not exist. What
/// lasted longer is counted as this; the maximum is kept exactly.
const HIGH_US: u64 = 3_600_000_000;

/// Significant decimal digits. Default 2: an error of at most one in a hundred.
const DIGITS: u8 = 2;

/// What is measured as a distribution.
#[derive(Debug, Clone, Copy)]
pub(super) enum Measure {
    Wait,
    Service,
    Deferred,
    Delivery,
    Upload,
}

const MEASURES: usize = 5;

#[derive(Debug)]
pub(super) struct Window {
    /// Which half minute since the core started.
    pub(super) number: u64,
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) refused: u64,
    pub(super) freed: u64,
    pub(super) service_time: Duration,
    pub(super) deferred_time: Duration,
    distributions: [Distribution; MEASURES],
}

impl Window {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            requests: 0,
            errors: 0,
            refused: 0,
            freed: 0,
            service_time: Duration::ZERO,
            deferred_time: Duration::ZERO,
            distributions: std::array::from_fn(|_| Distribution::new()),
        }
    }

    /// Empties it and keeps its memory.
    pub(super) fn restart(&mut self, number: u64) {
        self.number = number;
        self.requests = 0;
        self.errors = 0;
        self.refused = 0;
        self.freed = 0;
        self.service_time = Duration::ZERO;
        self.deferred_time = Duration::ZERO;
        for distribution in &mut self.distributions {
            distribution.clear();
        }
    }

    pub(super) fn record(&mut self, measure: Measure, value: Duration) {
        self.distributions[measure as usize].record(value);
    }
}

/// A histogram and its exact maximum.
#[derive(Debug)]
struct Distribution {
    histogram: Histogram<u32>,
    max: Duration,
}

impl Distribution {
    fn new() -> Self {
        Self { histogram: histogram(), max: Duration::ZERO }
    }

    fn record(&mut self, value: Duration) {
        let us = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        // Zero has a cell of its own, below the smallest value told apart.
        self.histogram.saturating_record(us.min(HIGH_US));
        self.max = self.max.max(value);
    }

    fn clear(&mut self) {
        // Most windows of most pools have no upload: what is empty needs no wiping.
        if !self.histogram.is_empty() {
            self.histogram.reset();
        }
        self.max = Duration::ZERO;
    }
}

/// The quantiles of all that the windows hold of `measure`.
pub(super) fn quantiles(windows: &[&Window], measure: Measure) -> Quantiles {
    let mut all = histogram();
    let mut max = Duration::ZERO;
    for window in windows {
        let one = &window.distributions[measure as usize];
        if !one.histogram.is_empty() {
            all.add(&one.histogram).expect("both histograms have the same bounds");
            max = max.max(one.max);
        }
    }
    if all.is_empty() {
        return Quantiles::default();
    }
    let at = |quantile| Duration::from_micros(all.value_at_quantile(quantile)).min(max);
    Quantiles { count: all.len(), p50: at(0.50), p95: at(0.95), p99: at(0.99), max }
}

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(LOW_US, HIGH_US, DIGITS).expect("the bounds are constants in order")
}
