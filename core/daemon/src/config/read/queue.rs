//! Settings of the queue: how many may wait, for how long, where, and in which order.

use std::time::Duration;

use maitred_engine::limits::{OverloadLimits, PoolLimits, Routing};

use super::super::raw::Value;
use super::super::routes;
use super::{ConfigError, Reader};
use crate::routes::{RouteSettings, Routes};

/// Longest queue. A million waiting requests are a gigabyte and an hour of work.
const QUEUE_MAX: u32 = 1_000_000;

impl Reader<'_> {
    /// The part of the limits that is about waiting.
    pub(super) fn queue(&mut self) -> Result<PoolLimits, ConfigError> {
        let queue_len_max = self.number("queue.max", 0..=QUEUE_MAX)?;
        let booting_len_max = match self.raw.find("queue.booting_max") {
            Some(_) => self.number("queue.booting_max", 0..=QUEUE_MAX)?,
            None => {
                self.note("queue.booting_max", &queue_len_max.to_string());
                queue_len_max
            }
        };
        let queue_wait_max = self.duration("queue.wait_max")?;
        Ok(PoolLimits {
            queue_len_max,
            booting_len_max,
            queue_wait_max,
            booting_wait_max: self.duration("queue.booting_wait_max")?,
            routing: match self.choice("routing")?.as_str() {
                "per-process" => Routing::PerProcess,
                _ => Routing::Global,
            },
            overload: self.overload(queue_wait_max)?,
            ..PoolLimits::default()
        })
    }

    fn overload(&mut self, wait_max: Duration) -> Result<Option<OverloadLimits>, ConfigError> {
        let limits = OverloadLimits {
            target: self.duration("queue.overload_target")?,
            interval: self.duration("queue.overload_interval")?,
        };
        let wanted = self.choice("queue.overload")? != "off";
        if wanted && limits.target >= wait_max {
            let text = super::show_duration(limits.target);
            return Err(self.wrong("queue.overload_target", &text, "less than `queue.wait_max`"));
        }
        Ok(wanted.then_some(limits))
    }

    /// Routes, above what holds for all requests.
    pub(super) fn routes(&mut self, default: RouteSettings) -> Result<Routes, ConfigError> {
        let written = match self.raw.find("routes").map(|written| &written.value) {
            Some(Value::Routes(routes)) => routes.as_slice(),
            _ => &[],
        };
        let routes = routes::understand(written, default)?;
        let count = written.len();
        let shown = if count == 0 { "none".to_owned() } else { format!("{count} written") };
        self.note("routes", &shown);
        Ok(routes)
    }

    /// The name of a header in lower case, where one is written.
    pub(super) fn header(&mut self, key: &str) -> Result<Option<String>, ConfigError> {
        let Some(name) = self.text(key).filter(|name| !name.is_empty()) else { return Ok(None) };
        let parsed = http::HeaderName::try_from(&name);
        let parsed = parsed.map_err(|_| self.wrong(key, &name, "the name of a header"))?;
        Ok(Some(parsed.to_string()))
    }
}
