import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import running  # noqa: E402


@pytest.fixture
def start(tmp_path):
    """start(option…, app=…) gives a Running that ends with the test."""
    all_of_them = []

    def begin(*options, **settings):
        folder = tmp_path / str(len(all_of_them))
        folder.mkdir(mode=0o700)
        all_of_them.append(running.Running(folder, *options, **settings))
        return all_of_them[-1]

    yield begin
    for one in all_of_them:
        one.stop()
