"""kubectl in one namespace. A command that fails raises with the command and what it said."""
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from .waiting import eventually


class KubectlFailed(AssertionError):
    """kubectl said no; the message is what it said."""


class Kubectl:
    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def __call__(self, *args: str, stdin: str | None = None, seconds: float = 120) -> str:
        command = ["kubectl", "--namespace", self.namespace, *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode != 0:
            raise KubectlFailed(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "-o", "json"))

    def find(self, kind: str, name: str) -> dict | None:
        """The object, or None if there is none of that name (or no such kind)."""
        found = self("get", kind, name, "--ignore-not-found", "-o", "json")
        return json.loads(found) if found.strip() else None

    def get(self, kind: str, name: str) -> dict:
        return self.json("get", kind, name)

    def objects(self, kind: str, selector: str = "") -> list[dict]:
        return self.json("get", kind, *(["-l", selector] if selector else []))["items"]

    def apply(self, *documents: dict | str | Path) -> None:
        """Applies manifests: dictionaries, YAML text, or files."""
        texts = [document.read_text() if isinstance(document, Path) else
                 document if isinstance(document, str) else yaml.safe_dump(document) for document in documents]
        self("apply", "--server-side", "--force-conflicts", "--field-manager=e2e", "-f", "-", stdin="\n---\n".join(texts))

    def patch(self, kind: str, name: str, patch: dict, *args: str) -> None:
        self("patch", kind, name, "--type=merge", "-p", json.dumps(patch), *args)

    def annotate(self, target: str, **annotations: str) -> None:
        """annotate("rp/shop", reload="t1"): keys are in our own group."""
        self("annotate", target, "--overwrite", *(f"sidestep.dev/{key}={value}" for key, value in annotations.items()))

    def set_config(self, name: str, files: dict[str, str]) -> None:
        self.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": files})

    def wait_rollout(self, target: str, seconds: int = 120) -> None:
        self("rollout", "status", target, f"--timeout={seconds}s", seconds=seconds + 10)

    def create_namespace(self, level: str = "restricted") -> None:
        """A namespace in which the API server refuses every pod that falls short of that Pod Security level."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": self.namespace, "labels": {"pod-security.kubernetes.io/enforce": level}}})
        eventually("service account and root certificate of the namespace", lambda: self.find("serviceaccount", "default")
                   and self.find("configmap", "kube-root-ca.crt"))

    def delete_namespace(self) -> None:
        """Begins the deletion; pods and namespace go by themselves within their grace periods."""
        self("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")
