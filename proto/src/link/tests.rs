//! Stories of the link, told with both ends at one table.

mod deferred;
mod early;
mod flow;
mod interrupt;
mod life;
mod oob;
mod order;
mod pair;
