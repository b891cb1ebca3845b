"""The pod's own end, by hand and by a rolling restart: no request is lost, and every WebSocket is told."""
import time

import pytest
from harness import plain
from harness.load import EVERYDAY
from harness.pods import container_statuses
from harness.waiting import eventually

FINALIZER = "test.sidestep.dev/look"  # keeps a pod's last status for us


def begin(shop, load, replicas: int) -> list[str]:
    shop.install(replicas)
    load.begin(shop.address(), EVERYDAY)
    time.sleep(3)
    return shop.pods.names()


@pytest.mark.fault("G1", "a pod is deleted: the app ends by itself, and after it its sidecar, within the grace period", ci=1, soak=20)
def test_a_deleted_pod_loses_nothing(shop, load, kubectl, replicas, losses):
    begin(shop, load, replicas)
    for _ in losses.rounds():
        first = shop.pods.names()[0]
        assert_app_ends_before_its_sidecar(shop, kubectl, first)
        shop.pods.wait_ready(replicas)
        assert first not in shop.pods.names()
    time.sleep(2)
    report = load.finish()
    losses.of(report.document)
    report.assert_nothing_lost()


def assert_app_ends_before_its_sidecar(shop, kubectl, pod: str) -> None:
    """Deletes the pod, and sees both containers end: in order, and neither of them killed."""
    app, sidecar = shop.pods.pid(pod, "shop"), shop.pods.pid(pod, "sidestep")
    kubectl.patch("pod", pod, {"metadata": {"finalizers": [FINALIZER]}})
    try:
        kubectl("delete", "pod", pod, "--wait=false")
        seen = shop.cluster.on_node("sh", "-c", f"while [ -d /proc/{app} ]; do sleep 0.02; done; ls -d /proc/{sidecar} || true")
        assert seen.strip() == f"/proc/{sidecar}", "the sidecar ended before the app"
        ended = eventually(f"the end of {pod}", lambda: is_over(kubectl.get("pod", pod)), 60)
    finally:
        kubectl.patch("pod", pod, {"metadata": {"finalizers": None}})
    codes = {name: each["state"]["terminated"]["exitCode"] for name, each in container_statuses(ended).items()}
    assert codes == {"shop": 0, "sidestep": 0}, codes


def is_over(pod: dict) -> dict | None:
    return pod if all("terminated" in each["state"] for each in container_statuses(pod).values()) else None


def test_a_rolling_restart_loses_nothing_and_tells_every_web_socket(shop, load, kubectl, replicas):
    before = begin(shop, load, replicas)
    kubectl("rollout", "restart", "deployment/shop")
    shop.kubectl.wait_rollout("deployment/shop")
    shop.pods.wait_gone(before, seconds=60)
    report = load.finish()
    report.assert_nothing_lost()
    assert report.verdict["streamsTold"] >= 1, "every WebSocket was on a pod that went"


@pytest.mark.fault("G9", "one process namespace for all containers of the pod: reloads, and the pod's end", ci=1, soak=20)
def test_a_shared_process_namespace_changes_nothing(shop, load, kubectl, losses):
    drain = {"webSocket": {"policy": "CloseWith", "closeCode": 1012, "timeoutSeconds": 5}}
    policy = plain.policy("shop", drain=drain)
    del policy["spec"]["triggers"]
    kubectl.apply(policy, *plain.documents("shop", shop.orders_log, shareProcessNamespace=True))
    (pod,) = shop.pods.wait_ready(1)
    assert plain.is_injected(pod)
    namespaces = {shop.cluster.on_node("readlink", f"/proc/{shop.pods.pid(pod['metadata']['name'], each)}/ns/pid")
                  for each in ("shop", "sidestep")}
    assert len(namespaces) == 1, "the containers share no process namespace"
    load.begin(shop.address(), EVERYDAY)
    for number in losses.rounds():
        before = shop.pods.identities()
        run = shop.reload(f"shared-{number}")
        assert run.succeeded, run
        assert shop.pods.identities() == before
        (name,) = shop.pods.names()
        assert_app_ends_before_its_sidecar(shop, kubectl, name)
        shop.pods.wait_ready(1)
    time.sleep(2)
    report = load.finish()
    losses.of(report.document)
    report.assert_nothing_lost()
