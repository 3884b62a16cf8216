#!/usr/bin/env bash
# Independent packages against the switch: clearing files, random messages, and a client against it running.
# run.sh [CLUBSWITCH]; MESSAGES random messages of each dialect (2000), SEED to have the same again.
# Skips where there is no python3 with pip; fails where there is one and anything is wrong.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

if ! command -v python3 >/dev/null || ! python3 -m pip --version >/dev/null 2>&1; then
    echo "interop: skipped, no python3 with pip here"
    exit 0
fi
if [ $# -gt 0 ]; then
    switch=$1
elif [ -x "$target/release/clubswitch" ]; then
    switch=$target/release/clubswitch
else
    switch=$target/debug/clubswitch
fi
if [ ! -x "$switch" ]; then
    echo "interop: $switch wanted, not found; build it first: cargo build --release" >&2
    exit 1
fi
switch=$(cd "$(dirname "$switch")" && pwd)/$(basename "$switch")

dir=$(mktemp -d)
daemon=
clean() {
    [ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true
    rm -rf "$dir"
}
trap clean EXIT
fail() {
    echo "interop: $1" >&2
    sed 's/^/    /' "$dir/log" >&2 || true
    exit 1
}

PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --target "$dir/python" -r "$here/requirements.txt"

export PYTHONPATH="$dir/python" PYTHONDONTWRITEBYTECODE=1
mkdir "$dir/ipm"
: >"$dir/log"   # it is read before the switch has written to it
python3 "$here/ipm.py" "$switch" "$dir/ipm" || fail "clearing files are not read as they were written"
# MESSAGES=100000 and a release build for the full count.
(cd "$dir" && python3 "$here/agree.py" "$switch" iso87-ascii iso87-bcd) || fail "pyiso8583 does not agree"

cp "$here/conf.toml" "$dir/clubswitch.toml"
cp -r "$root/conf/rules" "$dir/rules"
sed -i 's|^data = .*|&\nrules = "rules"|' "$dir/clubswitch.toml"
# exec: the process that is stopped below is the switch itself.
(cd "$dir" && exec "$switch" serve --config clubswitch.toml 2>log) &
daemon=$!

link= http= ready=
for _ in $(seq 300); do
    kill -0 "$daemon" 2>/dev/null || fail "the switch does not start"
    link=$(sed -n 's/.* link interop on \([0-9.:]*\).*/\1/p' "$dir/log")
    http=$(sed -n 's|.* http://\([0-9.:]*\).*|\1|p' "$dir/log")
    if [ -n "$link" ] && [ -n "$http" ] && python3 - "http://$http/readyz" <<'PY' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=2)
PY
    then
        ready=yes
        break
    fi
    sleep 0.1
done
[ -n "$ready" ] || fail "the switch is not ready after 30 s"

python3 "$here/client.py" "$link" || fail "the client is not content"

kill -TERM "$daemon"
status=0
wait "$daemon" || status=$?
daemon=
[ "$status" -eq 0 ] || fail "exit status 0 wanted after SIGTERM, $status found"
echo "PASS  the switch ends with 0 on SIGTERM"
