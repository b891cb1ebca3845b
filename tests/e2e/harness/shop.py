"""The example service as the scenarios drive it: its manifests, its config, its reloads, its sidecars."""
import json
from dataclasses import dataclass

import yaml

from .cluster import TOP, Cluster
from .kubectl import Kubectl
from .pods import Pods
from .waiting import eventually

EXAMPLE = TOP / "manifests/example"
PORT = 8080


@dataclass(frozen=True)
class Run:
    """A Reload object, read for what the tests ask of it."""
    document: dict

    @property
    def name(self) -> str:
        return self.document["metadata"]["name"]

    @property
    def status(self) -> dict:
        return self.document.get("status", {})

    def condition(self, kind: str) -> dict:
        return next((c for c in self.status.get("conditions", []) if c["type"] == kind), {})

    @property
    def succeeded(self) -> bool | None:
        """None while it runs."""
        return {"True": True, "False": False}.get(self.condition("Succeeded").get("status", ""))

    def has_reached(self, step: int) -> bool:
        """Every pod of that step, counted from 1, has the step's weight."""
        steps = self.status.get("steps", [])
        return len(steps) >= step and "reachedTime" in steps[step - 1]

    def __str__(self) -> str:
        return f"{self.name}: {json.dumps(self.status)}"


class Shop:
    """A shop in one namespace: workload, Service and ReloadPolicy of that name, and the ConfigMap `NAME-config`."""

    def __init__(self, cluster: Cluster, kubectl: Kubectl, orders_log: str, name: str = "shop") -> None:
        self.cluster, self.kubectl, self.orders_log, self.name = cluster, kubectl, orders_log, name
        self.pods = Pods(cluster, kubectl, f"app={name}")

    def install(self, replicas: int = 3) -> None:
        """Applies manifests/example as it is, but for the number of replicas and the place where orders are recorded."""
        documents = list(yaml.safe_load_all(self.kubectl("kustomize", str(EXAMPLE))))
        deployment = next(document for document in documents if document["kind"] == "Deployment")
        deployment["spec"]["replicas"] = replicas
        app = deployment["spec"]["template"]["spec"]["containers"][0]
        app.setdefault("env", []).append({"name": "SHOP_ORDERS_LOG", "value": self.orders_log})
        self.kubectl.apply(*documents)
        self.pods.wait_ready(replicas)

    def configure(self, version: str, **more) -> None:
        """Replaces the config file; nothing is reloaded by that alone, where no trigger names it."""
        text = yaml.safe_dump({"version": version, **more})
        self.kubectl.patch("configmap", f"{self.name}-config", {"data": {"shop.yaml": text}})

    def set_steps(self, *steps: dict) -> None:
        self.kubectl.patch("reloadpolicy", self.name, {"spec": {"rollout": {"steps": list(steps)}}})

    def address(self) -> str:
        return self.kubectl.get("service", self.name)["spec"]["clusterIP"] + ":80"

    def wait_adopted(self) -> None:
        """Until the operator has read the sources of the policy's triggers: from then on a change of them is a change."""
        eventually(f"{self.name}: the content is adopted",
                   lambda: self.kubectl.get("reloadpolicy", self.name).get("status", {}).get("appliedHash"), 60)

    def condition(self, kind: str) -> str:
        """Status of a condition of the policy; empty when it is not there."""
        status = self.kubectl.get("reloadpolicy", self.name).get("status", {})
        return next((c["status"] for c in status.get("conditions", []) if c["type"] == kind), "")

    # --- reloads

    def trigger(self, token: str) -> None:
        self.kubectl.annotate(f"reloadpolicy/{self.name}", reload=token)

    def runs(self, token: str = "") -> list[Run]:
        found = [Run(document) for document in self.kubectl.objects("reloads") if document["spec"]["policyRef"]["name"] == self.name]
        return [run for run in found if not token or run.document["spec"].get("token") == token]

    def run_of(self, token: str, seconds: float = 30) -> Run:
        return eventually(f"a Reload for token {token}", lambda: self.runs(token), seconds)[0]

    def wait_until(self, token: str, what: str, holds, seconds: float = 120) -> Run:
        """Waits until holds(run) is true of the token's Reload."""
        def probe() -> Run | None:
            run = self.run_of(token)
            assert holds(run), run
            return run
        return eventually(f"reload {token} {what}", probe, seconds)

    def wait_ended(self, token: str, seconds: float = 180) -> Run:
        return self.wait_until(token, "ended", lambda run: run.succeeded is not None, seconds)

    def reload(self, token: str, seconds: float = 180) -> Run:
        self.trigger(token)
        return self.wait_ended(token, seconds)

    def next_run(self, seconds: float = 60) -> Run:
        """The only Reload, once it is there and has ended."""
        run = eventually(f"a Reload of {self.name}", self.runs, seconds)[0]
        return self.wait_ended(run.document["spec"]["token"])

    # --- sidecars

    def status(self, pod: str) -> dict:
        """What the sidecar of that pod says of itself."""
        return json.loads(self.kubectl("exec", pod, "-c", "sidestep", "--", "sidestep", "status", "-o", "json"))

    def statuses(self) -> dict[str, dict]:
        return {pod: self.status(pod) for pod in self.pods.names()}

    def generations(self) -> list[int]:
        """The active generation of every pod."""
        return [status["active"]["generation"] for status in self.statuses().values()]
