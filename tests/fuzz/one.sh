#!/bin/sh
# Runs one fuzzer that run.sh has built. Its output is in build/fuzz/logs, and on the screen when it failed.
# usage: tests/fuzz/one.sh SECONDS FUZZER
set -eu
cd "$(dirname "$0")/../.."
seconds=$1 fuzzer=$2
corpus=build/fuzz/corpus/$fuzzer log=build/fuzz/logs/$fuzzer
mkdir -p "$corpus"
python3 tests/fuzz/seeds.py "$fuzzer" "$corpus"
echo "fuzzing: $fuzzer for $seconds s"
if [ "$fuzzer" = differential ]; then
  set -- build/fuzz/fuzz/differential --seconds "$seconds" build/fuzz/fuzz/h1_readings "$corpus"
else
  set -- "build/fuzz/fuzz/$fuzzer" -max_total_time="$seconds" -max_len=2048 -timeout=25 -verbosity=0 -print_final_stats=1 \
    -dict=tests/fuzz/http.dict -artifact_prefix=build/fuzz/crashes/ "$corpus"
fi
"$@" >"$log" 2>&1 || { echo "fuzzing: $fuzzer FAILED"; cat "$log"; exit 1; }
