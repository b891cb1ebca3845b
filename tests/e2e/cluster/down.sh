#!/usr/bin/env bash
# Ends the cluster: kills the process that holds the node's pid namespace, and the kernel ends everything in it,
# containers too, and drops its mounts and its network. Then the cgroup folders and the state go, and what is
# left, if anything, is named. Does nothing when there is no cluster. KEEP_STATE=1 keeps logs and data.
set -uo pipefail
. "$(dirname "$0")/settings.sh"
: "${KEEP_STATE:=0}"

end_node() {
  local pid init
  pid=$(node_pid) || return 0
  init=$(node_init_pid)
  kill -KILL "$pid"
  wait_for "the end of the node" 20 bash -c "! kill -0 $pid 2>/dev/null && ! kill -0 ${init:-$pid} 2>/dev/null"
}

# Folders of cgroups can be removed once the kernel has buried the last process in them.
remove_cgroups() {
  local folder tries
  for folder in $(cgroup_folders); do
    for tries in $(seq 50); do
      [[ -d $folder ]] || break
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep 0.2
    done
  done
}

# Empty folders that were made on the machine as mount points; rmdir leaves whatever is not empty.
remove_mount_points() {
  rmdir "$RUN_DIR" /opt/containerd/bin /opt/containerd/lib /opt/containerd \
    /usr/libexec/kubernetes/kubelet-plugins/volume/exec /usr/libexec/kubernetes/kubelet-plugins/volume \
    /usr/libexec/kubernetes/kubelet-plugins /usr/libexec/kubernetes \
    /var/lib/cni /var/lib/kubelet /var/log/pods /var/log/containers 2>/dev/null
}

leftovers() {
  ip -o link show "$LINK_HOST" 2>/dev/null
  ip route show root "$POD_CIDR"
  ip route show root "$SERVICE_CIDR"
  grep -F -e "$CLUSTER_STATE" -e "$RUN_DIR" /proc/self/mounts
  local folder
  for folder in $(cgroup_folders); do
    [[ -d $folder ]] && echo "$folder"
  done
  [[ $KEEP_STATE == 1 || ! -e $CLUSTER_STATE ]] || echo "$CLUSTER_STATE"
  [[ ! -e $RUN_DIR ]] || echo "$RUN_DIR"
}

end_node
ip link del "$LINK_HOST" 2>/dev/null
remove_cgroups
rm -f "$CLUSTER_STATE/node.pid"
[[ $KEEP_STATE == 1 ]] || rm -rf --one-file-system "$CLUSTER_STATE"
remove_mount_points
left=$(leftovers)
if [[ -n $left ]]; then
  printf 'cluster: left behind:\n%s\n' "$left" >&2
  exit 1
fi
