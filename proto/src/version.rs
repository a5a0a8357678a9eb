//! Which version of the protocol a link speaks.
//!
//! Each side names a range. A core serves the SDKs of its own and of the two previous minor
//! releases; when the ranges do not meet, the refusal says which side to upgrade.

use crate::message::Hello;

/// Protocol versions that one side speaks, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// The lowest.
    pub min: u32,
    /// The highest.
    pub max: u32,
}

/// What this release speaks.
pub const SPOKEN: VersionRange = VersionRange { min: 1, max: 1 };

/// The ranges of core and process do not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the core speaks versions {} to {} of the link protocol, the process {} to {}: upgrade {}",
    core.min, core.max, process.min, process.max, self.older()
)]
pub struct VersionMismatch {
    /// What the core speaks.
    pub core: VersionRange,
    /// What the process speaks.
    pub process: VersionRange,
}

impl VersionMismatch {
    /// Who has to move, in words for the person who reads the log.
    #[must_use]
    pub const fn older(&self) -> &'static str {
        if self.process.min > self.process.max || self.process.max < self.core.min {
            "the SDK in the app"
        } else {
            "the core (maitred)"
        }
    }
}

/// The version that a link speaks: the highest one in both ranges.
///
/// # Errors
///
/// [`VersionMismatch`] when there is none.
pub fn negotiate(core: VersionRange, process: VersionRange) -> Result<u32, VersionMismatch> {
    let version = core.max.min(process.max);
    if version < core.min.max(process.min) || version == 0 {
        return Err(VersionMismatch { core, process });
    }
    Ok(version)
}

impl Hello {
    /// The range that the process named.
    #[must_use]
    pub const fn versions(&self) -> VersionRange {
        VersionRange { min: self.version_min, max: self.version_max }
    }
}

#[cfg(test)]
mod tests;
