#!/usr/bin/env bash
# Fuzz targets, each for so many seconds: bash tests/fuzz/run.sh [SECONDS [TARGET...]]
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
[ $# -gt 0 ] || set -- framing messages tlv specs
# Out of the folder of tests, where every Rust file is looked at.
target=${CARGO_TARGET_DIR:-$PWD/../../target}/fuzz
cargo +nightly run --quiet --bin seeds --target-dir "$target/plain"
for name in "$@"; do
    cargo +nightly fuzz run --fuzz-dir . --target-dir "$target" "$name" -- \
        -max_total_time="$seconds" -max_len=4096 -print_final_stats=1
done
