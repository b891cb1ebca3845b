"""The krew package: its manifest names the archive that was made, and the program in it runs."""
import hashlib
import subprocess

import yaml

from conftest import TOP


def test_the_manifest_names_an_archive_whose_program_runs(programs, tmp_path):
    for folder in ("one", "two"):  # the same bytes again, whenever it is made
        subprocess.run([TOP / "manifests/krew/make.sh", programs / "bin/kubectl-sidestep", "0.1.0", "https://example.com/v0.1.0", tmp_path / folder],
                       check=True, timeout=60)
    platform = yaml.safe_load((tmp_path / "one/sidestep.yaml").read_text())["spec"]["platforms"][0]
    archive = tmp_path / "one" / platform["uri"].removeprefix("https://example.com/v0.1.0/")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == platform["sha256"]
    assert archive.read_bytes() == (tmp_path / "two" / archive.name).read_bytes()
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True, timeout=60)
    done = subprocess.run([tmp_path / platform["bin"], "--version"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stdout.strip()
