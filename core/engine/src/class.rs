//! Priority classes: which requests go before others, whatever their age.
//!
//! A payment should not wait behind a report that nobody looks at before tomorrow. Classes are
//! few, so that people can say what each is for, and strict, so that nobody has to guess what a
//! weight does under load: while a request of a higher class waits, no lower one is dispatched.
//! What bounds the starvation of the lower ones is the limit of a wait, which holds for all.

use serde::{Deserialize, Serialize};

/// The class of a request, the most urgent one first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum Class {
    /// Somebody waits for it and others can wait longer: logins, payments, health of a partner.
    High,
    /// Everything of which nothing else is said.
    #[default]
    Normal,
    /// Reports, crawlers, imports.
    Low,
}

impl Class {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// All of them, the most urgent one first.
    pub const ALL: [Self; Self::COUNT] = [Self::High, Self::Normal, Self::Low];

    /// What operators call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// The class that operators call so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}
