//! What holds for every traffic on a link, tried with random ones.

mod memory;
mod messages;
mod split;
mod talk;
mod traffic;
mod turns;
