//! One test binary: every test that looks at the project from outside.

mod layers;
mod sources;
mod tidy;
