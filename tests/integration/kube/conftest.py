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
    return api.install()


@pytest.fixture(scope="session")
def account_token(cluster) -> str:
    return cluster.account_token()


@pytest.fixture
def start(programs, cluster, account_token, tmp_path, stopping):
    """start(flag…) gives an Operator that ends with the test."""
    kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig", account_token)
    return lambda *flags: stopping(Operator(programs / "bin/sidestep-operator", kubeconfig, tmp_path, *flags))


@pytest.fixture
def fleet(cluster, stopping):
    """fleet(count=…, spec…) gives a Fleet that is deleted with the test."""
    return lambda **kwargs: stopping(Fleet(cluster, **kwargs))
