#!/bin/sh
# Builds the fuzzers and runs each for SECONDS (default 30), one for each core at a time, from the documents in tests/http_cases
# and what earlier runs found. Exits 1 when one fails, with its output; its input is then in build/fuzz/crashes.
# usage: tests/fuzz/run.sh [SECONDS] [FUZZER…]     FUZZER may be differential: our HTTP/1 parser beside Go's net/http
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-30}
[ $# -gt 0 ] && shift
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target fuzzers
"$(tests/tools/go.sh)" -C tests/fuzz/differential build -o "$PWD/build/fuzz/fuzz/differential" .
[ $# -gt 0 ] || set -- differential $(cd tests/fuzz && ls ./*_fuzz.cc | sed 's|^\./||; s|\.cc$||')
mkdir -p build/fuzz/crashes build/fuzz/logs
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 tests/fuzz/one.sh "$seconds"
echo "fuzzing: no failure"
