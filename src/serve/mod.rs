//! The daemon: the threads that wait for the world, and the order in which they start and stop.

pub mod clock;
pub mod logs;
pub mod rules;
