# Plain cargo lines; nothing here that cargo alone cannot do.

serve:
    cargo run --release -- serve

test:
    cargo test

lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

demo:
    cargo run --release -- demo

bench:
    cargo bench

ci:
    bash .ci/run
