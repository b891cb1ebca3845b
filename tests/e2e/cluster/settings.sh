# Names, paths and addresses of the test cluster; source it. Every value can be set from the environment.
#
# Two clusters can run side by side when each has its own CLUSTER_SLOT (0 to 127): the slot chooses the
# names of everything that is visible on the machine, and a pair of /24 networks inside 198.18.0.0/15, the
# range that RFC 2544 reserves for benchmarks and that no network routes.
# shellcheck shell=bash disable=SC2034
CLUSTER_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${CLUSTER_SLOT:=0}"
: "${KUBE_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/sidestep/kube}"
: "${KUBE_BIN:=$KUBE_CACHE/bin}"                             # the six Kubernetes programs, made by tools/build.sh
: "${CLUSTER_STATE:=/var/tmp/sidestep-cluster-$CLUSTER_SLOT}" # everything that the cluster writes; removed by down.sh
: "${CNI_BIN:=/usr/lib/cni}"

CLUSTER_NAME=sidestep-$CLUSTER_SLOT
NODE=sidestep-node
CGROUP_PARENT=/$CLUSTER_NAME
RUN_DIR=/run/sidestep-cluster-$CLUSTER_SLOT                  # a tmpfs that only the node sees
CONTAINERD_SOCKET=$RUN_DIR/containerd.sock
LINK_HOST=sdst${CLUSTER_SLOT}-host
LINK_NODE=sdst${CLUSTER_SLOT}-node

network=198.$((18 + CLUSTER_SLOT / 64))
octet=$((CLUSTER_SLOT % 64 * 2))
SERVICE_CIDR=$network.$octet.0/25
SERVICE_IP=$network.$octet.1                                 # the API server's own Service
HOST_IP=$network.$octet.129
NODE_IP=$network.$octet.130
LINK_PREFIX=29
POD_CIDR=$network.$((octet + 1)).0/24

PKI=$CLUSTER_STATE/pki
LOG=$CLUSTER_STATE/log
CONF=$CLUSTER_STATE/conf
IMAGES=$CLUSTER_STATE/images
PIDS=$CLUSTER_STATE/pid
export KUBECONFIG=$CONF/admin.kubeconfig
export PATH=$KUBE_BIN:$PATH

# Host pid of the process whose end is the end of the whole node; nothing when the cluster is not up.
node_pid() {
  local pid
  pid=$(cat "$CLUSTER_STATE/node.pid" 2>/dev/null) || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q node-init.sh || return 1
  echo "$pid"
}

# Host pid of the node's pid 1.
node_init_pid() {
  local pid
  pid=$(node_pid) || return 1
  tr -d ' ' <"/proc/$pid/task/$pid/children"
}

# Tries a command until it succeeds: wait_for WHAT SECONDS COMMAND...
wait_for() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      echo "$what: not there in time; the logs are in $LOG" >&2
      return 1
    fi
    sleep 0.2
  done
}

# The cgroup folders that the node owns: one for each hierarchy of cgroup v1, a single one with v2.
cgroup_folders() {
  if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
    echo "/sys/fs/cgroup$CGROUP_PARENT"
    return
  fi
  local hierarchy
  for hierarchy in /sys/fs/cgroup/*/; do
    [[ -L ${hierarchy%/} ]] || echo "${hierarchy%/}$CGROUP_PARENT"
  done
}
