"""The load generator as a pod: it runs beside the shop for the length of a scenario, and what it counted is the verdict."""
import json
import re
from dataclasses import dataclass
from datetime import datetime

from .cluster import Cluster
from .kubectl import Kubectl
from .waiting import eventually

BUCKET = 0.25  # seconds; step of the time series
CONTROL_PORT = 8090
ORDERS_PORT = 8091  # where the shop records executed orders, so that a double execution over generations is seen
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
        """Good answers of that version between two moments of time.time()."""
        whole = [bucket for bucket in self.document["series"]
                 if since <= self._begun() + bucket["atSeconds"] and self._begun() + bucket["atSeconds"] + BUCKET <= until]
        return sum(count for bucket in whole for key, count in bucket["share"].items() if key.split("/")[0] == version)

    def _begun(self) -> float:
        text = re.sub(r"(\.\d{6})\d*", r"\1", self.document["startedAt"])  # Go's nanoseconds
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()

    def versions(self) -> set[str]:
        return {entry["version"] for entry in self.document["versions"]}

    def share(self, version: str, since: float, until: float = float("inf")) -> float:
        return self.count(version, since, until) / max(1, sum(self.count(v, since, until) for v in self.versions()))

    def assert_nothing_lost(self) -> None:
        verdict, losses = self.verdict, self.lost()[:5]
        assert verdict["lost"] == 0, f"{verdict['lost']} requests lost of {self.document['total']['sent']}, first: {losses}"
        self.assert_orders_executed_once()
        assert verdict["surplus"] == verdict["underWay"] == 0, verdict
        assert verdict["streamsCut"] == 0, f"streams cut without a word: {self.document['total']['streams']}"
        assert self.good_answers() > 100, "too little load to prove anything"

    def assert_orders_executed_once(self) -> None:
        orders = self.document["orders"]
        assert orders["logChecked"] and orders["answered"] > 0, "the shop's record of orders was not compared"
        assert orders["twice"] == 0 and orders["answeredNotExecuted"] == 0, orders


class Load:
    """One run of the load generator. begin() it, do something to the service, finish() it."""

    def __init__(self, cluster: Cluster, kubectl: Kubectl, name: str = "load") -> None:
        self.cluster, self.kubectl, self.name = cluster, kubectl, name

    def orders_log(self) -> str:
        """What the shop is to be told as $SHOP_ORDERS_LOG. The generator's pod starts with it, beside those of the shop, and waits."""
        self.kubectl.apply(self._pod(), {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{self.name}-orders"}, "spec": {
            "selector": {"app": self.name}, "publishNotReadyAddresses": True, "ports": [{"port": ORDERS_PORT}]}})
        return f"tcp://{self._orders_address()}:{ORDERS_PORT}"

    def begin(self, target: str, classes: list[dict]) -> None:
        """Starts it once the target answers: kube-proxy is a little behind the readiness of pods. A run before it has ended."""
        if self._ended():
            self.kubectl("delete", "pod", self.name)
            self.orders_log()
        eventually(f"an answer of {target}", lambda: self._curl(f"http://{target}/version"))
        connect = f"exec 3<>/dev/tcp/{self._orders_address()}/{ORDERS_PORT}"
        eventually("the record of orders", lambda: self.cluster.on_node("bash", "-c", connect) == "", 90)
        self._control(f"begin?target={target}", "--data-binary", json.dumps(classes))

    def mark(self, window: str) -> None:
        """What is counted from now on belongs to the window of that name."""
        self._control(f"mark?name={window}")

    def finish(self, seconds: float = 60) -> Report:
        self._control("stop")
        eventually(f"the end of {self.name}", self._ended, seconds)
        output = self.kubectl("logs", self.name)
        report = output[output.find("\n{") + 1:] if not output.startswith("{") else output
        try:
            return Report(json.JSONDecoder().raw_decode(report)[0])
        except json.JSONDecodeError as error:
            raise AssertionError(f"no report in the load generator's output:\n{output[-2000:]}") from error

    def _orders_address(self) -> str:
        return self.kubectl.get("service", f"{self.name}-orders")["spec"]["clusterIP"]

    def _control(self, call: str, *arguments: str) -> None:
        address = self.kubectl.get("pod", self.name)["status"]["podIP"]
        self._curl("-X", "POST", *arguments, f"http://{address}:{CONTROL_PORT}/{call}")

    def _curl(self, *arguments: str) -> str:
        return self.cluster.on_node("curl", "-sSf", "-m", "5", *arguments)

    def _ended(self) -> bool:
        return self.kubectl.get("pod", self.name)["status"]["phase"] in ("Succeeded", "Failed")

    def _pod(self) -> dict:
        security = {"runAsNonRoot": True, "runAsUser": 65532, "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
                    "seccompProfile": {"type": "RuntimeDefault"}}
        container = {"name": "load", "image": "lab.local/load:1", "securityContext": security, "args": [
            "--idle", "--control", f":{CONTROL_PORT}", "--orders-listen", f":{ORDERS_PORT}", "--bucket", f"{int(BUCKET * 1000)}ms", "--quiet"]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name, "labels": {"app": self.name}}, "spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False, "containers": [container]}}
