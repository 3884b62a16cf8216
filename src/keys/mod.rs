//! Key files, card tokens, check values.
