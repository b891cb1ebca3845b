#!/bin/sh
# Builds the fuzzers and runs each for SECONDS (default 30), from the documents in tests/http_cases and what earlier
# runs found. Exits 1 at the first failure; its input is then in build/fuzz/crashes.
# usage: tests/fuzz/run.sh [SECONDS] [FUZZER…]     FUZZER may be differential: our HTTP/1 parser beside Go's net/http
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-30}
[ $# -gt 0 ] && shift
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target fuzzers
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls ./*_fuzz.cc | sed 's|^\./||; s|\.cc$||') differential
mkdir -p build/fuzz/crashes
for fuzzer in "$@"; do
  corpus=build/fuzz/corpus/$fuzzer
  mkdir -p "$corpus"
  python3 tests/fuzz/seeds.py "$fuzzer" "$corpus"
  echo "fuzzing: $fuzzer for $seconds s"
  if [ "$fuzzer" = differential ]; then
    "$(tests/tools/go.sh)" -C tests/fuzz/differential build -o "$PWD/build/fuzz/fuzz/differential" .
    build/fuzz/fuzz/differential --seconds "$seconds" build/fuzz/fuzz/h1_readings "$corpus"
    continue
  fi
  "build/fuzz/fuzz/$fuzzer" -max_total_time="$seconds" -max_len=2048 -timeout=25 -verbosity=0 -print_final_stats=1 \
    -dict=tests/fuzz/http.dict -artifact_prefix=build/fuzz/crashes/ "$corpus"
done
echo "fuzzing: no failure"
