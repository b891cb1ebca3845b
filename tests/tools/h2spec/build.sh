#!/bin/sh
# usage: tests/tools/h2spec/build.sh [OUTDIR]
# Builds h2spec, the conformance suite of HTTP/2, into OUTDIR (default build/bin-go).
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
out=${1:-$root/build/bin-go}
mkdir -p "$out"
out=$(cd "$out" && pwd)
go=$("$root/tests/tools/go.sh")
cd "$root/tests/tools/h2spec"
CGO_ENABLED=0 "$go" build -trimpath -buildvcs=false -o "$out/h2spec" github.com/summerwind/h2spec/cmd/h2spec
