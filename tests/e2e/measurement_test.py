"""Proves that the scenarios could fail: the same shop without Sidestep, under the same load, loses requests."""
import time

import pytest
from cluster_test import RESTRICTED
from harness.load import EVERYDAY
from harness.pods import Pods


@pytest.fixture
def bare_shop(cluster, images, kubectl, load) -> Pods:
    """The shop as it is usually deployed: the app holds the port, with a readiness probe, and shuts down gracefully."""
    container = {
        "name": "shop", "image": "lab.local/shop:1", "args": ["--host=0.0.0.0"],
        "env": [{"name": "PORT", "value": "8080"}, {"name": "SHOP_ORDERS_LOG", "value": load.orders_log()}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
        "securityContext": {**RESTRICTED, "runAsUser": 1000}}
    kubectl.apply(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "template": {
                "metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [container]}}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}, "spec": {
            "selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]}})
    pods = Pods(cluster, kubectl, "app=shop")
    pods.wait_ready(1)
    load.begin(kubectl.get("service", "shop")["spec"]["clusterIP"] + ":80", EVERYDAY)
    time.sleep(3)
    return pods


def test_a_quiet_service_loses_nothing_and_every_order_is_executed_once(bare_shop, load):
    report = load.finish()
    report.assert_nothing_lost()
    assert report.share("1", since=0) == 1


def test_a_rolling_restart_without_sidestep_loses_requests(bare_shop, load, kubectl):
    before = bare_shop.names()
    kubectl("rollout", "restart", "deployment/shop")
    bare_shop.wait_gone(before)
    assert load.finish().verdict["lost"] > 0
