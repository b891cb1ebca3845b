#!/bin/bash
# Builds both images from the Dockerfile without a container engine, on a machine that reaches only Debian's packages:
#   build.sh [ARCHIVES]          default: build/images/release
# The base image is bootstrapped once, with the packages that the Dockerfile asks for, and kept in the cache folder, as are
# the compiler's results.
set -euo pipefail
cd "$(dirname "$0")/../.."
archives=${1:-build/images/release}
cache=${SIDESTEP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sidestep}/image
base=docker.io/library/debian:trixie-slim
packages=$(awk '!/^#/ {for (i = 2; i <= NF; ++i) if ($i == "build") print $1}' packages.txt | sort | paste -sd,)
mkdir -p "$archives" "$cache/ccache"
export STORAGE_DRIVER=vfs
export CONTAINERS_STORAGE_CONF=$cache/storage.conf CONTAINERS_REGISTRIES_CONF=$cache/registries.conf
printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/storage"\n' "$cache" "$cache" >"$CONTAINERS_STORAGE_CONF"
echo 'unqualified-search-registries = ["docker.io"]' >"$CONTAINERS_REGISTRIES_CONF"

if [ "$(cat "$cache/packages" 2>/dev/null)" != "$packages" ] || ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  buildah rmi --all --force >/dev/null 2>&1 || true
  root=$(mktemp -d)
  mirror=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null ||
    awk '$1 == "deb" {print $2; exit}' /etc/apt/sources.list)
  debootstrap --variant=minbase --include="$packages" trixie "$root" ${mirror:+"$mirror"} >"$cache/bootstrap.log" 2>&1 ||
    { tail -20 "$cache/bootstrap.log" >&2; exit 1; }
  rm -rf "$root"/var/cache/apt/archives/*.deb
  echo "cache_dir = /var/cache/ccache" >"$root/etc/ccache.conf"
  container=$(buildah from scratch)
  buildah copy -q "$container" "$root" / >/dev/null
  buildah commit -q --rm "$container" "$base" >/dev/null
  rm -rf "$root"
  echo "$packages" >"$cache/packages"
fi

for target in sidecar operator; do
  buildah bud -q --isolation chroot --pull-never --timestamp 0 --volume /etc/resolv.conf:/etc/resolv.conf:ro --volume /etc/hosts:/etc/hosts:ro \
    --volume /etc/apt/apt.conf.d:/etc/apt/apt.conf.d:ro --volume "$cache/ccache:/var/cache/ccache:rw" \
    --target "$target" --tag "sidestep.dev/$target:latest" . >"$cache/$target.log" 2>&1 || { tail -40 "$cache/$target.log" >&2; exit 1; }
  rm -f "$archives/$target.tar"
  buildah push -q "sidestep.dev/$target:latest" "docker-archive:$archives/$target.tar:sidestep.dev/$target:latest" >/dev/null
  echo "image: $archives/$target.tar"
done
