#!/bin/sh
# usage: tests/load/build.sh [OUTDIR]
# Builds the example app and the load generator as static programs into OUTDIR (default build/bin-go).
# Go's own build cache makes a second run a matter of a second.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-$root/build/bin-go}
mkdir -p "$out"
out=$(cd "$out" && pwd)
go=$("$root/tests/tools/go.sh")
export CGO_ENABLED=0
(cd "$root/examples/shop" && "$go" build -trimpath -buildvcs=false -ldflags='-s -w' -o "$out/shop" .)
(cd "$root/tests/load" && "$go" build -trimpath -buildvcs=false -ldflags='-s -w' -o "$out/sidestep-load" .)
