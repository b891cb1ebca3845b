"""The image maker: same content, same image; every file belongs to root."""
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from harness.cluster import SCRIPTS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/app").write_text("#!/bin/app\n")
    return root


def make(archive: Path, root: Path) -> bytes:
    subprocess.run([SCRIPTS / "mkimage.py", archive, root, "--tag", "a.test/app:1", "--tag", "b.test/app:2",
                    "--entrypoint", "/bin/app"], check=True)
    return archive.read_bytes()


def test_the_same_folder_makes_the_same_image_at_any_time(tmp_path, root):
    first = make(tmp_path / "first.tar", root)
    (root / "bin/app").touch()
    assert make(tmp_path / "second.tar", root) == first


def test_another_content_makes_another_image(tmp_path, root):
    first = make(tmp_path / "first.tar", root)
    (root / "bin/app").write_text("#!/bin/other\n")
    assert make(tmp_path / "second.tar", root) != first


def test_an_image_runs_as_an_ordinary_user_who_owns_none_of_its_files(tmp_path, root):
    make(tmp_path / "image.tar", root)
    with tarfile.open(tmp_path / "image.tar") as image:
        (entry,) = json.load(image.extractfile("manifest.json"))
        config = json.load(image.extractfile(entry["Config"]))["config"]
        with tarfile.open(fileobj=image.extractfile(entry["Layers"][0])) as layer:
            owners = {member.uid for member in layer}
    assert (entry["RepoTags"], config["User"], owners) == (["a.test/app:1", "b.test/app:2"], "65532:65532", {0})
