#!/bin/sh
# Prints the path of the Lua that Argo CD runs its scripts with (gopher-lua), built once from its Go module into the
# cache folder (SIDESTEP_CACHE, default ~/.cache/sidestep).
set -eu
version=v1.1.1
lua=${SIDESTEP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sidestep}/gopher-lua-$version/glua
if [ ! -x "$lua" ]; then
  go=$("$(dirname "$0")/go.sh")
  GOBIN=$(dirname "$lua") CGO_ENABLED=0 nice "$go" install -trimpath "github.com/yuin/gopher-lua/cmd/glua@$version" >&2
fi
echo "$lua"
