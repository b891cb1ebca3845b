import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import served  # noqa: E402


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return served.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def start(tmp_path):
    """start(option…) gives a Served that ends with the test."""
    all_of_them = []

    def begin(*options, **settings):
        folder = tmp_path / str(len(all_of_them))
        folder.mkdir(mode=0o700)
        all_of_them.append(served.Served(folder, *options, **settings))
        return all_of_them[-1]

    yield begin
    for one in all_of_them:
        one.stop()
