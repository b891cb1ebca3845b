import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import service as programs  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def go_programs():
    subprocess.run([programs.TOP / "tests/load/build.sh", programs.GO_BINS], check=True)


@pytest.fixture
def start(tmp_path):
    """start(policy=…, config=…) gives a Service that ends with the test."""
    services = []

    def begin(**settings):
        services.append(programs.Service(tmp_path, **settings))
        return services[-1]

    yield begin
    for service in services:
        service.stop()


@pytest.fixture
def load():
    """load(service, shape, …) gives a running Load that ends with the test."""
    loads = []

    def begin(*settings):
        loads.append(programs.Load(*settings))
        return loads[-1]

    yield begin
    for running in loads:
        running.stop()
