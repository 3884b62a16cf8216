//! The daemon: the threads that wait for the world, and the order in which they start and stop.
//!
//! ```text
//! link-0 … link-n ─ requests of one read ▶ decider ─ group and outcomes ▶ committer ─ one wake a thread ▶ link-0 … link-n
//!                          ▲ entries              │ old entries wanted        │ durable
//!                          └────── fetcher ◀──────┘                           └▶ ledger database, snapshots (behind)
//! ```

pub mod admin;
mod ahead;
mod archiver;
pub mod clock;
pub mod commands;
mod committer;
pub mod data;
mod decider;
pub mod door;
mod fetch;
mod guard;
pub mod health;
mod http;
mod link;
mod listen;
pub mod logs;
mod metrics;
pub mod office;
pub mod opening;
mod people;
pub mod pipeline;
pub mod replay;
pub mod rules;
mod run;
mod snapshots;
#[cfg(test)]
mod tests;
mod turns;
mod watchdog;

pub use guard::EXIT_IO;
pub use run::{Options, ServeError, run};
