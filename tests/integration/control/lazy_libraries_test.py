"""A proxy that nobody steers does without TLS and the HTTP server behind the door; the first call brings them."""
import platform
import re
import subprocess
from pathlib import Path

import pytest
from running import SIDESTEP

LAZY = ("libcpp-httplib", "libcrypto", "libssl")

needed = subprocess.run(["readelf", "-d", SIDESTEP], capture_output=True, text=True, check=True).stdout
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64" or "libasan" in needed or "libtsan" in needed,
                                reason="libraries cannot be lazy here (cmake/lazy_library.cmake)")


def loaded(one):
    pids = [one.process.pid, *map(int, subprocess.run(["pgrep", "-P", str(one.process.pid)], capture_output=True, text=True,
                                                      check=True).stdout.split())]
    maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in pids)
    return {name for name in LAZY if f"/{name}" in maps}


def test_program_names_none_of_them():
    assert [name for name in LAZY if name in needed] == []


def test_list_for_images_names_all_of_them():
    paths = subprocess.run([SIDESTEP, "--libraries"], capture_output=True, text=True, check=True).stdout.split()
    assert all(Path(path).exists() for path in paths)
    assert [name for name in LAZY if not any(name in path for path in paths)] == []
    shown = set(re.findall(r"=> (/\S+)", subprocess.run(["ldd", SIDESTEP], capture_output=True, text=True, check=True).stdout))
    assert shown <= set(paths), "the same names as ldd's: those that the loader looks for"


def test_probes_load_nothing_and_the_first_call_does(start, tmp_path):
    control = tmp_path / "0/control.sock"
    one = start(settle=False)
    one.until(lambda: probed(one), "the app to be ready")
    assert control.exists() and loaded(one) == set()
    assert one.cli("status").returncode == 0
    assert "libcpp-httplib" in loaded(one)


def probed(one):
    try:
        return one.call("GET", "/readyz", over_tcp=True).status == 200
    except OSError:
        return False


def test_memory_at_rest_is_within_its_bound(start):
    one = start(settle=False)
    one.until(lambda: probed(one), "the app to be ready")
    private = 0
    workers = subprocess.run(["pgrep", "-P", str(one.process.pid), "-f", "sidestep worker"], capture_output=True, text=True, check=True)
    for pid in [str(one.process.pid), *workers.stdout.split()]:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        private += sum(int(kib) for kib in re.findall(r"^Private_Dirty:\s+(\d+) kB", text, re.M))
    assert private <= 2560, f"{private} KiB"
