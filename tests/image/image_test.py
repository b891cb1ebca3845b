"""The images that the Dockerfile builds: small, without a shell, for any user, with a list of what is in them."""
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
MOST_BYTES = 40 << 20  # of an image, uncompressed
PROGRAMS = {"sidecar": ["sidestep", "sidestep-launch"], "operator": ["sidestep-operator", "kubectl-sidestep"]}


@pytest.fixture(scope="session")
def archives():
    folder = TOP / "build/images/release"
    subprocess.run([TOP / "tests/image/build.sh", folder], check=True)
    return folder


class Image:
    """One docker-archive, unpacked in memory: {path: (mode, bytes)} and the configuration."""

    def __init__(self, archive: Path):
        self.files = {}
        with tarfile.open(archive) as outer:
            manifest = json.load(outer.extractfile("manifest.json"))[0]
            self.config = json.load(outer.extractfile(manifest["Config"]))
            for layer in manifest["Layers"]:
                with tarfile.open(fileobj=outer.extractfile(layer)) as inner:
                    for member in inner:
                        content = inner.extractfile(member).read() if member.isfile() else None
                        self.files["/" + member.name.strip("/")] = (member, content)

    def size(self) -> int:
        return sum(member.size for member, _ in self.files.values())


@pytest.fixture(scope="session", params=PROGRAMS)
def built(request, archives):
    return request.param, Image(archives / f"{request.param}.tar")


def test_an_image_is_small_and_holds_no_shell(built):
    name, image = built
    assert image.size() <= MOST_BYTES, f"{name}: {image.size()} bytes"
    assert {Path(path).name for path, (_, content) in image.files.items() if path.startswith("/usr/bin/") and content} == set(PROGRAMS[name])
    assert not any(path.startswith(("/bin/", "/sbin/", "/usr/sbin/")) for path in image.files)


def test_an_image_runs_as_no_root_and_says_what_it_is(built):
    name, image = built
    assert image.config["config"]["User"] == "65532:65532"
    labels = image.config["config"]["Labels"]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.title"].startswith("sidestep")
    assert image.config["config"]["Entrypoint"] == [f"/usr/bin/{PROGRAMS[name][0]}"]


def test_an_image_knows_trusted_roots(built):
    _, image = built
    assert b"BEGIN CERTIFICATE" in image.files["/etc/ssl/certs/ca-certificates.crt"][1]
    assert image.files["/usr/lib/ssl/cert.pem"][0].linkname == "/etc/ssl/certs/ca-certificates.crt"  # where OpenSSL looks


def test_the_operator_knows_time_zones(archives):
    assert "/usr/share/zoneinfo/Europe/Berlin" in Image(archives / "operator.tar").files


def test_every_library_stands_in_the_list_of_contents(built):
    _, image = built
    sbom = json.loads(image.files["/usr/share/sidestep/sbom.spdx.json"][1])
    assert sbom["spdxVersion"] == "SPDX-2.3"
    packages = {package["name"]: package["versionInfo"] for package in sbom["packages"]}
    assert "libc6" in packages and "libstdc++6" in packages and all(packages.values())
    described = {relation["relatedSpdxElement"] for relation in sbom["relationships"]}
    assert described == {package["SPDXID"] for package in sbom["packages"]}


def test_the_programs_start_in_their_image_as_another_user(built, tmp_path):
    name, image = built
    root = tmp_path / name
    for path, (member, content) in image.files.items():
        place = root / path.lstrip("/")
        if content is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            place.chmod(member.mode)
    root.chmod(0o755)
    for program in PROGRAMS[name]:
        done = subprocess.run(["chroot", "--userspec=1000:1000", root, f"/usr/bin/{program}", "--version"], capture_output=True, text=True)
        assert done.returncode == 0 and re.search(r"\b\d+\.\d+\.\d+\b", done.stdout), (program, done)
    if name == "sidecar":
        done = subprocess.run(["chroot", "--userspec=1000:1000", root, "/usr/bin/sidestep", "--libraries"], capture_output=True, text=True)
        missing = [library for library in done.stdout.split() if library not in image.files]
        assert done.returncode == 0 and not missing


if os.environ.get("SIDESTEP_SOAK"):  # builds everything once more
    def test_the_same_sources_make_the_same_image(archives, tmp_path):
        subprocess.run([TOP / "tests/image/build.sh", tmp_path], check=True)
        for name in PROGRAMS:
            assert (archives / f"{name}.tar").read_bytes() == (tmp_path / f"{name}.tar").read_bytes(), name
