#!/usr/bin/env bash
# Pid 1 of the node's namespaces (its own pid, mount, uts, ipc and net). Started by up.sh, never by hand.
set -u
. "$(dirname "$0")/settings.sh"

# A private copy of the mount tree, shared among the node's own processes only.
mount_own_folders() {
  mount --make-rshared /
  mkdir -p "$RUN_DIR"
  mount -t tmpfs -o mode=755 tmpfs "$RUN_DIR"
  mkdir -p "$RUN_DIR/sysctl" "$CLUSTER_STATE"/{kubelet,pod-logs} /var/lib/{kubelet,cni} /var/log/{pods,containers} /run/netns
  mount --bind "$CLUSTER_STATE/kubelet" /var/lib/kubelet
  mount --bind "$CLUSTER_STATE/pod-logs" /var/log/pods
  mount -t tmpfs tmpfs /var/log/containers
  mount -t tmpfs tmpfs /var/lib/cni
  mount -t tmpfs -o mode=755 tmpfs /run/netns
}

# The kubelet insists on six machine-wide sysctls: it is shown the values it wants, and the machine stays as it is.
show_sysctl() {
  echo "$2" >"$RUN_DIR/sysctl/$1"
  mount --bind "$RUN_DIR/sysctl/$1" "/proc/sys/${1//.//}"
}

show_sysctls() {
  show_sysctl vm.overcommit_memory 1
  show_sysctl vm.panic_on_oom 0
  show_sysctl kernel.panic 10
  show_sysctl kernel.panic_on_oops 1
  show_sysctl kernel.keys.root_maxkeys 1000000
  show_sysctl kernel.keys.root_maxbytes 25000000
}

# up.sh puts the node's end of the link in here. Services without endpoints need a route to be refused
# rather than unreachable, which real clusters have by their default route.
bring_up_network() {
  ip link set lo up
  echo 1 >/proc/sys/net/ipv4/ip_forward
  wait_for "the link to the machine" 20 ip link show "$LINK_NODE"
  ip addr add "$NODE_IP/$LINK_PREFIX" dev "$LINK_NODE"
  ip link set "$LINK_NODE" up
  ip route add "$SERVICE_CIDR" dev "$LINK_NODE"
}

# Runs a program for as long as the node lives; one that dies is started again.
supervise() {
  local name=$1
  shift
  (
    while :; do
      "$@" >>"$LOG/$name.log" 2>&1 &
      echo $! >"$PIDS/$name"
      wait $!
      echo "$(date +%T) $name exited with $?" >>"$LOG/restarts.log"
      sleep 1
    done
  ) &
}

start_etcd() {
  local url=http://127.0.0.1
  supervise etcd etcd --name node --data-dir "$CLUSTER_STATE/etcd" --unsafe-no-fsync \
    --listen-client-urls $url:2379 --advertise-client-urls $url:2379 \
    --listen-peer-urls $url:2380 --initial-advertise-peer-urls $url:2380 --initial-cluster node=$url:2380
}

start_apiserver() {
  supervise kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
    --bind-address=0.0.0.0 --secure-port=6443 --advertise-address="$NODE_IP" --service-cluster-ip-range="$SERVICE_CIDR" \
    --allow-privileged=true --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --profiling=false \
    --client-ca-file="$PKI/ca.crt" --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
    --kubelet-client-certificate="$PKI/apiserver-kubelet-client.crt" \
    --kubelet-client-key="$PKI/apiserver-kubelet-client.key" \
    --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$PKI/sa.pub" --service-account-signing-key-file="$PKI/sa.key" \
    --requestheader-client-ca-file="$PKI/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file="$PKI/front-proxy-client.crt" --proxy-client-key-file="$PKI/front-proxy-client.key"
  wait_for "the API server" 120 curl -sf --cacert "$PKI/ca.crt" https://127.0.0.1:6443/readyz
}

start_controllers() {
  local config=$CONF/kube-controller-manager.kubeconfig
  supervise kube-controller-manager kube-controller-manager --kubeconfig="$config" \
    --authentication-kubeconfig="$config" --authorization-kubeconfig="$config" --bind-address=127.0.0.1 \
    --root-ca-file="$PKI/ca.crt" --service-account-private-key-file="$PKI/sa.key" --use-service-account-credentials=true \
    --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" \
    --requestheader-client-ca-file="$PKI/front-proxy-ca.crt" --leader-elect=false --controllers='*,-nodeipam' --profiling=false
  config=$CONF/kube-scheduler.kubeconfig
  supervise kube-scheduler kube-scheduler --kubeconfig="$config" --authentication-kubeconfig="$config" \
    --authorization-kubeconfig="$config" --bind-address=127.0.0.1 --leader-elect=false
}

start_node_programs() {
  local archive
  supervise containerd containerd --config "$CONF/containerd.toml"
  wait_for containerd 30 ctr --address "$CONTAINERD_SOCKET" version
  for archive in "$IMAGES"/*.tar; do
    ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io images import "$archive" >>"$LOG/images.log" 2>&1
  done
  supervise kubelet kubelet --config="$CONF/kubelet.yaml" --kubeconfig="$CONF/kubelet.kubeconfig" \
    --hostname-override="$NODE" --node-ip="$NODE_IP" --root-dir=/var/lib/kubelet --cert-dir=/var/lib/kubelet/pki
  supervise kube-proxy kube-proxy --config="$CONF/kube-proxy.yaml"
}

mount_own_folders
hostname "$NODE"
bring_up_network
start_etcd
start_apiserver
start_controllers
if [[ $CONTROL_PLANE_ONLY != 1 ]]; then
  show_sysctls
  start_node_programs
fi
while :; do wait -n 2>/dev/null || sleep 1; done  # pid 1 reaps
