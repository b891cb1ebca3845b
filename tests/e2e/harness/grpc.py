"""A real gRPC service in pods, and real gRPC clients beside the cluster (tests/integration/grpc/echo)."""
import json
import subprocess

from .cluster import TOP
from .plain import INJECTED
from .shop import Shop

BUILD = TOP / "tests/integration/grpc/build.sh"
PROGRAM = TOP / "build/bin-go/grpcecho"
PORT = 50051
SECURITY = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def echo_documents(name: str, replicas: int) -> list[dict]:
    """Each call that is executed is written into the pod's volume `executed`."""
    container = {
        "name": "echo", "image": "lab.local/grpcecho:1", "command": ["/bin/grpcecho", "serve", "--executed=/var/run/echo/executed"],
        "env": [{"name": "PORT", "value": str(PORT)}], "ports": [{"name": "grpc", "containerPort": PORT}],
        "readinessProbe": {"tcpSocket": {"port": "grpc"}, "periodSeconds": 1}, "securityContext": SECURITY,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/echo"}, {"name": "executed", "mountPath": "/var/run/echo"}]}
    pod = {"securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
           "containers": [container],
           "volumes": [{"name": "config", "configMap": {"name": f"{name}-config"}}, {"name": "executed", "emptyDir": {}}]}
    meta = {"labels": {"app": name, **INJECTED}, "annotations": {"sidestep.dev/app-protocol": "h2c"}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-config"}, "data": {"words": "one"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {"metadata": meta, "spec": pod}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {
            "selector": {"app": name}, "ports": [{"port": 80, "targetPort": "grpc"}]}}]


def executed(shop: Shop) -> list[str]:
    """The calls that all pods have executed, read where the kubelet keeps the pods' volumes."""
    uids = [pod["metadata"]["uid"] for pod in shop.pods.all()]
    return [call for uid in uids for call in shop.cluster.on_node(
        "cat", f"/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~empty-dir/executed/executed").split()]


class Calls:
    """Clients that go on until end(): `unary` or `streams`."""

    def __init__(self, kind: str, address: str, *flags: object) -> None:
        subprocess.run([BUILD], check=True)
        self.process = subprocess.Popen([PROGRAM, kind, address, *map(str, flags)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_open(self) -> None:
        """Of streams: until each of them is answered."""
        assert self.process.stdout.readline().strip() == "open"

    def end(self) -> dict:
        """OK, Failed by code, By generation."""
        try:
            out, _ = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
        assert self.process.returncode == 0
        return json.loads(out.strip().splitlines()[-1])
