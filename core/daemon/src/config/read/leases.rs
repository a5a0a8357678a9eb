//! The leases of slots, as the engine takes them.

use std::time::Duration;

use maitred_engine::limits::{Lease, Leases};

use super::super::value::{self, A_LIMIT};
use super::{ConfigError, Reader, show_duration};

/// Shortest lease of a silent host: a host tells that it lives once a second, and a busy machine
/// may have it wait for as long.
const HANG_MIN: Duration = Duration::from_secs(2);

impl Reader<'_> {
    pub(super) fn leases(&mut self) -> Result<Leases, ConfigError> {
        let default = Leases::default();
        let raises = self.switch("leases.raise")?;
        let grace = self.duration("leases.grace")?;
        let of_request = Lease {
            raise_after: raises.then_some(grace),
            retire_after: Some(if raises { grace * 2 } else { grace }),
            ..default.request
        };
        let of_deferred = Lease {
            // It has nothing to be told by.
            raise_after: raises.then_some(Duration::ZERO),
            retire_after: Some(if raises { grace } else { Duration::ZERO }),
            ..default.deferred
        };
        let hang = self.limit("leases.hang")?;
        if let Some(short) = hang.filter(|hang| *hang < HANG_MIN) {
            let text = show_duration(short);
            return Err(self.wrong("leases.hang", &text, "a duration of at least 2s, or off"));
        }
        let first_byte = Lease { warn_dumps: default.first_byte.warn_dumps, ..of_request };
        Ok(Leases {
            first_byte: self.lease("leases.first_byte", first_byte)?,
            request: self.lease("leases.request", of_request)?,
            deferred: self.lease("leases.deferred", of_deferred)?,
            hang: Lease { max: hang, ..default.hang },
            dump_pause: default.dump_pause,
        })
    }

    /// A lease with its two limits.
    fn lease(&mut self, key: &'static str, steps: Lease) -> Result<Lease, ConfigError> {
        let max = self.limit(key)?;
        let warn = self.limit(&format!("{key}_warn"))?;
        // Said at the end anyway.
        let warn = warn.filter(|warn| max.is_none_or(|max| *warn < max));
        Ok(Lease { warn, max, ..steps })
    }

    /// A span of time, or none.
    fn limit(&mut self, key: &str) -> Result<Option<Duration>, ConfigError> {
        self.parse(key, A_LIMIT, value::limit, |limit| {
            limit.map_or_else(|| "off".to_owned(), show_duration)
        })
    }
}
