//! Promises of version negotiation.

use super::{SPOKEN, VersionRange, negotiate};

const fn range(min: u32, max: u32) -> VersionRange {
    VersionRange { min, max }
}

#[test]
fn the_highest_common_version_is_spoken() {
    assert_eq!(negotiate(range(1, 3), range(2, 5)), Ok(3));
    assert_eq!(negotiate(range(1, 3), range(1, 2)), Ok(2));
    assert_eq!(negotiate(SPOKEN, SPOKEN), Ok(SPOKEN.max));
}

#[test]
fn a_refusal_says_which_side_to_upgrade() {
    let old_sdk = negotiate(range(3, 5), range(1, 2)).unwrap_err();
    assert_eq!(
        old_sdk.to_string(),
        "the core speaks versions 3 to 5 of the link protocol, the process 1 to 2: \
         upgrade the SDK in the app"
    );
    let old_core = negotiate(range(1, 2), range(3, 4)).unwrap_err();
    assert!(old_core.to_string().ends_with("upgrade the core (maitred)"));
}

#[test]
fn a_range_that_is_empty_or_missing_meets_nothing() {
    assert!(negotiate(range(1, 3), range(0, 0)).is_err());
    assert!(negotiate(range(1, 3), range(3, 2)).is_err());
    assert!(negotiate(range(0, 3), range(0, 0)).is_err());
}
