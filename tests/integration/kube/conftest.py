"""Tests against a real kube-apiserver and etcd on loopback. Programs come from the build that ran last, or $SIDESTEP_BUILD."""
import os
from pathlib import Path

import pytest

import api_server

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
