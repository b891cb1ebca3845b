#!/usr/bin/env bash
# Writes the configuration of containerd, its network plugin, the kubelet and kube-proxy into $CONF.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
mkdir -p "$CONF/cni"
: >"$CONF/resolv.conf"  # the cluster has no DNS: pods find Services by address

# restrict_oom_score_adj: a container that is itself confined may not lower its score.
cat >"$CONF/containerd.toml" <<END
version = 2
root = "$CLUSTER_STATE/containerd"
state = "$RUN_DIR/containerd"
oom_score = -999
[grpc]
  address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "lab.local/pause:1"
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  enable_selinux = false
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI_BIN"
    conf_dir = "$CONF/cni"
END

cat >"$CONF/cni/10-bridge.conflist" <<END
{ "cniVersion": "0.4.0", "name": "$CLUSTER_NAME", "plugins": [
  { "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true, "promiscMode": false,
    "ipam": { "type": "host-local", "dataDir": "$RUN_DIR/cni-ipam", "ranges": [[{ "subnet": "$POD_CIDR" }]],
              "routes": [{ "dst": "0.0.0.0/0" }] } },
  { "type": "portmap", "capabilities": { "portMappings": true } } ] }
END

cat >"$CONF/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
port: 10250
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: $PKI/ca.crt } }
authorization: { mode: Webhook }
tlsCertFile: $PKI/kubelet-server.crt
tlsPrivateKeyFile: $PKI/kubelet-server.key
rotateCertificates: false
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
cgroupDriver: cgroupfs
cgroupRoot: $CGROUP_PARENT
cgroupsPerQOS: true
enforceNodeAllocatable: [pods]
failCgroupV1: false
failSwapOn: false
protectKernelDefaults: false
resolvConf: $CONF/resolv.conf
podLogsDir: /var/log/pods
maxPods: 60
syncFrequency: ${KUBELET_SYNC_FREQUENCY:-10s}
nodeStatusUpdateFrequency: 10s
configMapAndSecretChangeDetectionStrategy: Watch
serializeImagePulls: false
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: { memory.available: 200Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1% }
shutdownGracePeriod: 0s
logging: { verbosity: 2 }
END

cat >"$CONF/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: $NODE_IP
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: { kubeconfig: $CONF/kube-proxy.kubeconfig }
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE
mode: iptables
conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s }
END
