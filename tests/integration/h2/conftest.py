import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "load"))
import service as programs  # noqa: E402
import subprocess  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def go_programs():
    for script in ("tests/load/build.sh", "tests/tools/h2spec/build.sh"):
        subprocess.run([programs.TOP / script, programs.GO_BINS], check=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The example app behind the proxy, for the whole file."""
    service = programs.Service(tmp_path_factory.mktemp("shop"))
    yield service
    assert service.process.poll() is None, service.output()
    service.stop()
    assert "Sanitizer" not in service.output()
