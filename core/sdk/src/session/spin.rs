//! Whether to look again for a moment before sleeping.
//!
//! Under load the next request is on its way when a slot becomes idle: the core needs some
//! microseconds to send it. To sleep for so short a time costs more than to look again, on both
//! sides: the core has to wake a sleeping processor. Where requests come seldom, or the core has
//! to share our processor, looking is wasted. So it is done only while it mostly succeeds, and
//! tried now and then to see whether it would.

use std::thread::available_parallelism;
use std::time::Duration;

/// How long to look. Default 20 us: the core's turn takes 10 to 15, and it is about what a sleep
/// and a wake-up cost both sides together, so that a wrong guess costs what a right one saves.
pub(crate) const LOOK_MAX: Duration = Duration::from_micros(20);

/// Hints to the processor between two looks: about a third of a microsecond.
pub(crate) const HINTS: u32 = 10;

/// While looking does not pay, one wait in so many looks all the same. Default 32: less than a
/// microsecond per wait.
const TRY_EVERY: u32 = 32;

/// The share of successes is kept in units of one part in so many, as an average that forgets
/// with each wait one eighth.
const ONE: u32 = 1024;

/// Remembers how well looking went.
#[derive(Debug)]
pub(crate) struct Spin {
    /// The share of looks that found something; `None`: this machine has one processor for us.
    success: Option<u32>,
    waits: u32,
}

impl Default for Spin {
    fn default() -> Self {
        let alone = available_parallelism().map_or(1, usize::from) < 2;
        Self { success: (!alone).then_some(ONE / 2), waits: 0 }
    }
}

impl Spin {
    /// Whether to look before this wait.
    pub(crate) fn is_worthwhile(&mut self) -> bool {
        let Some(success) = self.success else { return false };
        self.waits = self.waits.wrapping_add(1);
        success > ONE / 2 || self.waits.is_multiple_of(TRY_EVERY)
    }

    /// Learns how a look ended.
    pub(crate) fn looked(&mut self, found: bool) {
        if let Some(success) = &mut self.success {
            *success = *success - *success / 8 + if found { ONE / 8 } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_processors() -> Spin {
        Spin { success: Some(ONE / 2), waits: 0 }
    }

    /// Of `waits` waits, in how many it looks, if each look ends as told.
    fn looks(spin: &mut Spin, waits: u32, found: bool) -> u32 {
        let mut looks = 0;
        for _ in 0..waits {
            if spin.is_worthwhile() {
                looks += 1;
                spin.looked(found);
            }
        }
        looks
    }

    #[test]
    fn looking_that_pays_is_found_out_and_kept() {
        let mut spin = with_processors();
        looks(&mut spin, 4 * TRY_EVERY, true);
        assert_eq!(looks(&mut spin, 100, true), 100);
    }

    #[test]
    fn looking_that_does_not_pay_is_nearly_given_up() {
        let mut spin = with_processors();
        looks(&mut spin, 4 * TRY_EVERY, true);
        looks(&mut spin, 20, false);
        assert_eq!(looks(&mut spin, 10 * TRY_EVERY, false), 10);
    }

    #[test]
    fn a_miss_now_and_then_does_not_end_it() {
        let mut spin = with_processors();
        looks(&mut spin, 10 * TRY_EVERY, true);
        for _ in 0..100 {
            assert_eq!(looks(&mut spin, 1, false), 1);
            assert_eq!(looks(&mut spin, 3, true), 3);
        }
    }

    #[test]
    fn with_one_processor_it_never_looks() {
        let mut spin = Spin { success: None, waits: 0 };
        assert_eq!(looks(&mut spin, 1000, true), 0);
    }
}
