import itertools
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "load")]
import rig  # noqa: E402
import service as programs  # noqa: E402


@pytest.fixture(scope="session")
def go_programs():
    subprocess.run([programs.TOP / "tests/load/build.sh", programs.GO_BINS], check=True)


@pytest.fixture
def proxy(tmp_path, stopping):
    """proxy(app, option…, policy=…) gives a Proxy that ends with the test."""
    numbers = itertools.count()
    return lambda *words, **settings: stopping(rig.Proxy(tmp_path / f"p{next(numbers)}", *words, **settings))


@pytest.fixture
def app(stopping):
    """app(handler) gives an App that stops listening with the test."""
    return lambda *settings, **named: stopping(rig.App(*settings, **named))


@pytest.fixture
def quiet_app(stopping):
    """quiet_app(answer) gives a QuietApp that ends with the test."""
    return lambda *settings, **named: stopping(rig.QuietApp(*settings, **named))


@pytest.fixture
def start(tmp_path, go_programs, stopping):
    """start(policy=…, config=…): the shop behind `sidestep run`, as in tests/integration/load."""
    return lambda **settings: stopping(programs.Service(tmp_path, **settings))


@pytest.fixture
def load(stopping):
    """load(service, shape, …) gives a running Load that ends with the test."""
    return lambda *settings: stopping(programs.Load(*settings))
