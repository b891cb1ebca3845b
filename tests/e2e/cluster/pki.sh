#!/usr/bin/env bash
# Makes the cluster's certificates, keys and kubeconfigs with openssl. Does nothing when they exist.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
[[ -f $PKI/complete ]] && exit 0
mkdir -p "$PKI" "$CONF"
chmod 700 "$PKI"
cd "$PKI"

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

authority() {  # NAME COMMON_NAME
  key "$1"
  openssl req -x509 -new -key "$1.key" -sha256 -days 365 -subj "/CN=$2" -out "$1.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature
}

certificate() {  # NAME AUTHORITY SUBJECT USAGE [ALTERNATIVE_NAMES]
  key "$1"
  {
    printf 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$4"
    [[ -z ${5:-} ]] || echo "subjectAltName=$5"
  } >"$1.ext"
  openssl req -new -key "$1.key" -subj "$3" |
    openssl x509 -req -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 365 -sha256 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
  rm "$1.ext"
}

kubeconfig() {  # NAME
  cat >"$CONF/$1.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: sidestep, cluster: {server: "https://$NODE_IP:6443", certificate-authority: $PKI/ca.crt}}]
users: [{name: $1, user: {client-certificate: $PKI/$1.crt, client-key: $PKI/$1.key}}]
contexts: [{name: sidestep, context: {cluster: sidestep, user: $1}}]
current-context: sidestep
END
}

authority ca sidestep-cluster-ca
authority front-proxy-ca sidestep-cluster-front-proxy-ca
service=kubernetes.default.svc
certificate apiserver ca /CN=kube-apiserver serverAuth \
  "DNS:kubernetes,DNS:kubernetes.default,DNS:$service,DNS:$service.cluster.local,DNS:localhost,IP:127.0.0.1,IP:$SERVICE_IP,IP:$NODE_IP"
certificate apiserver-kubelet-client ca /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
certificate front-proxy-client front-proxy-ca /CN=front-proxy-client clientAuth
certificate admin ca /O=system:masters/CN=admin clientAuth
certificate kube-controller-manager ca /CN=system:kube-controller-manager clientAuth
certificate kube-scheduler ca /CN=system:kube-scheduler clientAuth
certificate kube-proxy ca /CN=system:kube-proxy clientAuth
certificate kubelet ca "/O=system:nodes/CN=system:node:$NODE" clientAuth
certificate kubelet-server ca "/O=system:nodes/CN=system:node:$NODE" serverAuth "DNS:$NODE,IP:$NODE_IP,IP:127.0.0.1"
openssl genrsa -out sa.key 2048 2>/dev/null
openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
for user in admin kube-controller-manager kube-scheduler kube-proxy kubelet; do
  kubeconfig "$user"
done
touch complete
