//! A TOML file as its author sees it: typed reading with places; every fault with line, column and mend.
