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
def start(tmp_path, stopping):
    """start(policy=…, config=…) gives a Service that ends with the test."""
    return lambda **settings: stopping(programs.Service(tmp_path, **settings))


@pytest.fixture
def load(stopping):
    """load(service, shape, …) gives a running Load that ends with the test."""
    return lambda *settings: stopping(programs.Load(*settings))
