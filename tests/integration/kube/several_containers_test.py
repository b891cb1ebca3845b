"""Pods of two containers, one of them behind the sidecar: injection, a reload, and what the command line shows."""
import subprocess

import yaml

import fake_sidecar
from fleet import eventually

POD = f"""
apiVersion: v1
kind: Pod
metadata:
  name: shop
  labels: {{sidestep.dev/inject: "true"}}
  annotations: {{sidestep.dev/container: web, sidestep.dev/control-port: "{fake_sidecar.PORT}"}}
spec:
  containers:
  - {{name: log, image: log, command: [/bin/log], ports: [{{containerPort: 9000}}], readinessProbe: {{httpGet: {{path: /, port: 9000}}}}}}
  - {{name: web, image: web, command: [/bin/web], ports: [{{containerPort: 8080}}], readinessProbe: {{httpGet: {{path: /, port: 8080}}}}}}
"""


def run(programs, *words: str, text: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([programs / "bin/kubectl-sidestep", *words], input=text, text=True, capture_output=True, timeout=90)


def make_unready(shop, pod: str) -> None:
    """What the kubelet says when the other container does not answer its probe."""
    shop.api.merge(f"/api/v1/namespaces/{shop.namespace}/pods/{pod}/status", {"status": {
        "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "containers with unready status: [log]"}]}})


def test_pods_of_two_containers_are_injected_reloaded_and_shown_as_one_each(start, fleet, programs):
    made = run(programs, "inject", "-f", "-", text=POD)
    assert made.returncode == 0, made.stderr
    spec = yaml.safe_load(made.stdout)["spec"]
    log, web = spec["containers"]
    assert log["command"] == ["/bin/log"] and "readinessProbe" in log, "the other container was touched"
    assert web["command"] == ["/sidestep/sidestep-launch", "--", "/bin/web"] and "readinessProbe" not in web
    start()
    shop = fleet(count=2)
    shop.add_policy()
    pods = sorted(shop.add_pod(spec=spec) for _ in range(2))
    for pod in pods:  # as the Deployment's controller makes them
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop-h1", "uid": "0"}
        shop.api.merge(f"/api/v1/namespaces/{shop.namespace}/pods/{pod}", {"metadata": {"ownerReferences": [owner]}})
    eventually(lambda: (shop.policy().get("status", {}).get("pods") or {}).get("ready") == 2, what="the pods are not seen ready")
    shop.annotate("t1")
    reload = shop.ended("t1")
    assert reload["status"]["phase"] == "Succeeded" and reload["status"]["pods"]["updated"] == 2, reload["status"]
    assert all(len(shop.sidecars[pod].told("/v1/reload")) == 1 for pod in pods)
    where = ["-n", shop.namespace, f"--kubeconfig={shop.api.kubeconfig}"]
    shown = run(programs, "status", "shop", *where)
    assert shown.returncode == 0, shown.stderr
    assert [sum(line.startswith(pod) for line in shown.stdout.splitlines()) for pod in pods] == [1, 1], shown.stdout
    # A pod whose other container is not ready gets no candidate, and holds up nobody.
    make_unready(shop, pods[0])
    eventually(lambda: shop.policy()["status"]["pods"]["ready"] == 1, what="the pod is not seen unready")
    shop.annotate("t2")
    reload = shop.ended("t2")
    assert reload["status"]["phase"] == "Succeeded" and reload["status"]["pods"]["updated"] == 1, reload["status"]
    assert len(shop.sidecars[pods[0]].told("/v1/reload")) == 1 and len(shop.sidecars[pods[1]].told("/v1/reload")) == 2
    shown = run(programs, "status", "shop", *where).stdout
    assert next(line for line in shown.splitlines() if line.startswith(pods[0])).split()[1] == "False", shown
