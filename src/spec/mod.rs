//! What a dialect says about every field, as flat tables, loaded from specs/*.toml.
