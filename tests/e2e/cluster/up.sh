#!/usr/bin/env bash
# Brings a real single-node Kubernetes up: etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
# containerd, kubelet and kube-proxy, all in namespaces of their own. down.sh ends it.
# CONTROL_PLANE_ONLY=1 leaves out the node (containerd, kubelet, kube-proxy): up in about four seconds.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
: "${CONTROL_PLANE_ONLY:=0}"
export CONTROL_PLANE_ONLY

check_machine() {
  local missing=() program
  [[ $EUID == 0 ]] || { echo "cluster: needs root, to make namespaces; run it with sudo" >&2; exit 2; }
  local programs=(etcd openssl curl ip nsenter unshare)
  [[ $CONTROL_PLANE_ONLY == 1 ]] || programs+=(containerd ctr runc iptables conntrack busybox gcc)
  for program in "${programs[@]}"; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  [[ $CONTROL_PLANE_ONLY == 1 || -x $CNI_BIN/bridge ]] || missing+=("$CNI_BIN/bridge")
  if ((${#missing[@]})); then
    echo "cluster: not installed: ${missing[*]}; 'make deps' installs the packages that packages.txt lists" >&2
    exit 2
  fi
  if [[ ! -x $KUBE_BIN/kube-apiserver ]]; then
    echo "cluster: no $KUBE_BIN/kube-apiserver; tests/e2e/cluster/tools/build.sh builds it" >&2
    exit 2
  fi
}

make_cgroups() {
  local folder controller
  for folder in $(cgroup_folders); do
    mkdir -p "$folder"
  done
  if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
    for controller in cpu cpuset memory pids io; do
      echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
    done
    return
  fi
  local file  # a cpuset of cgroup v1 is unusable while these are empty
  for file in cpuset.cpus cpuset.mems; do
    cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset$CGROUP_PARENT/$file"
  done
}

start_node() {
  setsid unshare --net --mount --uts --ipc --pid --fork --kill-child=KILL --mount-proc --propagation slave \
    "$CLUSTER_DIR/node-init.sh" </dev/null >"$LOG/init.log" 2>&1 &
  echo $! >"$CLUSTER_STATE/node.pid"
  wait_for "the node's first process" 10 node_init_pid
}

# The machine reaches pods and Services through the node; the node has no way out.
connect_node() {
  local init
  init=$(node_init_pid)
  ip link add "$LINK_HOST" type veth peer name "$LINK_NODE" netns "$init"
  ip addr add "$HOST_IP/$LINK_PREFIX" dev "$LINK_HOST"
  ip link set "$LINK_HOST" up
  ip route add "$POD_CIDR" via "$NODE_IP"
  ip route add "$SERVICE_CIDR" via "$NODE_IP"
}

if node_pid >/dev/null; then
  echo "cluster: $CLUSTER_NAME is up already"
  exit 0
fi
check_machine
mkdir -p "$PIDS" "$LOG" "$CONF" "$IMAGES"
"$CLUSTER_DIR/pki.sh"
if [[ $CONTROL_PLANE_ONLY != 1 ]]; then
  "$CLUSTER_DIR/base-images.sh"
  "$CLUSTER_DIR/node-config.sh"
  make_cgroups
fi
start_node
connect_node
wait_for "the API server" 120 kubectl get --raw /readyz
wait_for "the default service account" 60 kubectl get serviceaccount default  # pods are refused before it exists
echo "cluster: API server ready after $SECONDS s"
if [[ $CONTROL_PLANE_ONLY != 1 ]]; then
  wait_for "the node" 60 kubectl get node "$NODE"
  kubectl wait --for=condition=Ready "node/$NODE" --timeout=120s >/dev/null
  echo "cluster: node ready after $SECONDS s"
fi
echo "cluster: use it with  . $CLUSTER_DIR/settings.sh"
