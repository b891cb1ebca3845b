"""Tests against a real kube-apiserver and etcd on loopback. Programs come from the build that ran last, or $SIDESTEP_BUILD."""
import os
from pathlib import Path

import pytest

import api_server
from fleet import Fleet, Operator

TOP = Path(__file__).resolve().parents[3]


def build_folder() -> Path:
    return Path(os.environ.get("SIDESTEP_BUILD", TOP / "build/dev"))


@pytest.fixture(scope="session")
def api():
    """The API server that most tests share."""
    if why := api_server.missing():
        pytest.skip(why)
    server = api_server.ApiServer()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def programs() -> Path:
    return build_folder()


@pytest.fixture(scope="session")
def cluster(api):
    """The API server with everything of manifests/base in it."""
    for kustomization in ("crds", "manifests/base"):  # the second names what the first defines
        done = api.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(TOP / kustomization))
        assert done.returncode == 0, done.stderr
        api.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/reloads.sidestep.dev", "crd/reloadpolicies.sidestep.dev")
    return api


@pytest.fixture(scope="session")
def account_token(cluster) -> str:
    """The operator's own: the rights of manifests/base and no more."""
    path = "/api/v1/namespaces/sidestep-system/serviceaccounts/sidestep-operator/token"
    return cluster.call("POST", path, {"spec": {"expirationSeconds": 7200}})["status"]["token"]


@pytest.fixture
def start(programs, cluster, account_token, tmp_path, stopping):
    """start(flag…) gives an Operator that ends with the test."""
    kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig", account_token)
    return lambda *flags: stopping(Operator(programs / "bin/sidestep-operator", kubeconfig, tmp_path, *flags))


@pytest.fixture
def fleet(cluster, stopping):
    """fleet(count=…, spec…) gives a Fleet that is deleted with the test."""
    return lambda **kwargs: stopping(Fleet(cluster, **kwargs))
