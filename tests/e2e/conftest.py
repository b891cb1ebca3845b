"""Fixtures of the end-to-end tests: one cluster for the whole run, one restricted namespace for each test."""
import itertools
import re
import time
from pathlib import Path
from typing import Iterator

import pytest

from harness import evidence
from harness.cluster import TOP, Cluster
from harness.kubectl import Kubectl
from harness.load import Load
from harness.operator import Operator
from harness.shop import Shop

_run = f"{int(time.time()) % 0x10000:04x}"  # a namespace of an earlier run may still be going away
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster that was up before the run is used and stays up; otherwise it goes when the run ends."""
    cluster = Cluster()
    was_up = cluster.is_up()
    if not was_up:
        cluster.up()
    yield cluster
    if not was_up:
        cluster.down()


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> list[str]:
    """Images of the programs under test, loaded into the node."""
    return cluster.load_images()


@pytest.fixture
def kubectl(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own, where Pod Security is enforced at its strictest level."""
    short = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].rstrip("-")
    kubectl = Kubectl(f"{short}-{_run}-{next(_numbers)}")
    kubectl.create_namespace()
    request.node.namespaces = [kubectl.namespace, "sidestep-system"]
    yield kubectl
    kubectl.delete_namespace()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    report = (yield).get_result()
    if report.failed and call.when == "call" and getattr(item, "namespaces", None):
        folder = Path(TOP / "build/e2e" / item.name)
        report.sections.append(("cluster", evidence.collect(folder, item.namespaces)))


@pytest.fixture(scope="session")
def operator(cluster: Cluster, images: list[str]) -> Operator:
    missing = {"lab.local/sidestep:dev", "lab.local/sidestep-operator:dev"} - set(images)
    assert not missing, f"no image {', '.join(sorted(missing))}: 'make build' makes the programs"
    operator = Operator(cluster)
    operator.install()
    return operator


@pytest.fixture(params=[3, 1], ids=["3-replicas", "1-replica"])
def replicas(request: pytest.FixtureRequest) -> int:
    """What must hold for a Deployment of several replicas must hold for a single one."""
    return request.param


@pytest.fixture
def shop(cluster: Cluster, operator: Operator, kubectl: Kubectl, load: Load) -> Shop:
    """The example service, not installed yet; it will record its orders with the load generator."""
    return Shop(cluster, kubectl, load.orders_log())


@pytest.fixture
def load(cluster: Cluster, images: list[str], kubectl: Kubectl) -> Load:
    """A load generator that has not begun yet."""
    return Load(cluster, kubectl)
