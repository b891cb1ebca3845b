"""`sidestep run` in front of the example app, and what replaces its worker meanwhile."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "load"))
import service as programs  # noqa: E402

SLOWER = 4 if programs.IS_SANITIZED else 1  # how long a request lasts that must outlive an upgrade


@pytest.fixture(scope="session", autouse=True)
def go_programs():
    subprocess.run([programs.TOP / "tests/load/build.sh", programs.GO_BINS], check=True)


class Proxy(programs.Service):
    """The shop behind `sidestep run` with more options; `program` is how it is started."""

    def __init__(self, folder: Path, *options, program=None, before=(), policy=None, cwd=None, app_options=()):
        self.folder, self.port = folder, programs.free_port()
        self.control, self.orders = folder / "control.sock", folder / "orders"
        self.orders.touch()
        self.config = folder / "shop.yaml"
        self.write_config(version="1")
        spec = {**programs.POLICY, **(policy or {}), "config": [{"path": str(self.config), "mode": "Pinned"}]}
        (folder / "policy.json").write_text(json.dumps(spec))
        self.log = open(folder / "sidestep.log", "ab")
        self.words = [*before, program or programs.BINS / "sidestep", "run", "--listen", f"127.0.0.1:{self.port}", "--control", self.control,
                      "--policy", folder / "policy.json", *options, "--", programs.GO_BINS / "shop", "--config", "{config}", "--orders-log",
                      self.orders, *app_options]
        self.cwd, self.before = cwd, before
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.words, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True)
        programs.eventually(lambda: self.process.poll() is not None or programs.get(self.port, "/readyz")[0] == 200, "the shop serves", 40)
        assert self.process.poll() is None, self.output()

    def stop(self):
        """The program itself is told: unshare would wait for it and tell it nothing."""
        if self.before and self.process.poll() is None:
            for pid in self.children():
                os.kill(pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        super().stop()

    def command(self, *words, timeout=120):
        """The options of the command itself stand before those of the new worker."""
        at = words.index("--") if "--" in words else len(words)
        return subprocess.run([programs.BINS / "sidestep", *words[:at], "--control", self.control, *words[at:]], capture_output=True, text=True,
                              timeout=timeout)

    def upgrade(self, *words, expect=0) -> str:
        done = self.command("upgrade", *words)
        assert done.returncode == expect, f"exit {done.returncode}: {done.stdout}{done.stderr}\n{self.output()[-3000:]}"
        return done.stdout + done.stderr

    def children(self) -> list:
        """Pids of the parent's children, oldest first."""
        done = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
        return [int(pid) for pid in done.stdout.split()]

    def workers(self) -> list:
        return [pid for pid in self.children() if b"sidestep\0worker" in command_line(pid)]

    def one_worker(self, what="one worker is left"):
        programs.eventually(lambda: len(self.workers()) == 1 and self.status()["oldWorkers"] == 0, what, 90)
        return self.workers()[0]

    def metric(self, name: str) -> float:
        """The sum over all labels."""
        with socket.socket(socket.AF_UNIX) as call:
            call.settimeout(20)
            call.connect(str(self.control))
            call.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: call.recv(65536), b"")).decode()
        lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
        assert lines, text[:300]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def at_the_app(proxy):
    """One request is."""
    programs.eventually(lambda: proxy.status()["active"]["inFlight"] == 1, "the request is at the app")


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def start(tmp_path, stopping):
    """start(options…, program=…) gives a Proxy that ends with the test."""
    return lambda *options, **settings: stopping(Proxy(tmp_path, *options, **settings))


@pytest.fixture
def load(stopping):
    """load(service, shape, …) gives a running Load that ends with the test."""
    return lambda *settings: stopping(programs.Load(*settings))


def holders_of(port: int) -> set:
    """Pids of the processes that have the listening socket of a port."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port and fields[3] == "0A":
            inodes.add(f"socket:[{fields[9]}]")
    return {int(pid) for pid in filter(str.isdigit, os.listdir("/proc")) if inodes & links_of(int(pid))}


def links_of(pid: int) -> set:
    """What the descriptors of a process are; those that it closes meanwhile are left out, and so is one that has ended."""
    links = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                links.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
    except OSError:
        pass
    return links
