//! A TOML file as its author sees it: typed reading with places; every fault with line, column and mend.
//!
//! A [`File`] is parsed once into a tree that knows where each key and value stands. [`Table`] and [`Value`] walk it;
//! what they find wrong goes to a [`FaultLog`], so that one run tells every fault of every file.

mod fault;
mod moments;
mod read;
pub mod shape;
mod tree;

pub use fault::{ENGLISH, Fault, FaultLog, Faults, PERSIAN, Place, Severity, Source, Words};
pub use read::{Entry, Table, Value, counted, nearest};
pub use shape::{Form, Key, Need, Shape};
pub use tree::{File, Inherit, Language, Plain, names_in, read_text};
