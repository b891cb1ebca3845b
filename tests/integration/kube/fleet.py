"""What an operator test needs: a namespace with a policy, pods whose sidecars are fakes on loopback, and operators."""
import itertools
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import fake_sidecar

_numbers = itertools.count(1)
_addresses = itertools.count(11)
_NETWORK = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])  # of files that run at the same time, each has its own
GROUP = "/apis/sidestep.dev/v1alpha1"
FINAL = ("Succeeded", "Failed", "Aborted")


def eventually(check, seconds: float = 40, what: str = ""):
    """The first true value of check(); an API error counts as false."""
    give_up = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < give_up, what or check
        time.sleep(0.05)


class Operator:
    """One sidestep-operator, with a lease that passes on within seconds."""

    def __init__(self, program: Path, kubeconfig: Path, folder: Path, *flags: str):
        self.log = folder / f"operator-{next(_numbers)}.log"
        home = [] if any(flag.startswith("--namespace=") for flag in flags) else ["--namespace=sidestep-system"]
        command = [str(program), f"--kubeconfig={kubeconfig}", *home, "--listen=127.0.0.1:0",
                   "--lease-duration=6s", "--renew-deadline=4s", "--retry-period=300ms", "--log-level=debug", *flags]
        self.process = subprocess.Popen(command, stderr=open(self.log, "wb"))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(40)

    def health_port(self) -> int:
        def find():
            found = re.search(r"health=(\d+)", self.log.read_text())
            return int(found.group(1)) if found else None
        return eventually(find, what="the operator did not start")

    def leads(self) -> bool:
        return "became leader" in self.log.read_text()


class Fleet:
    """A namespace, a Deployment of `count` pods, and a policy called shop."""

    def __init__(self, api, count: int = 3, **spec):
        self.api, self.count = api, count
        self.namespace = f"fleet-{next(_numbers)}"
        self.home = f"{GROUP}/namespaces/{self.namespace}"
        self.sidecars: dict[str, fake_sidecar.Sidecar] = {}
        api.call("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        self._make_deployment()
        self.spec = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                     "rollout": {"steps": [{"pods": 1, "weightPerTenThousand": 500}, {"pods": "100%", "weightPerTenThousand": 10000}],
                                 "maxConcurrentPods": "100%", "progressDeadlineSeconds": 120},
                     "analysis": {"minimumRequests": 1, "onNoTraffic": "Pass"}, **spec}

    def _make_deployment(self) -> None:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        self.api.call("POST", path, {
            "metadata": {"name": "shop"},
            "spec": {"replicas": self.count, "selector": {"matchLabels": {"app": "shop"}},
                     "template": {"metadata": {"labels": {"app": "shop"}},
                                  "spec": {"containers": [{"name": "shop", "image": "shop"}]}}}})
        self._settle_deployment()

    def _settle_deployment(self) -> None:
        """What its controller would do: every change of a Deployment's annotations makes a generation."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/shop"
        status = {"observedGeneration": self.api.call("GET", path)["metadata"]["generation"], "replicas": self.count,
                  "updatedReplicas": self.count, "readyReplicas": self.count, "availableReplicas": self.count}
        self.api.merge(f"{path}/status", {"status": status})

    def add_policy(self) -> dict:
        return self.api.call("POST", f"{self.home}/reloadpolicies", {
            "apiVersion": "sidestep.dev/v1alpha1", "kind": "ReloadPolicy", "metadata": {"name": "shop"}, "spec": self.spec})

    def public_key(self) -> str:
        """The key of the ConfigMap that the operator publishes for this namespace."""
        def read():
            done = self.api.kubectl("get", "configmap", "sidestep-trust", "-n", self.namespace, "-o", "json")
            return json.loads(done.stdout)["data"] if done.returncode == 0 else None
        return next(iter(eventually(read, what="the public key was not published").values()))

    def add_pod(self, template: str = "h1", spec: dict | None = None) -> str:
        """A pod that is Ready at a loopback address, where a sidecar answers; `spec` is its own, in place of the usual one.
        REQUIRES: the public key is published."""
        number = next(_addresses)
        name, address = f"shop-{number}", f"127.{_NETWORK}.{number // 250}.{number % 250 + 1}"
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        pod = self.api.call("POST", path, {
            "metadata": {"name": name, "labels": {"app": "shop", "pod-template-hash": template}},
            "spec": {"nodeName": "nowhere", **spec} if spec else {
                     "nodeName": "nowhere",
                     "initContainers": [{"name": "sidestep", "image": "sidestep", "restartPolicy": "Always",
                                         "ports": [{"name": "sidestep-ctl", "containerPort": fake_sidecar.PORT}]}],
                     "containers": [{"name": "shop", "image": "shop"}]}})
        self.sidecars[name] = fake_sidecar.Sidecar(pod["metadata"]["uid"], address, self.public_key())
        self.api.merge(f"{path}/{name}/status", {"status": {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}]}})
        return name

    def fill(self, checks: bool = True) -> "Fleet":
        """`checks`: whether sidecars check signatures, which takes a process each time."""
        self.add_policy()
        for _ in range(self.count):
            self.sidecars[self.add_pod()].checks = checks
        eventually(lambda: (self.policy().get("status", {}).get("pods") or {}).get("ready") == self.count,
                   what="the operator does not see the pods ready")
        return self

    def policy(self) -> dict:
        return self.api.call("GET", f"{self.home}/reloadpolicies/shop")

    def annotate(self, token: str, where: str = "rp/shop") -> None:
        done = self.api.kubectl("annotate", where, f"sidestep.dev/reload={token}", "--overwrite", "-n", self.namespace)
        assert done.returncode == 0, done.stderr
        if where.startswith("deployment/"):
            self._settle_deployment()

    def reloads(self) -> list[dict]:
        return self.api.call("GET", f"{self.home}/reloads")["items"]

    def phase(self, token: str) -> str:
        """Of the one Reload with this token; empty when there is none."""
        found = [r for r in self.reloads() if r["spec"]["token"] == token]
        assert len(found) <= 1, f"{len(found)} Reloads for one token"
        return (found[0].get("status") or {}).get("phase", "") if found else ""

    def ended(self, token: str, seconds: float = 90) -> dict:
        eventually(lambda: self.phase(token) in FINAL, seconds, f"the reload for {token} did not end")
        return next(r for r in self.reloads() if r["spec"]["token"] == token)

    def stop(self) -> None:
        for sidecar in self.sidecars.values():
            sidecar.close()
        self.api.kubectl("delete", "namespace", self.namespace, "--wait=false")
