#!/bin/bash
# What `make demo` shows: a Gin app under load, reloaded ten times, one of them broken. Exit 0 when nothing was lost.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say "Building (the first time takes a few minutes)"
tests/tools/deps.sh build demo
# The two programs alone, many files at a time: a quarter of the time of `make build`.
cmake --preset release -B build/demo -DSIDESTEP_TESTS=OFF -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=10 \
  -DCMAKE_CXX_FLAGS=-Wno-subobject-linkage >/dev/null
cmake --build build/demo --target sidestep sidestep-launch
tests/load/build.sh build/bin-go
PATH=$top/build/demo/bin:$top/build/bin-go:$PATH

folder=$(mktemp -d)
sidestep_pid= load_pid=
cleanup() {
  for pid in $load_pid $sidestep_pid; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$folder"
}
trap cleanup EXIT

config=$folder/shop.yaml
write_config() { printf '%s\n' "$@" >"$config.part" && mv "$config.part" "$config"; }
write_config 'version: "1"' 'greeting: hello'
cat >"$folder/policy.yaml" <<POLICY
readiness: {httpGet: {path: /readyz}, successThreshold: 1, periodMilliseconds: 20}
drain: {webSocket: {policy: CloseWith, closeCode: 1012}}
config: [{path: $config, mode: Pinned}]
POLICY

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
control=$folder/control.sock
say "sidestep run --listen 127.0.0.1:$port --policy policy.yaml -- shop --config {config}"
sidestep run --listen "127.0.0.1:$port" --policy "$folder/policy.yaml" --control "$control" -- \
  shop --config '{config}' --orders-log "$folder/orders" >"$folder/sidestep.log" 2>&1 &
sidestep_pid=$!
for _ in $(seq 200); do
  curl -sf "http://127.0.0.1:$port/readyz" >/dev/null && break
  kill -0 "$sidestep_pid" 2>/dev/null || { cat "$folder/sidestep.log" >&2; exit 1; }
  sleep 0.05
done
curl -sf "http://127.0.0.1:$port/hello"

say "Load: 16 kept connections, 200 new ones a second, 8 WebSockets; every byte checked, nothing retried"
sidestep-load --target "127.0.0.1:$port" --shape baseline --orders-log "$folder/orders" --fail-on-loss \
  --report "$folder/report.json" 2>"$folder/summary" &
load_pid=$!
sleep 1

for n in $(seq 2 11); do
  if [ "$n" = 6 ]; then
    say "Reload $((n - 1)) of 10: a config that ends the app at its start"
    write_config 'version: "6"' 'crashAtStart: cannot reach the database'
    expected=1
  else
    say "Reload $((n - 1)) of 10: version $n"
    write_config "version: \"$n\"" 'greeting: hello'
    expected=0
  fi
  code=0
  sidestep reload --control "$control" || code=$?
  [ "$code" = "$expected" ] || { echo "demo: sidestep reload exited $code, expected $expected" >&2; tail -20 "$folder/sidestep.log" >&2; exit 1; }
  sleep 0.5
done

say "sidestep status"
sidestep status --control "$control"
say "What the clients saw during the ten reloads"
code=0
kill -INT "$load_pid"
wait "$load_pid" || code=$?
load_pid=
cat "$folder/summary"
if [ "$code" = 0 ]; then
  say "0 requests lost, 0 orders executed twice, 0 WebSockets cut without a word"
else
  echo "demo: something was lost" >&2
  exit 1
fi
