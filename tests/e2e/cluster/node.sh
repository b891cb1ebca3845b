#!/usr/bin/env bash
# Runs a command inside the node's namespaces:  node.sh ctr containers ls
# `ctr` is given the node's containerd and the namespace that the kubelet uses. The pids in $PIDS are pids of
# the node:  node.sh kill -9 "$(cat "$PIDS/kubelet")"
set -euo pipefail
. "$(dirname "$0")/settings.sh"
init=$(node_init_pid) || { echo "cluster: $CLUSTER_NAME is not up; 'make cluster-up' starts it" >&2; exit 2; }
if [[ ${1:-} == ctr ]]; then
  shift
  set -- ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"
fi
exec nsenter --target "$init" --mount --uts --ipc --net --pid -- "$@"
