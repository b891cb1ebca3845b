#!/usr/bin/env bash
# Makes the archives of the two images that the cluster itself needs, in $IMAGES: pause, and a busybox for tests.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
[[ -f $IMAGES/busybox.tar ]] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$IMAGES" "$work/pause" "$work/busybox"/{bin,etc}

gcc -Os -static -s -o "$work/pause/pause" "$CLUSTER_DIR/pause.c"
"$CLUSTER_DIR/mkimage.py" "$IMAGES/pause.tar" "$work/pause" --tag lab.local/pause:1 --entrypoint /pause --user 65535:65535

cp "$(command -v busybox)" "$work/busybox/bin/busybox"
for applet in $(busybox --list); do
  [[ $applet == busybox ]] || ln -s busybox "$work/busybox/bin/$applet"
done
echo 'test:x:1000:1000::/:/bin/sh' >"$work/busybox/etc/passwd"
"$CLUSTER_DIR/mkimage.py" "$IMAGES/busybox.tar" "$work/busybox" --tag lab.local/busybox:1 --command sh --user 1000:1000
