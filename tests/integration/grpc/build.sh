#!/bin/sh
# usage: tests/integration/grpc/build.sh [OUTDIR]
# Builds the gRPC app and its clients as one static program into OUTDIR (default build/bin-go).
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
out=${1:-$root/build/bin-go}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$root/tests/integration/grpc/echo"
CGO_ENABLED=0 "$("$root/tests/tools/go.sh")" build -trimpath -buildvcs=false -ldflags='-s -w' -o "$out/grpcecho" .
