//! What holds for some requests and not for others, by method and path.
//!
//! A report may wait behind a payment, and an upload that is a conversation wants to reach the app
//! at once. Everything that is settled per route is in one small struct, found once per request
//! when its head was read.

use maitred_engine::class::Class;

/// What is settled for a request by its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteSettings {
    /// Which requests go before it.
    pub class: Class,
    /// It waits for its body before it is dispatched.
    pub buffered: bool,
}

impl Default for RouteSettings {
    fn default() -> Self {
        Self { class: Class::Normal, buffered: true }
    }
}
