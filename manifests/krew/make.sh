#!/bin/sh
# Packs kubectl-sidestep for krew and writes its plugin manifest.
# usage: make.sh PROGRAM VERSION BASE_URI FOLDER
#   FOLDER gets kubectl-sidestep-linux-ARCH.tar.gz, to be put at BASE_URI, and sidestep.yaml, which names it.
set -eu
program=$1 version=$2 uri=$3 folder=$4
here=$(cd "$(dirname "$0")" && pwd)
case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) echo "make.sh: $(uname -m): krew knows no such platform of ours" >&2; exit 1 ;; esac
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$folder"
install -m 0755 "$program" "$stage/kubectl-sidestep"
cp "$here/../../LICENSE" "$stage/"
archive=kubectl-sidestep-linux-$arch.tar.gz
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$stage" -c LICENSE kubectl-sidestep | gzip -n9 >"$folder/$archive"
sum=$(sha256sum "$folder/$archive" | cut -d' ' -f1)
cat >"$folder/sidestep.yaml" <<END
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: sidestep
spec:
  version: v$version
  shortDescription: Reload the processes of pods without losing a request
  description: |
    Starts, watches, promotes and aborts Sidestep's reloads, checks policies and pod templates, and puts the sidecar into manifests.
  platforms:
  - selector: {matchLabels: {os: linux, arch: $arch}}
    uri: $uri/$archive
    sha256: $sum
    bin: kubectl-sidestep
END
