import itertools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import running  # noqa: E402


@pytest.fixture
def start(tmp_path, stopping):
    """start(option…, app=…) gives a Running that ends with the test."""
    numbers = itertools.count()

    def begin(*options, **settings):
        folder = tmp_path / str(next(numbers))
        folder.mkdir(mode=0o700)
        return stopping(running.Running(folder, *options, **settings))

    return begin
