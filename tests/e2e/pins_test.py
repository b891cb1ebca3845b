"""A pinned ConfigMap on a real node: a pod that is born in a canary, or after a rollback, runs what the others run."""
import json
import subprocess

import pytest
from harness import plain
from harness.load import Load
from harness.shop import Shop
from harness.waiting import eventually

CANARY = {"steps": [{"pods": 1, "weightPerTenThousand": 5000, "pauseSeconds": 600}, {"pods": "100%", "weightPerTenThousand": 10000}],
          "maxConcurrentPods": "100%"}


def version(pod: dict) -> str:
    """What the pod serves by its port, candidates left aside: the config names it."""
    answer = subprocess.run(["curl", "-sf", "-m", "5", f"http://{pod['status']['podIP']}:8080/version"], capture_output=True, text=True, check=False)
    return json.loads(answer.stdout)["version"] if answer.stdout else ""


class Pinned(Shop):
    def versions(self) -> dict[str, set[str]]:
        """By pod, of some requests each: a canary answers by both."""
        return {pod["metadata"]["name"]: {version(pod) for _ in range(12)} for pod in self.pods.all()}

    def scale(self, replicas: int) -> str:
        """The name of the pod that is born."""
        before = set(self.pods.names())
        self.kubectl("scale", "deployment", self.name, f"--replicas={replicas}")
        return (({pod["metadata"]["name"] for pod in self.pods.wait_ready(replicas)}) - before).pop()

    def versions_of_new(self, replicas: int) -> set[str]:
        born = self.scale(replicas)
        return self.versions()[born]

    def await_versions(self, wanted: str) -> None:
        eventually(f"version {wanted} everywhere", lambda: set().union(*self.versions().values()) == {wanted}, 60)


@pytest.fixture
def pinned(cluster, images, operator, kubectl, reader) -> Pinned:
    person = reader(kubectl.namespace)
    shop = Pinned(cluster, kubectl, Load(cluster, kubectl).orders_log())
    shop.person = person
    config, workload, service = plain.documents("shop", shop.orders_log, 2)
    app = workload["spec"]["template"]["spec"]["containers"][0]
    app["command"] = [word.replace("/etc/shop/shop.yaml", "{config}") for word in app["command"]]
    triggers = {"configMaps": [{"name": "shop-config", "mode": "Pinned"}], "quietPeriodSeconds": 1, "maxWaitSeconds": 20}
    kubectl.apply(config, plain.policy("shop", config=[{"path": "/etc/shop/shop.yaml"}], triggers=triggers, rollout=CANARY))
    person.types("kubectl sidestep rbac shop | kubectl apply -f -")
    kubectl.apply(workload, service)
    shop.pods.wait_ready(2)
    eventually("the content is pinned", lambda: shop.condition("SourcesPinned") == "True", 60)
    return shop


def test_pods_born_in_a_canary_and_after_a_rollback_run_what_the_others_run(pinned):
    pinned.configure(version="2")
    run = eventually("a Reload", pinned.runs, 60)[0]
    token = run.document["spec"]["token"]
    pinned.wait_until(token, "is at step 1", lambda each: each.has_reached(1))
    assert pinned.versions_of_new(3) == {"1"}, "a pod that is born in a canary"
    pinned.person.types("kubectl sidestep promote shop --full --timeout=90s")
    pinned.await_versions("2")
    assert pinned.versions_of_new(4) == {"2"}

    pinned.configure(version="3", crashAtStart="no such database")
    bad = eventually("a second Reload", lambda: [each for each in pinned.runs() if each.name != run.name], 60)[0]
    assert pinned.wait_ended(bad.document["spec"]["token"]).succeeded is False
    assert pinned.versions_of_new(5) == {"2"}, "a pod that is born after a rollback"

    pinned.kubectl.patch("reloadpolicy", "shop", {"spec": {"rollout": {"steps": [{"pods": "100%"}]}}})
    pinned.person.types("kubectl sidestep undo shop --timeout=90s")
    pinned.await_versions("1")
    assert pinned.versions_of_new(6) == {"1"}
