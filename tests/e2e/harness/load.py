"""The load generator as a pod: it runs beside the shop for the length of a scenario, and what it counted is the verdict."""
import json
import re
from dataclasses import dataclass
from datetime import datetime

from .kubectl import Kubectl
from .pods import Pods
from .waiting import eventually

CONTROL_PORT = 8090
# Every kind of client that a service has, sized for two cores that run a whole cluster as well.
EVERYDAY = [
    {"name": "get", "kind": "get", "clients": 8, "perSecond": 15},
    {"name": "fresh", "kind": "fresh", "perSecond": 40},
    {"name": "order", "kind": "order", "clients": 4, "perSecond": 5},
    {"name": "slow", "kind": "get", "clients": 2, "path": "/slow?ms=300"},
    {"name": "upload", "kind": "upload", "clients": 1, "spreadMs": 1000, "bytes": 262144},
    {"name": "download", "kind": "download", "clients": 1, "spreadMs": 1000, "bytes": 262144},
    {"name": "ws", "kind": "ws", "clients": 6, "pauseMs": 100},
]


@dataclass(frozen=True)
class Report:
    """What the load generator counted. Only what several tests ask for has a name here."""
    document: dict

    @property
    def verdict(self) -> dict:
        return self.document["verdict"]

    def window(self, name: str) -> dict:
        return next(window for window in self.document["windows"] if window["name"] == name)

    def good_answers(self) -> int:
        return self.document["total"]["ok"]

    def lost(self) -> list[dict]:
        return self.document["failures"]

    def count(self, version: str, since: float = 0, until: float = float("inf")) -> int:
        """Good answers of that version in the whole seconds between two moments of time.time()."""
        start = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", self.document["startedAt"]).replace("Z", "+00:00")).timestamp()
        return sum(count for bucket in self.document["series"]
                   if since <= start + bucket["atSeconds"] and start + bucket["atSeconds"] + 1 <= until
                   for key, count in bucket["share"].items() if key.split("/")[0] == version)

    def versions(self) -> set[str]:
        return {entry["version"] for entry in self.document["versions"]}

    def share(self, version: str, since: float, until: float = float("inf")) -> float:
        return self.count(version, since, until) / max(1, sum(self.count(v, since, until) for v in self.versions()))

    def assert_nothing_lost(self) -> None:
        verdict, losses = self.verdict, self.lost()[:5]
        assert verdict["lost"] == 0, f"{verdict['lost']} requests lost of {self.document['total']['sent']}, first: {losses}"
        assert verdict["duplicated"] == 0, self.document.get("orders")
        assert verdict["streamsCut"] == 0, f"streams cut without a word: {self.document['total']['streams']}"
        assert self.good_answers() > 100, "too little load to prove anything"


class Load:
    """One run of the load generator. begin() it, do something to the service, finish() it."""

    def __init__(self, pods: Pods, kubectl: Kubectl, name: str) -> None:
        self.pods, self.kubectl, self.name = pods, kubectl, name

    def begin(self, target: str, classes: list[dict]) -> None:
        self.kubectl.set_config(self.name, {"shape.json": json.dumps(classes)})
        self.kubectl.apply(self._pod(["--target", target, "--shape", "/etc/load/shape.json"]))
        self.kubectl("wait", f"pod/{self.name}", "--for=condition=Ready", "--timeout=30s")

    def mark(self, window: str) -> None:
        """What is counted from now on belongs to the window of that name."""
        address = self.kubectl.get("pod", self.name)["status"]["podIP"]
        self.pods.cluster.on_node("curl", "-sf", "-X", "POST", f"http://{address}:{CONTROL_PORT}/mark?name={window}")

    def finish(self, seconds: float = 60) -> Report:
        self.pods.kill(self.name, "load", "TERM")
        eventually(f"the end of {self.name}", self._ended, seconds)
        output = self.kubectl("logs", self.name)
        found = re.search(r"^\{.*^\}", output, re.DOTALL | re.MULTILINE)
        assert found, f"no report in the load generator's output:\n{output[-2000:]}"
        return Report(json.loads(found.group()))

    def _ended(self) -> bool:
        return self.kubectl.get("pod", self.name)["status"]["phase"] in ("Succeeded", "Failed")

    def _pod(self, arguments: list[str]) -> dict:
        security = {"runAsNonRoot": True, "runAsUser": 65532, "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
                    "seccompProfile": {"type": "RuntimeDefault"}}
        container = {"name": "load", "image": "lab.local/load:1", "args": arguments, "securityContext": security,
                     "volumeMounts": [{"name": "shape", "mountPath": "/etc/load"}]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name, "labels": {"app": self.name}}, "spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False,
            "containers": [container], "volumes": [{"name": "shape", "configMap": {"name": self.name}}]}}
