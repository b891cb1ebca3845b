"""The pod's own end, by hand and by a rolling restart: no request is lost, and every WebSocket is told."""
import time

from harness.load import EVERYDAY


def begin(shop, load, replicas: int) -> list[str]:
    shop.install(replicas)
    load.begin(shop.address(), EVERYDAY)
    time.sleep(3)
    return shop.pods.names()


def test_a_deleted_pod_loses_nothing(shop, load, kubectl, replicas):
    first = begin(shop, load, replicas)[0]
    kubectl("delete", "pod", first)
    shop.pods.wait_ready(replicas)
    time.sleep(2)
    report = load.finish()
    report.assert_nothing_lost()
    assert first not in shop.pods.names()


def test_a_rolling_restart_loses_nothing_and_tells_every_web_socket(shop, load, kubectl, replicas):
    before = begin(shop, load, replicas)
    kubectl("rollout", "restart", "deployment/shop")
    shop.kubectl.wait_rollout("deployment/shop")
    shop.pods.wait_gone(before, seconds=60)
    report = load.finish()
    report.assert_nothing_lost()
    assert report.verdict["streamsTold"] >= 1, "every WebSocket was on a pod that went"
