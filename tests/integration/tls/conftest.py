import itertools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import served  # noqa: E402


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return served.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def start(tmp_path, stopping):
    """start(option…) gives a Served that ends with the test."""
    numbers = itertools.count()

    def begin(*options, **settings):
        folder = tmp_path / str(next(numbers))
        folder.mkdir(mode=0o700)
        return stopping(served.Served(folder, *options, **settings))

    return begin
