"""The example service as the scenarios drive it: manifests/example, its config, its reloads, its sidecars."""
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
    """Deployment, Service, ConfigMap and ReloadPolicy `shop` of one namespace."""

    def __init__(self, cluster: Cluster, kubectl: Kubectl, orders_log: str) -> None:
        self.cluster, self.kubectl, self.orders_log = cluster, kubectl, orders_log
        self.pods = Pods(cluster, kubectl, "app=shop")

    def install(self, replicas: int = 3) -> None:
        """Applies the example as it is, but for the number of replicas and the place where orders are recorded."""
        documents = list(yaml.safe_load_all(self.kubectl("kustomize", str(EXAMPLE))))
        deployment = next(document for document in documents if document["kind"] == "Deployment")
        deployment["spec"]["replicas"] = replicas
        app = deployment["spec"]["template"]["spec"]["containers"][0]
        app.setdefault("env", []).append({"name": "SHOP_ORDERS_LOG", "value": self.orders_log})
        self.kubectl.apply(*documents)
        self.pods.wait_ready(replicas)

    def configure(self, version: str, **more) -> None:
        """Replaces the config file; nothing is reloaded by that alone."""
        text = yaml.safe_dump({"version": version, **more})
        self.kubectl.patch("configmap", "shop-config", {"data": {"shop.yaml": text}})

    def set_steps(self, *steps: dict) -> None:
        self.kubectl.patch("reloadpolicy", "shop", {"spec": {"rollout": {"steps": list(steps)}}})

    def address(self) -> str:
        return self.kubectl.get("service", "shop")["spec"]["clusterIP"] + ":80"

    # --- reloads

    def trigger(self, token: str) -> None:
        self.kubectl.annotate("reloadpolicy/shop", reload=token)

    def runs(self, token: str = "") -> list[Run]:
        found = [Run(document) for document in self.kubectl.objects("reloads")]
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

    # --- sidecars

    def status(self, pod: str) -> dict:
        """What the sidecar of that pod says of itself."""
        return json.loads(self.kubectl("exec", pod, "-c", "sidestep", "--", "sidestep", "status", "-o", "json"))

    def statuses(self) -> dict[str, dict]:
        return {pod: self.status(pod) for pod in self.pods.names()}

    def generations(self) -> list[int]:
        """The active generation of every pod."""
        return [status["active"]["generation"] for status in self.statuses().values()]
