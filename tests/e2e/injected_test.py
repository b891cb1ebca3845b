"""Every kind of workload, injected by the webhook, reloaded by its ConfigMap under the load of its clients, all at the same time:
a StatefulSet with a partition, a DaemonSet whose streams stay, and a gRPC service. What the clients saw is the verdict."""
import time
from dataclasses import dataclass
from typing import Callable, Iterator

import pytest
from harness import grpc, plain
from harness.load import Load, Report
from harness.shop import Run, Shop

PARTITION, ORDINALS = 1, 3
SOCKETS, EVENTS, CHATS = 6, 4, 8
REQUESTS = [
    {"name": "get", "kind": "get", "clients": 4, "perSecond": 15}, {"name": "fresh", "kind": "fresh", "perSecond": 20},
    {"name": "order", "kind": "order", "clients": 2, "perSecond": 5}, {"name": "slow", "kind": "get", "clients": 1, "path": "/slow?ms=300"},
    {"name": "ws", "kind": "ws", "clients": SOCKETS, "pauseMs": 100}, {"name": "sse", "kind": "sse", "clients": EVENTS, "pauseMs": 100}]
SHUTDOWN = {"gracePeriodSeconds": 30, "endpointsGraceSeconds": 1, "appStopSeconds": 5}
TOLD = {"http": {"timeoutSeconds": 3}, "webSocket": {"policy": "CloseWith", "closeCode": 1012, "timeoutSeconds": 5}}
KEPT = {"http": {"timeoutSeconds": 3}, "webSocket": {"policy": "KeepUntilClosed", "timeoutSeconds": 600}}


@dataclass
class Moved:
    """One workload after its reload."""
    shop: Shop
    run: Run
    at: float  # when the reload was over
    report: Report | None = None


def install(cluster, kubectl, person, name: str, kind: str, drain: dict, documents: Callable[[str], list[dict]], **more) -> tuple[Shop, Load]:
    load = Load(cluster, kubectl, f"load-{name}")
    shop = Shop(cluster, kubectl, load.orders_log(), name)
    config, *workload = documents(shop.orders_log)
    kubectl.apply(config, plain.policy(name, kind, drain=drain, shutdown=SHUTDOWN, **more))
    person.types(f"kubectl sidestep rbac {name} | kubectl apply -f -")
    shop.wait_adopted()
    kubectl.apply(*workload)
    return shop, load


@pytest.fixture(scope="module")
def moved(cluster, images, operator, shared_kubectl, reader) -> Iterator[dict[str, Moved]]:
    """All three are installed, loaded, changed and over together."""
    kubectl, person = shared_kubectl, reader(shared_kubectl.namespace)

    def stateful_set(orders_log: str) -> list[dict]:
        documents = plain.documents("ledger", orders_log, ORDINALS, "StatefulSet")
        documents[1]["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": PARTITION}}
        return documents

    ledger, ledger_load = install(cluster, kubectl, person, "ledger", "StatefulSet", TOLD, stateful_set, rollout={"maxConcurrentPods": 1})
    edge, edge_load = install(cluster, kubectl, person, "edge", "DaemonSet", KEPT,
                              lambda orders_log: plain.documents("edge", orders_log, kind="DaemonSet"))
    echo, _ = install(cluster, kubectl, person, "echo", "Deployment", KEPT, lambda _: grpc.echo_documents("echo", replicas=2),
                      readiness={"tcpSocket": {}})
    for shop, pods in ((ledger, ORDINALS), (edge, 1), (echo, 2)):
        shop.pods.wait_ready(pods)
    for shop, load in ((ledger, ledger_load), (edge, edge_load)):
        load.begin(shop.address(), REQUESTS)
    unary = grpc.Calls("unary", echo.address(), "-conns", 6, "-workers", 1, "-pause", "20ms")
    chats = grpc.Calls("streams", echo.address(), "-n", CHATS, "-conns", 2)
    try:
        chats.wait_open()
        time.sleep(2)
        for shop in (ledger, edge):
            for version in ("1.5", "1.7", "2"):  # several changes are one reload
                shop.configure(version=version)
        kubectl.patch("configmap", "echo-config", {"data": {"words": "two"}})
        over = {}
        for shop in (ledger, edge, echo):
            over[shop.name] = Moved(shop, shop.next_run(), time.time())
        time.sleep(2)
        over["ledger"].report, over["edge"].report = ledger_load.finish(), edge_load.finish()
    finally:
        calls, streams = unary.end(), chats.end()
    over["calls"], over["streams"] = calls, streams
    yield over


def generations(shop: Shop) -> dict[str, int]:
    return {pod: status["active"]["generation"] for pod, status in shop.statuses().items()}


def streams_of(report: Report, kind: str) -> dict:
    return report.document["classes"][kind]["streams"]


@pytest.mark.parametrize("name", ["ledger", "edge", "echo"])
def test_a_restricted_namespace_admits_every_injected_kind(moved, name):
    pods = moved[name].shop.pods.all()
    assert pods and all(plain.is_injected(pod) for pod in pods)
    restarts = [count for identity in moved[name].shop.pods.identities() for _, count in identity.restarts]
    assert set(restarts) == {0}


@pytest.mark.parametrize("name", ["ledger", "edge", "echo"])
def test_changes_of_the_configmap_are_one_reload_that_starts_by_itself(moved, name):
    shop = moved[name].shop
    assert [run.succeeded for run in shop.runs()] == [True]
    status = shop.kubectl.get("reloadpolicy", name)["status"]
    assert status["appliedHash"] == status["desiredHash"] != status["previousHash"]


def test_a_stateful_set_moves_from_the_highest_ordinal_down_to_its_partition_and_loses_nothing(moved):
    ledger = moved["ledger"]
    assert ledger.run.succeeded, ledger.run
    ledger.report.assert_nothing_lost()
    assert generations(ledger.shop) == {"ledger-0": 1, "ledger-1": 2, "ledger-2": 2}
    started = {pod: status["active"]["startedAt"] for pod, status in ledger.shop.statuses().items()}
    assert started["ledger-0"] < started["ledger-2"] < started["ledger-1"], started
    assert ledger.report.versions() == {"1", "2"}
    for kind in ("ws", "sse"):
        streams = streams_of(ledger.report, kind)
        assert streams["cutUntold"] == 0, streams
    assert set(streams_of(ledger.report, "ws").get("toldCodes", {})) <= {"1012"}
    assert ledger.report.verdict["streamsTold"] >= 1


def test_a_daemon_set_loses_nothing_and_its_streams_stay_where_they_are(moved):
    edge = moved["edge"]
    assert edge.run.succeeded, edge.run
    edge.report.assert_nothing_lost()
    assert list(generations(edge.shop).values()) == [2]
    assert 0.2 < edge.report.share("2", since=edge.at) < 1, "its streams alone, half of all messages, are with the first generation"
    for kind, clients in (("ws", SOCKETS), ("sse", EVENTS)):
        streams = streams_of(edge.report, kind)
        assert (streams["opened"], streams["told"], streams["cutUntold"]) == (clients, 0, 0), streams


def test_grpc_loses_no_call_executes_none_twice_and_its_streams_stay_where_they_are(moved):
    echo, calls, streams = moved["echo"], moved["calls"], moved["streams"]
    assert echo.run.succeeded, echo.run
    assert set(generations(echo.shop).values()) == {2}
    assert calls["Failed"] == {} and set(calls["By"]) == {"1", "2"}, calls
    assert streams["Failed"] == {} and streams["By"] == {"1": CHATS}, streams
    executions = grpc.executed(echo.shop)
    assert len(executions) == len(set(executions)) == calls["OK"]

