//! The rules, what is counted of them, and what a broken one looks like.

use std::fmt;

macro_rules! counted {
    ($(#[$doc:meta])* $name:ident { $($variant:ident => $text:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each variant has its text beside it")]
        pub enum $name { $($variant,)* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What it means, for people.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}
pub(crate) use counted;

counted! {
    /// A rule of the engine, as ARCHITECTURE.md lists them, or one of the simulator's own.
    Rule {
        R1 => "a request goes only to an idle slot",
        R2 => "no request waits while a slot that may take it is idle",
        R3 => "first come, first served",
        R4 => "exactly one outcome",
        R5 => "bounded in length and in time",
        R6 => "who left never reaches the app, or the app is told",
        R7 => "every wait has a lease",
        R8 => "out-of-band work is granted, not taken",
        R9 => "spawn failure is not request failure",
        R10 => "one table",
        R11 => "same inputs, same outputs",
        R12 => "a process may always die",
        R13 => "only what may run twice runs again, alone",
        Protocol => "the core keeps the protocol",
        Liveness => "without faults everything comes to its end",
    }
}

impl Rule {
    /// The rule that a text begins with.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let name = text.split(' ').next()?;
        Self::ALL.iter().copied().find(|rule| format!("{rule:?}") == name)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.text())
    }
}

/// A rule was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub rule: Rule,
    /// How.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {} is broken: {}", self.rule, self.text)
    }
}

impl std::error::Error for Violation {}

/// What every check answers.
pub type Checked = Result<(), Violation>;

/// Ends the check unless the condition holds.
macro_rules! must {
    ($rule:ident, $condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::rule::Violation {
                rule: $crate::rule::Rule::$rule,
                text: format!($($text)+),
            });
        }
    };
}
pub(crate) use must;
