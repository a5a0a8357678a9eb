//! Leases, as the status names and counts them.

use std::collections::{BTreeMap, HashMap};

use maitred_engine::limits::LeaseKind;
use maitred_engine::snapshot::LeaseCounts;
use maitred_proto::v1;

/// The word for a lease: that of its setting.
pub(super) fn name(lease: LeaseKind) -> &'static str {
    match lease {
        LeaseKind::Boot => "boot",
        LeaseKind::FirstByte => "first_byte",
        LeaseKind::Request => "request",
        LeaseKind::Deferred => "deferred",
        LeaseKind::Hang => "hang",
        LeaseKind::Oob => "oob",
        LeaseKind::Drain => "drain",
    }
}

/// Those in which anything overstayed.
pub(super) fn counts(
    leases: &BTreeMap<LeaseKind, LeaseCounts>,
) -> HashMap<String, v1::LeaseCounts> {
    let each = |(lease, counts): (&LeaseKind, &LeaseCounts)| {
        let counts = v1::LeaseCounts {
            warned: counts.warned,
            told: counts.told,
            raised: counts.raised,
            retired: counts.retired,
            terminated: counts.terminated,
            killed: counts.killed,
        };
        (name(*lease).to_owned(), counts)
    };
    leases.iter().map(each).collect()
}
