//! Stories of the link, told with both ends at one table.

mod flow;
mod life;
mod order;
mod pair;
