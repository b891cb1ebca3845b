#!/usr/bin/env bash
# Makes the archives of the images that the end-to-end tests run, from the programs that `make build` made:
#   build.sh [BINARIES [ARCHIVES]]        default: build/bin, build/images
# An image holds one program, the shared libraries it needs, and a user file; nothing else, not even a shell.
# A program that is not built yet is left out, with a line that says so.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
binaries=${1:-$top/build/bin}
archives=${2:-$top/build/images}
version=$(sed -n 's/^project(sidestep VERSION \([0-9.]*\).*/\1/p' "$top/CMakeLists.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$archives"

# root PROGRAM...: an empty root with the programs in /bin and their libraries where the loader looks for them
root() {
  local folder library program
  folder=$(mktemp -d -p "$work")
  chmod 755 "$folder"
  mkdir "$folder/bin" "$folder/etc"
  printf 'root:x:0:0::/:/sbin/nologin\nsidestep:x:65532:65532::/:/sbin/nologin\n' >"$folder/etc/passwd"
  for program in "$@"; do
    cp "$program" "$folder/bin/"
    # sidestep loads some at the first call, which ldd does not show
    for library in $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*'; [[ $program != */sidestep ]] || "$program" --libraries); do
      mkdir -p "$folder$(dirname "$library")"
      cp -L "$library" "$folder$library"
    done
  done
  echo "$folder"
}

# image ARCHIVE FIRST_PROGRAM[ OTHER_PROGRAM...] REFERENCE...: the first program is the entry point
image() {
  local archive=$archives/$1.tar programs=() program references=("${@:3}")
  for program in $2; do
    [[ -x $program ]] || { echo "images: $1: left out, no $program"; return; }
    programs+=("$program")
  done
  "$here/../cluster/mkimage.py" "$archive" "$(root "${programs[@]}")" "${references[@]/#/--tag=}" \
    --entrypoint "/bin/$(basename "${programs[0]}")"
  echo "images: $archive: ${references[*]}"
}

go_binaries=$work/go
mkdir "$go_binaries"
if [[ -x $top/tests/load/build.sh ]]; then
  "$top/tests/load/build.sh" "$go_binaries" >"$work/go.log" 2>&1 || { cat "$work/go.log" >&2; exit 1; }
  "$top/tests/integration/grpc/build.sh" "$go_binaries" >"$work/go.log" 2>&1 || { cat "$work/go.log" >&2; exit 1; }
fi
image sidestep "$binaries/sidestep $binaries/sidestep-launch" "sidestep.dev/sidecar:$version" lab.local/sidestep:dev
image sidestep-operator "$binaries/sidestep-operator $binaries/kubectl-sidestep" "sidestep.dev/operator:$version" lab.local/sidestep-operator:dev
image shop "$go_binaries/shop" "sidestep.dev/shop:$version" lab.local/shop:1
image load "$go_binaries/sidestep-load" lab.local/load:1
image grpcecho "$go_binaries/grpcecho" lab.local/grpcecho:1
