"""Fixtures of the end-to-end tests: one cluster and one operator for the whole run, one restricted namespace for each test."""
import contextlib
import itertools
import re
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from harness import evidence
from harness.cluster import TOP, Cluster
from harness.documented import Reader
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


@contextlib.contextmanager
def own_namespace(node: pytest.Item | pytest.Collector) -> Iterator[Kubectl]:
    """kubectl in a namespace of that test's or file's own, where Pod Security is enforced at its strictest level."""
    name = node.name.removesuffix("_test.py").rpartition("/")[2].lower()
    short = re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:40].rstrip("-")
    kubectl = Kubectl(f"{short}-{_run}-{next(_numbers)}")
    kubectl.create_namespace()
    node.namespaces = [kubectl.namespace, "sidestep-system"]
    yield kubectl
    kubectl.delete_namespace()


@pytest.fixture
def kubectl(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    with own_namespace(request.node) as kubectl:
        yield kubectl


@pytest.fixture(scope="module")
def new_namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Callable[[], Kubectl]]:
    """Each call gives one for several tests of the file together."""
    with contextlib.ExitStack() as made:
        yield lambda: made.enter_context(own_namespace(request.node))


@pytest.fixture(scope="module")
def shared_kubectl(new_namespace: Callable[[], Kubectl]) -> Kubectl:
    """In a namespace for all tests of the file."""
    return new_namespace()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    report = (yield).get_result()
    namespaces = getattr(item, "namespaces", None) or getattr(item.parent, "namespaces", None)
    if report.failed and call.when != "teardown" and namespaces:
        folder = Path(TOP / "build/e2e" / item.name)
        report.sections.append(("cluster", evidence.collect(folder, namespaces)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that uninstalls the operator comes last."""
    items.sort(key=lambda item: item.path.name == "gitops_test.py")


@pytest.fixture(scope="session")
def reader(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reader]:
    """reader(NAMESPACE) types what the documents say. Helm is built from its Go module the first time."""
    done = subprocess.run([TOP / "tests/tools/helm.sh"], capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr
    return lambda namespace: Reader(namespace, tmp_path_factory.mktemp("reader"), done.stdout.strip())


@pytest.fixture(scope="session")
def operator(cluster: Cluster, images: list[str], reader: Callable[[str], Reader]) -> Operator:
    """Installed from the chart, by a real Helm, as the README says."""
    missing = {"lab.local/sidestep:dev", "lab.local/sidestep-operator:dev"} - set(images)
    assert not missing, f"no image {', '.join(sorted(missing))}: 'make build' makes the programs"
    operator = Operator(cluster)
    operator.install_chart(reader("default"))
    return operator


@pytest.fixture(scope="module", params=[3, 1], ids=["3-replicas", "1-replica"])
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
