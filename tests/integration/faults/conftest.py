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
def proxy(tmp_path):
    """proxy(app, option…, policy=…) gives a Proxy that ends with the test."""
    proxies = []

    def begin(*words, **settings):
        proxies.append(rig.Proxy(tmp_path / f"proxy{len(proxies)}", *words, **settings))
        return proxies[-1]

    yield begin
    for one in proxies:
        one.stop()


@pytest.fixture
def app():
    """app(handler) gives an App that stops listening with the test."""
    apps = []

    def begin(*settings, **named):
        apps.append(rig.App(*settings, **named))
        return apps[-1]

    yield begin
    for one in apps:
        one.stop()


@pytest.fixture
def quiet_app():
    """quiet_app(answer) gives a QuietApp that ends with the test."""
    apps = []

    def begin(*settings, **named):
        apps.append(rig.QuietApp(*settings, **named))
        return apps[-1]

    yield begin
    for one in apps:
        one.stop()


@pytest.fixture
def start(tmp_path, go_programs):
    """start(policy=…, config=…): the shop behind `sidestep run`, as in tests/integration/load."""
    services = []

    def begin(**settings):
        services.append(programs.Service(tmp_path, **settings))
        return services[-1]

    yield begin
    for service in services:
        service.stop()


@pytest.fixture
def load():
    loads = []

    def begin(*settings):
        loads.append(programs.Load(*settings))
        return loads[-1]

    yield begin
    for running in loads:
        running.stop()
