#![doc = include_str!("ARCHITECTURE.md")]

pub mod engine;
pub mod exchange;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod message;
pub mod rulefile;
pub mod rules;
pub mod settle;
pub mod source;
pub mod spec;
pub mod store;
pub mod terms;
pub mod wire;
pub mod words;
