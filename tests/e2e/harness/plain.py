"""Workloads as anybody deploys them, with nothing of Sidestep in them but the label: what the webhook injects into."""
import copy
import json

import yaml

from .cluster import TOP

PLAIN = TOP / "examples/shop/kubernetes.yaml"
INJECTED = {"sidestep.dev/inject": "true"}


def documents(name: str, orders_log: str, replicas: int = 1, kind: str = "Deployment", is_labelled: bool = True, **spec) -> list[dict]:
    """examples/shop/kubernetes.yaml under that name and of that kind; `spec` is of the pods and is put over what is there."""
    text = PLAIN.read_text()
    assert "shop-config" in text
    config, workload, service = yaml.safe_load_all(text)
    config["metadata"]["name"] = f"{name}-config"
    workload["kind"] = kind
    for labels in (workload["spec"]["selector"]["matchLabels"], workload["spec"]["template"]["metadata"]["labels"], service["spec"]["selector"]):
        labels["app"] = name
    for each in (workload, service):
        each["metadata"]["name"] = name
    pod = workload["spec"]["template"]["spec"]
    pod["volumes"][0]["configMap"]["name"] = f"{name}-config"
    pod["containers"][0]["env"] = [{"name": "SHOP_ORDERS_LOG", "value": orders_log}]
    pod.update(copy.deepcopy(spec))
    if is_labelled:
        workload["spec"]["template"]["metadata"]["labels"].update(INJECTED)
    workload["spec"]["replicas"] = replicas
    if kind == "DaemonSet":
        del workload["spec"]["replicas"]
    if kind == "StatefulSet":
        workload["spec"] |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    return [config, workload, service]


def policy(name: str, kind: str = "Deployment", **spec) -> dict:
    """For that workload: a change of its ConfigMap reloads it at once."""
    return {"apiVersion": "sidestep.dev/v1alpha1", "kind": "ReloadPolicy", "metadata": {"name": name}, "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name},
        "triggers": {"configMaps": [{"name": f"{name}-config"}], "quietPeriodSeconds": 1, "maxWaitSeconds": 20},
        "readiness": {"httpGet": {"path": "/readyz"}, "periodMilliseconds": 250}, **copy.deepcopy(spec)}}


def is_injected(pod: dict) -> bool:
    """The sidecar is a native one, and the launcher stands in front of the app."""
    sidecars = [each for each in pod["spec"].get("initContainers", []) if each["name"] == "sidestep"]
    command = pod["spec"]["containers"][0]["command"]
    return len(sidecars) == 1 and sidecars[0].get("restartPolicy") == "Always" and command[0] == "/sidestep/sidestep-launch"


def as_text(*documents_: dict) -> str:
    """As a file in a GitOps repository."""
    return "\n---\n".join(json.dumps(each) for each in documents_)
