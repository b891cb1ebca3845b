"""Pods as the tests see them: who they are, whether they are still the same, and how to hurt them."""
from dataclasses import dataclass

from .cluster import Cluster
from .kubectl import Kubectl
from .waiting import eventually


@dataclass(frozen=True)
class Identity:
    """What must not change over a reload."""
    name: str
    uid: str
    ip: str
    restarts: tuple[tuple[str, int], ...]  # of every container, the sidecar included


def container_statuses(pod: dict) -> dict[str, dict]:
    status = pod["status"]
    both = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    return {container["name"]: container for container in both}


def is_ready(pod: dict) -> bool:
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


class Pods:
    """The pods of one label selector."""

    def __init__(self, cluster: Cluster, kubectl: Kubectl, selector: str) -> None:
        self.cluster, self.kubectl, self.selector = cluster, kubectl, selector

    def all(self) -> list[dict]:
        return sorted(self.kubectl.objects("pods", self.selector), key=lambda pod: pod["metadata"]["name"])

    def names(self) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.all()]

    def identities(self) -> list[Identity]:
        return [Identity(pod["metadata"]["name"], pod["metadata"]["uid"], pod["status"].get("podIP", ""),
                         tuple(sorted((name, c["restartCount"]) for name, c in container_statuses(pod).items())))
                for pod in self.all()]

    def wait_ready(self, count: int, seconds: float = 120) -> list[dict]:
        def ready() -> list[dict]:
            pods = self.all()
            return pods if len(pods) == count and all(is_ready(pod) for pod in pods) else []
        return eventually(f"{count} ready pods of {self.selector}", ready, seconds)

    def wait_gone(self, names: list[str], seconds: float = 60) -> None:
        eventually(f"the end of {', '.join(names)}", lambda: not set(names) & set(self.names()), seconds)

    def restarts(self, pod: str, container: str) -> int:
        return container_statuses(self.kubectl.get("pod", pod))[container]["restartCount"]

    def pid(self, pod: str, container: str) -> int:
        """Node pid of the container's first process."""
        return self.cluster.pid_of(container_statuses(self.kubectl.get("pod", pod))[container]["containerID"])

    def kill(self, pod: str, container: str, signal: str = "KILL") -> None:
        """Kills the container's first process from the node, as an out-of-memory kill would."""
        self.cluster.signal(self.pid(pod, container), signal)

    def kill_child(self, pod: str, container: str, signal: str = "KILL") -> int:
        """Kills the newest child of the container's first process and returns its pid."""
        children = self.cluster.children_of(self.pid(pod, container))
        assert children, f"{pod}/{container}: its first process has no child"
        self.cluster.signal(children[-1], signal)
        return children[-1]

    def processes(self, pod: str, container: str) -> list[list[str]]:
        """Command lines of the container's first process and of all its descendants."""
        waiting, lines = [self.pid(pod, container)], []
        while waiting:
            pid = waiting.pop(0)
            lines.append(self.cluster.command_of(pid))
            waiting += self.cluster.children_of(pid)
        return lines
