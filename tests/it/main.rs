//! One test binary: every test that looks at the project from outside.

#![allow(clippy::unwrap_used)]

mod calls;
mod caps;
mod cli;
mod confs;
mod conversations;
mod crash;
mod daemon;
mod damage;
mod days;
mod decisions;
mod doctor;
mod explain;
mod faults;
mod fields;
mod frames;
mod framings;
mod frugal;
mod keeping;
mod keys;
mod kill;
mod layers;
mod ledger;
mod links;
mod naive;
mod past;
mod powercut;
mod random;
mod reload;
mod replay;
mod rulefiles;
mod secrets;
mod shapes;
mod shim;
mod sim;
mod slips;
mod sources;
mod specs;
mod storm;
mod switch;
mod tidy;
mod vectors;
mod vocabulary;
mod whole;
mod worked_example;
